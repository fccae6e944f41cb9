"""Browsers in which a contact signed in before: a signed cookie, which says so and names nobody.

It opens nothing. A browser that has it asks for codes from a quota of its own, and need not say again who it is when a
code to the same contact comes back.
"""

from __future__ import annotations

import secrets

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from loyalty.accounts.addresses import client_ip
from merchants.code_requests import Asker
from merchants.contacts import Contact

_SALT = "loyalty.known-browser"
_DAYS = 400
#: A family's tablet; whoever signed in longest ago is forgotten first.
_CONTACTS_MAX = 4


def asker(request: HttpRequest, place: str, contact: Contact) -> Asker:
    """Say who asks for a code to the contact: where from, and as which browser, if the contact signed in in it."""
    return Asker(client_ip(request), mark(request, place, contact))


def mark(request: HttpRequest, place: str, contact: Contact) -> str:
    """Return the browser's own mark if the contact has signed in in it at this place, else nothing."""
    browser, known = _read(request, place)
    return browser if _digest(place, contact) in known else ""


def remember(request: HttpRequest, response: HttpResponse, place: str, contact: Contact, *, path: str) -> None:
    """Keep in the browser that the contact signed in in it."""
    browser, known = _read(request, place)
    digest = _digest(place, contact)
    kept = [digest, *(each for each in known if each != digest)][:_CONTACTS_MAX]
    response.set_cookie(
        _name(place), signing.dumps([browser or secrets.token_urlsafe(12), kept], salt=f"{_SALT}:{place}"),
        max_age=_DAYS * 86400, path=path, secure=request.is_secure(), httponly=True, samesite="Lax",
    )  # fmt: skip


def _read(request: HttpRequest, place: str) -> tuple[str, list[str]]:
    try:
        browser, known = signing.loads(
            request.COOKIES.get(_name(place), ""), salt=f"{_SALT}:{place}", max_age=_DAYS * 86400
        )
    except (signing.BadSignature, ValueError, TypeError):
        return "", []
    return str(browser), [str(each) for each in known]


def _digest(place: str, contact: Contact) -> str:
    return salted_hmac(_SALT, f"{place}\n{contact.value}", algorithm="sha256").hexdigest()[:20]


def _name(place: str) -> str:
    return f"known_{place}"
