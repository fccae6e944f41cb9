"""What a sale does: points by the terms of its moment, once, whatever comes twice, late, together or before its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.models import Member
from merchants import ids, tenancy
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.merchants import Location
from merchants.models.outbox import OutboxEvent
from rewards import purchases, terms
from rewards.models.accounts import Account, Membership, TierPeriod
from rewards.models.counters import Counter
from rewards.models.ledger import Entry, Lot
from rewards.models.programmes import TermsVersion
from rewards.models.purchases import Purchase, PurchaseLine, Refund
from rewards.models.referrals import Referral
from rewards.purchases import (
    LineInput,
    MemberRef,
    PurchaseInput,
    PurchaseRef,
    RefundInput,
    RefundLine,
    SaleSource,
    recording,
)
from rewards.sales import returns
from tests import builders
from tests.people import open_shop

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # noon in Seoul, a Friday
TILL = Actor("key", "key_till")

PLAIN = {
    "name": "Bean Club",
    "currency": "KRW",
    "earning": {"rules": [{"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100}]},
}
TIERS = {
    "tiers": {
        "basis": "qualifying_points",
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 500, "multiplier": "2"},
        ],
    }
}


class Cafe:
    """A café in Seoul with Mina and Jun as members; every call is its own transaction's worth of work."""

    def __init__(self, document: dict, *, since: datetime = NOON - timedelta(days=400)) -> None:
        self.merchant = open_shop("cafe", created_at=since)
        self.number = 0
        with tenancy.tenant(self.merchant):
            Location.objects.create(merchant=self.merchant, public_id=ids.mint("loc"), code="gangnam", name="Gangnam")
        self.publish(document, since)
        self.mina = self.join("Mina")
        self.jun = self.join("Jun")

    def publish(self, document: dict, since: datetime) -> None:
        self.number += 1
        with tenancy.tenant(self.merchant):
            TermsVersion.objects.create(
                merchant=self.merchant,
                number=self.number,
                document=terms.document(terms.parse(document)),
                document_sha256="",
                effective_from=since,
                published_at=since,
                published_by="owner",
            )

    def join(self, name: str, *, joined_at: datetime = NOON - timedelta(days=300)) -> Member:
        with tenancy.tenant(self.merchant):
            member = Member.objects.create(
                merchant=self.merchant,
                public_id=ids.mint("mem"),
                code=ids.normalise(ids.mint_member_code()),
                name=name,
                joined_at=joined_at,
                recorded_at=joined_at,
            )
            builders.open_account(self.merchant, member)
        return member

    def sale(self, external_id: str, member: Member | None, won: int, **fields) -> PurchaseInput:
        fields.setdefault("occurred_at", NOON)
        ref = MemberRef(id=member.public_id) if member else None
        return PurchaseInput(
            external_id=external_id, currency="KRW", total_minor=won, member=ref, location="gangnam", **fields
        )

    def record(self, *items: PurchaseInput, now: datetime = NOON, source: SaleSource | None = None):
        return tenancy.attempt(
            self.merchant,
            lambda: purchases.record(
                merchant=self.merchant, items=items, now=now, actor=TILL, **({"source": source} if source else {})
            ),
        )

    def sell(self, external_id: str, member: Member | None, won: int, *, now: datetime = NOON, **fields):
        (outcome,) = self.record(self.sale(external_id, member, won, **fields), now=now)
        if outcome.error:
            raise outcome.error
        return outcome

    def refund(self, external_id: str, sold: str, *, now: datetime = NOON, **fields):
        asked = RefundInput(external_id=external_id, occurred_at=now, purchase=PurchaseRef(external_id=sold), **fields)
        return tenancy.attempt(
            self.merchant, lambda: purchases.refund(merchant=self.merchant, asked=asked, now=now, actor=TILL)
        ).receipt

    def account(self, member: Member) -> Account:
        with tenancy.tenant(self.merchant):
            return Account.objects.get(member=member)

    def membership(self, member: Member) -> Membership:
        with tenancy.tenant(self.merchant):
            return Membership.objects.get(member=member)

    def entries(self, member: Member) -> list[tuple[str, int, int]]:
        with tenancy.tenant(self.merchant):
            rows = Entry.objects.filter(account__member=member).order_by("seq")
            return [(row.kind, row.balance_change, row.debt_change) for row in rows]

    def events(self) -> list[tuple[str, dict]]:
        with tenancy.tenant(self.merchant):
            return list(OutboxEvent.objects.order_by("pk").values_list("kind", "payload"))

    def rows(self, model) -> int:
        with tenancy.tenant(self.merchant):
            return model.objects.count()


pytestmark = pytest.mark.django_db


def test_a_sale_earns_by_the_rule_and_says_so():
    cafe = Cafe(PLAIN)

    receipt = cafe.sell("r1", cafe.mina, 12_345).receipt

    assert receipt["points_earned"] == 123  # 12,345 won at 1 per 100, rounded down
    assert receipt["balance_after"] == 123
    assert next((step.code, step.rule, step.points) for step in receipt["trace"]) == ("gave", "base", 123)
    assert cafe.entries(cafe.mina) == [("accrue", 123, 0)]
    assert cafe.rows(PurchaseLine) == 1


def test_the_same_sale_sent_twice_is_one_sale():
    cafe = Cafe(PLAIN)
    first = cafe.sell("r1", cafe.mina, 10_000)

    again = cafe.sell("r1", cafe.mina, 10_000)

    assert again.is_replay
    assert again.receipt["id"] == first.receipt["id"]
    assert again.receipt["points_earned"] == 100
    assert cafe.account(cafe.mina).balance == 100
    assert cafe.rows(Purchase) == 1


def test_the_same_id_for_another_sale_is_refused_and_changes_nothing():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)

    (outcome,) = cafe.record(cafe.sale("r1", cafe.mina, 99_900))

    assert outcome.error.code == "external_id_reused"
    assert cafe.account(cafe.mina).balance == 100


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"occurred_at": NOON - timedelta(days=31)}, "occurred_at_out_of_bounds"),
        ({"occurred_at": NOON + timedelta(minutes=6)}, "occurred_at_too_early"),
        ({"occurred_at": NOON + timedelta(days=3)}, "occurred_at_out_of_bounds"),
        ({"lines": (LineInput(amount_minor=9_999),)}, "totals_disagree"),
        ({"lines": (LineInput(id="a", amount_minor=1), LineInput(id="a", amount_minor=9_999))}, "invalid"),
        ({"tenders": (purchases.Tender(kind="cash", amount_minor=1),)}, "totals_disagree"),
        ({"tax_minor": 10_001}, "invalid"),
    ],
)
def test_a_sale_that_cannot_be_meant_is_refused_and_leaves_no_trace(fields, code):
    cafe = Cafe(PLAIN)

    (outcome,) = cafe.record(cafe.sale("r1", cafe.mina, 10_000, **fields))

    assert outcome.error.code == code
    assert cafe.rows(Purchase) == 0
    assert cafe.account(cafe.mina).seq == 0


def test_a_backfill_may_go_back_further_than_a_till():
    cafe = Cafe(PLAIN)
    long_ago = NOON - timedelta(days=200)
    sale = cafe.sale("r1", cafe.mina, 10_000, occurred_at=long_ago)

    (refused,) = cafe.record(sale)
    (recorded,) = cafe.record(sale, source=SaleSource(may_backfill=True, is_silent=True))

    assert refused.error.code == "occurred_at_out_of_bounds"
    assert recorded.error is None
    assert cafe.account(cafe.mina).balance == 100


def test_a_refused_item_leaves_the_rest_of_its_batch_alone():
    cafe = Cafe(PLAIN)
    ghost = Member(public_id="mem_0000000000000000")

    outcomes = cafe.record(
        cafe.sale("r1", cafe.mina, 10_000), cafe.sale("r2", ghost, 10_000), cafe.sale("r3", cafe.jun, 5_000)
    )

    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "member_not_found", None]
    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.jun).balance) == (100, 50)
    assert cafe.rows(Purchase) == 2


def test_a_guests_sale_is_kept_and_earns_nothing():
    cafe = Cafe(PLAIN)

    receipt = cafe.sell("r1", None, 10_000).receipt

    assert (receipt["points_earned"], receipt["points_unclaimed"], receipt["balance_after"]) == (0, 100, None)
    assert cafe.rows(Lot) == 0


def test_a_late_sale_is_priced_by_the_terms_of_its_own_moment():
    cafe = Cafe(PLAIN)
    doubled = {**PLAIN, "earning": {"rules": [{**PLAIN["earning"]["rules"][0], "points": 2}]}}
    cafe.publish(doubled, NOON - timedelta(days=1))

    late = cafe.sell("late", cafe.mina, 10_000, occurred_at=NOON - timedelta(days=2))
    today = cafe.sell("today", cafe.mina, 10_000)

    assert (late.receipt["points_earned"], late.receipt["terms_version"]) == (100, 1)
    assert (today.receipt["points_earned"], today.receipt["terms_version"]) == (200, 2)


def test_a_sale_before_the_first_programme_earns_nothing_and_says_why():
    cafe = Cafe(PLAIN, since=NOON - timedelta(days=1))

    receipt = cafe.sell("r1", cafe.mina, 10_000, occurred_at=NOON - timedelta(days=2)).receipt

    assert receipt["points_earned"] == 0
    assert receipt["trace"][0].code == "no_programme_yet"


def test_points_that_had_lapsed_before_the_late_sale_arrived_are_written_and_expired_at_once():
    cafe = Cafe({**PLAIN, "expiry": {"kind": "rolling", "count": 5, "unit": "days"}})

    cafe.sell("late", cafe.mina, 10_000, occurred_at=NOON - timedelta(days=10))

    assert cafe.entries(cafe.mina) == [("accrue", 100, 0), ("expire", -100, 0)]
    assert cafe.account(cafe.mina).balance == 0


def test_the_sale_that_reaches_a_tier_earns_at_the_old_rate_and_the_next_at_the_new():
    cafe = Cafe({**PLAIN, **TIERS})

    reaching = cafe.sell("r1", cafe.mina, 50_000)  # 500 points: gold from now on
    after = cafe.sell("r2", cafe.mina, 10_000, now=NOON + timedelta(minutes=1), occurred_at=NOON + timedelta(minutes=1))

    assert (reaching.receipt["points_earned"], reaching.receipt["tier_after"]) == (500, "gold")
    assert after.receipt["points_earned"] == 200


def test_a_sale_from_before_the_rise_earns_at_the_tier_held_then():
    cafe = Cafe({**PLAIN, **TIERS})
    cafe.sell("r1", cafe.mina, 50_000)

    late = cafe.sell("r2", cafe.mina, 10_000, now=NOON + timedelta(hours=2), occurred_at=NOON - timedelta(hours=1))

    assert late.receipt["points_earned"] == 100


def test_a_refund_that_takes_the_tiers_ground_away_takes_the_tier_too():
    cafe = Cafe({**PLAIN, **TIERS})
    cafe.sell("r1", cafe.mina, 50_000)
    assert cafe.membership(cafe.mina).tier == "gold"

    receipt = cafe.refund("f1", "r1", amount_minor=100, now=NOON + timedelta(days=1))

    assert receipt["tier_after"] == "green"
    with tenancy.tenant(cafe.merchant):
        held = list(TierPeriod.objects.order_by("id").values_list("tier", "reason"))
    assert held == [("gold", "upgrade"), ("green", "refund")] or held[-1] == ("green", "refund")


def test_slicing_a_refund_gains_nothing():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)  # 100 points

    taken = [cafe.refund(f"f{n}", "r1", amount_minor=50)["points_clawed_back"] for n in range(4)]

    # 9,950 earns 99, 9,900 earns 99, 9,850 earns 98, 9,800 earns 98
    assert taken == [1, 0, 1, 0]
    assert cafe.account(cafe.mina).balance == 98


def test_a_whole_refund_takes_back_everything():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 12_345)

    receipt = cafe.refund("f1", "r1")

    assert (receipt["amount_minor"], receipt["points_clawed_back"], receipt["left_minor"]) == (12_345, 123, 0)
    assert cafe.account(cafe.mina).balance == 0


def test_the_same_refund_sent_twice_is_one_refund():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)

    first = cafe.refund("f1", "r1", amount_minor=2_500)
    again = cafe.refund("f1", "r1", amount_minor=2_500)

    assert first == again
    assert cafe.account(cafe.mina).balance == 75


def test_more_than_is_left_is_refused_and_changes_nothing():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)
    cafe.refund("f1", "r1", amount_minor=6_000)

    with pytest.raises(returns.RefundTooLarge):
        cafe.refund("f2", "r1", amount_minor=4_001)

    assert cafe.account(cafe.mina).balance == 40
    assert cafe.rows(Refund) == 1


def test_a_refund_line_by_line():
    cafe = Cafe(PLAIN)
    cafe.sell(
        "r1", cafe.mina, 9_000,
        lines=(
            LineInput(id="latte", amount_minor=6_000, quantity=Decimal(2)),
            LineInput(id="cake", amount_minor=3_000),
        ),
    )  # fmt: skip

    one_latte = cafe.refund("f1", "r1", lines=(RefundLine(id="latte", quantity=Decimal(1)),))
    cake = cafe.refund("f2", "r1", lines=(RefundLine(id="cake"),))

    assert (one_latte["amount_minor"], one_latte["points_clawed_back"]) == (3_000, 30)
    assert (cake["amount_minor"], cake["points_clawed_back"]) == (3_000, 30)
    assert cafe.account(cafe.mina).balance == 30


def test_a_line_that_was_not_sold_or_came_back_before_is_named():
    """A clerk who scans the wrong cake is not told that there is too little money left."""
    cafe = Cafe(PLAIN)
    cafe.sell(
        "r1", cafe.mina, 9_600,
        lines=(
            LineInput(id="latte", amount_minor=6_600, quantity=Decimal(2)),
            LineInput(id="cake", amount_minor=3_000),
        ),
    )  # fmt: skip
    cafe.refund("f1", "r1", lines=(RefundLine(id="cake"),))
    cafe.refund("f2", "r1", lines=(RefundLine(id="latte", quantity=Decimal("0.5")),))
    left = cafe.account(cafe.mina).balance

    def refused(*lines):
        with pytest.raises(LoyaltyError) as refusal:
            cafe.refund("f3", "r1", lines=lines)
        return refusal.value.code, refusal.value.pointer, dict(refusal.value.context), refusal.value.detail

    assert refused(RefundLine(id="latte"), RefundLine(id="tea")) == (
        "unknown_line", "/lines/1/id", {"line": "tea"}, "The purchase has no line tea."
    )  # fmt: skip
    assert refused(RefundLine(id="cake")) == (
        "line_refunded", "/lines/0", {"line": "cake", "left_quantity": 0, "left_minor": 0},
        "All of line cake has come back before.",
    )  # fmt: skip
    assert refused(RefundLine(id="latte", quantity=Decimal(2))) == (
        "line_refunded", "/lines/0", {"line": "latte", "left_quantity": 1.5, "left_minor": 4_950},
        "Of line latte there is 1.5 left, for ₩4,950.",
    )  # fmt: skip
    assert refused(RefundLine(id="latte", amount_minor=4_951))[0] == "line_refunded"
    assert cafe.account(cafe.mina).balance == left == 49
    assert cafe.rows(Refund) == 2


def test_a_refund_that_waited_for_a_line_that_never_came_is_refused_and_the_sale_is_recorded():
    cafe = Cafe(PLAIN)
    cafe.refund("f1", "r1", lines=(RefundLine(id="tea"),))

    receipt = cafe.sell("r1", cafe.mina, 3_000, lines=(LineInput(id="cake", amount_minor=3_000),)).receipt

    assert receipt["points_earned"] == 30
    with tenancy.tenant(cafe.merchant):
        refund = Refund.objects.get()
        assert (refund.is_applied, refund.refusal) == (False, "unknown_line")


def test_a_refund_may_come_before_its_purchase():
    cafe = Cafe(PLAIN)

    waiting = cafe.refund("f1", "r1", amount_minor=2_500)
    receipt = cafe.sell("r1", cafe.mina, 10_000).receipt

    assert waiting["state"] == "waiting"
    assert (receipt["points_earned"], receipt["points_clawed_back"], receipt["balance_after"]) == (100, 25, 75)
    with tenancy.tenant(cafe.merchant):
        assert Refund.objects.get().is_applied


def test_others_hear_of_a_refund_that_waited_once_its_purchase_has_come():
    cafe = Cafe(PLAIN)
    waiting = cafe.refund("f1", "r1", amount_minor=2_500)
    assert cafe.events() == []

    cafe.sell("r1", cafe.mina, 10_000)

    assert [kind for kind, _payload in cafe.events()] == ["purchase.recorded", "purchase.refunded"]
    refunded = cafe.events()[1][1]
    assert (refunded["refund"], refunded["amount_minor"], refunded["points_clawed_back"]) == (waiting["id"], 2_500, 25)


def test_what_was_spent_meanwhile_becomes_debt_and_the_next_points_pay_it():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)  # 100
    _spend(cafe, cafe.mina, 80)  # 20 left

    receipt = cafe.refund("f1", "r1")
    assert (receipt["balance_after"], receipt["debt_after"], receipt["debt_made"]) == (0, 80, 80)

    cafe.sell("r2", cafe.mina, 10_000)
    account = cafe.account(cafe.mina)
    assert (account.balance, account.debt) == (20, 0)


def test_a_cap_is_given_back_by_a_refund():
    capped = {
        **PLAIN,
        "earning": {"rules": [{**PLAIN["earning"]["rules"][0], "caps": [{"points": 100, "per": "day"}]}]},
    }
    cafe = Cafe(capped)

    first = cafe.sell("r1", cafe.mina, 8_000).receipt["points_earned"]
    second = cafe.sell("r2", cafe.mina, 8_000).receipt["points_earned"]
    cafe.refund("f1", "r1")
    third = cafe.sell("r3", cafe.mina, 8_000).receipt["points_earned"]

    assert (first, second, third) == (80, 20, 80)
    with tenancy.tenant(cafe.merchant):
        assert Counter.objects.get().used == 100


def test_a_referral_pays_both_sides_once_and_is_undone_by_the_refund():
    cafe = Cafe({**PLAIN, "referral": {"referrer_points": 300, "referee_points": 200, "minimum_amount_minor": 5_000}})
    with tenancy.tenant(cafe.merchant):
        Referral.objects.create(
            merchant=cafe.merchant, public_id=ids.mint("rfl"), created_at=NOON,
            referrer=cafe.mina, referee=cafe.jun,
        )  # fmt: skip

    cafe.sell("r1", cafe.jun, 10_000)
    cafe.sell("r2", cafe.jun, 10_000)
    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.jun).balance) == (300, 400)

    cafe.refund("f1", "r1", amount_minor=5_001)  # 4,999 is left: less than a referral asks for
    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.jun).balance) == (0, 149)
    with tenancy.tenant(cafe.merchant):
        assert Referral.objects.get().state == "undone"


def test_a_quote_holds_or_is_refused_but_is_never_priced_again():
    cafe = Cafe(PLAIN)
    asked = purchases.QuoteInput(
        currency="KRW",
        total_minor=10_000,
        occurred_at=NOON,
        member=MemberRef(id=cafe.mina.public_id),
        location="gangnam",
    )
    quoted = tenancy.attempt(
        cafe.merchant, lambda: purchases.quote(merchant=cafe.merchant, asked=asked, now=NOON, actor=TILL)
    )
    assert quoted.evaluation.points == 100
    assert (cafe.rows(Purchase), cafe.rows(Entry)) == (0, 0)

    kept = cafe.record(cafe.sale("r1", cafe.mina, 10_000, quote=quoted.token))[0]
    other = cafe.record(cafe.sale("r2", cafe.mina, 10_001, quote=quoted.token))[0]
    late = cafe.record(cafe.sale("r3", cafe.mina, 10_000, quote=quoted.token), now=NOON + timedelta(minutes=16))[0]
    doubled = {**PLAIN, "earning": {"rules": [{**PLAIN["earning"]["rules"][0], "points": 2}]}}
    cafe.publish(doubled, NOON - timedelta(seconds=1))
    changed = cafe.record(cafe.sale("r4", cafe.mina, 10_000, quote=quoted.token))[0]

    assert kept.receipt["points_earned"] == 100
    assert other.error.code == "invalid"
    assert late.error.code == "quote_expired"
    assert changed.error.code == "quote_changed"
    assert cafe.account(cafe.mina).balance == 100


WON = st.integers(min_value=0, max_value=60_000)
WHEN = st.integers(min_value=-3, max_value=0)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(["mina", "jun", None]), WON, WHEN), min_size=1, max_size=12))
def test_any_batch_equals_its_items_posted_singly(basket):
    """All at once, in turns of three (whose orders are made by time, not by place), and one by one."""
    document = {
        **PLAIN,
        **TIERS,
        "earning": {"rules": [{**PLAIN["earning"]["rules"][0], "caps": [{"points": 400, "per": "day"}]}]},
        "expiry": {"kind": "rolling", "count": 2, "unit": "days"},
        "rewards": [{"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 100}],
        "stamps": [
            {
                "code": "beans", "name": "Beans", "sizes": [3, 2], "most_per_day": 4, "life": {"count": 2, "unit": "days"},
                "gives": {"kind": "per_amount", "per_amount_minor": 10_000, "carries": True}, "reward": "coffee",
            }
        ],
    }  # fmt: skip
    together, in_turns, singly = Cafe(document), Cafe(document), Cafe(document)
    for cafe in (together, in_turns, singly):
        items = [
            cafe.sale(f"r{n}", getattr(cafe, who) if who else None, won, occurred_at=NOON + timedelta(days=days))
            for n, (who, won, days) in enumerate(basket)
        ]
        if cafe is together:
            assert not any(outcome.error for outcome in cafe.record(*items))
        elif cafe is in_turns:
            with mock.patch.object(recording, "TURN", 3):
                told = purchases.record_in_turns(merchant=cafe.merchant, items=items, now=NOON, actor=TILL)
            assert [outcome.receipt["external_id"] for outcome in told] == [item.external_id for item in items]
        else:
            for item in sorted(items, key=lambda item: item.occurred_at):
                assert cafe.record(item)[0].error is None
    assert picture(together) == picture(in_turns) == picture(singly)


def picture(cafe: Cafe) -> list[tuple]:
    """Everything the café's rows say, without their ids."""
    columns = {
        "rewards_account": "balance, held, pending, debt, seq",
        "rewards_membership": "purchases_count, free_ordinals, tier, last_activity_at",
        "rewards_entry": "seq, kind, balance_change, pending_change, debt_change, balance_after, rules, occurred_at",
        "rewards_lot": "amount, remaining, is_active, active_at, expires_at",
        "rewards_purchase": "external_id, total_minor, points_earned, qualifying_points, ordinal, facts, local_day",
        "rewards_purchaseline": "position, amount_minor",
        "rewards_counter": "scope, key, unit, used",
        "rewards_stampbook": "card, stamps, rest, filled, latest_at, ends_at",
        "rewards_stampentry": "card, kind, stamps, rest, stamps_after, occurred_at",
        "rewards_ownreward": "reward, card, state, stamps, lost, issued_at, ends_at",
        "rewards_tierperiod": "tier, held_from, held_to, reason, value",
    }
    found = []
    with tenancy.tenant(cafe.merchant), connection.cursor() as cursor:
        for table, names in columns.items():
            cursor.execute(f"SELECT {names} FROM {table} WHERE merchant_id = %s", [cafe.merchant.pk])
            found += sorted((table, *map(str, row)) for row in cursor.fetchall())
    return found


def _spend(cafe: Cafe, member: Member, points: int) -> None:
    from rewards.points import Book, Cause

    def spend() -> None:
        book = Book.open(cafe.merchant.pk, member_ids=[member.pk], now=NOON, actor=TILL)
        account = book.of_member(member.pk)
        account.redeem(Cause("redemption", 0, NOON), points=points, now=NOON, actor=str(TILL))
        book.write()

    tenancy.attempt(cafe.merchant, spend)


def test_a_sale_asked_again_after_the_window_still_answers_its_receipt():
    cafe = Cafe(PLAIN)
    first = cafe.sell("r1", cafe.mina, 10_000)
    refunded = cafe.refund("f1", "r1", amount_minor=1_000)
    much_later = NOON + timedelta(days=90)

    (again,) = cafe.record(cafe.sale("r1", cafe.mina, 10_000), now=much_later)
    assert again.is_replay
    assert again.receipt["id"] == first.receipt["id"]

    asked = RefundInput(external_id="f1", occurred_at=NOON, purchase=PurchaseRef(external_id="r1"), amount_minor=1_000)
    once_more = tenancy.attempt(
        cafe.merchant, lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=much_later, actor=TILL)
    )
    assert once_more.receipt == refunded


# -- days and zones -----------------------------------------------------------------------------------------------------


def test_f28_when_the_merchant_moves_to_another_zone_what_was_promised_keeps_its_instant():
    """A cap of 150 points a day, and points that live a year: Café Haneul moves from Seoul to Berlin."""
    base = builders.PROGRAMME["earning"]["rules"][0]
    cafe = builders.cafe(earning={"rules": [{**base, "caps": [{"points": 150, "per": "day"}]}]})
    mina = cafe.member("Mina")
    mina.buys(10_000, external_id="seoul")  # noon of 4 March in Seoul, four in the morning in Berlin
    ends = cafe.does(lambda: Lot.objects.get().expires_at)

    cafe.merchant.zone = "Europe/Berlin"
    cafe.does(lambda: cafe.merchant.save(update_fields=["zone"]))
    cafe.forward(hours=14)  # 18:00 in Berlin, and 02:00 of 5 March in Seoul
    late = mina.buys(10_000)

    # It is 4 March in Berlin still: 50 are left of the day's 150.
    assert late.receipt["points_earned"] == 50
    assert cafe.does(lambda: Lot.objects.order_by("id").first().expires_at) == ends
    assert cafe.does(lambda: Purchase.objects.order_by("id").last().local_day.isoformat()) == "2026-03-04"
    # The refund of the first is judged by the facts kept with it, the zone among them.
    mina.returns("seoul")
    assert mina.points() == (50, 0, 0, 0)


def test_f14_points_spent_on_a_purchase_come_back_too_late_and_lapse_at_once():
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.is_given(100, expires="2026-03-10")
    mina.buys(10_000, external_id="s-1", redeeming=[{"points": 100}])
    earned = mina.points()[0]
    cafe.at("2026-03-12")

    back = mina.returns("s-1")

    assert back.receipt["points_restored"] == 100
    assert mina.entries()[-2:] == [("reverse", 100), ("expire", -100)]
    assert (earned, mina.points()) == (90, (0, 0, 0, 0))
