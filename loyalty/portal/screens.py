"""What all pages of the portal share: the programme in force, the balance, cursors of lists, and drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from loyalty.portal.session import member_of, now_of
from loyalty.tenant import merchant_of
from rewards import balances, redemptions, terms, versions
from rewards.balances import Balance
from rewards.redemptions import Catalogue
from rewards.terms import Terms
from rewards.versions import Version

PAGE = 25
_CURSOR_DIGITS_MAX = 18


def show(request: HttpRequest, template: str, page: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw a page with the programme's terms at hand; a form that failed answers 422."""
    version = version_of(request)
    frame = {
        "now": now_of(request),
        "terms": version.terms if version else None,
        "decimals": version.terms.points.decimals if version else 0,
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
    )


@dataclass(frozen=True, slots=True)
class Worth:
    """What a balance is worth in money, and whether that is the most it can be made to be."""

    minor: int
    is_at_most: bool


def worth(promised: Terms | None, spendable: int) -> Worth | None:
    """Return the worth at the rate of paying with points, else by the best discount; None when points buy goods only."""
    if promised is None or spendable <= 0:
        return None
    if promised.pay_with_points is not None:
        return Worth(terms.worth_minor(promised.pay_with_points, spendable), False)
    discounts = [each for each in promised.rewards if isinstance(each, terms.Discount)]
    best = max((spendable // each.price_points * each.amount_minor for each in discounts), default=0)
    return Worth(best, True) if best else None


def tier_names(promised: Terms | None) -> dict[str, str]:
    levels = promised.tiers.levels if promised and promised.tiers else ()
    return {level.code: terms.text(level.name, language()) for level in levels}


def read_cursor(request: HttpRequest) -> int | None:
    """Return the number in `?cursor=`; an address that was tampered with is no page."""
    text = request.GET.get("cursor", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _CURSOR_DIGITS_MAX):
        raise Http404
    return int(text)
