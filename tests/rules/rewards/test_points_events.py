"""Whoever opens an account settles what time did to it; whoever writes that tells others, once, in one transaction.

Mina has 30 points that end with March and 20 that become spendable in April.  Whatever happens to her in April, others
hear of both, and of each once.
"""

from __future__ import annotations

import pytest

from members.inputs import NewMember
from members.models import Member
from merchants.errors import LoyaltyError
from merchants.models.outbox import OutboxEvent
from rewards import enrolment, erasure, expiry, merging, purchases, redemptions, tiers
from rewards.models.ledger import Entry
from rewards.models.referrals import Referral
from tests import builders

pytestmark = pytest.mark.django_db

TRANSFERS = {"minimum_points": 1}
TOLD_BY_THE_BOOK = {"activate": "points.activated", "expire": "points.expired"}


@pytest.fixture
def cafe():
    return builders.cafe(transfers=TRANSFERS)


@pytest.fixture
def mina(cafe):
    """In April, when 30 of her 150 points are over and 20 more have come; nobody has looked yet."""
    cafe.at("2026-03-04")
    mina = cafe.member("Mina")
    mina.buys(10_000, external_id="s-1")
    mina.is_given(30, expires="2026-04-01")
    mina.is_given(20, active="2026-04-02", expires="2026-06-01")
    cafe.at("2026-04-05")
    forget(cafe)
    return mina


def forget(cafe):
    cafe.does(lambda: OutboxEvent.objects.filter(merchant=cafe.merchant).delete())


def told(cafe, *kinds):
    kinds = kinds or ("points.activated", "points.expired", "points.accrued")
    rows = OutboxEvent.objects.filter(kind__in=kinds).order_by("pk")
    return cafe.does(lambda: [(row.kind, row.payload["points"], row.payload["balance"]) for row in rows])


def agrees(cafe):
    """Every activation and every lapse in the ledger was told exactly once, under its own number."""

    def look():
        entries = Entry.objects.filter(kind__in=TOLD_BY_THE_BOOK).values_list(
            "kind", "account__member__public_id", "seq"
        )
        events = OutboxEvent.objects.filter(kind__in=TOLD_BY_THE_BOOK.values())
        heard = [(event.kind, event.payload["member"], event.payload["seq"]) for event in events]
        return sorted((TOLD_BY_THE_BOOK[kind], *rest) for kind, *rest in entries) == sorted(heard)

    return cafe.does(look)


SETTLED = [("points.expired", 30, 100), ("points.activated", 20, 120)]


def _sweep(cafe, mina):
    cafe.does(lambda: expiry.settle_due(merchant=cafe.merchant, now=cafe.now))
    cafe.does(lambda: expiry.settle_due(merchant=cafe.merchant, now=cafe.now))


def _replay(cafe, mina):
    mina.buys(10_000, external_id="s-1", at=cafe.instant("2026-03-04", "12:00"))


def _leave(cafe, mina):
    member = cafe.does(lambda: Member.objects.get(pk=mina.id))
    cafe.does(lambda: erasure.leave(merchant=cafe.merchant, member=member, now=cafe.now, actor=builders.OWNER))


def _requalify(cafe, mina):
    cafe.publish(builders.programme(transfers=TRANSFERS), since=cafe.now)
    cafe.does(lambda: tiers.requalify_due(merchant=cafe.merchant, now=cafe.now))


def _is_refused(cafe, mina):
    with pytest.raises(LoyaltyError, match="asked for"):
        mina.redeems(points=500, order_total_minor=100_000)


ROADS = {
    "the sweep, twice": _sweep,
    "a purchase": lambda cafe, mina: mina.buys(100),
    "a purchase sent again": _replay,
    "a redemption": lambda cafe, mina: mina.redeems(reward="coffee"),
    "a redemption refused": _is_refused,
    "a hold": lambda cafe, mina: mina.holds(reward="coffee"),
    "a refund": lambda cafe, mina: mina.returns("s-1", 1_000),
    "an adjustment": lambda cafe, mina: mina.is_adjusted(-5),
    "points given away": lambda cafe, mina: mina.gives(cafe.member("Jun"), 5),
    "points received": lambda cafe, mina: _given_by_jun(cafe, mina),
    "a merge into somebody": lambda cafe, mina: mina.is_merged_into(cafe.member("Jun")),
    "a merge of somebody": lambda cafe, mina: cafe.member("Jun").is_merged_into(mina),
    "new terms": _requalify,
}


def _given_by_jun(cafe, mina):
    jun = cafe.member("Jun")
    jun.is_adjusted(10)
    jun.gives(mina, 10)


@pytest.mark.parametrize("road", ROADS)
def test_every_road_tells_what_time_did_exactly_once(cafe, mina, road):
    ROADS[road](cafe, mina)
    assert told(cafe) == SETTLED
    assert agrees(cafe)

    cafe.does(lambda: expiry.settle_due(merchant=cafe.merchant, now=cafe.now))
    mina.shop.forward(days=1)
    assert told(cafe) == SETTLED


@pytest.mark.parametrize("end", ["captures", "releases"])
def test_the_end_of_a_hold_tells_it_too(cafe, mina, end):
    cafe.at("2026-03-05")
    hold = mina.holds(points=40, order_total_minor=10_000, hold_minutes=43_200)
    cafe.at("2026-04-03")

    getattr(mina, end)(hold.public_id)

    # The hold had pinned the 30 that were to end and 10 of the others: they lapse when they are set free, or are spent.
    lapsed = [("points.expired", 30, 120)] if end == "releases" else []
    assert told(cafe) == [("points.activated", 20, 150), *lapsed]
    assert agrees(cafe)


def test_points_that_come_back_too_late_are_told_to_have_lapsed(cafe, mina):
    cafe.at("2026-03-05")
    coffee = mina.redeems(points=30, order_total_minor=10_000)
    cafe.at("2026-04-05")
    forget(cafe)

    mina.reverses(coffee.public_id)

    assert told(cafe) == [("points.activated", 20, 120), ("points.expired", 30, 120)]


def test_whoever_leaves_lets_everything_lapse_in_one_event(cafe, mina):
    mina.is_given(7, active="2026-05-01")
    forget(cafe)

    _leave(cafe, mina)

    assert told(cafe) == [("points.expired", 127, 0)]


def test_a_refusal_that_keeps_nothing_tells_nothing(cafe, mina):
    with pytest.raises(LoyaltyError):
        mina.returns("s-1", 99_999)
    assert told(cafe) == []
    assert [kind for kind, _points in mina.entries()] == ["accrue", "accrue", "accrue"]


def test_a_backfill_is_silent_about_itself_and_not_about_what_time_did(cafe, mina):
    long_ago = purchases.PurchaseInput(
        external_id="old-1", occurred_at=cafe.instant("2025-02-01"), currency="KRW", total_minor=5_000, member=mina.ref
    )
    cafe.publish(builders.programme(transfers=TRANSFERS), since=cafe.instant("2025-01-01"))
    source = purchases.SaleSource(may_backfill=True, is_silent=True)
    (outcome,) = cafe.does(
        lambda: purchases.record(
            merchant=cafe.merchant, items=[long_ago], now=cafe.now, actor=builders.TILL, source=source
        )
    )

    # 50 points of February 2025 ended with January 2026: written and lapsed in one breath, and nobody's news.
    assert outcome.receipt["points_earned"] == 50
    assert mina.entries()[-2:] == [("accrue", 50), ("expire", -50)]
    assert told(cafe) == SETTLED
    assert told(cafe, "purchase.recorded") == []


def test_a_silent_sale_tells_of_a_hold_whose_time_was_over_and_not_of_what_it_spent(cafe, mina):
    mina.holds(reward="coffee")
    cafe.forward(minutes=16)
    forget(cafe)
    sold = purchases.PurchaseInput(
        external_id="s-2", occurred_at=cafe.now, currency="KRW", total_minor=5_000, member=mina.ref,
        redemptions=(redemptions.RedemptionInput(reward="coffee"),),
    )  # fmt: skip
    source = purchases.SaleSource(may_backfill=True, is_silent=True)

    cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[sold], now=cafe.now, actor=builders.TILL, source=source)
    )

    kinds = cafe.does(lambda: list(OutboxEvent.objects.order_by("pk").values_list("kind", flat=True)))
    assert kinds == ["points.released"]


def test_what_comes_by_no_purchase_is_told_as_accrued_and_a_sale_says_its_own(cafe):
    cafe.publish(
        builders.programme(
            welcome={"points": 50, "pending": {"days": 3}},
            referral={"referrer_points": 200, "referee_points": 100},
        ),
        since=cafe.now,
    )
    mina = cafe.member("Mina")
    code = cafe.does(lambda: Member.objects.get(pk=mina.id).code)
    details = NewMember(name="Jun", external_id="jun", referred_by=code)
    enrolled = cafe.does(
        lambda: enrolment.enrol(
            merchant=cafe.merchant, details=details, source="api", actor=builders.TILL, now=cafe.now
        )
    )
    jun = builders.Person(cafe, "Jun", enrolled.member.pk, enrolled.member.public_id, 0)
    jun.buys(1_000)

    referral = cafe.does(lambda: Referral.objects.get().public_id)
    events = cafe.does(lambda: [e.payload for e in OutboxEvent.objects.filter(kind="points.accrued").order_by("pk")])
    assert [
        (e["member"], e["points"], e["balance"], e["pending"], e["seq"], e["document"], e["active_at"]) for e in events
    ] == [
        (jun.public_id, 50, 0, 50, 1, {"kind": "member", "id": jun.public_id}, "2026-03-06T15:00:00Z"),
        (jun.public_id, 100, 110, 50, 3, {"kind": "referral", "id": referral}, "2026-03-04T03:00:00Z"),
        (mina.public_id, 200, 200, 0, 1, {"kind": "referral", "id": referral}, "2026-03-04T03:00:00Z"),
    ]
    sold = cafe.does(lambda: OutboxEvent.objects.get(kind="purchase.recorded").payload)
    assert (sold["points_earned"], sold["balance"], sold["seq"]) == (10, 110, 3)


def test_an_undone_merge_tells_what_time_did_meanwhile(cafe, mina):
    cafe.at("2026-03-05")
    jun = cafe.member("Jun")
    merged = mina.is_merged_into(jun)
    cafe.at("2026-04-05")
    forget(cafe)

    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )

    assert told(cafe) == SETTLED
    assert agrees(cafe)


def test_holds_that_time_ended_tell_what_time_did(cafe, mina):
    cafe.at("2026-03-31", "23:00")
    mina.holds(points=10, order_total_minor=10_000, hold_minutes=30)
    cafe.at("2026-04-05")

    cafe.does(lambda: redemptions.expire_holds(merchant=cafe.merchant, now=cafe.now))

    # 10 of the 30 were pinned: they lapse as soon as they are free.
    assert told(cafe) == [("points.expired", 20, 110), ("points.activated", 20, 130), ("points.expired", 10, 120)]
