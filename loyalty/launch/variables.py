"""Reading one variable: from the environment, or from the file that `NAME_FILE` names, as secrets are mounted."""

from __future__ import annotations

import os
from pathlib import Path


def read(name: str) -> str | None:
    """Return the value, or None when neither `NAME` nor `NAME_FILE` is set; stop when the file cannot be read."""
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"{name}_FILE names {path}, which cannot be read: {error}.") from None
