"""A member's own corner: who they are, what they agreed to, their data, where they are signed in, and the way out."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.conf import settings
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST

from loyalty.portal import contact, screens, session
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from loyalty.ui.consent_form import document_named
from members import consent, contact_changes, registration
from members.inputs import MemberChanges
from merchants import ids, messages
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from rewards import safeguards

_A_YEAR = 365 * 86400


class DetailsForm(forms.Form):
    """What a member may change about themselves; contacts change by a code, elsewhere."""

    name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    month = forms.TypedChoiceField(
        label=gettext_lazy("Birthday: month"), required=False, coerce=int, empty_value=None,
        widget=forms.Select(attrs={"autocomplete": "bday-month"}),
    )  # fmt: skip
    day = forms.TypedChoiceField(
        label=gettext_lazy("Birthday: day"), required=False, coerce=int, empty_value=None,
        choices=[("", "–"), *((number, number) for number in range(1, 32))],
        widget=forms.Select(attrs={"autocomplete": "bday-day"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["month"].choices = [("", "–"), *formats.months()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        read = {**(super().clean() or {})}
        if "month" in read and "day" in read and (read["month"] is None) != (read["day"] is None):
            self.add_error("day" if read["day"] is None else "month", _("Choose month and day, or neither."))
        return read

    @property
    def birthday(self) -> str | None:
        month, day = self.cleaned_data["month"], self.cleaned_data["day"]
        return f"{month:02}-{day:02}" if month and day else None


@require_GET
@member_required
def me(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show contacts, consents with date and wording, and the ways out."""
    return _page(request, _details(request))


@require_POST
@member_required
def details(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Change name, birthday and language; the pages follow the language at once."""
    form = _details(request, request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    read, member = form.cleaned_data, member_of(request)
    changes = MemberChanges(name=read["name"], birthday=form.birthday, language=read["language"])
    touched = {"birthday" if name in ("month", "day") else name for name in form.changed_data}
    changed = {name: value for name, value in msgspec.structs.asdict(changes).items() if name in touched}
    try:
        with transaction.atomic():
            registration.update(
                merchant=merchant_of(request),
                member=member,
                changes=MemberChanges(**changed),
                actor=actor_of(request),
                now=now_of(request),
            )
    except LoyaltyError as refusal:
        field = (refusal.pointer or "").lstrip("/").replace("birthday", "day")
        form.add_error(field if field in form.fields else None, refusal.detail)
        return _page(request, form, status=422)
    with translation.override(read["language"]):
        notes.success(request, _("Saved."))
    response = redirect("portal:me", merchant_slug=merchant_slug)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, read["language"], max_age=_A_YEAR, secure=request.is_secure(), samesite="Lax"
    )
    return response


@require_POST
@member_required
def decide(request: HttpRequest, merchant_slug: str, purpose: str) -> HttpResponse:
    """Grant or withdraw one consent; the terms are ended by leaving, not here."""
    wish = request.POST.get("wish", "")
    wording = next((known for known in consent.wordings(merchant_of(request)) if known.code == purpose), None)
    if wording is None or wording.is_required or wish not in {"grant", "withdraw"}:
        notes.error(request, _("There is no such choice."))
        return redirect("portal:me", merchant_slug=merchant_slug)
    try:
        with transaction.atomic():
            consent.decide(
                merchant=merchant_of(request),
                member=member_of(request),
                code=purpose,
                is_granted=wish == "grant",
                source="portal",
                now=now_of(request),
                actor=actor_of(request),
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("Noted. It counts from now on."))
    return redirect("portal:me", merchant_slug=merchant_slug)


@require_POST
@member_required
def sign_out_everywhere(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """End this membership's sessions on every device, this one too, and the codes a lost phone still shows."""
    try:
        with transaction.atomic():
            safeguards.sign_out_everywhere(
                merchant=merchant_of(request), member=member_of(request), now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return redirect("portal:me", merchant_slug=merchant_slug)
    session.end(request)
    notes.success(request, _("You are signed out on every device. Your member code is a new one."))
    return redirect("portal:sign_in", merchant_slug=merchant_slug)


def _details(request: HttpRequest, posted: Any = None) -> DetailsForm:
    member = member_of(request)
    initial = {
        "name": member.name,
        "month": member.birth_month,
        "day": member.birth_day,
        "language": member.language or screens.language(),
    }
    return DetailsForm(posted, initial=initial)


def _page(request: HttpRequest, form: DetailsForm, *, status: int = 200) -> HttpResponse:
    merchant, member = merchant_of(request), member_of(request)
    standing = consent.standing(merchant=merchant, member=member)
    page = {
        "member": member,
        "form": form,
        "code": ids.grouped(member.code),
        "reach": _reach(request),
        "cool_off": contact_changes.cool_off_until(merchant=merchant, member=member, now=now_of(request)),
        "consents": [
            (
                lead,
                [
                    (box, known, document_named(known.document) if known else {})
                    for box in boxes
                    for known in [standing.get(box.code)]
                ],
            )
            for lead, boxes in consent.groups(consent.wordings(merchant))
        ],
        "pending": consent.pending_notice(merchant=merchant, member=member),
    }
    return screens.show(request, "portal/me.html", page, status=status)


def _reach(request: HttpRequest) -> list[dict[str, Any]]:
    """The contacts, with the way to change each; a number that no text message could reach is not asked for."""
    member, slug = member_of(request), merchant_of(request).slug
    return [
        {"label": label, "value": getattr(member, kind), "icon": "mail" if kind == "email" else "phone",
         "href": reverse("portal:contact", kwargs={"merchant_slug": slug, "kind": kind})}
        for kind, label in contact.LABELS.items()
        if getattr(member, kind) or kind == "email" or messages.can_reach(Contact("phone", ""))
    ]  # fmt: skip
