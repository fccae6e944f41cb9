"""The worked examples a terms document carries, run as its tests before it may be published."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rewards.earning.basket import Basket, Evaluation, Facts, Line, net_basket
from rewards.earning.evaluation import evaluate
from rewards.terms import Example, Terms

_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example: what it promised (`expected`), what the rules give (`points`), and why."""

    place: int
    example: Example
    expected: int
    points: int
    evaluation: Evaluation

    @property
    def passed(self) -> bool:
        """This property will be true when the rules keep the promise."""
        return self.points == self.expected

    @property
    def pointer(self) -> str:
        """This property will point at the promise in the document."""
        return f"/examples/{self.place}/points"


def check_examples(terms: Terms) -> tuple[Outcome, ...]:
    """This function will run every example of the terms; those with `passed` false must keep a draft from publishing."""
    return tuple(_run(terms, place, example) for place, example in enumerate(terms.examples))


def _run(terms: Terms, place: int, example: Example) -> Outcome:
    birthday = (int(example.birthday[:2]), int(example.birthday[3:])) if example.birthday else None
    facts = Facts(tier=example.tier, ordinal=example.ordinal, birthday=birthday)
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
                quantity_milli=line.quantity_milli,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
            )
            for number, line in enumerate(example.lines, 1)
        ),
        points_paid_minor=example.points_paid_minor,
        location=example.location,
        channel=example.channel,
    )
    if example.refund_minor:
        basket = net_basket(basket, amount_minor=example.refund_minor)
    found = evaluate(terms, basket, facts, zone=_ZONE)
    return Outcome(place, example, example.points, found.points, found)
