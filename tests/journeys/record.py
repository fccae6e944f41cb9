"""Writes what the code answers now as the recordings that later code is compared with.

python3 manage.py test tests/journeys/record.py --journey-seeds 0-299
"""

from __future__ import annotations

import pytest

from tests.journeys import recordings, story

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def recorded():
    found: dict[int, list[str]] = {}
    yield found
    # Those that were not played stay as they are.
    recordings.write({**recordings.read(), **found})


def test_record(journey_seed, recorded):
    recorded[journey_seed] = story.digests(story.play(journey_seed))
