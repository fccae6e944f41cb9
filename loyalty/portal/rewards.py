"""Rewards: what the member can take now and what is missing for the rest; a hold until the till takes its code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import structs

from loyalty.portal import screens, stamps, steps
from loyalty.portal.forms import CodeForm
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui.list_cursors import read_cursor
from members.codes import Proof
from merchants import cursors, ids, messages
from merchants.errors import LoyaltyError
from rewards import earning, portal_redemptions, redemptions, terms, versions
from rewards.parties import MemberRef
from rewards.redemptions import Offer, View
from rewards.terms import AnyReward, TermsWording

_STEP = "take"
STATES: dict[str, tuple[Any, str]] = {
    "held": (gettext_lazy("waits at the counter"), "warning"),
    "captured": (gettext_lazy("used"), "positive"),
    "released": (gettext_lazy("cancelled"), ""),
    "expired": (gettext_lazy("ran out"), ""),
    "reversed": (gettext_lazy("given back"), ""),
}


@dataclass(frozen=True, slots=True)
class RewardCard:
    """One reward on the page; its confirm sheet carries the id under which it is redeemed."""

    offer: Offer
    #: What stands on the ticket drawn for what takes something off.
    figure: str
    conditions: list[str]
    missing: str
    has: int
    can_be_held: bool
    variant: str
    minutes: str
    minted: str
    after: str

    @property
    def dialog(self) -> str:
        return f"take-{self.offer.code}"


@require_GET
@member_required
def rewards(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the rewards, those the member can take first."""
    merchant, now = merchant_of(request), now_of(request)
    balance = screens.balance_of(request)
    catalogue = screens.catalogue_of(request, balance)
    spendable = balance.spendable if balance else 0
    own = stamps.own_rewards(request)
    shown = _shown(request, catalogue.offers, spendable, is_first=not own)
    whose: dict[str, Any] = {"merchant": merchant, "member_id": member_of(request).pk, "now": now}
    page = {
        "balance": balance,
        "ready": [each for each in shown if each.offer.can_be_redeemed],
        "next": [each for each in shown if not each.offer.can_be_redeemed] if _are_reachable(request) else [],
        "own": own,
        "cards": stamps.cards_of(request),
        "pay": catalogue.pay,
        "rate": _rate(request),
        "held": [_told(request, view) for view in redemptions.usable(**whose)],
        "past": [_told(request, view) for view in redemptions.over(**whose, limit=5)],
    }
    return screens.show(request, "portal/rewards.html", page)


@require_POST
@member_required
def take(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Set a reward aside, for points or one's own, and show its code; twice the same form is one.

    `reward` is the code of one of the catalogue, or the id of an own one. Much asks for a fresh code first.
    """
    minted, code = request.POST.get("external_id", ""), request.POST.get("reward", "")[:60]
    if _promised(request, code) is None or not ids.is_id(minted, "rdm"):
        notes.error(request, _("Choose a reward from this page. Nothing was taken."))
        return redirect("portal:rewards", merchant_slug=merchant_slug)
    try:
        return _take(request, minted, code, proof=None)
    except portal_redemptions.FreshCodeNeeded:
        steps.keep(request, _STEP, minted=minted, reward=code)
        return prove(request, merchant_slug=merchant_slug)


@require_http_methods(["GET", "POST"])
@member_required
def prove(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say why a code is asked for, send it where the member wants it (`to`), and take it: good for this reward only."""
    facts = steps.kept(request, _STEP)
    minted, code = facts.get("minted", ""), facts.get("reward", "")
    reward = _promised(request, code)
    if reward is None:
        return redirect("portal:rewards", merchant_slug=merchant_slug)
    found = portal_redemptions.code_requirement(
        merchant=merchant_of(request),
        member=member_of(request),
        asked=_asked(request, minted, code),
        now=now_of(request),
    )
    if found is None:
        return _take_or_ask_again(request, minted, code, proof=None)
    ways = [contact for contact in found.contacts if messages.can_reach(contact)]
    form, status = CodeForm(), 200
    if request.method == "POST" and (to := request.POST.get("to", "")):
        way = next((each for each in ways if each.kind == to), None)
        if way is None:
            raise Http404
        answer = steps.send(request, way, "redeem", before=facts.get("sent"))
        if not isinstance(answer, LoyaltyError):
            steps.keep(request, _STEP, minted=minted, reward=code, sent=answer)
            return redirect("portal:take_code", merchant_slug=merchant_slug)
        notes.error(request, answer.detail)
        status = answer.http
    awaited = steps.sent(facts.get("sent"))
    if request.method == "POST" and "code" in request.POST and awaited is not None:
        form, status = CodeForm(request.POST), 422
        if (proof := steps.check(request, form, awaited)) is not None:
            steps.drop(request, _STEP)
            return _take_or_ask_again(request, minted, code, proof=proof)
    page = {
        "form": form, "guard": found, "ways": ways, "contact": awaited.contact if awaited else None,
        "name": terms.text(reward.name, screens.language()), "price": 0 if _is_own(code) else reward.price_points,
        "back_url": reverse("portal:rewards", kwargs={"merchant_slug": merchant_slug}),
    }  # fmt: skip
    return screens.show(request, "portal/take_code.html", page, status=status)


def _are_reachable(request: HttpRequest) -> bool:
    """Where nothing gives points, what costs points is only told of the cards that bring it."""
    promised = screens.terms_of(request)
    return promised is None or screens.gives_points(promised)


def _is_own(code: str) -> bool:
    return ids.is_id(code, "own")


def _promised(request: HttpRequest, code: str) -> AnyReward | None:
    if _is_own(code):
        return stamps.own_reward(request, code)
    promised = screens.terms_of(request)
    return next((each for each in promised.rewards if each.code == code), None) if promised else None


def _asked(request: HttpRequest, minted: str, code: str) -> redemptions.RedemptionRequest:
    return redemptions.RedemptionRequest(
        external_id=f"portal:{minted}",
        member=MemberRef(id=member_of(request).public_id),
        reward=None if _is_own(code) else code,
        own_reward=code if _is_own(code) else None,
        # The least order it is good for: the till sees the real one.
        order_total_minor=getattr(_promised(request, code), "minimum_total_minor", None),
    )


def _take(request: HttpRequest, minted: str, code: str, *, proof: Proof | None) -> HttpResponse:
    """Take it and lead to its code, or say why not.  Raises `portal_redemptions.FreshCodeNeeded`."""
    slug = merchant_of(request).slug
    try:
        with transaction.atomic():
            outcome = portal_redemptions.take(
                merchant=merchant_of(request), member=member_of(request), asked=_asked(request, minted, code), proof=proof,
                now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
        outcome.unless_refused()
    except portal_redemptions.FreshCodeNeeded:
        raise
    except LoyaltyError as refusal:
        as_before = _("%(why)s Nothing was taken.") if _is_own(code) else _("%(why)s Your points are as they were.")
        notes.error(request, as_before % {"why": refusal.detail})
        return redirect("portal:rewards", merchant_slug=slug)
    return redirect("portal:redemption", merchant_slug=slug, redemption_id=outcome.public_id)


def _take_or_ask_again(request: HttpRequest, minted: str, code: str, *, proof: Proof | None) -> HttpResponse:
    """Take it; ask once more where, since the page was drawn, a contact changed or another phone spent."""
    try:
        return _take(request, minted, code, proof=proof)
    except portal_redemptions.FreshCodeNeeded as refusal:
        steps.keep(request, _STEP, minted=minted, reward=code)
        notes.error(request, refusal.detail)
        return redirect("portal:take_code", merchant_slug=merchant_of(request).slug)


@require_GET
@member_required
def redemption(request: HttpRequest, merchant_slug: str, redemption_id: str) -> HttpResponse:
    """Show the code for the till and how long it is good, or what became of it."""
    view = _mine(request, redemption_id)
    if getattr(request, "htmx", False) and view.is_open:
        # The open page asks every few seconds. Nothing has changed: whoever stands on a button keeps standing there.
        return HttpResponse(status=204)
    page: dict[str, Any] = {**_told(request, view), "minted": ids.mint("rel")}
    template = "portal/_voucher.html" if getattr(request, "htmx", False) else "portal/redemption.html"
    return screens.show(request, template, page)


@require_POST
@member_required
def cancel(request: HttpRequest, merchant_slug: str, redemption_id: str) -> HttpResponse:
    """Give the points set aside back, at once."""
    view, minted = _mine(request, redemption_id), request.POST.get("external_id", "")
    if not ids.is_id(minted, "rel"):
        return redirect("portal:redemption", merchant_slug=merchant_slug, redemption_id=redemption_id)
    try:
        with transaction.atomic():
            redemptions.release(
                merchant=merchant_of(request),
                redemption=view.public_id,
                asked=redemptions.ReleaseInput(external_id=f"portal:{minted}"),
                now=now_of(request),
                actor=actor_of(request),
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return redirect("portal:redemption", merchant_slug=merchant_slug, redemption_id=redemption_id)
    notes.success(
        request,
        _("Cancelled. The reward is yours again.") if view.own_reward else _("Cancelled. Your points are back."),
    )
    return redirect("portal:rewards", merchant_slug=merchant_slug)


@require_GET
@member_required
def mine(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List everything the member redeemed: what can be used, soonest to expire first; what is over, newest first."""
    whose: dict[str, Any] = {
        "merchant": merchant_of(request),
        "member_id": member_of(request).pk,
        "now": now_of(request),
    }
    before = read_cursor(request, int)
    rows = redemptions.over(**whose, limit=screens.PAGE + 1, before_id=before)
    shown, following = cursors.cut(rows, screens.PAGE, lambda view: view.id)
    page = {
        "usable": [] if before else [_told(request, view) for view in redemptions.usable(**whose)],
        "past": [_told(request, view) for view in shown],
        "following": following,
    }
    return screens.show(request, "portal/redemptions.html", page)


def _rate(request: HttpRequest) -> tuple[int, int] | None:
    """What so many points pay, when they pay at all."""
    promised = screens.terms_of(request)
    if promised is None or promised.pay_with_points is None:
        return None
    return promised.pay_with_points.example(promised.points.decimals)


def _mine(request: HttpRequest, redemption_id: str) -> View:
    found = None
    if ids.is_id(redemption_id, "rdm"):
        found = redemptions.find(merchant=merchant_of(request), name=redemption_id, now=now_of(request))
    if found is None or found.member_id != member_of(request).pk or found.state == "refused":
        raise Http404
    return found


def _told(request: HttpRequest, view: View) -> dict[str, Any]:
    """A redemption with its reward's name, by the newest terms that knew it."""
    name, icon = _("Paid with points"), "points"
    if view.reward:
        name = view.reward
        for version in reversed(versions.timeline(merchant_of(request).pk).versions):
            reward = next((each for each in version.terms.rewards if each.code == view.reward), None)
            if reward is not None:
                name, icon = terms.text(reward.name, screens.language()), stamps.ICONS.get(reward.kind, "gift")
                break
    label, tone = STATES.get(view.state, (view.state, ""))
    left = view.hold_expires_at - now_of(request) if view.hold_expires_at else timedelta()
    return {
        "view": view,
        "name": name,
        "icon": icon,
        "state": label,
        "tone": tone,
        "plain_code": ids.normalise(view.code),
        "seconds_left": max(0, int(left.total_seconds())),
    }


def _shown(request: HttpRequest, offers: tuple[Offer, ...], spendable: int, *, is_first: bool) -> list[RewardCard]:
    """Draw the offers; the first button of the page is its primary one, where these are the first."""
    promised = screens.terms_of(request)
    if promised is None:
        return []
    language = screens.language()
    say = TermsWording(promised, language)
    by_code: dict[str, AnyReward] = {each.code: each for each in promised.rewards}
    found: list[RewardCard] = []
    for offer in offers:
        reward = by_code[offer.code]
        missing = ""
        if offer.missing_points:
            points = earning.points_in_words(offer.missing_points, promised, language)
            missing = _("%(points)s to go") % {"points": points}
        found.append(
            RewardCard(
                offer=offer,
                figure=reward.on_ticket(say),
                conditions=[*structs.replace(reward, stock=None).describe(say).lines, *_left(offer.stock_left)],
                missing=missing,
                has=spendable,
                can_be_held=reward.can_be_held_ahead,
                variant="primary" if is_first and not any(each.offer.can_be_redeemed for each in found) else "",
                minutes=stamps.minutes(reward.hold_minutes, say),
                minted=ids.mint("rdm"),
                after=earning.points_in_words(max(0, spendable - offer.price_points), promised, language),
            )
        )
    return found


def _left(stock_left: int | None) -> list[str]:
    """How many there are, where they are counted."""
    if stock_left is None:
        return []
    return [ngettext("%(count)d left", "%(count)d left", stock_left) % {"count": stock_left}]
