"""Everything that happened to the member's points, each with its why; and when the points they hold end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.portal import screens, telling
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from rewards import balances, versions
from rewards.purchases import finding

KINDS: dict[str, Any] = {
    "": gettext_lazy("All"), "earned": gettext_lazy("Earned"), "spent": gettext_lazy("Spent"),
    "expired": gettext_lazy("Ended"), "adjusted": gettext_lazy("Corrected"),
}  # fmt: skip


@require_GET
@member_required
def activity(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List entries by month, newest first; `?show=` filters them."""
    only = request.GET.get("show", "")
    only = only if only in KINDS else ""
    moved, following = read(request, limit=screens.PAGE, only=only, before=screens.read_cursor(request))
    path = reverse("portal:activity", kwargs={"merchant_slug": merchant_slug})
    page = {
        "months": telling.by_month(moved),
        "filters": [
            {"label": label, "href": f"{path}?show={kind}" if kind else path, "is_current": kind == only}
            for kind, label in KINDS.items()
        ],
        "only": only,
        "following": following,
        "balance": screens.balance_of(request),
    }
    return screens.show(request, "portal/activity.html", page)


@require_GET
@member_required
def ending(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the points held by the day they end, with those still on their way and those set aside."""
    merchant, now = merchant_of(request), now_of(request)
    lots = balances.lots(merchant=merchant, member_id=member_of(request).pk, now=now)
    page = {
        "balance": screens.balance_of(request),
        "lots": [lot for lot in lots if lot.state == "active"],
        "pending": [lot for lot in lots if lot.state == "pending"],
    }
    return screens.show(request, "portal/activity_ending.html", page)


def read(
    request: HttpRequest, *, limit: int, only: str = "", before: int | None = None
) -> tuple[list[telling.Moved], str | None]:
    """Return a page of entries in words, and the cursor of the next one."""
    merchant = merchant_of(request)
    rows = balances.ledger(
        merchant=merchant, member_id=member_of(request).pk, limit=limit + 1, before_seq=before, only=only
    )
    shown = rows[:limit]
    wanted = [row.document_id for row in shown if row.document_kind == "purchase" and row.document_id]
    moved = telling.told(
        shown,
        timeline=versions.timeline(merchant.pk),
        purchases=finding.among(merchant=merchant, public_ids=wanted),
        language=screens.language(),
    )
    return moved, str(shown[-1].seq) if len(rows) > limit else None
