"""What doors hand over about a person: frozen structs that refuse what they do not know."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

ExternalId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+\Z",
        description="Your own id for the member: visible ASCII, unique at the merchant.",
        examples=["crm-1024"],
    ),
]
PersonName = Annotated[str, Meta(max_length=200, examples=["Mina Park"])]
Email = Annotated[str, Meta(min_length=3, max_length=254, examples=["mina@example.org"])]
Phone = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=40,
        description="As typed, or E.164; a number without country code is one of the merchant's country.",
        examples=["010-1234-5678"],
    ),
]
Birthday = Annotated[
    str,
    Meta(
        pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z",
        description="Month and day; the year is nobody's business.",
        examples=["02-29"],
    ),
]
Language = Annotated[str, Meta(pattern=r"^(en|ko|zh-hant)\Z", description="en, ko or zh-hant.", examples=["ko"])]
CardNumber = Annotated[
    str,
    Meta(
        min_length=4, max_length=64, description="What the till scans: letters, digits, dashes.", examples=["9000-1234"]
    ),
]
Note = Annotated[str, Meta(max_length=1000)]
AttributeName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
AttributeValue = Annotated[str, Meta(max_length=200)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | bool
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Meta(
        max_length=50, description="Facts of your own about the member, kept as they are.", examples=[{"vegan": True}]
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="With its offset, such as 2026-11-21T18:04:00+09:00.")]
MemberId = Annotated[str, Meta(min_length=1, max_length=40, examples=["mem_0123456789abcdef"])]
MemberCode = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=40,
        description="The member's short code, or the moving one scanned from their phone.",
        examples=["M4K7-92QX"],
    ),
]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all inputs share: frozen, no unknown fields, absent fields left out."""


class NewMember(Input, frozen=True, kw_only=True):
    """Who joins. Everything may be left out: a member may be a card and nothing else."""

    external_id: ExternalId | None = None
    name: PersonName | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    birthday: Birthday | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET
    card: CardNumber | None = None
    location: Annotated[str, Meta(max_length=60, description="Where they joined: the location's code.")] | None = None
    joined_at: Annotated[Instant, Meta(description="When they joined, if not now.")] | None = None
    referred_by: Annotated[MemberCode, Meta(description="Short code of the member who brought them.")] | None = None
    consents: Annotated[
        tuple[Annotated[str, Meta(max_length=30)], ...],
        Meta(
            max_length=10, description="Purposes agreed to, of the boxes shown: terms, marketing.", examples=[["terms"]]
        ),
    ] = ()


class MemberChanges(Input, frozen=True, kw_only=True):
    """What changes about a member: a field left out stays, null empties it."""

    external_id: ExternalId | UnsetType | None = UNSET
    name: PersonName | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    birthday: Birthday | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET


class Reference(Input, frozen=True, kw_only=True):
    """How a member is known to the caller: exactly one of these."""

    id: MemberId | None = None
    external_id: ExternalId | None = None
    card: CardNumber | None = None
    phone: Phone | None = None
    email: Email | None = None
    code: MemberCode | None = None

    def given(self) -> dict[str, Any]:
        """This method will name what was given."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
