"""A member's own codes: the one in the portal that names them, and the one for inviting friends that names nobody.

Who has to be named is found by `Member.code` alone.  The code for inviting friends, and codes that were replaced, are
looked at here only, and lead to nothing but who invites.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db.models import Q
from django.utils.translation import gettext as _

from members import changes, references
from members.inputs import Reference
from members.models import FormerCode as FormerCode
from members.models import Member
from merchants import audit, ids, outbox
from merchants.actors import Actor
from merchants.errors import NotFound
from merchants.models.merchants import Merchant

CODE_TRIES = 5


class CodeNotFound(NotFound):
    """The member has no such code, and had none."""

    code: ClassVar[str] = "code_not_found"


def mint(merchant: Merchant) -> str:
    """Make a code that nobody has and nobody had: an old one may still be in a friend's link or in a picture."""
    for _try in range(CODE_TRIES):
        code = ids.normalise(ids.mint_member_code())
        taken = FormerCode.objects.filter(merchant=merchant, code=code).exists()
        if not taken and not Member.objects.filter(merchant=merchant, code=code).exists():
            return code
    raise RuntimeError("no free member code in five tries: the codes are nearly used up")


def inviting(*, merchant: Merchant, text: str) -> Member | None:
    """Find who invites by the code for inviting friends; or by the code in a link of before, replaced or not.

    Who was merged forwards; who cannot invite (blocked, erased) is None.
    """
    rows = Member.objects.select_related("merged_into").filter(merchant=merchant)
    code = ids.read_referral_code(text)
    if code is not None:
        found = rows.filter(referral_code=code).first()
    else:
        plain = ids.normalise(text)
        found = rows.filter(code=plain).first()
        if found is None:
            old = FormerCode.objects.filter(merchant=merchant, code=plain).values("member_id")
            found = rows.filter(pk__in=old).first()
    if found is not None and found.merged_into is not None:
        found = found.merged_into
    return found if found is not None and found.state == Member.State.ACTIVE else None


def is_replaced(*, merchant: Merchant, member: Member, text: str) -> bool:
    """State whether a code of the member's, or of a membership merged into this one, was replaced; ask under their lock.

    :raises CodeNotFound: it is none of theirs, now or before.
    """
    _kind, code = references.read(merchant, Reference(code=text))
    theirs = Q(pk=member.pk) | Q(merged_into=member)
    if Member.objects.filter(theirs, merchant=merchant, code=code).exists():
        return False
    people = Member.objects.filter(theirs, merchant=merchant).values("pk")
    if FormerCode.objects.filter(merchant=merchant, code=code, member__in=people).exists():
        return True
    raise CodeNotFound(_("This member has no such code."), pointer="/code")


def replace(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Member:
    """Give the member a new code; the old one, and those of memberships merged into this one, name nobody from now on.

    The moving codes of the old one end with it.  Locks the members; `rewards.safeguards.replace_code` locks the account
    before, so that no till is in the middle of spending.
    """
    rows = Member.objects.select_for_update(of=("self",)).filter(merchant=merchant)
    people = [rows.get(pk=member.pk), *rows.filter(merged_into=member).order_by("pk")]
    for person in people:
        FormerCode.objects.create(merchant=merchant, code=person.code, member=person, replaced_at=now)
        person.code = mint(merchant)
        person.changed_at = max(person.changed_at, now)
        person.save(update_fields=["code", "changed_at"])
    note(merchant, people[0], "member.code_replaced", "code", now=now, actor=actor)
    return people[0]


def note(merchant: Merchant, member: Member, action: str, changed: str, *, now: datetime, actor: Actor) -> None:
    """Record in the audit log, and tell others, that something of the member changed; never the value."""
    changes.touch(merchant_id=merchant.pk, member_ids=[member.pk], now=now)
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=member.public_id)
    payload = {"member": member.public_id, "changed": [changed]}
    outbox.record(merchant_id=merchant.pk, kind="member.updated", payload=payload, occurred_at=now, now=now)
