"""The crash drill as a test: forty seconds of kills with every run, and with `--drills` the controls that must turn it red.

`--crash-seconds 600` makes it long, `--drill-seed N` repeats one that failed.
"""

from __future__ import annotations

import threading

import pytest

from tests.drills import crash


def test_what_was_acknowledged_survives_every_death(pytestconfig, drill_seed):
    """Nothing lost, nothing twice, every event delivered, every account sums; `str(report)` names the seed."""
    assert threading.current_thread() is threading.main_thread()

    report = crash.drill(seconds=pytestconfig.getoption("--crash-seconds"), seed=drill_seed)

    assert report.faults == [], str(report)
    assert report.wanted["purchase"] > 0
    assert report.deliveries >= report.events > 0


@pytest.mark.drill
@pytest.mark.parametrize("weakness", crash.CONTROLS)
def test_the_drill_sees_a_system_built_wrongly(weakness, drill_seed):
    report = crash.drill(seconds=25, seed=drill_seed, weakness=weakness)

    assert report.faults != [], f"{weakness} went unnoticed:\n{report}"
