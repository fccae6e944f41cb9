"""What somebody should look at: each finding in one line, with its cause and the button that deals with it."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from analytics.answers import Attention, Board
from engagement import missing, survey_answers
from loyalty.console import screens
from loyalty.console.access import now_of
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants.directory import Merchant
from merchants.permissions import Permission
from merchants.webhooks import endpoints
from rewards import terms
from rewards.purchases import finding
from rewards.redemptions import listing

Finding = dict[str, Any]

#: How each kind of analytics.alerts looks: a tone, and what its button says.
_LOOKS: Final = {
    "regulars_slipping": ("warning", gettext_lazy("Win back")),
    "points_expiring": ("warning", gettext_lazy("See whose")),
    "detractors_waiting": ("negative", gettext_lazy("Read")),
    "unusually_busy": ("warning", gettext_lazy("Check")),
}
#: So many pieces of a reward, or this share of its stock, is little.
FEW: Final = 2
FEW_OF: Final = 10


def findings(request: HttpRequest, board: Board) -> list[Finding]:
    """List what somebody should look at: people first, then numbers, then what is broken."""
    merchant = merchant_of(request)
    return [
        *_of_people(request, merchant, board),
        *_of_missing_points(request, merchant),
        *_of_numbers(request, board),
        *_of_stock(request, merchant),
        *_of_settings(request, merchant),
        *_of_amounts(request, merchant),
        *_of_endpoints(request, merchant),
    ]


def _of_people(request: HttpRequest, merchant: Merchant, board: Board) -> list[Finding]:
    sees = screens.may_do(request, Permission.SEE_MEMBERS)
    found: list[Finding] = []
    for item in board.attention:
        tone, action = _LOOKS[item.kind]
        href = _where(request, item.kind) if sees else ""
        found.append(
            {"title": item.title, "cause": _cause(request, merchant, item), "tone": tone,
             "href": href, "action": action}
        )  # fmt: skip
    if sees and (unhappy := survey_answers.guests_waiting(merchant=merchant, now=now_of(request))):
        title = ngettext("%(count)d unhappy guest", "%(count)d unhappy guests", unhappy) % {"count": unhappy}
        found.append({
            "title": title, "cause": _("Read them, answer, and note that you took care."), "tone": "negative",
            "href": _said(request, whose="guest"), "action": _("Read"),
        })  # fmt: skip
    return found


def _cause(request: HttpRequest, merchant: Merchant, item: Attention) -> str:
    """Say in one line what is at stake."""
    if item.unit == "money":
        amount = formats.money(item.amount, merchant.currency, merchant.display_digits)
        return _("%(amount)s of sales a year at stake") % {"amount": amount}
    if item.unit == "points":
        return _("%(points)s points, unless they are spent") % {
            "points": formats.points(item.amount, screens.decimals_of(request))
        }
    if item.unit == "answers":
        return _("Scored 0 to 6 within 30 days")
    most = merchant.daily_accruals_alert
    return ngettext("More than %(count)d purchase in a day", "More than %(count)d purchases in a day", most) % {
        "count": most
    }


def _of_missing_points(request: HttpRequest, merchant: Merchant) -> list[Finding]:
    if not screens.may_do(request, Permission.ADJUST_POINTS):
        return []
    found, href = [], screens.url(request, "member_missing")
    waiting, twice = missing.open_counts(merchant=merchant)
    if waiting:
        title = ngettext("%(count)d question about missing points", "%(count)d questions about missing points", waiting)
        found.append({
            "title": title % {"count": waiting}, "cause": _("The member waits for points or a reason."),
            "tone": "warning", "href": href, "action": pgettext("do", "Answer"),
        })  # fmt: skip
    if twice:
        title = ngettext("%(count)d sale counted twice", "%(count)d sales counted twice", twice)
        found.append({
            "title": title % {"count": twice},
            "cause": _("You gave points by hand, and the sale itself came later."), "tone": "negative", "href": href,
            "action": _("Look"),
        })  # fmt: skip
    return found


def _of_numbers(request: HttpRequest, board: Board) -> list[Finding]:
    found = []
    sees = screens.may_do(request, Permission.SEE_MEMBERS)
    for tile in board.tiles.values():
        if tile.is_alarming:
            group = tile.groups[0] if tile.groups and sees else None
            found.append({
                "title": _("%(number)s is above %(limit)s %%") % {"number": tile.title, "limit": tile.alert_above},
                "cause": _("%(value)s %% in this period") % {"value": formats.number(tile.value or 0, 1)},
                "tone": "warning",
                "href": addresses.behind(request, tile.metric, group, board.period.key) if group else "",
                "action": _("See who"),
            })  # fmt: skip
    return found


def _of_stock(request: HttpRequest, merchant: Merchant) -> list[Finding]:
    """Rewards of the terms in force that will soon be gone."""
    version = screens.version_of(request)
    limited = [reward for reward in version.terms.rewards if reward.stock] if version else []
    if not limited:
        return []
    taken = listing.claimed(merchant=merchant, rewards=[reward.code for reward in limited])
    may_edit = screens.may_do(request, Permission.EDIT_PROGRAMME)
    found = []
    for reward in limited:
        stock, gone = reward.stock or 0, taken.get(reward.code, 0)
        left = max(0, stock - gone)
        if left > max(FEW, stock // FEW_OF):
            continue
        name = terms.text(reward.name, get_language() or "en")
        href = f"{screens.url(request, 'reward_edit')}?{addresses.query(code=reward.code)}" if may_edit else ""
        found.append({
            "title": _("%(reward)s: %(left)s left") % {"reward": name, "left": formats.number(left)},
            "cause": _("%(taken)s of %(stock)s are taken") % {
                "taken": formats.number(gone), "stock": formats.number(stock)},
            "tone": "info" if left else "warning", "href": href, "action": _("Restock"),
        })  # fmt: skip
    return found


def _of_settings(request: HttpRequest, merchant: Merchant) -> list[Finding]:
    if merchant.spending_rule_seen_at is not None or not screens.may_do(request, Permission.MANAGE_SETTINGS):
        return []
    return [{
        "title": _("The member code only collects now"),
        "cause": _("Points are spent with the moving code. Read what changed, and save."),
        "tone": "info", "href": screens.url(request, "settings") + "#spending", "action": _("Read"),
    }]  # fmt: skip


def _of_amounts(request: HttpRequest, merchant: Merchant) -> list[Finding]:
    if not finding.look_too_small(merchant=merchant):
        return []
    is_shown = screens.may_do(request, Permission.MANAGE_KEYS)
    return [{
        "title": _("Sales look a hundred times too small"),
        "cause": _("%(sample)s is sent as %(minor)d: your till may leave the two zeros away.") % {
            "sample": formats.money(150_00, merchant.currency), "minor": 150_00},
        "tone": "negative",
        "href": reverse("api:quickstart") + f"?currency={merchant.currency}" if is_shown else "",
        "action": _("Read"),
    }]  # fmt: skip


def _of_endpoints(request: HttpRequest, merchant: Merchant) -> list[Finding]:
    found: list[Finding] = []
    if not screens.may_do(request, Permission.MANAGE_WEBHOOKS):
        return found
    for endpoint in endpoints.listed(merchant=merchant):
        if endpoint.last_failure and endpoint.disabled_at is None:
            is_failing = endpoint.failing_since is not None
            since = formats.ago(endpoint.failing_since, now_of(request)) if endpoint.failing_since else ""
            found.append({
                "title": _("A webhook endpoint does not answer")
                if is_failing
                else _("A webhook endpoint refuses events"),
                "cause": _("%(url)s, since %(when)s") % {"url": endpoint.url, "when": since}
                if is_failing
                else endpoint.url,
                "tone": "negative",
                "href": reverse("console:webhook", args=[merchant.slug, endpoint.id]),
                "action": _("Open"),
            })  # fmt: skip
    return found


def _where(request: HttpRequest, kind: str) -> str:
    """Where an insight leads: to its members, or to what they said."""
    if kind == "detractors_waiting":
        return _said(request, whose="member")
    return f"{screens.url(request, 'dashboard_members')}?{addresses.query(metric='insight', group=kind)}"


def _said(request: HttpRequest, *, whose: str) -> str:
    return f"{screens.url(request, 'dashboard_answers')}?{addresses.query(whose=whose, care='waiting', days=str(survey_answers.NEWS_DAYS))}"
