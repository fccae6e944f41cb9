"""What entry points hand over about a person: frozen structs that refuse what they do not know."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

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
        pattern=r"^([0-9]{4}|[0-9]{1,2}[-./][0-9]{1,2})\Z",
        description="Month and day; the year is nobody's business. 02-29 is how it is answered; 0229, 2.29 and 2/29, month "
        "first, are read as well.",
        examples=["02-29"],
    ),
]
Language = Annotated[str, Meta(pattern=r"^(en|ko|zh-hant)\Z", description="en, ko or zh-hant.", examples=["ko"])]
CardNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        description="What the till scans or somebody reads aloud: 4 to 64 letters, digits and dashes. Spaces, dashes, dots, "
        "case, full width, what scanners add, and a keyboard in Korean or Bopomofo make no difference; nor do O and 0, or "
        "I, L and 1.",
        examples=["9000-1234"],
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
        max_length=80,
        description="The member's short code, or the moving one scanned from their phone.",
        examples=["M4K7-92QX"],
    ),
]


ConsentCode = Literal[
    "terms", "privacy", "marketing_email", "marketing_sms", "marketing_push", "night_marketing", "profiling"
]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all bodies share: frozen, no unknown fields, absent fields left out, also of the fingerprint."""


class NewMember(Input, frozen=True, kw_only=True):
    """Who joins, and one thing at least to find them by: a phone, an e-mail, a card or an `external_id`."""

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
    referred_by: (
        Annotated[
            str,
            Meta(
                min_length=4,
                max_length=40,
                description="The code for inviting friends of the member who brought them.",
                examples=["JOIN-7K4M-92A"],
            ),
        ]
        | None
    ) = None
    consents: Annotated[
        tuple[ConsentCode, ...],
        Meta(
            max_length=10,
            description="What they agreed to, each asked apart: `terms` and `privacy` (the notice) first. Counts when "
            "the member is made; later changes go to `/members/{id}/consents`, so that a repeated enrolment never takes "
            "a withdrawal back.",
            examples=[["terms", "privacy"]],
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
    """How a member is named, in every call: exactly one of these.

    `id` is ours, `external_id` yours; `card` is what the till scans, `phone` and `email` are as people say them; `code` is
    the member's short code or the moving one of their phone.
    """

    id: MemberId | None = None
    external_id: ExternalId | None = None
    card: CardNumber | None = None
    phone: Phone | None = None
    email: Email | None = None
    code: MemberCode | None = None

    def given(self) -> dict[str, Any]:
        """Name what was given."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
