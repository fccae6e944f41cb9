"""What a member has reached: the tier held, the way up, and what it takes to stay."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec
from django.utils.translation import get_language

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import member_of
from rewards import tiers
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


class StandingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has reached; `tier` is null where the terms in force have no tiers."""

    member: str
    tier: TierStanding | None


class MemberStanding(ApiView):
    @operation(
        id="get_standing",
        tag="Balances",
        summary="Which tier a member holds, and what is missing to the next",
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
        },
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        place = tiers.of_member(merchant=call.merchant, member_id=member.pk, joined_at=member.joined_at, now=call.now)
        return ApiAnswer(StandingOut(member=member.public_id, tier=_tier(place) if place else None))


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
