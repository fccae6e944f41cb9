"""Purchases as they stand, for people who look: a member's, newest first, with lines and what came back of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from django.db.models import CharField, Count, F, QuerySet, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

from merchants import ids, keys, money
from merchants.models.merchants import Merchant
from rewards.earning import TraceLine
from rewards.models.purchases import Claim, Purchase, PurchaseLine, Refund
from rewards.terms import GOODS

PAGE_MAX = 100


@dataclass(frozen=True, slots=True)
class LineView:
    """One line: amounts after discounts, in minor units; quantities in thousandths."""

    line_id: str
    sku: str
    category: str
    quantity_milli: int
    amount_minor: int
    refunded_milli: int
    refunded_minor: int
    labels: tuple[str, ...] = ()
    kind: str = GOODS
    discount_minor: int = 0
    tax_minor: int = 0
    #: What it cost the merchant; None where the till does not say.
    cost_minor: int | None = None

    @property
    def left_minor(self) -> int:
        return self.amount_minor - self.refunded_minor

    @property
    def left_milli(self) -> int:
        return self.quantity_milli - self.refunded_milli


@dataclass(frozen=True, slots=True)
class RefundView:
    """What was taken back of a purchase, and the points that went with it."""

    public_id: str
    amount_minor: int | None
    pay_out_minor: int | None
    points_clawed_back: int
    points_restored: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class PurchaseView:
    """One recorded purchase with its lines and refunds; `trace` is why it earned what it earned."""

    id: int
    public_id: str
    external_id: str
    #: Who recorded it.
    actor: str
    #: The claim by which it is its member's, by its public id; empty when it was sold to them.
    claim: str
    member_id: int | None
    location: str
    channel: str
    occurred_at: datetime
    #: When it reached us, which is later for one that a device kept without a connection.
    recorded_at: datetime
    currency: str
    total_minor: int
    refunded_minor: int
    points_paid_minor: int
    points_earned: int
    points_clawed_back: int
    terms_version: int | None
    lines: tuple[LineView, ...]
    refunds: tuple[RefundView, ...]
    trace: tuple[TraceLine, ...]
    #: What cash rounding put on the total.
    rounding_minor: int = 0

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.refunded_minor

    @property
    def paid_out_minor(self) -> int:
        """Money all refunds handed back, without what points had paid."""
        return sum(refund.pay_out_minor or 0 for refund in self.refunds)

    @property
    def points_kept(self) -> int:
        return self.points_earned - self.points_clawed_back


def of_member(
    *, merchant: Merchant, member_id: int, limit: int = 20, before: tuple[datetime, int] | None = None
) -> list[PurchaseView]:
    """List a member's purchases by business time, newest first, those before (occurred_at, id)."""
    rows = Purchase.objects.filter(merchant=merchant, member_id=member_id, state="recorded")
    if before is not None:
        rows = rows.filter(occurred_at__lte=before[0]).exclude(occurred_at=before[0], id__gte=before[1])
    found = rows.select_related("location").defer("facts").order_by("-local_day", "-occurred_at", "-id")
    return views_of(merchant, list(found[: max(1, min(limit, PAGE_MAX))]))


def find(*, merchant: Merchant, public_id: str) -> PurchaseView | None:
    """Find one recorded purchase by its public id; None when there is none."""
    if not ids.is_id(public_id, "pur"):
        return None
    row = Purchase.objects.filter(merchant=merchant, public_id=public_id, state="recorded")
    return next(iter(views_of(merchant, list(row.select_related("location")))), None)


def by_external_id(*, merchant: Merchant, external_id: str) -> PurchaseView | None:
    """Find one recorded purchase by the id its sender gave it; None when there is none."""
    rows = Purchase.objects.filter(merchant=merchant, external_id=external_id, state="recorded")
    return next(iter(views_of(merchant, list(rows.select_related("location")))), None)


def by_number(*, merchant: Merchant, number: str) -> list[PurchaseView]:
    """Find the recorded purchases that a number on paper may mean, newest first.

    Tills that put a namespace before their ids may count alike: whoever asks chooses, nobody guesses.
    """
    rows = numbered(merchant=merchant, number=Value(number)).select_related("location").order_by("-occurred_at", "-id")
    return views_of(merchant, list(rows[:PAGE_MAX]))


def numbered(*, merchant: Merchant, number: Combinable) -> QuerySet[Purchase]:
    """Select the recorded purchases with a number on paper, a value or a column of an outer query:
    as it is, and with what any of the merchant's keys puts before it."""
    spaced = (Concat(Value(f"{each}:"), number, output_field=CharField()) for each in keys.namespaces(merchant))
    return Purchase.objects.filter(merchant=merchant, external_id__in=[number, *spaced], state="recorded")


def among(*, merchant: Merchant, public_ids: Sequence[str], has_refunds: bool = True) -> dict[str, PurchaseView]:
    """Find recorded purchases by their public ids, a page of them at a time; without their refunds, if nobody reads them."""
    wanted = [each for each in public_ids if ids.is_id(each, "pur")][:PAGE_MAX]
    rows = Purchase.objects.filter(merchant=merchant, public_id__in=wanted, state="recorded")
    found = views_of(merchant, list(rows.select_related("location")), has_refunds=has_refunds)
    return {view.public_id: view for view in found}


def has_any(*, merchant: Merchant) -> bool:
    """State whether a purchase was ever recorded."""
    return Purchase.objects.filter(merchant=merchant).exists()


#: The newest sales that are looked at, and how many there must be before anything is said.
_LATEST, _ENOUGH = 50, 5


def look_too_small(*, merchant: Merchant) -> bool:
    """State whether sales look a hundred times too small: in a currency whose prices show no minor digits (NT$), most of
    the newest sales are no whole amount, or less than ten."""
    if not money.is_whole_in_shops(merchant.currency):
        return False
    unit = 10 ** money.exponent(merchant.currency)
    rows = Purchase.objects.filter(merchant=merchant, state="recorded", total_minor__gt=0).order_by("-xid")
    totals = list(rows.values_list("total_minor", flat=True)[:_LATEST])
    odd = sum(bool(total % unit) or total < 10 * unit for total in totals)
    return len(totals) >= _ENOUGH and 2 * odd > len(totals)


def usual_minor(*, merchant: Merchant) -> int | None:
    """Return the middle one of the newest sales in minor units; None while there are too few to say."""
    rows = Purchase.objects.filter(merchant=merchant, state="recorded", total_minor__gt=0).order_by("-xid")
    totals = sorted(rows.values_list("total_minor", flat=True)[:_LATEST])
    return totals[len(totals) // 2] if len(totals) >= _ENOUGH else None


@dataclass(frozen=True, slots=True)
class SalesOfDay:
    """The sales of one counter on one day: how many, what they came to without what came back, and the newest of them."""

    count: int
    total_minor: int
    newest: list[PurchaseView]


#: So many of the newest sales of the merchant are asked which were made at one counter today.
OF_DAY_MAX = 2000


def of_day(*, merchant: Merchant, day: date, terminal: str, actor: str, limit: int = 10) -> SalesOfDay:
    """Sum up what one counter sold on a day, by its device (`terminal`), or by who stands there where there is none.

    Among the newest OF_DAY_MAX sales of the merchant, in two statements and those of the views.
    """
    newest = Purchase.objects.filter(merchant=merchant, state="recorded").order_by("-xid")[:OF_DAY_MAX]
    rows = Purchase.objects.filter(merchant=merchant, pk__in=newest.values("pk"), local_day=day, channel="counter")
    rows = rows.filter(terminal=terminal) if terminal else rows.filter(actor=actor)
    summed = rows.aggregate(count=Count("pk"), total=Sum(F("total_minor") - F("refunded_minor")))
    shown = views_of(merchant, list(rows.select_related("location").order_by("-occurred_at", "-pk")[:limit]))
    return SalesOfDay(summed["count"], summed["total"] or 0, shown)


def count_up_to(*, merchant: Merchant, most: int) -> int:
    """Count recorded purchases, and stop counting at `most`."""
    return len(Purchase.objects.filter(merchant=merchant, state="recorded").order_by("pk").values_list("pk")[:most])


def views_of(merchant: Merchant, rows: Sequence[Purchase], *, has_refunds: bool = True) -> list[PurchaseView]:
    """Show rows in their order, in four statements at most, however many there are."""
    ids_wanted = [row.pk for row in rows]
    lines: dict[int, list[LineView]] = {}
    for line in PurchaseLine.objects.filter(merchant=merchant, purchase_id__in=ids_wanted).order_by("position"):
        view = LineView(
            line.line_id, line.sku, line.category, line.quantity_milli, line.amount_minor, line.refunded_milli,
            line.refunded_minor, tuple(line.labels), line.kind, line.discount_minor, line.tax_minor, line.cost_minor,
        )  # fmt: skip
        lines.setdefault(line.purchase_id, []).append(view)
    refunds: dict[int, list[RefundView]] = {}
    applied = Refund.objects.filter(merchant=merchant, purchase_id__in=ids_wanted, is_applied=True)
    for row in applied.order_by("id") if has_refunds else ():
        refund = RefundView(
            row.public_id, row.amount_minor, row.pay_out_minor, row.points_clawed_back, row.points_restored, row.reason,
            row.occurred_at,
        )  # fmt: skip
        refunds.setdefault(row.purchase_id, []).append(refund)
    # What a claimed purchase was sold with is a guest's receipt: why it earned is on the claim's.
    receipts = {row.pk: row.receipt for row in rows}
    claims: dict[int, str] = {}
    if any(row.member_id is not None and _member_of(row.receipt) is None for row in rows):
        claimed = Claim.objects.filter(merchant=merchant, purchase_id__in=ids_wanted, is_undone=False)
        for purchase_id, public_id, receipt in claimed.values_list("purchase_id", "public_id", "receipt"):
            receipts[purchase_id], claims[purchase_id] = receipt, public_id
    return [
        _view(row, receipts[row.pk], claims.get(row.pk, ""), lines.get(row.pk, []), refunds.get(row.pk, []))
        for row in rows
    ]


def _view(
    row: Purchase, receipt: Any, claim: str, lines: Sequence[LineView], refunds: Sequence[RefundView]
) -> PurchaseView:
    return PurchaseView(
        id=row.pk,
        public_id=row.public_id,
        external_id=row.external_id,
        actor=row.actor,
        claim=claim,
        member_id=row.member_id,
        location=row.location.name if row.location else "",
        channel=row.channel,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        currency=row.currency,
        total_minor=row.total_minor,
        refunded_minor=row.refunded_minor,
        points_paid_minor=row.points_paid_minor,
        points_earned=row.points_earned,
        points_clawed_back=row.points_clawed_back,
        terms_version=row.terms_version,
        lines=tuple(lines),
        refunds=tuple(refunds),
        trace=_trace(receipt),
        rounding_minor=row.rounding_minor,
    )


def _kept(receipt: Any) -> dict[str, Any]:
    kept: dict[str, Any] | None = msgspec.json.decode(receipt) if isinstance(receipt, (str, bytes)) else receipt
    return kept or {}


def _member_of(receipt: Any) -> str | None:
    return _kept(receipt).get("member")


def _trace(receipt: Any) -> tuple[TraceLine, ...]:
    return msgspec.convert(_kept(receipt).get("trace", ()), tuple[TraceLine, ...])
