"""Forgetting a person: what names them goes, the points they were owed stay counted under a name that says nothing.

The ledger refers to a member by an internal key and holds no personal data, so nothing of it changes; what the member
was still owed is ended by `rewards` before this is called.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.utils.translation import gettext as _

from members import claims, codes, own_codes
from members.models import Card, ContactChange, Member, SearchKey
from merchants import audit, ids, messages, outbox
from merchants.actors import Actor
from merchants.errors import Conflict
from merchants.models.merchants import Merchant


class StillMember(Conflict):
    """The merged member's successor is the one to erase."""

    code: ClassVar[str] = "member_merged"


def erase(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> None:
    """Anonymise a member for good: contacts, name, birthday, notes, cards, codes, letters, sign-in.

    Members merged into this one are the same person and go too.  Consents stay as proof: they hold the merchant's own
    words.  Locks the members.  A second time changes nothing.  Raises `StillMember` for one merged into another.
    """
    with transaction.atomic():
        rows = Member.objects.select_for_update(of=("self",)).filter(merchant=merchant)
        member = rows.get(pk=member.pk)
        if member.state == Member.State.ERASED:
            return
        if member.state == Member.State.MERGED:
            raise StillMember(_("This member was merged into another one. Erase that one."))
        for person in [member, *rows.filter(merged_into=member).order_by("pk")]:
            _anonymise(merchant, person, now)
        audit.record(merchant=merchant, action="member.erased", actor=actor, now=now, subject=member.public_id)
        outbox.record(
            merchant_id=merchant.pk,
            kind="member.erased",
            payload={"member": member.public_id},
            occurred_at=now,
            now=now,
        )


def _anonymise(merchant: Merchant, person: Member, now: datetime) -> None:
    contacts = [contact for contact in (person.email, person.phone) if contact]
    claims.release(merchant=merchant, member=person)
    changes = ContactChange.objects.filter(merchant=merchant, member=person)
    contacts += [contact for row in changes.values_list("old", "new") for contact in row if contact]
    changes.delete()
    codes.forget(merchant=merchant, contacts=contacts)
    messages.forget(merchant=merchant, recipients=contacts)
    own_codes.FormerCode.objects.filter(merchant=merchant, member=person).delete()
    for card in Card.objects.select_for_update().filter(merchant=merchant, member=person):
        # A number names a person as well as a name does; the tombstone keeps the row for what refers to it.
        card.number, card.blocked_reason = ids.mint("crd"), "erased"
        card.blocked_at = card.blocked_at or card.issued_at
        card.save(update_fields=["number", "blocked_at", "blocked_reason"])
    SearchKey.objects.filter(merchant=merchant, member=person).delete()
    Member.objects.filter(merchant=merchant, pk=person.pk).update(
        external_id=None,
        code=own_codes.mint(merchant),
        referral_code=ids.mint_referral_code(),
        name="",
        email=None,
        phone=None,
        birth_month=None,
        birth_day=None,
        language="",
        note="",
        attributes={},
        email_proved_at=None,
        phone_proved_at=None,
        leaves_at=None,
        seat_id_of_staff="",
        state=Member.State.ERASED,
        changed_at=max(person.changed_at, now),
    )
