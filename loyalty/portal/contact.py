"""Changing an e-mail address or a number: a code to a contact from before, the new one, a code to that; and undoing it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from loyalty.portal import screens, session, steps
from loyalty.portal.forms import CodeForm, ContactForm
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from members import contact_changes, registration
from merchants import messages
from merchants.contacts import Contact
from merchants.errors import LoyaltyError

_STEP = "contact"
LABELS: dict[str, Any] = {"email": gettext_lazy("E-mail"), "phone": gettext_lazy("Phone")}


class NewContactForm(ContactForm):
    """The new contact, of the kind that is being changed."""

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        field, is_email = self.fields["contact"], kind == "email"
        field.label = _("New e-mail address") if is_email else _("New telephone number")
        field.help_text = _("We send a code there, to be sure that it reaches you.")
        field.widget.input_type = "email" if is_email else "tel"
        field.widget.attrs["autocomplete"] = "email" if is_email else "tel"
        self.use_required_attribute = False

    def clean_contact(self) -> Contact:
        contact = super().clean_contact()
        if contact.kind != self.kind:
            self.add_error(
                "contact", _("Type an e-mail address.") if self.kind == "email" else _("Type a telephone number.")
            )
        return contact


@require_http_methods(["GET", "POST"])
@member_required
def start(request: HttpRequest, merchant_slug: str, kind: str) -> HttpResponse:
    """Say what will happen, and send a code to the contact the member chooses of those they have."""
    _known(kind)
    have = [each for each in contact_changes.present(member_of(request)) if messages.can_reach(each)]
    # The one that shall change is asked first: it is the one that is about to be lost.
    have.sort(key=lambda each: each.kind != kind)
    status = 200
    if request.method == "POST":
        contact = next((each for each in have if each.kind == request.POST.get("to", "")), None)
        if contact is None:
            return _to(request, "contact", kind)
        answer = steps.send(request, contact, "step_up", before=_facts(request, kind).get("sent"))
        if not isinstance(answer, LoyaltyError):
            steps.keep(request, _STEP, kind=kind, sent=answer)
            return _to(request, "contact_prove", kind)
        notes.error(request, answer.detail)
        status = answer.http
    page = {
        "kind": kind,
        "label": LABELS[kind],
        "have": have,
        "old": getattr(member_of(request), kind),
        "stages": _stages(),
    }
    return screens.show(request, "portal/contact_start.html", page, status=status)


@require_http_methods(["GET", "POST"])
@member_required
def prove(request: HttpRequest, merchant_slug: str, kind: str) -> HttpResponse:
    """Take the code that went to a contact the member has."""
    facts = _facts(request, kind)
    awaited = steps.sent(facts.get("sent"))
    if awaited is None:
        return _to(request, "contact", kind)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and (proof := steps.check(request, form, awaited)) is not None:
        steps.keep(request, _STEP, kind=kind, by=steps.proof_to_keep(proof))
        return _to(request, "contact_new", kind)
    page = {
        "form": form, "kind": kind, "stage": 1, "stages": _stages(), "contact": awaited.contact,
        "title": _("Is it you?"), "again_url": _url(request, "contact", kind),
        "again": {"to": awaited.contact.kind}, "back_url": _url(request, "contact", kind),
    }  # fmt: skip
    return screens.show(request, "portal/contact_code.html", page, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@member_required
def new(request: HttpRequest, merchant_slug: str, kind: str) -> HttpResponse:
    """Take the new contact and send it a code; whether it is somebody else's is not said to who has not proved it."""
    facts = _facts(request, kind)
    by = steps.proof_kept(request, facts.get("by"))
    if by is None or not contact_changes.is_fresh(merchant_of(request), by, now_of(request)):
        return _to(request, "contact", kind)
    form = NewContactForm(kind, merchant_of(request).country, request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        contact: Contact = form.cleaned_data["contact"]
        if contact.value == getattr(member_of(request), kind):
            form.add_error("contact", _("This is the one we have already."))
        else:
            answer = steps.send(request, contact, "change", before=facts.get("sent"))
            if not isinstance(answer, LoyaltyError):
                steps.keep(request, _STEP, kind=kind, by=facts["by"], sent=answer)
                return _to(request, "contact_confirm", kind)
            status = steps.refuse(form, answer)
    page = {"form": form, "kind": kind, "stages": _stages()}
    return screens.show(request, "portal/contact_new.html", page, status=status)


@require_http_methods(["GET", "POST"])
@member_required
def confirm(request: HttpRequest, merchant_slug: str, kind: str) -> HttpResponse:
    """Take the code that went to the new contact, and change it."""
    facts = _facts(request, kind)
    by, awaited = steps.proof_kept(request, facts.get("by")), steps.sent(facts.get("sent"))
    if by is None or awaited is None:
        return _to(request, "contact", kind)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and (to := steps.check(request, form, awaited)) is not None:
        try:
            with transaction.atomic():
                member = contact_changes.change(
                    merchant=merchant_of(request), member=member_of(request), by=by, to=to, now=now_of(request),
                    actor=actor_of(request), undo_url=lambda secret: _undo_url(request, secret),
                )  # fmt: skip
        except contact_changes.NotProved as refusal:
            notes.error(request, refusal.detail)
            return _to(request, "contact", kind)
        except registration.ContactTaken:
            notes.error(
                request, _("Another membership here has this contact. At the shop they can make one of the two.")
            )
            return _to(request, "contact_new", kind)
        steps.drop(request, _STEP)
        # Every session has ended; this one, which has proved both ends, begins anew.
        session.begin(request, member, now_of(request))
        notes.success(request, _("Changed. On other devices you are signed out."))
        response = redirect("portal:me", merchant_slug=merchant_slug)
        session.remember_browser(request, response, to.contact)
        return response
    page = {
        "form": form, "kind": kind, "stage": 3, "stages": _stages(), "contact": awaited.contact,
        "title": _("Does it reach you?"), "again_url": _url(request, "contact_new", kind),
        "again": {"contact": awaited.contact.value}, "back_url": _url(request, "contact_new", kind),
    }  # fmt: skip
    return screens.show(request, "portal/contact_code.html", page, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def undo(request: HttpRequest, merchant_slug: str, secret: str) -> HttpResponse:
    """Say what the link takes back; only a POST does it, so that a mail scanner's look does nothing."""
    merchant, now = merchant_of(request), now_of(request)
    page: dict[str, Any] = {"now": now}
    status = 200
    try:
        page["change"] = contact_changes.undoable(merchant=merchant, secret=secret, now=now)
        if request.method == "POST":
            with transaction.atomic():
                contact_changes.undo(merchant=merchant, secret=secret, now=now)
            session.end(request)
            page["is_done"] = True
    except LoyaltyError as refusal:
        page["refusal"], status = refusal.detail, refusal.http
    response = render(request, "portal/contact_undo.html", page, status=status)
    offline.forget_cards(response)
    return response


def _known(kind: str) -> None:
    if kind not in LABELS:
        raise Http404


def _facts(request: HttpRequest, kind: str) -> dict[str, Any]:
    _known(kind)
    facts = steps.kept(request, _STEP)
    return facts if facts.get("kind") == kind else {}


def _stages() -> list[str]:
    return [pgettext("step of changing a contact", "You"), pgettext("step of changing a contact", "New"),
            pgettext("step of changing a contact", "Check")]  # fmt: skip


def _url(request: HttpRequest, name: str, kind: str) -> str:
    return reverse(f"portal:{name}", kwargs={"merchant_slug": merchant_of(request).slug, "kind": kind})


def _to(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    return redirect(_url(request, name, kind))


def _undo_url(request: HttpRequest, secret: str) -> str:
    path = reverse("portal:contact_undo", kwargs={"merchant_slug": merchant_of(request).slug, "secret": secret})
    return f"{settings.PUBLIC_URL}{path}"
