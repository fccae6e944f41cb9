"""Whatever three members and their tills do, in any order: the ledger agrees after each step, nothing answers 500, and a
batch leaves what its sales leave one by one.

The journeys are the verbs of the entry points, thrown by dice: exchanges, refunds before their purchases, holds captured in
sales, claims, merges, people who leave. Each story is played twice, with batches and without; both must end alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from analytics import runs
from analytics import verify as numbers
from members.models import Member
from merchants.errors import LoyaltyError
from rewards import erasure, expiry, merging, purchases, redemptions, stamp_adjustments, verify
from rewards.mechanics.stamps import MECHANIC as STAMPS
from rewards.models.accounts import Account, Membership
from rewards.models.counters import Counter
from rewards.models.ledger import Lot
from rewards.models.own_rewards import OwnReward
from rewards.models.purchases import Claim, Purchase
from rewards.models.redemptions import Redemption
from rewards.models.referrals import Referral
from rewards.models.stamps import StampBook, StampEntry
from rewards.purchases import LineInput, PurchaseInput, PurchaseRef, RedemptionInput, RefundInput, RefundLine
from rewards.stamp_adjustments import StampAdjustmentInput
from tests import builders

pytestmark = pytest.mark.django_db

BASE = builders.PROGRAMME["earning"]["rules"][0]
THIRD = {"kind": "per_order", "code": "third", "name": "Third", "points": 30, "when": {"every_nth_purchase": 3}}
TEA = {"kind": "multiplier", "code": "tea", "name": "Tea", "factor": "2", "only": {"categories": ["tea"]}}
REFERRAL = {"referrer_points": 200, "referee_points": 100, "minimum_amount_minor": 1_000}
PAYING = {"points": 1, "amount_minor": 10}
#: A stamp for each cup of tea, at most three a day, what is more than a card takes begins the next; and one for each 900 won,
#: carried over, what is more is lost.  Few fill a card, so that many are.
CARDS = [
    {"code": "tea", "name": "Tea", "sizes": [3, 2], "gives": {"kind": "per_piece"}, "only": {"categories": ["tea"]},
     "most_per_day": 3, "life": {"count": 30, "unit": "days"}, "reward": "mug", "reward_days": 20},
    {"code": "won", "name": "Won", "sizes": [7], "gives": {"kind": "per_amount", "per_amount_minor": 900, "carries": True},
     "most_per_order": 5, "starts_next": False, "reward": "coffee"},
]  # fmt: skip
#: Caps and n-th purchases; sliding points, pending referrals and rounding by line; tiers by purchases, pending points.
PROGRAMMES: list[dict[str, Any]] = [
    {
        "earning": {"rules": [{**BASE, "caps": [{"points": 120, "per": "day"},
                    {"points": 400, "per": "month", "scope": "programme"}]}, THIRD, TEA]},
        "referral": REFERRAL,
    },
    {
        "earning": {"rules": [{**BASE, "caps": [{"points": 70, "per": "order"}]}]},
        "expiry": {"kind": "inactivity", "count": 2, "unit": "months"},
        "referral": {**REFERRAL, "pending": {"days": 3}},
        "points": {"rounding": {"scope": "line"}},
    },
    {
        "earning": {"rules": [BASE], "pending": {"days": 2}},
        "tiers": {"basis": "purchases", "window": {"kind": "calendar_year"}, "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 3, "multiplier": "1.5"}]},
    },
]  # fmt: skip
STEPS = 30


class Story:
    """One café with Ara, Bo, whom she brought, and Cho, whom Bo brought; every step is thrown by the same dice."""

    def __init__(self, dice: int, *, singly: bool) -> None:
        self.dice = random.Random(dice)
        self.singly = singly
        parts = {"pay_with_points": PAYING, "transfers": {}, "stamps": CARDS, **PROGRAMMES[dice % len(PROGRAMMES)]}
        self.cafe = builders.cafe(**parts)
        self.cafe.merchant.till_word_points_max = 10**9
        ara = self.cafe.joins("Ara")
        bo = self.cafe.joins("Bo", by=ara)
        self.people = [ara, bo, self.cafe.joins("Cho", by=bo)]
        self.names = {person.id: person.name for person in self.people}
        self.sold: list[tuple[str, int]] = []
        self.recorded: list[tuple[PurchaseInput, str]] = []
        self.spent: list[tuple[builders.Person, str]] = []
        self.merges: list[str] = []
        self.said: list[Any] = []
        self.number = 0
        self.steps: list[tuple[int, Callable[[], Any]]] = [
            (10, self.sells), (9, self.refunds), (4, self.claims), (2, self.unclaims), (1, self.merges_two),
            (1, self.unmerges), (3, self.waits), (1, self.gives), (1, self.corrects), (3, self.spends), (2, self.ends),
            (2, self.sends_again), (1, self.leaves), (2, self.takes_what_was_held), (2, self.quotes),
            (4, self.takes_own), (1, self.corrects_stamps), (2, self.clock_comes_round),
        ]  # fmt: skip

    def play(self) -> Any:
        weights = [weight for weight, _step in self.steps]
        for _ in range(STEPS):
            ((_weight, step),) = self.dice.choices(self.steps, weights)
            try:
                step()
            except LoyaltyError as refusal:
                self.said.append(refusal.code)
            faults = verify.verify(merchant=self.cafe.merchant).faults
            assert faults == [], (faults, self.said)
        runs.run(self.cafe.merchant, now=self.cafe.forward(days=1))
        assert numbers.audit(self.cafe.merchant).differences == (), self.said
        return self.cafe.does(self.picture)

    def picture(self) -> Any:
        """What is there in the end, without anything that tells two cafés apart."""
        name = self.names
        return {
            "accounts": {name[row.member_id]: (row.balance, row.held, row.pending, row.debt, row.seq)
                         for row in Account.objects.all()},
            "memberships": {name[row.member_id]: (row.purchases_count, row.free_ordinals, row.tier)
                            for row in Membership.objects.all()},
            "lots": sorted((name[row.account.member_id], row.amount, row.remaining, row.held, str(row.active_at),
                            str(row.expires_at)) for row in Lot.objects.select_related("account")),
            "purchases": sorted((row.external_id, row.state, name.get(row.member_id), row.points_earned,
                                 row.points_clawed_back, row.qualifying_points, row.ordinal, row.refunded_minor,
                                 row.points_paid_minor) for row in Purchase.objects.all()),
            "redemptions": sorted((name[row.member_id], row.state, row.points, row.points_captured, row.points_returned)
                                  for row in Redemption.objects.all()),
            "referrals": sorted((name[row.referee_id], row.state, row.referrer_points, row.referee_points)
                                for row in Referral.objects.all()),
            "cards": sorted((name[row.member_id], row.card, row.stamps, row.rest, row.filled, str(row.latest_at),
                             str(row.ends_at)) for row in StampBook.objects.all()),
            "stamps": sorted((name[row.member_id], row.card, row.kind, row.stamps, row.rest, row.stamps_after,
                              str(row.occurred_at)) for row in StampEntry.objects.all()),
            "own_rewards": sorted((name[row.member_id], row.reward, row.state, row.stamps, row.lost, str(row.issued_at),
                                   str(row.ends_at)) for row in OwnReward.objects.all()),
            "limits": sorted((row.scope, row.key, row.used) for row in Counter.objects.all() if row.used),
        }  # fmt: skip

    # -- at the till --------------------------------------------------------------------------------------------------

    def basket(self) -> tuple[LineInput, ...]:
        throw = self.dice.choice
        return tuple(
            LineInput(
                amount_minor=throw([-1, 1, 1, 0, 1]) * throw([100, 500, 999, 1_234, 5_000, 12_000]),
                category=throw(["", "tea", "cake"]), kind=throw(["goods", "goods", "goods", "tip", "deposit"]),
                quantity=throw([1, 1, 2, 3]),
            )
            for _ in range(self.dice.randint(1, 3))
        )  # fmt: skip

    def sale(self, who: builders.Person | None, lines: tuple[LineInput, ...], *asks: RedemptionInput) -> PurchaseInput:
        self.number += 1
        return PurchaseInput(
            external_id=f"s{self.number}", occurred_at=self.cafe.now, currency="KRW", lines=lines, redemptions=asks,
            total_minor=sum(line.amount_minor for line in lines), member=who.ref if who else None,
        )  # fmt: skip

    def record(self, *items: PurchaseInput) -> list[purchases.ItemOutcome]:
        outcomes = self.cafe.does(
            lambda: purchases.record(
                merchant=self.cafe.merchant, items=items, now=self.cafe.now, actor=builders.TILL
            )
        )  # fmt: skip
        for item, outcome in zip(items, outcomes, strict=True):
            self.said.append((item.external_id, outcome.error.code if outcome.error else "recorded"))
            self.sold.append((item.external_id, len(item.lines)))
            if outcome.error is None and not outcome.is_replay:
                self.recorded.append((item, outcome.public_id))
        return outcomes

    def sells(self) -> None:
        items = []
        for _ in range(self.dice.choice([1, 1, 2, 3])):
            who = self.dice.choice([*self.people, None])
            asks = []
            if who is not None and self.dice.random() < 0.3:
                asks.append(RedemptionInput(points=self.dice.choice([10, 20, 50])))
            if who is not None and self.dice.random() < 0.15:
                asks.append(RedemptionInput(reward="cake"))
            items.append(self.sale(who, self.basket(), *asks))
            back = timedelta(days=self.dice.choice([0, 0, 0, 1, 4]))
            items[-1] = structs.replace(items[-1], occurred_at=self.cafe.now - back)
        # One by one is in the order in which they occurred, and so is a batch.
        items.sort(key=lambda item: item.occurred_at)
        for part in [[item] for item in items] if self.singly else [items]:
            self.record(*part)

    def quotes(self) -> None:
        who, lines = self.dice.choice(self.people), self.basket()
        total = sum(line.amount_minor for line in lines)
        asked = purchases.QuoteInput(currency="KRW", total_minor=total, member=who.ref, lines=lines)
        quoted = self.cafe.does(
            lambda: purchases.quote(
                merchant=self.cafe.merchant, asked=asked, now=self.cafe.now, actor=builders.TILL
            )
        )  # fmt: skip
        (outcome,) = self.record(self.sale(who, lines))
        if outcome.error is None:
            assert outcome.receipt["points_earned"] == quoted.evaluation.points, self.said

    def sends_again(self) -> None:
        if self.recorded:
            item, public_id = self.dice.choice(self.recorded)
            (outcome,) = self.record(item)
            assert (outcome.is_replay, outcome.public_id) == (True, public_id), self.said

    def refunds(self) -> None:
        self.number += 1
        name, count = self.dice.choice(self.sold[-8:]) if self.sold else ("s1", 2)
        if self.dice.random() < 0.15:
            name, count = f"s{self.number + self.dice.randint(1, 3)}", 2
        fields: dict[str, Any] = {}
        way = self.dice.random()
        if way < 0.35:
            places = self.dice.sample(range(1, count + 1), self.dice.randint(1, count))
            fields["lines"] = tuple(
                RefundLine(
                    id=str(place), quantity=self.dice.choice([None, None, 1]),
                    amount_minor=self.dice.choice([None, None, 100]),
                )
                for place in places
            )  # fmt: skip
        elif way < 0.65:
            fields["amount_minor"] = self.dice.choice([1, 100, 777, 5_000])
        self.said.append(("refund", name, fields))
        asked = RefundInput(
            external_id=f"f{self.number}", occurred_at=self.cafe.now, purchase=PurchaseRef(external_id=name), **fields
        )
        self.cafe.does(
            lambda: purchases.refund(
                merchant=self.cafe.merchant, asked=asked, now=self.cafe.now, actor=builders.TILL
            )
        )  # fmt: skip

    # -- points -------------------------------------------------------------------------------------------------------

    def spends(self) -> None:
        who = self.dice.choice(self.people)
        verb = self.dice.choice([who.redeems, who.holds])
        self.spent.append((who, verb(reward=self.dice.choice(["cake", "mug", "coffee"])).public_id))
        self.said.append((verb.__name__, who.name))

    def ends(self) -> None:
        if self.spent:
            who, redemption = self.dice.choice(self.spent)
            verb = self.dice.choice([who.captures, who.releases, who.reverses])
            verb(redemption)
            self.said.append((verb.__name__, who.name))

    def takes_what_was_held(self) -> None:
        if self.spent:
            who, redemption = self.dice.choice(self.spent)
            asks = [RedemptionInput(id=redemption), RedemptionInput(points=10)][: self.dice.randint(1, 2)]
            self.record(self.sale(who, (LineInput(amount_minor=5_000),), *asks))

    def gives(self) -> None:
        one, other = self.dice.sample(self.people, 2)
        one.gives(other, self.dice.choice([5, 30]))
        self.said.append(("gift", one.name, other.name))

    def corrects(self) -> None:
        who, points = self.dice.choice(self.people), self.dice.choice([-50, 20, 100])
        who.is_adjusted(points, allow_debt=points < 0)
        self.said.append(("adjusted", who.name, points))

    def takes_own(self) -> None:
        """At once, set aside, or with a sale: a reward that is theirs, or one that is not any more."""
        who = self.dice.choice(self.people)
        rows = OwnReward.objects.filter(member_id=who.id).order_by("pk").values_list("public_id", flat=True)
        if own := self.cafe.does(lambda: list(rows)):
            chosen, way = self.dice.choice(own[-3:]), self.dice.choice(["redeems", "holds", "sale"])
            self.said.append((way, who.name, own.index(chosen)))
            if way == "sale":
                self.record(self.sale(who, self.basket(), RedemptionInput(own_reward=chosen)))
            else:
                verb = who.redeems if way == "redeems" else who.holds
                self.spent.append((who, verb(own_reward=chosen).public_id))

    def corrects_stamps(self) -> None:
        who, count = self.dice.choice(self.people), self.dice.choice([-3, -1, 1, 4])
        self.number += 1
        asked = StampAdjustmentInput(external_id=f"h{self.number}", stamp_card="tea", stamps=count, reason="By hand")
        self.cafe.does(
            lambda: stamp_adjustments.adjust(
                merchant=self.cafe.merchant, member=who.public_id, asked=asked, now=self.cafe.now, actor=builders.OWNER
            )
        )
        self.said.append(("stamps", who.name, count))

    def clock_comes_round(self) -> None:
        now = self.cafe.now
        for work in (partial(expiry.settle_members_due, STAMPS), redemptions.expire_holds):
            self.cafe.does(lambda work=work: work(merchant=self.cafe.merchant, now=now))
            assert self.cafe.does(lambda work=work: work(merchant=self.cafe.merchant, now=now)) == 0, self.said

    def waits(self) -> None:
        self.cafe.forward(days=self.dice.choice([0.1, 1, 3, 20, 40]))

    # -- people -------------------------------------------------------------------------------------------------------

    def claims(self) -> None:
        if self.sold:
            (name, _count), who = self.dice.choice(self.sold[-10:]), self.dice.choice(self.people)
            who.claims(name)
            self.said.append(("claimed", name, who.name))

    def unclaims(self) -> None:
        standing = Claim.objects.filter(is_undone=False).order_by("pk").values_list("public_id", flat=True)
        if claims := self.cafe.does(lambda: list(standing)):
            claim = self.dice.choice(claims)
            self.cafe.does(
                lambda: purchases.unclaim(
                    merchant=self.cafe.merchant,
                    claim=claim,
                    reason="Not theirs",
                    now=self.cafe.now,
                    actor=builders.OWNER,
                )
            )
            self.said.append("unclaimed")

    def merges_two(self) -> None:
        one, other = self.dice.sample(self.people, 2)
        self.merges.append(one.is_merged_into(other).public_id)
        self.said.append(("merged", one.name, other.name))

    def unmerges(self) -> None:
        if self.merges:
            merge = self.dice.choice(self.merges)
            self.cafe.does(
                lambda: merging.unmerge(
                    merchant=self.cafe.merchant, merge=merge, now=self.cafe.now, actor=builders.OWNER
                )
            )  # fmt: skip
            self.said.append("unmerged")

    def leaves(self) -> None:
        who = self.dice.choice(self.people)
        if self.dice.random() < 0.4:
            self.cafe.does(
                lambda: erasure.leave(
                    merchant=self.cafe.merchant, member=Member.objects.get(pk=who.id), now=self.cafe.now,
                    actor=builders.OWNER,
                )
            )  # fmt: skip
            self.said.append(("left", who.name))


@pytest.mark.parametrize("story", range(6))
def test_any_journeys_agree_and_a_batch_leaves_what_its_sales_leave(story, drill_seed, pytestconfig):
    for dice in range(story, 120 if pytestconfig.getoption("--drills") else 6, 6):
        together, singly = (Story(drill_seed * 1_000 + dice, singly=singly).play() for singly in (False, True))
        assert together == singly
