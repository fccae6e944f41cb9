"""Cards: numbers a till can scan.  One member may have several; a number belongs to one member for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members import changes, references
from members.models import Card as Card
from members.models import Member
from merchants import audit
from merchants.actors import Actor
from merchants.database.sql_errors import constraint_of
from merchants.errors import Conflict, NotFound
from merchants.models.merchants import Merchant

#: How long a block can be taken back: enough for a slip of the finger, too short for a thief.
UNDO_MINUTES: Final = 10


class CardTaken(Conflict):
    """Somebody has this number, or one that reads alike; who, is not said."""

    code: ClassVar[str] = "contact_taken"


class BlockIsFinal(Conflict):
    """The card was blocked too long ago for the block to be undone."""

    code: ClassVar[str] = "card_blocked"


class CardNotFound(NotFound):
    code: ClassVar[str] = "card_not_found"


def by_number(*, merchant: Merchant, text: str) -> Card | None:
    """Find a card, blocked or not, by its number as it was scanned, typed or said.

    :raises InvalidCard: not a card number.
    """
    return Card.objects.select_related("member").filter(merchant=merchant, key=references.card_key(text)).first()


def issue(*, merchant: Merchant, member: Member, number: str, actor: Actor, now: datetime) -> tuple[Card, bool]:
    """Give the member a card and say whether it is new; the member's own card is given back as it is.

    :raises InvalidCard: not a card number.
    :raises CardTaken: it, or one that reads alike, is another member's.
    :raises CardBlocked: it was lost or replaced, whoever had it.
    """
    number = references.card_number(number)
    held = by_number(merchant=merchant, text=number)
    if held is not None and held.blocked_at is not None:
        raise references.card_is_blocked()
    if held is not None and held.member_id == member.pk:
        return held, False
    if held is None:
        try:
            with transaction.atomic():
                card = Card.objects.create(merchant=merchant, member=member, number=number, issued_at=now)
        except IntegrityError as error:
            if constraint_of(error) != "card_reads_like_no_other":
                raise
        else:
            _note(merchant, "card.issued", card, member, actor, now)
            return card, True
    raise CardTaken(_("This card number, or one that reads alike, is in use already."), pointer="/card")


def block(*, merchant: Merchant, member: Member, number: str, reason: str = "", actor: Actor, now: datetime) -> Card:
    """Block a lost or replaced card, after UNDO_MINUTES for ever; blocking it again changes nothing. Locks the card.

    :raises InvalidCard: not a card number.
    :raises CardNotFound: the member has no such card.
    """
    card = _locked(merchant, member, number)
    if card.blocked_at is None:
        card.blocked_at = now
        card.blocked_reason = reason[:200]
        card.save(update_fields=["blocked_at", "blocked_reason"])
        _note(merchant, "card.blocked", card, member, actor, now)
    return card


def unblock(*, merchant: Merchant, member: Member, number: str, actor: Actor, now: datetime) -> Card:
    """Take a block of the last minutes back; unblocking an open card changes nothing. Locks the card.

    :raises CardNotFound: the member has no such card.
    :raises BlockIsFinal: it was blocked longer ago than UNDO_MINUTES, or its member was erased.
    """
    card = _locked(merchant, member, number)
    if card.blocked_at is None:
        return card
    if not may_unblock(card, now):
        raise BlockIsFinal(
            _("A block can be undone for %(minutes)d minutes. Give the member another card.")
            % {"minutes": UNDO_MINUTES}
        )
    card.blocked_at, card.blocked_reason = None, ""
    card.save(update_fields=["blocked_at", "blocked_reason"])
    _note(merchant, "card.unblocked", card, member, actor, now)
    return card


def may_unblock(card: Card, now: datetime) -> bool:
    """State whether the card is blocked, and so lately that the block can be undone."""
    if card.blocked_at is None or card.blocked_reason == "erased":
        return False
    return timedelta(0) <= now - card.blocked_at < timedelta(minutes=UNDO_MINUTES)


def replace(
    *, merchant: Merchant, member: Member, number: str, new_number: str, actor: Actor, now: datetime
) -> tuple[Card, bool]:
    """Give the member a card in the place of another, which is blocked. Locks the old card.

    :raises CardNotFound: the member has no such card.
    :raises InvalidCard: the new number is no card number, or the old one.
    :raises CardTaken, CardBlocked: the new one is another member's, or was blocked.
    """
    old = _locked(merchant, member, number)
    if references.card_key(new_number) == references.card_key(old.number):
        raise references.InvalidCard(_("The new card needs a number of its own."), pointer="/card")
    given = issue(merchant=merchant, member=member, number=new_number, actor=actor, now=now)
    block(merchant=merchant, member=member, number=old.number, reason="replaced", actor=actor, now=now)
    return given


def of(member: Member) -> list[Card]:
    """List a member's cards, newest first."""
    return list(Card.objects.filter(merchant_id=member.merchant_id, member=member).order_by("-issued_at", "-id"))


def _locked(merchant: Merchant, member: Member, number: str) -> Card:
    """Lock a card of the member's, however its number is written."""
    cards = Card.objects.select_for_update(of=("self",)).filter(merchant=merchant, member=member)
    card = cards.filter(key=references.card_key(number)).first()
    if card is None:
        raise CardNotFound(_("This member has no such card."))
    return card


def _note(merchant: Merchant, action: str, card: Card, member: Member, actor: Actor, now: datetime) -> None:
    changes.touch(merchant_id=merchant.pk, member_ids=[member.pk], now=now)
    # The end of the number tells two cards of a member apart, and identifies nobody once they are erased.
    shown = "…" + card.number[-4 if len(card.number) > 7 else -2 :]
    audit.record(
        merchant=merchant, action=action, actor=actor, now=now, subject=member.public_id, details={"card": shown}
    )
