"""The member's card: a QR code that moves every minute, a bar code and a short code to say, also without a connection."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import codes, offline
from members import live_codes
from merchants import ids

#: An hour of codes comes with the page, for cellars and full trains.
MINUTES = 60


@require_GET
@member_required
def card(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the card; the browser keeps this page, and no other, for when there is no connection."""
    member, balance, promised = member_of(request), screens.balance_of(request), screens.terms_of(request)
    series = live_codes.series(merchant=merchant_of(request), member=member, now=now_of(request), count=MINUTES)
    page = {
        "member": member,
        "code": member.code,
        "shown": ids.grouped(member.code),
        "live": series[0][1],
        "series": json.dumps([[int(at.timestamp()), *codes.modules(text)] for at, text in series]),
        "balance": balance,
        "seq": balance.seq if balance else 0,
        "tier": screens.tier_names(promised).get(balance.tier if balance else "", ""),
    }
    response = screens.show(request, "portal/card.html", page)
    offline.keep_card(response, member_id=member.public_id)
    return response
