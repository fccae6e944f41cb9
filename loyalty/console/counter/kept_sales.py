"""Sales that a device kept: each is the form as it was typed, sent once or more often, and recorded once.

The page's script keeps a sale before it sends it (static/js/counter_kept.js), so that none is lost with the connection.
The sale happened when it was typed: that moment goes along, and what the device's clock says as it sends, so that a
clock that is wrong does no harm. Who is signed on as it is sent has recorded it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.counter import amount_check, shift
from loyalty.console.counter.sale_form import SaleForm
from loyalty.console.counter.sale_recording import SaleMoment, record
from loyalty.tenant import merchant_of
from members import directory
from members.directory import Member
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards.purchases import finding


class InstantField(forms.CharField):
    """An instant with its offset, as scripts write it."""

    def clean(self, value: Any) -> datetime:
        text = super().clean(value)
        read = None
        with suppress(ValueError):
            read = datetime.fromisoformat(text)
        if read is None or read.tzinfo is None:
            raise forms.ValidationError(_("The time of this sale cannot be read."))
        return read


class KeptSaleForm(SaleForm):
    """A sale with its moment, its place and its buyer: a member's id, what a guest's card says, or neither."""

    occurred_at = InstantField(max_length=40)
    sent_at = InstantField(max_length=40)
    member = forms.CharField(max_length=40, required=False)
    card = forms.CharField(max_length=100, required=False)
    place = forms.CharField(max_length=40, required=False)


@require_POST
@seat_required(Permission.USE_COUNTER)
def send(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Record a kept sale and say what came of it: `recorded`, `asks` (is the amount meant?) or `refused`, and why."""
    version = screens.version_of(request)
    form = KeptSaleForm(merchant_of(request), version.terms if version else None, request.POST, may_spend=False)
    if not form.is_valid():
        return _refused(form)
    try:
        found = _buyer(request, form)
    except directory.MemberNotFound:
        return _answer("refused", _("No member found. Record it as a guest's, or look for the member again."))
    except LoyaltyError as refusal:
        return _answer("refused", refusal.detail)
    if finding.by_external_id(merchant=merchant_of(request), external_id=form.external_id) is None:
        doubt = amount_check.doubt_of(request, form.total_minor)
        if doubt is not None and not doubt.may_confirm:
            return _answer("refused", doubt.question)
        if doubt is not None and request.POST.get("confirmed") != str(form.total_minor):
            return _answer("asks", doubt.question, total=form.total_minor)
    done = record(request, found, form, _moment(request, form))
    if done is None:
        return _refused(form)
    shift.note(request, done)
    return _answer("recorded", "", url=screens.url(request, "counter_sale", purchase_id=done))


def _buyer(request: HttpRequest, form: KeptSaleForm) -> Member | None:
    """Find whom it is for, None for a guest.

    :raises MemberNotFound: nobody, or more than one.
    """
    merchant, member, card = merchant_of(request), form.cleaned_data["member"], form.cleaned_data["card"]
    if member:
        return directory.get(merchant=merchant, public_id=member)
    if not card:
        return None
    found = directory.search(merchant=merchant, text=card, limit=2)
    if len(found) != 1:
        raise directory.MemberNotFound(_("No member found"))
    return found[0]


def _moment(request: HttpRequest, form: KeptSaleForm) -> SaleMoment:
    chosen = next((each for each in shift.choices(request) if each.public_id == form.cleaned_data["place"]), None)
    place = chosen or shift.place_of(request)
    return SaleMoment(form.cleaned_data["occurred_at"], form.cleaned_data["sent_at"], place.code if place else None)


def _refused(form: KeptSaleForm) -> JsonResponse:
    return _answer("refused", " ".join(str(fault) for faults in form.errors.values() for fault in faults))


def _answer(state: str, said: str, **more: Any) -> JsonResponse:
    return JsonResponse({"state": state, "said": said, **more})
