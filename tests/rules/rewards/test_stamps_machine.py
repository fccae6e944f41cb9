"""Any story of stamps: a machine tells it to the mechanic and to a sum, and compares after each step.

The whole model: every full 1,000 won that were paid and have not come back are a stamp, and so is each given by hand; five
of them are a coffee, taken or not.  What is on the open card is what is left, below zero where more were spent than earned.
It is proved by breaking the mechanic: the machine has to find each planted bug.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from django.db import connections
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from merchants import tenancy
from merchants.errors import LoyaltyError
from rewards import documents, stamp_adjustments, verify
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampBook
from rewards.own_rewards import OwnRewards
from rewards.sales.returns import RefundTooLarge
from rewards.stamp_adjustments import StampAdjustmentInput
from rewards.stamps import Cards
from tests import builders

SIZE = 5
CARD = {
    "code": "beans", "name": "Beans", "sizes": [SIZE], "gives": {"kind": "per_amount", "per_amount_minor": 1_000},
    "reward": "coffee",
}  # fmt: skip
WHO = st.integers(0, 1)
_stage: list[builders.Shop] = []
_names = itertools.count(1)


@dataclass
class Sold:
    """A sale, whose it is, and how much of it is left."""

    name: str
    who: int
    left: int


@dataclass
class Spent:
    redemption: str
    who: int
    state: str


@pytest.fixture
def shop(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        shop = builders.cafe(stamps=[CARD])
        _stage.append(shop)
        yield shop
        _stage.clear()
        connections.close_all()


class StampsMachine(RuleBasedStateMachine):
    """Two members, who buy, bring back, take what is theirs, and undo it."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = _stage[-1]
        self.people = [self.shop.member(f"Member {next(_names)}") for _ in range(2)]
        self.sales: list[Sold] = []
        self.spent: list[Spent] = []
        self.by_hand = [0, 0]

    # -- the model ------------------------------------------------------------------------------------------------

    def earned(self, who: int) -> int:
        return sum(sale.left // 1_000 for sale in self.sales if sale.who == who) + self.by_hand[who]

    def used(self, who: int) -> int:
        return sum(each.who == who and each.state in {"held", "captured"} for each in self.spent)

    def is_settled(self, who: int) -> None:
        """After whatever changed the card: nothing is owed while a reward is open, and no card is full."""
        left = self.earned(who) - SIZE * self.used(who)
        expected = (left, 0) if left < 0 else (left % SIZE, left // SIZE)
        assert self.found(who) == expected

    def found(self, who: int) -> tuple[int, int]:
        person = self.people[who]
        with tenancy.tenant(self.shop.merchant):
            book = StampBook.objects.filter(member_id=person.id).first() or StampBook()
            return book.stamps, OwnReward.objects.filter(member_id=person.id, state="open").count()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for who in range(2):
            stamps, own = self.found(who)
            assert stamps + SIZE * (own + self.used(who)) == self.earned(who)

    # -- what may happen ------------------------------------------------------------------------------------------

    @rule(who=WHO, won=st.integers(0, 13_000))
    def buys(self, who: int, won: int) -> None:
        name = builders.fresh("sale")
        self.people[who].buys(won, external_id=name)
        self.sales.append(Sold(name, who, won))
        if won >= 1_000:
            self.is_settled(who)

    @rule(pick=st.integers(0, 99), won=st.integers(1, 4_000))
    def returns_a_part(self, pick: int, won: int) -> None:
        if self.sales:
            sale = self.sales[pick % len(self.sales)]
            before = sale.left // 1_000
            if won > sale.left:
                with pytest.raises(RefundTooLarge):
                    self.people[sale.who].returns(sale.name, won)
                return
            self.people[sale.who].returns(sale.name, won)
            sale.left -= won
            if sale.left // 1_000 < before:
                self.is_settled(sale.who)

    @rule(who=WHO, count=st.sampled_from([-4, -1, 2, 6]))
    def is_corrected(self, who: int, count: int) -> None:
        asked = StampAdjustmentInput(
            external_id=builders.fresh("stamps"), stamp_card="beans", stamps=count, reason="By hand"
        )
        for _time in range(2):
            self.shop.does(
                lambda: stamp_adjustments.adjust(
                    merchant=self.shop.merchant, member=self.people[who].public_id, asked=asked, now=self.shop.now,
                    actor=builders.OWNER,
                )
            )  # fmt: skip
        self.by_hand[who] += count
        self.is_settled(who)

    @rule(who=WHO, pick=st.integers(0, 9), is_hold=st.booleans())
    def takes(self, who: int, pick: int, is_hold: bool) -> None:
        person = self.people[who]
        rows = OwnReward.objects.filter(member_id=person.id).order_by("pk").values_list("public_id", "state")
        own = self.shop.does(lambda: list(rows))
        if own:
            public_id, state = own[pick % len(own)]
            verb = person.holds if is_hold else person.redeems
            if state != "open":
                with pytest.raises(documents.Refused) as refused:
                    verb(own_reward=public_id)
                assert (refused.value.code, refused.value.context["state"]) == ("own_reward_gone", state)
                return
            taken = verb(own_reward=public_id)
            self.spent.append(Spent(taken.public_id, who, "held" if is_hold else "captured"))

    @rule(pick=st.integers(0, 99), how=st.sampled_from(["captures", "releases", "reverses"]))
    def ends(self, pick: int, how: str) -> None:
        if self.spent:
            spent = self.spent[pick % len(self.spent)]
            needs, becomes = {
                "captures": ("held", "captured"), "releases": ("held", "released"), "reverses": ("captured", "reversed"),
            }[how]  # fmt: skip
            verb = getattr(self.people[spent.who], how)
            if spent.state != needs:
                with pytest.raises(LoyaltyError):
                    verb(spent.redemption)
                return
            verb(spent.redemption)
            spent.state = becomes

    def teardown(self) -> None:
        with tenancy.tenant(self.shop.merchant):
            report = verify.verify_members(
                merchant=self.shop.merchant, member_ids=[person.id for person in self.people]
            )
        assert report.faults == []


def run(*, examples: int, steps: int, dice: int, **more) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        seed(dice)(StampsMachine),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            suppress_health_check=checks, report_multiple_bugs=False, print_blob=True, **more,
        ),
    )  # fmt: skip


def test_cards_do_what_the_sum_says(shop, drill_seed):
    run(examples=60, steps=40, dice=drill_seed)


@pytest.mark.drill
def test_cards_do_what_the_sum_says_all_night(shop, drill_seed):
    run(examples=1_000, steps=50, dice=drill_seed)


# -- it would have noticed --------------------------------------------------------------------------------------------


def rewards_are_kept_whatever_comes_back(monkeypatch):
    monkeypatch.setattr(Cards, "_revoke", lambda *asked, **more: None)


def what_is_taken_stays_open(monkeypatch):
    monkeypatch.setattr(OwnRewards, "become", lambda self, row, state: None)


def a_full_card_is_forgotten(monkeypatch):
    really, count = OwnRewards.issue, itertools.count()

    def every_other(self, row):
        if next(count) % 2:
            really(self, row)
        else:
            row.public_id = "own_0000000000000000"

    monkeypatch.setattr(OwnRewards, "issue", every_other)


@pytest.mark.parametrize(
    "plant", [rewards_are_kept_whatever_comes_back, what_is_taken_stays_open, a_full_card_is_forgotten]
)
def test_a_planted_bug_is_found(shop, monkeypatch, drill_seed, plant):
    plant(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017 - an assertion of the machine, or a constraint of the database
        run(examples=500, steps=30, dice=drill_seed, phases=[Phase.generate])
