"""A sale at the counter: an amount typed as money, recorded once however often the form is sent, undone for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engagement import asking
from loyalty.console import screens
from loyalty.console.access import actor_of, device_of, now_of, seat_required
from loyalty.console.counter import shift
from loyalty.console.counter.claiming import ClaimForm, claimed
from loyalty.console.counter.desk import in_points, member_or_404, person, reward_name
from loyalty.console.programme.fields import MoneyField, PointsField
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.models import Member
from merchants import ids, keys, money
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from merchants.permissions import Permission
from rewards import documents, earning, purchases, redemptions, terms, versions
from rewards.parties import MemberRef
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView

_REUSED = "external_id_reused"


class SaleForm(forms.Form):
    """An amount, and the number of the paper receipt if there is one; the id was minted when the form was shown."""

    minted = forms.RegexField(regex=r"^pur_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    receipt = forms.RegexField(
        label=gettext_lazy("Receipt number"), regex=r"^[\x21-\x7e]+\Z", max_length=60, required=False,
        error_messages={"invalid": gettext_lazy("Letters, digits and signs, no spaces.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, paying: PointsField | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if paying is not None:
            self.fields["points"] = paying
        self.use_required_attribute = False
        keys = "decimal" if money.exponent(merchant.currency) else "numeric"
        widget = forms.TextInput(
            attrs={"class": "input amount", "inputmode": keys, "autocomplete": "off", "data-focus": ""}
        )
        self.fields["amount"] = MoneyField(merchant.currency, label=_("Amount of the sale"), widget=widget)
        self.fields["amount"].widget.attrs["inputmode"] = keys

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError(_("Type what was paid, more than nothing."))
        return amount

    @property
    def points(self) -> int | None:
        """Points that pay a part of it, None for none."""
        return self.cleaned_data.get("points")

    @property
    def redemptions(self) -> tuple[purchases.RedemptionInput, ...]:
        return (purchases.RedemptionInput(points=self.points),) if self.points else ()

    @property
    def external_id(self) -> str:
        return self.cleaned_data["receipt"] or f"counter:{self.cleaned_data['minted']}"


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
def member(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Show the member with the form of a sale; a POST says what it would give (`act=preview`) or records it."""
    found, merchant = member_or_404(request, member_id), merchant_of(request)
    posted = request.POST if request.method == "POST" else None
    form = SaleForm(merchant, _paying(request), posted, initial={"minted": ids.mint("pur")})
    if request.method == "POST" and request.POST.get("act") == "preview":
        return _preview(request, found, form)
    if request.method == "POST" and form.is_valid():
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
    blank = SaleForm(merchant, _paying(request), initial={"minted": ids.mint("pur")})
    return member_page(request, found, blank, claim=form, status=422)


def member_page(
    request: HttpRequest, found: Member, form: SaleForm, *, preview: Preview | None = None,
    claim: ClaimForm | None = None, status: int = 200,
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
        "claim": claim or ClaimForm(initial={"claim_minted": ids.mint("clm")}),
        "may_claim": merchant.claim_days_max > 0,
        "points_word": terms.text(shown["terms"].points.plural, get_language() or "en") if shown["terms"] else "",
        "is_code_missing": shift.is_code_missing(request, found),
        "symbol": formats.currency_sign(merchant.currency),
        "held": [{"view": view, "name": reward_name(request, view.reward)} for view in usable],
        "redeemable": len(catalogue.redeemable),
        "place": shift.place_of(request),
        "places": shift.choices(request),
    }
    return shift.show(request, "console/counter/member.html", page, status=status)


@require_safe
@seat_required(Permission.USE_COUNTER)
def sale(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Say what a sale gave, and why; offer to undo it while that is possible, to whoever recorded it."""
    sold = _sale(request, purchase_id)
    member_id = Member.objects.values_list("public_id", flat=True).get(
        merchant=merchant_of(request), pk=sold.member_id or 0
    )
    buyer = member_or_404(request, member_id)
    promised = None
    if sold.terms_version is not None:
        promised = versions.timeline(merchant_of(request).pk).numbered(sold.terms_version).terms
    page = {
        **person(request, buyer),
        "sale": sold,
        "number": documents.number_given(sold.external_id, keys.namespaces(merchant_of(request))),
        "why": earning.words([step for step in sold.trace if step.code != "skipped"], promised, get_language() or "en"),
        "skipped": earning.words(
            [step for step in sold.trace if step.code == "skipped"], promised, get_language() or "en"
        ),
        "earned": in_points(request, sold.points_earned),
        "survey_url": _survey_url(request, sold),
        "left_to_pay": sold.total_minor - sold.points_paid_minor,
        "is_undone": sold.left_minor <= 0 < sold.total_minor,
        "may_undo": sold.left_minor > 0 and shift.may_undo(request, sold.public_id, sold.occurred_at),
        "undo_minutes": int(shift.UNDO_WITHIN.total_seconds() // 60),
    }
    return shift.show(request, "console/counter/sale.html", page)


@require_POST
@seat_required(Permission.USE_COUNTER)
def undo(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Take a sale of this shift back whole, with its points; the second press finds it done."""
    sold = _sale(request, purchase_id)
    if sold.left_minor <= 0:
        return screens.to(request, "counter_sale", purchase_id=purchase_id)
    if not shift.may_undo(request, sold.public_id, sold.occurred_at):
        notes.error(request, _("It is too late to undo this here. A manager refunds it on the member's page."))
        return screens.to(request, "counter_sale", purchase_id=purchase_id)
    asked = purchases.RefundInput(
        # The sale's own name: however often this is pressed, it is one refund.
        external_id=f"counter-undo:{sold.public_id}", occurred_at=now_of(request),
        purchase=purchases.PurchaseRef(id=sold.public_id), reason=_("Undone at the counter"),
    )  # fmt: skip
    try:
        with transaction.atomic():
            purchases.refund(merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request))
    except LoyaltyError as refusal:
        if refusal.code != _REUSED:
            notes.error(request, refusal.detail)
    return screens.to(request, "counter_sale", purchase_id=purchase_id)


def _record(request: HttpRequest, found: Member, form: SaleForm) -> str | None:
    """Record the sale and return its id; None when it was refused, with the reason in the form."""
    merchant, now, place, device = merchant_of(request), now_of(request), shift.place_of(request), device_of(request)
    sold = purchases.PurchaseInput(
        external_id=form.external_id, occurred_at=now, currency=merchant.currency,
        total_minor=form.cleaned_data["amount"], member=_reference(request, found, form), redemptions=form.redemptions,
        location=place.code if place else None, terminal=device.public_id if device else None, channel="counter",
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
class Preview:
    """What a sale would give: points, their why, what points pay of it; or why it would be refused."""

    earned: str = ""
    why: Sequence[str] = ()
    total_minor: int = 0
    paid_minor: int = 0
    refusal: str = ""

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
    preview = Preview(refusal="")
    if form.is_valid():
        preview = _quoted(request, found, form)
    if getattr(request, "htmx", False):
        # While somebody still types, half an amount is no fault to point at.
        shown = None if form.errors else preview
        return shift.show(request, "console/counter/_preview.html", {"preview": shown})
    return member_page(
        request, found, form, preview=None if form.errors else preview, status=422 if form.errors else 200
    )


def _quoted(request: HttpRequest, found: Member, form: SaleForm) -> Preview:
    place, language = shift.place_of(request), get_language() or "en"
    asked = purchases.QuoteInput(
        currency=merchant_of(request).currency, total_minor=form.cleaned_data["amount"],
        member=_reference(request, found, form), location=place.code if place else None, channel="counter",
        redemptions=form.redemptions,
    )  # fmt: skip
    try:
        quoted = purchases.quote(
            merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request)
        )
    except LoyaltyError as refusal:
        return Preview(refusal=refusal.detail)
    steps = [step for step in quoted.evaluation.trace if step.code != "skipped"]
    return Preview(
        earned=in_points(request, quoted.evaluation.points),
        why=earning.words(steps, quoted.version.terms if quoted.version else None, language),
        total_minor=asked.total_minor,
        paid_minor=quoted.points_paid_minor,
    )


def _paying(request: HttpRequest) -> PointsField | None:
    """The field for points that pay, where the terms let them."""
    version = screens.version_of(request)
    if version is None or version.terms.pay_with_points is None:
        return None
    field = PointsField(version.terms.points.decimals, label=_("Pay with points"), required=False)
    field.widget.attrs["autocomplete"] = "off"
    return field


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
        and now_of(request) - earlier.occurred_at < shift.UNDO_WITHIN
    )
    if earlier is not None and is_same:
        return earlier.public_id
    form.add_error(
        "receipt" if form.cleaned_data["receipt"] else None,
        _("A sale with this number is recorded already. Nothing was added."),
    )
    return None


def _sale(request: HttpRequest, purchase_id: str) -> PurchaseView:
    found = finding.find(merchant=merchant_of(request), public_id=purchase_id)
    if found is None or found.member_id is None:
        raise Http404
    return found
