"""What the tests of the house share."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from loyalty.operations import logs


@pytest.fixture
def lines():
    """Write through the production formatter and read back what it wrote."""
    configured = logs.logging_config(level="INFO", as_json=True)
    formatter = structlog.stdlib.ProcessorFormatter(
        **{key: value for key, value in configured["formatters"]["lines"].items() if key != "()"}
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    written: list[str] = []
    handler.emit = lambda record: written.append(handler.format(record))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written]
    root.removeHandler(handler)
    root.setLevel(level)
