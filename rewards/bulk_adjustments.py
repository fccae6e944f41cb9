"""The same points for several members at once: an adjustment each, in a transaction each, under one name.

What was done stands in the adjustments alone: whoever was killed half-way, or pressed twice, does the rest under the same
name, and nobody is given anything twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from merchants import tenancy
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from rewards import adjustments
from rewards.adjustments import AdjustmentInput
from rewards.documents import DocumentOutcome
from rewards.parties import MemberRef

#: As many as one answer can wait for.
MEMBERS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """How many adjustments stand now, and why each of the others was not made, by the member's or adjustment's id."""

    done: int
    refused: dict[str, str]


def give(
    *, merchant: Merchant, bulk: str, members: Sequence[str], points: int, reason: str, now: datetime, actor: Actor
) -> BulkOutcome:
    """Give each of these members (public ids) points, by `adjustments.adjust`; opens a tenant for each.

    A refusal concerns the one member only. `bulk` is a minted id, and the same one again gives nobody anything twice.
    """

    def work(member: str) -> DocumentOutcome:
        asked = AdjustmentInput(
            external_id=f"console:{bulk}:{member}", member=MemberRef(id=member), points=points, reason=reason
        )  # fmt: skip
        return adjustments.adjust(merchant=merchant, asked=asked, now=now, actor=actor)

    return _each(merchant, members[:MEMBERS_MAX], work)


def undo(*, merchant: Merchant, bulk: str, reason: str, now: datetime, actor: Actor) -> BulkOutcome:
    """Undo every adjustment of this act that stands, by `adjustments.undo`; opens a tenant for each.

    Where the points are spent it is refused, and can be tried again.
    """
    with tenancy.tenant(merchant):
        standing = [made.public_id for made in made_as(merchant=merchant, bulk=bulk) if made.is_standing]

    def work(adjustment: str) -> DocumentOutcome:
        return adjustments.undo(merchant=merchant, adjustment=adjustment, reason=reason, now=now, actor=actor)

    return _each(merchant, standing, work)


@dataclass(frozen=True, slots=True)
class GivenTogether:
    """One member's adjustment of several; whether its points have not been taken back."""

    public_id: str
    member: str
    points: int
    reason: str
    occurred_at: datetime
    is_standing: bool


def made_as(*, merchant: Merchant, bulk: str) -> list[GivenTogether]:
    """List the adjustments that one act made, in the order in which they were made; two statements."""
    rows = adjustments.listed(merchant=merchant, external_id_begins=f"console:{bulk}:", limit=MEMBERS_MAX)
    made = [row for row in rows if not row.refusal]
    standing = adjustments.undoable(merchant=merchant, public_ids=[row.public_id for row in made])
    return [
        GivenTogether(row.public_id, row.member, row.points, row.reason, row.occurred_at, row.public_id in standing)
        for row in reversed(made)
    ]


def _each(merchant: Merchant, names: Sequence[str], work: Callable[[str], DocumentOutcome]) -> BulkOutcome:
    done, refused = 0, {}
    for name in names:
        try:
            tenancy.attempt(merchant, partial(work, name)).unless_refused()
        except LoyaltyError as refusal:
            refused[name] = str(refusal.detail)
        else:
            done += 1
    return BulkOutcome(done, refused)
