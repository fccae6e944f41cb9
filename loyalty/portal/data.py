"""A member's data to take along: everything kept about them as JSON, and the whole ledger as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from engagement import missing, surveys
from loyalty.portal import screens, step_up, steps
from loyalty.portal.session import View, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from members import cards, contact_changes, personal_data
from members.codes import Proof
from merchants import csv_cells, ids, keys
from rewards import balances, documents, redemptions
from rewards import personal_data as rewards_data
from rewards.balances import EntryView
from rewards.purchases import finding

_STEP = "export"
_AT_ONCE = 200
_COLUMNS = (
    "seq", "occurred_at", "recorded_at", "kind", "balance_change", "held_change", "pending_change", "debt_change",
    "balance_after", "document_kind", "document_id", "external_id", "rules", "terms_version", "location", "reason",
)  # fmt: skip


@require_http_methods(["GET", "POST"])
@member_required
def data(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Ask for a fresh code, and offer the files while it is fresh."""
    if not _is_confirmed(request):
        page = step_up.Page(
            title=_("Your data"),
            why=_("Before everything kept about you leaves, we make sure that it is you."),
            action=_("Continue"),
            here=reverse("portal:data", kwargs={"merchant_slug": merchant_slug}),
            back=reverse("portal:me", kwargs={"merchant_slug": merchant_slug}),
        )
        answer = step_up.ask(request, _STEP, "export", page)
        if not isinstance(answer, Proof):
            return answer
        steps.keep(request, _STEP, by=steps.proof_to_keep(answer))
        return redirect("portal:data", merchant_slug=merchant_slug)
    return screens.show(request, "portal/data.html", {"minutes": contact_changes.PROOF_MINUTES_VALID})


def _is_confirmed(request: HttpRequest) -> bool:
    proof = steps.proof_kept(request, steps.kept(request, _STEP).get("by"))
    return contact_changes.is_confirmed(
        merchant=merchant_of(request), member=member_of(request), proof=proof, purpose="export", now=now_of(request)
    )


def _confirmed(view: View) -> View:
    """Let those pass who have just confirmed that it is them; others are led to where they can."""

    @wraps(view)
    def inner(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
        if not _is_confirmed(request):
            return redirect("portal:data", merchant_slug=merchant_slug)
        return view(request, merchant_slug)

    return inner


@require_GET
@member_required
@_confirmed
def as_json(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give everything kept about the member, in one document."""
    merchant, member, now = merchant_of(request), member_of(request), now_of(request)
    balance = screens.balance_of(request)
    namespaces = keys.namespaces(merchant)
    document = {
        "merchant": merchant.name,
        "written_at": now,
        "points_decimals": promised.points.decimals if (promised := screens.terms_of(request)) else 0,
        "member": {
            "id": member.public_id,
            "code": ids.grouped(member.code),
            "referral_code": ids.grouped(member.referral_code),
            "external_id": member.external_id,
            "name": member.name,
            "email": member.email,
            "phone": member.phone,
            "birthday": f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month else None,
            "language": member.language,
            "note_of_the_staff": member.note,
            "attributes": member.attributes,
            "state": member.state,
            "joined_at": member.joined_at,
            "joined_where": member.location.name if member.location else None,
            "changed_at": member.changed_at,
            "email_proved_at": member.email_proved_at,
            "phone_proved_at": member.phone_proved_at,
            "spending_stopped_at": member.spending_stopped_at,
            "leaves_at": member.leaves_at,
            "is_staff": bool(member.seat_id_of_staff),
        },
        "cards": [{"number": card.number, "issued_at": card.issued_at, "blocked_at": card.blocked_at,
                   "blocked_reason": card.blocked_reason}
                  for card in cards.of(member)],
        "balance": balance,
        "lots": balances.lots(merchant=merchant, member_id=member.pk, now=now, is_open=False),
        "ledger": [{name: getattr(entry, name) for name in _COLUMNS} for entry in _entries(request)],
        "purchases": [_purchase(each, namespaces) for each in _purchases(request)],
        "redemptions": [_redemption(each) for each in _redemptions(request)],
        "answers": list(_answers(request)),
        "missing_points": [
            {"bought_on": each.bought_on, "amount_minor": each.amount_minor, "receipt": each.receipt,
             "state": each.state, "points": each.points, "answer": each.reason, "asked_at": each.asked_at,
             "settled_at": each.settled_at}
            for each in missing.of_member(merchant=merchant, member=member)
        ],
        **personal_data.of_member(merchant=merchant, member=member),
        **rewards_data.of_member(merchant=merchant, member=member),
    }  # fmt: skip
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return _file(request, body, "json", "application/json")


@require_GET
@member_required
@_confirmed
def as_csv(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give every entry of the member's ledger as a row."""
    rows = ([_cell(getattr(entry, name)) for name in _COLUMNS] for entry in _entries(request))
    text = "".join(csv_cells.lines([_COLUMNS, *rows]))
    return _file(request, text.encode(), "csv", "text/csv; charset=utf-8")


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
        "rounding_minor": view.rounding_minor,
        "points_earned": view.points_earned,
        "points_clawed_back": view.points_clawed_back,
        "lines": [{"sku": line.sku, "category": line.category, "labels": line.labels, "kind": line.kind,
                   "quantity_milli": line.quantity_milli,
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


def _cell(value: Any) -> csv_cells.Cell:
    """One cell: rules that earned together are one text."""
    return " ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else value


def _file(request: HttpRequest, body: bytes, kind: str, content_type: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    name = f"{merchant_of(request).slug}-{now_of(request):%Y-%m-%d}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
