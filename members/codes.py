"""One-time codes sent to a contact: bound to the session that asked, five tries, ten minutes, used once.

Whether anybody is a member plays no part here: every contact gets a code alike, so nothing can be learned by asking.
All counting is done in PostgreSQL under locks: requests in parallel get no further than requests in a row. How often a code
may be asked for, and what guessing can reach, is said in `merchants.code_requests`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import ContactCode
from merchants import code_requests, messages
from merchants.code_requests import Asker, JustSent
from merchants.contacts import Contact
from merchants.errors import Invalid
from merchants.models.merchants import Merchant

TRIES_MAX = 5
MINUTES_VALID = 10

#: `step_up` goes to a contact the member has, `change` to the one that shall be theirs; `redeem`, `leave` and `export`
#: confirm what a signed-in browser alone may not do.
Purpose = Literal["sign_in", "join", "link", "step_up", "change", "redeem", "leave", "export"]
#: Asked for by somebody who is signed in: counted apart, so that whoever has just signed in need not wait a minute.
_SIGNED_IN = frozenset({"step_up", "change", "redeem", "leave", "export"})


class NoWayThere(Invalid):
    """The installation cannot send to this kind of contact."""

    code = "contact_not_reachable"


@dataclass(frozen=True, slots=True)
class Proof:
    """A contact is this person's own: a code sent there came back in the same session.  Made by `check` only."""

    merchant_id: int
    contact: Contact
    purpose: Purpose
    at: datetime


@dataclass(frozen=True, slots=True)
class CodeOutcome:
    """`proof` if the code was right; else how many tries this code has left, 0 when a new one must be asked for."""

    proof: Proof | None
    tries_left: int


def new_session() -> str:
    """Make the secret that ties a code to the browser session which asked for it."""
    return secrets.token_urlsafe(32)


def send(
    *, merchant: Merchant, contact: Contact, purpose: Purpose, session: str, asker: Asker, now: datetime
) -> datetime:
    """Send a new code, end the ones before it in this session, and return when it expires.

    How often is said by `merchants.code_requests`, for each thing a signed-in member confirms apart. Locks those counts
    until the transaction ends.  Raises `limits.TooMany` (`JustSent` within the minute), `NoWayThere`.
    """
    if not messages.can_reach(contact):
        raise NoWayThere(_("Text messages are not set up here. Please use your e-mail address."))
    # One savepoint: what follows a count and fails gives it back.
    with transaction.atomic():
        digits = code_requests.take(contact=contact, place=_place(merchant, purpose), asker=asker, now=now)
        live = ContactCode.objects.filter(merchant=merchant, contact=contact.value, used_at__isnull=True)
        live.filter(session=_sealed(session), expires_at__gt=now).update(expires_at=now)
        code = f"{secrets.randbelow(10**digits):0{digits}d}"
        expires_at = now + timedelta(minutes=MINUTES_VALID)
        ContactCode.objects.create(
            merchant=merchant,
            contact=contact.value,
            purpose=purpose,
            session=_sealed(session),
            code_hash=_hash(merchant, contact, session, code),
            created_at=now,
            expires_at=expires_at,
        )
        letter = _letter(merchant, contact, purpose, code)
        messages.queue(merchant=merchant, letter=letter, now=now, worth=timedelta(minutes=MINUTES_VALID))
    return expires_at


def check(
    *, merchant: Merchant, contact: Contact, purpose: Purpose, session: str, code: str, now: datetime
) -> CodeOutcome:
    """Look at a typed code once and say whether it proves the contact.

    The try is taken before the code is looked at, by one UPDATE, so at most five are ever evaluated.  Never raises on a
    wrong code: the caller's transaction must commit, or the try would not count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE members_contactcode SET attempts = attempts + 1
            WHERE merchant_id = %(merchant)s AND attempts < %(most)s AND used_at IS NULL AND id = (
                SELECT id FROM members_contactcode
                WHERE merchant_id = %(merchant)s AND contact = %(contact)s AND purpose = %(purpose)s
                  AND session = %(session)s AND used_at IS NULL AND expires_at > %(now)s
                ORDER BY id DESC LIMIT 1)
            RETURNING id, code_hash, attempts
            """,
            {
                "merchant": merchant.pk,
                "contact": contact.value,
                "purpose": purpose,
                "session": _sealed(session),
                "now": now,
                "most": TRIES_MAX,
            },
        )
        row = cursor.fetchone()
    # The same work with or without a code to compare to.
    code_id, known, attempts = row or (None, "0" * 64, TRIES_MAX)
    typed = "".join(sign for sign in code if sign.isdigit())
    if not hmac.compare_digest(known, _hash(merchant, contact, session, typed)) or code_id is None:
        return CodeOutcome(None, TRIES_MAX - attempts)
    ContactCode.objects.filter(merchant=merchant, pk=code_id).update(used_at=now)
    return CodeOutcome(Proof(merchant.pk, contact, purpose, now), 0)


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Remove codes that ended more than a day ago and return how many."""
    return ContactCode.objects.filter(merchant=merchant, expires_at__lt=now - timedelta(days=1)).delete()[0]


def forget(*, merchant: Merchant, contacts: list[str]) -> int:
    """Remove every code sent to these contacts and return how many."""
    return ContactCode.objects.filter(merchant=merchant, contact__in=contacts).delete()[0]


def wait_for_it(refusal: JustSent) -> str:
    """Say, in the browser that asked within the minute, that its code is on the way and when another can be."""
    left = refusal.retry_after_seconds
    detail = ngettext(
        "We sent a code less than a minute ago: look for that one. Another can be sent in %d second.",
        "We sent a code less than a minute ago: look for that one. Another can be sent in %d seconds.",
        left,
    )
    return detail % left


def wrong(tries_left: int) -> str:
    """Say that a code was not right, and how many tries are left."""
    if not tries_left:
        return _("This code is used up or too old. Ask for a new one.")
    detail = ngettext(
        "This is not the code. Look for the newest message from us; %d try is left.",
        "This is not the code. Look for the newest message from us; %d tries are left.",
        tries_left,
    )
    return detail % tries_left


def _sealed(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


def _hash(merchant: Merchant, contact: Contact, session: str, code: str) -> str:
    # Keyed: six digits hashed alone could be read back from a stolen dump in a second.
    message = f"contact code\n{merchant.pk}\n{contact.value}\n{session}\n{code}"
    return hmac.new(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256).hexdigest()


def _place(merchant: Merchant, purpose: Purpose) -> str:
    return f"{merchant.pk} {purpose if purpose in _SIGNED_IN else ''}".strip()


def _letter(merchant: Merchant, contact: Contact, purpose: Purpose, code: str) -> messages.Letter:
    words = {"code": code, "merchant": merchant.name, "minutes": MINUTES_VALID}
    if contact.kind == "phone":
        return messages.Letter("contact_code", contact, _TEXTS.get(purpose, _text)() % words)
    subject, text = _MAILS.get(purpose, _mail)()
    return messages.Letter("contact_code", contact, text % words, subject % words)


def _text() -> str:
    return _("%(code)s is your code for %(merchant)s. Valid for %(minutes)s minutes. Tell nobody.")


def _text_step_up() -> str:
    return _("%(code)s confirms that you change your contact at %(merchant)s. Not you? Tell nobody the code.")


def _text_redeem() -> str:
    return _("%(code)s confirms that you spend points at %(merchant)s. Not you? Tell nobody the code.")


def _text_leave() -> str:
    return _("%(code)s confirms that you leave %(merchant)s. Not you? Tell nobody the code.")


def _text_export() -> str:
    return _("%(code)s lets you take your data at %(merchant)s along. Not you? Tell nobody the code.")


def _mail() -> tuple[str, str]:
    return _("%(code)s is your code for %(merchant)s"), _(
        "Your code for %(merchant)s:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes and in the browser window that "
        "asked for it. Nobody from %(merchant)s will ever ask you for it.\n\nIf you did not ask for a code, do nothing."
    )


def _mail_step_up() -> tuple[str, str]:
    return _("%(code)s confirms that you change your contact at %(merchant)s"), _(
        "Somebody who is signed in as you wants to change how %(merchant)s reaches you. If it is you, this is your "
        "code:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes. Nobody from %(merchant)s will ever ask you for it.\n\n"
        "If it is not you, tell nobody the code, sign in and choose to sign out on every device."
    )


def _mail_redeem() -> tuple[str, str]:
    return _("%(code)s confirms that you spend points at %(merchant)s"), _(
        "Somebody who is signed in as you wants to spend your points at %(merchant)s. If it is you, this is your "
        "code:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes. Nobody from %(merchant)s will ever ask you for it.\n\n"
        "If it is not you, tell nobody the code, sign in and choose to sign out on every device."
    )


def _mail_leave() -> tuple[str, str]:
    return _("%(code)s confirms that you leave %(merchant)s"), _(
        "Somebody who is signed in as you wants to end your membership at %(merchant)s. If it is you, this is your "
        "code:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes. Nobody from %(merchant)s will ever ask you for it.\n\n"
        "If it is not you, tell nobody the code, sign in and choose to sign out on every device."
    )


def _mail_export() -> tuple[str, str]:
    return _("%(code)s lets you take your data at %(merchant)s along"), _(
        "Somebody who is signed in as you wants to download everything %(merchant)s keeps about you. If it is you, this "
        "is your code:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes. Nobody from %(merchant)s will ever ask you for "
        "it.\n\nIf it is not you, tell nobody the code, sign in and choose to sign out on every device."
    )


_TEXTS: dict[str, Callable[[], str]] = {
    "step_up": _text_step_up, "redeem": _text_redeem, "leave": _text_leave, "export": _text_export,
}  # fmt: skip
_MAILS: dict[str, Callable[[], tuple[str, str]]] = {
    "step_up": _mail_step_up, "redeem": _mail_redeem, "leave": _mail_leave, "export": _mail_export,
}  # fmt: skip
