"""The house stands: imports go down, each rule was broken once on purpose, and foreign keys do not climb either."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["merchants", "members", "rewards", "engagement", "analytics", "loyalty"]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(LINT), "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def test_every_contract_is_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A second house, in which walls may be broken."""
    root = tmp_path_factory.mktemp("house")
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, root / floor, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    shutil.copy(ROOT / "pyproject.toml", root)
    assert lint(root).returncode == 0
    return root


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("members/directory.py", "import rewards.points", "Floors"),
        ("merchants/outbox.py", "def hidden():\n    import members.models", "Floors"),
        ("loyalty/api/members.py", "import loyalty.console", "The four doors"),
        ("rewards/redemptions/spending.py", "import rewards.purchases", "Rooms of rewards"),
        ("rewards/strangers.py", "", "Rooms of rewards"),
        ("rewards/enrolment.py", "import rewards.models.ledger", "Only the bookkeeper"),
        ("rewards/enrolment.py", "from rewards.models import Entry", "Tables are named"),
        ("loyalty/portal/session.py", "import members.models", "The API and the portal"),
        ("analytics/figures.py", "from rewards.models.purchases import Purchase", "The numbers read"),
        ("rewards/points/book.py", "import celery", "The domain does not know"),
        ("merchants/ids.py", "import merchants.keys", "No room leads back"),
    ],
)
def test_a_broken_wall_is_seen(copy, room, line, contract):
    path = copy / room
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        done = lint(copy)
    finally:
        path.write_text(before) if before is not None else path.unlink()

    said = " ".join(done.stdout.split())
    broken = [name for name in contracts() if f"{name} BROKEN" in said]
    assert done.returncode != 0
    assert any(name.startswith(contract) for name in broken), said


def test_foreign_keys_do_not_climb():
    """What the linter cannot see: a key given as a string makes no import.  And no lower object grows upper attributes."""
    for model in apps.get_models():
        if model._meta.app_label not in FLOORS:
            continue
        floor = FLOORS.index(model._meta.app_label)
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey | ManyToManyField) or field.model is not model:
                continue
            target = field.related_model._meta.app_label
            if target not in FLOORS:
                continue
            assert FLOORS.index(target) <= floor, f"{model.__name__}.{field.name} points up to {target}"
            if target != model._meta.app_label:
                assert field.remote_field.hidden, f"{model.__name__}.{field.name} needs related_name='+'"
