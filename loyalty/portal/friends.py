"""Bringing a friend: the member's own code and link, and what became of those who came by it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required
from loyalty.tenant import merchant_of
from merchants import ids
from rewards import referrals
from rewards.terms import TermsWording

STATES = {
    "open": (gettext_lazy("waiting for the first purchase"), ""),
    "qualified": (gettext_lazy("bought"), "positive"),
    "undone": (gettext_lazy("purchase given back"), ""),
}


@require_GET
@member_required
def friends(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the member's code for inviting friends, which names nobody elsewhere, as link and QR, and how it fared; friends are not named, only counted."""
    member, promised = member_of(request), screens.terms_of(request)
    join = reverse("portal:join", kwargs={"merchant_slug": merchant_slug})
    brought = referrals.referees_of(merchant=merchant_of(request), member_id=member.pk)
    page = {
        "promised": promised.referral.describe(TermsWording(promised, screens.language())).lines
        if promised is not None and promised.referral is not None
        else (),
        "code": ids.grouped(member.referral_code),
        "link": request.build_absolute_uri(f"{join}?ref={ids.grouped(member.referral_code)}"),
        "friends": [
            {"at": each.joined_at, "state": STATES[each.state][0], "tone": STATES[each.state][1], "points": each.points}
            for each in brought
            if each.state in STATES
        ],
    }
    return screens.show(request, "portal/friends.html", page)
