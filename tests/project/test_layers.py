"""Imports go downwards only, each contract is broken once on purpose, and foreign keys point downwards, too."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField

ROOT = Path(__file__).resolve().parents[2]
APPS = ["merchants", "members", "rewards", "engagement", "analytics", "loyalty"]
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
    """A copy of the code in which contracts may be broken."""
    root = tmp_path_factory.mktemp("copy")
    for app in APPS:
        shutil.copytree(ROOT / app, root / app, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    shutil.copy(ROOT / "pyproject.toml", root)
    assert lint(root).returncode == 0
    return root


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("members/directory.py", "import rewards.points", "Layers: imports"),
        ("merchants/outbox.py", "def hidden():\n    import members.models", "Layers: imports"),
        ("loyalty/api/members.py", "import loyalty.console", "The four entry"),
        ("rewards/redemptions/spending.py", "import rewards.purchases", "Layers of rewards"),
        ("rewards/strangers.py", "", "Layers of rewards"),
        ("rewards/enrolment.py", "import rewards.models.ledger", "Only the ledger"),
        ("rewards/enrolment.py", "from rewards.models import Entry", "Import `rewards"),
        ("loyalty/portal/session.py", "import members.models", "Entry points call"),
        ("loyalty/console/team.py", "from merchants.models.people import Seat", "Entry points call"),
        ("loyalty/management/commands/ledger.py", "import merchants.models.merchants", "Entry points call"),
        ("analytics/figures.py", "from rewards.models.purchases import Purchase", "Analytics reads"),
        ("rewards/points/book.py", "import celery", "The domain does not know"),
        ("merchants/database/schema.py", "import merchants.money", "What we need of PostgreSQL"),
        ("merchants/ids.py", "import merchants.keys", "No import cycles"),
    ],
)
def test_a_broken_contract_is_seen(copy, module, line, contract):
    path = copy / module
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


#: Whoever is named here may touch rows: Django's admin, and the command that fills test shops.
ROWS_ALLOWED = ("loyalty/accounts/backoffice.py", "loyalty/demo/")


def rows_touched(text: str) -> list[str]:
    """Return where a module asks a manager of one of our models, whose class it has from the module of its verbs."""
    tree, ours = ast.parse(text), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in APPS[:-1]:
            ours |= {alias.asname or alias.name for alias in node.names}
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("objects", "_default_manager", "_base_manager")
        and any(isinstance(each, ast.Name) and each.id in ours for each in ast.walk(node))
    ]


def test_entry_points_touch_no_row():
    """What the linter cannot see: an entry point has a row's class for its type, and must not query by it."""
    assert rows_touched("from members import directory\ndirectory.Member.objects.all()") == ["directory.Member.objects"]
    assert rows_touched("from members.directory import Member\nMember.objects.get(pk=1)") == ["Member.objects"]
    assert rows_touched("from allauth.mfa.models import Authenticator\nAuthenticator.objects.all()") == []
    found = {}
    for path in sorted((ROOT / "loyalty").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(ROWS_ALLOWED) and (touched := rows_touched(path.read_text(encoding="utf-8"))):
            found[name] = touched
    assert found == {}


def test_foreign_keys_point_downwards():
    """What the linter cannot see: a key given as a string makes no import.  And no lower object grows upper attributes."""
    for model in apps.get_models():
        if model._meta.app_label not in APPS:
            continue
        app = APPS.index(model._meta.app_label)
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey | ManyToManyField) or field.model is not model:
                continue
            target = field.related_model._meta.app_label
            if target not in APPS:
                continue
            assert APPS.index(target) <= app, f"{model.__name__}.{field.name} points up to {target}"
            if target != model._meta.app_label:
                assert field.remote_field.hidden, f"{model.__name__}.{field.name} needs related_name='+'"
