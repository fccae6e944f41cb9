"""The people of a merge: cards and missing contacts move over, and the one who was merged forwards to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from members import search_keys
from members.models import Card, Member
from merchants.models.merchants import Merchant
from rewards.merging import answers
from rewards.merging.answers import Merged, MergedAlready
from rewards.models.corrections import Merge
from rewards.parties import MemberNotFound

CONTACTS = ("email", "phone", "user_id")
#: When somebody last signed in with a contact goes where the contact goes.
PROOFS = {"email": "email_proved_at", "phone": "phone_proved_at"}
DETAILS = ("name", "language", "note")


def named(merchant: Merchant, public_id: str, pointer: str) -> Member:
    """Find who is named, merged or not.  Raises MemberNotFound for nobody, or somebody erased."""
    member = Member.objects.filter(merchant=merchant, public_id=public_id).first()
    if member is None or member.state == Member.State.ERASED:
        raise MemberNotFound(_("No member is known by this."), pointer=pointer)
    return member


def lock(merchant_id: int, member_ids: Sequence[int]) -> dict[int, Member]:
    """Lock members, in the order of their ids, and read them under the lock."""
    rows = Member.objects.filter(merchant_id=merchant_id, pk__in=member_ids).order_by("pk").select_for_update()
    return {member.pk: member for member in rows}


def done_before(merchant_id: int, leaving: Member, staying: Member) -> Merged | None:
    """The answer of a merge that was made before; what was read before the locks decides nothing here."""
    if leaving.state == Member.State.ERASED or staying.state == Member.State.ERASED:
        raise MemberNotFound(_("No member is known by this."), pointer="/source")
    if staying.merged_into_id is not None:
        raise MergedAlready(_("That member was merged into somebody else just now."))
    if leaving.merged_into_id is None:
        return None
    row = Merge.objects.filter(merchant_id=merchant_id, source=leaving, unmerged_at__isnull=True).first()
    if leaving.merged_into_id != staying.pk or row is None:
        raise MergedAlready(_("This member was merged into somebody else before. Undo that first."))
    return answers.merged(row, leaving, staying, is_replay=True)


def move(merchant_id: int, leaving: Member, staying: Member) -> dict[str, Any]:
    """Move cards and missing contacts, and make the source a forwarding row, with all that forward to it."""
    numbers = list(Card.objects.filter(merchant_id=merchant_id, member=leaving).values_list("number", flat=True))
    Card.objects.filter(merchant_id=merchant_id, number__in=numbers).update(member=staying)
    contacts: dict[str, Any] = {}
    for name in CONTACTS:
        value = getattr(leaving, name)
        if value is not None and getattr(staying, name) is None:
            contacts[name] = value
            setattr(leaving, name, None)
            _pass_on_proof(leaving, staying, name)
    for name in DETAILS:
        if getattr(leaving, name) and not getattr(staying, name):
            contacts[name] = getattr(leaving, name)
            setattr(staying, name, contacts[name])
    if leaving.birth_month and not staying.birth_month:
        contacts["birthday"] = [leaving.birth_month, leaving.birth_day]
        staying.birth_month, staying.birth_day = leaving.birth_month, leaving.birth_day
    forwarded = list(
        Merge.objects.filter(merchant_id=merchant_id, target=leaving, unmerged_at__isnull=True).values_list(
            "source_id", flat=True
        )
    )
    forwarded += _behind(merchant_id, forwarded)
    Member.objects.filter(merchant_id=merchant_id, pk__in=forwarded).update(merged_into=staying)
    if leaving.spending_stopped_at is not None and staying.spending_stopped_at is None:
        # Whose phone is lost has lost it for both.
        staying.spending_stopped_at = leaving.spending_stopped_at
    state = leaving.state
    leaving.state, leaving.merged_into = Member.State.MERGED, staying
    leaving.save(
        update_fields=["state", "merged_into", *(name.removesuffix("_id") for name in CONTACTS), *PROOFS.values()]
    )
    for name in CONTACTS:
        if name in contacts:
            setattr(staying, name, contacts[name])
    staying.save()
    search_keys.write(leaving)
    search_keys.write(staying)
    return {"cards": numbers, "contacts": contacts, "forwarded": forwarded, "state": state}


def give_back(merchant_id: int, row: Merge, returning: Member, staying: Member) -> int:
    """Undo `move` as far as nobody changed it since; return how many cards went back."""
    moved = row.moved
    cards = Card.objects.filter(merchant_id=merchant_id, member=staying, number__in=moved["cards"])
    count = cards.update(member=returning)
    contacts: dict[str, Any] = moved["contacts"]
    given_back = {name: value for name, value in contacts.items() if getattr(staying, name, value) == value}
    for name in CONTACTS:
        if name in given_back:
            setattr(staying, name, None)
            _pass_on_proof(staying, returning, name)
    staying.save()
    for name in CONTACTS:
        if name in given_back:
            setattr(returning, name, given_back[name])
    returning.state, returning.merged_into = moved["state"], None
    returning.save()
    search_keys.write(staying)
    search_keys.write(returning)
    Member.objects.filter(merchant_id=merchant_id, pk__in=moved["forwarded"], merged_into=staying).update(
        merged_into=returning
    )
    return count


def _pass_on_proof(giving: Member, getting: Member, contact: str) -> None:
    if contact in PROOFS:
        setattr(getting, PROOFS[contact], getattr(giving, PROOFS[contact]))
        setattr(giving, PROOFS[contact], None)


def _behind(merchant_id: int, member_ids: Sequence[int]) -> list[int]:
    """Everybody merged into these, and into those, however many merges ago."""
    found: list[int] = []
    wave = list(member_ids)
    while wave:
        rows = Merge.objects.filter(merchant_id=merchant_id, target_id__in=wave, unmerged_at__isnull=True)
        wave = list(rows.values_list("source_id", flat=True))
        found += wave
    return found
