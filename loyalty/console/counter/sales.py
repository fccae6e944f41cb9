"""A sale at the counter: an amount typed as money, recorded once however often the form is sent, undone for a while."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engagement import asking
from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.counter import amount_check, goods_keys, shift, training, worth_saying
from loyalty.console.counter.claiming import ClaimForm, claimed
from loyalty.console.counter.goods_keys import keys_here
from loyalty.console.counter.member_search import buyer_or_404, member_or_404, person, releasable, reward_name
from loyalty.console.counter.sale_form import SaleForm, changed_lines
from loyalty.console.counter.sale_preview import SalePreview, earned, most, quoted
from loyalty.console.counter.sale_recording import record
from loyalty.console.counter.stamps import undoable_stamps
from loyalty.console.member_cards import cards_of, own_rewards_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.directory import Member
from merchants import ids, keys, money
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import documents, earning, purchases, redemptions, terms, versions
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView
from rewards.terms import Terms


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
def member(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Show the member with the form of a sale; a POST says what it would give (`act=preview`) or records it."""
    return _sell(request, member_or_404(request, member_id))


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
def guest(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the form of a sale to somebody who names nobody; a POST records it, and it earns nothing until it is claimed."""
    return _sell(request, None)


def _sell(request: HttpRequest, found: Member | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = form_of(request, found, posted)
    if posted is None:
        return sale_page(request, found, form)
    # Asked first: htmx sends the key that was pressed last along with it.
    if posted.get("act") == "preview":
        return _preview(request, found, form)
    changed = changed_lines(form, request.POST)
    if changed is not None:
        form = form_of(request, found, changed)
        return sale_page(request, found, form, preview=quoted(request, found, form) if form.is_valid() else None)
    if "tap" in posted:
        if form.is_valid():
            form.add_error("amount", _("Type what it costs, then tap the goods."))
        return sale_page(request, found, form, status=422)
    if posted.get("act") == "most" and found is not None:
        return _use_the_most(request, found, form)
    if form.is_valid():
        doubt = amount_check.doubt_of(request, form.total_minor)
        if doubt is not None and not doubt.may_confirm:
            form.add_error("amount", doubt.question)
            return sale_page(request, found, form, status=422)
        if doubt is not None and posted.get("confirmed") != str(form.total_minor):
            return sale_page(request, found, form, question=doubt.question, status=422)
        if training.is_on(request):
            notes.info(request, _("Training: this sale was tried, and nothing was recorded."))
            return sale_page(request, found, form, preview=quoted(request, found, form))
        done = record(request, found, form)
        if done is not None:
            shift.note(request, done)
            return screens.to(request, "counter_sale", purchase_id=done)
    return sale_page(request, found, form, status=422)


def form_of(request: HttpRequest, found: Member | None, sent: QueryDict | None = None) -> SaleForm:
    promised = _promised(request)
    return SaleForm(
        merchant_of(request), promised, sent, initial={"minted": ids.mint("pur")}, keys=keys_here(request, promised),
        may_spend=found is not None,
    )  # fmt: skip


@require_POST
@seat_required(Permission.USE_COUNTER)
@training.nothing_in_training
def claim(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Add a receipt to the member: its points are theirs, once."""
    found = member_or_404(request, member_id)
    form = ClaimForm(request.POST)
    done = claimed(request, found, form) if form.is_valid() else None
    if done is not None:
        return screens.to(request, "counter_sale", purchase_id=done)
    return sale_page(request, found, form_of(request, found), claim=form, status=422)


def sale_page(
    request: HttpRequest, found: Member | None, form: SaleForm, *, preview: SalePreview | None = None,
    claim: ClaimForm | None = None, question: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    """Draw the form of a sale, with everything of the member whom it is for."""
    merchant = merchant_of(request)
    page = {
        "form": form,
        "here": request.path if found is None else screens.url(request, "counter_member", member_id=found.public_id),
        "preview": preview,
        "question": question,
        "asked_minor": form.total_minor if question else None,
        "symbol": formats.currency_sign(merchant.currency),
        "exponent": money.exponent(merchant.currency),
        "place": shift.place_of(request),
        "places": shift.choices(request),
        "minted_at": now_of(request),
    }
    if found is None:
        return shift.show(request, "console/counter/guest.html", page, status=status)
    page |= _of_member(request, found, claim)
    return shift.show(request, "console/counter/member.html", page, status=status)


def _of_member(request: HttpRequest, found: Member, claim: ClaimForm | None) -> dict[str, Any]:
    merchant, now = merchant_of(request), now_of(request)
    shown = person(request, found)
    balance = shown["balance"]
    catalogue = redemptions.catalogue(
        merchant=merchant, member_id=found.pk, spendable=balance.spendable if balance else 0,
        tier=balance.tier if balance else "", now=now, language=get_language() or "en",
    )  # fmt: skip
    usable = redemptions.usable(merchant=merchant, member_id=found.pk, now=now)
    return {
        **shown,
        "claim": claim or ClaimForm(initial={"claim_minted": ids.mint("clm")}),
        "releasable": releasable(request, found),
        "may_claim": merchant.claim_days_max > 0,
        "points_word": terms.text(shown["terms"].points.plural, get_language() or "en") if shown["terms"] else "",
        "is_code_missing": shift.is_code_missing(request, found),
        "held": [{"view": view, "name": reward_name(request, view.reward)} for view in usable],
        "redeemable": len(catalogue.redeemable),
        "cards": cards_of(request, found, balance),
        "own": own_rewards_of(request, found),
        "stamped": undoable_stamps(request, found),
    }


@require_safe
@seat_required(Permission.USE_COUNTER)
def sale(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Say what is to be paid and what the sale gave, and why; offer to undo it for a while to whoever recorded it."""
    sold = _sale(request, purchase_id)
    buyer = buyer_or_404(request, sold.member_id) if sold.member_id is not None else None
    promised, language = None, get_language() or "en"
    if sold.terms_version is not None:
        promised = versions.timeline(merchant_of(request).pk).numbered(sold.terms_version).terms
    page = {
        "sale": sold,
        "goods": goods_keys.said(sold.lines),
        "number": _number(request, sold),
        "left_to_pay": sold.total_minor - sold.points_paid_minor,
        "is_undone": sold.left_minor <= 0 < sold.total_minor,
        "may_undo": sold.left_minor > 0 and shift.may_undo(request, sold.public_id, sold.recorded_at),
        "undo_minutes": shift.minutes_left(request, sold.recorded_at),
        "minted": {"undo": ids.mint("ref")},
    }
    if buyer is not None:
        shown = person(request, buyer)
        cards = cards_of(request, buyer, shown["balance"])
        page |= {
            **shown,
            "why": earning.words(
                [step for step in sold.trace if step.code != "skipped"], promised, language, for_staff=True
            ),
            "skipped": earning.words(
                [step for step in sold.trace if step.code == "skipped"], promised, language, for_staff=True
            ),
            "earned": earned(request, sold.points_earned, promised),
            "cards": cards,
            "worth_saying": worth_saying.sentence_for(request, buyer, shown["balance"], cards),
            "survey_url": _survey_url(request, sold),
        }
    return shift.show(request, "console/counter/sale.html", page)


@require_POST
@seat_required(Permission.USE_COUNTER)
@training.nothing_in_training
def undo(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Take a sale of this shift back whole, with its points; the second press finds it done."""
    sold, minted = _sale(request, purchase_id), request.POST.get("external_id", "")
    if sold.left_minor <= 0 or not ids.is_id(minted, "ref"):
        return screens.to(request, "counter_sale", purchase_id=purchase_id)
    if not shift.may_undo(request, sold.public_id, sold.recorded_at):
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


def _survey_url(request: HttpRequest, sold: PurchaseView) -> str:
    token = asking.token(merchant=merchant_of(request), purchase=sold.public_id)
    return request.build_absolute_uri(
        reverse("portal:asked", kwargs={"merchant_slug": merchant_of(request).slug, "token": token})
    )


def _preview(request: HttpRequest, found: Member | None, form: SaleForm) -> HttpResponse:
    """Say what the sale as typed would give; nothing is written. The page's script gets that part alone."""
    preview = quoted(request, found, form) if form.is_valid() else SalePreview(refusal=_why(form))
    if getattr(request, "htmx", False):
        page = {"preview": preview, "terms": _promised(request)}
        return shift.show(request, "console/counter/_preview.html", page)
    return sale_page(request, found, form, preview=None if form.errors else preview, status=422 if form.errors else 200)


def _why(form: SaleForm) -> str:
    """Say what is wrong with what was typed so far; nothing while nothing is typed."""
    typed = [name for name in form.errors if str(form.data.get(name, "")).strip()]
    return str(form.errors[typed[0]][0]) if typed else ""


def _use_the_most(request: HttpRequest, found: Member, form: SaleForm) -> HttpResponse:
    """Fill in the most points that can pay on the sale as typed; nothing is written."""
    if not form.is_valid():
        if "points" in form.errors and "total" in form.cleaned_data:
            form = form_of(request, found, _with(request.POST, points=""))
        if not form.is_valid():
            return sale_page(request, found, form, status=422)
    points, _worth = most(request, found, form)
    field = form.fields.get("points")
    filled = _with(request.POST, points=field.prepare_value(points) if field and points else "")
    form = form_of(request, found, filled)
    return sale_page(request, found, form, preview=quoted(request, found, form) if form.is_valid() else None)


def _with(sent: QueryDict, **fields: Any) -> QueryDict:
    changed = sent.copy()
    changed.pop("act", None)
    for name, value in fields.items():
        changed[name] = value
    return changed


def _number(request: HttpRequest, sold: PurchaseView) -> str:
    """Return the number on the receipt; the keys' namespaces are asked for only where it may have one."""
    if sold.external_id.startswith("counter:"):
        return ""
    return documents.number_given(sold.external_id, keys.namespaces(merchant_of(request)))


def _promised(request: HttpRequest) -> Terms | None:
    version = screens.version_of(request)
    return version.terms if version is not None else None


def _sale(request: HttpRequest, purchase_id: str) -> PurchaseView:
    found = finding.find(merchant=merchant_of(request), public_id=purchase_id)
    if found is None:
        raise Http404
    return found
