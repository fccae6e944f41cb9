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
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from engagement import parting
from loyalty.portal import contact, screens, session
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from members import claims, consent, contact_changes, directory
from members.inputs import MemberChanges
from merchants import ids, messages
from merchants.contacts import Contact
from merchants.errors import LoyaltyError

_A_YEAR = 365 * 86400


class DetailsForm(forms.Form):
    """What a member may change about themselves; contacts change by a code, elsewhere."""

    name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    birthday = forms.RegexField(
        label=gettext_lazy("Birthday"), regex=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z", required=False,
        help_text=gettext_lazy("Month and day, such as 02-29. The year is nobody's business."),
        error_messages={"invalid": gettext_lazy("Type month and day, such as 02-29.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": "5"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


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
    changes = MemberChanges(name=read["name"], birthday=read["birthday"] or None, language=read["language"])
    changed = {name: value for name, value in msgspec.structs.asdict(changes).items() if name in form.changed_data}
    try:
        with transaction.atomic():
            directory.update(
                merchant=merchant_of(request),
                member=member,
                changes=MemberChanges(**changed),
                actor=actor_of(request),
                now=now_of(request),
            )
    except LoyaltyError as refusal:
        field = (refusal.pointer or "").lstrip("/")
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
    wording = next((known for known in consent.wordings(merchant_of(request)) if known.purpose == purpose), None)
    if wording is None or wording.is_required or wish not in {"grant", "withdraw"}:
        notes.error(request, _("There is no such choice."))
        return redirect("portal:me", merchant_slug=merchant_slug)
    try:
        with transaction.atomic():
            consent.decide(
                merchant=merchant_of(request),
                member=member_of(request),
                purpose=purpose,
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
    """End this membership's sessions on every device, this one too."""
    claims.end_sessions(merchant=merchant_of(request), member=member_of(request), now=now_of(request))
    session.end(request)
    notes.success(request, _("You are signed out on every device."))
    return redirect("portal:sign_in", merchant_slug=merchant_slug)


@require_http_methods(["GET", "POST"])
@member_required
def leave(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say what leaving means for the points; with the box ticked, forget the member for good."""
    error = ""
    if request.method == "POST":
        if request.POST.get("sure") == "yes":
            try:
                with transaction.atomic():
                    parting.leave(
                        merchant=merchant_of(request),
                        member=member_of(request),
                        now=now_of(request),
                        actor=actor_of(request),
                    )
            except LoyaltyError as refusal:
                error = refusal.detail
            else:
                session.end(request)
                notes.success(request, _("You have left. What named you is gone."))
                response = redirect("portal:sign_in", merchant_slug=merchant_slug)
                offline.forget_cards(response)
                return response
        else:
            error = _("Tick the box to leave. Nothing was changed.")
    page = {"balance": screens.balance_of(request), "error": error}
    return screens.show(request, "portal/leave.html", page, status=422 if error else 200)


def _details(request: HttpRequest, posted: Any = None) -> DetailsForm:
    member = member_of(request)
    birthday = f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month and member.birth_day else ""
    initial = {"name": member.name, "birthday": birthday, "language": member.language or screens.language()}
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
        "consents": [(wording, standing.get((wording.purpose, ""))) for wording in consent.wordings(merchant)],
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
