"""The worked examples a terms document carries, run as its tests before it may be published."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rewards.earning.basket import Basket, Evaluation, Facts, Line, net_basket
from rewards.earning.evaluation import evaluate
from rewards.earning.outcomes import nothing_yet
from rewards.terms import Example, Terms, pointer_to

_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class ExampleOutcome:
    """One example: what it promised of points (`expected`), what the rules give (`points`), and why."""

    place: int
    example: Example
    expected: int
    points: int
    evaluation: Evaluation

    @property
    def passed(self) -> bool:
        """Return whether the rules keep all it promised."""
        return not self.differences

    @property
    def pointer(self) -> str:
        """Point at the promise of points in the document."""
        return f"/examples/{self.place}/points"

    @property
    def differences(self) -> tuple["BrokenPromise", ...]:
        """List what comes out otherwise than promised; what the example does not name besides points, it leaves open."""
        promised = [(self.pointer, "points", self.expected, self.points)]
        promised += [
            (f"/examples/{self.place}/expect{pointer_to(name)}", name, number, self.evaluation.outcomes.get(name, 0))
            for name, number in self.example.expect.items()
        ]
        return tuple(BrokenPromise(*each) for each in promised if each[2] != each[3])


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """One promise that is not kept: where it stands, of what (`points`, or an outcome's name), and both numbers."""

    pointer: str
    name: str
    expected: int
    found: int


def check_examples(terms: Terms) -> tuple[ExampleOutcome, ...]:
    """Run every example of the terms; those with `passed` false must keep a draft from publishing."""
    return tuple(_run(terms, place, example) for place, example in enumerate(terms.examples))


def _run(terms: Terms, place: int, example: Example) -> ExampleOutcome:
    birthday = (int(example.birthday[:2]), int(example.birthday[3:])) if example.birthday else None
    facts = Facts(tier=example.tier, ordinal=example.ordinal, birthday=birthday, more=nothing_yet())
    basket = Basket(
        occurred_at=datetime.fromisoformat(example.local_time).replace(tzinfo=_ZONE),
        currency=terms.currency,
        total_minor=sum(line.amount_minor for line in example.lines),
        lines=tuple(
            Line(
                id=str(number),
                amount_minor=line.amount_minor,
                sku=line.sku,
                category=line.category,
                labels=line.labels,
                kind=line.kind,
                quantity_milli=line.quantity_milli,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
            )
            for number, line in enumerate(example.lines, 1)
        ),
        points_paid_minor=example.points_paid_minor,
        payable_kinds=terms.payable_kinds,
        location=example.location,
        channel=example.channel,
    )
    if example.refund_minor:
        basket = net_basket(basket, amount_minor=example.refund_minor)
    found = evaluate(terms, basket, facts, zone=_ZONE)
    return ExampleOutcome(place, example, example.points, found.points, found)
