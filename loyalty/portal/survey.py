"""One question after a purchase: how likely, from 0 to 10, and a few words if the member likes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from engagement import surveys
from loyalty.portal import screens
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from merchants.errors import LoyaltyError
from rewards.purchases import finding

_TAKEN = frozenset({"survey_answered_already", "external_id_reused"})


class AnswerForm(forms.Form):
    """A score; the words are for whoever wants to say more."""

    score = forms.TypedChoiceField(
        label=_("How likely are you to recommend us to a friend?"), coerce=int, choices=[(n, str(n)) for n in range(11)],
        widget=forms.RadioSelect, error_messages={"required": _("Choose a number from 0 to 10.")},
    )  # fmt: skip
    comment = forms.CharField(
        label=_("What is the reason?"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


@require_http_methods(["GET", "POST"])
@member_required
def survey(request: HttpRequest, merchant_slug: str, purchase_id: str) -> HttpResponse:
    """Ask about one of the member's purchases; only a POST saves, so a mail scanner's look saves nothing."""
    merchant, member = merchant_of(request), member_of(request)
    purchase = finding.find(merchant=merchant, public_id=purchase_id)
    if purchase is None or purchase.member_id != member.pk:
        raise Http404
    form = AnswerForm(request.POST if request.method == "POST" else None)
    page: dict[str, Any] = {"form": form, "purchase": purchase, "is_done": False}
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        answer = surveys.AnswerInput(
            score=form.cleaned_data["score"],
            external_id=f"portal:{purchase.public_id}",
            member=member.public_id,
            comment=form.cleaned_data["comment"],
            channel="portal",
            purchase=purchase.public_id,
        )
        try:
            with transaction.atomic():
                surveys.record_response(merchant=merchant, answer=answer, now=now_of(request), actor=actor_of(request))
        except LoyaltyError as refusal:
            if refusal.code in _TAKEN:
                page["is_done"], status = True, 200
            else:
                form.add_error(None, refusal.detail)
        else:
            page["is_done"], status = True, 200
    return screens.show(request, "portal/survey.html", page, status=status)
