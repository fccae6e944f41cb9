"""What is answered about redemptions: the refusals, the frozen receipts, and the events others are told."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _

from merchants import ids
from merchants.errors import Conflict, Invalid, NotFound
from merchants.outbox import Event
from rewards import documents
from rewards.models.redemptions import Redemption
from rewards.points import AccountState
from rewards.redemptions.inputs import Ask

State = Redemption.State


class RedemptionNotFound(NotFound):
    code: ClassVar[str] = "redemption_not_found"


class AlreadyEnded(Conflict):
    """The redemption was captured, released, timed out or undone before; `state` says which."""

    code: ClassVar[str] = "redemption_ended"


class HoldExpired(Conflict):
    """The hold's time was over: the points are the member's again."""

    code: ClassVar[str] = "hold_expired"


class CaptureTooLarge(Conflict):
    code: ClassVar[str] = "capture_too_large"


class PartOfAReward(Invalid):
    code: ClassVar[str] = "part_of_a_reward"


def check_shape(ask: Ask) -> None:
    """:raises Invalid: not exactly one of a hold, a reward, an own reward and points (points may stand beside a hold)."""
    ways = sum(value is not None for value in (ask.id, ask.code, ask.reward, ask.own_reward))
    is_reward = ask.reward is not None or ask.own_reward is not None
    if ways > 1 or (ways == 0 and ask.points is None) or (is_reward and ask.points is not None):
        raise Invalid(_("Name exactly one: a hold (by id or code), a reward, an own reward, or points."))


def ended(row: Redemption) -> AlreadyEnded:
    sentences = {
        State.CAPTURED: _("It was captured before."),
        State.RELEASED: _("It was released before."),
        State.EXPIRED: _("The hold's time was over before."),
        State.REVERSED: _("It was undone before."),
        State.REFUSED: _("It was refused before."),
    }
    return AlreadyEnded(sentences.get(State(row.state), ""), state=str(row.state), redemption=row.public_id)


def receipt_of(row: Redemption, *, member: str, balance_after: int, own_reward: str | None = None) -> dict[str, Any]:
    """Freeze what a redemption looked like when it was written; `own_reward` is the public id of what it takes."""
    return {
        **({"own_reward": own_reward} if own_reward else {}),
        "id": row.public_id,
        "external_id": row.external_id,
        "state": str(row.state),
        "member": member,
        "reward": row.reward or None,
        "points": row.points,
        "points_captured": row.points_captured,
        "amount_minor": row.amount_minor,
        "currency": row.currency or None,
        "code": ids.grouped(row.code) if row.code else None,
        "hold_expires_at": documents.instant(row.hold_expires_at) if row.hold_expires_at else None,
        "occurred_at": documents.instant(row.occurred_at),
        "recorded_at": documents.instant(row.recorded_at),
        "terms_version": row.terms_version,
        "balance_after": balance_after,
    }


def spent_event(row: Redemption, account: AccountState, *, member: str, purchase: str | None) -> Event:
    """State that points were spent or set aside; `purchase` is the public id of the purchase it was done in."""
    payload: dict[str, Any] = {
        "redemption": row.public_id, "member": member, "purchase": purchase, "points": row.points, "reward": row.reward or None,
        "amount_minor": row.amount_minor, "currency": row.currency or None, "balance": account.balance,
        "seq": account.seq, "external_id": row.external_id,
    }  # fmt: skip
    if row.state == State.HELD:
        payload |= {"held": account.held, "hold_expires_at": row.hold_expires_at}
        return Event("points.held", payload, row.occurred_at)
    return Event("points.redeemed", payload, row.occurred_at)
