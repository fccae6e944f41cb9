"""What somebody should look at, and the way from an empty shop to the first numbers."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.answers import Dashboard
from engagement import missing, survey_answers
from loyalty.console import screens
from loyalty.console.access import now_of
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members import directory
from merchants.directory import Merchant
from merchants.permissions import Permission
from merchants.webhooks import endpoints
from rewards import programmes
from rewards.purchases import finding

#: How each kind of analytics.alerts looks: an icon, a tone, and what its button says.
_LOOKS: Final = {
    "regulars_slipping": ("people", "warning", gettext_lazy("See who to win back")),
    "points_expiring": ("clock", "info", gettext_lazy("See whose points")),
    "detractors_waiting": ("smile", "negative", gettext_lazy("Read the answers")),
    "unusually_busy": ("alert", "warning", gettext_lazy("Check these cards")),
}
#: Until so many sales the way to them stands where the numbers will be.
SALES_TO_BEGIN_WITH: Final = 10


def attention(request: HttpRequest, found: Dashboard) -> list[dict[str, Any]]:
    """What somebody should look at: people first, then numbers, then what is broken."""
    needs: list[dict[str, Any]] = []
    merchant = merchant_of(request)
    if merchant.spending_rule_seen_at is None and screens.may_do(request, Permission.MANAGE_SETTINGS):
        needs.append({
            "title": _("The member code only collects now"),
            "text": _("Points are spent with the moving code. Read what changed, and save."),
            "icon": "lock",
            "tone": "info",
            "href": screens.url(request, "settings") + "#spending",
            "action": _("Read what changed"),
        })  # fmt: skip
    sees = screens.may_do(request, Permission.SEE_MEMBERS)
    for item in found.attention:
        icon, tone, action = _LOOKS[item.kind]
        href = _where(request, item.kind) if sees else ""
        needs.append(
            {"title": item.title, "text": item.detail, "icon": icon, "tone": tone, "href": href, "action": action}
        )
    if sees and (unhappy := survey_answers.guests_waiting(merchant=merchant, now=now_of(request))):
        title = ngettext("%(count)d unhappy guest", "%(count)d unhappy guests", unhappy) % {"count": unhappy}
        text = _("Read them, answer, and note that you took care.")
        href = _said(request, whose="guest")
        needs.append(
            {
                "title": title,
                "text": text,
                "icon": "smile",
                "tone": "negative",
                "href": href,
                "action": _("Read the answers"),
            }
        )
    if screens.may_do(request, Permission.ADJUST_POINTS):
        needs += _of_missing_points(merchant)
    for tile in found.tiles:
        if tile.is_alarming:
            title = _("%(number)s is above %(limit)s %%") % {"number": tile.title, "limit": tile.alert_above}
            group = tile.groups[0] if tile.groups and sees else None
            href = addresses.behind(request, tile.metric, group, found.period.key) if group else ""
            needs.append({
                "title": title, "text": tile.window, "icon": "alert", "tone": "warning", "href": href,
                "action": _("See these members"),
            })  # fmt: skip
    needs += _of_amounts(request, merchant)
    if screens.may_do(request, Permission.MANAGE_WEBHOOKS):
        needs += _of_endpoints(request, merchant)
    return needs


def _of_amounts(request: HttpRequest, merchant: Merchant) -> list[dict[str, Any]]:
    if not finding.look_too_small(merchant=merchant):
        return []
    is_shown = screens.may_do(request, Permission.MANAGE_KEYS)
    return [{
        "title": _("Sales look a hundred times too small"),
        "text": _("%(sample)s is sent as %(minor)d: your till may leave the two zeros away.") % {
            "sample": formats.money(150_00, merchant.currency), "minor": 150_00},
        "icon": "alert",
        "tone": "negative",
        "href": reverse("api:quickstart") + f"?currency={merchant.currency}" if is_shown else "",
        "action": _("How amounts are sent"),
    }]  # fmt: skip


def _of_endpoints(request: HttpRequest, merchant: Merchant) -> list[dict[str, Any]]:
    needs: list[dict[str, Any]] = []
    for endpoint in endpoints.listed(merchant=merchant):
        if endpoint.last_failure and endpoint.disabled_at is None:
            is_failing = endpoint.failing_since is not None
            since = formats.ago(endpoint.failing_since, now_of(request)) if endpoint.failing_since else ""
            needs.append({
                "title": _("A webhook endpoint does not answer")
                if is_failing
                else _("A webhook endpoint refuses events"),
                "text": _("%(url)s, since %(when)s") % {"url": endpoint.url, "when": since}
                if is_failing
                else endpoint.url,
                "icon": "webhook",
                "tone": "negative",
                "href": reverse("console:webhook", args=[merchant.slug, endpoint.id]),
                "action": _("Look at the endpoint"),
            })  # fmt: skip
    return needs


def _where(request: HttpRequest, kind: str) -> str:
    """Where an insight leads: to its members, or to what they said."""
    if kind == "detractors_waiting":
        return _said(request, whose="member")
    return f"{screens.url(request, 'dashboard_members')}?{addresses.query(metric='insight', group=kind)}"


def _said(request: HttpRequest, *, whose: str) -> str:
    return f"{screens.url(request, 'dashboard_answers')}?{addresses.query(whose=whose, care='waiting', days=str(survey_answers.NEWS_DAYS))}"


def _of_missing_points(merchant: Merchant) -> list[dict[str, Any]]:
    needs, href = [], reverse("console:member_missing", args=[merchant.slug])
    if waiting := missing.waiting_count(merchant=merchant):
        title = ngettext("%(count)d question about missing points", "%(count)d questions about missing points", waiting)
        text = _("The member waits for points or a reason.")
        needs.append(
            {"title": title % {"count": waiting}, "text": text, "icon": "receipt", "tone": "warning", "href": href,
             "action": _("Answer them")}
        )  # fmt: skip
    if twice := missing.paid_twice_count(merchant=merchant):
        title = ngettext("%(count)d sale counted twice", "%(count)d sales counted twice", twice)
        text = _("You gave points by hand, and the sale itself came later.")
        needs.append(
            {"title": title % {"count": twice}, "text": text, "icon": "receipt", "tone": "negative", "href": href,
             "action": _("Look at the sales")}
        )  # fmt: skip
    return needs


def beginning(request: HttpRequest, *, sales: int) -> dict[str, Any]:
    """Return the way to the first numbers: programme, poster, counter, first member, first sale, and enough of them."""
    merchant = merchant_of(request)
    has_programme = bool(programmes.published(merchant=merchant, limit=1))
    has_draft = has_programme or programmes.draft(merchant=merchant).revision > 0
    has_member = bool(directory.page(merchant=merchant, limit=1))
    has_sale = sales > 0

    def way(name: str, permission: Permission) -> str:
        return screens.url(request, name) if screens.may_do(request, permission) else ""

    steps = [
        {
            "title": _("Choose what members get"),
            "text": _("Start from a template and change what you like. Members see it when you publish."),
            "is_done": has_draft,
            "href": way("programme", Permission.EDIT_PROGRAMME),
            "action": _("Choose a template"),
        },
        {
            "title": _("Publish it"),
            "text": _("Read it once more in plain words, with what usual sales would earn. Members earn from then on."),
            "is_done": has_programme,
            "href": way("programme_review", Permission.PUBLISH_PROGRAMME),
            "action": _("Review and publish"),
        },
        {
            "title": _("Put up a poster"),
            "text": _("Customers scan it with their phone and join by themselves. Or send them the link."),
            "is_done": has_member,
            "href": way("poster", Permission.EDIT_MEMBERS),
            "action": _("Print the poster"),
        },
        {
            "title": _("Enrol the first member"),
            "text": _("Yourself, to see what members see. A name and a phone number are enough."),
            "is_done": has_member,
            "href": way("member_enrol", Permission.EDIT_MEMBERS),
            "action": _("Enrol a member"),
        },
        {
            "title": _("Record the first sale"),
            "text": _("Open the counter on this phone or tablet, find the member, and type the amount."),
            "is_done": has_sale,
            "href": way("counter", Permission.USE_COUNTER),
            "action": _("Open the counter"),
        },
        {
            "title": _("Read your numbers"),
            "text": _(
                "They are computed every night, and stand here from the tenth sale on: %(sales)d of %(needed)d so far."
            )
            % {"sales": sales, "needed": SALES_TO_BEGIN_WITH},
            "is_done": False,
            "href": f"?{addresses.query(period=addresses.DEFAULT_PERIOD)}" if has_sale else "",
            "action": _("Show the numbers so far"),
        },
    ]
    following = next((place for place, step in enumerate(steps) if not step["is_done"]), 0)
    return {"steps": steps, "following": following, "left": sum(not step["is_done"] for step in steps)}
