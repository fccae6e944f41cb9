"""Plays `--journey-seeds` and writes whole stories, with all rows after each step, as JSON to `--journeys-to`; run by tests/journeys/compare.py."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.journeys import story

pytestmark = pytest.mark.django_db


def test_dump_stories(journey_seed, pytestconfig):
    folder = Path(pytestconfig.getoption("--journeys-to"))
    told = [dataclasses.asdict(step) for step in story.play(journey_seed, look_every=1)]
    (folder / f"{journey_seed}.json").write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False))
