"""Purchases and refunds as callers read them back: by id, by their own id, in lists, and by what changed since.

A list goes from the newest recorded to the oldest.  What changed is told by the transaction that wrote it, so that a
caller who comes back with the mark of last time misses nothing that was being written meanwhile, and may see some of
it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from django.db import connection
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.utils.translation import gettext as _

from members.models import Member
from merchants import ids
from merchants.database import statements
from merchants.errors import NotFound
from merchants.models.merchants import Merchant
from rewards.documents import Since, read_changed
from rewards.models.purchases import Purchase, Refund
from rewards.purchases.finding import PurchaseView, views_of
from rewards.purchases.locking import PurchaseNotFound

PAGE_MAX: Final = 201
State = Literal["waiting", "applied", "refused"]


class RefundNotFound(NotFound):
    """The merchant has no refund by this id."""

    code = "refund_not_found"


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """A purchase as it stands, and the receipt that was answered when it was recorded."""

    id: int
    view: PurchaseView
    receipt: Mapping[str, Any]
    #: Whose it is now, by public id; None for a guest.
    member: str | None
    location: str | None
    terminal: str
    #: The transaction that changed it last, where a list of changes found it.
    changed_by: int = 0


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """A refund as it stands: `waiting` for its purchase, `applied`, or `refused` when that came and did not fit."""

    id: int
    public_id: str
    external_id: str
    state: State
    refusal: str
    purchase: str | None
    purchase_external_id: str
    member: str | None
    amount_minor: int | None
    points_clawed_back: int
    points_restored: int
    debt_made: int
    reason: str
    receipt: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime
    #: The transaction that changed it last.
    changed_by: int


def purchase(*, merchant: Merchant, public_id: str) -> PurchaseRecord:
    """Return one recorded purchase; raises PurchaseNotFound."""
    rows = _purchases(merchant).filter(public_id=public_id) if ids.is_id(public_id, "pur") else Purchase.objects.none()
    found = _records(merchant, rows[:1])
    if not found:
        raise PurchaseNotFound(_("There is no such purchase."))
    return found[0]


def purchases(
    *,
    merchant: Merchant,
    member_ids: Sequence[int] | None = None,
    external_id: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[PurchaseRecord]:
    """List recorded purchases, the newest first, of a member or by the id their sender gave, if asked."""
    rows = _purchases(merchant)
    if member_ids is not None:
        rows = rows.filter(member_id__in=member_ids)
    if external_id is not None:
        rows = rows.filter(external_id=external_id)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    page = rows.order_by("-id")[: max(1, min(limit, PAGE_MAX))]
    if member_ids is None and external_id is None:
        with statements.in_index_order():
            len(page)  # read now
    return _records(merchant, page)


def purchases_changed(*, merchant: Merchant, since: Since, limit: int = 50) -> list[PurchaseRecord]:
    """List purchases recorded, refunded, claimed or moved to another member since a mark, in the order of that."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGED,
            {"merchant": merchant.pk, "xid": max(since.mark, since.after[0]),
             "id": since.after[1] if since.after[0] >= since.mark else 0, "limit": max(1, min(limit, PAGE_MAX))},
        )  # fmt: skip
        changes = {int(identity): int(xid) for xid, identity in cursor.fetchall()}
    found = _records(merchant, _purchases(merchant).filter(id__in=list(changes)), changes)
    return sorted(found, key=lambda record: (record.changed_by, record.id))


# A refund that changed a purchase has a row of its own; both parts walk an index, in its order, no further than asked.
_CHANGED = """
    SELECT xid::text, id FROM (
        (SELECT p.xid, p.id FROM rewards_purchase p WHERE p.merchant_id = %(merchant)s AND p.state = 'recorded'
            AND (p.xid, p.id) > (%(xid)s::text::xid8, %(id)s) ORDER BY p.xid, p.id LIMIT %(limit)s)
        UNION
        (SELECT r.xid, r.purchase_id FROM rewards_refund r WHERE r.merchant_id = %(merchant)s AND r.is_applied
            AND (r.xid, r.purchase_id) > (%(xid)s::text::xid8, %(id)s) ORDER BY r.xid, r.purchase_id LIMIT %(limit)s)
    ) AS c ORDER BY xid, id LIMIT %(limit)s
"""


def refund_of(*, merchant: Merchant, public_id: str) -> RefundRecord:
    """Return one refund; raises RefundNotFound."""
    rows = _refunds(merchant).filter(public_id=public_id) if ids.is_id(public_id, "ref") else Refund.objects.none()
    row = rows.first()
    if row is None:
        raise RefundNotFound(_("There is no such refund."))
    return _refund(row)


def refunds(
    *,
    merchant: Merchant,
    state: State | None = None,
    purchase: str | None = None,
    external_id: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[RefundRecord]:
    """List refunds, the newest first, in one state or of one purchase (by its public id), if asked."""
    rows = _refunds(merchant)
    if state == "applied":
        rows = rows.filter(is_applied=True)
    elif state is not None:
        rows = rows.filter(is_applied=False)
        rows = rows.filter(refusal="") if state == "waiting" else rows.exclude(refusal="")
    if purchase is not None:
        known = Purchase.objects.filter(merchant=merchant, public_id=purchase).values_list("id", flat=True)
        rows = rows.filter(purchase_id__in=list(known))
    if external_id is not None:
        rows = rows.filter(external_id=external_id)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_refund(row) for row in rows.order_by("-id")[: max(1, min(limit, PAGE_MAX))]]


def refunds_changed(*, merchant: Merchant, since: Since, limit: int = 50) -> list[RefundRecord]:
    """List refunds recorded since a mark, and those whose purchase came since, in the order of that."""
    return [_refund(row) for row in read_changed(_refunds(merchant), since, limit=max(1, min(limit, PAGE_MAX)))]


def _purchases(merchant: Merchant) -> QuerySet[Purchase]:
    rows = Purchase.objects.filter(merchant=merchant, state="recorded")
    return rows.select_related("location").annotate(of_member=_member_of("member_id")).defer("facts")


def _member_of(column: str) -> Subquery:
    """Select the public id of the member in a column: once for each row of a page, by the member's key.

    Joined to a merchant of whom PostgreSQL knows nothing yet, it would rather read all their members.
    """
    member = Member.objects.filter(merchant_id=OuterRef("merchant_id"), pk=OuterRef(column))
    return Subquery(member.values("public_id")[:1])


def _records(
    merchant: Merchant, rows: QuerySet[Purchase], changes: Mapping[int, int] | None = None
) -> list[PurchaseRecord]:
    found = list(rows)
    return [
        PurchaseRecord(
            id=row.pk,
            view=view,
            receipt=_decoded(row.receipt),
            member=row.of_member,  # type: ignore[attr-defined]
            location=row.location.code if row.location else None,
            terminal=row.terminal,
            changed_by=(changes or {}).get(row.pk, 0),
        )
        for row, view in zip(found, views_of(merchant, found), strict=True)
    ]


def _refunds(merchant: Merchant) -> QuerySet[Refund]:
    # Joined, a page of a merchant of whom PostgreSQL knows nothing yet would read all their purchases.
    purchases_of_page = Purchase.objects.filter(merchant=merchant).defer("facts", "receipt")
    purchases_of_page = purchases_of_page.annotate(of_member=_member_of("member_id"))
    return Refund.objects.filter(merchant=merchant).prefetch_related(Prefetch("purchase", purchases_of_page))


def _refund(row: Refund) -> RefundRecord:
    has_come = row.purchase.state == "recorded"
    state: State = "applied" if row.is_applied else "refused" if row.refusal else "waiting"
    return RefundRecord(
        id=row.pk,
        public_id=row.public_id,
        external_id=row.external_id,
        state=state,
        refusal=row.refusal,
        purchase=row.purchase.public_id if has_come else None,
        purchase_external_id=row.purchase.external_id,
        member=row.purchase.of_member,  # type: ignore[attr-defined]
        amount_minor=row.amount_minor,
        points_clawed_back=row.points_clawed_back,
        points_restored=row.points_restored,
        debt_made=row.debt_made,
        reason=row.reason,
        receipt=_decoded(row.receipt),
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        changed_by=int(row.xid),
    )


def _decoded(receipt: Any) -> Mapping[str, Any]:
    kept: Mapping[str, Any] = msgspec.json.decode(receipt) if isinstance(receipt, str | bytes) else receipt
    return kept or {}
