"""Small changes of meaning that no other test would have noticed: each has one here that fails by it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from msgspec.structs import replace as replace_fields

from members.card_keys import InvalidCard
from members.directory import MemberNotFound
from members.models import Member
from merchants import audit, ids, tenancy
from merchants.errors import Invalid
from merchants.models.outbox import OutboxEvent
from merchants.tenancy import RetryTransaction
from rewards import purchases, redemptions, referrals, tiers, verify
from rewards.membership import MembershipState
from rewards.models.accounts import Membership
from rewards.models.purchases import Purchase
from rewards.models.redemptions import Redemption
from rewards.models.referrals import Referral
from rewards.parties import MemberRef
from rewards.points import AccountState, Cause, TooManyPoints, chain
from rewards.points.account import POINTS_MAX
from rewards.points.lots import LotState, share
from rewards.purchases import PurchaseRef, RefundInput, listing, recording
from rewards.referrals import rows
from rewards.sales import early_refunds
from rewards.sales.batch import Batch
from rewards.tiers.held import TierSpan, held_at
from tests import builders


@pytest.fixture
def cafe(db):
    cafe = builders.cafe(transfers={}, referral={"referrer_points": 200, "referee_points": 100})
    yield cafe
    assert verify.verify(merchant=cafe.merchant).faults == []


def sold(buyer, won, external_id, *, redeeming=()):
    return purchases.PurchaseInput(
        external_id=external_id, occurred_at=buyer.shop.now, currency="KRW", total_minor=won, member=buyer.ref,
        redemptions=tuple(redemptions.RedemptionInput(**ask) for ask in redeeming),
    )  # fmt: skip


def sells_at_once(cafe, *items):
    outcomes = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=items, now=cafe.now, actor=builders.TILL)
    )
    assert [outcome.error for outcome in outcomes] == [None] * len(items)


def refer(cafe, referrer, referee):
    cafe.does(
        lambda: Referral.objects.create(
            merchant=cafe.merchant, public_id=ids.mint("rfl"), referrer_id=referrer.id,
            referee_id=referee.id, created_at=cafe.now,
        )
    )  # fmt: skip


def test_accounts_are_locked_in_the_order_of_their_ids(cafe, settings):
    """Two tills that lock the same two accounts in different orders wait for each other for ever."""
    settings.PREPARED_STATEMENTS = False  # each statement is seen with its text
    mina, jun = cafe.cast("Mina", "Jun")
    mina.is_given(100)
    seen = []

    def listen(execute, sql, params, many, context):
        seen.append(re.sub(r"\s+", " ", str(sql)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        mina.buys(10_000, external_id="sale")
        mina.gives(jun, 10)
        jun.gives(mina, 10)
        mina.returns("sale")
        mina.is_adjusted(5)
        jun.is_merged_into(mina)
    locking = [sql for sql in seen if "rewards_account a" in sql and "FOR UPDATE" in sql]
    assert len(locking) >= 5
    for sql in locking:
        assert re.search(r"ORDER BY a\.id FOR UPDATE", sql), sql


def test_a_referral_is_looked_at_again_under_the_locks(cafe, monkeypatch):
    """A merge between the first look and the lock has brought the referral's points to another account."""
    ara, mina = cafe.cast("Ara", "Mina")
    refer(cafe, ara, mina)
    mina.buys(10_000, external_id="first")
    look = rows.paid_by

    def moved_meanwhile(merchant_id, purchase_id):
        return replace(look(merchant_id, purchase_id), referrer_id=mina.account_id)

    asked = RefundInput(external_id="back", occurred_at=cafe.now, purchase=PurchaseRef(external_id="first"))
    with monkeypatch.context() as merging, tenancy.tenant(cafe.merchant), pytest.raises(RetryTransaction):
        merging.setattr(rows, "paid_by", moved_meanwhile)
        purchases.refund(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL)
    assert (ara.points(), mina.points()) == ((200, 0, 0, 0), (200, 0, 0, 0))
    # The verb runs again, finds it as it is, and takes the points from whoever has them.
    mina.returns("first")
    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_a_refund_never_lets_a_purchase_count_for_more(db):
    """What is left of it may fall under a rule for small orders; the tier does not rise by giving goods back."""
    small = {
        "kind": "per_order",
        "code": "small",
        "name": "Small",
        "points": 500,
        "when": {"below_amount_minor": 5_000},
    }
    cafe = builders.cafe(
        earning={"rules": [builders.PROGRAMME["earning"]["rules"][0], small], "stacking": "all"},
        tiers={
            "basis": "qualifying_points",
            "levels": [
                {"code": "green", "name": "Green", "threshold": 0}, {"code": "gold", "name": "Gold", "threshold": 500},
            ],
        },
    )  # fmt: skip
    mina = cafe.member("Mina")
    mina.buys(6_000, external_id="sale")
    mina.returns("sale", 2_000)
    assert cafe.does(lambda: Purchase.objects.get().qualifying_points) == 60
    assert (mina.points()[0], mina.balance().tier) == (60, "green")


def test_parts_of_a_refund_after_a_merge_give_each_lot_back_once(cafe):
    mina, jun = cafe.cast("Mina", "Jun")
    mina.is_given(50, expires="2026-06-30")
    mina.is_given(50, expires="2026-12-31")
    mina.buys(2_000, external_id="sale", redeeming=[{"points": 100}])
    mina.is_merged_into(jun)
    earned = jun.lots()
    jun.returns("sale", 1_000)
    assert [lot for lot in jun.lots() if lot[0] == 50] == [(50, "2026-12-31")]
    jun.returns("sale")
    assert jun.lots() == [(50, "2026-06-30"), (50, "2026-12-31")]
    assert earned == [(10, "2027-03-05")]


def test_undoing_a_hold_whose_time_is_over_says_so(cafe):
    mina = cafe.member("Mina")
    mina.is_given(100)
    hold = mina.holds(reward="coffee").public_id
    with pytest.raises(Exception) as held:
        mina.reverses(hold)
    assert held.value.code == "redemption_still_held"
    cafe.forward(minutes=16)
    with pytest.raises(Exception) as over:
        mina.reverses(hold)
    assert (over.value.code, over.value.context["state"]) == ("redemption_ended", "expired")


def test_a_late_sale_earns_by_the_tier_that_was_held_when_it_happened(db):
    """Silver on Monday, gold on Wednesday; what she bought on Tuesday comes on Thursday, and earns twofold."""
    cafe = builders.cafe(
        tiers={
            "basis": "spend",
            "levels": [
                {"code": "green", "name": "Green", "threshold": 0},
                {"code": "silver", "name": "Silver", "threshold": 10_000, "multiplier": "2"},
                {"code": "gold", "name": "Gold", "threshold": 100_000, "multiplier": "3"},
            ],
        }
    )
    mina = cafe.member("Mina")
    mina.buys(10_000)
    tuesday = cafe.forward(days=1)
    cafe.forward(days=1)
    mina.buys(100_000)
    cafe.forward(days=1)
    assert mina.buys(10_000, at=tuesday).receipt["points_earned"] == 200
    assert mina.buys(10_000).receipt["points_earned"] == 300


def test_friends_who_buy_in_one_batch_count_one_by_one(db):
    """The terms pay for two friends; three of hers buy for the first time in the same batch."""
    cafe = builders.cafe(referral={"referrer_points": 200, "referee_points": 100, "max_referrals": 2})
    ara, *friends = cafe.cast("Ara", "Bora", "Chan", "Dami")
    for friend in friends:
        refer(cafe, ara, friend)
    sells_at_once(cafe, *(sold(friend, 1_000, f"sale-{number}") for number, friend in enumerate(friends)))
    assert ara.points()[0] == 400
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_what_one_sale_of_a_batch_spent_is_not_given_back_for_another(cafe):
    """Two sales of one batch spend 50 points each, and the second was refunded before it came."""
    mina = cafe.member("Mina")
    mina.is_given(50, expires="2026-06-30")
    mina.is_given(50, expires="2026-12-31")
    mina.returns("second", 1_000)
    fifty = [{"points": 50}]
    sells_at_once(cafe, sold(mina, 1_000, "first", redeeming=fifty), sold(mina, 1_000, "second", redeeming=fifty))
    assert [lot for lot in mina.lots() if lot[0] == 50] == [(50, "2026-12-31")]


def test_the_record_of_a_refund_says_what_it_changed_of_the_points(cafe):
    """Of 100 points earned 100 are taken back; 30 that were spent on it are given back."""
    mina = cafe.member("Mina")
    mina.is_given(30)
    earned = mina.buys(10_000, external_id="sale", redeeming=[{"points": 30}]).receipt["points_earned"]
    mina.returns("sale")
    (record,) = cafe.does(lambda: [r for r in audit.newest(merchant=cafe.merchant) if r.action == "purchase.refunded"])
    assert (earned, record.details["points"]) == (97, 30 - 97)


def test_a_page_of_one_redemption_has_one(cafe):
    mina = cafe.member("Mina")
    mina.is_given(100)
    for _time in range(2):
        mina.redeems(reward="mug")
    page = cafe.does(lambda: redemptions.recorded(merchant=cafe.merchant, now=cafe.now, limit=1))
    assert [one.points for one in page] == [50]


def test_a_part_of_a_hold_over_three_lots_leaves_the_rest_where_it_was(cafe):
    """Of 150 held points 60 are captured: all of the first lot and 10 of the second; 40 and 50 are free again."""
    mina = cafe.member("Mina")
    for last in ("2026-06-30", "2026-09-30", "2026-12-31"):
        mina.is_given(50, expires=last)
    hold = mina.holds(points=150, order_total_minor=10_000).public_id
    mina.captures(hold, 60)
    assert mina.lots() == [(40, "2026-09-30"), (50, "2026-12-31")]
    assert mina.points() == (90, 0, 0, 0)


def test_each_refund_that_came_first_waits_for_its_own_purchase(cafe):
    mina = cafe.member("Mina")
    mina.returns("one", 1_000)
    mina.returns("two", 500)
    assert mina.buys(2_000, external_id="one").receipt["points_earned"] == 20
    assert mina.points()[0] == 10
    mina.buys(2_000, external_id="two")
    assert mina.points()[0] == 10 + 15


def test_a_receipt_names_the_reward_that_was_taken_with_the_sale(cafe):
    mina = cafe.member("Mina")
    mina.is_given(250)
    receipt = mina.buys(10_000, redeeming=[{"reward": "off"}, {"points": 50}]).receipt
    taken = [(one["reward"], one["points"], one["amount_minor"]) for one in receipt["redemptions"]]
    assert taken == [("off", 200, 2_000), (None, 50, 500)]


def test_a_referrers_points_that_have_ended_end_before_she_is_paid(cafe):
    """Her 50 points ended yesterday; nobody had looked at her account since."""
    ara, bora = cafe.cast("Ara", "Bora")
    refer(cafe, ara, bora)
    ara.is_given(50, expires=str((cafe.now + timedelta(days=1)).date()))
    assert [kind for kind, _points in ara.entries()] == ["accrue"]
    cafe.forward(days=2)
    bora.buys(1_000)
    assert [kind for kind, _points in ara.entries()][1:] == ["expire", "accrue"]
    assert ara.points()[0] == 200


def test_a_refund_names_lines_or_an_amount_and_not_both(cafe):
    mina = cafe.member("Mina")
    mina.buys(10_000, external_id="sale")
    asked = purchases.RefundInput(
        external_id="refund", occurred_at=cafe.now, purchase=purchases.PurchaseRef(external_id="sale"),
        amount_minor=1_000, lines=(purchases.RefundLine(id="1", amount_minor=1_000),),
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        cafe.does(lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))
    assert (refused.value.code, refused.value.pointer) == ("invalid", "/amount_minor")
    assert mina.points()[0] == 100
    # It has not used up the refund's id either.
    mina.returns("sale", external_id="refund")
    assert mina.points()[0] == 0


def test_an_account_holds_and_owes_exactly_as_much_as_can_be_counted():
    account = AccountState(
        id=1, member_id=1, balance=POINTS_MAX - 10, held=0, pending=0, debt=POINTS_MAX - 10, seq=0, chain=b""
    )  # fmt: skip
    account.check_maximum(10)
    account.check_maximum(-10)
    for points in (11, -11):
        with pytest.raises(TooManyPoints):
            account.check_maximum(points)


def test_a_sale_sent_again_is_a_replay_though_its_member_is_called_otherwise_now(cafe):
    mina = cafe.member("Mina", external_id="crm-1")
    sale = purchases.PurchaseInput(
        external_id="sale",
        occurred_at=cafe.now,
        currency="KRW",
        total_minor=1_000,
        member=MemberRef(external_id="crm-1"),
    )
    sells_at_once(cafe, sale)
    cafe.does(lambda: Member.objects.filter(pk=mina.id).update(external_id="crm-2"))
    (again,) = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[sale], now=cafe.now, actor=builders.TILL)
    )
    assert (again.error, again.is_replay, again.account) == (None, True, None)
    assert mina.points()[0] == 10


def test_others_hear_which_reward_a_released_hold_was_for(cafe):
    mina = cafe.member("Mina")
    mina.is_given(150)
    mina.releases(mina.holds(reward="coffee").public_id)
    mina.releases(mina.holds(points=50, order_total_minor=10_000).public_id)
    told = cafe.does(lambda: list(OutboxEvent.objects.filter(kind="points.released").order_by("id")))
    assert [(event.payload["reward"], event.payload["points"]) for event in told] == [("coffee", 100), (None, 50)]


def test_points_of_a_hold_whose_time_is_over_can_be_taken_and_given_away(cafe):
    """Mina holds 100 of her 150 points for a coffee, and never comes for it; a quarter of an hour later all 150 are free."""
    mina, jun = cafe.cast("Mina", "Jun")
    mina.is_given(150)
    mina.holds(reward="coffee")
    for too_much in (lambda: mina.is_adjusted(-51), lambda: mina.gives(jun, 51)):
        with pytest.raises(Exception) as refused:
            too_much()
        assert refused.value.code == "insufficient_points"
    assert (mina.points(), jun.points()) == ((50, 100, 0, 0), (0, 0, 0, 0))
    cafe.forward(minutes=15)
    mina.gives(jun, 60)
    assert (mina.points(), jun.points()) == ((90, 0, 0, 0), (60, 0, 0, 0))
    mina.holds(points=90, order_total_minor=10_000)
    cafe.forward(minutes=15)
    mina.is_adjusted(-90)
    assert mina.points() == (0, 0, 0, 0)


def test_refunds_are_listed_by_what_became_of_them(cafe):
    """One came after its sale, one before it and did not fit, one waits for a sale that never came."""
    mina = cafe.member("Mina")
    mina.buys(1_000, external_id="tea")
    mina.returns("tea", 400, external_id="applied-1")
    mina.returns("cake", 600, external_id="refused")
    cake = mina.buys(500, external_id="cake").receipt["id"]
    mina.returns("never", 100, external_id="waiting")
    mina.returns("cake", 500, external_id="applied-2")

    def listed(**which):
        found = cafe.does(lambda: listing.refunds(merchant=cafe.merchant, **which))
        assert all(one.state == one.external_id.partition("-")[0] for one in found)
        taken = {"tea": 4, "cake": 5, "never": 0}
        assert all(
            (one.points_clawed_back, one.debt_made)
            == (taken[one.purchase_external_id] if one.state == "applied" else 0, 0)
            for one in found
        )
        return [one.external_id for one in found]

    assert listed() == ["applied-2", "waiting", "refused", "applied-1"]
    assert listed(state="applied") == ["applied-2", "applied-1"]
    assert listed(state="waiting") == ["waiting"]
    assert listed(state="refused") == ["refused"]
    assert listed(purchase=cake) == ["applied-2", "refused"]
    assert listed(external_id="refused") == ["refused"]
    assert listed(limit=1) == ["applied-2"]
    newest = cafe.does(lambda: listing.refunds(merchant=cafe.merchant))[1]
    assert listed(before_id=newest.id) == ["refused", "applied-1"]


def test_a_lot_of_a_single_point_comes_back_as_well(cafe):
    mina = cafe.member("Mina")
    mina.is_given(1, expires="2026-06-30")
    mina.is_given(99, expires="2026-12-31")
    coffee = mina.redeems(reward="coffee").public_id
    assert mina.lots() == []
    mina.reverses(coffee)
    assert mina.lots() == [(1, "2026-06-30"), (99, "2026-12-31")]


def test_nobody_comes_to_owe_by_corrections_more_than_can_be_counted(cafe):
    mina = cafe.member("Mina")
    mina.is_adjusted(-POINTS_MAX, allow_debt=True)
    with pytest.raises(Exception) as refused:
        mina.is_adjusted(-1, allow_debt=True)
    assert refused.value.code == "too_many_points"
    assert mina.points() == (0, 0, 0, POINTS_MAX)


def test_the_hash_of_an_entry_is_what_it_was_when_the_first_one_was_written():
    """Whoever kept a hash finds the entry by it for ever: its content, the times in millionths of a second since 1970."""
    at = datetime(1970, 1, 3, 0, 0, 1, 5, tzinfo=UTC)
    content = "7:2:accrue:10:0:0:-1:90\x1fpurchase:3:None:4\x1f172801000005:172801000005\x1fkey\x1fbase\x1etea\x1fwhy"
    assert chain.link(
        b"before", account_id=7, seq=2, kind="accrue", changes=(10, 0, 0, -1), balance_after=90,
        document=("purchase", 3), rules=("base", "tea"), terms_version=None, location_id=4, actor="key", reason="why",
        occurred_at=at, recorded_at=at,
    ) == hashlib.sha256(b"before" + content.encode()).digest()  # fmt: skip


def test_between_two_times_on_a_tier_somebody_held_none():
    """Silver in January, nothing in February, silver again from March on, gold since May."""
    january, february, march, may = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 5))
    spans = [TierSpan("silver", january, february), TierSpan("silver", march, None)]
    now = MembershipState(tier="gold", tier_since=may)
    moment = timedelta(microseconds=1)
    held = {
        at: held_at(spans, now, at)
        for at in (january - moment, january, february - moment, february, march - moment, march, may - moment, may)
    }
    assert list(held.values()) == ["", "silver", "silver", "", "", "silver", "silver", "gold"]


@pytest.mark.parametrize("counts", [True, False])
def test_what_counts_towards_tiers_is_not_lost_without_a_mechanic_that_takes_it(cafe, counts):
    mina = cafe.member("Mina")

    def writes():
        batch = Batch(cafe.merchant, (), now=cafe.now, actor=builders.TILL)
        buyer = batch.people.lock_owner(mina.id, [])
        batch.read()
        if counts:
            batch.count(buyer.account, cafe.now.date(), 10, ("referral", 1))
        else:
            batch.uncount(("referral", 1))
        batch.write(batch.writing())

    with pytest.raises(AssertionError, match="no mechanic took it"):
        cafe.does(writes)
    assert mina.entries() == []


def test_a_batch_has_one_sale_at_least_and_a_thousand_at_most(cafe):
    """The sales are in dollars, which a café in Seoul refuses one by one; too many of them are refused as one."""
    mina = cafe.member("Mina")
    dollars = replace_fields(sold(mina, 1_000, "sale"), currency="USD")

    def records(number):
        return cafe.does(
            lambda: purchases.record(
                merchant=cafe.merchant, items=[dollars] * number, now=cafe.now, actor=builders.TILL
            )
        )  # fmt: skip

    for number in (0, 1_001):
        with pytest.raises(Invalid, match="A batch holds 1 to 1000 purchases"):
            records(number)
    for number in (1, 1_000):
        assert [one.error.code for one in records(number)] == ["wrong_currency"] * number
    assert (mina.entries(), mina.points()[0]) == ([], 0)


def test_a_claim_for_nobody_leaves_the_purchase_to_be_claimed(cafe):
    """The phone number that was typed is none."""
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(1_000, "sale")
    asked = purchases.ClaimInput(
        external_id="claim", purchase=PurchaseRef(external_id="sale"), member=MemberRef(phone="12")
    )
    with pytest.raises(MemberNotFound) as refused:
        cafe.does(lambda: purchases.claim(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))
    assert refused.value.pointer == "/member"
    assert mina.claims("sale", external_id="claim").receipt["points_earned"] == 10


def test_a_place_for_a_purchase_that_has_come_meanwhile_is_no_place_any_more(cafe):
    """Between the first look and the lock, the twin of the sale was recorded: the verb looks again."""
    mina = cafe.member("Mina")
    mina.returns("later", 100)
    mina.buys(1_000, external_id="here")
    cafe.does(lambda: early_refunds.lock(cafe.merchant.pk, ["later"]))
    for places in (["here"], ["later", "here"]):
        with tenancy.tenant(cafe.merchant), pytest.raises(RetryTransaction):
            early_refunds.lock(cafe.merchant.pk, places)


def test_no_more_points_leave_lots_than_lie_in_them(cafe):
    """The sums of an account that promise more than its lots hold are never papered over."""
    lots = [
        LotState(
            amount=n, remaining=n, is_active=True, earned_at=cafe.now, active_at=cafe.now, expires_at=None, held=held
        )
        for n, held in ((30, 0), (50, 20))
    ]
    available = [(lot, lot.free) for lot in lots]
    assert [n for _lot, n in share(available, 40)] == [30, 10]
    assert [n for _lot, n in share(available, 60)] == [30, 30]
    with pytest.raises(AssertionError, match="1 points have no lot"):
        list(share(available, 61))
    account = AccountState(id=1, member_id=1, balance=80, held=20, pending=0, debt=0, seq=0, chain=b"")
    cause = Cause("merge", 1, cafe.now)
    for n in (0, 31):
        with pytest.raises(AssertionError, match="of a lot with 30 free points cannot leave"):
            account.hand_over(cause, parts=[(lots[1], n)], now=cafe.now, actor="key")
    assert (account.balance, lots[1].remaining, account.seq) == (80, 50, 0)
    account.hand_over(cause, parts=[(lots[1], 29)], now=cafe.now, actor="key")
    account.hand_over(cause, parts=[(lots[1], 1)], now=cafe.now, actor="key")
    assert (account.balance, lots[1].remaining, account.seq) == (50, 20, 2)


@pytest.mark.parametrize(
    ("hold", "just", "less", "code"),
    [
        # Points may pay half of an order: 50 points are worth 500.
        ({"points": 50}, 1_000, 999, "points_above_share"),
        ({"reward": "off"}, 10_000, 9_999, "order_total_too_small"),
    ],
)
def test_a_hold_is_judged_by_the_order_that_captures_it(cafe, hold, just, less, code):
    """Held for an order of 10,000; the order that came is smaller."""
    mina = cafe.member("Mina")
    mina.is_given(200)
    held = mina.holds(order_total_minor=10_000, **hold)
    points = 200 - mina.points()[0]
    with pytest.raises(Exception) as refused:
        mina.buys(less, redeeming=[{"id": held.public_id}])
    assert refused.value.code == code
    assert mina.points() == (200 - points, points, 0, 0)
    found = cafe.does(lambda: redemptions.find(merchant=cafe.merchant, name=held.public_id, now=cafe.now))
    assert (found.is_open, found.state) == (True, "held")
    mina.buys(just, redeeming=[{"id": held.public_id}])
    found = cafe.does(lambda: redemptions.find(merchant=cafe.merchant, name=held.public_id, now=cafe.now))
    assert (found.is_open, found.state, found.points_captured) == (False, "captured", points)


def test_a_quote_for_a_card_nobody_can_have_says_so_before_anything_is_sold(cafe):
    asked = purchases.PurchaseInput(
        external_id="sale", occurred_at=cafe.now, currency="KRW", total_minor=1_000, member=MemberRef(card="!?"),
    )  # fmt: skip
    with pytest.raises(InvalidCard) as refused:
        cafe.does(lambda: recording.evaluated(cafe.merchant, asked, now=cafe.now, actor=builders.TILL))
    assert refused.value.pointer == "/member/card"


def test_two_payments_of_a_sale_come_back_each_as_much_as_it_took(cafe):
    """100 and 50 points paid of 15,000 won. For the first 100 won a point comes back, of the larger; then all the rest."""
    mina = cafe.member("Mina")
    mina.is_given(150)
    mina.buys(15_000, external_id="sale", redeeming=[{"points": 100}, {"points": 50}])

    def returned():
        rows = Redemption.objects.order_by("-points_captured").values_list(
            "points_captured", "points_returned", "state"
        )
        return cafe.does(lambda: list(rows))

    assert mina.returns("sale", 100).receipt["points_restored"] == 1
    assert returned() == [(100, 1, "captured"), (50, 0, "captured")]
    assert mina.returns("sale").receipt["points_restored"] == 149
    assert returned() == [(100, 100, "reversed"), (50, 50, "reversed")]
    assert mina.points() == (150, 0, 0, 0)


def test_a_tier_that_was_not_kept_is_looked_at_again_when_the_grace_is_over(db):
    """Gold for what she bought in 2026; in 2027 she buys nothing, and has until the end of January 2028."""
    levels = [
        {"code": "green", "name": "Green", "threshold": 0}, {"code": "gold", "name": "Gold", "threshold": 500_000},
    ]  # fmt: skip
    window = {"kind": "calendar_year"}
    cafe = builders.cafe(tiers={"basis": "spend", "window": window, "grace_days": 31, "levels": levels})
    mina = cafe.member("Mina")
    mina.buys(500_000)

    def stands():
        row = cafe.does(lambda: Membership.objects.get(member_id=mina.id))
        return row.tier, row.requalifies_at

    def looked_at(day):
        cafe.at(day, "00:00")
        return cafe.does(lambda: tiers.requalify_due(merchant=cafe.merchant, now=cafe.now))

    assert stands() == ("gold", cafe.instant("2027-01-01"))
    seen = [(day, looked_at(day), *stands()) for day in ("2027-02-01", "2027-12-31", "2028-01-01", "2028-01-31")]
    assert seen == [
        ("2027-02-01", 1, "gold", cafe.instant("2028-01-01")),
        ("2027-12-31", 0, "gold", cafe.instant("2028-01-01")),
        ("2028-01-01", 1, "gold", cafe.instant("2028-02-01")),
        ("2028-01-31", 0, "gold", cafe.instant("2028-02-01")),
    ]
    assert (looked_at("2028-02-01"), *stands()) == (1, "green", None)


def test_whoever_brings_many_friends_sees_the_fifty_newest(cafe):
    ara, jun, bora = cafe.cast("Ara", "Jun", "Bora")
    for number in range(51):
        refer(cafe, ara, cafe.member(f"Friend {number}"))
        cafe.forward(minutes=1)
    refer(cafe, jun, bora)
    found = cafe.does(lambda: referrals.referees_of(merchant=cafe.merchant, member_id=ara.id))
    assert len(found) == 50
    assert (found[0].joined_at, found[-1].joined_at) == (
        cafe.now - timedelta(minutes=1), cafe.now - timedelta(minutes=50),
    )  # fmt: skip
    assert {(one.state, one.points) for one in found} == {("open", 0)}
