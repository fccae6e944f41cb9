"""The member's first page: what they hold, what it is worth, how far to the next step, what ends soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from engagement import surveys
from loyalty.portal import activity, screens, stamps
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members import consent
from merchants import ids
from rewards import balances, earning, redemptions, tiers
from rewards.balances import Balance
from rewards.purchases import finding
from rewards.redemptions import Catalogue, Offer
from rewards.terms import Terms
from rewards.tiers import TierProgress

#: Points that end within so many days are worth a notice.
SOON_DAYS = 45
#: A purchase is asked about while it is fresh.
ASK_WITHIN_DAYS = 14
SHOWN = 4
_SEQ_DIGITS = 12
_NEWS_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Goal:
    """The next thing to reach: how far, of how much, and in words."""

    value: int
    total: int
    big: str
    small: str
    label: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The reward that comes next, what the member has towards it, and in words what is missing."""

    offer: Offer
    has: int
    missing: str


@require_GET
@member_required
def home(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the balance first, then whatever the member can do about it."""
    merchant, member, now = merchant_of(request), member_of(request), now_of(request)
    balance, promised = screens.balance_of(request), screens.terms_of(request)
    catalogue = screens.catalogue_of(request, balance)
    place = tiers.of_member(merchant=merchant, member_id=member.pk, joined_at=member.joined_at, now=now)
    page: dict[str, Any] = {
        "member": member,
        "balance": balance,
        "worth": screens.worth(promised, balance.spendable if balance else 0),
        "tier": screens.tier_names(promised).get(balance.tier if balance else "", ""),
        "goal": _goal(request, promised, place, balance, catalogue),
        "nearest": _nearest(promised, balance, catalogue),
        "cards": stamps.cards_of(request),
        "own": stamps.own_rewards(request),
        "seq": balance.seq if balance else 0,
        "soon": _soon(balance, now + timedelta(days=SOON_DAYS)),
        "ready": catalogue.redeemable[:2],
        "held": redemptions.usable(merchant=merchant, member_id=member.pk, now=now),
        "latest": activity.read(request, limit=SHOWN)[0],
        "asked_about": _question(request),
        "notice": consent.pending_notice(merchant=merchant, member=member),
        "code": ids.grouped(member.code),
    }
    return screens.show(request, "portal/home.html", page)


@require_GET
@member_required
def news(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say what was earned or spent since the page was drawn (`?seq=`); nothing new is 204. Open pages ask by themselves."""
    merchant, asked = merchant_of(request), request.GET.get("seq", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= _SEQ_DIGITS):
        return HttpResponse(status=204)
    balance, promised = screens.balance_of(request), screens.terms_of(request)
    if balance is None or promised is None or balance.seq == int(asked):
        return HttpResponse(status=204)
    entries = balances.ledger(merchant=merchant, member_id=member_of(request).pk, limit=_NEWS_ENTRIES)
    new = [entry for entry in entries if entry.seq > int(asked)]
    change, pending = sum(entry.balance_change for entry in new), sum(entry.pending_change for entry in new)
    page = {"seq": balance.seq, "balance": balance, "change": change, "pending": pending if change == 0 else 0}
    return screens.show(request, "portal/_news.html", page)


def _soon(balance: Balance | None, until: Any) -> balances.Expiring | None:
    """The points that end first, and all that end on that day."""
    first = next(iter(balance.expiring), None) if balance else None
    return first if first is not None and first.at <= until else None


def _goal(
    request: HttpRequest,
    promised: Terms | None,
    place: TierProgress | None,
    balance: Balance | None,
    catalogue: Catalogue,
) -> Goal | None:
    """The next tier; without one (or on the highest), the next reward."""
    if promised is None:
        return None
    names, at = screens.tier_names(promised), place.standing if place else None
    if place is not None and at is not None and at.next_level is not None and at.missing is not None:
        level = next(each for each in place.tiers.levels if each.code == at.next_level)
        name = names[at.next_level]
        missing, big = _missing(request, promised, place.tiers.basis, at.missing)
        small = _("to %(tier)s") % {"tier": name}
        return Goal(
            at.value, level.threshold, big, small, _("%(missing)s to %(tier)s") % {"missing": missing, "tier": name}
        )
    nearest = _nearest(promised, balance, catalogue)
    if nearest is None:
        return None
    big = formats.points(nearest.offer.missing_points, promised.points.decimals)
    label = _("%(missing)s to %(reward)s") % {"missing": nearest.missing, "reward": nearest.offer.name}
    return Goal(nearest.has, nearest.offer.price_points, big, _("to the next reward"), label)


def _nearest(promised: Terms | None, balance: Balance | None, catalogue: Catalogue) -> Nearest | None:
    """The reward that takes the fewest more points, of those the member may have."""
    waiting = [offer for offer in catalogue.offers if offer.missing_points and offer.refusal is None]
    if promised is None or not waiting or not screens.gives_points(promised):
        return None
    offer = min(waiting, key=lambda each: each.missing_points)
    missing = earning.points_in_words(offer.missing_points, promised, screens.language())
    return Nearest(offer, balance.spendable if balance else 0, missing)


def _missing(request: HttpRequest, promised: Terms, basis: str, missing: int) -> tuple[str, str]:
    """What is missing to a tier: in a sentence, and short."""
    if basis == "qualifying_points":
        words = earning.points_in_words(missing, promised, screens.language())
        return words, formats.points(missing, promised.points.decimals)
    if basis == "spend":
        merchant = merchant_of(request)
        amount = formats.money(missing, merchant.currency, merchant.display_digits)
        return amount, amount
    return _("%(count)s purchases") % {"count": formats.number(missing)}, formats.number(missing)


def _question(request: HttpRequest) -> finding.PurchaseView | None:
    """The fresh purchase to ask about, unless the member has said something lately."""
    merchant, member, now = merchant_of(request), member_of(request), now_of(request)
    latest = next(iter(finding.of_member(merchant=merchant, member_id=member.pk, limit=1)), None)
    if (
        latest is None
        or latest.left_minor <= 0
        or not now - timedelta(days=ASK_WITHIN_DAYS) < latest.occurred_at <= now
    ):
        return None
    said = surveys.answers(merchant=merchant, member=member.public_id, limit=1).answers
    if said and said[0].answered_at > now - timedelta(days=surveys.REST_DAYS):
        return None
    return latest
