"""Taking a member's purchase back: the form, and what it would do as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members.enrolling import blame
from loyalty.console.members.member_page import member_or_404
from loyalty.console.programme.fields import MoneyField, QuantityField, with_look
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import purchases
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView


class RefundForm(forms.Form):
    """All that is left, an amount, or pieces of lines."""

    external_id = forms.RegexField(regex=r"^[\x21-\x7e]+\Z", max_length=60, widget=forms.HiddenInput)
    way = with_look(
        forms.ChoiceField(
            label=gettext_lazy("What comes back"), widget=forms.RadioSelect, initial="all",
            choices=[("all", gettext_lazy("all that is left")), ("lines", gettext_lazy("some lines")),
                     ("amount", gettext_lazy("an amount"))],
        ),
        look="segments",
    )  # fmt: skip
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def __init__(self, purchase: PurchaseView, *args: Any, needs_reason: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason
        self.use_required_attribute = False
        self.purchase = purchase
        self.fields["amount"] = MoneyField(purchase.currency, label=_("Amount"), required=False)
        for place, line in enumerate(purchase.lines):
            if line.left_milli > 0 and line.amount_minor >= 0:
                most = f"{(Decimal(line.left_milli) / 1000).normalize():f}"
                label = _("%(goods)s, of %(most)s") % {"goods": line.sku or line.line_id, "most": most}
                self.fields[f"line_{place}"] = QuantityField(label=label, required=False)
                self.fields[f"line_{place}"].widget.attrs["max"] = most

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("way") == "amount" and not read.get("amount") and "amount" not in self.errors:
            self.add_error("amount", _("Say how much comes back."))
        if read.get("way") == "lines" and not self.lines():
            self.add_error(None, _("Say how many pieces of which line come back."))
        # Who types an amount and leaves “all that is left” chosen does not mean all of it.
        beside = _("Only what is chosen above comes back. Choose this, or empty it.")
        if read.get("way") != "amount" and read.get("amount"):
            self.add_error("amount", beside)
        if read.get("way") != "lines" and self.lines():
            self.add_error(next(name for name in self.fields if name.startswith("line_") and read.get(name)), beside)
        return read

    def lines(self) -> tuple[purchases.RefundLine, ...]:
        read = self.cleaned_data
        return tuple(
            purchases.RefundLine(id=line.line_id, quantity=Decimal(read[f"line_{place}"]) / 1000)
            for place, line in enumerate(self.purchase.lines)
            if read.get(f"line_{place}")
        )

    def asked(self, now: datetime) -> purchases.RefundInput:
        """Return what the domain is asked for; call it on a valid form."""
        read = self.cleaned_data
        return purchases.RefundInput(
            external_id=f"console:{read['external_id']}", occurred_at=now,
            purchase=purchases.PurchaseRef(id=self.purchase.public_id),
            amount_minor=read["amount"] if read["way"] == "amount" else None,
            lines=self.lines() if read["way"] == "lines" else (), reason=read["reason"],
        )  # fmt: skip

    def line_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith("line_")]


@require_http_methods(["GET", "POST"])
@seat_required(Permission.ADJUST_POINTS)
def refund(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Take a purchase of the member back: whole, in lines, or an amount (`?purchase=`); `act=preview` only says what that would do."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    purchase = finding.find(merchant=merchant, public_id=request.GET.get("purchase", ""))
    if purchase is None or purchase.member_id != member.pk:
        notes.error(request, _("Choose one of the member's purchases."))
        return screens.to(request, "member", member_id=member.public_id)
    is_preview = request.POST.get("act") == "preview"
    form = RefundForm(
        purchase, request.POST if request.method == "POST" else None, needs_reason=not is_preview,
        initial={"external_id": ids.mint("ref"), "way": "all"},
    )  # fmt: skip
    page: dict[str, Any] = {"member": member, "purchase": purchase, "form": form, "is_preview": is_preview}
    if request.method == "GET":
        page["effect"] = _of_all(request, purchase)
    elif form.is_valid():
        asked = form.asked(now_of(request))
        try:
            if is_preview:
                page["effect"] = _tried(request, asked)
            else:
                with transaction.atomic():
                    done = purchases.refund(
                        merchant=merchant, asked=asked, now=now_of(request), actor=actor_of(request)
                    )
                pay_out = formats.money(done.receipt["pay_out_minor"] or 0, purchase.currency)
                said = _("The purchase is refunded, and its points with it. Pay back %(amount)s.") % {"amount": pay_out}
                answer = screens.to(request, "member", said=said, member_id=member.public_id)
                answer["Location"] += "?show=purchases"
                return answer
        except LoyaltyError as refusal:
            blame(form, refusal)
    if is_preview and getattr(request, "htmx", False):
        return render(request, "console/members/_refund_effect.html", {**screens.frame(request), **page})
    status = 422 if form.errors else 200
    return screens.show(request, "console/members/refund.html", page, status=status)


def _of_all(request: HttpRequest, purchase: PurchaseView) -> Mapping[str, Any] | None:
    """Return what a refund of all that is left would do; None where nothing is."""
    ref = purchases.PurchaseRef(id=purchase.public_id)
    asked = purchases.RefundInput(external_id=ids.mint("ref"), occurred_at=now_of(request), purchase=ref)
    try:
        return _tried(request, asked)
    except LoyaltyError:
        return None


def _tried(request: HttpRequest, asked: purchases.RefundInput) -> Mapping[str, Any]:
    """Return what the refund would do, to the last point.

    :raises LoyaltyError: why it cannot.
    """
    return purchases.try_refund(
        merchant=merchant_of(request), asked=asked, now=now_of(request), actor=actor_of(request)
    )
