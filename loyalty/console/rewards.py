"""The catalogue of the draft, with what is taken of each reward, and the claims of all members."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.programme.items import LISTS
from loyalty.console.programme.shapes import edited_draft
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants.permissions import Permission
from rewards.redemptions import listing
from rewards.terms import TermsWording

#: What a redemption's state is called, and in which tone it is shown.
STATES: dict[str, tuple[Any, str]] = {
    "held": (gettext_lazy("on hold"), "warning"),
    "captured": (gettext_lazy("redeemed"), "positive"),
    "released": (gettext_lazy("released"), ""),
    "expired": (gettext_lazy("timed out"), ""),
    "reversed": (gettext_lazy("undone"), "negative"),
    "refused": (gettext_lazy("refused"), "negative"),
}


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def catalogue(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the rewards of the draft, and whether members see them already."""
    edited = edited_draft(request)
    speaker = TermsWording(edited.terms, edited.language, for_staff=True, places=edited.places)
    taken = listing.claimed(merchant=edited.merchant, rewards=[reward.code for reward in edited.terms.rewards])
    endless = [reward.code for reward in edited.terms.rewards if reward.stock is None]
    counted = listing.counted(merchant=edited.merchant, rewards=endless)
    version = screens.version_of(request)
    live = {reward.code: reward for reward in version.terms.rewards} if version else {}
    rows = []
    for reward in edited.terms.rewards:
        shown = live.get(reward.code)
        rows.append({
            "code": reward.code,
            "name": edited.said(reward.name),
            "what": formats.side_by_side(reward.describe(speaker).lines),
            "price": reward.price_points,
            "kind": type(reward).kind,
            "figure": reward.on_ticket(speaker),
            "stock": reward.stock,
            "claimed": counted[reward.code][0] if reward.stock is None else taken.get(reward.code, 0),
            "may_be_more": reward.stock is None and counted[reward.code][1],
            "left": None if reward.stock is None else max(0, reward.stock - taken.get(reward.code, 0)),
            "state": "live" if shown == reward else "changed" if shown is not None else "draft",
        })  # fmt: skip
    gone = [edited.said(reward.name) for code, reward in live.items() if code not in {row["code"] for row in rows}]
    page = {
        "edited": edited, "rows": rows, "gone": gone, "kinds": LISTS["reward"].choices, "paying": formats.sentences(pay.describe(speaker).all) if (pay := edited.terms.pay_with_points) else _("points cannot pay"),
        "may_edit": screens.may_do(request, Permission.EDIT_PROGRAMME),
        "tabs": _tabs(request, "rewards"),
    }  # fmt: skip
    return screens.show(request, "console/rewards/catalogue.html", page)


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def taken(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what members took, newest first; of one reward with `?reward=`."""
    merchant, edited = merchant_of(request), edited_draft(request)
    wanted = request.GET.get("reward", "")[:60]
    rows = listing.listed(
        merchant=merchant, now=now_of(request), reward=wanted, limit=screens.PAGE + 1,
        before=screens.read_cursor(request, tuple[datetime, int]),
    )  # fmt: skip
    shown, following = screens.cut(rows, lambda row: (row.occurred_at, row.id))
    names = {each.code: edited.said(each.name) for each in edited.terms.rewards} | screens.reward_names(request)
    page = {
        "rows": [
            {"claim": row, "name": names.get(row.reward, row.reward) or _("Paid with points"),
             "state": STATES[row.state][0], "tone": STATES[row.state][1]}
            for row in shown
        ],
        "cursor": following, "wanted": names.get(wanted, wanted), "tabs": _tabs(request, "reward_claims"),
    }  # fmt: skip
    return screens.show(request, "console/rewards/claims.html", page)


def _tabs(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    items = [("rewards", _("Catalogue"))]
    if screens.may_do(request, Permission.SEE_MEMBERS):
        items.append(("reward_claims", _("Claims")))
    return [
        {"label": label, "href": screens.url(request, name), "is_current": name == current} for name, label in items
    ]
