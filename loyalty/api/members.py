"""Members: enrol, find, read, change; their cards."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engagement import parting
from loyalty.api import pages
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.pages import PageQuery
from loyalty.api.views import ApiView
from members import cards, directory
from members.directory import Member
from members.inputs import (
    CardNumber,
    Email,
    ExternalId,
    Input,
    MemberChanges,
    MemberCode,
    NewMember,
    Phone,
    Reference,
)
from merchants import ids
from rewards import enrolment


class CardOut(msgspec.Struct, frozen=True, kw_only=True):
    """A number a till can scan."""

    number: str
    is_blocked: bool
    issued_at: datetime


class MemberOut(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the merchant knows them. `code` is short, to be said aloud; `birthday` is MM-DD."""

    id: str
    external_id: str | None
    code: str
    name: str
    email: str | None
    phone: str | None
    birthday: str | None
    language: str
    note: str
    attributes: dict[str, str | int | bool]
    state: str
    joined_at: datetime
    cards: list[CardOut]


class MemberPage(msgspec.Struct, frozen=True, kw_only=True):
    """Members, newest first."""

    data: list[MemberOut]
    next_cursor: str | None


class CardPage(msgspec.Struct, frozen=True, kw_only=True):
    """A member's cards, newest first."""

    data: list[CardOut]


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """An id that says nothing about anybody any more."""

    id: str
    state: str = "erased"


class CardInput(Input, frozen=True, kw_only=True):
    """A card to give to the member."""

    number: CardNumber


class CardBlock(Input, frozen=True, kw_only=True):
    """A card to block for ever, and why."""

    number: CardNumber
    reason: str = ""


class MemberQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either a page of all members, or the one known by exactly one of these."""

    external_id: ExternalId | None = None
    card: CardNumber | None = None
    phone: Phone | None = None
    email: Email | None = None
    code: MemberCode | None = None


_CARD = {"number": "9000-1234", "is_blocked": False, "issued_at": "2025-03-04T01:15:00Z"}
_EXAMPLE = {
    "id": "mem_7k2m9x4q8w3t6v1p",
    "external_id": "crm-1024",
    "code": "M4K7-92QX",
    "name": "Mina Park",
    "email": "mina@example.org",
    "phone": "+821012345678",
    "birthday": "02-29",
    "language": "ko",
    "note": "",
    "attributes": {"vegan": True},
    "state": "active",
    "joined_at": "2025-03-04T01:15:00Z",
    "cards": [_CARD],
}
_CONTACTS = ("contact_unreadable", "contact_taken", "invalid_birthday", "invalid_card")


class Members(ApiView):
    @operation(
        id="enrol_member",
        tag="Members",
        summary="Enrol a member, or bring one up to date",
        description="With an `external_id` that is known already, the fields sent are changed and 200 is answered; "
        "otherwise a member is made, with an account, the first tier and the points for joining, and 201 is answered. "
        "A phone, e-mail or card that another member has is refused without saying whose it is.",
        scope="members:write",
        body=NewMember,
        answers={200: MemberOut, 201: MemberOut},
        refusals=(
            *_CONTACTS,
            "invalid",
            "unknown_location",
            "unknown_referrer",
            "external_id_taken",
            "member_erased",
        ),
        examples={
            "phone_at_the_till": {"phone": "010-1234-5678", "consents": ["terms"]},
            "from_a_crm": {
                "external_id": "crm-1024",
                "name": "Mina Park",
                "email": "mina@example.org",
                "birthday": "02-29",
                "language": "ko",
                "card": "9000-1234",
                "attributes": {"vegan": True},
            },
        },
        answer_example=_EXAMPLE,
    )
    def post(self, call: Call) -> Answer:
        details: NewMember = call.body
        if details.location is None and call.key.location_code:
            details = msgspec.structs.replace(details, location=call.key.location_code)
        enrolled = enrolment.enrol(
            merchant=call.merchant, details=details, source="api", actor=call.actor, now=call.now
        )
        return Answer(shown(enrolled.member), status=201 if enrolled.is_new else 200)

    @operation(
        id="list_members",
        tag="Members",
        summary="List members, or find one",
        description="Without a parameter, all members in pages, newest first. With exactly one of external_id, card, "
        "phone, email or code: the one member, or an empty list. Addresses end up in the logs of proxies; "
        "`POST /members/lookup` keeps them in the body.",
        scope="members:read",
        query=MemberQuery,
        query_examples={"limit": 50, "code": "M4K7-92QX"},
        answers={200: MemberPage},
        refusals=("ambiguous_reference", "contact_unreadable", "invalid_card", "card_blocked", "live_code_expired"),
        answer_example={"data": [_EXAMPLE], "next_cursor": None},
    )
    def get(self, call: Call) -> Answer:
        query: MemberQuery = call.query
        reference = Reference(
            external_id=query.external_id, card=query.card, phone=query.phone, email=query.email, code=query.code
        )
        if reference.given():
            member = directory.find(merchant=call.merchant, reference=reference, now=call.now)
            return Answer(MemberPage(data=[shown(member)] if member else [], next_cursor=None))
        rows = directory.page(
            merchant=call.merchant, limit=query.limit + 1, after=query.after(tuple[datetime, pages.Number])
        )
        rows, following = pages.cut(rows, query.limit, lambda member: (member.joined_at, member.pk))
        return Answer(MemberPage(data=[shown(member) for member in rows], next_cursor=following))


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
        answer_example=_EXAMPLE,
    )
    def post(self, call: Call) -> Answer:
        return Answer(shown(directory.get_by(merchant=call.merchant, reference=call.body, now=call.now)))


class OneMember(ApiView):
    @operation(
        id="get_member",
        tag="Members",
        summary="Read a member",
        description="The id of a member who was merged into another answers with the other.",
        scope="members:read",
        answers={200: MemberOut},
        refusals=("member_not_found",),
        answer_example=_EXAMPLE,
    )
    def get(self, call: Call, member_id: str) -> Answer:
        return Answer(shown(member_of(call, member_id)))

    @operation(
        id="change_member",
        tag="Members",
        summary="Change a member",
        description="Only the fields sent are changed; null empties a field.",
        scope="members:write",
        body=MemberChanges,
        answers={200: MemberOut},
        refusals=("member_not_found", *_CONTACTS, "external_id_taken", "member_erased"),
        examples={"new_phone": {"phone": "010-9876-5432"}, "forget_the_birthday": {"birthday": None}},
        answer_example=_EXAMPLE,
    )
    def patch(self, call: Call, member_id: str) -> Answer:
        member = directory.update(
            merchant=call.merchant,
            member=member_of(call, member_id),
            changes=call.body,
            actor=call.actor,
            now=call.now,
        )
        return Answer(shown(member))


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
    def post(self, call: Call, member_id: str) -> Answer:
        parting.leave_by_id(merchant=call.merchant, member=member_id, now=call.now, actor=call.actor)
        return Answer(Erased(id=member_id))


class MemberCards(ApiView):
    @operation(
        id="list_cards",
        tag="Members",
        summary="List a member's cards",
        scope="members:read",
        answers={200: CardPage},
        refusals=("member_not_found",),
        answer_example={"data": [_CARD]},
    )
    def get(self, call: Call, member_id: str) -> Answer:
        return Answer(CardPage(data=_cards(member_of(call, member_id))))

    @operation(
        id="give_card",
        tag="Members",
        summary="Give a member a card",
        description="201 for a card that is new, 200 for one the member has already.",
        scope="members:write",
        body=CardInput,
        answers={200: CardOut, 201: CardOut},
        refusals=("member_not_found", "invalid_card", "contact_taken"),
        examples={"card": {"number": "9000-1234"}},
        answer_example=_CARD,
    )
    def post(self, call: Call, member_id: str) -> Answer:
        card, is_new = cards.issue(
            merchant=call.merchant,
            member=member_of(call, member_id),
            number=call.body.number,
            actor=call.actor,
            now=call.now,
        )
        return Answer(_card(card), status=201 if is_new else 200)


class CardBlocks(ApiView):
    @operation(
        id="block_card",
        tag="Members",
        summary="Block a lost card",
        description="For ever: give the member another one. Blocking it again changes nothing.",
        scope="members:write",
        body=CardBlock,
        answers={200: CardOut},
        refusals=("member_not_found", "card_not_found"),
        examples={"lost": {"number": "9000-1234", "reason": "lost"}},
        answer_example={**_CARD, "is_blocked": True},
    )
    def post(self, call: Call, member_id: str) -> Answer:
        card = cards.block(
            merchant=call.merchant,
            member=member_of(call, member_id),
            number=call.body.number,
            reason=call.body.reason,
            actor=call.actor,
            now=call.now,
        )
        return Answer(_card(card))


def member_of(call: Call, public_id: str) -> Member:
    """This function will find the member an address names."""
    return directory.get(merchant=call.merchant, public_id=public_id)


def shown(member: Member) -> MemberOut:
    """This function will translate a member for the outside."""
    return MemberOut(
        id=member.public_id,
        external_id=member.external_id,
        code=ids.grouped(member.code),
        name=member.name,
        email=member.email,
        phone=member.phone,
        birthday=f"{member.birth_month:02d}-{member.birth_day:02d}" if member.birth_month else None,
        language=member.language,
        note=member.note,
        attributes=member.attributes,
        state=member.state,
        joined_at=member.joined_at,
        cards=_cards(member),
    )


def _cards(member: Member) -> list[CardOut]:
    return [_card(card) for card in cards.of(member)]


def _card(card: cards.Card) -> CardOut:
    return CardOut(number=card.number, is_blocked=card.blocked_at is not None, issued_at=card.issued_at)
