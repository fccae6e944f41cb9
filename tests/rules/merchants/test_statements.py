"""Statements put together from parts and planned once: what a connection remembers, and what undoes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from merchants import tenancy
from merchants.database import statements
from merchants.database.statements import Writing
from merchants.models.merchants import Location, Merchant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
INSERT = (
    "INSERT INTO merchants_location (merchant_id, public_id, code, name, zone) "
    "SELECT %(merchant)s, 'loc_' || c, c, initcap(c), '' FROM unnest(%(codes)s) AS c RETURNING id"
)


def remembered() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'loyalty%%'")
        return int(cursor.fetchone()[0])


def ask(number: int) -> str:
    with connection.cursor() as cursor:
        statements.execute(cursor, "SELECT 100 %% %(n)s || ' of ' || %(n)s", {"n": number}, {"n": "int"})
        return str(cursor.fetchone()[0])


@pytest.fixture
def merchant(db):
    return Merchant.objects.create(
        public_id="mer_cafe", slug="cafe", name="Café", currency="KRW", zone="Asia/Seoul", country="KR", created_at=NOON
    )


@pytest.fixture
def writing(merchant):
    return Writing(merchant_id=merchant.pk, actor="test", now=NOON)


def test_a_text_is_planned_once_and_answers_each_time(db):
    assert ask(7) == "2 of 7"
    planned = remembered()

    assert [ask(8), ask(9)] == ["4 of 8", "1 of 9"]
    assert remembered() == planned


def test_what_a_rolled_back_transaction_planned_still_serves(merchant):
    with pytest.raises(ZeroDivisionError), tenancy.tenant(merchant):
        ask(7)
        raise ZeroDivisionError
    assert ask(7) == "2 of 7"


def test_behind_a_pooler_nothing_is_remembered(db, settings):
    settings.PREPARED_STATEMENTS = False
    planned = remembered()
    assert ask(7) == "2 of 7"
    assert remembered() == planned


def test_plans_are_forgotten_with_the_first_statement_after_five_seconds(monkeypatch):
    clock = iter([100.0, 104.9, 105.0, 105.1])
    monkeypatch.setattr(statements.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(connection, "planned_at", 0.0, raising=False)

    assert [statements.opening("SELECT 1") for _ in range(4)] == [
        "DISCARD PLANS; SELECT 1", "SELECT 1", "DISCARD PLANS; SELECT 1", "SELECT 1",
    ]  # fmt: skip


def test_parts_go_out_together(merchant, writing):
    writing.add("first", INSERT.replace("%(codes)s", "%(a)s"), rows=2, a=("text[]", ["main", "pier"]))
    writing.add("second", INSERT.replace("%(codes)s", "%(b)s"), rows=1, b=("text[]", ["park"]))
    with tenancy.tenant(merchant):
        writing.run()
        assert sorted(Location.objects.values_list("name", flat=True)) == ["Main", "Park", "Pier"]


def test_a_part_that_wrote_too_few_rows_leaves_nothing(merchant, writing):
    writing.add("first", INSERT, rows=3, codes=("text[]", ["main", "pier"]))
    with pytest.raises(AssertionError, match="2 of 3 rows of first"), tenancy.tenant(merchant):
        writing.run()
    with tenancy.tenant(merchant):
        assert not Location.objects.exists()


def test_without_parts_nothing_is_asked(django_assert_num_queries, db, writing):
    with django_assert_num_queries(0):
        writing.run()
