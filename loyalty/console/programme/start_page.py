"""The start page: whole programmes by trade, of which a new merchant takes one and reads it before publishing."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.programme.overview import newest_of, templates_for
from loyalty.tenant import merchant_of
from merchants.permissions import Permission
from rewards import programmes

#: What each template is for, in the order they are offered; one that is not named here keeps its own name, at the end.
TRADES: Final[dict[str, Any]] = {
    "simple": (_("Any shop"), _("Points for what is spent, one rule")),
    "cafe": (_("Café"), _("Points, tiers and rewards")),
    "cafe-stamps": (_("Café with a stamp card"), _("Points, tiers, and a coffee for a full card")),
    "coffee-card": (_("Coffee bar"), _("Stamps only, no points")),
    "stars": (_("Coffee chain"), _("Points for spending and for reloads, tiers")),
    "bookshop": (_("Bookshop"), _("Points, tiers, and goods that give more")),
}


@require_GET
@seat_required(Permission.EDIT_PROGRAMME)
def start_page(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Offer the templates by trade; who has a draft already goes on with it."""
    merchant = merchant_of(request)
    if newest_of(merchant) is not None or programmes.draft(merchant=merchant).revision:
        return screens.to(request, "programme")
    found = {each["code"]: each for each in templates_for(merchant, get_language() or "en")}
    order = [*(code for code in TRADES if code in found), *(code for code in found if code not in TRADES)]
    offered = [
        {**found[code], "trade": TRADES.get(code, (found[code]["name"], ""))[0], "gives": TRADES.get(code, ("", ""))[1]}
        for code in order
    ]
    return screens.show(request, "console/programme/start_page.html", {"templates": offered})
