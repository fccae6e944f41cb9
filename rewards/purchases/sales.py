"""A purchase in memory: checked when it comes in, evaluated, and reduced by refunds.  No database, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from merchants.errors import Invalid
from merchants.models.merchants import Merchant
from rewards.earning import Basket, Facts, Line
from rewards.purchases.inputs import PurchaseInput, milli


class OutsideTheWindow(Invalid):
    """The sale is too long ago, or in the future, for this key."""

    code: ClassVar[str] = "occurred_at_out_of_bounds"


class TotalsDisagree(Invalid):
    code: ClassVar[str] = "totals_disagree"


class WrongCurrency(Invalid):
    code: ClassVar[str] = "wrong_currency"


@dataclass(slots=True)
class SaleLine:
    id: str
    sku: str
    category: str
    quantity_milli: int
    amount_minor: int
    discount_minor: int
    tax_minor: int
    cost_minor: int | None
    refunded_milli: int = 0
    refunded_minor: int = 0


@dataclass(slots=True)
class Sale:
    """One purchase as it stands: what was sold, to whom, what it earned, and how much of it is left."""

    id: int
    public_id: str
    external_id: str
    fingerprint: bytes
    occurred_at: datetime
    local_day: date
    currency: str
    total_minor: int
    tax_minor: int
    cost_minor: int | None
    terminal: str
    channel: str
    tenders: list[dict[str, Any]]
    lines: list[SaleLine]
    zone: ZoneInfo
    location_zone: ZoneInfo
    points_paid_minor: int = 0
    member_id: int | None = None
    location_id: int | None = None
    location_public_id: str | None = None
    ordinal: int | None = None
    terms_version: int | None = None
    facts: Facts | None = None
    points_earned: int = 0
    points_clawed_back: int = 0
    qualifying_points: int = 0
    qualifying_minor: int = 0
    refunded_minor: int = 0
    #: Refunded without naming lines; what named lines took is on the lines.
    refunded_unnamed_minor: int = 0
    receipt: dict[str, Any] = field(default_factory=dict)
    was_announced: bool = False

    @property
    def net_minor(self) -> int:
        return self.total_minor - self.refunded_minor

    def basket(self) -> Basket:
        """Return the basket as it was sold, which every evaluation starts from."""
        return Basket(
            occurred_at=self.occurred_at,
            currency=self.currency,
            total_minor=self.total_minor,
            lines=tuple(
                Line(
                    id=line.id, sku=line.sku, category=line.category, quantity_milli=line.quantity_milli,
                    amount_minor=line.amount_minor, discount_minor=line.discount_minor, tax_minor=line.tax_minor,
                )
                for line in self.lines
            ),
            points_paid_minor=self.points_paid_minor,
            location=self.location_public_id,
            channel=self.channel or None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shop:
    """A location as the purchase needs it."""

    id: int
    public_id: str
    code: str
    zone: str


def checked_lines(sold: PurchaseInput) -> list[SaleLine]:
    """Return the lines, or one line over the total when none were sent.

    :raises TotalsDisagree: the lines do not add up to the total.
    :raises Invalid: a quantity or a repeated line id, named by its pointer.
    """
    if not sold.lines:
        return [SaleLine("1", "", "", 1000, sold.total_minor, 0, sold.tax_minor, None)]
    lines: list[SaleLine] = []
    seen: set[str] = set()
    total = 0
    for position, line in enumerate(sold.lines):
        name = line.id or str(position + 1)
        if name in seen:
            raise Invalid(_("Two lines have the same id."), pointer=f"/lines/{position}/id")
        seen.add(name)
        thousandths = milli(line.quantity)
        if thousandths is None:
            raise Invalid(
                _("A quantity is more than 0 and has at most three decimals."), pointer=f"/lines/{position}/quantity"
            )
        total += line.amount_minor
        lines.append(
            SaleLine(
                name, line.sku, line.category, thousandths, line.amount_minor, line.discount_minor, line.tax_minor,
                line.cost_minor,
            )
        )  # fmt: skip
    if total != sold.total_minor:
        raise TotalsDisagree(
            _("The lines come to %(lines)d and total_minor says %(total)d.")
            % {"lines": total, "total": sold.total_minor},
            pointer="/total_minor",
        )
    return lines


def check_moment(merchant: Merchant, occurred_at: datetime, *, now: datetime, may_backfill: bool) -> None:
    """Refuse what the till's clock cannot mean.

    :raises OutsideTheWindow: further back than the merchant allows, or ahead of our clock by more than it allows.
    """
    if occurred_at > now + timedelta(minutes=merchant.occurred_at_minutes_ahead_max):
        raise OutsideTheWindow(_("occurred_at lies in the future: check the till's clock."), pointer="/occurred_at")
    if not may_backfill and occurred_at < now - timedelta(days=merchant.occurred_at_days_back_max):
        raise OutsideTheWindow(
            _("occurred_at lies more than %(days)d days back; a key with purchases:backfill may send it.")
            % {"days": merchant.occurred_at_days_back_max},
            pointer="/occurred_at",
        )


def check_money(merchant: Merchant, sold: PurchaseInput) -> None:
    """:raises WrongCurrency, Invalid: another currency than the merchant's; tenders or tax beyond the total."""
    if sold.currency != merchant.currency:
        raise WrongCurrency(
            _("This merchant sells in %(currency)s.") % {"currency": merchant.currency}, pointer="/currency"
        )
    if sold.tax_minor > sold.total_minor:
        raise Invalid(_("The tax is part of the total and cannot be more."), pointer="/tax_minor")
    if sold.tenders and sum(tender.amount_minor for tender in sold.tenders) != sold.total_minor:
        raise TotalsDisagree(_("The tenders do not come to the total."), pointer="/tenders")
