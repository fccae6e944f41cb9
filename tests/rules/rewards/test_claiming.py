"""A guest pays 12,400 won and keeps the receipt; whoever brings it back has its 124 points, once, as of that day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from members.models import Member
from merchants.errors import LoyaltyError
from merchants.models.audit import AuditRecord
from merchants.models.outbox import OutboxEvent
from rewards import erasure, purchases, verify
from rewards.models.accounts import Membership, TierPeriod
from rewards.models.ledger import Lot
from rewards.models.purchases import Claim, Purchase
from rewards.models.referrals import Referral
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    cafe = builders.cafe()
    yield cafe
    assert [str(fault) for fault in cafe.does(lambda: verify.verify_members(
        merchant=cafe.merchant, member_ids=[person.id for person in cafe.people.values()]).faults)] == []  # fmt: skip


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


def refused(code, work):
    with pytest.raises(LoyaltyError) as refusal:
        work()
    assert refusal.value.code == code
    return refusal.value


def told(cafe, kind):
    return cafe.does(lambda: [row.payload for row in OutboxEvent.objects.filter(kind=kind).order_by("pk")])


def row_of(cafe, external_id):
    return cafe.does(lambda: Purchase.objects.get(merchant=cafe.merchant, external_id=external_id))


def test_whoever_brings_the_receipt_has_its_points_as_of_that_day(cafe, mina):
    sold = cafe.sells_to_a_guest(12_400, "guest-1")
    assert sold.receipt["points_unclaimed"] == 124
    cafe.forward(days=3)

    claimed = mina.claims("guest-1", external_id="c-1")

    assert (claimed.http, claimed.is_replay) == (201, False)
    told_so = {name: claimed.receipt[name] for name in ("purchase", "points_earned", "balance_after", "terms_version")}
    assert told_so == {"purchase": sold.public_id, "points_earned": 124, "balance_after": 124, "terms_version": 1}
    # A year from the day it was bought, not from the day it was claimed.
    assert mina.lots() == [(124, "2027-03-05")]
    assert mina.entries() == [("accrue", 124)]
    row = row_of(cafe, "guest-1")
    assert (row.member_id, row.ordinal, row.points_earned, row.qualifying_minor) == (mina.id, 1, 124, 12_400)
    [event] = told(cafe, "purchase.claimed")
    assert (event["member"], event["points_earned"], event["balance"], event["seq"]) == (mina.public_id, 124, 124, 1)
    assert told(cafe, "points.accrued") == []
    [record] = cafe.does(lambda: list(AuditRecord.objects.filter(action="purchase.claimed")))
    assert record.details["purchase"] == sold.public_id


def test_sent_again_it_answers_the_same_and_with_other_content_nothing(cafe, mina):
    cafe.sells_to_a_guest(12_400, "guest-1")
    cafe.sells_to_a_guest(5_000, "guest-2")
    first = mina.claims("guest-1", external_id="c-1")
    mina.redeems(reward="coffee")

    again = mina.claims("guest-1", external_id="c-1")

    assert (again.receipt, again.is_replay) == (first.receipt, True)
    refused("external_id_reused", lambda: mina.claims("guest-2", external_id="c-1"))
    assert mina.points() == (24, 0, 0, 0)
    assert cafe.does(Claim.objects.count) == 1


def test_a_receipt_is_claimed_once_by_whomever(cafe, mina):
    jun = cafe.member("Jun")
    cafe.sells_to_a_guest(12_400, "guest-1")
    mina.claims("guest-1")

    refused("purchase_claimed", lambda: jun.claims("guest-1"))
    refused("purchase_claimed", lambda: mina.claims("guest-1"))
    jun.buys(1_000, external_id="juns-own")
    refused("purchase_claimed", lambda: mina.claims("juns-own"))

    assert (mina.points(), jun.points()) == ((124, 0, 0, 0), (10, 0, 0, 0))


def test_only_for_so_many_days_and_a_merchant_may_say_never(cafe, mina):
    cafe.sells_to_a_guest(12_400, "guest-1")
    cafe.forward(days=14, seconds=1)
    assert refused("claim_too_late", lambda: mina.claims("guest-1")).context == {"days": 14}
    cafe.forward(seconds=-1)
    mina.claims("guest-1")
    assert mina.points() == (124, 0, 0, 0)

    cafe.merchant.claim_days_max = 0
    cafe.sells_to_a_guest(12_400, "guest-2")
    cafe.forward(seconds=1)
    refused("claim_too_late", lambda: mina.claims("guest-2"))


def test_nobody_nothing_and_what_is_only_announced_are_refused(cafe, mina):
    gone, blocked = cafe.member("Gone"), cafe.member("Blocked", state="blocked")
    cafe.sells_to_a_guest(12_400, "guest-1")
    member = cafe.does(lambda: Member.objects.get(pk=gone.id))
    cafe.does(lambda: erasure.leave(merchant=cafe.merchant, member=member, now=cafe.now, actor=builders.OWNER))
    mina.returns("not-here-yet", 100)

    refused("purchase_not_found", lambda: mina.claims("never-sold"))
    refused("purchase_not_found", lambda: mina.claims("not-here-yet"))
    refused("member_not_found", lambda: gone.claims("guest-1"))
    refused("member_blocked", lambda: blocked.claims("guest-1"))

    assert row_of(cafe, "guest-1").member_id is None
    assert cafe.does(Lot.objects.count) == 0
    assert told(cafe, "purchase.claimed") == []


def test_a_member_who_was_merged_claims_for_the_one_they_are_now(cafe, mina):
    old = cafe.member("Mina's old card")
    old.is_merged_into(mina)
    cafe.sells_to_a_guest(12_400, "guest-1")

    assert old.claims("guest-1").receipt["member"] == mina.public_id
    assert (mina.points(), old.points()) == ((124, 0, 0, 0), (0, 0, 0, 0))


def test_what_was_given_back_earns_nothing_and_what_comes_back_later_is_taken_back(cafe, mina):
    cafe.sells_to_a_guest(10_000, "guest-1")
    cafe.sells_to_a_guest(10_000, "guest-2")
    mina.returns("guest-1", 4_000)
    mina.returns("guest-2")

    claimed = mina.claims("guest-1")
    refused("purchase_refunded", lambda: mina.claims("guest-2"))

    assert (claimed.receipt["points_earned"], claimed.receipt["left_minor"]) == (60, 6_000)
    mina.returns("guest-1", 1_000)
    assert mina.points() == (50, 0, 0, 0)
    mina.returns("guest-1")
    assert mina.points() == (0, 0, 0, 0)
    assert mina.entries() == [("accrue", 60), ("claw_back", -10), ("claw_back", -50)]


def test_the_terms_of_the_day_it_was_bought_decide_and_the_tier_held_then(cafe):
    """Until 10 March gold earns double; then nobody earns more than a tenth of it."""
    base = builders.PROGRAMME["earning"]["rules"][0]
    double = {"kind": "multiplier", "code": "gold", "name": "Gold doubles", "factor": 2, "when": {"tiers": ["gold"]}}
    cafe.publish(builders.programme(earning={"rules": [base, double]}))
    green, gold = cafe.member("Green"), cafe.member("Gold", tier="gold")
    for name in ("guest-1", "guest-2"):
        cafe.sells_to_a_guest(10_000, name)
    cafe.publish(
        builders.programme(earning={"rules": [{**base, "per_amount_minor": 1_000}]}), since=cafe.at("2026-03-10")
    )

    assert (green.claims("guest-1").receipt["points_earned"], gold.claims("guest-2").receipt["points_earned"]) == (
        100,
        200,
    )

    late = cafe.member("Later gold", tier="gold")
    cafe.does(lambda: TierPeriod.objects.filter(member_id=late.id).update(held_from=cafe.now))
    cafe.does(lambda: _held_since(late, cafe.now))
    cafe.sells_to_a_guest(10_000, "guest-3", at=cafe.instant("2026-03-09"))
    assert late.claims("guest-3").receipt["points_earned"] == 100


def _held_since(person, since):
    Membership.objects.filter(member_id=person.id).update(tier_since=since)


def test_it_fills_the_caps_of_its_own_day_and_a_refund_empties_them(cafe):
    base = builders.PROGRAMME["earning"]["rules"][0]
    cap = {"points": 150, "per": "day"}
    cafe.publish(builders.programme(earning={"rules": [{**base, "caps": [cap]}]}), since=cafe.now)
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(10_000, "guest-1")
    mina.buys(10_000, external_id="own")
    cafe.forward(days=1)
    mina.buys(10_000)

    assert mina.claims("guest-1").receipt["points_earned"] == 50
    mina.returns("guest-1")
    assert mina.points()[0] == 200


def test_it_counts_towards_the_tier_and_qualifies_a_referral(cafe):
    cafe.publish(builders.programme(referral={"referrer_points": 200, "referee_points": 100}), since=cafe.now)
    ara, mina = cafe.cast("Ara", "Mina")
    cafe.does(
        lambda: Referral.objects.create(
            merchant=cafe.merchant, public_id="rfl_0000000000000001", referrer_id=ara.id,
            referee_id=mina.id, created_at=cafe.now,
        )
    )  # fmt: skip
    cafe.sells_to_a_guest(600_000, "guest-1")

    claimed = mina.claims("guest-1")

    assert claimed.receipt["tier_after"] == "gold"
    assert (ara.points()[0], mina.points()[0]) == (200, 6_100)
    mina.returns("guest-1")
    assert (ara.points()[0], mina.points()[0], mina.balance().tier) == (0, 0, "green")


def test_points_that_would_have_lapsed_by_now_come_and_go(cafe, mina):
    cafe.publish(builders.programme(expiry={"kind": "rolling", "count": 5, "unit": "days"}), since=cafe.now)
    cafe.sells_to_a_guest(10_000, "guest-1")
    cafe.forward(days=10)
    mina.claims("guest-1")
    assert (mina.entries(), mina.points()) == ([("accrue", 100), ("expire", -100)], (0, 0, 0, 0))


def test_before_there_was_a_programme_it_is_theirs_and_earns_nothing(cafe, mina):
    cafe.merchant.claim_days_max = 365
    source = purchases.SaleSource(may_backfill=True)
    sold = purchases.PurchaseInput(
        external_id="old", occurred_at=datetime(2025, 12, 1, tzinfo=UTC), currency="KRW", total_minor=5_000
    )
    cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[sold], now=cafe.now, actor=builders.TILL, source=source)
    )

    claimed = mina.claims("old")

    assert (claimed.receipt["points_earned"], claimed.receipt["trace"][0]["code"]) == (0, "no_programme_yet")
    assert row_of(cafe, "old").member_id == mina.id
