"""What tills do: sales of every kind, in batches and late, quotes, refunds, claims."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs

from rewards import purchases
from rewards.parties import MemberRef
from rewards.purchases import (
    ClaimInput,
    LineInput,
    PurchaseInput,
    PurchaseRef,
    QuoteInput,
    RedemptionInput,
    RefundInput,
    RefundLine,
    SaleSource,
    Tender,
)  # fmt: skip
from tests import builders
from tests.journeys.cast import Cast

REWARDS = ("cake", "mug", "scone", "tenth", "off", "tour", "spring", "gone")
TILL = SaleSource()
SOURCES = (
    SaleSource(location="main", terminal="T1", channel="store"),
    SaleSource(may_backfill=True, is_silent=True),
    SaleSource(may_backfill=True),
    SaleSource(accepts_unknown_time=True),
    SaleSource(is_silent=True),
)


class Tills(Cast):
    """Steps at the till; each may be refused."""

    # -- sales --------------------------------------------------------------------------------------------------------

    def basket(self) -> tuple[LineInput, ...]:
        throw, lines = self.dice.choice, []
        for _ in range(self.dice.number(1, 3)):
            amount = throw([-1, 1, 1, 1, 0, 1]) * throw([100, 500, 999, 1_234, 5_000, 12_000])
            more: dict[str, Any] = {}
            if self.dice.chance(0.2):
                more["discount_minor"] = amount // 4
            if self.dice.chance(0.2):
                more["tax_minor"] = int(amount / 11)
            lines.append(
                LineInput(
                    amount_minor=amount, category=throw(["", "tea", "cake"]),
                    kind=throw(["goods", "goods", "goods", "goods", "tip", "deposit"]), quantity=throw([1, 1, 2, 3]),
                    **more,
                )
            )  # fmt: skip
        return tuple(lines)

    def asks(self) -> list[RedemptionInput]:
        """Throw what a buyer wants to spend on a sale: points, rewards, holds."""
        found = []
        if self.dice.chance(0.3):
            found.append(RedemptionInput(points=self.dice.choice([10, 20, 50, 50, 100, 7, 2_000])))
        if self.dice.chance(0.2):
            found.append(RedemptionInput(reward=self.dice.choice(REWARDS)))
        return found

    def sale(
        self, who: builders.Person | None, lines: tuple[LineInput, ...], *asks: RedemptionInput, **more: Any
    ) -> PurchaseInput:
        name = self.named("s")
        if self.announced and self.dice.chance(0.6):
            name = self.announced.pop(0)
        elif self.dice.chance(0.06):
            # The refund is sent first.
            self.refund(PurchaseRef(external_id=name), len(lines))
        if self.dice.chance(0.08):
            more["rounding_minor"] = self.dice.choice([1, -1])
        return PurchaseInput(
            external_id=name, occurred_at=self.cafe.now, currency="KRW", lines=lines, redemptions=asks,
            total_minor=sum(line.amount_minor for line in lines) + more.get("rounding_minor", 0),
            member=self.ref(who) if who else None, **more,
        )  # fmt: skip

    def record(self, *items: PurchaseInput, source: SaleSource = TILL) -> list[purchases.ItemOutcome]:
        outcomes: list[purchases.ItemOutcome] = self.ask(purchases.record, items=list(items), source=source)
        for item, outcome in zip(items, outcomes, strict=True):
            self.sold.append((item.external_id, len(item.lines)))
            if outcome.error is None and not outcome.is_replay:
                self.recorded.append((item, outcome.public_id))
        return outcomes

    def sells(self) -> None:
        self._sells(self.dice.choice([1, 1, 1, 2, 3, 5]), TILL)

    def sells_from_elsewhere(self) -> None:
        """A key that says more: brings old sales, keeps unknown times, tells nobody."""
        self._sells(self.dice.choice([1, 2, 3]), self.dice.choice(SOURCES))

    def _sells(self, count: int, source: SaleSource) -> None:
        items: list[PurchaseInput] = []
        for _ in range(count):
            who = self.somebody() if self.dice.chance(0.75) else None
            item = self.sale(who, self.basket(), *(self.asks() if who is not None else ()))
            back = timedelta(days=self.dice.choice([0, 0, 0, 0, 1, 4, 12, 29, 100 if source.may_backfill else 0]))
            items.append(structs.replace(item, occurred_at=self.cafe.now - back))
        if self.dice.chance(0.1) and self.recorded:
            items.append(self.dice.choice(self.recorded)[0])
        if self.dice.chance(0.1):
            items.append(items[0])
        if self.dice.chance(0.05):
            items.append(structs.replace(items[0], channel="other"))
        # One by one is in the order in which they occurred, and so is a batch.
        items.sort(key=lambda item: item.occurred_at)
        for part in [[item] for item in items] if self.singly else [items]:
            self.record(*part, source=source)

    def sells_oddly(self) -> None:
        """What tills get wrong, or send seldom: each is refused where it is wrong, or taken as it is meant."""
        who, lines = self.somebody(), self.basket()
        good = self.sale(who, lines, *self.asks())
        ways: list[dict[str, Any]] = [
            {"total_minor": good.total_minor + 7}, {"currency": "USD"}, {"location": "nowhere"}, {"location": "main"},
            {"occurred_at": self.cafe.now - timedelta(days=40)}, {"occurred_at": self.cafe.now + timedelta(hours=2)},
            {"occurred_at": self.cafe.now + timedelta(days=3)}, {"sent_at": self.cafe.now + timedelta(seconds=5)},
            {"occurred_at": self.cafe.now.replace(year=1800)},
            {"occurred_at": self.cafe.now - timedelta(minutes=90), "sent_at": self.cafe.now - timedelta(minutes=60)},
            {"member": None}, {"member": MemberRef(card="9000-0001")}, {"member": MemberRef(external_id="Nobody")},
            {"redemptions": (RedemptionInput(points=10, reward="cake"),)}, {"member": MemberRef(card="?!")},
            {"redemptions": (RedemptionInput(points=10), RedemptionInput(id="rdm_0000000000000000"))},
            {"quote": "no-quote"}, {"lines": (*lines, LineInput(amount_minor=0, quantity=0))},
            {"lines": (), "tenders": (Tender(kind="cash", amount_minor=good.total_minor),)},
            {"rounding_minor": 5, "total_minor": good.total_minor + 5}, {"channel": "online", "terminal": "T2"},
            {"tenders": (Tender(kind="points", amount_minor=100), Tender(kind="card", amount_minor=good.total_minor - 100))},
        ]  # fmt: skip
        self.record(structs.replace(good, **self.dice.choice(ways)))

    def quotes(self) -> None:
        """Ask what a basket would be worth; record it at once, with or without the quote's token, or later."""
        who = self.somebody() if self.dice.chance(0.85) else None
        lines, asks = self.basket(), tuple(self.asks()) if who else ()
        total = sum(line.amount_minor for line in lines)
        asked = QuoteInput(
            currency="KRW", total_minor=total, member=who.ref if who else None, lines=lines, redemptions=asks
        )
        if self.dice.chance(0.1):
            asked = structs.replace(asked, **self.dice.choice([
                {"occurred_at": self.cafe.now - timedelta(days=3)}, {"currency": "USD"}, {"location": "main"},
                {"member": MemberRef(card="?!"), "redemptions": ()}, {"member": MemberRef(external_id="Nobody")},
                {"member": MemberRef(card="?!"), "redemptions": (RedemptionInput(points=10),)},
                {"member": self.ref(self.somebody())}, {"location": "nowhere"},
            ]))  # fmt: skip
        quoted = self.ask(purchases.quote, asked=asked)
        if quoted is None or self.dice.chance(0.2):
            return
        item = structs.replace(self.sale(who, lines, *asks), member=who.ref if who else None)
        if self.dice.chance(0.7):
            item = structs.replace(item, quote=quoted.token)
        if self.dice.chance(0.3):
            self.cafe.forward(minutes=self.dice.choice([1, 14, 16]))
        if self.dice.chance(0.2) and who is not None:
            self.record(self.sale(who, self.basket()))
        if self.dice.chance(0.15):
            item = structs.replace(item, rounding_minor=1, total_minor=item.total_minor + 1)
        self.record(item)

    def sends_again(self) -> None:
        if self.recorded:
            item, _public_id = self.dice.choice(self.recorded)
            if self.dice.chance(0.25):
                item = structs.replace(item, terminal="another")
            self.record(item)

    # -- refunds ------------------------------------------------------------------------------------------------------

    def refunds(self) -> None:
        name, count = self.dice.choice(self.sold[-8:]) if self.sold else ("s0", 2)
        if self.dice.chance(0.15):
            # It comes before its purchase.
            name, count = self.named("s"), 2
            self.announced.append(name)
        elif self.announced and self.dice.chance(0.15):
            name, count = self.dice.choice(self.announced), 2
        self.refund(PurchaseRef(external_id=name), count)

    def refunds_oddly(self) -> None:
        ref = self.dice.choice([
            PurchaseRef(), PurchaseRef(id="pur_0000000000000000"),
            *(PurchaseRef(id=public_id) for _item, public_id in self.recorded[-4:]),
        ])  # fmt: skip
        self.refund(ref, 1, source=self.dice.choice(SOURCES), reason="Cold")

    def refund(self, purchase: PurchaseRef, count: int, *, source: SaleSource = TILL, reason: str = "") -> None:
        fields: dict[str, Any] = {}
        way = self.dice.below(100)
        if way < 35:
            places = self.dice.sample(range(1, count + 1), self.dice.number(1, count)) if count else [1]
            if self.dice.chance(0.05):
                places.append(places[0])
            fields["lines"] = tuple(
                RefundLine(
                    id=str(place), quantity=self.dice.choice([None, None, None, 1, 1, 5, Decimal("0.3333")]),
                    amount_minor=self.dice.choice([None, None, 100]),
                )
                for place in places
            )  # fmt: skip
        if 30 < way < 65:
            fields["amount_minor"] = self.dice.choice([1, 100, 777, 5_000, 50_000])
        back = timedelta(days=self.dice.choice([0, 0, 0, 0, 2, 40]))
        asked = RefundInput(
            external_id=self.named("f"), occurred_at=self.cafe.now - back, purchase=purchase, reason=reason, **fields
        )
        self.ask(purchases.refund, asked=asked, source=source)
        if self.dice.chance(0.12):
            if self.dice.chance(0.3):
                asked = structs.replace(asked, reason="Another")
            self.ask(purchases.refund, asked=asked, source=source)
        elif self.dice.chance(0.05):
            again = structs.replace(asked, external_id="try")
            self.ask(purchases.try_refund, asked=again)

    # -- claims -------------------------------------------------------------------------------------------------------

    def claims(self) -> None:
        """Claim a guest's purchase, made now or before, of which refunds may have taken some."""
        if self.dice.chance(0.4):
            self.record(self.sale(None, self.basket()))
            if self.dice.chance(0.3):
                self.refund(PurchaseRef(external_id=self.sold[-1][0]), self.sold[-1][1])
        guests = [item.external_id for item, _id in self.recorded if item.member is None][-6:]
        if not guests and not self.sold:
            return
        name = self.dice.choice(
            guests if guests and self.dice.chance(0.8) else [name for name, _count in self.sold[-10:]]
        )
        asked = ClaimInput(
            external_id=self.named("c"), purchase=PurchaseRef(external_id=name), member=self.ref(self.somebody())
        )
        if self.dice.chance(0.1):
            asked = structs.replace(asked, **self.dice.choice([
                {"purchase": PurchaseRef()}, {"member": MemberRef(external_id="Nobody")}, {"member": MemberRef(card="?!")},
                {"purchase": PurchaseRef(id=self.recorded[-1][1] if self.recorded else "pur_0000000000000000")},
            ]))  # fmt: skip
        claim = self.ask(purchases.claim, asked=asked)
        if claim is not None:
            self.claimed.append(claim.public_id)
            if self.dice.chance(0.3):
                self._unclaim(claim.public_id)
        if self.dice.chance(0.2):
            if self.dice.chance(0.3):
                asked = structs.replace(asked, member=self.somebody().ref)
            self.ask(purchases.claim, asked=asked)

    def unclaims(self) -> None:
        if self.dice.chance(0.1):
            self.ask(purchases.unclaim, claim="clm_0000000000000000", reason="Not theirs", actor=builders.OWNER)
        if self.claimed:
            self._unclaim(self.dice.choice(self.claimed[-4:]))

    def _unclaim(self, claim: str) -> None:
        if self.dice.chance(0.3):
            self.cafe.forward(days=self.dice.choice([0.1, 4]))
        reason = self.dice.choice(["Not theirs", "Not theirs", "Not theirs", "Another card " * 20, ""])
        self.ask(purchases.unclaim, claim=claim, reason=reason, actor=builders.OWNER)
