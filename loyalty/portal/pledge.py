"""What the programme promises: the terms page, open to everybody, and the ladder of tiers with the member on it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from loyalty.portal import screens
from loyalty.portal.rewards import ICONS
from loyalty.portal.session import member_of, member_required, now_of, present_member
from loyalty.portal.speaking import Speaker
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from rewards import earning, ladder, versions
from rewards.ladder import Place
from rewards.terms import Terms


@require_GET
def terms_page(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Tell the programme in words, as it is in force today; no sign-in is needed."""
    version = screens.version_of(request)
    page: dict[str, Any] = {"frame": _frame(request), "is_member": present_member(request) is not None}
    if version is not None:
        timeline = versions.timeline(merchant_of(request).pk)
        coming = [each for each in timeline.versions if each.effective_from > now_of(request)]
        page |= {"version": version, "coming": coming[:1], **_told(version.terms)}
    return screens.show(request, "portal/terms.html", page)


@require_GET
@member_required
def tiers(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the ladder, where the member stands on it, what is missing and what may be lost."""
    member, promised = member_of(request), screens.terms_of(request)
    if promised is None or promised.tiers is None:
        return redirect("portal:terms", merchant_slug=merchant_slug)
    place = ladder.of_member(
        merchant=merchant_of(request), member_id=member.pk, joined_at=member.joined_at, now=now_of(request)
    )
    speaker = Speaker(promised, screens.language())
    page = {
        "rungs": _rungs(speaker, promised, place),
        "standing": _standing(request, promised, place) if place else None,
        "tier_rules": [speaker.window(), speaker.downgrade()],
    }
    return screens.show(request, "portal/tiers.html", page)


def _frame(request: HttpRequest) -> str:
    return "portal/base.html" if present_member(request) is not None else "portal/base_guest.html"


def _told(promised: Terms) -> dict[str, Any]:
    speaker = Speaker(promised, screens.language())
    return {
        "ways": [
            {"name": speaker.text(rule.name), "gives": speaker.gives(rule), "conditions": speaker.conditions(rule)}
            for rule in promised.earning.rules
        ],
        "general": speaker.general(),
        "ends": speaker.sentence(speaker.expiry(promised.expiry)),
        "rungs": _rungs(speaker, promised, None) if promised.tiers else [],
        "tier_rules": [speaker.window(), speaker.downgrade()],
        "rewards": [
            {"name": speaker.text(each.name), "icon": ICONS.get(each.kind, "gift"),
             "text": speaker.text(each.description) if each.description else "",
             "points": speaker.points(each.price_points), "conditions": speaker.reward(each)}
            for each in promised.rewards
        ],
        "paying": speaker.paying(),
        "welcome": speaker.points(promised.welcome.points) if promised.welcome else "",
        "referral": speaker.referral(),
        "notices": [{"title": speaker.text(each.title), "body": speaker.text(each.body)} for each in promised.notices],
    }  # fmt: skip


def _rungs(speaker: Speaker, promised: Terms, place: Place | None) -> list[dict[str, Any]]:
    levels = promised.tiers.levels if promised.tiers else ()
    codes = [level.code for level in levels]
    held = codes.index(place.standing.level) if place is not None and place.standing.level in codes else -1
    return [
        {
            "name": speaker.text(level.name),
            "takes": speaker.threshold(level),
            "benefits": speaker.benefits(level),
            "is_held": rung == held,
            "is_reached": rung <= held,
        }
        for rung, level in enumerate(levels)
    ]


def _standing(request: HttpRequest, promised: Terms, place: Place) -> dict[str, Any]:
    names, at, basis = screens.tier_names(promised), place.standing, place.tiers.basis

    def said(value: int | None) -> str:
        if value is None:
            return ""
        if basis == "qualifying_points":
            return earning.points_in_words(value, promised, screens.language())
        if basis == "spend":
            merchant = merchant_of(request)
            return formats.money(value, merchant.currency, merchant.display_digits)
        return _("%(count)s purchases") % {"count": formats.number(value)}

    total = next((level.threshold for level in place.tiers.levels if level.code == at.next_level), None)
    return {
        "name": names.get(at.level, at.level),
        "since": at.since,
        "value": at.value,
        "total": total,
        "has": said(at.value),
        "missing": said(at.missing),
        "next": names.get(at.next_level or "", ""),
        "keep_missing": said(at.keep_missing) if at.keep_missing else "",
        "drops_to": names.get(at.drops_to or "", ""),
        "drops_on": at.drops_on,
        "held_until": at.held_until,
    }
