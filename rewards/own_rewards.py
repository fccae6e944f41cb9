"""Rewards that members own: brought by full cards, taken by redemptions, revoked when what brought them is taken back.

In memory for one transaction, under the locks of the members' accounts: whoever issues, takes or revokes one finds it as
whoever came before has left it.  They cost no points and move none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from merchants import ids
from merchants.database import model_rows
from merchants.database.statements import Writing
from merchants.errors import Conflict, NotFound
from merchants.outbox import Event
from rewards.models.own_rewards import OwnReward

State = OwnReward.State
_MUTABLE = ("member", "state", "lost", "ended_at")
#: Of a transaction that looks at none.
_NO_TIME = datetime.max.replace(tzinfo=UTC)
#: What may still become something else.
_STANDING = (State.OPEN, State.HELD)


class UnknownOwnReward(NotFound):
    """The member has never owned this reward; in a body this is content that cannot be meant, so 422."""

    code: ClassVar[str] = "unknown_own_reward"
    http: ClassVar[int] = 422


class OwnRewardGone(Conflict):
    """The reward was taken, set aside, revoked, or its last day is over; `state` says which."""

    code: ClassVar[str] = "own_reward_gone"


@dataclass(slots=True)
class OwnRewards:
    """The own rewards that one transaction looks at, and how it changed them."""

    merchant_id: int = 0
    now: datetime = _NO_TIME
    #: In the order in which they were issued.
    rows: list[OwnReward] = field(default_factory=list)
    _read: set[int] = field(default_factory=set)
    _new: list[OwnReward] = field(default_factory=list)
    _changed: dict[int, OwnReward] = field(default_factory=dict)

    def read(self, member_ids: Iterable[int]) -> None:
        """Read what members own and could take; their accounts are locked."""
        missing = sorted(set(member_ids) - self._read)
        if missing:
            self._add(self._all().filter(member_id__in=missing, state__in=_STANDING))
            self._read |= set(missing)

    def read_brought_by(self, member_id: int, purchase_id: int) -> list[OwnReward]:
        """Read what a purchase has brought a member, whatever became of it; return what is not revoked."""
        self._add(self._all().filter(member_id=member_id, purchase_id=purchase_id))
        return [
            row for row in self.rows
            if (row.member_id, row.purchase_id) == (member_id, purchase_id) and row.state != State.REVOKED
        ]  # fmt: skip

    def _all(self) -> QuerySet[OwnReward]:
        return OwnReward.objects.filter(merchant_id=self.merchant_id)

    def _add(self, found: Iterable[OwnReward]) -> None:
        """What was issued since the transaction began comes after what was there."""
        known = {row.pk: row for row in self.rows if row.pk is not None}
        for row in found:
            known.setdefault(row.pk, row)
        self.rows = [known[identity] for identity in sorted(known)] + [row for row in self.rows if row.pk is None]

    def read_ids(self, ids_: Iterable[int]) -> None:
        """Read, by id, what redemptions took or set aside."""
        missing = sorted(set(ids_) - {row.pk for row in self.rows})
        if missing:
            self._add(self._all().filter(pk__in=missing))

    def by_id(self, identity: int) -> OwnReward:
        """Return one that was read."""
        return next(row for row in self.rows if row.pk == identity)

    def of(self, member_id: int) -> list[OwnReward]:
        """Return what a member owns and nobody has taken, revoked or ended, the oldest first."""
        return [row for row in self.rows if row.member_id == member_id and row.state in _STANDING]

    def is_open(self, row: OwnReward) -> bool:
        """State whether it can be taken now: also when no clock has come round yet."""
        return row.state == State.OPEN and (row.ends_at is None or row.ends_at > self.now)

    def named(self, public_id: str, member_id: int) -> OwnReward:
        """Return the reward of a member that can be taken now.

        :raises UnknownOwnReward, OwnRewardGone: it is not theirs, or it cannot be taken any more.
        """
        row = next((each for each in self.rows if each.public_id == public_id), None)
        if row is None or row.member_id != member_id:
            row = self._all().filter(public_id=public_id, member_id=member_id).first()
        if row is None:
            raise UnknownOwnReward(_("The member has no such reward."), pointer="/own_reward")
        if not self.is_open(row):
            sentences = {
                State.OPEN: _("This reward's last day is over."),
                State.HELD: _("This reward is set aside already."),
                State.TAKEN: _("This reward was taken before."),
                State.REVOKED: _("This reward was revoked: what had brought it was taken back."),
                State.ENDED: _("This reward's last day is over."),
            }
            state = State.ENDED if row.state == State.OPEN else State(row.state)
            raise OwnRewardGone(sentences[state], state=str(state), own_reward=public_id)
        return row

    def issue(self, row: OwnReward) -> None:
        """Let a member own a new reward; it gets its public id."""
        row.merchant_id, row.public_id, row.recorded_at = self.merchant_id, ids.mint("own"), self.now
        self.rows.append(row)
        self._new.append(row)

    def become(self, row: OwnReward, state: str) -> None:
        """Let a reward be held, taken, revoked, ended, or open again."""
        row.state = state
        row.ended_at = None if state in _STANDING else self.now
        self.note(row)

    def note(self, row: OwnReward) -> None:
        """Remember that a reward changed."""
        if row.pk is not None:
            self._changed[row.pk] = row

    def latest_open(self, member_id: int, card: str) -> OwnReward | None:
        """Return the reward of a card that was issued last, of those that can still be taken."""
        found = (row for row in reversed(self.of(member_id)) if row.card == card and self.is_open(row))
        return next(found, None)

    # -- going back, and writing --------------------------------------------------------------------------------------

    def mark(self) -> Mapping[int, tuple[str, datetime | None]]:
        """Return what `go_back` needs to undo what takes rewards; what issues them comes when nothing refuses any more."""
        return {row.pk: (row.state, row.ended_at) for row in self.rows if row.pk is not None}

    def go_back(self, mark: Mapping[int, tuple[str, datetime | None]]) -> None:
        """Become again what `mark` saw."""
        for row in self.rows:
            if row.pk in mark:
                row.state, row.ended_at = mark[row.pk]

    def add_to(self, writing: Writing) -> None:
        """Let what was issued go out, and what changed."""
        model_rows.add_new(writing, "own_rewards", self._new)
        model_rows.add_changed(writing, "own_rewards_changed", list(self._changed.values()), names=_MUTABLE)


def issued(row: OwnReward, *, member: str, purchase: str | None) -> Event:
    """State that a member owns a new reward; members and purchases are named by their public ids."""
    return Event(
        "own_reward.issued", {**_named(row, member), "purchase": purchase, "ends_at": row.ends_at}, row.issued_at
    )


def changed(row: OwnReward, *, member: str, at: datetime, redemption: str | None = None) -> Event:
    """State what became of it, and by which redemption."""
    return Event("own_reward.changed", {**_named(row, member), "redemption": redemption}, at)


def _named(row: OwnReward, member: str) -> dict[str, Any]:
    return {
        "own_reward": row.public_id, "member": member, "reward": row.reward, "stamp_card": row.card, "state": str(row.state),
    }  # fmt: skip
