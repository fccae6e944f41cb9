"""Members: enrol, find, read, change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from django.utils.translation import gettext as _
from msgspec import Meta

from loyalty.api.consents import CONSENT, ConsentOut, standing_out
from loyalty.api.framework import pages
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.problems import ScopeMissing
from loyalty.api.framework.views import ApiView
from members import cards, claim_states, consent, directory, registration
from members.claim_states import ClaimState
from members.directory import Member
from members.inputs import CardNumber, Email, ExternalId, MemberChanges, MemberCode, NewMember, Phone, Reference
from merchants import ids
from rewards import enrolment


class CardOut(msgspec.Struct, frozen=True, kw_only=True):
    """A number a till can scan."""

    number: str
    is_blocked: bool
    issued_at: datetime


class MemberOut(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the merchant knows them. `code` is short, to be said aloud, and collects; `birthday` is MM-DD.

    `referral_code` is for inviting friends: `referred_by` takes it, and nothing else does.
    """

    id: str
    external_id: str | None
    code: str
    referral_code: Annotated[str, Meta(description="For inviting friends; only `referred_by` takes it.")]
    name: str
    email: str | None
    phone: str | None
    birthday: str | None
    language: str
    note: str
    attributes: dict[str, str | int | bool]
    state: Literal["active", "blocked", "merged", "erased"]
    is_spending_stopped: Annotated[bool, Meta(description="By the member or the shop's staff; points are collected.")]
    claim_state: Annotated[
        ClaimState,
        msgspec.Meta(
            description="Whether a person signs in to the membership: nobody ever (`unclaimed`), somebody (`claimed`), or "
            "nobody for a year (`dormant`): whoever proves its contact then may be somebody else, and is asked."
        ),
    ]
    leaves_at: Annotated[
        datetime | None,
        msgspec.Meta(
            description="They asked to leave: erased from then on. Until then they earn, spend, and may stay."
        ),
    ]
    joined_at: datetime
    changed_at: datetime
    cards: list[CardOut]
    consents: list[ConsentOut]


class EnrolledOut(MemberOut, frozen=True, kw_only=True):
    """The member, the points given for joining, and what became of `referred_by`.

    `referral` is `open` until the first purchase, `qualified` once it has paid, `undone` by a refund; `refused` when the
    member's mailbox is another member's already (a plus-address, say): nobody is paid for bringing somebody twice.
    """

    points_given: Annotated[int, Meta(description="For joining; 0 for who was a member already.")] = 0
    referral: Annotated[
        Annotated[str, Meta(pattern="^(open|qualified|undone|refused)$")] | None,
        Meta(description="What became of `referred_by`; null without one."),
    ] = None


class MemberPage(msgspec.Struct, frozen=True, kw_only=True):
    """Members, newest first."""

    data: list[MemberOut]
    next_cursor: str | None


Silent = Annotated[
    bool,
    msgspec.Meta(
        description="Tell nobody of a contact that changes, as when members are brought over from another system. "
        "Needs the scope `members:import`."
    ),
]


class Enrolment(NewMember, frozen=True, kw_only=True):
    """Who joins. Everything may be left out: a member may be a card and nothing else."""

    silent: Silent = False


class MemberPatch(MemberChanges, frozen=True, kw_only=True):
    """What changes about a member: a field left out stays, null empties it."""

    silent: Silent = False


class MemberQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either a page of all members, or the one known by exactly one of these."""

    external_id: ExternalId | None = None
    card: CardNumber | None = None
    phone: Phone | None = None
    email: Email | None = None
    code: MemberCode | None = None
    changed_since: (
        Annotated[
            datetime,
            msgspec.Meta(
                tz=True,
                description="Members changed since then, oldest change first, blocked, merged and erased ones too. "
                "A change shows up to a minute after its time: begin five minutes before your last reading.",
            ),
        ]
        | None
    ) = None


CARD = {"number": "9000-1234", "is_blocked": False, "issued_at": "2025-03-04T01:15:00Z"}
EXAMPLE = {
    "id": "mem_7k2m9x4q8w3t6v1p",
    "external_id": "crm-1024",
    "code": "M4K7-92QX",
    "referral_code": "JOIN-7K4M-92A",
    "name": "Mina Park",
    "email": "mina@example.org",
    "phone": "+821012345678",
    "birthday": "02-29",
    "language": "ko",
    "note": "",
    "attributes": {"vegan": True},
    "state": "active",
    "is_spending_stopped": False,
    "claim_state": "claimed",
    "leaves_at": None,
    "joined_at": "2025-03-04T01:15:00Z",
    "changed_at": "2025-06-01T08:00:00Z",
    "cards": [CARD],
    "consents": [CONSENT, {**CONSENT, "consent": "privacy", "document": "privacy:2"}],
}
_CONTACTS = ("contact_unreadable", "contact_taken", "invalid_birthday", "invalid_card")


class Members(ApiView):
    @operation(
        id="enrol_member",
        tag="Members",
        summary="Enrol a member, or bring one up to date",
        description="With an `external_id` that is known already, the fields sent are changed and 200 is answered; "
        "otherwise a member is made, with an account, the first tier and the points for joining, and 201 is answered. "
        "A phone, e-mail or card that another member has is refused without saying whose it is. Contacts of a member who "
        "signs in are changed as by `PATCH /members/{id}` only. Who brought a member who is there already can be set while "
        "none of their purchases stands.",
        scope="members:write",
        body=Enrolment,
        answers={200: EnrolledOut, 201: EnrolledOut},
        refusals=(
            *_CONTACTS,
            "card_blocked",
            "identifier_missing",
            "invalid",
            "unknown_location",
            "unknown_referrer",
            "already_referred",
            "external_id_taken",
            "member_erased",
            "contact_is_members_own",
            "scope_missing",
        ),
        examples={
            "phone_at_the_till": {"phone": "010-1234-5678", "consents": ["terms", "privacy"]},
            "from_a_crm": {
                "external_id": "crm-1024",
                "name": "Mina Park",
                "email": "mina@example.org",
                "birthday": "02-29",
                "language": "ko",
                "card": "9000-1234",
                "attributes": {"vegan": True},
            },
            "brought_by_a_friend": {"phone": "010-2345-6789", "referred_by": "JOIN-7K4M-92A"},
        },
        answer_example={**EXAMPLE, "points_given": 100, "referral": None},
    )
    def post(self, call: Call) -> ApiAnswer:
        enrolled = enrolment.enrol(
            merchant=call.merchant, details=joining_here(call, call.body), source="api", actor=call.actor, now=call.now,
            contact_right=contact_right(call, silent=call.body.silent),
        )  # fmt: skip
        answer = EnrolledOut(
            **msgspec.structs.asdict(shown(call, enrolled.member)), points_given=enrolled.points_given,
            referral=enrolled.referral or None,
        )  # fmt: skip
        return ApiAnswer(answer, status=201 if enrolled.is_new else 200)

    @operation(
        id="list_members",
        tag="Members",
        summary="List members, or find one",
        description="Without a parameter, all members in pages, newest first. With exactly one of external_id, card, "
        "phone, email or code: the one member, or an empty list. With `changed_since`: what to bring your copy up to date "
        "with, a withdrawn consent or an erasure among it. Addresses end up in the logs of proxies; "
        "`POST /members/lookup` keeps them in the body.",
        scope="members:read",
        query=MemberQuery,
        query_examples={"limit": 50, "code": "M4K7-92QX"},
        answers={200: MemberPage},
        refusals=("ambiguous_reference", "contact_unreadable", "invalid_card", "card_blocked", "live_code_expired"),
        answer_example={"data": [EXAMPLE], "next_cursor": None},
    )
    def get(self, call: Call) -> ApiAnswer:
        query: MemberQuery = call.query
        reference = Reference(
            external_id=query.external_id, card=query.card, phone=query.phone, email=query.email, code=query.code
        )
        if reference.given() and query.changed_since is not None:
            raise directory.AmbiguousReference(
                _("Ask for one member, or for those that changed; not for both."), pointer="/changed_since"
            )
        if reference.given():
            member = directory.find(merchant=call.merchant, reference=reference, now=call.now)
            return ApiAnswer(MemberPage(data=[shown(call, member)] if member else [], next_cursor=None))
        after = query.after(tuple[datetime, pages.Number])
        common: dict[str, Any] = {"merchant": call.merchant, "limit": query.limit + 1, "after": after}
        if query.changed_since is not None:
            rows, by = directory.changed(since=query.changed_since, **common), "changed_at"
        else:
            rows, by = directory.page(**common), "joined_at"
        rows, following = pages.cut(rows, query.limit, lambda member: (getattr(member, by), member.pk))
        said = consent.standing_of(merchant=call.merchant, member_ids=[member.pk for member in rows])
        data = [shown(call, member, said.get(member.pk, {})) for member in rows]
        return ApiAnswer(MemberPage(data=data, next_cursor=following))


class MemberLookup(ApiView):
    @operation(
        id="look_member_up",
        tag="Members",
        summary="Find one member by card, phone, e-mail, code or external_id",
        description="What was scanned or said stays in the body and out of everybody's logs.",
        scope="members:read",
        body=Reference,
        answers={200: MemberOut},
        refusals=(
            "member_not_found",
            "ambiguous_reference",
            "contact_unreadable",
            "invalid_card",
            "card_blocked",
            "live_code_expired",
        ),
        examples={
            "phone": {"phone": "010-1234-5678"},
            "code": {"code": "M4K7-92QX"},
            "moving_code_of_the_phone": {"code": "LIVE-M4K792QX-2A7K4M-7KQ2M4XP9W"},
        },
        answer_example=EXAMPLE,
    )
    def post(self, call: Call) -> ApiAnswer:
        return ApiAnswer(shown(call, directory.get_by(merchant=call.merchant, reference=call.body, now=call.now)))


class OneMember(ApiView):
    @operation(
        id="get_member",
        tag="Members",
        summary="Read a member",
        description="The id of a member who was merged into another answers with the other.",
        scope="members:read",
        answers={200: MemberOut},
        refusals=("member_not_found",),
        answer_example=EXAMPLE,
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        return ApiAnswer(shown(call, member_of(call, member_id)))

    @operation(
        id="change_member",
        tag="Members",
        summary="Change a member",
        description="Only the fields sent are changed; null empties a field. E-mail and phone of a member who signs in "
        "(`claim_state` is not `unclaimed`) take the scope `members:contacts`, and the old contact is told; with "
        "`members:import` and `silent` nobody is.",
        scope="members:write",
        body=MemberPatch,
        answers={200: MemberOut},
        refusals=(
            "member_not_found",
            *_CONTACTS,
            "external_id_taken",
            "member_erased",
            "contact_is_members_own",
            "scope_missing",
        ),
        examples={"new_phone": {"phone": "010-9876-5432"}, "forget_the_birthday": {"birthday": None}},
        answer_example=EXAMPLE,
    )
    def patch(self, call: Call, member_id: str) -> ApiAnswer:
        member = registration.update(
            merchant=call.merchant,
            member=member_of(call, member_id),
            changes=call.body,
            actor=call.actor,
            now=call.now,
            contact_right=contact_right(call, silent=call.body.silent),
        )
        return ApiAnswer(shown(call, member))


def joining_here(call: Call, details: NewMember) -> NewMember:
    """Let who names no location join at the key's own."""
    if details.location is None and call.key.location_code:
        return msgspec.structs.replace(details, location=call.key.location_code)
    return details


def contact_right(call: Call, *, silent: bool) -> registration.ContactRight:
    """Say what the key may do with the contacts of members who sign in; silence is asked for by the call itself."""
    is_import = "members:import" in call.key.scopes
    if silent:
        if not is_import:
            raise ScopeMissing(_("`silent` needs a key with the scope members:import."), scope="members:import")
        return "silent"
    return "told" if is_import or "members:contacts" in call.key.scopes else "refused"


def member_of(call: Call, public_id: str) -> Member:
    """Find the member an address names."""
    return directory.get(merchant=call.merchant, public_id=public_id)


def shown(call: Call, member: Member, said: Mapping[str, consent.ConsentState] | None = None) -> MemberOut:
    """Translate a member for the outside; `said` is how they stand on consents, where it was read for many at once."""
    if said is None:
        said = consent.standing(merchant=call.merchant, member=member)
    return MemberOut(
        id=member.public_id,
        external_id=member.external_id,
        code=ids.grouped(member.code),
        referral_code=ids.grouped(member.referral_code),
        name=member.name,
        email=member.email,
        phone=member.phone,
        birthday=f"{member.birth_month:02d}-{member.birth_day:02d}" if member.birth_month else None,
        language=member.language,
        note=member.note,
        attributes=member.attributes,
        state=cast(Any, member.state),
        is_spending_stopped=member.spending_stopped_at is not None,
        claim_state=claim_states.of(member, now=call.now),
        leaves_at=member.leaves_at,
        joined_at=member.joined_at,
        changed_at=member.changed_at,
        cards=cards_of(member),
        consents=standing_out(said),
    )


def cards_of(member: Member) -> list[CardOut]:
    return [card_out(card) for card in cards.of(member)]


def card_out(card: cards.Card) -> CardOut:
    return CardOut(number=card.number, is_blocked=card.blocked_at is not None, issued_at=card.issued_at)
