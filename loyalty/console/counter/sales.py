"""A sale at the counter: an amount typed as money, recorded once however often the form is sent, undone for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engagement import asking
from loyalty.console import screens
from loyalty.console.access import actor_of, device_of, now_of, seat_required
from loyalty.console.counter import amount_check, shift
from loyalty.console.counter.claiming import ClaimForm, claimed
from loyalty.console.counter.member_search import (
    buyer_or_404,
    in_points,
    member_or_404,
    person,
    releasable,
    reward_name,
)
from loyalty.console.counter.sale_form import SaleForm
from loyalty.console.member_cards import cards_of, own_rewards_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.directory import Member
from merchants import ids, keys
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, documents, earning, purchases, redemptions, terms, versions
from rewards.parties import MemberRef
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView
from rewards.terms import Terms

_REUSED = "external_id_reused"


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
def member(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Show the member with the form of a sale; a POST says what it would give (`act=preview`) or records it."""
    found, merchant = member_or_404(request, member_id), merchant_of(request)
    posted = request.POST if request.method == "POST" else None
    form = SaleForm(merchant, _promised(request), posted, initial={"minted": ids.mint("pur")})
    if request.method == "POST" and request.POST.get("act") == "preview":
        return _preview(request, found, form)
    if request.method == "POST" and request.POST.get("act") == "most":
        return _use_the_most(request, found, form)
    if request.method == "POST" and form.is_valid():
        doubt = amount_check.doubt_of(request, form.cleaned_data["amount"])
        if doubt is not None and not doubt.may_confirm:
            form.add_error("amount", doubt.question)
            return member_page(request, found, form, status=422)
        if doubt is not None and request.POST.get("confirmed") != str(form.cleaned_data["amount"]):
            return member_page(request, found, form, question=doubt.question, status=422)
        done = _record(request, found, form)
        if done is not None:
            shift.note(request, done)
            return screens.to(request, "counter_sale", purchase_id=done)
    return member_page(request, found, form, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.USE_COUNTER)
def claim(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Add a receipt to the member: its points are theirs, once."""
    found, merchant = member_or_404(request, member_id), merchant_of(request)
    form = ClaimForm(request.POST)
    done = claimed(request, found, form) if form.is_valid() else None
    if done is not None:
        return screens.to(request, "counter_sale", purchase_id=done)
    blank = SaleForm(merchant, _promised(request), initial={"minted": ids.mint("pur")})
    return member_page(request, found, blank, claim=form, status=422)


def member_page(
    request: HttpRequest, found: Member, form: SaleForm, *, preview: SalePreview | None = None,
    claim: ClaimForm | None = None, question: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    merchant, now = merchant_of(request), now_of(request)
    shown = person(request, found)
    balance = shown["balance"]
    catalogue = redemptions.catalogue(
        merchant=merchant, member_id=found.pk, spendable=balance.spendable if balance else 0,
        tier=balance.tier if balance else "", now=now, language=get_language() or "en",
    )  # fmt: skip
    usable = redemptions.usable(merchant=merchant, member_id=found.pk, now=now)
    page = {
        **shown,
        "form": form,
        "preview": preview,
        "question": question,
        "asked_minor": form.cleaned_data["amount"] if question else None,
        "claim": claim or ClaimForm(initial={"claim_minted": ids.mint("clm")}),
        "releasable": releasable(request, found),
        "may_claim": merchant.claim_days_max > 0,
        "points_word": terms.text(shown["terms"].points.plural, get_language() or "en") if shown["terms"] else "",
        "is_code_missing": shift.is_code_missing(request, found),
        "symbol": formats.currency_sign(merchant.currency),
        "held": [{"view": view, "name": reward_name(request, view.reward)} for view in usable],
        "redeemable": len(catalogue.redeemable),
        "cards": cards_of(request, found, balance),
        "own": own_rewards_of(request, found),
        "place": shift.place_of(request),
        "places": shift.choices(request),
    }
    return shift.show(request, "console/counter/member.html", page, status=status)


@require_safe
@seat_required(Permission.USE_COUNTER)
def sale(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Say what a sale gave, and why; offer to undo it while that is possible, to whoever recorded it."""
    sold = _sale(request, purchase_id)
    buyer = buyer_or_404(request, sold.member_id)
    promised, language = None, get_language() or "en"
    if sold.terms_version is not None:
        promised = versions.timeline(merchant_of(request).pk).numbered(sold.terms_version).terms
    page = {
        **person(request, buyer),
        "sale": sold,
        "number": documents.number_given(sold.external_id, keys.namespaces(merchant_of(request))),
        "why": earning.words(
            [step for step in sold.trace if step.code != "skipped"], promised, language, for_staff=True
        ),
        "skipped": earning.words(
            [step for step in sold.trace if step.code == "skipped"], promised, language, for_staff=True
        ),
        "earned": _earned(request, sold.points_earned, promised),
        "waits_until": _waits_until(request, buyer, sold),
        "survey_url": _survey_url(request, sold),
        "left_to_pay": sold.total_minor - sold.points_paid_minor,
        "is_undone": sold.left_minor <= 0 < sold.total_minor,
        "may_undo": sold.left_minor > 0 and shift.may_undo(request, sold.public_id, sold.occurred_at),
        "minted": {"undo": ids.mint("ref")},
        "undo_minutes": int(shift.UNDO_WITHIN.total_seconds() // 60),
    }
    return shift.show(request, "console/counter/sale.html", page)


@require_POST
@seat_required(Permission.USE_COUNTER)
def undo(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Take a sale of this shift back whole, with its points; the second press finds it done."""
    sold, minted = _sale(request, purchase_id), request.POST.get("external_id", "")
    if sold.left_minor <= 0 or not ids.is_id(minted, "ref"):
        return screens.to(request, "counter_sale", purchase_id=purchase_id)
    if not shift.may_undo(request, sold.public_id, sold.occurred_at):
        notes.error(request, _("It is too late to undo this here. A manager refunds it on the member's page."))
        return screens.to(request, "counter_sale", purchase_id=purchase_id)
    asked = purchases.RefundInput(
        external_id=f"counter:{minted}", occurred_at=now_of(request),
        purchase=purchases.PurchaseRef(id=sold.public_id), reason=shift.undone(request),
    )  # fmt: skip
    try:
        with transaction.atomic():
            purchases.refund(merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request))
    except LoyaltyError as refusal:
        # Two pages pressed at once: one of them did it.
        if _sale(request, purchase_id).left_minor > 0:
            notes.error(request, refusal.detail)
    return screens.to(request, "counter_sale", purchase_id=purchase_id)


def _record(request: HttpRequest, found: Member, form: SaleForm) -> str | None:
    """Record the sale and return its id; None when it was refused, with the reason in the form."""
    merchant, now, place, device = merchant_of(request), now_of(request), shift.place_of(request), device_of(request)
    sold = purchases.PurchaseInput(
        external_id=form.external_id, occurred_at=now, currency=merchant.currency,
        total_minor=form.cleaned_data["amount"], member=_reference(request, found, form), redemptions=form.redemptions,
        lines=form.lines, location=place.code if place else None, terminal=device.public_id if device else None, channel="counter",
    )  # fmt: skip
    try:
        with transaction.atomic():
            outcome = purchases.record(merchant=merchant, items=[sold], now=now, actor=actor_of(request))[0]
            if outcome.error is not None:
                raise outcome.error
    except LoyaltyError as refusal:
        if refusal.code == _REUSED:
            return _earlier(request, found, form)
        form.add_error(_field(form, refusal), refusal.detail)
        return None
    return outcome.public_id


@dataclass(frozen=True, slots=True)
class SalePreview:
    """What a sale would give: points, their why, what points pay of it; or why it would be refused."""

    earned: str = ""
    why: Sequence[str] = ()
    total_minor: int = 0
    paid_minor: int = 0
    refusal: str = ""
    #: The most points that can pay on it, what they are worth, and whether that is what was typed.
    most_points: int = 0
    most_minor: int = 0
    is_most: bool = False

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.paid_minor


def _survey_url(request: HttpRequest, sold: PurchaseView) -> str:
    token = asking.token(merchant=merchant_of(request), purchase=sold.public_id)
    return request.build_absolute_uri(
        reverse("portal:asked", kwargs={"merchant_slug": merchant_of(request).slug, "token": token})
    )


def _preview(request: HttpRequest, found: Member, form: SaleForm) -> HttpResponse:
    """Say what the sale as typed would give; nothing is written. The page's script gets that part alone."""
    preview = _quoted(request, found, form) if form.is_valid() else SalePreview(refusal=_why(form))
    if getattr(request, "htmx", False):
        page = {"preview": preview, "terms": _promised(request)}
        return shift.show(request, "console/counter/_preview.html", page)
    return member_page(
        request, found, form, preview=None if form.errors else preview, status=422 if form.errors else 200
    )


def _why(form: SaleForm) -> str:
    """Say what is wrong with what was typed so far; nothing while nothing is typed."""
    typed = [name for name in form.errors if str(form.data.get(name, "")).strip()]
    return str(form.errors[typed[0]][0]) if typed else ""


def _use_the_most(request: HttpRequest, found: Member, form: SaleForm) -> HttpResponse:
    """Fill in the most points that can pay on the sale as typed; nothing is written."""
    if not form.is_valid():
        if "points" in form.errors and "amount" in form.cleaned_data:
            form = SaleForm(merchant_of(request), form.promised, {**request.POST.dict(), "points": ""})
        if not form.is_valid():
            return member_page(request, found, form, status=422)
    most, _worth = _most(request, found, form)
    field = form.fields.get("points")
    filled = {**request.POST.dict(), "points": field.prepare_value(most) if field and most else ""}
    filled.pop("act", None)
    form = SaleForm(merchant_of(request), form.promised, filled)
    return member_page(request, found, form, preview=_quoted(request, found, form) if form.is_valid() else None)


def _most(request: HttpRequest, found: Member, form: SaleForm) -> tuple[int, int]:
    """Return the most points that can pay on the sale as typed, and what they are worth."""
    promised, balance = form.promised, balances.of_member(
        merchant=merchant_of(request), member_id=found.pk, now=now_of(request)
    )  # fmt: skip
    pay = promised.pay_with_points if promised else None
    if promised is None or pay is None or balance is None or balance.spendable <= 0:
        return 0, 0
    lines = [
        earning.Line(
            id=str(place), amount_minor=line.amount_minor, sku=line.sku, category=line.category,
            labels=line.labels, kind=line.kind,
        )
        for place, line in enumerate(form.lines)
    ]  # fmt: skip
    never = {line.id for line in lines if line.kind not in promised.payable_kinds}
    total = form.cleaned_data["amount"] - sum(line.amount_minor for line in lines if line.id in never)
    spared = set(earning.not_by_points(promised, lines)) - never
    payable = total - sum(line.amount_minor for line in lines if line.id in spared)
    most = terms.most_points(pay, spendable=balance.spendable, total_minor=total, payable_minor=payable)
    return most, terms.worth_minor(pay, most)


def _quoted(request: HttpRequest, found: Member, form: SaleForm) -> SalePreview:
    place, language = shift.place_of(request), get_language() or "en"
    asked = purchases.QuoteInput(
        currency=merchant_of(request).currency, total_minor=form.cleaned_data["amount"],
        member=_reference(request, found, form), location=place.code if place else None, channel="counter",
        redemptions=form.redemptions, lines=form.lines,
    )  # fmt: skip
    most_points, most_minor = _most(request, found, form)
    most = SalePreview(most_points=most_points, most_minor=most_minor, is_most=form.points == most_points)
    try:
        quoted = purchases.quote(
            merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request)
        )
    except LoyaltyError as refusal:
        return replace(most, refusal=refusal.detail)
    steps = [step for step in quoted.evaluation.trace if step.code != "skipped"]
    return replace(
        most,
        earned=_earned(request, quoted.evaluation.points, quoted.version.terms if quoted.version else None),
        why=earning.words(steps, quoted.version.terms if quoted.version else None, language, for_staff=True),
        total_minor=asked.total_minor,
        paid_minor=quoted.points_paid_minor,
    )


def _earned(request: HttpRequest, points: int, promised: Terms | None) -> str:
    """Say the points; nothing of them where the programme gives stamps alone."""
    if points == 0 and promised is not None and promised.stamps and not promised.earning.rules:
        return ""
    return in_points(request, points)


def _waits_until(request: HttpRequest, buyer: Member, sold: PurchaseView) -> datetime | None:
    """Say from when the points of a sale can be spent, if not yet."""
    lots = balances.lots(merchant=merchant_of(request), member_id=buyer.pk, now=now_of(request))
    waiting = [lot for lot in lots if lot.state == "pending" and lot.earned_at == sold.occurred_at]
    return max((lot.active_at for lot in waiting), default=None)


def _promised(request: HttpRequest) -> Terms | None:
    version = screens.version_of(request)
    return version.terms if version is not None else None


def _reference(request: HttpRequest, found: Member, form: SaleForm) -> MemberRef:
    return shift.reference(request, found) if form.points else MemberRef(id=found.public_id)


def _field(form: SaleForm, refusal: LoyaltyError) -> str | None:
    if refusal.pointer == "/total_minor":
        return "amount"
    return "points" if form.points and (refusal.pointer or "").startswith("/redemptions") else None


def _earlier(request: HttpRequest, found: Member, form: SaleForm) -> str | None:
    """The sale that has this id already: the same one sent twice is no fault; another one is, and a colleague's."""
    earlier = finding.by_external_id(merchant=merchant_of(request), external_id=form.external_id)
    is_same = (
        earlier is not None
        and earlier.actor == str(actor_of(request))
        and (earlier.member_id, earlier.total_minor) == (found.pk, form.cleaned_data["amount"])
        and bool(earlier.points_paid_minor) == bool(form.points)
        and _goods_of(earlier) == _goods_of(form)
        and now_of(request) - earlier.occurred_at < shift.UNDO_WITHIN
    )
    if earlier is not None and is_same:
        return earlier.public_id
    form.add_error(
        "receipt" if form.cleaned_data["receipt"] else None,
        _("A sale with this number is recorded already. Nothing was added."),
    )
    return None


def _goods_of(sold: PurchaseView | SaleForm) -> list[tuple[Any, ...]]:
    """What was named of a sale, a line each; the rest of it is of no goods in particular."""
    named = [(line.category, line.sku, tuple(line.labels), line.kind, line.amount_minor) for line in sold.lines]
    return [line for line in named if line[:4] != ("", "", (), terms.GOODS)]


def _sale(request: HttpRequest, purchase_id: str) -> PurchaseView:
    found = finding.find(merchant=merchant_of(request), public_id=purchase_id)
    if found is None or found.member_id is None:
        raise Http404
    return found
