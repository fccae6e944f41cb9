"""Merges: two memberships of one person made one, and undone again."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from rewards import merging
from rewards.merging import Merged
from rewards.parties import Input

MemberId = Annotated[str, Meta(max_length=40, examples=["mem_7k2m9x4q8w3t6v1p"])]


class MergeInput(Input, frozen=True, kw_only=True):
    """`source` becomes a forwarding address of `target`, who keeps what both had."""

    source: MemberId
    target: MemberId


class MergeOut(msgspec.Struct, frozen=True, kw_only=True):
    """What moved, from `source` to `target` (or, `undone`, back). Points count pending ones."""

    id: str
    state: Literal["merged", "undone"]
    source: str
    target: str
    points: int
    debt: int
    purchases: int
    cards: int


_EXAMPLE = {
    "id": "mrg_4m8x2k9q7w3t6v1p",
    "state": "merged",
    "source": "mem_2c5x8b1n4z7m0k3j",
    "target": "mem_7k2m9x4q8w3t6v1p",
    "points": 230,
    "debt": 0,
    "purchases": 7,
    "cards": 1,
}


class Merges(ApiView):
    @operation(
        id="merge_members",
        tag="Members",
        summary="Merge a member into another",
        description="For one person with two memberships. Every lot travels with its expiry, a debt too; purchases, cards "
        "and missing contacts move, and the tier is rated again. The old id answers with the other from then on.\n\nA "
        "merge is named by its two members: sent again, it answers the same and moves nothing.",
        scope="members:merge",
        body=MergeInput,
        answers={201: MergeOut},
        refusals=("member_not_found", "merged_already", "open_holds", "account_frozen", "too_many_points", "invalid"),
        examples={"two_cards": {"source": "mem_2c5x8b1n4z7m0k3j", "target": "mem_7k2m9x4q8w3t6v1p"}},
        answer_example=_EXAMPLE,
    )
    def post(self, call: Call) -> ApiAnswer:
        asked: MergeInput = call.body
        done = merging.merge(
            merchant=call.merchant, source=asked.source, target=asked.target, now=call.now, actor=call.actor
        )
        return _said(done, "merged", status=201)


class Undoings(ApiView):
    @operation(
        id="undo_merge",
        tag="Members",
        summary="Undo a merge",
        description="What is still there of the points goes back with its expiry; what was spent meanwhile stays spent. "
        "Purchases, cards and contacts that moved go back, and both tiers are rated again. Sent again, it answers the same.",
        scope="members:merge",
        answers={200: MergeOut},
        refusals=("merge_not_found", "merged_further", "account_frozen", "too_many_points"),
        answer_example={**_EXAMPLE, "state": "undone"},
    )
    def post(self, call: Call, merge: str) -> ApiAnswer:
        undone = merging.unmerge(merchant=call.merchant, merge=merge, now=call.now, actor=call.actor)
        return _said(undone, "undone", status=200)


def _said(done: Merged, state: Literal["merged", "undone"], *, status: int) -> ApiAnswer:
    return ApiAnswer(
        MergeOut(
            id=done.public_id,
            state=state,
            source=done.source,
            target=done.target,
            points=done.points,
            debt=done.debt,
            purchases=done.purchases,
            cards=done.cards,
        ),
        status=status,
        is_replay=done.is_replay,
    )
