"""Recording a sale of the counter, once, however often its form comes: at once, or later from a device without a connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from loyalty.console.access import actor_of, device_of, now_of
from loyalty.console.counter import shift
from loyalty.console.counter.sale_form import SaleForm
from loyalty.console.counter.sale_preview import reference
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants.errors import LoyaltyError
from rewards import purchases, terms
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView

_REUSED = "external_id_reused"


@dataclass(frozen=True, slots=True)
class SaleMoment:
    """When a sale happened by the device's clock, what that clock said as it was sent, and where (a location's code)."""

    occurred_at: datetime
    sent_at: datetime | None = None
    location: str | None = None


def record(request: HttpRequest, found: Member | None, form: SaleForm, moment: SaleMoment | None = None) -> str | None:
    """Record the sale and return its id; None when it was refused, with the reason in the form."""
    merchant, now, device = merchant_of(request), now_of(request), device_of(request)
    if moment is None:
        place = shift.place_of(request)
        moment = SaleMoment(now, location=place.code if place else None)
    sold = purchases.PurchaseInput(
        external_id=form.external_id, occurred_at=moment.occurred_at, sent_at=moment.sent_at, currency=merchant.currency,
        total_minor=form.total_minor, member=reference(request, found, form), redemptions=form.redemptions,
        lines=form.lines, location=moment.location, terminal=device.public_id if device else None, channel="counter",
    )  # fmt: skip
    try:
        with transaction.atomic():
            outcome = purchases.record(merchant=merchant, items=[sold], now=now, actor=actor_of(request))[0]
            if outcome.error is not None:
                raise outcome.error
    except LoyaltyError as refusal:
        if refusal.code == _REUSED:
            return _earlier(request, found, form, moment)
        form.add_error(_field(form, refusal), refusal.detail)
        return None
    return outcome.public_id


def _field(form: SaleForm, refusal: LoyaltyError) -> str | None:
    if refusal.pointer == "/total_minor":
        return "amount"
    return "points" if form.points and (refusal.pointer or "").startswith("/redemptions") else None


def _earlier(request: HttpRequest, found: Member | None, form: SaleForm, moment: SaleMoment) -> str | None:
    """The sale that has this id already: the same one sent twice is no fault; another one is, and a colleague's."""
    earlier = finding.by_external_id(merchant=merchant_of(request), external_id=form.external_id)
    is_same = (
        earlier is not None
        and earlier.actor == str(actor_of(request))
        and (earlier.member_id, earlier.total_minor) == (found.pk if found else None, form.total_minor)
        and bool(earlier.points_paid_minor) == bool(form.points)
        and _goods_of(earlier) == _goods_of(form)
        and abs(moment.occurred_at - earlier.occurred_at) < shift.UNDO_WITHIN
    )
    if earlier is not None and is_same:
        return earlier.public_id
    form.add_error(
        "receipt" if form.cleaned_data["receipt"] else None,
        _("A sale with this number is recorded already. Nothing was added."),
    )
    return None


def _goods_of(sold: PurchaseView | SaleForm) -> list[tuple[Any, ...]]:
    """What was named of a sale, a line each; the rest of it is of no goods in particular."""
    named = [(line.category, line.sku, tuple(line.labels), line.kind, line.amount_minor) for line in sold.lines]
    return [line for line in named if line[:4] != ("", "", (), terms.GOODS)]
