"""The benchmarks' own SQL fits the tables: a column that is added would else be noticed when somebody measures."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks import in_process, numbers, purchases, search
from benchmarks.programmes import PLAIN, TEN_RULES
from benchmarks.stage import Shop
from members import search_keys
from members.models import Member, SearchKey
from merchants import ids, tenancy
from rewards.models.ledger import Entry, Lot
from rewards.models.purchases import Purchase, PurchaseLine


def test_the_database_alone_is_given_the_rows_of_a_sale(committed):
    shop = Shop(f"bench-{ids.mint('mer')[4:]}", members=20)

    rate, p99_ms = purchases.pgbench(shop, 1)
    assert rate > 0
    assert p99_ms > 0

    with tenancy.tenant(shop.merchant):
        sold = Purchase.objects.filter(merchant=shop.merchant).count()
        assert sold > 0
        assert PurchaseLine.objects.filter(merchant=shop.merchant).count() == 3 * sold
        assert Entry.objects.filter(merchant=shop.merchant).count() == sold
        assert Lot.objects.filter(merchant=shop.merchant, remaining=100).count() == sold


def test_a_history_is_written_for_the_numbers(committed):
    merchant = numbers.founded(1_000)

    with tenancy.tenant(merchant):
        assert Purchase.objects.filter(merchant=merchant).count() == 1_000
        assert Purchase.objects.filter(merchant=merchant, member=None).count() == 50


@pytest.mark.parametrize("call", ["single", "balance"])
def test_what_a_shop_asks_for_is_answered(committed, client, call):
    shop = Shop(f"bench-{ids.mint('mer')[4:]}", members=3)
    head, _, body = getattr(shop, call)(80).partition(b"\r\n\r\n")
    method, path, _version = head.split(b"\r\n")[0].decode().split(" ")

    answer = client.generic(
        method, path, body, content_type="application/json", headers={"Authorization": f"Bearer {shop.secret}"}
    )

    assert answer.status_code in (200, 201), answer.content


@pytest.mark.parametrize("programme", [PLAIN, TEN_RULES], ids=["plain", "ten rules"])
def test_what_a_sale_costs_is_counted(committed, settings, plans_kept, programme):
    """Accounts locked, everything read, everything written, committed; statements: BEGIN and the key as well."""
    settings.API_RATE_LIMIT = "0"
    shop = Shop(f"bench-{ids.mint('mer')[4:]}", members=3, programme=programme)
    in_process.spent(partial(shop.single, 80), sales=1)  # whoever was brought has bought now

    spent = in_process.spent(partial(shop.single, 80), sales=10)

    assert (spent.round_trips, spent.statements) == (4, 6)
    assert spent.cpu_ms > 0
    assert spent.prepared_texts > 0


def test_members_are_written_with_the_keys_they_are_searched_by(committed):
    merchant = search.founded(30, pool=20)

    with tenancy.tenant(merchant):
        members = list(Member.objects.filter(merchant=merchant))
        assert len(members) == 30
        for member in members:
            kept = set(SearchKey.objects.filter(member=member).values_list("key", flat=True))
            assert kept == search_keys.of(member), member
    assert search.search_p95_ms(merchant, 16) > 0
    assert search.list_p95_ms(merchant, "active", "spend", 3) > 0
