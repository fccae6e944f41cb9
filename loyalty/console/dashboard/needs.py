"""What somebody should look at, and the way from an empty house to the first numbers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.answers import Dashboard
from engagement import missing, voices
from loyalty.console import screens
from loyalty.console.access import now_of
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import keys
from merchants.models.merchants import Merchant
from merchants.permissions import Permission
from merchants.webhooks import endpoints
from rewards import programmes
from rewards.purchases import finding


def attention(request: HttpRequest, found: Dashboard) -> list[dict[str, Any]]:
    """What somebody should look at: people first, then numbers, then what is broken."""
    needs: list[dict[str, Any]] = []
    merchant = merchant_of(request)
    sees = screens.may_do(request, Permission.SEE_MEMBERS)
    icons = {
        "regulars_slipping": ("people", "warning"),
        "points_expiring": ("clock", "info"),
        "unusually_busy": ("alert", "warning"),
    }
    for item in found.attention:
        icon, tone = icons.get(item.kind, ("smile", "negative"))
        href = _where(request, item.kind)
        needs.append(
            {"title": item.title, "text": item.detail, "icon": icon, "tone": tone, "href": href if sees else ""}
        )
    if sees and (unhappy := voices.guests_waiting(merchant=merchant, now=now_of(request))):
        title = ngettext("%(count)d unhappy guest", "%(count)d unhappy guests", unhappy) % {"count": unhappy}
        text = _("Nobody has noted that somebody took care.")
        href = _said(request, whose="guest")
        needs.append({"title": title, "text": text, "icon": "smile", "tone": "negative", "href": href})
    if screens.may_do(request, Permission.ADJUST_POINTS):
        needs += _of_missing_points(merchant)
    for tile in found.tiles:
        if tile.is_alarming:
            title = _("%(number)s is above %(limit)s %%") % {"number": tile.title, "limit": tile.alert_above}
            group = tile.groups[0] if tile.groups and sees else None
            href = addresses.behind(request, tile.metric, group, found.period.key) if group else ""
            needs.append({"title": title, "text": tile.window, "icon": "alert", "tone": "warning", "href": href})
    if screens.may_do(request, Permission.MANAGE_WEBHOOKS):
        for endpoint in endpoints.listed(merchant=merchant):
            if endpoint.failing_since is not None and endpoint.disabled_at is None:
                since = formats.ago(endpoint.failing_since, now_of(request))
                needs.append({
                    "title": _("A webhook endpoint does not answer"),
                    "text": _("%(url)s, since %(when)s") % {"url": endpoint.url, "when": since},
                    "icon": "webhook",
                    "tone": "negative",
                    "href": reverse("console:webhook", args=[merchant.slug, endpoint.id]),
                })  # fmt: skip
    return needs


def _where(request: HttpRequest, kind: str) -> str:
    """Where an insight leads: to its members, or to what they said."""
    if kind == "detractors_waiting":
        return _said(request, whose="member")
    return f"{screens.url(request, 'dashboard_members')}?{addresses.query(metric='insight', group=kind)}"


def _said(request: HttpRequest, *, whose: str) -> str:
    return f"{screens.url(request, 'dashboard_answers')}?{addresses.query(whose=whose, care='waiting', days=str(voices.NEWS_DAYS))}"


def _of_missing_points(merchant: Merchant) -> list[dict[str, Any]]:
    needs, href = [], reverse("console:member_missing", args=[merchant.slug])
    if waiting := missing.waiting_count(merchant=merchant):
        title = ngettext("%(count)d question about missing points", "%(count)d questions about missing points", waiting)
        text = _("The member waits for points or a reason.")
        needs.append(
            {"title": title % {"count": waiting}, "text": text, "icon": "receipt", "tone": "warning", "href": href}
        )
    if twice := missing.paid_twice_count(merchant=merchant):
        title = ngettext("%(count)d sale counted twice", "%(count)d sales counted twice", twice)
        text = _("You gave points by hand, and the sale itself came later.")
        needs.append(
            {"title": title % {"count": twice}, "text": text, "icon": "receipt", "tone": "negative", "href": href}
        )
    return needs


def beginning(request: HttpRequest) -> dict[str, Any]:
    """The way from an empty house to the first numbers: programme, key, first sale."""
    merchant = merchant_of(request)
    slug = {"merchant_slug": merchant.slug}
    has_programme = bool(programmes.published(merchant=merchant, limit=1))
    has_draft = has_programme or programmes.draft(merchant=merchant).revision > 0
    has_key = any(key.revoked_at is None for key in keys.of(merchant))
    has_sale = finding.has_any(merchant=merchant)
    may_edit = screens.may_do(request, Permission.EDIT_PROGRAMME)
    may_publish = screens.may_do(request, Permission.PUBLISH_PROGRAMME)
    may_keys = screens.may_do(request, Permission.MANAGE_KEYS)
    steps = [
        {
            "title": _("Draft your programme"),
            "text": _("Choose what a purchase earns and what points buy. Start from a template; nothing is live yet."),
            "is_done": has_draft,
            "href": reverse("console:programme", kwargs=slug) if may_edit else "",
            "action": _("Choose a template"),
        },
        {
            "title": _("Publish it"),
            "text": _("Read it once more in plain words, with what usual sales would earn. Members earn from then on."),
            "is_done": has_programme,
            "href": reverse("console:programme_review", kwargs=slug) if may_publish else "",
            "action": _("Review and publish"),
        },
        {
            "title": _("Connect a till, or use the counter"),
            "text": _("A POS needs an API key. Without a POS, a phone at the counter is enough."),
            "is_done": has_key or has_sale,
            "href": reverse("console:keys", kwargs=slug) if may_keys else "",
            "action": _("Make an API key"),
        },
        {
            "title": _("Record the first sale"),
            "text": _("The till simulator sends one for you, so that you see what your till will get."),
            "is_done": has_sale,
            "href": reverse("console:till", kwargs=slug) if may_keys else "",
            "action": _("Open the till simulator"),
        },
        {
            "title": _("Read your numbers"),
            "text": _("They are computed every night, from the first sale on."),
            "is_done": False,
            "href": "",
            "action": "",
        },
    ]
    following = next((place for place, step in enumerate(steps) if not step["is_done"]), 0)
    return {"steps": steps, "following": following}
