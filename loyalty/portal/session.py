"""Who is signed in to the portal: a member, at one merchant, in this browser.

The session says nothing about the console, and an entry counts only at the merchant it was made for.  What is kept
there: the member's public id and when they signed in; and, on the way there, the contact that was asked for a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect

from loyalty.tenant import merchant_of
from members import claims, codes
from members.codes import Proof, Purpose
from merchants import contacts
from merchants.actors import Actor
from merchants.contacts import Contact

_MEMBERS = "portal_members"
_ASKED = "portal_code_asked"
_PROVED = "portal_contact_proved"
#: How long a proved contact may wait for the boxes to be ticked.
PROOF_MINUTES_VALID = 30

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way: to whom, what for, and what was ticked when it was asked for."""

    contact: Contact
    purpose: Purpose
    session: str
    granted: tuple[str, ...]
    referrer: str
    sent_at: datetime

    @property
    def resend_at(self) -> datetime:
        return self.sent_at + timedelta(seconds=codes.RESEND_AFTER_SECONDS)


def member_required(view: View) -> View:
    """Let signed-in members of this merchant pass, with `request.member` and `request.actor`; others sign in first."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        member = present_member(request)
        if member is None:
            return _to_sign_in(request)
        request.member = member  # type: ignore[attr-defined]
        request.actor = Actor("member", member.public_id)  # type: ignore[attr-defined]
        response = view(request, *args, **kwargs)
        # A shared phone must not show the last member's page from its cache.
        patch_cache_control(response, private=True, no_store=True)
        return response

    return inner


def member_of(request: HttpRequest) -> claims.Member:
    """Return the member that `member_required` has let in."""
    return cast(claims.Member, request.member)  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> Actor:
    return cast(Actor, request.actor)  # type: ignore[attr-defined]


def present_member(request: HttpRequest) -> claims.Member | None:
    """Return the member signed in at this page's merchant, or None; merged members are followed."""
    merchant = merchant_of(request)
    entry = request.session.get(_MEMBERS, {}).get(merchant.public_id)
    if entry is None:
        return None
    return claims.in_session(merchant=merchant, member_id=entry["member"], since=datetime.fromisoformat(entry["since"]))


def begin(request: HttpRequest, member: claims.Member, now: datetime) -> None:
    """Sign the member in at this merchant, under a new session id; call it last, when everything else has worked."""
    merchant = merchant_of(request)
    members = {**request.session.get(_MEMBERS, {})}
    members[merchant.public_id] = {"member": member.public_id, "since": now.isoformat()}
    request.session.cycle_key()
    request.session[_MEMBERS] = members
    request.session.pop(_ASKED, None)
    request.session.pop(_PROVED, None)


def end(request: HttpRequest) -> None:
    """Sign out at this merchant, under a new session id; staff who are signed in to the console stay so."""
    members = {**request.session.get(_MEMBERS, {})}
    members.pop(merchant_of(request).public_id, None)
    request.session.cycle_key()
    request.session[_MEMBERS] = members


def remember_asked(request: HttpRequest, asked: Asked) -> None:
    request.session[_ASKED] = {
        "merchant": merchant_of(request).public_id,
        "contact": asked.contact.value,
        "purpose": asked.purpose,
        "session": asked.session,
        "granted": list(asked.granted),
        "referrer": asked.referrer,
        "sent_at": asked.sent_at.isoformat(),
    }


def asked(request: HttpRequest) -> Asked | None:
    """Return the code this browser waits for at this merchant, or None."""
    kept = request.session.get(_ASKED)
    if kept is None or kept["merchant"] != merchant_of(request).public_id:
        return None
    return Asked(
        contacts.stored(kept["contact"]),
        kept["purpose"],
        kept["session"],
        tuple(kept["granted"]),
        kept["referrer"],
        datetime.fromisoformat(kept["sent_at"]),
    )


def remember_proved(request: HttpRequest, proof: Proof, referrer: str) -> None:
    """Keep the proof of a contact nobody joined with yet, until the boxes have been ticked."""
    request.session.cycle_key()
    request.session.pop(_ASKED, None)
    request.session[_PROVED] = {
        "merchant": merchant_of(request).public_id,
        "contact": proof.contact.value,
        "at": proof.at.isoformat(),
        "referrer": referrer,
    }


def proved(request: HttpRequest, now: datetime) -> tuple[Proof, str] | None:
    """Return the contact proved in this session for this merchant within the last half hour, and who referred them."""
    kept = request.session.get(_PROVED)
    if kept is None or kept["merchant"] != merchant_of(request).public_id:
        return None
    at = datetime.fromisoformat(kept["at"])
    if not at <= now < at + timedelta(minutes=PROOF_MINUTES_VALID):
        return None
    return Proof(merchant_of(request).pk, contacts.stored(kept["contact"]), "join", at), kept["referrer"]


def safe_next(request: HttpRequest) -> str | None:
    """Return where to go on after signing in, if that is a page of this merchant's portal on this host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    home = f"/m/{merchant_of(request).slug}/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if is_ours and wanted.startswith(home) and "\\" not in wanted and "/../" not in wanted else None


def now_of(request: HttpRequest) -> datetime:
    """Return the one moment at which this request happens; only doors ask the clock."""
    if not hasattr(request, "now"):
        request.now = timezone.now()  # type: ignore[attr-defined]
    return cast(datetime, request.now)  # type: ignore[attr-defined]


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    slug = merchant_of(request).slug
    url = reverse("portal:sign_in", kwargs={"merchant_slug": slug})
    if request.method == "GET":
        url = f"{url}?{urlencode({'next': request.get_full_path()})}"
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    return redirect(url)
