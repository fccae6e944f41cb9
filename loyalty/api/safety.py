"""What keeps a member's points safe: a new code in the place of one that others have, and spending stopped for a while."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import EXAMPLE, MemberOut, member_of, shown
from members.inputs import Input, MemberCode
from rewards import safeguards


class ReplacedCode(Input, frozen=True, kw_only=True):
    """The code that is to be worth nothing from now on."""

    code: Annotated[
        MemberCode, Meta(description="As `GET /members/{id}` shows it: it names this replacement, which is done once.")
    ]


class MemberCodes(ApiView):
    @operation(
        id="replace_code",
        tag="Members",
        summary="Replace a member's code",
        description="For a code that others have. The member gets a new one; the old one, and the moving codes of a phone "
        "that is lost, name nobody from now on. Name the code to replace: sent again, it answers the member as they stand "
        "and replaces nothing.",
        scope="members:write",
        body=ReplacedCode,
        answers={200: MemberOut},
        refusals=("member_not_found", "code_not_found"),
        examples={"seen_by_others": {"code": "M4K7-92QX"}},
        answer_example={**EXAMPLE, "code": "W3T6-8V1P"},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        asked: ReplacedCode = call.body
        member, is_new = safeguards.replace_named_code(
            merchant=call.merchant, member=member_of(call, member_id), code=asked.code, now=call.now, actor=call.actor
        )
        return ApiAnswer(shown(call, member), is_replay=not is_new)


class SpendingStops(ApiView):
    @operation(
        id="stop_spending",
        tag="Members",
        summary="Stop spending",
        description="Nothing of the member's points is spent (`409 spending_stopped`) until the member, on their phone, or "
        "the shop allows it again; points are collected as ever. Stopping it again changes nothing.",
        scope="members:write",
        answers={200: MemberOut},
        refusals=("member_not_found",),
        answer_example={**EXAMPLE, "is_spending_stopped": True},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        safeguards.stop_spending(merchant=call.merchant, member=member, now=call.now, actor=call.actor)
        return ApiAnswer(shown(call, member_of(call, member_id)))


class SpendingAllowances(ApiView):
    @operation(
        id="allow_spending",
        tag="Members",
        summary="Allow spending again",
        description="Takes back what stopped it. Whoever calls has made sure that it is the member who asks. Allowing it "
        "again changes nothing.",
        scope="members:block",
        answers={200: MemberOut},
        refusals=("member_not_found",),
        answer_example=EXAMPLE,
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        safeguards.allow_spending(merchant=call.merchant, member=member, now=call.now, actor=call.actor)
        return ApiAnswer(shown(call, member_of(call, member_id)))
