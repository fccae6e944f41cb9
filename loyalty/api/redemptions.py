"""Redemptions: spend points at once, or hold them, capture, release; and undo."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from django.utils.translation import gettext as _
from msgspec import Meta

from loyalty.api import changes
from loyalty.api.balances import AccountNow, account_now
from loyalty.api.changes import TOLD, ChangesQuery
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import OF_SPENDING, Silent, check_backfill, document_of
from loyalty.api.records import MemberId, OwnId, asked_name, members_named, own_name
from rewards import redemptions
from rewards.documents import DocumentOutcome, Refused
from rewards.redemptions import CaptureInput, RedemptionNotFound, RedemptionRequest, ReleaseInput, ReversalInput, View


class NewRedemption(RedemptionRequest, frozen=True, kw_only=True):
    """Spend points of a member: on a reward (by its code), or any amount of points at the terms' rate."""

    silent: Silent = False


class RedemptionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent or set aside, when it was written. `code` is what the member shows."""

    id: str
    external_id: str
    state: Literal["held", "captured", "refused"]
    member: str
    reward: str | None
    own_reward: str | None = None
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
    state: Literal["released", "reversed"]
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
    #: Null when a purchase made it.
    external_id: str | None
    #: The purchase it was made or captured in; null when it stands alone.
    purchase: str | None
    state: Literal["held", "captured", "released", "expired", "reversed", "refused"]
    refusal: str | None
    reward: str | None
    own_reward: str | None = None
    code: str | None
    points: int
    points_captured: int
    points_returned: int
    amount_minor: int | None
    currency: str | None
    occurred_at: datetime
    hold_expires_at: datetime | None
    ended_at: datetime | None


class RedemptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Redemptions, the newest first; with `changed_since`, in the order of their change."""

    data: list[RedemptionOut]
    next_cursor: str | None
    mark: str


class RedemptionListQuery(ChangesQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which redemptions. `changed_since` stands alone; the others can be given together."""

    external_id: OwnId | None = None
    member: MemberId | None = None
    state: Annotated[Literal["held"], Meta(description="Only what is set aside now.")] | None = None


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
_REDEMPTION: dict[str, Any] = {
    "id": "rdm_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-d-9",
    "purchase": None,
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
        description="Name a `reward` by its code, an `own_reward` by its id (what the member owns costs no points; "
        "`get_standing` lists them), or `points` to pay an amount at the terms' rate. With `hold` the points "
        "are set aside until they are captured, released, or the time is over. One that is brought over from another system "
        "is dated back (`occurred_at`)." + _KEPT,
        body=NewRedemption,
        answers={201: RedemptionAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "ambiguous_reference",
            "invalid_card",
            "card_blocked",
            "member_blocked",
            "live_code_expired",
            "live_code_used",
            "live_code_needed",
            *OF_SPENDING,
            "order_total_required",
            "occurred_at_out_of_bounds",
            "unknown_location",
            "invalid",
        ),
        examples={
            "a_free_coffee_at_once": {
                "external_id": "till-1-d-8",
                "member": {"card": "9000-1234"},
                "reward": "free-coffee",
            },
            "hold_it_while_the_order_is_paid": {
                "external_id": "till-1-d-9",
                "member": {"phone": "010-1234-5678"},
                "reward": "free-coffee",
                "hold": True,
                "hold_minutes": 10,
            },
            "one_of_the_member_s_own": {
                "external_id": "till-1-d-11",
                "member": {"card": "9000-1234"},
                "own_reward": "own_4m8x2k9q7w3t6v1p",
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
    def post(self, call: Call) -> ApiAnswer:
        check_backfill(call)
        asked = document_of(call.body, RedemptionRequest)
        spend = redemptions.hold if asked.hold else redemptions.redeem
        outcome = spend(
            merchant=call.merchant, asked=asked, now=call.now, actor=call.actor, location=call.key.location_code,
            is_silent=call.body.silent,
        )  # fmt: skip
        return said(call, outcome)

    @operation(
        id="list_redemptions",
        tag="Redemptions",
        summary="List redemptions, or find one by your own id",
        description="The newest first, refused ones too. `state=held` lists what is set aside now."
        + TOLD
        + " What was "
        "made, captured, given back or ended since comes.",
        scope="documents:read",
        query=RedemptionListQuery,
        query_examples={"limit": 50, "state": "held"},
        answers={200: RedemptionPage},
        refusals=("member_not_found",),
        answer_example={"data": [_REDEMPTION], "next_cursor": None, "mark": "NzQy"},
    )
    def get(self, call: Call) -> ApiAnswer:
        query: RedemptionListQuery = call.query
        shown, where = changes.page(
            query,
            changed=lambda since, limit: redemptions.changed(
                merchant=call.merchant, now=call.now, since=since, limit=limit
            ),
            newest=lambda before, limit: redemptions.recorded(
                merchant=call.merchant,
                now=call.now,
                member_ids=members_named(call, query.member),
                external_id=asked_name(call, query.external_id),
                is_held=query.state == "held",
                before_id=before,
                limit=limit,
            ),
        )
        return ApiAnswer(RedemptionPage(data=[_shown(call, row) for row in shown], **where))


class OneRedemption(ApiView):
    @operation(
        id="get_redemption",
        tag="Redemptions",
        summary="Read a redemption, by id or by the code the member shows",
        scope="members:read",
        answers={200: RedemptionOut},
        refusals=("redemption_not_found",),
        answer_example=_REDEMPTION,
    )
    def get(self, call: Call, redemption: str) -> ApiAnswer:
        found = redemptions.find(merchant=call.merchant, name=redemption, now=call.now)
        if found is None:
            raise RedemptionNotFound(_("There is no such redemption."))
        return ApiAnswer(_shown(call, found))


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
            "account_frozen",
            "member_blocked",
            "spending_stopped",
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
    def post(self, call: Call, redemption: str) -> ApiAnswer:
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
    def post(self, call: Call, redemption: str) -> ApiAnswer:
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
    def post(self, call: Call, redemption: str) -> ApiAnswer:
        outcome = redemptions.reverse(
            merchant=call.merchant, redemption=redemption, asked=call.body, now=call.now, actor=call.actor
        )
        return said(call, outcome)


def said(call: Call, outcome: DocumentOutcome) -> ApiAnswer:
    """Answer a receipt and how things stand; a refusal that was kept is said after the commit."""
    refusal = None
    try:
        outcome.unless_refused()
    except Refused as kept:
        refusal = kept
    receipt = {**outcome.receipt, "external_id": call.own_id(outcome.receipt.get("external_id"))}
    now = account_now(call, outcome.member_id) if refusal is None else None
    return ApiAnswer(
        {"receipt": receipt, "now": now}, status=outcome.http, is_replay=outcome.is_replay, refusal=refusal
    )


def _shown(call: Call, view: View) -> RedemptionOut:
    return RedemptionOut(
        id=view.public_id,
        external_id=own_name(call, view.external_id),
        purchase=view.purchase or None,
        state=cast(Any, view.state),
        refusal=view.refusal or None,
        reward=view.reward or None,
        own_reward=view.own_reward or None,
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
