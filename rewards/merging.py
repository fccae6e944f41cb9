"""Merging two memberships of one person, and undoing it.

Points travel as entries of both accounts, lot by lot with their expiry; no entry ever changes account.  The member who
was merged stays as a forwarding row that always points one hop; purchases, cards and missing contacts move over, and
the tier is rated again.  What moved is kept on the merge, so that undoing gives back what is still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection
from django.utils.translation import gettext as _

from members.models import Card, Member
from merchants import audit, ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from rewards import documents, redemptions, tiers, versions
from rewards.models.corrections import Merge
from rewards.parties import MemberNotFound
from rewards.points import AccountFrozen, AccountState, Book, Cause
from rewards.points.state import spending_order

CONTACTS = ("email", "phone", "user_id")
DETAILS = ("name", "language", "note")


class MergedAlready(Conflict):
    """The member was merged into somebody else before; undo that first."""

    code: ClassVar[str] = "merged_already"


class OpenHolds(Conflict):
    """Points of the member are set aside: capture or release them first."""

    code: ClassVar[str] = "open_holds"


class MergeNotFound(NotFound):
    code: ClassVar[str] = "merge_not_found"


class MergedFurther(Conflict):
    """The other was merged in turn; the later merge is undone first."""

    code: ClassVar[str] = "merged_further"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge (or its undoing) moved; points in the smallest unit, debt beside them."""

    public_id: str
    source: str
    target: str
    points: int
    debt: int
    purchases: int
    cards: int
    is_replay: bool = False


def merge(*, merchant: Merchant, source: str, target: str, now: datetime, actor: Actor) -> Merged:
    """This function will merge the member `source` into `target` (public ids); asked again it answers the same.

    Everything spendable and pending travels with its expiry, a debt too; purchases count for the target, whose tier is
    rated again. Locks the source's purchases, both accounts by id, then both members.

    :raises MemberNotFound: nobody, or somebody erased.  :raises Invalid: a member and themselves.
    :raises MergedAlready, OpenHolds, AccountFrozen: not possible now; nothing changed.
    """
    leaving = _member(merchant, source, "/source")
    staying = _member(merchant, target, "/target")
    if staying.merged_into_id is not None:
        staying = Member.objects.get(merchant=merchant, pk=staying.merged_into_id)
    if leaving.pk == staying.pk:
        raise Invalid(_("A member cannot be merged into themselves."), pointer="/target")
    _lock_purchases(merchant.pk, [leaving.pk])
    book = Book(merchant.pk, now=now, actor=actor)
    book.lock(member_ids=[leaving.pk, staying.pk])
    people = _lock_members(merchant.pk, [leaving.pk, staying.pk])
    leaving, staying = people[leaving.pk], people[staying.pk]
    done = _done_before(merchant.pk, leaving, staying)
    if done is not None:
        return done
    book.read_lots(everything=True)
    old, new = book.of_member(leaving.pk), book.of_member(staying.pk)
    ended = redemptions.end_overdue(merchant=merchant, book=book, account=old)
    if old.held:
        raise OpenHolds(_("Points of this member are set aside. Capture or release them first."), held=old.held)
    _check_not_frozen(old, new)
    row = Merge(
        merchant_id=merchant.pk, public_id=ids.mint("mrg"), source=leaving, target=staying, actor=str(actor),
        merged_at=now, points=old.balance + old.pending, debt=old.debt,
    )  # fmt: skip
    documents.reserve(row)
    lots = _move_points(book, Cause("merge", row.pk, now), old, new)
    row.moved = {
        "lots": lots,
        **_move_people(merchant.pk, leaving, staying),
        **_move_records(merchant.pk, leaving, staying, old, new, now=now),
        "purchases_count": old.purchases_count,
    }
    new.purchases_count += old.purchases_count
    old.purchases_count = 0
    old.closed_at, old.requalifies_at = now, None
    new.is_changed = old.is_changed = True
    row.save(force_insert=True)
    _rate(merchant, book, [staying])
    ended.write(book)
    book.write()
    _tell(merchant, row, leaving, staying, new, now=now, actor=actor)
    return _merged(row, leaving, staying)


def unmerge(*, merchant: Merchant, merge: str, now: datetime, actor: Actor) -> Merged:
    """This function will undo a merge: what is still there of the points travels back with its expiry.

    Points spent meanwhile stay spent, a debt paid meanwhile stays paid; purchases, cards and contacts that moved and are
    still there go back, and both tiers are rated again. Locks the purchases that moved, both accounts, both members.

    :raises MergeNotFound: no such merge is in force.
    :raises MergedFurther: the target was merged in turn.
    :raises AccountFrozen: one of the accounts awaits an inspection.
    """
    row = Merge.objects.filter(merchant=merchant, public_id=merge, unmerged_at__isnull=True).first()
    if row is None:
        raise MergeNotFound(_("No such merge is in force."))
    _lock_purchases(merchant.pk, [], also=row.moved["purchases"])
    book = Book(merchant.pk, now=now, actor=actor)
    book.lock(member_ids=[row.source_id, row.target_id])
    people = _lock_members(merchant.pk, [row.source_id, row.target_id])
    row = Merge.objects.select_for_update().filter(pk=row.pk, unmerged_at__isnull=True).first()
    if row is None:
        raise MergeNotFound(_("No such merge is in force."))
    returning, staying = people[row.source_id], people[row.target_id]
    if staying.merged_into_id is not None:
        raise MergedFurther(_("That member was merged in turn. Undo the later merge first."))
    book.read_lots(everything=True)
    old, new = book.of_member(returning.pk), book.of_member(staying.pk)
    _check_not_frozen(old, new)
    points, debt = _return_points(book, Cause("merge", row.pk, now, reason="unmerge"), row, old, new)
    purchases, cards = _return_records(merchant.pk, row, returning, staying, old, new)
    count = min(int(row.moved.get("purchases_count", 0)), new.purchases_count)
    new.purchases_count -= count
    old.purchases_count += count
    old.closed_at = None
    new.is_changed = old.is_changed = True
    row.unmerged_at = now
    row.save(update_fields=["unmerged_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_merge SET xid = pg_current_xact_id() WHERE merchant_id = %s AND id = %s",
            [merchant.pk, row.pk],
        )
    _rate(merchant, book, [returning, staying])
    book.write()
    audit.record(
        merchant=merchant, action="member.unmerged", actor=actor, now=now, subject=returning.public_id,
        details={"merge": row.public_id, "from": staying.public_id, "points": points},
    )  # fmt: skip
    for member in (returning, staying):
        outbox.record(
            merchant_id=merchant.pk, kind="member.updated",
            payload={"member": member.public_id, "changed": ["merged_into"]}, occurred_at=now, now=now,
        )  # fmt: skip
    return Merged(row.public_id, returning.public_id, staying.public_id, points, debt, purchases, cards)


# -- points -----------------------------------------------------------------------------------------------------------


def _move_points(book: Book, cause: Cause, old: AccountState, new: AccountState) -> list[list[int]]:
    """Move every lot and the debt; return pairs of a lot left and the number of the entry that made the new one."""
    moved = []
    parts = [(lot, lot.remaining) for lot in sorted(old.lots, key=spending_order) if lot.remaining]
    debt = old.debt
    if parts or debt:
        new.check_room(sum(points for _lot, points in parts))
        old.hand_over(cause, parts=parts, debt=debt, now=book.now, actor=book.actor)
    for lot, points in parts:
        made = new.accrue(
            cause,
            points=points,
            active_at=lot.active_at,
            expires_at=lot.expires_at,
            is_sliding=lot.is_sliding,
            purchase_id=lot.purchase_id,
            earned_at=lot.earned_at,
            kind="transfer_in",
            now=book.now,
            actor=book.actor,
        ).entry_seq
        assert lot.id is not None
        assert made is not None
        moved.append([lot.id, made])
    if debt:
        new.owe(cause, points=debt, now=book.now, actor=book.actor)

    return moved


def _return_points(book: Book, cause: Cause, row: Merge, old: AccountState, new: AccountState) -> tuple[int, int]:
    """Give the merge's lots back what is still free of them, and what is left of the debt; return both figures.

    The points go back to the very lots they had left, so that an earlier merge can be undone after this one.
    """
    left = {seq: lot_id for lot_id, seq in row.moved["lots"]}
    made = book.lots_made_at(new, left)
    free = {seq: (lot, lot.free) for seq, lot in made.items() if lot.free}
    debt = min(row.debt, new.debt)
    if not free and not debt:
        return 0, 0
    new.hand_over(cause, parts=list(free.values()), debt=debt, now=book.now, actor=book.actor)
    own = book.read_spent_lots(old, [left[seq] for seq in free])
    parts = []
    for seq, (lot, points) in free.items():
        before = own[left[seq]]
        # Time and activity went on while the points were away.
        before.is_active, before.expires_at = lot.is_active, lot.expires_at
        parts.append((before, points))
    if parts:
        old.take_back(
            cause, parts=sorted(parts, key=lambda part: spending_order(part[0])), now=book.now, actor=book.actor
        )
    if debt:
        old.owe(cause, points=debt, now=book.now, actor=book.actor)
    return sum(points for _lot, points in parts), debt


def _check_not_frozen(*accounts: AccountState) -> None:
    if any(account.frozen_at is not None for account in accounts):
        raise AccountFrozen(_("One of the accounts is being checked. Nothing was moved."))


# -- people -----------------------------------------------------------------------------------------------------------


def _member(merchant: Merchant, public_id: str, pointer: str) -> Member:
    member = Member.objects.filter(merchant=merchant, public_id=public_id).first()
    if member is None or member.state == Member.State.ERASED:
        raise MemberNotFound(_("No member is known by this."), pointer=pointer)
    return member


def _lock_members(merchant_id: int, member_ids: Sequence[int]) -> dict[int, Member]:
    rows = Member.objects.filter(merchant_id=merchant_id, pk__in=member_ids).order_by("pk").select_for_update()
    return {member.pk: member for member in rows}


def _done_before(merchant_id: int, leaving: Member, staying: Member) -> Merged | None:
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
    return _merged(row, leaving, staying, is_replay=True)


def _move_people(merchant_id: int, leaving: Member, staying: Member) -> dict[str, Any]:
    """Move cards and missing contacts, and make the source a forwarding row, with all that forward to it."""
    numbers = list(Card.objects.filter(merchant_id=merchant_id, member=leaving).values_list("number", flat=True))
    Card.objects.filter(merchant_id=merchant_id, number__in=numbers).update(member=staying)
    contacts: dict[str, Any] = {}
    for name in CONTACTS:
        value = getattr(leaving, name)
        if value is not None and getattr(staying, name) is None:
            contacts[name] = value
            setattr(leaving, name, None)
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
    leaving.state, leaving.merged_into = Member.State.MERGED, staying
    leaving.save(update_fields=["state", "merged_into", *(name.removesuffix("_id") for name in CONTACTS)])
    for name in CONTACTS:
        if name in contacts:
            setattr(staying, name, contacts[name])
    staying.save()
    return {"cards": numbers, "contacts": contacts, "forwarded": forwarded}


def _behind(merchant_id: int, member_ids: Sequence[int]) -> list[int]:
    """Everybody merged into these, and into those, however many merges ago."""
    found: list[int] = []
    wave = list(member_ids)
    while wave:
        rows = Merge.objects.filter(merchant_id=merchant_id, target_id__in=wave, unmerged_at__isnull=True)
        wave = list(rows.values_list("source_id", flat=True))
        found += wave
    return found


# -- records ----------------------------------------------------------------------------------------------------------


def _lock_purchases(merchant_id: int, member_ids: Sequence[int], *, also: Sequence[int] = ()) -> None:
    """Documents come before accounts: a refund that holds one of these purchases is let finish first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_purchase WHERE merchant_id = %s AND (member_id = ANY(%s) OR id = ANY(%s)) "
            "ORDER BY id FOR UPDATE",
            [merchant_id, list(member_ids), list(also)],
        )


def _move_records(
    merchant_id: int, leaving: Member, staying: Member, old: AccountState, new: AccountState, *, now: datetime
) -> dict[str, Any]:
    """Purchases, what they used of caps, and referrals count for the target from now on."""
    values: dict[str, Any] = {
        "m": merchant_id,
        "from": leaving.pk,
        "to": staying.pk,
        "old": old.id,
        "new": new.id,
        "at": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, xid = pg_current_xact_id() "
            "WHERE merchant_id = %(m)s AND member_id = %(from)s RETURNING id",
            values,
        )
        purchases = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO rewards_capbucket (merchant_id, account_id, key, points) SELECT merchant_id, %(new)s, key, points "
            "FROM rewards_capbucket WHERE merchant_id = %(m)s AND account_id = %(old)s ON CONFLICT (merchant_id, account_id, "
            "key) DO UPDATE SET points = rewards_capbucket.points + excluded.points",
            values,
        )
        # Nobody refers themselves: between the two of them nothing is owed any more.
        cursor.execute(
            "UPDATE rewards_referral SET state = 'undone', undone_at = %(at)s WHERE merchant_id = %(m)s AND state = 'open' "
            "AND ((referrer_id = %(old)s AND referee_id = %(new)s) OR (referrer_id = %(new)s AND referee_id = %(old)s))",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(new)s WHERE merchant_id = %(m)s AND referrer_id = %(old)s "
            "AND referee_id <> %(new)s RETURNING id",
            values,
        )
        brought = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE rewards_referral r SET referee_id = %(new)s WHERE r.merchant_id = %(m)s AND r.referee_id = %(old)s "
            "AND r.referrer_id <> %(new)s AND NOT EXISTS (SELECT FROM rewards_referral o WHERE o.merchant_id = %(m)s "
            "AND o.referee_id = %(new)s) RETURNING r.id",
            values,
        )
        came = [row[0] for row in cursor.fetchall()]
    return {"purchases": purchases, "brought": brought, "came": came}


def _return_records(
    merchant_id: int, row: Merge, returning: Member, staying: Member, old: AccountState, new: AccountState
) -> tuple[int, int]:
    """Undo `_move_people` and `_move_records` as far as nobody changed it since; return purchases and cards moved."""
    moved = row.moved
    values: dict[str, Any] = {
        "m": merchant_id, "from": staying.pk, "to": returning.pk, "old": old.id, "new": new.id,
        "purchases": moved["purchases"], "brought": moved["brought"], "came": moved["came"],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, xid = pg_current_xact_id() WHERE merchant_id = %(m)s "
            "AND member_id = %(from)s AND id = ANY(%(purchases)s)",
            values,
        )
        purchases = cursor.rowcount
        cursor.execute(
            "UPDATE rewards_capbucket t SET points = greatest(0, t.points - s.points) FROM rewards_capbucket s "
            "WHERE t.merchant_id = %(m)s AND t.account_id = %(new)s AND s.merchant_id = %(m)s "
            "AND s.account_id = %(old)s AND s.key = t.key",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(old)s WHERE merchant_id = %(m)s AND referrer_id = %(new)s "
            "AND id = ANY(%(brought)s)",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referee_id = %(old)s WHERE merchant_id = %(m)s AND referee_id = %(new)s "
            "AND id = ANY(%(came)s)",
            values,
        )
    cards = Card.objects.filter(merchant_id=merchant_id, member=staying, number__in=moved["cards"])
    count = cards.update(member=returning)
    contacts: dict[str, Any] = moved["contacts"]
    given_back = {name: value for name, value in contacts.items() if getattr(staying, name, value) == value}
    for name in CONTACTS:
        if name in given_back:
            setattr(staying, name, None)
    staying.save()
    for name in CONTACTS:
        if name in given_back:
            setattr(returning, name, given_back[name])
    returning.state, returning.merged_into = Member.State.ACTIVE, None
    returning.save()
    Member.objects.filter(merchant_id=merchant_id, pk__in=moved["forwarded"], merged_into=staying).update(
        merged_into=returning
    )
    return purchases, count


def _rate(merchant: Merchant, book: Book, members: Sequence[Member]) -> None:
    """Rate the tiers by the purchases each has now; their rows are written already."""
    version = versions.timeline(merchant.pk).at(book.now)
    if version is None or version.terms.tiers is None:
        return
    changes = []
    for member in members:
        change = tiers.rate(
            book.of_member(member.pk), version, {}, joined_on=periods.local_day(member.joined_at, merchant.tzinfo),
            changed_on=None, reread=tiers.Reread(merchant.pk), now=book.now, zone=merchant.tzinfo, reason="merge",
        )  # fmt: skip
        if change is not None:
            changes.append(change)
            event = change.event(member.public_id)
            outbox.record_many(merchant_id=merchant.pk, events=[event], now=book.now)
    tiers.write(merchant.pk, changes, now=book.now)


def _merged(row: Merge, leaving: Member, staying: Member, *, is_replay: bool = False) -> Merged:
    return Merged(
        row.public_id, leaving.public_id, staying.public_id, row.points, row.debt, len(row.moved["purchases"]),
        len(row.moved["cards"]), is_replay,
    )  # fmt: skip


def _tell(
    merchant: Merchant, row: Merge, leaving: Member, staying: Member, new: AccountState, *, now: datetime, actor: Actor
) -> None:
    payload = {
        "merge": row.public_id, "source": leaving.public_id, "target": staying.public_id, "points": row.points,
        "balance": new.balance,
    }  # fmt: skip
    outbox.record(merchant_id=merchant.pk, kind="member.merged", payload=payload, occurred_at=now, now=now)
    audit.record(
        merchant=merchant, action="member.merged", actor=actor, now=now, subject=leaving.public_id,
        details={"merge": row.public_id, "into": staying.public_id, "points": row.points},
    )  # fmt: skip
