"""Survey responses: what members say when asked how likely they are to recommend the merchant."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from engagement import surveys
from engagement.surveys import AnswerInput
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView


class SurveyResponseOut(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `nps_class` is promoter (9, 10), passive (7, 8) or detractor (0 to 6)."""

    id: str
    external_id: str | None
    member: str | None
    score: int
    nps_class: Literal["promoter", "passive", "detractor"]
    comment: str
    channel: str
    purchase: str | None
    answered_at: datetime


class SurveyResponses(ApiView):
    @operation(
        id="hand_in_survey_response",
        tag="Surveys",
        summary="Hand in an answer from 0 to 10, and words",
        description="One answer a member in 90 days; about a purchase, one a purchase. With an `external_id` it may be "
        "sent again without counting twice.",
        scope="surveys:write",
        body=AnswerInput,
        own_ids=(("external_id",),),
        requires_id=False,
        answers={201: SurveyResponseOut},
        refusals=("external_id_reused", "survey_answered_already", "invalid", "not_found"),
        examples={
            "about_a_visit": {
                "external_id": "receipt-42-nps",
                "member": "mem_7k2m9x4q8w3t6v1p",
                "score": 9,
                "comment": "Warm, quick, and the scones!",
                "channel": "receipt",
            },
            "nobody_in_particular": {"score": 7},
        },
        answer_example={
            "id": "srv_4m8x2k9q7w3t6v1p",
            "external_id": "receipt-42-nps",
            "member": "mem_7k2m9x4q8w3t6v1p",
            "score": 9,
            "nps_class": "promoter",
            "comment": "Warm, quick, and the scones!",
            "channel": "receipt",
            "purchase": None,
            "answered_at": "2025-11-21T09:10:00Z",
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        answer = surveys.record_response(merchant=call.merchant, answer=call.body, now=call.now, actor=call.actor)
        shown = SurveyResponseOut(
            id=answer.id,
            external_id=call.own_id(answer.external_id),
            member=answer.member,
            score=answer.score,
            nps_class=answer.nps_class,
            comment=answer.comment,
            channel=answer.channel,
            purchase=answer.purchase,
            answered_at=answer.answered_at,
        )
        return ApiAnswer(shown, status=201, is_replay=answer.is_replay)
