"""A member's consents: what they agreed to, in which words, and a yes or no of theirs that was said elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from members import consent, directory
from members.directory import Member
from members.inputs import ConsentCode, Input


class ConsentOut(msgspec.Struct, frozen=True, kw_only=True):
    """How a member stands on one consent; a consent that was never answered is absent and counts as no.

    `document` is what they read before: `terms:4`, `privacy:2`; null where there is none.
    """

    consent: ConsentCode
    is_granted: bool
    at: datetime
    document: str | None
    wording_version: str


class ConsentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One time a member said yes or no, in the words they saw. `privacy_informed`: they have seen a changed notice."""

    consent: str
    is_granted: bool
    at: datetime
    wording: str
    wording_version: str
    document: str | None
    language: str
    source: str


class ConsentHistory(msgspec.Struct, frozen=True, kw_only=True):
    """How a member stands on each consent, and everything they ever said, newest first."""

    consents: list[ConsentOut]
    history: list[ConsentEvent]


class ConsentDecision(Input, frozen=True, kw_only=True):
    """What the member said: yes or no to one purpose and channel, never to the terms or the notice."""

    consent: ConsentCode
    is_granted: bool


CONSENT = {
    "consent": "terms",
    "is_granted": True,
    "at": "2025-03-04T01:15:00Z",
    "document": "terms:4",
    "wording_version": "2026-11",
}
_EVENT = {
    **CONSENT,
    "wording": "I agree to the membership terms of Cafe Haneul.",
    "language": "en",
    "source": "counter",
}


class MemberConsents(ApiView):
    @operation(
        id="list_consents",
        tag="Members",
        summary="Read a member's consents and their history",
        description="Each with the words the member saw, their language, where it was said, and which version of the "
        "terms or the privacy notice they had read.",
        scope="members:read",
        answers={200: ConsentHistory},
        refusals=("member_not_found",),
        answer_example={"consents": [CONSENT], "history": [_EVENT]},
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        return ApiAnswer(_consents(call, _member(call, member_id)))

    @operation(
        id="decide_consent",
        tag="Members",
        summary="Record that a member agrees to something, or withdraws it",
        description="For an unsubscribe link in your own letters, or a yes given to your own form. The same answer again "
        "changes nothing. The terms and the privacy notice are agreed to by joining and end by leaving. Others hear of it "
        "by the event `consent.changed`.",
        scope="members:write",
        body=ConsentDecision,
        answers={200: ConsentHistory},
        refusals=("member_not_found", "invalid"),
        examples={"unsubscribed": {"consent": "marketing_email", "is_granted": False}},
        answer_example={"consents": [CONSENT], "history": [_EVENT]},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = _member(call, member_id)
        consent.decide(
            merchant=call.merchant,
            member=member,
            code=call.body.consent,
            is_granted=call.body.is_granted,
            source="api",
            now=call.now,
            actor=call.actor,
        )
        return ApiAnswer(_consents(call, member))


def standing_out(said: Mapping[str, consent.ConsentState]) -> list[ConsentOut]:
    """Translate how a member stands on each consent."""
    return [
        ConsentOut(
            consent=each.code,  # type: ignore[arg-type]
            is_granted=each.is_granted,
            at=each.at,
            document=each.document or None,
            wording_version=each.wording_version,
        )
        for each in said.values()
        if each.code in consent.CODES
    ]


def _consents(call: Call, member: Member) -> ConsentHistory:
    history = [
        ConsentEvent(
            consent=each.code,
            is_granted=each.is_granted,
            at=each.at,
            wording=each.wording,
            wording_version=each.wording_version,
            document=each.document or None,
            language=each.language,
            source=each.source,
        )
        for each in consent.history(merchant=call.merchant, member=member)
    ]
    return ConsentHistory(
        consents=standing_out(consent.standing(merchant=call.merchant, member=member)), history=history
    )


def _member(call: Call, public_id: str) -> Member:
    return directory.get(merchant=call.merchant, public_id=public_id)
