"""A purchase in memory: checked when it comes in, evaluated, and reduced by refunds.  No database, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from merchants import money
from merchants.errors import Invalid
from merchants.models.merchants import Merchant
from rewards.earning import Basket, Facts, Line
from rewards.sales.figures import QualifyingSums
from rewards.sales.inputs import LineInput, PurchaseInput, milli
from rewards.terms import GOODS


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
    labels: Sequence[str] = ()
    kind: str = GOODS
    refunded_milli: int = 0
    refunded_minor: int = 0

    @property
    def is_return(self) -> bool:
        return self.amount_minor < 0 or self.discount_minor < 0


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
    #: Lines that points may not pay for, by the terms of the sale.
    not_by_points: tuple[str, ...] = ()
    #: Kinds of lines that points may pay, by the terms of the sale.
    payable_kinds: tuple[str, ...] = (GOODS,)
    #: What cash rounding put on the total.
    rounding_minor: int = 0
    #: A line of it is below zero.
    has_returns: bool = False
    #: The till's time could not be true: `occurred_at` is when it came.
    is_time_unknown: bool = False
    member_id: int | None = None
    location_id: int | None = None
    location_public_id: str | None = None
    ordinal: int | None = None
    terms_version: int | None = None
    facts: Facts | None = None
    #: Below zero when more came back than was bought: so many were taken back, some of them as debt.
    points_earned: int = 0
    debt_made: int = 0
    points_clawed_back: int = 0
    qualifying_points: int = 0
    qualifying_minor: int = 0
    refunded_minor: int = 0
    #: Nothing of what was sold is left, which the figures of a total of 0 do not say.
    came_back_whole: bool = False
    #: Refunded without naming lines; what named lines took is on the lines.
    refunded_unnamed_minor: int = 0
    receipt: dict[str, Any] = field(default_factory=dict)
    was_announced: bool = False

    @property
    def net_minor(self) -> int:
        return self.total_minor - self.refunded_minor

    @property
    def is_purchase(self) -> bool:
        """Return whether something was bought: on a receipt below zero more came back, and it is nobody's n-th purchase."""
        return self.total_minor >= 0

    @property
    def stands(self) -> bool:
        """Return whether it counts as a purchase still: something is left of it, also of one that came to nothing."""
        return self.net_minor > 0 or ((self.total_minor, self.refunded_minor) == (0, 0) and not self.came_back_whole)

    @property
    def counts(self) -> QualifyingSums:
        """Return what it counts towards tiers, net of refunds."""
        return QualifyingSums(self.qualifying_points, self.qualifying_minor, int(self.stands))

    @property
    def sold_minor(self) -> int:
        """Return what the lines above zero came to: more than the total where something came back as well."""
        return sum(max(0, line.amount_minor) for line in self.lines)

    @property
    def reducible_minor(self) -> int:
        """Return what percentages and minimum totals look at: the lines of the kinds that points may pay."""
        return max(0, sum(line.amount_minor for line in self.lines if line.kind in self.payable_kinds))

    @property
    def payable_minor(self) -> int:
        """Return what of it points may pay for: of those lines, the goods that the terms do not exclude."""
        return max(0, sum(line.amount_minor for line in self.lines if self._is_payable(line)))

    def _is_payable(self, line: SaleLine) -> bool:
        return line.kind in self.payable_kinds and line.id not in self.not_by_points

    def _paid_by_line(self) -> list[int]:
        """What points paid of each line; all 0 where they may pay for any, which shares it out over all lines."""
        if not self.not_by_points or self.points_paid_minor <= 0:
            return [0] * len(self.lines)
        payable = [max(0, line.amount_minor) if self._is_payable(line) else 0 for line in self.lines]
        return money.split(self.points_paid_minor, payable)

    def basket(self) -> Basket:
        """Return the basket as it was sold, which every evaluation starts from."""
        paid = self._paid_by_line()
        return Basket(
            occurred_at=self.occurred_at,
            currency=self.currency,
            total_minor=self.total_minor,
            lines=tuple(
                Line(
                    id=line.id, sku=line.sku, category=line.category, quantity_milli=line.quantity_milli,
                    amount_minor=line.amount_minor, discount_minor=line.discount_minor, tax_minor=line.tax_minor,
                    points_minor=share,
                    labels=tuple(line.labels), kind=line.kind,
                )
                for line, share in zip(self.lines, paid, strict=True)
            ),
            points_paid_minor=self.points_paid_minor,
            payable_kinds=self.payable_kinds,
            rounding_minor=self.rounding_minor,
            location=self.location_public_id,
            channel=self.channel or None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SaleLocation:
    """A location as the purchase needs it."""

    id: int
    public_id: str
    code: str
    zone: str


class Listed(Protocol):
    """What has lines and a total: a sale, a quote, a basket that is tried."""

    @property
    def lines(self) -> tuple[LineInput, ...]: ...
    @property
    def total_minor(self) -> int: ...
    @property
    def rounding_minor(self) -> int: ...
    @property
    def tax_minor(self) -> int: ...


def checked_lines(sold: Listed) -> list[SaleLine]:
    """Return the lines, or one line of goods over the total when none were sent.

    :raises TotalsDisagree: the lines and the rounding do not add up to the total.
    :raises Invalid: a quantity, a sign, a tax or a repeated line id, named by its pointer.
    """
    if not sold.lines:
        return [SaleLine("1", "", "", 1000, sold.total_minor - sold.rounding_minor, 0, sold.tax_minor, None)]
    lines: list[SaleLine] = []
    seen: set[str] = set()
    total = 0
    for position, line in enumerate(sold.lines):
        name = line.id or str(position + 1)
        if name in seen:
            raise Invalid(_("Two lines have the same id."), pointer=f"/lines/{position}/id")
        seen.add(name)
        thousandths = _quantity(line, position)
        _check_signs(line, position)
        total += line.amount_minor
        lines.append(
            SaleLine(
                name, line.sku, line.category, thousandths, line.amount_minor, line.discount_minor, line.tax_minor,
                line.cost_minor, line.labels, line.kind,
            )
        )  # fmt: skip
    if total + sold.rounding_minor != sold.total_minor:
        raise TotalsDisagree(
            _("The lines come to %(lines)d, with the rounding, and total_minor says %(total)d.")
            % {"lines": total + sold.rounding_minor, "total": sold.total_minor},
            pointer="/total_minor",
        )
    if sold.total_minor < 0 and not any(line.is_return for line in lines):
        raise Invalid(_("A total below zero needs a line below zero."), pointer="/total_minor")
    return lines


def _quantity(line: LineInput, position: int) -> int:
    """The quantity in thousandths; what comes back may be counted below zero, as its amount is."""
    thousandths = milli(-line.quantity if line.quantity < 0 and line.amount_minor <= 0 else line.quantity)
    if thousandths is None:
        raise Invalid(
            _("A quantity is more than 0 and has at most three decimals."), pointer=f"/lines/{position}/quantity"
        )
    return thousandths


def _check_signs(line: LineInput, position: int) -> None:
    parts = {"discount_minor": line.discount_minor, "tax_minor": line.tax_minor, "cost_minor": line.cost_minor or 0}
    for name, value in parts.items():
        if value * line.amount_minor < 0:
            raise Invalid(
                _("Of a line below zero this is below zero too, and above it of any other."),
                pointer=f"/lines/{position}/{name}",
            )
    if line.amount_minor and abs(line.tax_minor) > abs(line.amount_minor):
        raise Invalid(_("The tax is part of the amount and cannot be more."), pointer=f"/lines/{position}/tax_minor")


def check_money(merchant: Merchant, sold: PurchaseInput) -> None:
    """:raises WrongCurrency, Invalid: another currency than the merchant's; tenders or tax beyond the total."""
    if sold.currency != merchant.currency:
        raise WrongCurrency(
            _("This merchant sells in %(currency)s.") % {"currency": merchant.currency}, pointer="/currency"
        )
    if any(line.amount_minor < 0 for line in sold.lines):
        # Goods of one rate came back and goods of another were bought: the tax may have another sign than the total.
        gross = sum(abs(line.amount_minor) for line in sold.lines)
        is_possible = abs(sold.tax_minor) <= gross
    else:
        is_possible = min(0, sold.total_minor) <= sold.tax_minor <= max(0, sold.total_minor)
    if not is_possible:
        raise Invalid(_("The tax is part of the total and cannot be more."), pointer="/tax_minor")
    unit = money.cash_unit(sold.currency)
    if abs(sold.rounding_minor) > unit:
        raise Invalid(
            _("Cash is rounded by %(unit)d at most: what else changes the total is a line.") % {"unit": unit},
            pointer="/rounding_minor",
        )
    if sold.tenders and sum(tender.amount_minor for tender in sold.tenders) != sold.total_minor:
        raise TotalsDisagree(_("The tenders do not come to the total."), pointer="/tenders")
