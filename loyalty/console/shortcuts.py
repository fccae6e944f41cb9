"""The keys of console and counter, in one list: each is one that works."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from merchants.permissions import Permission

#: Where `g` and a letter leads (static/js/keys.js), and what the page is for.
GO: Final[tuple[tuple[str, Any, Permission | None], ...]] = (
    ("d", _("Dashboard"), Permission.VIEW_DASHBOARD),
    ("c", _("Counter"), Permission.USE_COUNTER),
    ("m", _("Members"), Permission.SEE_MEMBERS),
    ("a", _("Approvals"), Permission.ADJUST_POINTS),
    ("p", _("Programme"), Permission.VIEW_PROGRAMME),
    ("r", _("Rewards"), Permission.VIEW_PROGRAMME),
    ("t", _("Team and places"), Permission.MANAGE_CASHIERS),
    ("s", _("Settings"), Permission.MANAGE_SETTINGS),
    ("n", _("Notifications"), None),
)


@require_GET
@seat_required(None)
def shortcuts(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the keys, those of pages only where the role may open the page."""
    go = [(key, name) for key, name, permission in GO if permission is None or screens.may_do(request, permission)]
    return screens.show(request, "console/people/shortcuts.html", {"go": go})
