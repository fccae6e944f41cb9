"""What pages say of purchases and redemptions: how much is left, who may still claim, what was taken, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rewards import authority, purchases
from rewards.purchases import claiming, finding
from rewards.redemptions import catalogues, listing
from tests import builders


@pytest.fixture
def cafe(db):
    return builders.cafe()


def read(cafe, external_id):
    found = cafe.does(lambda: finding.by_external_id(merchant=cafe.merchant, external_id=external_id))
    assert found is not None
    return found


def sells(cafe, external_id, *lines, member=None):
    """Record a sale of (won, how many) each."""
    item = purchases.PurchaseInput(
        external_id=external_id, occurred_at=cafe.now, currency=cafe.merchant.currency,
        total_minor=sum(won for won, _count in lines), member=member.ref if member else None,
        lines=tuple(purchases.LineInput(amount_minor=won, quantity=count) for won, count in lines),
    )  # fmt: skip
    (outcome,) = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[item], now=cafe.now, actor=builders.TILL)
    )
    assert outcome.error is None


def refunds(cafe, sale, *lines):
    asked = purchases.RefundInput(
        external_id=builders.fresh("refund"), occurred_at=cafe.now, purchase=purchases.PurchaseRef(external_id=sale),
        lines=tuple(purchases.RefundLine(id=name, quantity=count) for name, count in lines),
    )  # fmt: skip
    cafe.does(lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))


# -- purchases ---------------------------------------------------------------------------------------------------------


def test_a_purchase_says_what_is_left_of_it_line_by_line(cafe):
    """Three teas for 3,000 and a cake for 4,000; one of the teas comes back, and then the cake."""
    mina = cafe.member("Mina")
    sells(cafe, "sale", (3_000, 3), (4_000, 1), member=mina)
    refunds(cafe, "sale", ("1", 1))
    refunds(cafe, "sale", ("2", 1))
    found = read(cafe, "sale")
    assert [(each.line_id, each.left_minor, each.left_milli) for each in found.lines] == [
        ("1", 2_000, 2_000),
        ("2", 0, 0),
    ]
    assert [(each.public_id[:4], each.amount_minor) for each in found.refunds] == [("ref_", 1_000), ("ref_", 4_000)]
    assert (found.left_minor, found.paid_out_minor, found.points_kept) == (2_000, 5_000, 20)


def test_a_refund_that_waited_in_vain_handed_nothing_back(cafe):
    mina = cafe.member("Mina")
    mina.returns("sale", 2_000)
    mina.buys(1_000, external_id="sale")
    mina.returns("sale", 400)
    assert read(cafe, "sale").paid_out_minor == 400


def test_a_purchase_is_found_by_its_own_id_only(cafe):
    mina = cafe.member("Mina")
    sale = mina.buys(1_000).receipt["id"]

    def found(name):
        view = cafe.does(lambda: finding.find(merchant=cafe.merchant, public_id=name))
        return None if view is None else view.public_id

    assert (found(sale), found("pur_0123456789abcdef"), found(mina.public_id)) == (sale, None, None)


def test_purchases_are_read_page_by_page_also_those_of_one_moment(cafe):
    mina = cafe.member("Mina")
    mina.buys(1_000, external_id="first")
    cafe.forward(minutes=1)
    for name in ("second", "third", "fourth"):
        mina.buys(1_000, external_id=name)
    pages, before = [], None
    while True:
        page = cafe.does(
            lambda before=before: finding.of_member(merchant=cafe.merchant, member_id=mina.id, limit=2, before=before)
        )
        if not page:
            break
        pages.append([one.external_id for one in page])
        before = (page[-1].occurred_at, page[-1].id)
    assert pages == [["fourth", "third"], ["second", "first"]]


def test_a_purchase_can_be_claimed_while_something_is_left_and_until_its_last_moment(cafe):
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(1_000, "left")
    cafe.sells_to_a_guest(1_000, "back")
    sells(cafe, "free", (0, 1))
    mina.buys(1_000, external_id="hers")
    mina.returns("left", 999)
    mina.returns("back")
    last = cafe.now + timedelta(days=cafe.merchant.claim_days_max)

    def claimable(name, now):
        return claiming.is_claimable(merchant=cafe.merchant, purchase=read(cafe, name), now=now)

    assert {name: claimable(name, last) for name in ("left", "back", "free", "hers")} == {
        "left": True, "back": False, "free": True, "hers": False,
    }  # fmt: skip
    assert not claimable("left", last + timedelta(microseconds=1))
    # What the page says is what the verb does.
    assert mina.claims("left").receipt["points_earned"] == 0
    with pytest.raises(claiming.PurchaseRefunded):
        mina.claims("back")


def test_a_claimed_purchase_names_its_claim_and_says_why_it_earned(cafe):
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(1_000, "sale")
    mina.buys(2_000, external_id="hers")

    def told(name):
        found = read(cafe, name)
        return found.claim, found.member_id, [(step.rule, step.points) for step in found.trace if step.code == "gave"]

    assert told("sale") == ("", None, [("base", 10)])
    claim = mina.claims("sale").public_id
    assert told("sale") == (claim, mina.id, [("base", 10)])
    assert told("hers") == ("", mina.id, [("base", 20)])
    page = cafe.does(lambda: finding.of_member(merchant=cafe.merchant, member_id=mina.id))
    assert [(one.external_id, one.claim) for one in page] == [("hers", ""), ("sale", claim)]
    cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claim, reason="Not hers", now=cafe.now, actor=builders.TILL
        )
    )
    assert told("sale") == ("", None, [("base", 10)])


def test_the_usual_sale_is_the_middle_one_of_five_or_more(cafe):
    mina = cafe.member("Mina")

    def usual():
        return cafe.does(lambda: finding.usual_minor(merchant=cafe.merchant))

    for won in (9_000, 1_000, 5_000, 2_000):
        mina.buys(won)
    assert usual() is None
    mina.buys(7_000)
    assert usual() == 5_000


def test_half_of_the_sales_may_be_odd_before_they_look_too_small(db):
    """In NT$, where prices show no cents: 1.50 and 0.85 look a hundred times too small, 150.00 does not."""
    taipei = builders.open_shop(document={**builders.PROGRAMME, "currency": "TWD"}, currency="TWD")
    mina = taipei.member("Mina")
    for cents in (150, 85, 95, 15_000, 15_000, 15_000):
        mina.buys(cents)
    assert not taipei.does(lambda: finding.look_too_small(merchant=taipei.merchant))
    mina.buys(110)
    assert taipei.does(lambda: finding.look_too_small(merchant=taipei.merchant))


# -- redemptions -------------------------------------------------------------------------------------------------------


def test_what_members_took_is_listed_page_by_page_the_newest_first(cafe):
    mina, jun = cafe.cast("Mina", "Jun")
    for each in (mina, jun):
        each.is_given(400)
    mina.redeems(reward="mug")
    jun.redeems(reward="coffee")
    cafe.forward(minutes=1)
    mina.redeems(reward="coffee")
    jun.holds(reward="coffee")
    jun.redeems(reward="mug")
    with pytest.raises(Exception) as refused:
        mina.redeems(reward="mug")
    assert refused.value.code == "reward_sold_out"

    def listed(**which):
        found = cafe.does(lambda: listing.listed(merchant=cafe.merchant, now=cafe.now, **which))
        return found, [(one.member_name, one.reward, one.state) for one in found]

    everything = [
        ("Jun", "mug", "captured"), ("Jun", "coffee", "held"), ("Mina", "coffee", "captured"),
        ("Jun", "coffee", "captured"), ("Mina", "mug", "captured"),
    ]  # fmt: skip
    assert listed()[1] == everything
    pages, before = [], None
    while page := listed(limit=2, before=before)[0]:
        pages.append([(one.member_name, one.reward, one.state) for one in page])
        before = (page[-1].occurred_at, page[-1].id)
    assert pages == [everything[:2], everything[2:4], everything[4:]]
    assert listed(reward="mug")[1] == [everything[0], everything[4]]
    # The hold's time is over at its last moment, whether or not a clock has come round.
    cafe.forward(minutes=15, microseconds=-1)
    assert listed(reward="coffee")[1][0] == ("Jun", "coffee", "held")
    cafe.forward(microseconds=1)
    assert listed(reward="coffee")[1][0] == ("Jun", "coffee", "expired")
    assert listed(limit=1)[1] == everything[:1]


def test_what_is_taken_is_counted_with_and_without_a_stock(cafe, monkeypatch):
    mina = cafe.member("Mina")
    mina.is_given(1_000)
    mina.redeems(reward="mug")
    for _time in range(2):
        mina.redeems(reward="coffee")
    mina.releases(mina.holds(reward="coffee").public_id)

    def counted():
        return cafe.does(lambda: listing.counted(merchant=cafe.merchant, rewards=["coffee", "spring"]))

    assert cafe.does(lambda: listing.claimed(merchant=cafe.merchant, rewards=["mug"])) == {"mug": 1}
    assert counted() == {"coffee": (2, False), "spring": (0, False)}
    monkeypatch.setattr(listing, "COUNTED_MAX", 3)
    assert counted()["coffee"] == (2, False)
    monkeypatch.setattr(listing, "COUNTED_MAX", 2)
    assert counted()["coffee"] == (2, True)


def offered(cafe, mina, **asked):
    spendable = mina.points()[0]
    found = cafe.does(
        lambda: catalogues.catalogue(
            merchant=cafe.merchant, member_id=mina.id, spendable=spendable, tier="green", now=cafe.now, **asked
        )
    )
    return {offer.code: offer.refusal for offer in found.offers}


def test_a_cake_a_day_is_offered_again_tomorrow_and_a_tour_ever_is_not(db):
    """Two tours in a lifetime: after the first it is still offered."""
    cake = {
        "kind": "product",
        "code": "cake",
        "name": "Cake",
        "price_points": 30,
        "per_member": {"count": 1, "per": "day"},
    }
    tour = {
        "kind": "text",
        "code": "tour",
        "name": "Tour",
        "price_points": 10,
        "per_member": {"count": 2, "per": "ever"},
    }
    cafe = builders.cafe(rewards=[cake, tour])
    mina = cafe.member("Mina")
    mina.is_given(500)
    assert offered(cafe, mina) == {"cake": None, "tour": None}
    mina.redeems(reward="cake")
    mina.redeems(reward="tour")
    assert offered(cafe, mina) == {"cake": "reward_limit_reached", "tour": None}
    mina.redeems(reward="tour")
    cafe.at("2026-03-05", "00:00")
    assert offered(cafe, mina) == {"cake": None, "tour": "reward_limit_reached"}


def test_what_costs_just_as_much_as_a_till_may_spend_is_offered(cafe):
    mina = cafe.member("Mina")
    mina.is_given(1_000)
    refusal = authority.TillLimitReached("Show the code.")
    allowed = authority.Allowed(points_max=100, refusal=refusal)
    found = offered(cafe, mina, allowed=allowed, order_total_minor=20_000)
    assert (found["coffee"], found["mug"], found["off"]) == (None, None, refusal.code)
    # A limit without a reason, and a reason without a limit, refuse nothing.
    for harmless in (authority.Allowed(points_max=100), authority.Allowed(refusal=refusal)):
        assert offered(cafe, mina, allowed=harmless, order_total_minor=20_000)["off"] is None
