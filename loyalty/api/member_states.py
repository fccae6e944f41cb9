"""What becomes of a membership: blocked, open again, erased."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engagement import erasure
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import EXAMPLE, MemberOut, member_of, shown
from members import blocking
from members.inputs import Input


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """An id that says nothing about anybody any more."""

    id: str
    state: str = "erased"


class BlockInput(Input, frozen=True, kw_only=True):
    """Why the membership is blocked: staff read it in the member's note."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class Blocks(ApiView):
    @operation(
        id="block_member",
        tag="Members",
        summary="Block a membership",
        description="It neither earns nor spends until it is opened again; points stay. Blocking it again changes nothing.",
        scope="members:block",
        body=BlockInput,
        answers={200: MemberOut},
        refusals=("member_not_found", "member_erased"),
        examples={"sold_points": {"reason": "Sells points"}},
        answer_example={**EXAMPLE, "state": "blocked"},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = blocking.block(
            merchant=call.merchant,
            member=member_of(call, member_id),
            reason=call.body.reason,
            now=call.now,
            actor=call.actor,
        )
        return ApiAnswer(shown(call, member))


class Unblocks(ApiView):
    @operation(
        id="unblock_member",
        tag="Members",
        summary="Open a blocked membership again",
        description="Opening an open one changes nothing.",
        scope="members:block",
        answers={200: MemberOut},
        refusals=("member_not_found", "member_erased"),
        answer_example=EXAMPLE,
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = blocking.unblock(
            merchant=call.merchant, member=member_of(call, member_id), now=call.now, actor=call.actor
        )
        return ApiAnswer(shown(call, member))


class Erasures(ApiView):
    @operation(
        id="erase_member",
        tag="Members",
        summary="Erase a member for good",
        description="Name, contacts, birthday, notes, cards, comments and consents' origin are gone; open holds are given back, and "
        "what is left of the points lapses by an entry of the ledger, whose sums stay. Nobody can undo it. Again, it changes "
        "nothing and answers the same. A member who was merged goes with the one they were merged into: erase that one.",
        scope="members:erase",
        answers={200: Erased},
        refusals=("member_not_found", "member_merged"),
        answer_example={"id": "mem_7k2m9x4q8w3t6v1p", "state": "erased"},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        erasure.leave_by_id(merchant=call.merchant, member=member_id, now=call.now, actor=call.actor)
        return ApiAnswer(Erased(id=member_id))
