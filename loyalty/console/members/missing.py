"""What members asked about purchases that gave no points: staff compare the receipt, give the points or say why not."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from engagement import missing as questions
from engagement.missing import MissingPoints
from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of
from loyalty.ui.amounts import PointsField
from merchants import keys
from merchants.errors import LoyaltyError
from merchants.permissions import Permission


@require_GET
@seat_required(Permission.ADJUST_POINTS)
def missing(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what waits, oldest first, with what such a purchase would give; what counts twice; and the last answers."""
    merchant = merchant_of(request)
    page = {
        "waiting": [_shown(request, row) for row in questions.waiting(merchant=merchant)],
        "twice": questions.paid_twice(merchant=merchant),
        "settled": questions.settled(merchant=merchant),
    }
    return screens.show(request, "console/members/missing.html", page)


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def settle(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give the points or the purchase, decline, take points back, or tell receipts apart, as `act` says; the second
    press finds it done."""
    typed = request.POST
    common: dict[str, Any] = {
        "merchant": merchant_of(request), "question": typed.get("question", "")[:40], "now": now_of(request),
        "actor": actor_of(request),
    }  # fmt: skip
    try:
        with transaction.atomic():
            if typed.get("act") == "decline":
                questions.decline(reason=typed.get("reason", ""), **common)
                said = _("Declined. The member reads why.")
            elif typed.get("act") == "claim":
                questions.claim(purchase=typed.get("purchase", "")[:40], **common)
                said = _("The purchase is the member's now, with its points.")
            elif typed.get("act") == "take_back":
                questions.take_back(**common)
                said = _("The points given by hand are taken back. Those of the purchase stay.")
            elif typed.get("act") == "note_other_receipt":
                questions.note_other_receipt(purchase=typed.get("purchase", "")[:40], **common)
                said = _("Noted: that is another receipt.")
            else:
                points = PointsField(screens.decimals_of(request), required=False).clean(typed.get("points", ""))
                questions.accept(points=points or 0, others=typed.get("others", "").split(), **common)
                said = _("The points are given.")
    except ValidationError as fault:
        notes.error(request, fault.messages[0])
        return screens.to(request, "member_missing")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "member_missing")
    return screens.to(request, "member_missing", said=said)


def _shown(request: HttpRequest, row: MissingPoints) -> dict[str, Any]:
    """One question with what helps to answer it: the points it would give, and what has its receipt number already."""
    merchant = merchant_of(request)
    try:
        worth = questions.worth(merchant=merchant, row=row, now=now_of(request), actor=actor_of(request))
    except LoyaltyError:
        worth = 0
    known = questions.sold_as(merchant=merchant, row=row)
    points = PointsField(screens.decimals_of(request)).prepare_value(worth) if worth else ""
    return {
        "row": row,
        "points": points,
        "known": known,
        # Only where tills may count alike: elsewhere the number says for certain which sale it is.
        "others": " ".join(sale.public_id for sale in known) if keys.namespaces(merchant) else "",
    }
