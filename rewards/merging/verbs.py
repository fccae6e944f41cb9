"""The two verbs: one after the other what is locked, moved and told."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from members import changes, contact_notices
from members.models import Member
from merchants import audit, ids
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import documents
from rewards.mechanics import MECHANICS
from rewards.merging import answers, lots, people, records
from rewards.merging.answers import Merged, MergedFurther, MergeNotFound, OpenHolds
from rewards.models.corrections import Merge
from rewards.points import AccountState, Cause
from rewards.sales.batch import Batch


def merge(*, merchant: Merchant, source: str, target: str, now: datetime, actor: Actor) -> Merged:
    """Merge the member `source` into `target` (public ids); asked again it answers the same.

    Everything spendable and pending travels with its expiry, a debt too; purchases count for the target, whose tier is
    rated again. Locks the source's purchases, both accounts by id, then both members.

    :raises MemberNotFound: nobody, or somebody erased.  :raises Invalid: a member and themselves.
    :raises MergedAlready, OpenHolds, AccountFrozen: not possible now; nothing changed.
    """
    leaving = people.named(merchant, source, "/source")
    staying = people.named(merchant, target, "/target")
    if staying.merged_into_id is not None:
        staying = Member.objects.get(merchant=merchant, pk=staying.merged_into_id)
    if leaving.pk == staying.pk:
        raise Invalid(_("A member cannot be merged into themselves."), pointer="/target")
    records.lock_purchases(merchant.pk, [leaving.pk])
    batch = Batch(merchant, MECHANICS, now=now, actor=actor)
    accounts = batch.people.lock_members([leaving.pk, staying.pk])
    locked = people.lock(merchant.pk, [leaving.pk, staying.pk])
    leaving, staying = locked[leaving.pk], locked[staying.pk]
    done = people.done_before(merchant.pk, leaving, staying)
    if done is not None:
        return done
    batch.read()
    source_, target_ = accounts[leaving.pk], accounts[staying.pk]
    old, new = source_.account, target_.account
    batch.settle_time(source_)
    if old.held:
        raise OpenHolds(_("Points of this member are set aside. Capture or release them first."), held=old.held)
    lots.check_not_frozen(old, new)
    row = Merge(
        merchant_id=merchant.pk, public_id=ids.mint("mrg"), source=leaving, target=staying, actor=str(actor),
        merged_at=now, points=old.balance + old.pending, debt=old.debt,
    )  # fmt: skip
    documents.reserve(row)
    contact_notices.tell_merged(merchant=merchant, leaving=leaving, staying=staying, now=now)
    row.moved = {
        "lots": lots.move(batch.book, Cause("merge", row.pk, now), old, new),
        **people.move(merchant.pk, leaving, staying),
        **records.move(merchant.pk, source_, target_),
        **batch.merge(source_, target_),
    }
    old.closed_at, old.membership.requalifies_at = now, None
    new.is_changed = old.is_changed = old.membership.is_changed = True
    row.save(force_insert=True)
    changes.touch(merchant_id=merchant.pk, member_ids=[leaving.pk, staying.pk], now=now)
    batch.tell(_merged_event(row, leaving, staying, new, now=now))
    batch.write(batch.writing())
    audit.record(
        merchant=merchant, action="member.merged", actor=actor, now=now, subject=leaving.public_id,
        details={"merge": row.public_id, "into": staying.public_id, "points": row.points},
    )  # fmt: skip
    return answers.merged(row, leaving, staying)


def unmerge(*, merchant: Merchant, merge: str, now: datetime, actor: Actor) -> Merged:
    """Undo a merge (its public id); asked again it answers the same.

    What is still there of the points travels back with its expiry: points spent meanwhile stay spent, a debt paid
    meanwhile stays paid. Purchases, cards and contacts that moved and are still there go back, and both tiers are rated
    again. Locks the purchases that moved, both accounts by id, then both members.

    :raises MergeNotFound: there was no such merge, or the person was forgotten since.
    :raises MergedFurther: the target was merged in turn.
    :raises AccountFrozen: one of the accounts awaits an inspection.
    """
    row = Merge.objects.filter(merchant=merchant, public_id=merge).first()
    if row is None:
        raise MergeNotFound(_("There was no such merge."))
    records.lock_purchases(merchant.pk, [], also=row.moved["purchases"])
    batch = Batch(merchant, MECHANICS, now=now, actor=actor)
    accounts = batch.people.lock_members([row.source_id, row.target_id])
    locked = people.lock(merchant.pk, [row.source_id, row.target_id])
    row = Merge.objects.select_for_update().get(merchant=merchant, pk=row.pk)
    returning, staying = locked[row.source_id], locked[row.target_id]
    if row.unmerged_at is not None:
        return answers.undone(row, returning, staying, is_replay=True)
    if staying.state == Member.State.ERASED:
        raise MergeNotFound(_("There was no such merge."))
    if staying.merged_into_id is not None:
        raise MergedFurther(_("That member was merged in turn. Undo the later merge first."))
    batch.read()
    source, target = accounts[returning.pk], accounts[staying.pk]
    old, new = source.account, target.account
    lots.check_not_frozen(old, new)
    points, debt = lots.give_back(batch.book, Cause("merge", row.pk, now, reason="unmerge"), row, old, new)
    purchases = records.give_back(merchant.pk, row, source, target)
    cards = people.give_back(merchant.pk, row, returning, staying)
    batch.unmerge(source, target, row.moved)
    old.closed_at = None
    new.is_changed = old.is_changed = True
    row.unmerged_at = now
    row.moved["undone"] = {"points": points, "debt": debt, "purchases": purchases, "cards": cards}
    row.save(update_fields=["unmerged_at", "moved"])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_merge SET xid = pg_current_xact_id() WHERE merchant_id = %s AND id = %s",
            [merchant.pk, row.pk],
        )
    changes.touch(merchant_id=merchant.pk, member_ids=[returning.pk, staying.pk], now=now)
    updated = ({"member": member.public_id, "changed": ["merged_into"]} for member in (returning, staying))
    batch.tell(*(Event("member.updated", payload, now) for payload in updated))
    batch.write(batch.writing())
    audit.record(
        merchant=merchant, action="member.unmerged", actor=actor, now=now, subject=returning.public_id,
        details={"merge": row.public_id, "from": staying.public_id, "points": points},
    )  # fmt: skip
    return answers.undone(row, returning, staying)


def _merged_event(row: Merge, leaving: Member, staying: Member, new: AccountState, *, now: datetime) -> Event:
    payload = {
        "merge": row.public_id, "source": leaving.public_id, "target": staying.public_id, "points": row.points,
        "balance": new.balance,
    }  # fmt: skip
    return Event("member.merged", payload, now)
