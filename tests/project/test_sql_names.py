"""Which app names which tables in SQL: the layers hold there too, since import contracts cannot see into texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps

from merchants.database import schema

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["merchants", "members", "rewards", "engagement", "analytics", "loyalty"]
TABLES = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in LAYERS}
#: Tables of lower apps that SQL names directly.  A new one is a decision: declare a view beside the table instead, as
#: members/views.py, rewards/views.py and engagement/views.py do.  A sale finds its member and location in the statement
#: that locks the account, so rewards reads these tables themselves.
NAMED = {
    "merchants": set(),
    "members": set(),
    "rewards": {"members_card", "members_member", "merchants_location"},
    "engagement": set(),
    "analytics": set(),
    "loyalty": set(),
}
_NAME = re.compile(r"\b[a-z]+_[a-z]+\b")
_WRITTEN = re.compile(r"\b(?:UPDATE|INSERT INTO|DELETE FROM|TRUNCATE)\s+\"?([a-z]+_[a-z]+)")


def texts(source: str) -> Iterator[str]:
    """Yield every text of a module that may be SQL: all but docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def named(app: str, source: str) -> set[str]:
    """Return the tables of other apps that a module of this app names."""
    found = {name for text in texts(source) for name in _NAME.findall(text)}
    return {table for table in found & TABLES if not table.startswith(f"{app}_")}


def written(app: str, source: str) -> set[str]:
    """Return the tables of other apps that a module of this app writes in SQL."""
    found = {table for text in texts(source) for table in _WRITTEN.findall(text)}
    return {table for table in found & TABLES if not table.startswith(f"{app}_")}


def sources(app: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / app).rglob("*.py")):
        if "migrations" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text()


@pytest.mark.parametrize("app", LAYERS)
def test_sql_names_no_other_apps_table_but_those_listed(app):
    found = {path: tables for path, source in sources(app) if (tables := named(app, source))}
    assert set().union(*found.values()) == NAMED[app], found


@pytest.mark.parametrize("app", LAYERS)
def test_sql_names_no_table_of_an_app_above(app):
    above = {
        (path, table)
        for path, source in sources(app)
        for table in named(app, source)
        if LAYERS.index(table.partition("_")[0]) > LAYERS.index(app)
    }
    assert above == set()


@pytest.mark.parametrize("app", LAYERS)
def test_sql_writes_an_apps_own_tables_only(app):
    assert {(path, table) for path, source in sources(app) for table in written(app, source)} == set()


@pytest.mark.parametrize(
    ("app", "source", "tables"),
    [
        ("analytics", 'SQL = "SELECT 1 FROM rewards_purchase p"', {"rewards_purchase"}),
        ("members", 'ask(f"SELECT {x} FROM a, rewards_lot WHERE true")', {"rewards_lot"}),
        ("rewards", 'SQL = "SELECT 1 FROM rewards_lot JOIN members_card c ON true"', {"members_card"}),
        ("rewards", '"""Reads members_member."""', set()),
        ("analytics", 'SQL = "SELECT 1 FROM reading_purchases"', set()),
    ],
)
def test_the_finder_finds(app, source, tables):
    assert named(app, source) == tables
    assert written(app, source) == set()


def test_the_finder_finds_what_is_written():
    assert written("rewards", 'SQL = "WITH x AS (UPDATE members_member SET name = %s) SELECT 1"') == {"members_member"}


def test_each_view_is_declared_by_the_app_that_owns_its_tables():
    """A module `views` of an app counts for nothing until the app's configuration names it."""
    declared = {(path.parent.name, view.name) for path in ROOT.glob("*/views.py") for view in _views(path.parent.name)}
    assert {name for _app, name in declared} == {view.name for view in schema.declared_views()}
    for app, _name in declared:
        for view in _views(app):
            tables = set(_NAME.findall(view.query)) & TABLES
            assert tables, view.name
            assert {table for table in tables if not table.startswith(f"{app}_")} == set(), view.name


def _views(app):
    return import_module(f"{app}.views").VIEWS
