"""The wrong member was given the receipt: it is nobody's again, its points are taken back, and the right one claims it."""

from __future__ import annotations

from collections import Counter

import pytest

from merchants import ids
from merchants.errors import LoyaltyError
from merchants.models.audit import AuditRecord
from merchants.models.outbox import OutboxEvent
from rewards import merging, purchases, verify
from rewards.models.accounts import Membership
from rewards.models.purchases import Claim, Purchase, Unclaim
from rewards.models.referrals import Referral
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    cafe = builders.cafe()
    yield cafe
    assert faults(cafe) == []


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


@pytest.fixture
def jisoo(cafe):
    return cafe.member("Jisoo")


def faults(cafe):
    """What reconciliation finds, whether accounts are looked at one by one or together."""
    people = [person.id for person in cafe.people.values()]
    looks = [people, *([each] for each in people)]
    found = [cafe.does(lambda ids=ids: verify.verify_members(merchant=cafe.merchant, member_ids=ids)) for ids in looks]
    return [str(fault) for report in found for fault in report.faults]


def undone(cafe, claimed, *, reason="Jisoo's receipt"):
    return cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claimed.public_id, reason=reason, now=cafe.now, actor=builders.OWNER
        )
    )


def row_of(cafe, external_id):
    return cafe.does(lambda: Purchase.objects.get(merchant=cafe.merchant, external_id=external_id))


def test_the_right_member_claims_what_the_wrong_one_was_given(cafe, mina, jisoo):
    cafe.sells_to_a_guest(12_400, "guest-1")
    was = row_of(cafe, "guest-1")
    claimed = mina.claims("guest-1")
    cafe.forward(days=1)

    took = undone(cafe, claimed)

    assert (took.receipt["points_taken_back"], took.receipt["debt_made"], took.receipt["balance_after"]) == (124, 0, 0)
    assert mina.entries() == [("accrue", 124), ("claw_back", -124)]
    assert mina.balance().purchases_count == 0
    now = row_of(cafe, "guest-1")
    same = ("member_id", "ordinal", "facts", "points_earned", "qualifying_points", "qualifying_minor", "receipt",
            "terms_version", "total_minor")  # fmt: skip
    assert {name: getattr(now, name) for name in same} == {name: getattr(was, name) for name in same}

    assert jisoo.claims("guest-1").receipt["points_earned"] == 124
    assert (mina.points()[0], jisoo.points()[0], jisoo.balance().purchases_count) == (0, 124, 1)
    jisoo.returns("guest-1", 2_400)
    assert jisoo.points()[0] == 100


def test_it_is_told_and_kept_who_did_it_and_why(cafe, mina):
    cafe.sells_to_a_guest(12_400, "guest-1")
    claimed = mina.claims("guest-1")

    undone(cafe, claimed, reason="Jisoo's receipt")

    (event,) = cafe.does(lambda: list(OutboxEvent.objects.filter(kind="purchase.unclaimed")))
    expected = {"claim": claimed.public_id, "member": mina.public_id, "points_taken_back": 124, "balance": 0, "seq": 2}
    assert {name: event.payload[name] for name in expected} == expected
    (record,) = cafe.does(lambda: list(AuditRecord.objects.filter(action="purchase.unclaimed")))
    assert (record.actor, record.subject, record.details["points"]) == (str(builders.OWNER), mina.public_id, 124)
    assert cafe.does(lambda: Unclaim.objects.get().reason) == "Jisoo's receipt"
    assert cafe.does(lambda: Claim.objects.get().is_undone), "the claim itself stays"


def test_what_was_spent_already_becomes_debt_and_the_next_points_pay_it(cafe, mina):
    cafe.sells_to_a_guest(12_400, "guest-1")
    claimed = mina.claims("guest-1")
    mina.redeems(reward="coffee")

    assert undone(cafe, claimed).receipt["debt_made"] == 100

    assert mina.points() == (0, 0, 0, 100)
    mina.buys(15_000)
    assert mina.points() == (50, 0, 0, 0)


def test_however_often_it_is_asked_it_is_done_once(cafe, mina, jisoo):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1", external_id="c-1")
    first = undone(cafe, claimed)
    theirs = jisoo.claims("guest-1")

    again = undone(cafe, claimed)

    assert (again.public_id, again.is_replay) == (first.public_id, True)
    assert (mina.points()[0], jisoo.points()[0]) == (0, 100)
    assert mina.claims("guest-1", external_id="c-1").is_replay, "the claim that was undone answers as it did"
    assert jisoo.points()[0] == 100
    undone(cafe, theirs)
    assert mina.claims("guest-1").receipt["points_earned"] == 100, "once more the first one's"
    assert cafe.does(lambda: Counter(Claim.objects.values_list("is_undone", flat=True))) == {True: 2, False: 1}


def test_a_part_refunded_before_stays_refunded(cafe, mina, jisoo):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    mina.returns("guest-1", 4_000)

    assert undone(cafe, claimed).receipt["points_taken_back"] == 60

    assert mina.points() == (0, 0, 0, 0)
    assert jisoo.claims("guest-1").receipt["points_earned"] == 60
    jisoo.returns("guest-1", 1_000)
    assert jisoo.points()[0] == 50


def test_caps_tier_and_referral_are_as_if_it_had_never_been_hers(cafe):
    base = {**builders.PROGRAMME["earning"]["rules"][0], "caps": [{"points": 6_050, "per": "day"}]}
    cafe.publish(
        builders.programme(earning={"rules": [base]}, referral={"referrer_points": 200, "referee_points": 100}),
        since=cafe.now,
    )
    ara, mina = cafe.cast("Ara", "Mina")
    cafe.does(
        lambda: Referral.objects.create(
            merchant=cafe.merchant, public_id="rfl_0000000000000001", referrer_id=ara.id,
            referee_id=mina.id, created_at=cafe.now,
        )
    )  # fmt: skip
    cafe.sells_to_a_guest(600_000, "guest-1")
    claimed = mina.claims("guest-1")
    assert (ara.points()[0], mina.points()[0], mina.balance().tier) == (200, 6_100, "gold")

    undone(cafe, claimed)

    assert (ara.points()[0], mina.points()[0], mina.balance().tier) == (0, 0, "green")
    assert mina.buys(10_000).receipt["points_earned"] == 100, "the cap is hers again"
    assert (ara.points()[0], mina.points()[0]) == (200, 200), "her true first purchase qualifies the referral"


def test_the_number_of_a_receipt_taken_off_goes_to_the_next_purchase(cafe, mina):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    mina.buys(10_000, external_id="second")

    undone(cafe, claimed)

    mina.buys(10_000, external_id="third")
    assert (row_of(cafe, "second").ordinal, row_of(cafe, "third").ordinal) == (2, 1)


def refers(cafe, referrer, referee):
    return cafe.does(
        lambda: Referral.objects.create(
            merchant=cafe.merchant, public_id=ids.mint("rfl"), referrer_id=referrer.id,
            referee_id=referee.id, created_at=cafe.now,
        )
    )  # fmt: skip


def with_rewards_for_beginners(cafe):
    """200 and 100 for a referral, 500 for a first purchase."""
    first = {"kind": "per_order", "code": "first", "name": "First", "points": 500, "when": {"nth_purchase": 1}}
    base = builders.PROGRAMME["earning"]["rules"][0]
    cafe.publish(
        builders.programme(
            earning={"rules": [base, first], "stacking": "all"},
            referral={"referrer_points": 200, "referee_points": 100},
        ),
        since=cafe.now,
    )


def test_a_referral_is_open_again_whatever_was_bought_since(cafe):
    with_rewards_for_beginners(cafe)
    ara, mina = cafe.cast("Ara", "Mina")
    referral = refers(cafe, ara, mina)
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    mina.buys(10_000)
    assert (ara.points()[0], mina.points()[0]) == (200, 100 + 500 + 100 + 100)

    undone(cafe, claimed)

    assert (ara.points()[0], mina.points()[0]) == (0, 100)
    mina.buys(10_000)
    assert (ara.points()[0], mina.points()[0]) == (200, 100 + 500 + 100 + 100), (
        "the number and the referral are hers again"
    )
    assert cafe.does(lambda: Referral.objects.get(pk=referral.pk).state) == "qualified"


def test_nobody_refers_themselves_when_the_two_were_merged_in_between(cafe):
    with_rewards_for_beginners(cafe)
    ara, mina = cafe.cast("Ara", "Mina")
    refers(cafe, ara, mina)
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    ara.is_merged_into(mina)

    undone(cafe, claimed)

    assert mina.points() == (0, 0, 0, 0)
    mina.buys(10_000)
    assert mina.points()[0] == 100 + 500, "her first, and nobody brought her"


@pytest.mark.parametrize("order", [("guest-1", "guest-2"), ("guest-2", "guest-1")])
def test_when_nothing_is_left_the_next_is_her_first_in_whatever_order_they_were_undone(cafe, order):
    with_rewards_for_beginners(cafe)
    mina = cafe.member("Mina")
    claimed = {}
    for name in ("guest-1", "guest-2"):
        cafe.sells_to_a_guest(10_000, name)
        claimed[name] = mina.claims(name)
    assert mina.points()[0] == 600 + 100

    for name in order:
        undone(cafe, claimed[name])

    assert mina.points() == (0, 0, 0, 0)
    assert mina.buys(10_000).receipt["points_earned"] == 600
    assert mina.buys(10_000).receipt["points_earned"] == 100


def test_what_a_merge_carried_away_is_undone_after_the_merge(cafe):
    """Old Mina claimed it, and is Mina now: the count of both would be divided by it once more."""
    with_rewards_for_beginners(cafe)
    old, mina = cafe.cast("Old Mina", "Mina")
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = old.claims("guest-1")
    merged = old.is_merged_into(mina)

    with pytest.raises(LoyaltyError) as refusal:
        undone(cafe, claimed)
    assert refusal.value.code == "claim_moved"
    assert (old.points()[0], mina.points()[0], cafe.does(Unclaim.objects.count)) == (0, 600, 0)

    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )
    undone(cafe, claimed)
    assert (old.points(), mina.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))
    assert [who.buys(10_000).receipt["points_earned"] for who in (old, mina, old, mina)] == [600, 600, 100, 100]


def test_who_claims_it_while_a_merge_stands_gives_it_back_all_the_same(cafe):
    old, mina = cafe.cast("Old Mina", "Mina")
    old.buys(10_000)
    merged = old.is_merged_into(mina)
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")

    undone(cafe, claimed)

    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )
    assert (old.points()[0], mina.points()[0]) == (100, 0)
    assert [
        cafe.does(lambda who=who: Membership.objects.get(member_id=who.id).purchases_count) for who in (old, mina)
    ] == [1, 0]


def test_asked_again_the_claim_answers_its_receipt_and_tells_nothing_of_whoever_has_it_now(cafe, mina, jisoo):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1", external_id="claim-1")
    undone(cafe, claimed)
    jisoo.claims("guest-1")
    jisoo.returns("guest-1", 4_000, external_id="refund-1")

    again = mina.claims("guest-1", external_id="claim-1")

    assert (again.receipt, again.member_id, again.is_replay) == (claimed.receipt, None, True)
    assert jisoo.returns("guest-1", 4_000, external_id="refund-1").member_id == jisoo.id
    assert (mina.points()[0], jisoo.points()[0]) == (0, 60)


def test_a_refund_asked_again_tells_nothing_of_whoever_claimed_the_rest(cafe, mina, jisoo):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    refunded = mina.returns("guest-1", 4_000, external_id="refund-1")
    undone(cafe, claimed)
    jisoo.claims("guest-1")

    again = mina.returns("guest-1", 4_000, external_id="refund-1")

    assert (again.receipt, again.member_id) == (refunded.receipt, None)
    assert refunded.member_id == mina.id


def test_only_a_claim_is_undone_and_only_with_a_reason(cafe, mina):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    for claim, reason, code in (("clm_0000000000000000", "why", "claim_not_found"), (claimed.public_id, "", "invalid")):
        with pytest.raises(LoyaltyError) as refusal:
            cafe.does(
                lambda claim=claim, reason=reason: purchases.unclaim(
                    merchant=cafe.merchant, claim=claim, reason=reason, now=cafe.now, actor=builders.OWNER
                )
            )
        assert refusal.value.code == code
    assert mina.points()[0] == 100
