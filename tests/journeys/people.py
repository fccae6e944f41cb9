"""What happens to people and to the programme: joining, merging, blocking, leaving, new terms, and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from members import blocking, cards
from members.inputs import NewMember
from members.models import Member
from rewards import (
    adjustments,
    enrolment,
    erasure,
    expiry,
    merging,
    purchases,
    redemptions,
    referrals,
    safeguards,
    tiers,
)
from rewards.purchases import ClaimInput, LineInput, PurchaseRef, RedemptionInput
from rewards.redemptions import RedemptionRequest, ReversalInput
from tests import builders
from tests.journeys import tables
from tests.journeys.points import Points
from tests.journeys.programmes import programme

MORE = ("Dan", "Eva", "Fay", "Gil", "Hana")


class People(Points):
    """Steps of members, staff and the clock."""

    def joins(self) -> None:
        """Somebody new, mostly brought by a member (also by one who has gone meanwhile), buys soon or not."""
        names = [name for name in MORE if name not in self.cafe.people]
        if not names:
            return
        by = self.dice.choice(self.people) if self.dice.chance(0.85) else None
        code = self.cafe.does(lambda: Member.objects.get(pk=by.id).code) if by else None
        card = {"card": f"9000-100{len(self.people)}"} if self.dice.chance(0.6) else {}
        details = NewMember(name=names[0], external_id=names[0], referred_by=code, birthday="03-20", **card)
        enrolled = self.ask(enrolment.enrol, details=details, source="api")
        if enrolled is None:
            return
        row = enrolled.member
        person = builders.Person(self.cafe, names[0], row.pk, row.public_id, 0)
        self.cafe.people[names[0]] = person
        self.people.append(person)
        self.cards |= {names[0]: card["card"]} if card else {}
        if self.dice.chance(0.6):
            if self.dice.chance(0.3):
                self.cafe.forward(days=self.dice.choice([1, 5, 18]))
            if self.dice.chance(0.25):
                self._claims_first(person)
                return
            first = self.sale(person, self.basket())
            if self.dice.chance(0.35):
                # What is left of it decides whether whoever brought them is paid.
                self.refund(PurchaseRef(external_id=first.external_id), len(first.lines))
            later = self.sale(person, self.basket()) if self.dice.chance(0.4) else None
            self.record(*[first, later] if later is not None and not self.singly else [first])

    def _claims_first(self, person: builders.Person) -> None:
        """The first purchase of somebody who was brought is one they made before they joined, and perhaps not theirs."""
        won = self.dice.choice([500, 5_000, 12_000])
        self.record(self.sale(None, (LineInput(amount_minor=won),)))
        name = self.sold[-1][0]
        asked = ClaimInput(external_id=self.named("c"), purchase=PurchaseRef(external_id=name), member=person.ref)
        claim = self.ask(purchases.claim, asked=asked)
        if claim is None:
            return
        self.claimed.append(claim.public_id)
        if self.dice.chance(0.3):
            self.refund(PurchaseRef(external_id=name), 1)
        if self.dice.chance(0.3):
            self.merges_two()
        if self.dice.chance(0.6):
            self.ask(purchases.unclaim, claim=claim.public_id, reason="Not theirs", actor=builders.OWNER)
            if self.dice.chance(0.6):
                lines = [self.basket() for _ in range(self.dice.number(1, 2))]
                self.record(*[self.sale(person, each) for each in lines])

    def is_refused_a_referral(self) -> None:
        """Staff found that somebody was brought by themselves."""
        self.ask(referrals.refuse, member=self.member(self.dice.choice(self.people)), actor=builders.OWNER)

    def loses_a_card(self) -> None:
        names = [name for name in self.cards if name in self.cafe.people]
        if names:
            name = self.dice.choice(names)
            verb = self.dice.choice([cards.block, cards.block, cards.unblock])
            self.ask(verb, member=self.member(self.cafe.people[name]), number=self.cards[name], actor=builders.OWNER)

    def merges_two(self) -> None:
        one, other = self.two()
        if self.gone and self.dice.chance(0.12):
            other = self.dice.choice(self.gone)
        done = self.ask(merging.merge, source=one.public_id, target=other.public_id, actor=builders.OWNER)
        if done is not None:
            self.merges.append(done.public_id)
            self.gone.append(one)
        if self.dice.chance(0.1):
            self.ask(merging.merge, source=one.public_id, target=other.public_id, actor=builders.OWNER)

    def spends_and_gets_back(self) -> None:
        """Points are spent, in a sale and alone, and come back; or whoever spent them is another member by then."""
        one, other = self.two()
        self.ask(
            adjustments.adjust, actor=builders.OWNER,
            asked=adjustments.AdjustmentInput(
                external_id=self.named("a"), member=one.ref, points=100, reason="a gift",
                expires_at=self.dice.choice([None, self.cafe.now + timedelta(days=2)]),
            ),
        )  # fmt: skip
        ask = self.dice.choice(
            [RedemptionInput(points=50), RedemptionInput(reward="mug"), RedemptionInput(reward="scone")]
        )
        self.record(self.sale(one, (LineInput(amount_minor=12_000),), ask))
        name = self.sold[-1][0]
        asked = RedemptionRequest(external_id=self.named("r"), member=one.ref, points=50, order_total_minor=12_000)
        spent = self.ask(redemptions.redeem, asked=asked)
        is_merged = self.dice.chance(0.4)
        done = is_merged and self.ask(merging.merge, source=one.public_id, target=other.public_id, actor=builders.OWNER)
        if done:
            self.merges.append(done.public_id)
            self.gone.append(one)
        if self.dice.chance(0.4):
            self.cafe.forward(days=3)
        for _ in range(self.dice.number(1, 2)):
            self.refund(PurchaseRef(external_id=name), 1)
        if spent is not None and self.dice.chance(0.7):
            undoing = ReversalInput(external_id=self.named("v"))
            self.ask(redemptions.reverse, redemption=spent.public_id, asked=undoing)

    def unmerges(self) -> None:
        if self.dice.chance(0.05):
            self.ask(merging.unmerge, merge="mrg_0000000000000000", actor=builders.OWNER)
        if self.merges:
            merge = self.dice.choice(self.merges)
            done = self.ask(merging.unmerge, merge=merge, actor=builders.OWNER)
            if done is not None:
                self.gone = [person for person in self.gone if person.public_id != done.source]

    def is_blocked(self) -> None:
        blocked = self._in_state("blocked")
        if blocked and self.dice.chance(0.5):
            who = self.dice.choice(blocked)
            self.ask(blocking.unblock, member=self.member(who), actor=builders.OWNER)
            self.gone = [person for person in self.gone if person is not who]
        else:
            who = self.somebody()
            self.ask(blocking.block, member=self.member(who), reason="Fraud", actor=builders.OWNER)

    def stops_spending(self) -> None:
        who = self.somebody()
        verb = self.dice.choice([safeguards.stop_spending, safeguards.allow_spending, safeguards.allow_spending])
        self.ask(verb, member=self.member(who), actor=builders.OWNER)

    def is_frozen(self) -> None:
        """Reconciliation froze an account: nothing is spent of it until somebody has looked."""
        who = self.somebody()
        self.cafe.does(lambda: tables.freeze(who.id, self.cafe.now))
        for step in self.dice.sample([self.spends, self.sells, self.ends, self.refunds, self.merges_two], 2):
            step()
        self.cafe.does(lambda: tables.freeze(who.id, None))

    def leaves(self) -> None:
        who = self.somebody()
        self.ask(erasure.leave, member=self.member(who), actor=builders.OWNER)
        self.gone.append(who)

    def _in_state(self, state: str) -> list[builders.Person]:
        found = self.cafe.does(lambda: list(Member.objects.filter(state=state).values_list("pk", flat=True)))
        return [person for person in self.people if person.id in found]

    # -- the programme and the clock ----------------------------------------------------------------------------------

    def publishes(self) -> None:
        """Other terms, from now on, from some days ago or from some days on."""
        since = self.cafe.now + timedelta(days=self.dice.choice([0, 0, 0, 2, -2, -9]))
        number = self.cafe.publish(programme(self.dice), since=since)
        self.calls.append({"asked": ["publishes", {"since": since.isoformat()}], "answer": number})

    def waits(self) -> None:
        self.cafe.forward(days=self.dice.choice([0.05, 0.1, 1, 3, 3, 9, 20, 33]))

    def clocks_strike(self) -> None:
        """What the worker does by the clock, in an order of its own."""
        for verb in self.dice.sample(
            [redemptions.expire_holds, expiry.settle_due, tiers.requalify_due, expiry.announce], 4
        ):
            self.strikes(verb)

    def strikes(self, verb: Any) -> None:
        done = self.cafe.does(lambda: verb(merchant=self.cafe.merchant, now=self.cafe.now))
        self.calls.append({"asked": [verb.__name__, {}], "answer": done})
