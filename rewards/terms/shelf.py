"""Templates: whole terms documents to start from, each with worked examples that must pass."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

_SHELF = Path(__file__).parent / "templates"


def templates() -> dict[str, dict[str, Any]]:
    """This function will read the template documents by code (fresh copies, free to be changed)."""
    return {code: msgspec.json.decode(content) for code, content in _contents()}


@lru_cache(maxsize=1)
def _contents() -> tuple[tuple[str, bytes], ...]:
    return tuple((path.stem, path.read_bytes()) for path in sorted(_SHELF.glob("*.json")))
