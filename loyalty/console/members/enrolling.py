"""Somebody becomes a member at the console: who they are, how to reach them, what they agreed to."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of
from members import consent
from members.inputs import NewMember
from merchants import locations
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from merchants.permissions import Permission
from rewards import enrolment


class PersonForm(forms.Form):
    """Who somebody is; all of it may be left out."""

    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=200, required=False)
    phone = forms.CharField(
        label=gettext_lazy("Phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )
    birthday = forms.RegexField(
        label=gettext_lazy("Birthday"), regex=r"^([0-9]{4}|[0-9]{1,2}[-./][0-9]{1,2})\Z", required=False,
        help_text=gettext_lazy("Month and day: 02-29"),
        error_messages={"invalid": gettext_lazy("Type month and day, such as 02-29.")},
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=[("", gettext_lazy("not known")), *LANGUAGES], required=False
    )
    external_id = forms.RegexField(
        label=gettext_lazy("Your own id"), regex=r"^[\x21-\x7e]+\Z", max_length=255, required=False,
        help_text=gettext_lazy("From your till or CRM; letters, digits and signs, no spaces."),
    )  # fmt: skip


class EnrolForm(PersonForm):
    """Somebody joins: who they are, a card, where, who brought them, what they agreed to."""

    card = forms.CharField(label=gettext_lazy("Card number"), max_length=64, required=False)
    referred_by = forms.CharField(
        label=gettext_lazy("Brought by"), max_length=20, required=False,
        help_text=gettext_lazy("The friend's code: JOIN-7K4M-92A"),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        choices = [("", _("not said")), *((place.code, place.name) for place in locations.open_now(merchant))]
        self.fields["location"] = forms.ChoiceField(label=_("Where"), choices=choices, required=False)
        self.boxes = consent.wordings(merchant)
        self.fields["consents"] = forms.MultipleChoiceField(
            label=_("Agreed to"), required=False, widget=forms.CheckboxSelectMultiple,
            choices=[(box.code, box.text) for box in self.boxes],
            help_text=_("Tick only what the person said yes to; terms and privacy notice are needed to join."),
        )  # fmt: skip


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_MEMBERS)
def enrol(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Make somebody a member."""
    merchant = merchant_of(request)
    looked_for = {name: request.GET.get(name, "")[:100] for name in ("name", "phone", "email")}
    form = EnrolForm(merchant, request.POST if request.method == "POST" else None, initial=looked_for)
    if request.method == "POST" and form.is_valid():
        try:
            consent.refuse_without_required(merchant=merchant, granted=form.cleaned_data["consents"])
            details = msgspec.convert(new_details(form.cleaned_data), NewMember)
            with transaction.atomic():
                joined = enrolment.enrol(
                    merchant=merchant, details=details, source="console", actor=actor_of(request), now=now_of(request)
                )
        except LoyaltyError as refusal:
            blame(form, refusal)
        except msgspec.ValidationError:
            form.add_error(None, _("Something here cannot be stored. Check for stray signs."))
        else:
            return screens.to(
                request, "member", said=_("%(name)s is a member now.") % {"name": joined.member},
                member_id=joined.member.public_id,
            )  # fmt: skip
    page = {"form": form}
    return screens.show(request, "console/members/enrol.html", page, status=422 if form.is_bound else 200)


def new_details(read: dict[str, Any]) -> dict[str, Any]:
    """What was typed; what was left empty is left out."""
    found: dict[str, Any] = {name: value for name, value in read.items() if value not in ("", None, [])}
    if "consents" in found:
        found["consents"] = tuple(found["consents"])
    return found


def blame(form: forms.Form, refusal: LoyaltyError) -> None:
    """Put a refusal beside the field it is about."""
    name = (refusal.pointer or "").strip("/").split("/")[0]
    form.add_error(name if name in form.fields else None, refusal.detail)
