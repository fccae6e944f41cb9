"""What callers send about redemptions."""

from __future__ import annotations

from typing import Annotated, Protocol

from msgspec import Meta

from rewards.dating import OccurredAt
from rewards.parties import ExternalId, Input, MemberRef, Place, Reason
from rewards.sales.inputs import OwnRewardId, PointsAsked, RewardCode

HOLD_MINUTES_MAX = 43_200


class Ask(Protocol):
    """What a purchase may say about spending: a hold to capture, a reward for points, one's own, or points as money."""

    @property
    def id(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def reward(self) -> str | None: ...
    @property
    def own_reward(self) -> str | None: ...
    @property
    def points(self) -> int | None: ...


class RedemptionRequest(Input, frozen=True, kw_only=True):
    """Spend points of a member: on a reward (by its code), or any amount of points at the terms' rate; or let them take
    a reward that is their own."""

    external_id: ExternalId
    member: MemberRef
    reward: RewardCode | None = None
    own_reward: OwnRewardId | None = None
    points: PointsAsked | None = None
    hold: Annotated[bool, Meta(description="Set the points aside; capture or release them later.")] = False
    hold_minutes: Annotated[
        Annotated[int, Meta(ge=1, le=HOLD_MINUTES_MAX)] | None, Meta(description="The reward's own when left out.")
    ] = None
    order_total_minor: Annotated[
        Annotated[int, Meta(ge=0, le=10**13)] | None,
        Meta(description="Total of the order it is for; some rewards need it."),
    ] = None
    location: Place | None = None
    occurred_at: OccurredAt = None


class CaptureInput(Input, frozen=True, kw_only=True):
    """Spend what was held: all of it, or a part (the rest is released)."""

    external_id: ExternalId
    points: PointsAsked | None = None


class ReleaseInput(Input, frozen=True, kw_only=True):
    """Give back what was held."""

    external_id: ExternalId


class ReversalInput(Input, frozen=True, kw_only=True):
    """Undo a redemption: the points come back with their old expiry."""

    external_id: ExternalId
    reason: Reason = ""
