"""Migrations that a release has shipped: databases were made by them, so none of them is ever changed again.

Their SHA-256 stand in `landed_migrations.json`. A release adds its new ones; the test of every run compares.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("landed_migrations.json")


def present() -> dict[str, str]:
    """Return the SHA-256 of each migration of our apps, by names such as `rewards.0001_initial`."""
    found = sorted(ROOT.glob("*/migrations/[0-9]*.py"))
    return {f"{path.parts[-3]}.{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def landed() -> dict[str, str]:
    """Return what releases have shipped: nothing before 0.1.0, until which the first migrations are written anew."""
    kept: dict[str, str] = json.loads(FILE.read_text())
    return kept


def faults(landed: dict[str, str], present: dict[str, str]) -> list[str]:
    """Return one sentence for each landed migration that is not what it was."""
    return [
        f"{name} has landed and was {'changed' if name in present else 'removed'}: "
        "put it back as it was, and write a further migration."
        for name, digest in sorted(landed.items())
        if present.get(name) != digest
    ]


def land() -> list[str]:
    """Add the migrations that are new, and return their names; what stands there already stays as it is."""
    kept = landed()
    new = {name: digest for name, digest in present().items() if name not in kept}
    FILE.write_text(json.dumps(dict(sorted({**kept, **new}.items())), indent=2) + "\n")
    return sorted(new)
