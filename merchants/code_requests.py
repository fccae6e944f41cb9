"""How often a one-time code may be asked for: counted by who asks first, so that nobody can use up what is the owner's.

Whoever asks is one of two. A *known* browser has signed in with this very contact before and has a quota of its own,
which nobody else can touch. Everybody else is counted by the address they ask from, then together, and by the hour at
most: those who ask for the first time today apart from those who ask again, so that an owner on a new telephone is kept
out only while somebody asks from twenty ever new addresses an hour, and never for a day.

What guessing can reach: five tries each for `CODES_PER_CONTACT_AND_DAY` codes of six digits a day, and eight digits in all
that strangers ask for beyond these. With the production limit of 5 that is 25 tries in a million and 3,000 in a hundred
million a day at most, for each contact and place: less than 6 in 100,000, from however many addresses. Browsers that know
the contact have 10 codes of six digits a day together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import ngettext

from merchants import limits
from merchants.contacts import Contact
from merchants.limits import Limit, TooMany

DIGITS = 6
#: For codes that strangers ask for beyond the day's first ones.
DIGITS_LONG = 8
RESEND_AFTER_SECONDS = 60
_HOUR, _DAY = 3600, 86400
#: All known browsers of one contact together.
_KNOWN_BROWSERS = 2
#: So many times as many for addresses that ask for the contact for the first time today as for all others together.
_FIRST_ASKERS = 4


class JustSent(TooMany):
    """A code was asked for by the same asker less than a minute ago: whoever asks again did nothing wrong."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a code: the address (None where a proxy does not tell it: then nobody is counted by it), and the mark
    of a browser that signed in with the contact before."""

    ip: str | None
    browser: str = ""


def take(*, contact: Contact, place: str, asker: Asker, now: datetime) -> int:
    """Count one code asked for and return how many digits it has to have; a refusal counts nothing.

    `place` is where it is good: the console, or a merchant and what a signed-in member confirms there. Locks the counts
    until the transaction ends. Raises `TooMany`, `JustSent` within the minute.
    """
    with transaction.atomic():
        if asker.browser:
            _count_known_browser(f"{place} {contact.value}", asker, now)
            return DIGITS
        _count_unknown_asker(f"{place} {contact.value}", contact, asker, now)
        return (
            DIGITS
            if _is_within(Limit("code-short-day", _most(), _DAY), f"{place} {contact.value}", now)
            else DIGITS_LONG
        )


def _count_known_browser(subject: str, asker: Asker, now: datetime) -> None:
    own = f"{subject} {asker.browser}"
    _pause("code-known-pause", own, now)
    limits.take(limits=[Limit("code-known-browser-day", _most(), _DAY)], subject=own, now=now)
    limits.take(limits=[Limit("code-known-day", _KNOWN_BROWSERS * _most(), _DAY)], subject=subject, now=now)


def _count_unknown_asker(subject: str, contact: Contact, asker: Asker, now: datetime) -> None:
    own = f"{subject} {asker.ip or 'unknown'}"
    if asker.ip is not None:
        limits.take(limits=[Limit("code-ip-hour", settings.CODES_PER_IP_AND_HOUR, _HOUR)], subject=asker.ip, now=now)
    _pause("code-asker-pause", own, now)
    limits.take(limits=[Limit("code-asker-hour", _most(), _HOUR)], subject=own, now=now)
    # Whoever asks from here for the first time today need not share with those who ask again and again.
    is_first = _is_within(Limit("code-asker-first", 1, _DAY), own, now)
    name, most = ("code-first", _FIRST_ASKERS * _most()) if is_first else ("code-again", _most())
    limits.take(limits=[Limit(f"{name}-hour", most, _HOUR)], subject=subject, now=now)
    limits.take(limits=[Limit(f"{name}-everywhere-hour", 2 * most, _HOUR)], subject=contact.value, now=now)


def _pause(name: str, subject: str, now: datetime) -> None:
    try:
        limits.take(limits=[Limit(name, 1, RESEND_AFTER_SECONDS)], subject=subject, now=now)
    except TooMany as refusal:
        left = refusal.retry_after_seconds
        # It does not say that a code is there to be typed: only the browser that asked for one knows.
        detail = ngettext("Another code can be sent in %d second.", "Another code can be sent in %d seconds.", left)
        raise JustSent(left, detail % left) from None


def _is_within(limit: Limit, subject: str, now: datetime) -> bool:
    try:
        limits.take(limits=[limit], subject=subject, now=now)
    except TooMany:
        return False
    return True


def _most() -> int:
    return int(settings.CODES_PER_CONTACT_AND_DAY)
