"""The crash drill: tills sell through HTTP while everything behind them is killed; then the books are examined.

python -m tests.drills.crash --seconds 60 --seed 7
python -m tests.drills.crash --weakness no_account_lock        (must end red)
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg2.extensions

from tests.drills import oracle
from tests.drills.stack import Stack, standing
from tests.drills.tills import Tills
from tests.receiver import receiving

MEMBERS: Final = 24
WOUNDS: Final = {
    "postmaster": 3,
    "backend": 4,
    "web": 3,
    "web_worker": 3,
    "worker": 3,
    "worker_child": 3,
    "beat": 1,
    "flushall": 2,
    "valkey": 2,
    "frozen_postgres": 1,
    "half_sent_lines": 1,
}


@dataclass(frozen=True, slots=True)
class Control:
    """A weakness with what it takes to show: the wounds that find it, and the server's settings."""

    wounds: dict[str, int]
    settings: dict[str, str] = field(default_factory=dict)
    statements: tuple[str, ...] = ()


CONTROLS: Final = {
    "no_account_lock": Control(
        {"flushall": 1}, statements=("ALTER TABLE rewards_entry DROP CONSTRAINT entry_seq_unique_in_account",)
    ),
    "document_in_its_own_transaction": Control({"web": 2, "backend": 2, "web_worker": 1}),
    "commits_that_do_not_wait": Control(
        {"postmaster": 1}, settings={"synchronous_commit": "off", "wal_writer_delay": "10s"}
    ),
    "events_after_the_commit": Control({"backend": 3, "web_worker": 1}),
    "marked_before_it_is_sent": Control({"worker": 1, "worker_child": 1}),
}


@dataclass
class Report:
    """What happened and what was wrong.  `faults` empty is what everybody hopes for."""

    seed: int
    heard: Counter[str]
    wanted: Counter[str]
    wounds: Counter[str]
    restarts: Counter[str]
    recoveries: list[tuple[str, float]]
    deliveries: int
    events: int
    seconds_to_deliver: float
    faults: list[str]
    logs: str = ""

    def __str__(self) -> str:
        slowest = max(self.recoveries, key=lambda each: each[1], default=("none", 0.0))
        lines = [
            f"seed {self.seed}",
            f"wanted {sum(self.wanted.values())}: {_said(self.wanted)}",
            f"heard {sum(self.heard.values())}: {_said(self.heard)}",
            f"wounds {sum(self.wounds.values())}: {_said(self.wounds)}; slowest recovery {slowest[0]} {slowest[1]:.1f} s",
            f"stopped by themselves: {_said(self.restarts) or 'none'}",
            f"events {self.events}, deliveries {self.deliveries}, the last {self.seconds_to_deliver:.1f} s after the end",
        ]
        if not self.faults:
            return "\n".join([*lines, "clean"])
        return "\n".join([*lines, self.logs, *(f"FAULT {fault}" for fault in self.faults)])


def _said(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))


def drill(*, seconds: float, seed: int, weakness: str = "") -> Report:
    """Run one drill from an empty data directory to the verdict; it leaves nothing behind."""
    control = CONTROLS.get(weakness)
    dice = random.Random(seed)
    with (
        receiving() as receiver,
        standing(weakness=weakness, postgres_settings=control.settings if control else {}) as stack,
    ):
        # The second receiver takes every event and never answers: it must delay nobody but itself.
        shop = stack.create_shop(receiver.url("/ok"), MEMBERS, receiver.url("/slow"))
        with contextlib.closing(stack.superuser()) as connection, connection.cursor() as cursor:
            for statement in control.statements if control else ():
                cursor.execute(statement)
        stack.start_serving()
        tills = Tills(port=stack.port, key=shop["key"], members=shop["members"], seed=seed)
        tills.open()
        wounds = _storm(stack, dice, control.wounds if control else WOUNDS, seconds)
        tills.close()
        ended = time.monotonic()
        with contextlib.closing(stack.superuser()) as connection:
            faults = _come_to_rest(stack, connection, shop)
            seconds_to_deliver = time.monotonic() - ended
            faults += oracle.examine(
                connection, merchant=shop["merchant"], log=tills.log, receiver=receiver, secret=shop["webhook_secret"]
            )
        try:
            stack.run("ledger", "verify")
        except AssertionError as disagreement:
            faults.append(str(disagreement)[:2000])
        return Report(
            seed=seed,
            heard=tills.log.heard,
            wanted=Counter(each.kind for each in tills.log.intents),
            wounds=wounds,
            restarts=stack.restarts,
            recoveries=stack.recoveries,
            deliveries=len(receiver.at("/ok")),
            events=len(set(receiver.ids("/ok"))),
            seconds_to_deliver=seconds_to_deliver,
            faults=faults,
            logs=stack.complaints() if faults else "",
        )


def _storm(stack: Stack, dice: random.Random, wounds: dict[str, int], seconds: float) -> Counter[str]:
    """Wound one part after another; a postmaster's death is among them whenever it may be."""
    end = time.monotonic() + seconds
    struck: Counter[str] = Counter()
    first = list(wounds) if len(wounds) > 4 and seconds >= 30 else []  # each once, before chance decides
    dice.shuffle(first)
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.4, 1.6))
        stack.tend()
        name = first.pop() if first else dice.choices(list(wounds), list(wounds.values()))[0]
        if name.startswith("worker") and not stack.worker_is_up():
            if name not in struck and len(wounds) > 4:
                first.insert(0, name)
            continue
        stack.wound(name, dice)
        struck[name] += 1
    return struck


def _come_to_rest(stack: Stack, connection: psycopg2.extensions.connection, shop: Mapping[str, Any]) -> list[str]:
    """Let the worker bring everything and then stop it; begin again when it told of something new in between."""
    of = (shop["merchant"], shop["endpoint"])
    while True:
        faults = oracle.wait_until_delivered(connection, of, standstill_seconds_max=60, meanwhile=stack.tend)
        stack.rest()
        if faults or oracle.waiting(connection, of) == (0, 0):
            return faults
        stack.work()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--weakness", choices=CONTROLS, default="")
    asked = parser.parse_args()
    report = drill(seconds=asked.seconds, seed=asked.seed, weakness=asked.weakness)
    print(report)
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
