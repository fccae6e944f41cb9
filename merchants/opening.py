"""A merchant opens: who they are, their first place, their owner; and a test shop beside it, where nothing is real."""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar, Final
from unicodedata import normalize
from zoneinfo import available_timezones

from django.db import IntegrityError, connection
from django.utils.text import slugify
from django.utils.translation import gettext as _

from merchants import audit, contacts, ids, locations, money, profile, seats, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.contacts import Contact
from merchants.database import sql_errors
from merchants.errors import Conflict, Invalid
from merchants.models.merchants import Merchant
from merchants.permissions import Role

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SLUG_MAX = 60


class SlugTaken(Conflict):
    """Another merchant of this installation has the address already."""

    code: ClassVar[str] = "slug_taken"


class SandboxThere(Conflict):
    """There is a test shop already, or this is one."""

    code: ClassVar[str] = "sandbox_there"


def open_merchant(
    *,
    name: str,
    slug: str,
    currency: str,
    zone: str,
    country: str,
    owner: Contact,
    language: str = "en",
    now: datetime,
    actor: Actor,
) -> Merchant:
    """Open a merchant with a first location, `main`, and an owner who signs in by that contact.

    Must be called outside of any tenant: it opens the new one.

    :raises Invalid: name, slug, currency, zone, country or language cannot be meant; nothing is opened.
    :raises SlugTaken: the address is somebody's.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > _SLUG_MAX:
        raise Invalid(_("The address has small letters, digits and single dashes, at most 60."), pointer="/slug")
    if currency not in money.currencies():
        raise Invalid(_("There is no such currency. It looks like KRW."), pointer="/currency")
    if zone not in available_timezones():
        raise Invalid(_("There is no such time zone. It looks like Asia/Seoul."), pointer="/zone")
    if country not in contacts.COUNTRIES:
        raise Invalid(_("A country has two capitals, such as KR."), pointer="/country")
    merchant = Merchant(
        slug=slug, name=profile.read("name", name), currency=currency, zone=zone, country=country,
        language=profile.read("language", language),
    )  # fmt: skip
    return _open(merchant, owner, now=now, actor=actor)


def free_slug(name: str) -> str:
    """Return an address made of the name; Hangul as it is read, 카페 하루 is kape-haru.

    Of a name in other letters, such as 小日子, the next free number's.
    """
    if made := slugify(romanised(name))[:_SLUG_MAX].strip("-_").replace("_", "-"):
        return re.sub("-+", "-", made)
    number = Merchant.objects.count() + 1
    while Merchant.objects.filter(slug=f"shop-{number}").exists():
        number += 1
    return f"shop-{number}"


#: The letters of a Hangul syllable, as the Revised Romanisation writes them one by one.
_LEADS: Final = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
_VOWELS: Final = (
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu", "ui", "i",
)  # fmt: skip
_TAILS: Final = (
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t",
    "k", "t", "p", "t",
)  # fmt: skip
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3


def romanised(text: str) -> str:
    """Return a text with its Hangul syllables in Latin letters, each read by itself; all else stays."""
    return "".join(_read(sign) for sign in normalize("NFC", text))


def _read(sign: str) -> str:
    if not _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE:
        return sign
    lead, rest = divmod(ord(sign) - _FIRST_SYLLABLE, len(_VOWELS) * len(_TAILS))
    vowel, tail = divmod(rest, len(_TAILS))
    return _LEADS[lead] + _VOWELS[vowel] + _TAILS[tail]


def open_sandbox(*, merchant: Merchant, owner: Contact, now: datetime, actor: Actor) -> Merchant:
    """Open a merchant's test shop: the same in all it says of itself, with keys that read lk_test_.

    Must be called outside of any tenant: it opens the new one. Its programme is the caller's to bring.

    :raises SandboxThere: there is one already, or this is one; nothing is opened.
    """
    if merchant.is_sandbox or sandbox_of(merchant) is not None:
        raise SandboxThere(_("There is a test shop already."))
    sandbox = Merchant(
        slug=f"{merchant.slug[: _SLUG_MAX - 5].rstrip('-')}-test", name=merchant.name, currency=merchant.currency,
        zone=merchant.zone, country=merchant.country, language=merchant.language, brand_colour=merchant.brand_colour,
        display_digits=merchant.display_digits, is_sandbox=True, sandbox_of=merchant,
    )  # fmt: skip
    return _open(sandbox, owner, now=now, actor=actor)


def close(*, merchant: Merchant, reason: str, now: datetime, actor: Actor) -> None:
    """Close a merchant: its keys are refused, nobody signs in, nothing is due. Nothing is lost; closing twice changes nothing.

    Must be called outside of any tenant.
    """
    with tenancy.tenant(merchant):
        if Merchant.objects.filter(pk=merchant.pk, closed_at__isnull=True).update(closed_at=now):
            audit.record(
                merchant=merchant, action="merchant.closed", actor=actor, now=now, subject=merchant.public_id,
                details={"reason": reason},
            )  # fmt: skip


def reopen(*, merchant: Merchant, reason: str, now: datetime, actor: Actor) -> None:
    """Open a closed merchant again, as it was; one that is open stays so. Must be called outside of any tenant."""
    with tenancy.tenant(merchant):
        if Merchant.objects.filter(pk=merchant.pk, closed_at__isnull=False).update(closed_at=None):
            audit.record(
                merchant=merchant, action="merchant.reopened", actor=actor, now=now, subject=merchant.public_id,
                details={"reason": reason},
            )  # fmt: skip


def sandbox_of(merchant: Merchant) -> Merchant | None:
    """Find a merchant's test shop."""
    return Merchant.objects.filter(sandbox_of=merchant).first()


def _open(merchant: Merchant, owner: Contact, *, now: datetime, actor: Actor) -> Merchant:
    """Everything in one transaction, in the new tenant: nobody is ever met half open."""
    merchant.public_id, merchant.created_at, merchant.spending_rule_seen_at = ids.mint("mer"), now, now
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('merchants_merchant', 'id'))")
        merchant.pk = cursor.fetchone()[0]
    try:
        with tenancy.tenant(merchant):
            merchant.save(force_insert=True)
            locations.open_place(merchant=merchant, code="main", name=merchant.name, now=now, actor=actor)
            seats.give(merchant=merchant, role=Role.OWNER, contact=owner, now=now, actor=SYSTEM)
            audit.record(merchant=merchant, action="merchant.opened", actor=actor, now=now, subject=merchant.public_id)
    except IntegrityError as error:
        constraint = sql_errors.constraint_of(error) or ""
        if "slug" in constraint:
            raise SlugTaken(_("This address is taken. Choose another one."), pointer="/slug") from None
        if "sandbox_of" in constraint:
            raise SandboxThere(_("There is a test shop already.")) from None
        raise
    return merchant
