"""A purchase that gave no points: the member says when, how much and what the receipt is called, and reads the answer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from engagement import missing as questions
from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import amounts, formats
from merchants import money
from merchants.errors import LoyaltyError

STATES: dict[str, tuple[Any, str]] = {
    "waiting": (_("waiting"), "warning"),
    "accepted": (_("given"), "positive"),
    "declined": (_("declined"), ""),
}


class MissingForm(forms.Form):
    """When, how much, and the number on the receipt if there is one."""

    bought_on = forms.DateField(
        label=_("When was it?"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    receipt = forms.CharField(
        label=_("Receipt number"), max_length=60, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("On the receipt, near the date. With it the answer comes faster."),
    )  # fmt: skip

    def __init__(self, currency: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["amount"] = amounts.MoneyField(currency, label=_("What did you pay?"))
        keys = "decimal" if money.exponent(currency) else "numeric"
        self.fields["amount"].widget.attrs["inputmode"] = keys


@require_http_methods(["GET", "POST"])
@member_required
def missing(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take the question, and list those asked before with their answers."""
    merchant, member = merchant_of(request), member_of(request)
    posted = request.POST if request.method == "POST" else None
    form = MissingForm(merchant.currency, posted, initial={"bought_on": localdate(now_of(request))})
    if form.is_bound and form.is_valid():
        read = form.cleaned_data
        try:
            with transaction.atomic():
                questions.ask(
                    merchant=merchant, member=member, bought_on=read["bought_on"], amount_minor=read["amount"],
                    receipt=read["receipt"], now=now_of(request),
                )  # fmt: skip
        except LoyaltyError as refusal:
            field = (refusal.pointer or "").lstrip("/")
            form.add_error(field if field in form.fields else None, refusal.detail)
        else:
            notes.success(request, _("Thank you. We look at it; the answer will stand here."))
            return redirect("portal:missing", merchant_slug=merchant_slug)
    asked = questions.of_member(merchant=merchant, member=member)
    page = {
        "form": form,
        "sign": formats.currency_sign(merchant.currency),
        "asked": [{"row": row, "state": STATES[row.state][0], "tone": STATES[row.state][1]} for row in asked],
    }
    return screens.show(request, "portal/missing.html", page, status=422 if form.is_bound else 200)
