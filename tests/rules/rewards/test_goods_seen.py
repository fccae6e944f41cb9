"""What a shop has lately sold, by the names its tills send: the choices of a rule's goods."""

from __future__ import annotations

import pytest

from rewards import purchases
from rewards.purchases import goods_seen
from rewards.purchases.goods_seen import GoodsSeen
from tests import builders
from tests.builders import TILL

pytestmark = pytest.mark.django_db


def sells(cafe, *lines):
    """Record one sale to a guest; each line is (sku, category, labels)."""
    item = purchases.PurchaseInput(
        external_id=builders.fresh("sale"), occurred_at=cafe.now, currency="KRW", total_minor=1_000 * len(lines),
        lines=tuple(
            purchases.LineInput(sku=sku, category=category, labels=labels, amount_minor=1_000)
            for sku, category, labels in lines
        ),
    )  # fmt: skip
    (outcome,) = cafe.does(lambda: purchases.record(merchant=cafe.merchant, items=[item], now=cafe.now, actor=TILL))
    assert outcome.error is None, outcome.error


def seen(cafe):
    return cafe.does(lambda: goods_seen.seen(cafe.merchant, now=cafe.now))


def test_a_shop_that_sold_nothing_has_seen_nothing(db):
    assert seen(builders.cafe()) == GoodsSeen()


def test_each_name_counts_the_sales_it_was_in_the_most_sold_first(db):
    cafe = builders.cafe()
    sells(cafe, ("LATTE", "coffee", ("hot",)), ("LATTE", "coffee", ()), ("SCONE", "bakery", ()))
    sells(cafe, ("MOCHA", "coffee", ("hot", "new")), ("", "", ()))

    assert seen(cafe) == GoodsSeen(
        categories=(("coffee", 2), ("bakery", 1)),
        skus=(("LATTE", 1), ("MOCHA", 1), ("SCONE", 1)),
        labels=(("hot", 2), ("new", 1)),
    )


def test_only_the_sales_recorded_last_are_read_and_only_so_many_names(db, monkeypatch):
    cafe = builders.cafe()
    sells(cafe, ("OLD", "old", ()))
    sells(cafe, ("A", "a", ()), ("B", "b", ()), ("C", "c", ()))
    monkeypatch.setattr(goods_seen, "NAMES_MAX", 2)

    found = cafe.does(lambda: goods_seen.seen(cafe.merchant, now=cafe.now, sales=1))
    assert found.categories == (("a", 1), ("b", 1))


def test_what_was_sold_long_ago_is_no_choice_any_more(db):
    cafe = builders.cafe()
    sells(cafe, ("SNOW", "snow", ()))
    cafe.forward(days=91)
    sells(cafe, ("LATTE", "coffee", ()))

    assert seen(cafe).categories == (("coffee", 1),)


def test_another_shops_goods_are_not_seen(db):
    cafe, bookshop = builders.cafe(), builders.open_shop("Hudson Books")
    sells(cafe, ("LATTE", "coffee", ()))

    assert seen(bookshop) == GoodsSeen()
