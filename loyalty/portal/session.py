"""Who is signed in to the portal: a member, at one merchant, in this browser.

The session says nothing about the console, and an entry counts only at the merchant it was made for.  What is kept
there: the member's public id and when they signed in; and, on the way there, the contact that was asked for a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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

from loyalty.accounts import known_browsers
from loyalty.tenant import merchant_of
from members import claims
from members.codes import Proof, Purpose
from merchants import code_requests, contacts
from merchants.actors import Actor
from merchants.code_requests import Asker
from merchants.contacts import Contact

_MEMBERS = "portal_members"
_KNOWN = "portal_members_before"
_KNOWN_MAX = 5
_ASKED = "portal_code_asked"
_PROVED = "portal_contact_proved"
#: How long a proved contact may wait for the boxes to be ticked.
PROOF_MINUTES_VALID = 30

#: A segment of dots, a backslash, or an encoded sign that could become either.
_CLIMBS = re.compile(r"\\|/\.{1,2}(/|$)|%(2e|2f|5c|25)", re.IGNORECASE)

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class CodeOnItsWay:
    """A code is on its way: to whom, what for, and what was ticked when it was asked for."""

    contact: Contact
    purpose: Purpose
    session: str
    granted: tuple[str, ...]
    referrer: str
    sent_at: datetime
    #: Which versions of terms and privacy notice were shown beside the boxes.
    documents: Mapping[str, str]

    @property
    def resend_at(self) -> datetime:
        return self.sent_at + timedelta(seconds=code_requests.RESEND_AFTER_SECONDS)


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
    here = {**request.session.get(_KNOWN, {})}
    here[merchant.public_id] = [member.public_id, *(each for each in known_here(request) if each != member.public_id)][
        :_KNOWN_MAX
    ]
    request.session.cycle_key()
    request.session[_MEMBERS] = members
    request.session[_KNOWN] = here
    request.session.pop(_ASKED, None)
    request.session.pop(_PROVED, None)


def known_here(request: HttpRequest) -> list[str]:
    """Return who was signed in to this merchant's portal in this browser lately: a friend joins on a phone of their own."""
    found: list[str] = request.session.get(_KNOWN, {}).get(merchant_of(request).public_id, [])
    return found


def end(request: HttpRequest) -> None:
    """Sign out at this merchant, under a new session id; staff who are signed in to the console stay so."""
    members = {**request.session.get(_MEMBERS, {})}
    members.pop(merchant_of(request).public_id, None)
    request.session.cycle_key()
    request.session[_MEMBERS] = members


def remember_asked(request: HttpRequest, asked: CodeOnItsWay) -> None:
    request.session[_ASKED] = {
        "merchant": merchant_of(request).public_id,
        "contact": asked.contact.value,
        "purpose": asked.purpose,
        "session": asked.session,
        "granted": list(asked.granted),
        "documents": dict(asked.documents),
        "referrer": asked.referrer,
        "sent_at": asked.sent_at.isoformat(),
    }


def asked(request: HttpRequest) -> CodeOnItsWay | None:
    """Return the code this browser waits for at this merchant, or None."""
    kept = request.session.get(_ASKED)
    if kept is None or kept["merchant"] != merchant_of(request).public_id:
        return None
    return CodeOnItsWay(
        contacts.stored(kept["contact"]),
        kept["purpose"],
        kept["session"],
        tuple(kept["granted"]),
        kept["referrer"],
        datetime.fromisoformat(kept["sent_at"]),
        kept.get("documents", {}),
    )


@dataclass(frozen=True, slots=True)
class Proved:
    """A contact proved in this session, which awaits the boxes, or the answer to "is this you?"."""

    proof: Proof
    referrer: str
    granted: tuple[str, ...] = ()
    #: Which versions of terms and privacy notice were shown beside the boxes.
    documents: Mapping[str, str] = field(default_factory=dict)
    #: They said that the membership with this contact is not theirs.
    is_anew: bool = False


def remember_proved(request: HttpRequest, proved: Proved) -> None:
    """Keep the proof of a contact, under a new session id, until the member is in."""
    request.session.cycle_key()
    request.session.pop(_ASKED, None)
    request.session[_PROVED] = {
        "merchant": merchant_of(request).public_id,
        "contact": proved.proof.contact.value,
        "at": proved.proof.at.isoformat(),
        "referrer": proved.referrer,
        "granted": list(proved.granted),
        "documents": dict(proved.documents),
        "is_anew": proved.is_anew,
    }


def proved(request: HttpRequest, now: datetime) -> Proved | None:
    """Return the contact proved in this session for this merchant within the last half hour, and what was said with it."""
    kept = request.session.get(_PROVED)
    if kept is None or kept["merchant"] != merchant_of(request).public_id:
        return None
    at = datetime.fromisoformat(kept["at"])
    if not at <= now < at + timedelta(minutes=PROOF_MINUTES_VALID):
        return None
    proof = Proof(merchant_of(request).pk, contacts.stored(kept["contact"]), "join", at)
    return Proved(
        proof, kept["referrer"], tuple(kept.get("granted", ())), kept.get("documents", {}), bool(kept.get("is_anew"))
    )


def is_known_browser(request: HttpRequest, contact: Contact) -> bool:
    """State whether the contact has signed in at this merchant in this browser before."""
    return bool(known_browsers.mark(request, merchant_of(request).public_id, contact))


def remember_browser(request: HttpRequest, response: HttpResponse, contact: Contact) -> None:
    """Keep in the browser that the contact has signed in in it at this merchant."""
    merchant = merchant_of(request)
    known_browsers.remember(request, response, merchant.public_id, contact, path=f"/m/{merchant.slug}/")


def asker(request: HttpRequest, contact: Contact) -> Asker:
    """Say who asks for a code to the contact, for the counts of `merchants.code_requests`."""
    return known_browsers.asker(request, merchant_of(request).public_id, contact)


def safe_next(request: HttpRequest) -> str | None:
    """Return where to go on after signing in, if that is a page of this merchant's portal on this host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    home = f"/m/{merchant_of(request).slug}/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    # A browser reads %2e as a dot, and some servers read %252e as one too: what a page's path never has is refused.
    path = wanted.partition("?")[0].partition("#")[0]
    return wanted if is_ours and path.startswith(home) and not _CLIMBS.search(path) else None


def now_of(request: HttpRequest) -> datetime:
    """Return the one moment at which this request happens; only entry points ask the clock."""
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
