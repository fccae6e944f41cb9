"""The programme as data: the draft, its publication, the versions, and a basket tried on it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import get_language
from msgspec import Meta, structs

from loyalty.api.framework import pages
from loyalty.api.framework.operations import KIB, ApiAnswer, Call, operation, shown
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import TraceStep
from merchants import money, shapes
from merchants.errors import LoyaltyError
from rewards import programmes
from rewards.earning import Basket, Facts, Grant, Line
from rewards.programmes import Draft, InvalidProgramme
from rewards.purchases import LineInput
from rewards.sales.inputs import Rounding, SignedMoney
from rewards.sales.sale import checked_lines
from rewards.terms import Description, Terms, TermsWording, parse, templates

#: As it was saved, field for field; what it may hold is `Terms`.
TermsDocument = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/Terms"})]


class DraftInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole document, and the revision it was made from (left out: over whatever is there)."""

    document: Terms
    revision: Annotated[int, Meta(ge=0)] | None = None


class _SentDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The draft before its document is read, so that every fault in it is named as the console names it."""

    document: dict[str, Any]
    revision: Annotated[int, Meta(ge=0)] | None = None


class DraftOut(msgspec.Struct, frozen=True, kw_only=True):
    """The document being worked on; `differs` from what was published last."""

    document: TermsDocument
    revision: int
    based_on: int | None
    differs: bool
    updated_at: datetime | None
    updated_by: str
    currency: Annotated[str, Meta(description="What the merchant sells in; amounts are its minor units.")] = ""
    currency_digits: Annotated[
        int, Meta(description="How many minor digits ISO counts: with 2, 150 dollars are sent as 15000.")
    ] = 0
    cash_digits: Annotated[
        int, Meta(description="How many of them prices and cash have: TWD has 2, and prices show none.")
    ] = 0
    described: Annotated[
        list[Description],
        Meta(description="What the document says, part by part, in the language of Accept-Language."),
    ] = []


class PublishInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it takes effect (left out: now) and a note for the list of versions."""

    effective_from: Annotated[datetime, Meta(tz=True)] | None = None
    note: Annotated[str, Meta(max_length=500)] = ""


class RollBackInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note for the list of versions."""

    note: Annotated[str, Meta(max_length=500)] = ""


class VersionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A published version; it never changes."""

    number: int
    effective_from: datetime
    published_at: datetime
    published_by: str
    note: str
    rolled_back_to: int | None
    document: TermsDocument


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, newest first."""

    data: list[VersionOut]
    next_cursor: str | None


class BasketInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A basket to try, and who is thought to buy it."""

    total_minor: SignedMoney
    rounding_minor: Rounding = 0
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    lines: Annotated[tuple[LineInput, ...], Meta(max_length=100)] = ()
    channel: Annotated[str, Meta(max_length=30)] | None = None
    tax_minor: SignedMoney = 0
    tier: Annotated[str, Meta(max_length=40)] | None = None
    ordinal: Annotated[int, Meta(ge=1, le=10**6, description="The member's n-th purchase.")] = 1
    joined_on: date | None = None


class TrialInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A basket, and the document to try it on (left out: the draft)."""

    basket: BasketInput
    document: Terms | None = None


class _SentTrial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    basket: BasketInput
    document: dict[str, Any] | None = None


class GrantOut(msgspec.Struct, frozen=True, kw_only=True):
    """Points that would become one lot."""

    points: int
    active_at: datetime
    expires_at: datetime | None


class TrialOut(msgspec.Struct, frozen=True, kw_only=True):
    """What it would earn, and why: as data, and in the language of Accept-Language."""

    points: int
    qualifying_points: int
    grants: list[GrantOut]
    trace: list[TraceStep]
    why: list[str]


_DOCUMENT = {**templates("KRW")["simple"], "name": "Beans"}
_DRAFT = {
    "document": _DOCUMENT,
    "revision": 4,
    "based_on": 2,
    "differs": True,
    "updated_at": "2025-11-21T09:04:00Z",
    "updated_by": "Head office",
    "currency": "KRW",
    "currency_digits": 0,
    "cash_digits": 0,
    "described": [
        {
            "key": "earning",
            "title": "Earning",
            "parts": [{"key": "rule base", "title": "Every order", "says": "1 bean for every ₩100"}],
        },
        {"key": "expiry", "title": "When points end", "says": "points never end"},
    ],
}
_VERSION = {
    "number": 3,
    "effective_from": "2025-12-01T00:00:00Z",
    "published_at": "2025-11-21T09:04:00Z",
    "published_by": "Head office",
    "note": "Double points on weekends",
    "rolled_back_to": None,
    "document": _DOCUMENT,
}
_BYTES_MAX = 1024 * KIB


class Programme(ApiView):
    @operation(
        id="get_programme",
        tag="Programme",
        summary="Read the draft",
        description="Before the first save it is what is published, or the simplest template.",
        scope="programme:read",
        answers={200: DraftOut},
        answer_example=_DRAFT,
    )
    def get(self, call: Call) -> ApiAnswer:
        return ApiAnswer(_draft(call, programmes.draft(merchant=call.merchant)))

    @operation(
        id="save_programme",
        tag="Programme",
        summary="Replace the draft",
        description="Nothing changes for members until it is published. Every fault is named at its place.",
        scope="programme:write",
        body=_SentDraft,
        described_body=DraftInput,
        answers={200: DraftOut},
        refusals=("invalid_programme", "draft_moved"),
        examples={"points_for_money": {"document": _DOCUMENT}},
        answer_example=_DRAFT,
        bytes_max=_BYTES_MAX,
    )
    def put(self, call: Call) -> ApiAnswer:
        try:
            saved = programmes.save_draft(
                merchant=call.merchant,
                document=call.body.document,
                revision=call.body.revision,
                now=call.now,
                actor=call.actor,
            )
        except InvalidProgramme as refusal:
            raise _within(refusal, "/document") from None
        return ApiAnswer(_draft(call, saved))


class Publications(ApiView):
    @operation(
        id="publish_programme",
        tag="Programme",
        summary="Publish the draft",
        description="It becomes the next version, in force from `effective_from`. Sales made before are not evaluated "
        "again. Only a merchant's first version may begin in the past.",
        scope="programme:write",
        body=PublishInput,
        answers={201: VersionOut},
        refusals=("invalid_programme", "nothing_to_publish", "invalid"),
        examples={"now": {"note": "Double points on weekends"}},
        answer_example=_VERSION,
    )
    def post(self, call: Call) -> ApiAnswer:
        published = programmes.publish(
            merchant=call.merchant,
            now=call.now,
            actor=call.actor,
            effective_from=call.body.effective_from,
            note=call.body.note,
        )
        return ApiAnswer(shown(VersionOut, published), status=201)


class Versions(ApiView):
    @operation(
        id="list_programme_versions",
        tag="Programme",
        summary="List what was published",
        scope="programme:read",
        query=PageQuery,
        query_examples={"limit": 50},
        answers={200: VersionPage},
        answer_example={"data": [_VERSION], "next_cursor": None},
    )
    def get(self, call: Call) -> ApiAnswer:
        # One more than a page is read to know whether there is a next one, and the verb gives no more than a page.
        limit = min(call.query.limit, pages.LIMIT_MAX - 1)
        rows = programmes.published(merchant=call.merchant, before=call.query.after(pages.Number), limit=limit + 1)
        rows_shown, following = pages.cut(rows, limit, lambda version: version.number)
        return ApiAnswer(VersionPage(data=[shown(VersionOut, row) for row in rows_shown], next_cursor=following))


class RollBacks(ApiView):
    @operation(
        id="roll_programme_back",
        tag="Programme",
        summary="Publish an earlier version again",
        description="As a new version, from now on; the draft becomes it too.",
        scope="programme:write",
        body=RollBackInput,
        answers={201: VersionOut},
        refusals=("version_not_found", "nothing_to_publish", "invalid_programme"),
        examples={"oops": {"note": "The weekend rule gave too much"}},
        answer_example={**_VERSION, "rolled_back_to": 1},
    )
    def post(self, call: Call, number: int) -> ApiAnswer:
        published = programmes.roll_back(
            merchant=call.merchant, number=number, now=call.now, actor=call.actor, note=call.body.note
        )
        return ApiAnswer(shown(VersionOut, published), status=201)


class Trials(ApiView):
    @operation(
        id="try_programme",
        tag="Programme",
        summary="Try a basket on the draft, or on any document",
        description="Writes nothing.",
        scope="programme:read",
        body=_SentTrial,
        described_body=TrialInput,
        answers={200: TrialOut},
        refusals=("invalid_programme", "invalid"),
        examples={
            "two_lattes": {
                "basket": {"total_minor": 9600, "lines": [{"sku": "latte", "quantity": 2, "amount_minor": 9600}]}
            }
        },
        answer_example={
            "points": 96,
            "qualifying_points": 96,
            "grants": [{"points": 96, "active_at": "2025-11-21T09:04:00Z", "expires_at": None}],
            "trace": [{"code": "gave", "rule": "base", "points": 96, "data": {"amount_minor": 9600}}],
            "why": ["1 point for each 100 won: 96 points"],
        },
        bytes_max=_BYTES_MAX,
    )
    def post(self, call: Call) -> ApiAnswer:
        asked: BasketInput = call.body.basket
        try:
            tried = programmes.simulate(
                merchant=call.merchant,
                document=call.body.document,
                basket=_basket(asked, call),
                facts=Facts(tier=asked.tier, ordinal=asked.ordinal, joined_on=asked.joined_on),
                language=get_language() or "en",
            )
        except InvalidProgramme as refusal:
            raise _within(refusal, "/document") from None
        found = tried.evaluation
        return ApiAnswer(
            TrialOut(
                points=found.points,
                qualifying_points=found.qualifying_points,
                grants=[_grant(grant) for grant in found.grants],
                trace=msgspec.convert(msgspec.to_builtins(found.trace), list[TraceStep]),
                why=list(tried.words),
            )
        )


def _draft(call: Call, draft: Draft) -> DraftOut:
    """The draft, and how many digits the amounts in it have."""
    currency = call.merchant.currency
    say = TermsWording(parse(draft.document), get_language() or "en", for_staff=True)
    return structs.replace(
        shown(DraftOut, draft), currency=currency, currency_digits=money.exponent(currency),
        cash_digits=money.cash_digits(currency), described=list(say.described().values()),
    )  # fmt: skip


def _basket(asked: BasketInput, call: Call) -> Basket:
    try:
        sold = checked_lines(asked)
    except LoyaltyError as refusal:
        refusal.pointer = f"/basket{refusal.pointer}"
        raise
    lines = [
        Line(
            id=line.id, sku=line.sku, category=line.category, labels=tuple(line.labels), kind=line.kind,
            quantity_milli=line.quantity_milli, amount_minor=line.amount_minor, discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
        )
        for line in sold
    ]  # fmt: skip
    return Basket(
        occurred_at=asked.occurred_at or call.now,
        currency=call.merchant.currency,
        total_minor=asked.total_minor,
        rounding_minor=asked.rounding_minor,
        lines=tuple(lines),
        channel=asked.channel,
    )


def _within(refusal: InvalidProgramme, pointer: str) -> InvalidProgramme:
    faults = [shapes.ShapeFault(pointer + fault.pointer, fault.code, fault.detail) for fault in refusal.faults]
    return InvalidProgramme(refusal.detail, faults)


def _grant(grant: Grant) -> GrantOut:
    return GrantOut(points=grant.points, active_at=grant.active_at, expires_at=grant.expires_at)
