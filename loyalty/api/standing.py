"""What a member has reached: the tier held, the way up, and what it takes to stay."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
from django.utils.translation import get_language

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import member_of
from rewards import stamps, tiers
from rewards.stamps import CardOutlook, OwnRewardOutlook
from rewards.terms import text
from rewards.tiers import TierProgress


class LevelOut(msgspec.Struct, frozen=True, kw_only=True):
    """One level of the tiers, from the lowest up; `threshold` is what it takes, in the unit of `basis`."""

    code: str
    name: str
    threshold: int


class TierStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The tier held, the way up, and what it takes to stay.

    `value` is what counts now, in the window from `window_first` to before `window_end`. If nothing more counts, the tier
    becomes `drops_to` on `drops_on`; `keep_missing` more before that day keeps it.
    """

    tier: str
    since: date
    basis: Literal["qualifying_points", "spend", "purchases"]
    value: int
    window_first: date
    window_end: date
    next_tier: str | None
    missing: int | None
    held_until: date | None
    drops_to: str | None
    drops_on: date | None
    keep_missing: int | None
    levels: list[LevelOut]


class StampCardStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A stamp card as it stands for the member. `stamps` below zero are owed: the next ones pay them.

    Without a new stamp they end after `last_day`; null where they do not end.
    """

    code: str
    name: str
    stamps: int
    size: int
    filled: int
    last_day: date | None


class OwnRewardOut(msgspec.Struct, frozen=True, kw_only=True):
    """A reward that is the member's own and costs no points: a redemption takes it by its `id`, until `last_day`."""

    id: str
    reward: str
    name: str
    stamp_card: str
    last_day: date | None


class StandingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has reached; `tier` is null where the terms in force have no tiers."""

    member: str
    tier: TierStanding | None
    stamps: list[StampCardStanding] = []
    own_rewards: list[OwnRewardOut] = []


class MemberStanding(ApiView):
    @operation(
        id="get_standing",
        tag="Balances",
        summary="Which tier a member holds, what is on their stamp cards, and which rewards are their own",
        description="By the terms in force now. Names are in the language of Accept-Language; days are the merchant's.",
        scope="members:read",
        answers={200: StandingOut},
        refusals=("member_not_found",),
        answer_example={
            "member": "mem_7k2m9x4q8w3t6v1p",
            "tier": {
                "tier": "silver",
                "since": "2025-03-04",
                "basis": "spend",
                "value": 430000,
                "window_first": "2025-01-01",
                "window_end": "2026-01-01",
                "next_tier": "gold",
                "missing": 70000,
                "held_until": "2027-01-01",
                "drops_to": None,
                "drops_on": None,
                "keep_missing": None,
                "levels": [
                    {"code": "silver", "name": "Silver", "threshold": 0},
                    {"code": "gold", "name": "Gold", "threshold": 500000},
                ],
            },
            "stamps": [
                {
                    "code": "coffee",
                    "name": "Coffee card",
                    "stamps": 7,
                    "size": 10,
                    "filled": 2,
                    "last_day": "2026-11-21",
                }
            ],
            "own_rewards": [
                {
                    "id": "own_4m8x2k9q7w3t6v1p",
                    "reward": "free-coffee",
                    "name": "Free coffee",
                    "stamp_card": "coffee",
                    "last_day": "2026-01-31",
                }
            ],
        },
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        place = tiers.of_member(merchant=call.merchant, member_id=member.pk, joined_at=member.joined_at, now=call.now)
        asked: dict[str, Any] = {"merchant": call.merchant, "member_id": member.pk, "now": call.now}
        language = get_language() or "en"
        return ApiAnswer(
            StandingOut(
                member=member.public_id,
                tier=_tier(place) if place else None,
                stamps=[_card(each, language) for each in stamps.cards_of(**asked)],
                own_rewards=[_own_reward(each, language) for each in stamps.own_rewards_of(**asked)],
            )
        )


def _card(each: CardOutlook, language: str) -> StampCardStanding:
    return StampCardStanding(
        code=each.card.code,
        name=text(each.card.name, language),
        stamps=each.stamps,
        size=each.size,
        filled=each.filled,
        last_day=each.last_day,
    )


def _own_reward(each: OwnRewardOutlook, language: str) -> OwnRewardOut:
    return OwnRewardOut(
        id=each.public_id,
        reward=each.reward.code,
        name=text(each.reward.name, language),
        stamp_card=each.card,
        last_day=each.last_day,
    )


def _tier(place: TierProgress) -> TierStanding:
    held, language = place.standing, get_language() or "en"
    return TierStanding(
        tier=held.level,
        since=held.since,
        basis=place.tiers.basis,
        value=held.value,
        window_first=held.window_first,
        window_end=held.window_end,
        next_tier=held.next_level,
        missing=held.missing,
        held_until=held.held_until,
        drops_to=held.drops_to,
        drops_on=held.drops_on,
        keep_missing=held.keep_missing,
        levels=[
            LevelOut(code=level.code, name=text(level.name, language), threshold=level.threshold)
            for level in place.tiers.levels
        ],
    )
