"""Members in batches: a CRM brings a thousand in one call."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from loyalty.api.framework import bodies, problems
from loyalty.api.framework.operations import KIB, ApiAnswer, Call, operation
from loyalty.api.framework.problems import Problem
from loyalty.api.framework.views import ApiView
from loyalty.api.members import contact_right, joining_here
from members.inputs import NewMember
from merchants import ids
from merchants.errors import LoyaltyError
from rewards import enrolment
from rewards.enrolment import Enrolled

BATCH_MAX = 1000


class MemberBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members to enrol or bring up to date; each is answered by itself, in this order."""

    members: Annotated[tuple[NewMember, ...], Meta(min_length=1, max_length=BATCH_MAX)]


class _SentMembers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch before its items are read, so that one bad item spoils only itself."""

    members: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=BATCH_MAX)]


class MemberResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one item: `status` as POST /members would have answered, with the member's id or the problem."""

    position: int
    external_id: str | None
    status: int
    id: str | None = None
    code: str | None = None
    problem: Problem | None = None


class MemberBatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result an item, in the order sent. After a break, send the batch again: with an `external_id` nobody is twice."""

    enrolled: int
    updated: int
    refused: int
    results: list[MemberResult]


class MemberBatches(ApiView):
    @operation(
        id="enrol_members",
        tag="Members",
        summary="Enrol up to 1,000 members, or bring them up to date",
        description="Each item is done or refused by itself, as POST /members would. 200 means that every item has its "
        "result: read `results`. They are written some dozens at a time; when the call breaks off, what was written stays. "
        "Give each an `external_id`, so that the batch can be sent again.",
        scope="members:write",
        body=_SentMembers,
        described_body=MemberBatch,
        items="members",
        one="enrol_member",
        answers={200: MemberBatchAnswer},
        examples={
            "two_from_a_crm": {
                "members": [
                    {"external_id": "crm-3001", "name": "Mina Park", "phone": "010-3456-7890"},
                    {"external_id": "crm-3002", "card": "9000-5678"},
                ]
            }
        },
        answer_example={
            "enrolled": 1,
            "updated": 0,
            "refused": 0,
            "results": [
                {
                    "position": 0,
                    "external_id": "crm-3001",
                    "status": 201,
                    "id": "mem_7k2m9x4q8w3t6v1p",
                    "code": "M4K7-92QX",
                    "problem": None,
                }
            ],
        },
        bytes_max=5 * KIB * KIB,
        opens_data_itself=True,
    )
    def post(self, call: Call) -> ApiAnswer:
        read: list[NewMember | LoyaltyError] = []
        for raw in call.body.members:
            try:
                read.append(joining_here(call, bodies.convert(raw, NewMember)))
            except LoyaltyError as refusal:
                read.append(refusal)
        good = [each for each in read if isinstance(each, NewMember)]
        done = iter(
            enrolment.enrol_in_turns(
                merchant=call.merchant,
                items=good,
                source="api",
                actor=call.actor,
                now=call.now,
                contact_right=contact_right(call, silent=False),
            )
        )
        outcomes = [each if isinstance(each, LoyaltyError) else next(done) for each in read]
        sent: list[dict[str, Any]] = call.body.members
        results = [_result(call, position, sent[position], each) for position, each in enumerate(outcomes)]
        return ApiAnswer(
            MemberBatchAnswer(
                enrolled=sum(result.status == 201 for result in results),
                updated=sum(result.status == 200 for result in results),
                refused=sum(result.problem is not None for result in results),
                results=results,
            )
        )


def _result(call: Call, position: int, sent: dict[str, Any], outcome: Enrolled | LoyaltyError) -> MemberResult:
    named = sent.get("external_id")
    external_id = named if isinstance(named, str) else None
    if isinstance(outcome, LoyaltyError):
        problem = problems.document(outcome.code, request_id=call.request_id, **problems.of_refusal(outcome))
        return MemberResult(
            position=position, external_id=external_id, status=outcome.http, problem=msgspec.convert(problem, Problem)
        )
    return MemberResult(
        position=position,
        external_id=external_id,
        status=201 if outcome.is_new else 200,
        id=outcome.member.public_id,
        code=ids.grouped(outcome.member.code),
    )
