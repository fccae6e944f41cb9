"""What waits for somebody at this shop, by role, each with the one button that deals with it; new is what was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from analytics import dashboard
from loyalty.console import bell, screens
from loyalty.console.access import actor_of, now_of, seat_of, seat_required
from loyalty.console.briefings import unread_by
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import briefings, seen_notifications
from merchants.permissions import Permission
from merchants.webhooks import endpoints
from rewards import approvals, verify

#: So long an answer to one's own request, and a version nobody was told of, stand here.
_DAYS: Final = timedelta(days=14)
_ANSWERS: Final = {
    "approved": (gettext_lazy("Your request was approved"), "positive"),
    "declined": (gettext_lazy("Your request was declined"), "negative"),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing for somebody; `key` stays the same while it is the same thing. The button is left out without `href`."""

    key: str
    title: str
    cause: str
    tone: str
    href: str = ""
    action: str = ""


@require_GET
@seat_required(None)
def notifications(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what waits for the person; what stands there is seen from now on."""
    merchant, seat = merchant_of(request), seat_of(request)
    found = list(_for(request))
    seen = seen_notifications.of_seat(merchant=merchant, seat=seat)
    new = [each for each in found if each.key not in seen]
    if new or len(found) != len(seen):
        seen_notifications.note(merchant=merchant, seat=seat, keys=[each.key for each in found], now=now_of(request))
    bell.keep(seat, 0)
    page = {"new": new, "earlier": [each for each in found if each.key in seen]}
    return screens.show(request, "console/people/notifications.html", page)


@require_GET
@seat_required(None)
def count(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say how many the person has not seen, for the bell of a page that was drawn without the number."""
    seat = seat_of(request)
    number = bell.known(seat)
    if number is None:
        seen = seen_notifications.of_seat(merchant=merchant_of(request), seat=seat)
        number = sum(each.key not in seen for each in _for(request))
        bell.keep(seat, number)
    return render(request, "console/_bell.html", {"bell": number})


def _for(request: HttpRequest) -> Iterator[Notification]:
    """Yield what waits, people first, then what is broken, then what comes; each asks one statement, by role."""
    for permission, find in _KINDS:
        if permission is None or screens.may_do(request, permission):
            yield from find(request)


def _briefings(request: HttpRequest) -> Iterator[Notification]:
    unread = unread_by(request)
    if unread:
        title = ngettext("%(count)d note to read", "%(count)d notes to read", len(unread)) % {"count": len(unread)}
        yield Notification(
            f"briefing:{unread[-1].public_id}", title, _("Your managers wrote to the team."), "info",
            screens.url(request, "briefing"), _("Read"),
        )  # fmt: skip


def _approvals(request: HttpRequest) -> Iterator[Notification]:
    common: dict[str, Any] = {"merchant": merchant_of(request), "now": now_of(request), "actor": actor_of(request)}
    href = screens.url(request, "approvals")
    waiting, newest = approvals.waiting(**common)
    if waiting:
        title = ngettext("%(count)d request waits for you", "%(count)d requests wait for you", waiting)
        yield Notification(
            f"approvals:{newest}", title % {"count": waiting}, _("Points move only when you approve."), "warning", href,
            _("Decide"),
        )  # fmt: skip
    if approvals.may_approve(common["actor"]):
        return
    for public_id, state, answer in approvals.answered(since=now_of(request) - _DAYS, **common):
        words, tone = _ANSWERS[state]
        yield Notification(f"approval:{public_id}:{state}", str(words), answer, tone, href, _("See"))


def _frozen(request: HttpRequest) -> Iterator[Notification]:
    accounts = verify.frozen(merchant=merchant_of(request))
    if accounts:
        title = ngettext("%(count)d account is frozen", "%(count)d accounts are frozen", len(accounts))
        yield Notification(
            f"frozen:{accounts[-1].member}:{len(accounts)}", title % {"count": len(accounts)},
            _("Its sums do not agree: points are collected and not spent until the operator has looked."), "negative",
            screens.url(request, "member", member_id=accounts[-1].member), _("See whose"),
        )  # fmt: skip


def _people(request: HttpRequest) -> Iterator[Notification]:
    for item in dashboard.insights(merchant=merchant_of(request)):
        query = urlencode({"metric": "insight", "group": item.kind})
        # A number that moves by one a day is no news; the kind of trouble is.
        yield Notification(
            f"insight:{item.kind}", item.title, item.detail, "warning",
            f"{screens.url(request, 'dashboard_members')}?{query}", _("See who"),
        )  # fmt: skip


def _endpoints(request: HttpRequest) -> Iterator[Notification]:
    for endpoint in endpoints.listed(merchant=merchant_of(request)):
        href = screens.url(request, "webhook", endpoint_id=endpoint.id)
        if endpoint.disabled_at is not None:
            yield Notification(
                f"endpoint:{endpoint.id}:{endpoint.disabled_at.isoformat()}", _("A webhook endpoint is paused"),
                endpoint.url, "info", href, _("Open"),
            )  # fmt: skip
        elif endpoint.failing_since is not None:
            title = _("A webhook endpoint rests") if endpoint.resting_until else _("A webhook endpoint does not answer")
            cause = _("%(url)s, since %(when)s") % {
                "url": endpoint.url, "when": formats.ago(endpoint.failing_since, now_of(request)),
            }  # fmt: skip
            key = f"endpoint:{endpoint.id}:{endpoint.failing_since.isoformat()}"
            yield Notification(key, title, cause, "negative", href, _("Open"))


def _mail(request: HttpRequest) -> Iterator[Notification]:
    failing = bell.failing_channels()
    if "email" in failing:
        yield Notification(
            "mail", _("E-mail does not leave"), _("Members and staff get no codes. The operator sees why."), "negative"
        )
    if "sms" in failing:
        yield Notification(
            "sms",
            _("Text messages do not leave"),
            _("Codes by phone do not arrive. The operator sees why."),
            "negative",
        )


def _terms(request: HttpRequest) -> Iterator[Notification]:
    merchant, now = merchant_of(request), now_of(request)
    known = screens.timeline_of(request).versions
    for version in known:
        if version.effective_from > now:
            title = _("Version %(number)d takes effect on %(when)s.") % {
                "number": version.number, "when": formats.moment(version.effective_from),
            }  # fmt: skip
            yield Notification(
                f"terms:{version.number}", title, _("The terms of your programme change then by themselves."), "info",
                screens.url(request, "programme_versions"), _("See"),
            )  # fmt: skip
    newest = max(known, key=lambda each: each.number, default=None)
    is_young = newest is not None and newest.number > 1 and newest.effective_from > now - _DAYS
    if newest is None or not is_young or not screens.may_do(request, Permission.BRIEF_STAFF):
        return
    if not briefings.told_of_version(merchant=merchant, number=newest.number):
        yield Notification(
            f"untold:{newest.number}",
            _("Tell your team what version %(number)d changes") % {"number": newest.number},
            _("A note with the differences is written already."), "info",
            f"{screens.url(request, 'briefings')}?version={newest.number}#write", _("Tell the team"),
        )  # fmt: skip


_KINDS: Final[tuple[tuple[Permission | None, Callable[[HttpRequest], Iterator[Notification]]], ...]] = (
    (None, _briefings),
    (Permission.ADJUST_POINTS, _approvals),
    (Permission.ADJUST_POINTS, _frozen),
    (Permission.MANAGE_SETTINGS, _mail),
    (Permission.MANAGE_WEBHOOKS, _endpoints),
    (Permission.SEE_MEMBERS, _people),
    (Permission.VIEW_PROGRAMME, _terms),
)
