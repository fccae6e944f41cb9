"""What a signed-in member is in the middle of and has to prove on the way: kept in the session, for this membership."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from loyalty.portal import session
from loyalty.portal.forms import CodeForm
from loyalty.portal.session import member_of, now_of
from loyalty.tenant import merchant_of
from members import codes
from members.codes import Proof, Purpose
from merchants import contacts
from merchants.code_requests import Asker, JustSent
from merchants.contacts import Contact
from merchants.errors import LoyaltyError

_STEPS = "portal_steps"
_KEPT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is on its way to a contact, for a purpose."""

    contact: Contact
    purpose: Purpose
    secret: str


def keep(request: HttpRequest, name: str, **facts: Any) -> None:
    """Remember where the member is in a journey; a new start forgets the old one."""
    kept = {**request.session.get(_STEPS, {})}
    kept[name] = {"whose": _whose(request), "at": now_of(request).isoformat(), **facts}
    request.session[_STEPS] = kept


def kept(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return what was remembered within half an hour, empty without."""
    found = request.session.get(_STEPS, {}).get(name)
    if found is None or found["whose"] != _whose(request):
        return {}
    return found if now_of(request) - datetime.fromisoformat(found["at"]) < _KEPT else {}


def drop(request: HttpRequest, name: str) -> None:
    kept = {**request.session.get(_STEPS, {})}
    kept.pop(name, None)
    request.session[_STEPS] = kept


def send(
    request: HttpRequest, contact: Contact, purpose: Purpose, *, before: dict[str, str] | None
) -> dict[str, str] | LoyaltyError:
    """Send a code; return what to keep of it, or why it was not sent.  `before` is what was kept of the code before."""
    secret = codes.new_session()
    try:
        with transaction.atomic():
            codes.send(
                merchant=merchant_of(request), contact=contact, purpose=purpose, session=secret,
                asker=_asker(request, contact, purpose), now=now_of(request),
            )  # fmt: skip
    except JustSent as refusal:
        if before and before["purpose"] == purpose and before["contact"] == contact.value:
            return JustSent(refusal.retry_after_seconds, codes.wait_for_it(refusal))
        return refusal
    except LoyaltyError as refusal:
        return refusal
    if before and before["purpose"] == purpose:
        notes.success(request, _("A new code is on its way. Only the newest one counts."))
    return {"contact": contact.value, "purpose": purpose, "secret": secret}


def sent(facts: dict[str, str] | None) -> Sent | None:
    """Read back what `send` gave to keep."""
    if not facts:
        return None
    purpose: Any = facts["purpose"]
    return Sent(contacts.stored(facts["contact"]), purpose, facts["secret"])


def check(request: HttpRequest, form: CodeForm, awaited: Sent) -> Proof | None:
    """Look at the typed code once; None when it is not right, which the form then says."""
    if not form.is_valid():
        return None
    outcome = codes.check(
        merchant=merchant_of(request), contact=awaited.contact, purpose=awaited.purpose, session=awaited.secret,
        code=form.cleaned_data["code"], now=now_of(request),
    )  # fmt: skip
    if outcome.proof is None:
        form.add_error("code", codes.wrong(outcome.tries_left))
    return outcome.proof


def proof_to_keep(proof: Proof) -> dict[str, str]:
    return {"contact": proof.contact.value, "purpose": proof.purpose, "at": proof.at.isoformat()}


def proof_kept(request: HttpRequest, facts: dict[str, str] | None) -> Proof | None:
    """Read back a proof made in this session; whether it is still fresh is asked by the verb."""
    if not facts:
        return None
    purpose: Any = facts["purpose"]
    at = datetime.fromisoformat(facts["at"])
    return Proof(merchant_of(request).pk, contacts.stored(facts["contact"]), purpose, at)


def refuse(form: forms.Form, refusal: LoyaltyError) -> int:
    """Say a refusal above the form and return its answer's number."""
    form.add_error(None, refusal.detail)
    return refusal.http


def _asker(request: HttpRequest, contact: Contact, purpose: Purpose) -> Asker:
    """Say who asks: a signed-in session is a browser that signed in, but for a contact that is not the member's yet."""
    asker = session.asker(request, contact)
    if asker.browser or purpose == "change":
        return asker
    return replace(asker, browser=f"session {request.session.session_key}")


def _whose(request: HttpRequest) -> str:
    return f"{merchant_of(request).public_id} {member_of(request).public_id}"
