"""One question after a purchase: how likely, from 0 to 10, and a few words if the member likes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from engagement import asking, surveys
from loyalty.portal import screens
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from rewards.purchases import finding


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
    asked = asking.about(merchant=merchant, purchase=purchase, now=now_of(request))
    return _ask(request, asked, channel="portal", actor=actor_of(request))


@never_cache
@require_http_methods(["GET", "POST"])
def asked(request: HttpRequest, merchant_slug: str, token: str) -> HttpResponse:
    """The same question behind a signed link: from a receipt or a message, without signing in."""
    found = asking.find(merchant=merchant_of(request), text=token, now=now_of(request))
    if found is None:
        return screens.show(request, "portal/survey_over.html", {}, status=410)
    return _ask(request, found, channel="link", actor=Actor("system", "survey_link"))


def _ask(request: HttpRequest, found: asking.Question, *, channel: str, actor: Actor) -> HttpResponse:
    merchant, before = merchant_of(request), found.answer
    is_asked = before is None or (found.change_until is not None and "change" in request.GET)
    initial = {"score": before.score, "comment": before.comment} if before else None
    form = AnswerForm(request.POST if request.method == "POST" else None, initial=initial)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            with transaction.atomic():
                asking.answer(
                    merchant=merchant, purchase=found.purchase.public_id, score=form.cleaned_data["score"],
                    comment=form.cleaned_data["comment"], channel=channel, now=now_of(request), actor=actor,
                )  # fmt: skip
        except surveys.AnsweredAlready:
            # Said once, it is said: thanks are due all the same.
            return redirect(request.path)
        except LoyaltyError as refusal:
            form.add_error(None, refusal.detail)
        else:
            return redirect(request.path)
    page: dict[str, Any] = {
        "form": form, "purchase": found.purchase, "is_done": not (is_asked or form.is_bound), "answer": before,
        "change_until": found.change_until, "is_member": channel == "portal",
        "frame": "portal/base.html" if channel == "portal" else "portal/base_guest.html",
    }  # fmt: skip
    return screens.show(request, "portal/survey.html", page, status=status)
