"""Cards: numbers a till can scan.  One member may have several; a number belongs to one member for ever."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import ClassVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members.models import Card as Card
from members.models import Member
from merchants import audit
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.tenancy import constraint_of

_NUMBER = re.compile(r"[0-9A-Za-z-]{4,64}")


class InvalidCard(Invalid):
    code: ClassVar[str] = "invalid_card"


class CardTaken(Conflict):
    """Somebody has this number; who, is not said."""

    code: ClassVar[str] = "contact_taken"


class CardNotFound(NotFound):
    code: ClassVar[str] = "card_not_found"


def read_number(text: str) -> str:
    """This function will read a scanned or typed card number; spaces go, full-width signs become plain.

    :raises InvalidCard: not 4 to 64 letters, digits or dashes.
    """
    number = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    if not _NUMBER.fullmatch(number):
        raise InvalidCard(_("A card number is 4 to 64 letters, digits or dashes."), pointer="/card")
    return number


def issue(*, merchant: Merchant, member: Member, number: str, actor: Actor, now: datetime) -> tuple[Card, bool]:
    """This function will give the member a card and say whether it is new; the member's own card is given back as it is.

    :raises InvalidCard: not a card number.
    :raises CardTaken: it is another member's, or was blocked.
    """
    number = read_number(number)
    held = Card.objects.filter(merchant=merchant, number=number).first()
    if held is not None and held.member_id == member.pk and held.blocked_at is None:
        return held, False
    if held is None:
        try:
            with transaction.atomic():
                card = Card.objects.create(merchant=merchant, member=member, number=number, issued_at=now)
        except IntegrityError as error:
            if constraint_of(error) != "card_number_unique":
                raise
        else:
            _note(merchant, "card.issued", member, actor, now)
            return card, True
    raise CardTaken(_("This card number is in use already."), pointer="/card")


def block(*, merchant: Merchant, member: Member, number: str, reason: str = "", actor: Actor, now: datetime) -> Card:
    """This function will block a lost or replaced card for ever; blocking it again changes nothing. Locks the card.

    :raises CardNotFound: the member has no such card.
    """
    cards = Card.objects.select_for_update(of=("self",)).filter(merchant=merchant, member=member)
    card = cards.filter(number=number).first()
    if card is None:
        raise CardNotFound(_("This member has no such card."))
    if card.blocked_at is None:
        card.blocked_at = now
        card.blocked_reason = reason[:200]
        card.save(update_fields=["blocked_at", "blocked_reason"])
        _note(merchant, "card.blocked", member, actor, now)
    return card


def of(member: Member) -> list[Card]:
    """This function will list a member's cards, newest first."""
    return list(Card.objects.filter(merchant_id=member.merchant_id, member=member).order_by("-issued_at", "-id"))


def _note(merchant: Merchant, action: str, member: Member, actor: Actor, now: datetime) -> None:
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=member.public_id)
