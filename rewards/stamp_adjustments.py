"""Stamps by hand: somebody gives a member stamps or takes them, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from django.db.models import Sum
from django.utils.translation import gettext as _
from msgspec import Meta

from members import directory
from merchants import audit, ids, periods
from merchants.actors import Actor
from merchants.database import model_rows
from merchants.errors import Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.permissions import Permission, may
from rewards import adjustments, documents, parties
from rewards.documents import DocumentOutcome
from rewards.mechanics import MECHANICS, stamps
from rewards.models.stamps import StampAdjustment
from rewards.parties import ExternalId, Input, MemberRef, Party
from rewards.sales.batch import Batch
from rewards.terms import StampCard

STAMPS_MAX = 100
_PAGE_MAX = 100
_BY_STAFF = "console:"
_UNDOING_BY_STAFF = "console:undo:"
Reason = Annotated[str, Meta(min_length=1, max_length=200)]


class StampAdjustmentInput(Input, frozen=True, kw_only=True):
    """Give stamps (positive) or take them (negative), and say why."""

    external_id: ExternalId
    stamp_card: Annotated[
        str, Meta(min_length=1, max_length=60, description="Code of a stamp card of the terms in force.")
    ]
    stamps: Annotated[int, Meta(ge=-STAMPS_MAX, le=STAMPS_MAX, description="Positive gives, negative takes; not 0.")]
    reason: Reason


def adjust(
    *, merchant: Merchant, member: str, asked: StampAdjustmentInput, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Put stamps on a member's card by hand, or take them off, and keep the reason.

    `member` is the public id. A card that is full by it brings its reward; when more is taken than is on the card, an
    unused reward of it is revoked, else stamps are owed. Who corrects points corrects stamps. Locks the member's account.

    :raises MayNotAdjust: by role.  :raises Invalid, MemberNotFound, UnknownStampCard: it cannot be meant; nothing is kept.
    :raises ExternalIdReused: the id was used for something else.
    """
    if asked.stamps == 0:
        raise Invalid(_("A correction gives or takes stamps."), pointer="/stamps")
    adjustments.check_role(actor)
    return _adjust(merchant=merchant, member=member, asked=asked, now=now, actor=actor, is_at_counter=False)


def undo(*, merchant: Merchant, adjustment: str, reason: str, now: datetime, actor: Actor) -> DocumentOutcome:
    """Move the stamps of a correction the other way, once, as a correction of its own.

    `adjustment` is the public id of one that somebody made in the console. Taken stamps come back, and fill the card as
    any others; for given ones it is as if they were taken. Who corrects points undoes it. Locks the member's account.

    :raises MayNotAdjust: by role.  :raises NotFound: there is none, or it undoes another itself.
    :raises AlreadyUndone: the stamps went the other way before.
    """
    adjustments.check_role(actor)
    rows = StampAdjustment.objects.filter(merchant=merchant)
    made = rows.filter(external_id__startswith=_BY_STAFF).exclude(external_id__startswith=_UNDOING_BY_STAFF)
    row = made.filter(public_id=adjustment).first()
    if row is None:
        raise NotFound(_("There is no such correction of stamps."))
    member = directory.of_document(merchant=merchant, member_id=row.member_id)
    asked = StampAdjustmentInput(
        external_id=_undoing_by_staff(row.public_id), stamp_card=row.card, stamps=-row.stamps, reason=reason
    )
    done = _adjust(merchant=merchant, member=member.public_id, asked=asked, now=now, actor=actor, is_at_counter=False)
    if done.is_replay:
        raise adjustments.AlreadyUndone(_("These stamps went the other way before."))
    return done


def give_at_counter(
    *, merchant: Merchant, member: str, asked: StampAdjustmentInput, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Put stamps on the card of a member who stands there, without an amount, as `adjust` does.

    Whoever serves at the counter may, as many at once as the card allows (`StampCard.most_at_counter`), and takes none.

    :raises MayNotAdjust: who does not serve there.  :raises MemberBlocked: of a blocked member.
    :raises Invalid: more than the card allows or a cashier may in a day, or a card that is for other tiers; nothing is kept.
    """
    if actor.kind != "staff" or not may(actor.role, Permission.USE_COUNTER):
        raise adjustments.MayNotAdjust(_("Your role does not give stamps."))
    return _adjust(merchant=merchant, member=member, asked=asked, now=now, actor=actor, is_at_counter=True)


@dataclass(frozen=True, slots=True)
class CounterStamps:
    """Stamps that somebody gave at the counter: on which card, whose, when, and whether they were taken back."""

    public_id: str
    member_id: int
    card: str
    stamps: int
    actor: str
    occurred_at: datetime
    is_undone: bool


def given_at_counter(*, merchant: Merchant, public_ids: Sequence[str]) -> dict[str, CounterStamps]:
    """Find stamps that were given at the counter by their public ids, a page of them at a time."""
    wanted = [each for each in public_ids if ids.is_id(each, "sta")][:_PAGE_MAX]
    if not wanted:
        return {}
    rows = list(
        StampAdjustment.objects.filter(merchant=merchant, public_id__in=wanted, external_id__startswith="counter:sta_")
    )
    undoing = {_undoing(row.public_id): row.public_id for row in rows}
    undone = StampAdjustment.objects.filter(merchant=merchant, external_id__in=list(undoing))
    is_undone = {undoing[external_id] for external_id in undone.values_list("external_id", flat=True)}
    return {
        row.public_id: CounterStamps(
            row.public_id, row.member_id, row.card, row.stamps, row.actor, row.occurred_at, row.public_id in is_undone
        )
        for row in rows
    }


def take_back_at_counter(
    *, merchant: Merchant, adjustment: str, reason: str, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Take back stamps that the same person gave at the counter, once: a second call answers the first.

    An unused reward that they brought is revoked; of one that was taken, stamps are owed. Locks the member's account.
    `adjustment` is the public id; how long it may be done is for whoever asks.

    :raises NotFound: there are none.  :raises MayNotAdjust: a colleague gave them.
    """
    row = StampAdjustment.objects.filter(
        merchant=merchant, public_id=adjustment, external_id__startswith="counter:sta_"
    ).first()  # fmt: skip
    if row is None:
        raise NotFound(_("No stamps were given at the counter under this id."))
    if row.actor != str(actor):
        raise adjustments.MayNotAdjust(_("A colleague gave these stamps. A manager can take them back."))
    member = directory.of_document(merchant=merchant, member_id=row.member_id)
    asked = StampAdjustmentInput(
        external_id=_undoing(row.public_id), stamp_card=row.card, stamps=-row.stamps, reason=reason
    )
    return _adjust(merchant=merchant, member=member.public_id, asked=asked, now=now, actor=actor, is_at_counter=False)


def _undoing_by_staff(public_id: str) -> str:
    """The one id under which stamps that staff gave by hand go the other way, as `_undoing`."""
    return f"{_UNDOING_BY_STAFF}{public_id}"


def _undoing(public_id: str) -> str:
    """The one id under which stamps are taken back: nobody outside names a document so (`keys.RESERVED_NAMESPACES`)."""
    return f"counter:undo:{public_id}"


def _adjust(
    *, merchant: Merchant, member: str, asked: StampAdjustmentInput, now: datetime, actor: Actor, is_at_counter: bool
) -> DocumentOutcome:
    sent = documents.fingerprint({"member": member, "asked": asked})
    key = parties.key_of(merchant, MemberRef(id=member))
    assert key is not None
    batch = Batch(merchant, MECHANICS, now=now, actor=actor)
    batch.people.lock([key])
    found = batch.people.by_key.get(key)
    earlier = documents.known(StampAdjustment, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=found.id if found else None)
    party = parties.present(found)
    batch.read()
    state = cast(stamps.StampsState, batch.state_of(stamps.MECHANIC))
    if is_at_counter:
        parties.check_not_blocked(party)
        promised = state.promised().get(asked.stamp_card)
        if promised is not None:
            _check_at_counter(promised.card, asked.stamps, party)
            _check_of_the_day(merchant, party, asked.stamps, now=now, actor=actor)
    done = state.correct(party, asked.stamp_card, asked.stamps, asked.reason)
    row = StampAdjustment(
        merchant_id=merchant.pk, public_id=ids.mint("sta"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, member_id=party.id, card=asked.stamp_card, stamps=asked.stamps,
        reason=asked.reason,
    )  # fmt: skip
    row.receipt = {
        "id": row.public_id, "external_id": asked.external_id, "member": party.public_id, "reason": asked.reason,
        "occurred_at": documents.instant(now), **done.summary(),
    }  # fmt: skip
    out = batch.writing()
    model_rows.add_new(out, "stamp_adjustments", [row], is_rare=False)
    batch.write(out)
    audit.record(
        merchant=merchant, action="stamps.adjusted", actor=actor, now=now, subject=party.public_id,
        details={"adjustment": row.public_id, "card": asked.stamp_card, "stamps": asked.stamps},
    )  # fmt: skip
    return documents.written(row, member_id=party.id)


def _check_at_counter(card: StampCard, count: int, party: Party) -> None:
    if not 1 <= count <= card.most_at_counter:
        detail = _("At the counter this card takes at most %(most)d stamps without an amount.")
        raise Invalid(detail % {"most": card.most_at_counter}, pointer="/stamps")
    if card.refusal(party.account.membership) is not None:
        raise Invalid(_("This card is for members on other tiers."), pointer="/stamp_card")


def _check_of_the_day(merchant: Merchant, party: Party, count: int, *, now: datetime, actor: Actor) -> None:
    """Hold a cashier to so many stamps for one member in a day, whoever gave them; the account is locked."""
    if may(actor.role, Permission.ADJUST_POINTS):
        return
    today = periods.start_of_day(periods.local_day(now, merchant.tzinfo), merchant.tzinfo)
    rows = StampAdjustment.objects.filter(
        merchant=merchant, member_id=party.id, external_id__startswith="counter:", occurred_at__gte=today
    )
    given = rows.aggregate(net=Sum("stamps"))["net"] or 0
    if given + count > merchant.counter_stamps_max:
        detail = _("A cashier gives one member at most %(most)d stamps a day by hand. A manager can give more.")
        raise Invalid(detail % {"most": merchant.counter_stamps_max}, pointer="/stamps")
