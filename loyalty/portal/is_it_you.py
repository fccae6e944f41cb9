"""A contact was proved that may have been somebody else's before: "is this you?", before anything of them is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from loyalty.portal import joining, session
from loyalty.tenant import merchant_of
from members import claims
from merchants.errors import LoyaltyError


class ItIsMeForm(forms.Form):
    """Something only the member knows; the same field whatever the merchant knows of them."""

    told = forms.CharField(
        label=gettext_lazy("Card number, member code or birthday"), max_length=64, required=False,
        help_text=gettext_lazy(
            "One of them, so that nobody else gets your points. A birthday as month and day: 02-29. Nothing at hand? Leave "
            "it empty, or ask at the counter for your member code."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


@never_cache
@require_http_methods(["GET", "POST"])
def is_it_you(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Ask; yes leads in, with something that only they know, and no to a membership of their own."""
    merchant, now = merchant_of(request), session.now_of(request)
    proved = session.proved(request, now)
    if proved is None:
        return redirect("portal:sign_in", merchant_slug=merchant_slug)
    member = claims.find(merchant=merchant, proof=proved.proof)
    if member is None:
        return joining.to(request, "portal:join")
    if request.method == "POST" and request.POST.get("answer") == "no":
        anew = replace(proved, is_anew=True)
        if anew.granted:
            return joining.enrol(request, anew)
        session.remember_proved(request, anew)
        return joining.to(request, "portal:join")
    form, status = ItIsMeForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST" and form.is_valid():
        status = 422
        try:
            found = claims.answer(
                merchant=merchant, member=member, proof=proved.proof, told=form.cleaned_data["told"], now=now
            )
        except claims.NotYourContact:
            return redirect("portal:sign_in", merchant_slug=merchant_slug)
        except LoyaltyError as refusal:
            form.add_error("told", refusal.detail)
            status = refusal.http
        else:
            if found.member is not None:
                return joining.enter(request, found.member, proved, came_by=proved.referrer)
            form.add_error("told", _why(found))
    page = {"form": form, "contact": proved.proof.contact, "next": session.safe_next(request)}
    return joining.draw(request, "portal/is_it_you.html", page, status=422 if form.errors and status == 200 else status)


def _why(found: claims.Answered) -> str:
    if found.is_more_wanted:
        return _("For this one more is needed: type one of these, or ask at the counter.")
    return _("That does not fit. Check it, or ask at the counter.")
