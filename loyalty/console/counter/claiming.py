"""A sale of a while ago that named nobody: its receipt is added to the member who brings it, once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.access import actor_of, now_of
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants.errors import LoyaltyError
from rewards import purchases
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView


class ClaimForm(forms.Form):
    """The number on the receipt; the claim's own id was minted when the form was shown."""

    claim_minted = forms.RegexField(regex=r"^clm_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    bought = forms.CharField(
        label=gettext_lazy("Number on the receipt"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )  # fmt: skip

    #: Which of several sales with this number it is, by its id.
    which = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        #: What the number may mean, where that is more than one sale.
        self.choices: list[PurchaseView] = []


def claimed(request: HttpRequest, found: Member, form: ClaimForm) -> str | None:
    """Add the receipt and return the sale's id; None when it was refused, with the reason in the form."""
    merchant = merchant_of(request)
    sold = _meant(request, form)
    if sold is None:
        return None
    asked = purchases.ClaimInput(
        external_id=f"counter:{form.cleaned_data['claim_minted']}", purchase=purchases.PurchaseRef(id=sold.public_id),
        member=purchases.MemberRef(id=found.public_id),
    )  # fmt: skip
    try:
        with transaction.atomic():
            purchases.claim(merchant=merchant, asked=asked, now=now_of(request), actor=actor_of(request))
    except LoyaltyError as refusal:
        form.add_error("bought", refusal.detail)
        return None
    return sold.public_id


def _meant(request: HttpRequest, form: ClaimForm) -> PurchaseView | None:
    """The sale of the number; tills may count alike, and then the cashier says which of those that are nobody's."""
    merchant = merchant_of(request)
    known = finding.by_number(merchant=merchant, number=form.cleaned_data["bought"])
    if not known:
        form.add_error("bought", _("No sale has this number. Type it as it is printed."))
        return None
    chosen = [sale for sale in known if sale.public_id == form.cleaned_data["which"]]
    if chosen:
        return chosen[0]
    open_ones = [
        sale for sale in known if purchases.is_claimable(merchant=merchant, purchase=sale, now=now_of(request))
    ]
    if open_ones and (len(known) > 1 or known[0].external_id != form.cleaned_data["bought"]):
        # One that a till counted its own way may be another till's: amount and day tell.
        form.choices = open_ones
        form.add_error("bought", _("Compare with the receipt, and choose the sale that is printed on it."))
        return None
    return known[0]
