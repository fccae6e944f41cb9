"""Two memberships turn out to be one person, and later they do not: the numbers follow both times."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from analytics import runs
from analytics.models import MemberDay
from merchants import tenancy
from rewards import merging
from tests import builders

MARCH_4, MARCH_6 = "2026-03-04", "2026-03-06"


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield builders.cafe()
        connections.close_all()


def night(cafe) -> str:
    """Compute the numbers, and let the auditor compare each of them with the purchases."""
    cafe.forward(days=1)
    runs.run(cafe.merchant, now=cafe.now)
    said = StringIO()
    call_command("metrics", "verify", "--merchant", cafe.merchant.slug, stdout=said)
    return said.getvalue()


def days(cafe) -> dict[str, list[tuple[str, int, int]]]:
    """What each bought: day, purchases, won."""
    names = {person.id: name for name, person in cafe.people.items()}
    kept: dict[str, list[tuple[str, int, int]]] = {name: [] for name in cafe.people}
    with tenancy.tenant(cafe.merchant):
        for row in MemberDay.objects.filter(merchant=cafe.merchant).order_by("local_day"):
            kept[names[row.member_id]].append((row.local_day.isoformat(), row.purchases, row.revenue_minor))
    return kept


def test_purchases_count_for_who_they_belong_to_now(cafe):
    mina, also_mina, jun = cafe.cast("Mina", "Mina again", "Jun")
    cafe.at(MARCH_4)
    mina.buys(10_000)
    also_mina.buys(4_000)
    jun.buys(7_000)
    cafe.at(MARCH_6)
    also_mina.buys(2_000)
    assert "agree" in night(cafe)
    assert days(cafe) == {
        "Mina": [(MARCH_4, 1, 10_000)], "Mina again": [(MARCH_4, 1, 4_000), (MARCH_6, 1, 2_000)], "Jun": [(MARCH_4, 1, 7_000)],
    }  # fmt: skip

    merged = also_mina.is_merged_into(mina)
    assert "agree" in night(cafe)
    together = {"Mina": [(MARCH_4, 2, 14_000), (MARCH_6, 1, 2_000)], "Mina again": [], "Jun": [(MARCH_4, 1, 7_000)]}
    assert days(cafe) == together
    assert "agree" in night(cafe)  # nothing new: nothing moves
    assert days(cafe) == together

    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )
    assert "agree" in night(cafe)
    assert days(cafe) == {
        "Mina": [(MARCH_4, 1, 10_000)], "Mina again": [(MARCH_4, 1, 4_000), (MARCH_6, 1, 2_000)], "Jun": [(MARCH_4, 1, 7_000)],
    }  # fmt: skip


def test_a_merge_undone_before_the_night_leaves_no_trace(cafe):
    mina, also_mina = cafe.cast("Mina", "Mina again")
    mina.buys(10_000)
    also_mina.buys(4_000)
    night(cafe)
    before = days(cafe)

    merged = also_mina.is_merged_into(mina)
    cafe.forward(days=1)
    cafe.does(
        lambda: merging.unmerge(
            merchant=cafe.merchant, merge=merged.public_id, now=cafe.now + timedelta(hours=1), actor=builders.OWNER
        )
    )

    assert "agree" in night(cafe)
    assert days(cafe) == before
