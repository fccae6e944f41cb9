"""A member's data to take along: everything kept about them as JSON, and the whole ledger as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from engagement import missing, surveys
from loyalty.portal import screens
from loyalty.portal.session import member_of, member_required, now_of
from loyalty.tenant import merchant_of
from members import cards, consent
from merchants import ids, keys
from rewards import balances, documents, redemptions
from rewards.balances import EntryView
from rewards.purchases import finding

_AT_ONCE = 200
_COLUMNS = (
    "seq", "occurred_at", "recorded_at", "kind", "balance_change", "held_change", "pending_change", "debt_change",
    "balance_after", "document_kind", "document_id", "external_id", "rules", "terms_version", "location", "reason",
)  # fmt: skip
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@require_GET
@member_required
def as_json(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give everything kept about the member, in one document."""
    merchant, member, now = merchant_of(request), member_of(request), now_of(request)
    balance = screens.balance_of(request)
    said = consent.standing(merchant=merchant, member=member)
    namespaces = keys.namespaces(merchant)
    document = {
        "merchant": merchant.name,
        "written_at": now,
        "points_decimals": promised.points.decimals if (promised := screens.terms_of(request)) else 0,
        "member": {
            "id": member.public_id,
            "code": ids.grouped(member.code),
            "external_id": member.external_id,
            "name": member.name,
            "email": member.email,
            "phone": member.phone,
            "birthday": f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month else None,
            "language": member.language,
            "attributes": member.attributes,
            "joined_at": member.joined_at,
        },
        "cards": [{"number": card.number, "issued_at": card.issued_at, "blocked_at": card.blocked_at}
                  for card in cards.of(member)],
        "consents": [msgspec.to_builtins(each) for each in said.values()],
        "balance": balance,
        "lots": balances.lots(merchant=merchant, member_id=member.pk, now=now, is_open=False),
        "ledger": [{name: getattr(entry, name) for name in _COLUMNS} for entry in _entries(request)],
        "purchases": [_purchase(each, namespaces) for each in _purchases(request)],
        "redemptions": [_redemption(each) for each in _redemptions(request)],
        "answers": list(_answers(request)),
        "missing_points": [
            {"bought_on": each.bought_on, "amount_minor": each.amount_minor, "receipt": each.receipt,
             "state": each.state, "points": each.points, "asked_at": each.asked_at}
            for each in missing.of_member(merchant=merchant, member=member)
        ],
    }  # fmt: skip
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return _file(request, body, "json", "application/json")


@require_GET
@member_required
def as_csv(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give every entry of the member's ledger as a row."""
    text = io.StringIO(newline="")
    # With a byte order mark, spreadsheets read Korean and Chinese as what they are.
    text.write("\ufeff")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for entry in _entries(request):
        table.writerow([_cell(getattr(entry, name)) for name in _COLUMNS])
    return _file(request, text.getvalue().encode(), "csv", "text/csv; charset=utf-8")


def _entries(request: HttpRequest) -> Iterator[EntryView]:
    """All entries, oldest last, a page at a time, under the numbers their papers carry."""
    namespaces = keys.namespaces(merchant_of(request))
    before: int | None = None
    while True:
        rows = balances.ledger(
            merchant=merchant_of(request), member_id=member_of(request).pk, limit=_AT_ONCE, before_seq=before
        )
        for row in rows:
            yield replace(row, external_id=documents.number_given(row.external_id, namespaces) or None)
        if len(rows) < _AT_ONCE:
            return
        before = rows[-1].seq


def _purchases(request: HttpRequest) -> Iterator[finding.PurchaseView]:
    before: tuple[datetime, int] | None = None
    while True:
        rows = finding.of_member(
            merchant=merchant_of(request), member_id=member_of(request).pk, limit=finding.PAGE_MAX, before=before
        )
        yield from rows
        if len(rows) < finding.PAGE_MAX:
            return
        before = rows[-1].occurred_at, rows[-1].id


def _redemptions(request: HttpRequest) -> Iterator[redemptions.View]:
    before: int | None = None
    while True:
        rows = redemptions.listed(
            merchant=merchant_of(request), member_id=member_of(request).pk, now=now_of(request), limit=_AT_ONCE,
            before_id=before,
        )  # fmt: skip
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        before = rows[-1].id


def _answers(request: HttpRequest) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = surveys.answers(
            merchant=merchant_of(request), member=member_of(request).public_id, after=after, limit=200
        )
        for each in page.answers:
            yield {
                "score": each.score,
                "comment": each.comment,
                "purchase": each.purchase,
                "answered_at": each.answered_at,
            }
        if page.next is None:
            return
        after = page.next


def _purchase(view: finding.PurchaseView, namespaces: Sequence[str]) -> dict[str, Any]:
    return {
        "id": view.public_id,
        "external_id": documents.number_given(view.external_id, namespaces) or None,
        "location": view.location,
        "occurred_at": view.occurred_at,
        "currency": view.currency,
        "total_minor": view.total_minor,
        "refunded_minor": view.refunded_minor,
        "points_earned": view.points_earned,
        "points_clawed_back": view.points_clawed_back,
        "lines": [{"sku": line.sku, "category": line.category, "quantity_milli": line.quantity_milli,
                   "amount_minor": line.amount_minor, "refunded_minor": line.refunded_minor} for line in view.lines],
    }  # fmt: skip


def _redemption(view: redemptions.View) -> dict[str, Any]:
    return {
        "id": view.public_id,
        "reward": view.reward or None,
        "state": view.state,
        "points": view.points,
        "amount_minor": view.amount_minor,
        "occurred_at": view.occurred_at,
        "ended_at": view.ended_at,
    }


def _cell(value: Any) -> str:
    """One cell as text; what looks like a formula is made plain text, numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        value = " ".join(str(each) for each in value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _file(request: HttpRequest, body: bytes, kind: str, content_type: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    name = f"{merchant_of(request).slug}-{now_of(request):%Y-%m-%d}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
