"""What the programme promises: the terms page, open to everybody, and the tiers with the member's own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required, now_of, present_member
from loyalty.portal.stamps import ICONS
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from rewards import earning, versions
from rewards.terms import Description, Terms, TermsWording
from rewards.tiers import TierProgress, of_member


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
    """Show the tiers, which of them the member holds, what is missing and what may be lost."""
    member, promised = member_of(request), screens.terms_of(request)
    if promised is None or promised.tiers is None:
        return redirect("portal:terms", merchant_slug=merchant_slug)
    place = of_member(
        merchant=merchant_of(request), member_id=member.pk, joined_at=member.joined_at, now=now_of(request)
    )
    described = promised.tiers.describe(TermsWording(promised, screens.language()))
    page = {
        "tier_rows": _tier_rows(described, place),
        "standing": _standing(request, promised, place) if place else None,
        "tier_rules": described.lines,
    }
    return screens.show(request, "portal/tiers.html", page)


def _frame(request: HttpRequest) -> str:
    return "portal/base.html" if present_member(request) is not None else "portal/base_guest.html"


#: The parts this page has a place for; any other is shown under its own title.
_PLACED = ("points", "earning", "expiry", "tiers", "rewards", "pay_with_points", "welcome", "referral", "notices")


def _told(promised: Terms) -> dict[str, Any]:
    say = TermsWording(promised, screens.language())
    said = {name: Description() for name in _PLACED} | say.described()
    kinds = {f"reward {each.code}": each.kind for each in promised.rewards}
    return {
        "ways": said["earning"].parts,
        "general": [
            *(each for each in promised.describe(say).facts if each.key != "name"),
            *said["earning"].facts,
            *said["points"].facts,
        ],
        "ends": say.sentence(said["expiry"].says),
        "tier_rows": _tier_rows(said["tiers"], None),
        "tier_rules": said["tiers"].lines,
        "rewards": [{"said": each, "icon": ICONS.get(kinds[each.key], "gift")} for each in said["rewards"].parts],
        "paying": said["pay_with_points"].all,
        "welcome": said["welcome"].says,
        "referral": said["referral"].lines,
        "notices": said["notices"].parts,
        "others": [each for name, each in said.items() if name not in _PLACED],
    }


def _tier_rows(said: Description, place: TierProgress | None) -> list[dict[str, Any]]:
    keys = [level.key for level in said.parts]
    held = keys.index(key) if place is not None and (key := f"tier {place.standing.level}") in keys else -1
    return [
        {
            "name": level.title,
            "takes": level.says,
            "benefits": level.lines,
            "is_held": number == held,
            "is_reached": number <= held,
        }
        for number, level in enumerate(said.parts)
    ]


def _standing(request: HttpRequest, promised: Terms, place: TierProgress) -> dict[str, Any]:
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
