"""The member's card: a QR code, a bar code and a short code to say, also without a connection."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required
from loyalty.ui import offline
from merchants import ids


@require_GET
@member_required
def card(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the card; the browser keeps this page, and no other, for when there is no connection."""
    member, balance, promised = member_of(request), screens.balance_of(request), screens.terms_of(request)
    page = {
        "member": member,
        "code": member.code,
        "shown": ids.grouped(member.code),
        "balance": balance,
        "tier": screens.tier_names(promised).get(balance.tier if balance else "", ""),
    }
    response = screens.show(request, "portal/card.html", page)
    offline.keep_card(response, member_id=member.public_id)
    return response
