"""Everything that happened to the member's points, each with its why; and when the points they hold end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.portal import entry_texts, screens
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui.list_cursors import read_cursor
from merchants import cursors
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
    moved, following = read(request, limit=screens.PAGE, only=only, before=read_cursor(request, int))
    path = reverse("portal:activity", kwargs={"merchant_slug": merchant_slug})
    page = {
        "months": entry_texts.by_month(moved),
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
) -> tuple[list[entry_texts.HistoryRow], str | None]:
    """Return a page of entries in words, and the cursor of the next one."""
    merchant = merchant_of(request)
    rows = balances.ledger(
        merchant=merchant, member_id=member_of(request).pk, limit=limit + 1, before_seq=before, only=only
    )
    shown, following = cursors.cut(rows, limit, lambda row: row.seq)
    wanted = [row.document_id for row in shown if row.document_kind == "purchase" and row.document_id]
    moved = entry_texts.told(
        shown,
        timeline=versions.timeline(merchant.pk),
        purchases=finding.among(merchant=merchant, public_ids=wanted),
        language=screens.language(),
    )
    return moved, following
