"""What a sale as typed would give, before anything is written: points, their why, and the most points that can pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.utils.translation import get_language

from loyalty.console.access import actor_of, now_of
from loyalty.console.counter import shift
from loyalty.console.counter.member_search import in_points
from loyalty.console.counter.sale_form import SaleForm
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants.errors import LoyaltyError
from rewards import balances, earning, purchases, terms
from rewards.parties import MemberRef
from rewards.terms import Terms


@dataclass(frozen=True, slots=True)
class SalePreview:
    """What a sale would give: points, their why, what points pay of it; or why it would be refused."""

    earned: str = ""
    why: Sequence[str] = ()
    total_minor: int = 0
    paid_minor: int = 0
    refusal: str = ""
    #: The most points that can pay on it, what they are worth, and whether that is what was typed.
    most_points: int = 0
    most_minor: int = 0
    is_most: bool = False

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.paid_minor


def quoted(request: HttpRequest, found: Member | None, form: SaleForm) -> SalePreview:
    """Ask what the sale would give; nothing is written."""
    place, language = shift.place_of(request), get_language() or "en"
    asked = purchases.QuoteInput(
        currency=merchant_of(request).currency, total_minor=form.total_minor,
        member=reference(request, found, form), location=place.code if place else None, channel="counter",
        redemptions=form.redemptions, lines=form.lines,
    )  # fmt: skip
    most_points, most_minor = most(request, found, form) if found is not None else (0, 0)
    said = SalePreview(
        most_points=most_points, most_minor=most_minor, is_most=form.points == most_points, total_minor=form.total_minor
    )
    try:
        answer = purchases.quote(
            merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request)
        )
    except LoyaltyError as refusal:
        return replace(said, refusal=refusal.detail)
    if found is None:
        return said
    promised = answer.version.terms if answer.version else None
    steps = [step for step in answer.evaluation.trace if step.code != "skipped"]
    return replace(
        said,
        earned=earned(request, answer.evaluation.points, promised),
        why=earning.words(steps, promised, language, for_staff=True),
        paid_minor=answer.points_paid_minor,
    )


def most(request: HttpRequest, found: Member, form: SaleForm) -> tuple[int, int]:
    """Return the most points that can pay on the sale as typed, and what they are worth."""
    promised, balance = form.promised, balances.of_member(
        merchant=merchant_of(request), member_id=found.pk, now=now_of(request)
    )  # fmt: skip
    pay = promised.pay_with_points if promised else None
    if promised is None or pay is None or balance is None or balance.spendable <= 0:
        return 0, 0
    lines = [
        earning.Line(
            id=str(place), amount_minor=line.amount_minor, sku=line.sku, category=line.category,
            labels=line.labels, kind=line.kind,
        )
        for place, line in enumerate(form.lines)
    ]  # fmt: skip
    never = {line.id for line in lines if line.kind not in promised.payable_kinds}
    total = form.total_minor - sum(line.amount_minor for line in lines if line.id in never)
    spared = set(earning.not_by_points(promised, lines)) - never
    payable = total - sum(line.amount_minor for line in lines if line.id in spared)
    points = terms.most_points(pay, spendable=balance.spendable, total_minor=total, payable_minor=payable)
    return points, terms.worth_minor(pay, points)


def earned(request: HttpRequest, points: int, promised: Terms | None) -> str:
    """Say the points; nothing of them where the programme gives stamps alone."""
    if points == 0 and promised is not None and promised.stamps and not promised.earning.rules:
        return ""
    return in_points(request, points)


def reference(request: HttpRequest, found: Member | None, form: SaleForm) -> MemberRef | None:
    """Name the buyer: by the moving code where points are spent and the merchant asks for it, nobody for a guest."""
    if found is None:
        return None
    return shift.reference(request, found) if form.points else MemberRef(id=found.public_id)
