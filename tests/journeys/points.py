"""What is done with points: redemptions, holds and what becomes of them, corrections, gifts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import structs

from rewards import adjustments, redemptions, transfers
from rewards.purchases import LineInput, PurchaseRef, RedemptionInput
from rewards.redemptions import CaptureInput, RedemptionRequest, ReleaseInput, ReversalInput
from tests import builders
from tests.journeys.tills import REWARDS, Tills


class Points(Tills):
    """Steps that spend, hold, give back, give away or correct points."""

    def spends(self) -> None:
        who, verb = self.somebody(), self.dice.choice([redemptions.redeem, redemptions.hold, redemptions.hold])
        fields: dict[str, Any] = {"order_total_minor": self.dice.choice([None, 3_000, 12_000])}
        if self.dice.chance(0.35):
            fields["points"] = self.dice.choice([10, 50, 100, 7, 3_000])
        else:
            fields["reward"] = self.dice.choice(["coffee", *REWARDS])
        if verb is redemptions.hold:
            fields["hold_minutes"] = self.dice.choice([None, 60, 3_000, 20_000])
            if self.dice.chance(0.05):
                fields["occurred_at"] = self.cafe.now
        elif self.dice.chance(0.15):
            fields["occurred_at"] = self.cafe.now - timedelta(days=self.dice.choice([1, 10, 50, -3]))
        if self.dice.chance(0.2):
            fields["location"] = self.dice.choice(["main", "main", "nowhere"])
        asked = RedemptionRequest(external_id=self.named("r"), member=self.ref(who), **fields)
        silent = {"is_silent": True} if self.dice.chance(0.1) else {}
        done = self.ask(verb, asked=asked, **silent)
        if done is not None:
            kept = (who, done.public_id, done.receipt.get("code") or "")
            (self.held if verb is redemptions.hold else self.spent).append(kept)
        if self.dice.chance(0.1):
            self.ask(verb, asked=structs.replace(asked, **self.dice.choice([{}, {}, {"order_total_minor": 1}])))

    def ends(self) -> None:
        """Capture, release or undo what was spent or held, by its id or code."""
        mine = self.held[-5:] if self.held and self.dice.chance(0.65) else self.spent[-5:]
        if not mine:
            return
        _who, public_id, code = mine[-1] if self.dice.chance(0.4) else self.dice.choice(mine)
        named = code if code and self.dice.chance(0.15) else public_id
        if self.dice.chance(0.04):
            named = "rdm_0000000000000000"
        way = self.dice.weighted([(5, "capture"), (3, "release"), (4, "reverse")])
        if way == "capture":
            asked: Any = CaptureInput(external_id=self.named("x"), points=self.dice.choice([None, None, 5, 30, 5_000]))
            verb: Any = redemptions.capture
        elif way == "release":
            asked, verb = ReleaseInput(external_id=self.named("l")), redemptions.release
        else:
            asked, verb = ReversalInput(external_id=self.named("v"), reason="Spilt"), redemptions.reverse
        self.ask(verb, redemption=named, asked=asked)
        if self.dice.chance(0.25):
            self.ask(verb, redemption=named, asked=asked)

    def takes_what_was_held(self) -> None:
        """A sale that captures a hold, whole or in part, with or without other points."""
        if not self.held:
            return
        who, public_id, code = self.dice.choice(self.held[-5:])
        if self.dice.chance(0.1):
            who = self.somebody()
        part = self.dice.choice([None, None, None, 10, 5_000])
        by_code = bool(code) and self.dice.chance(0.3)
        asks = [RedemptionInput(code=code, points=part) if by_code else RedemptionInput(id=public_id, points=part)]
        if self.dice.chance(0.3):
            asks.append(RedemptionInput(points=10))
        if self.dice.chance(0.1):
            asks.reverse()
        won = self.dice.choice([5_000, 12_000, 300])
        sale = structs.replace(self.sale(who, (LineInput(amount_minor=won),), *asks), member=who.ref)
        if sale.rounding_minor == 0 and self.dice.chance(0.3):
            self.refund(PurchaseRef(external_id=sale.external_id), 1)
        self.record(sale)
        if self.dice.chance(0.35):
            self._refund_last()

    def holds_and_takes(self) -> None:
        """Set points aside and capture them in a sale within the hour, as a member with a phone does."""
        who = self.somebody()
        asked = RedemptionRequest(
            external_id=self.named("r"), member=who.ref, hold_minutes=self.dice.choice([60, 4_000]),
            **self.dice.choice([{"points": 50}, {"points": 100}, {"reward": "mug"}, {"reward": "scone"}, {"reward": "cake"},
                               {"reward": "off"}]),
            order_total_minor=self.dice.choice([5_000, 12_000]),
        )  # fmt: skip
        done = self.ask(redemptions.hold, asked=asked)
        if done is None or done.is_refused:
            return
        self.held.append((who, done.public_id, done.receipt.get("code") or ""))
        if self.dice.chance(0.3):
            self.cafe.forward(minutes=self.dice.choice([30, 90, 6_000]))
        ask = RedemptionInput(id=done.public_id, points=self.dice.choice([None, None, 30]) if asked.points else None)
        won = self.dice.choice([asked.order_total_minor or 0, asked.order_total_minor or 0, 1_000])
        sale = self.sale(who, (LineInput(amount_minor=won),), ask)
        self.record(structs.replace(sale, member=who.ref))
        if self.dice.chance(0.5):
            self._refund_last()

    def holds_and_ends(self) -> None:
        """Set points aside and capture, release or undo that soon; now and then under other terms."""
        who, reward = self.somebody(), self.dice.choice(["coffee", *REWARDS])
        more = self.dice.choice([{"points": 50}, {"reward": reward}, {"reward": reward}])
        asked = RedemptionRequest(
            external_id=self.named("r"), member=self.ref(who), order_total_minor=12_000, hold_minutes=9_000, **more
        )
        done = self.ask(redemptions.hold, asked=asked)
        if done is None or done.is_refused:
            return
        self.held.append((who, done.public_id, done.receipt.get("code") or ""))
        if self.dice.chance(0.25):
            self.publishes()
        if self.dice.chance(0.5):
            self.ends()
        else:
            self.takes_what_was_held()

    def publishes(self) -> None:
        """See people.py."""
        raise NotImplementedError

    def _refund_last(self) -> None:
        if self.dice.chance(0.4):
            self.cafe.forward(days=self.dice.choice([0.1, 2, 21]))
        self.refund(PurchaseRef(external_id=self.sold[-1][0]), 1)

    def gives(self) -> None:
        one, other = self.two()
        back = self.cafe.now - timedelta(days=5) if self.dice.chance(0.15) else None
        asked = transfers.TransferInput(
            external_id=self.named("t"), giver=self.ref(one), receiver=self.dice.choice([other, other, other, one]).ref,
            points=self.dice.choice([5, 30, 30, 900]), occurred_at=back,
        )  # fmt: skip
        self.ask(transfers.transfer, asked=asked)
        if self.dice.chance(0.1):
            self.ask(transfers.transfer, asked=asked)

    def corrects(self) -> None:
        who, points = self.somebody(), self.dice.choice([-50, 20, 100, 300, -5_000, 1_000])
        asked = adjustments.AdjustmentInput(
            external_id=self.named("a"), member=who.ref, points=points, reason="goodwill",
            allow_debt=self.dice.chance(0.3), expires_at=self.dice.choice([None, None, self.cafe.now + timedelta(days=9)]),
            occurred_at=self.dice.choice([None, None, None, self.cafe.now - timedelta(days=20)]),
        )  # fmt: skip
        by = self.dice.choice([builders.OWNER, builders.OWNER, builders.MANAGER, builders.CASHIER, builders.TILL])
        done = self.ask(adjustments.adjust, asked=asked, actor=by, is_silent=self.dice.chance(0.1))
        if done is not None:
            self.corrected.append(done.public_id)

    def corrects_back(self) -> None:
        if self.corrected:
            adjustment = self.dice.choice(self.corrected[-4:])
            self.ask(adjustments.undo, adjustment=adjustment, reason="A mistake", actor=builders.OWNER)
