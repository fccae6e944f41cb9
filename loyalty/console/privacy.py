"""The privacy notice: the merchant writes it in each language, looks at it, and publishes it as a numbered version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.tenant import merchant_of
from loyalty.ui import prose
from members import privacy as notices
from merchants import privacy_notices
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from merchants.permissions import Permission
from merchants.privacy_notices import PublishedNotice


class PrivacyNoticeForm(forms.Form):
    """One text a language, who answers for the data, and whether members are asked again."""

    legal_contact = forms.CharField(
        label=gettext_lazy("Legal contact"), max_length=privacy_notices.CONTACT_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Company, address, e-mail: whom members and authorities ask about data."),
    )  # fmt: skip
    asks_again = forms.BooleanField(
        label=gettext_lazy("Ask members to agree again"), required=False,
        help_text=gettext_lazy(
            "Needed when you collect more, use it for something new or give it to somebody else. Otherwise members are "
            "told once that the notice has changed."
        ),
    )  # fmt: skip
    based_on = forms.IntegerField(min_value=0, max_value=10**9, widget=forms.HiddenInput())

    def __init__(self, merchant: Merchant, newest: PublishedNotice | None, *args: Any, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"based_on": newest.number if newest else 0}
        initial["legal_contact"] = newest.legal_contact if newest else ""
        for code, _name in LANGUAGES:
            initial[f"text_{code}"] = newest.texts.get(code, "") if newest else _standard(merchant, code)
        super().__init__(*args, **{**kwargs, "initial": initial})
        self.use_required_attribute = False
        for code, name in _in_order(merchant):
            self.fields[f"text_{code}"] = forms.CharField(
                label=name, required=code == merchant.language, max_length=privacy_notices.TEXT_MAX, strip=False,
                widget=forms.Textarea(attrs={"rows": 14, "lang": code}),
            )  # fmt: skip

    @property
    def texts(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("text_")]

    def written(self) -> dict[str, str]:
        return {code: self.cleaned_data[f"text_{code}"] for code, _name in LANGUAGES}


@require_http_methods(["GET", "POST"])
@seat_required(Permission.MANAGE_SETTINGS)
def privacy(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the notice to write in; look at what was typed, or publish it, as `act` says."""
    merchant = merchant_of(request)
    newest = privacy_notices.newest(merchant)
    form = PrivacyNoticeForm(merchant, newest, request.POST if request.method == "POST" else None)
    preview, status = [], 200
    if request.method == "POST":
        status = 422
        if form.is_valid() and request.POST.get("act") == "preview":
            preview = [(name, code, prose.html(text)) for code, name in _in_order(merchant)
                       if (text := form.written()[code]).strip()]  # fmt: skip
            status = 200
        elif form.is_valid():
            try:
                with transaction.atomic():
                    number = privacy_notices.publish(
                        merchant=merchant, texts_by_language=form.written(), now=now_of(request),
                        legal_contact=form.cleaned_data["legal_contact"], asks_again=form.cleaned_data["asks_again"],
                        based_on=form.cleaned_data["based_on"], actor=actor_of(request),
                    )  # fmt: skip
            except LoyaltyError as refusal:
                _blame(form, refusal)
            else:
                said = _("Version %(number)s is published; members read it from now on.") % {"number": number}
                return screens.to(request, "privacy", said=said)
    published = privacy_notices.listed(merchant)
    actor_names = ActorNames(merchant)
    page = {
        "form": form, "preview": preview, "newest": newest,
        "versions": [(each, actor_names[each.actor]) for each in published],
        "public_url": request.build_absolute_uri(reverse("portal:privacy", kwargs={"merchant_slug": merchant.slug})),
    }  # fmt: skip
    return screens.show(request, "console/settings/privacy.html", page, status=status)


def _standard(merchant: Merchant, language: str) -> str:
    with override(language):
        return notices.standard_text(merchant)


def _in_order(merchant: Merchant) -> list[tuple[str, str]]:
    """The languages, the merchant's own first."""
    return sorted(LANGUAGES, key=lambda each: each[0] != merchant.language)


def _blame(form: PrivacyNoticeForm, refusal: LoyaltyError) -> None:
    """Put a refusal beside the field it is about."""
    name = (refusal.pointer or "").strip("/").replace("texts/", "text_")
    form.add_error(name if name in form.fields else None, refusal.detail)
