"""What all pages of the portal share: the programme in force, the balance, and drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from loyalty.portal.session import actor_of, member_of, now_of
from loyalty.tenant import merchant_of
from rewards import authority, balances, redemptions, terms, versions
from rewards.balances import Balance
from rewards.redemptions import Catalogue
from rewards.terms import Terms
from rewards.versions import Version

PAGE = 25


def show(request: HttpRequest, template: str, page: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw a page with the programme's terms at hand; a form that failed answers 422."""
    version = version_of(request)
    frame = {
        "now": now_of(request),
        "terms": version.terms if version else None,
        "decimals": version.terms.points.decimals if version else 0,
        "gives_points": version is None or gives_points(version.terms),
        "language": language(),
    }
    return render(request, template, {**frame, **page}, status=status)


def language() -> str:
    return get_language() or "en"


def version_of(request: HttpRequest) -> Version | None:
    """Return the terms in force now, looked up once a request."""
    if not hasattr(request, "terms_in_force"):
        found = versions.timeline(merchant_of(request).pk).at(now_of(request))
        request.terms_in_force = found  # type: ignore[attr-defined]
    return request.terms_in_force  # type: ignore[attr-defined, no-any-return]


def terms_of(request: HttpRequest) -> Terms | None:
    version = version_of(request)
    return version.terms if version else None


def gives_points(promised: Terms) -> bool:
    """Return whether anything gives points; a programme of stamp cards alone does not."""
    return bool(promised.earning.rules or promised.welcome or promised.referral or not promised.stamps)


def balance_of(request: HttpRequest) -> Balance | None:
    """Return what the signed-in member holds; None for somebody without an account yet."""
    return balances.of_member(merchant=merchant_of(request), member_id=member_of(request).pk, now=now_of(request))


def catalogue_of(request: HttpRequest, balance: Balance | None) -> Catalogue:
    return redemptions.catalogue(
        merchant=merchant_of(request),
        member_id=member_of(request).pk,
        spendable=balance.spendable if balance else 0,
        tier=balance.tier if balance else "",
        now=now_of(request),
        language=language(),
        allowed=authority.allowed(
            merchant_of(request), None, member_id=member_of(request).pk, now=now_of(request), actor=actor_of(request)
        ),
    )


@dataclass(frozen=True, slots=True)
class Worth:
    """What a balance is worth in money, and whether that is the most it can be made to be."""

    minor: int
    is_at_most: bool


def worth(promised: Terms | None, spendable: int) -> Worth | None:
    """Return the worth of what can be spent, at the rate of paying with points, else by the best discount.

    None when points buy goods only, or when there are fewer than can be spent at all.
    """
    if promised is None or spendable <= 0:
        return None
    pay = promised.pay_with_points
    if pay is not None:
        usable = spendable - spendable % pay.step_points
        minor = terms.worth_minor(pay, usable) if usable >= pay.minimum_points else 0
        return Worth(minor, False) if minor else None
    best = max((spendable // each.price_points * (each.worth_on(None) or 0) for each in promised.rewards), default=0)
    return Worth(best, True) if best else None


def tier_names(promised: Terms | None) -> dict[str, str]:
    levels = promised.tiers.levels if promised and promised.tiers else ()
    return {level.code: terms.text(level.name, language()) for level in levels}
