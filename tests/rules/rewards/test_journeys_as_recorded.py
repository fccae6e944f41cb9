"""Random stories are answered, refused and written down as the code did when they were recorded (tests/journeys)."""

from __future__ import annotations

import json

import pytest

from tests.journeys import recordings, story

pytestmark = pytest.mark.django_db


def test_a_story_is_answered_as_it_was_recorded(recorded_seed):
    steps = story.play(recorded_seed)
    before, now = recordings.read()[recorded_seed], story.digests(steps)
    place = next((place for place, (one, other) in enumerate(zip(before, now, strict=True)) if one != other), None)
    if place is not None:
        step = steps[place]
        rows = "and, with it, the rows" if step.rows is not None else "the rows were not looked at here"
        pytest.fail(
            f"seed {recorded_seed}, step {place + 1} of {len(steps)} ({step.name}): another answer than recorded ({rows}).\n"
            f"{json.dumps(step.calls, indent=1, ensure_ascii=False)[:4_000]}\n"
            f"Both sides: python3 -m tests.journeys.compare {recorded_seed} <commit or checkout before the change>",
            pytrace=False,
        )
