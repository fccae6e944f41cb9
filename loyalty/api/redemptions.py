"""Redemptions: spend points at once, or hold them, capture, release; and undo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from loyalty.api.balances import AccountNow, account_now
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.views import ApiView
from rewards import redemptions
from rewards.documents import Outcome, Refused
from rewards.redemptions import (
    CaptureInput,
    RedemptionNotFound,
    RedemptionRequest,
    ReleaseInput,
    ReversalInput,
    View,
)


class RedemptionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent or set aside, when it was written. `code` is what the member shows."""

    id: str
    external_id: str
    state: str
    member: str
    reward: str | None
    points: int
    points_captured: int
    amount_minor: int | None
    currency: str | None
    code: str | None
    hold_expires_at: datetime | None
    occurred_at: datetime
    recorded_at: datetime
    terms_version: int | None
    balance_after: int


class RedemptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the member has now."""

    receipt: RedemptionReceipt
    now: AccountNow | None


class CaptureReceipt(RedemptionReceipt, frozen=True, kw_only=True):
    """The redemption after the capture; what was held and not captured was released."""

    redemption: str
    points_released: int


class CaptureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the member has now."""

    receipt: CaptureReceipt
    now: AccountNow | None


class EndingReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `points_lapsed`: of that, what had expired meanwhile and lapsed at once."""

    id: str
    external_id: str
    redemption: str
    state: str
    member: str
    points: int
    occurred_at: datetime
    recorded_at: datetime
    balance_after: int
    points_lapsed: int = 0


class EndingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the member has now."""

    receipt: EndingReceipt
    now: AccountNow | None


class RedemptionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption as it stands: held, captured, released, expired, reversed or refused."""

    id: str
    external_id: str
    state: str
    refusal: str | None
    reward: str | None
    code: str | None
    points: int
    points_captured: int
    points_returned: int
    amount_minor: int | None
    currency: str | None
    occurred_at: datetime
    hold_expires_at: datetime | None
    ended_at: datetime | None


_RECEIPT: dict[str, Any] = {
    "id": "rdm_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-d-9",
    "state": "held",
    "member": "mem_7k2m9x4q8w3t6v1p",
    "reward": "free-coffee",
    "points": 500,
    "points_captured": 0,
    "amount_minor": None,
    "currency": None,
    "code": "7KQ2-M4XP-9WRT",
    "hold_expires_at": "2025-11-21T09:14:00Z",
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:00Z",
    "terms_version": 3,
    "balance_after": 624,
}
_NOW = {"spendable": 624, "held": 0, "pending": 0, "debt": 0, "tier": "silver"}
_ENDING = {
    "id": "rel_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-x-9",
    "redemption": "rdm_4m8x2k9q7w3t6v1p",
    "state": "released",
    "member": "mem_7k2m9x4q8w3t6v1p",
    "points": 500,
    "occurred_at": "2025-11-21T09:06:00Z",
    "recorded_at": "2025-11-21T09:06:00Z",
    "balance_after": 1124,
}
_SPENDING: dict[str, Any] = {"tag": "Redemptions", "scope": "redemptions:write", "own_ids": (("external_id",),)}
_ENDED = ("redemption_not_found", "external_id_reused", "redemption_ended")
_KEPT = "\n\nA refusal (409) is kept: the same `external_id` answers it for ever; a new try needs a new id."


class Redemptions(ApiView):
    @operation(
        id="redeem",
        summary="Spend points, or hold them for a while",
        description="Name a `reward` by its code, or `points` to pay an amount at the terms' rate. With `hold` the points "
        "are set aside until they are captured, released, or the time is over." + _KEPT,
        body=RedemptionRequest,
        answers={201: RedemptionAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "member_blocked",
            "live_code_expired",
            "live_code_used",
            "live_code_needed",
            "account_frozen",
            "insufficient_points",
            "unknown_reward",
            "reward_not_on_offer",
            "reward_for_other_tiers",
            "reward_sold_out",
            "reward_limit_reached",
            "order_total_required",
            "order_total_too_small",
            "points_pay_nothing",
            "points_below_minimum",
            "points_above_maximum",
            "points_not_a_step",
            "points_worth_nothing",
            "points_above_share",
            "unknown_location",
            "invalid",
        ),
        examples={
            "a_free_coffee_at_once": {
                "external_id": "till-1-d-8",
                "member": {"code": "M4K7-92QX"},
                "reward": "free-coffee",
            },
            "hold_it_while_the_order_is_paid": {
                "external_id": "till-1-d-9",
                "member": {"phone": "010-1234-5678"},
                "reward": "free-coffee",
                "hold": True,
                "hold_minutes": 10,
            },
            "pay_with_points": {
                "external_id": "till-1-d-10",
                "member": {"card": "9000-1234"},
                "points": 1000,
                "order_total_minor": 12400,
            },
        },
        answer_example={"receipt": _RECEIPT, "now": _NOW},
        **_SPENDING,
    )
    def post(self, call: Call) -> Answer:
        asked: RedemptionRequest = call.body
        spend = redemptions.hold if asked.hold else redemptions.redeem
        outcome = spend(
            merchant=call.merchant, asked=asked, now=call.now, actor=call.actor, location=call.key.location_code
        )
        return said(call, outcome)


class OneRedemption(ApiView):
    @operation(
        id="get_redemption",
        tag="Redemptions",
        summary="Read a redemption, by id or by the code the member shows",
        scope="members:read",
        answers={200: RedemptionOut},
        refusals=("redemption_not_found",),
        answer_example={
            "id": "rdm_4m8x2k9q7w3t6v1p",
            "external_id": "till-1-d-9",
            "state": "held",
            "refusal": None,
            "reward": "free-coffee",
            "code": "7KQ2-M4XP-9WRT",
            "points": 500,
            "points_captured": 0,
            "points_returned": 0,
            "amount_minor": None,
            "currency": None,
            "occurred_at": "2025-11-21T09:04:00Z",
            "hold_expires_at": "2025-11-21T09:14:00Z",
            "ended_at": None,
        },
    )
    def get(self, call: Call, redemption: str) -> Answer:
        found = redemptions.find(merchant=call.merchant, name=redemption, now=call.now)
        if found is None:
            raise RedemptionNotFound(_("There is no such redemption."))
        return Answer(_shown(call, found))


class Captures(ApiView):
    @operation(
        id="capture_redemption",
        summary="Spend what was held, all or a part",
        description="What is not captured is released." + _KEPT,
        body=CaptureInput,
        answers={201: CaptureAnswer},
        refusals=(
            *_ENDED,
            "hold_expired",
            "capture_too_large",
            "part_of_a_reward",
            "nothing_to_capture",
            "account_frozen",
            "member_blocked",
        ),
        examples={"all_of_it": {"external_id": "till-1-c-9"}, "a_part": {"external_id": "till-1-c-9", "points": 300}},
        answer_example={
            "receipt": {
                **_RECEIPT,
                "id": "cap_4m8x2k9q7w3t6v1p",
                "state": "captured",
                "points_captured": 500,
                "redemption": "rdm_4m8x2k9q7w3t6v1p",
                "points_released": 0,
            },
            "now": _NOW,
        },
        **_SPENDING,
    )
    def post(self, call: Call, redemption: str) -> Answer:
        outcome = redemptions.capture(
            merchant=call.merchant, redemption=redemption, asked=call.body, now=call.now, actor=call.actor
        )
        return said(call, outcome)


class Releases(ApiView):
    @operation(
        id="release_redemption",
        summary="Give back what was held",
        body=ReleaseInput,
        answers={201: EndingAnswer},
        refusals=_ENDED,
        examples={"the_guest_changed_their_mind": {"external_id": "till-1-x-9"}},
        answer_example={"receipt": _ENDING, "now": {**_NOW, "spendable": 1124}},
        **_SPENDING,
    )
    def post(self, call: Call, redemption: str) -> Answer:
        outcome = redemptions.release(
            merchant=call.merchant, redemption=redemption, asked=call.body, now=call.now, actor=call.actor
        )
        return said(call, outcome)


class Reversals(ApiView):
    @operation(
        id="reverse_redemption",
        summary="Undo a redemption",
        description="The points come back with their old expiry; the reward's stock and the member's limit too.",
        body=ReversalInput,
        answers={201: EndingAnswer},
        refusals=(*_ENDED, "redemption_still_held"),
        examples={"the_machine_broke": {"external_id": "till-1-v-9", "reason": "no coffee came"}},
        answer_example={
            "receipt": {**_ENDING, "id": "rev_4m8x2k9q7w3t6v1p", "state": "reversed", "points_lapsed": 0},
            "now": {**_NOW, "spendable": 1124},
        },
        **_SPENDING,
    )
    def post(self, call: Call, redemption: str) -> Answer:
        outcome = redemptions.reverse(
            merchant=call.merchant, redemption=redemption, asked=call.body, now=call.now, actor=call.actor
        )
        return said(call, outcome)


def said(call: Call, outcome: Outcome) -> Answer:
    """This function will answer a receipt and how things stand; a refusal that was kept is said after the commit."""
    refusal = None
    try:
        outcome.unless_refused()
    except Refused as kept:
        refusal = kept
    receipt = {**outcome.receipt, "external_id": call.own_id(outcome.receipt.get("external_id"))}
    now = account_now(call, outcome.member_id) if refusal is None else None
    return Answer({"receipt": receipt, "now": now}, status=outcome.http, is_replay=outcome.is_replay, refusal=refusal)


def _shown(call: Call, view: View) -> RedemptionOut:
    return RedemptionOut(
        id=view.public_id,
        external_id=call.own_id(view.external_id) or "",
        state=view.state,
        refusal=view.refusal or None,
        reward=view.reward or None,
        code=view.code or None,
        points=view.points,
        points_captured=view.points_captured,
        points_returned=view.points_returned,
        amount_minor=view.amount_minor,
        currency=view.currency or None,
        occurred_at=view.occurred_at,
        hold_expires_at=view.hold_expires_at,
        ended_at=view.ended_at,
    )
