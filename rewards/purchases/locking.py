"""Purchases under the lock of their rows: a document comes before the accounts it is about."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import connection
from django.utils.translation import gettext as _

from merchants import ids
from merchants.actors import Actor
from merchants.errors import Invalid, NotFound
from rewards.purchases.inputs import PurchaseRef


class PurchaseNotFound(NotFound):
    code: ClassVar[str] = "purchase_not_found"


def lock_or_announce(
    merchant_id: int, ref: PurchaseRef, occurred_at: datetime, *, now: datetime, actor: Actor
) -> tuple[int, str]:
    """Lock the purchase's row, making a place for one that has not arrived; return its id and state."""
    _check_named(ref)
    with connection.cursor() as cursor:
        if ref.external_id is not None:
            cursor.execute(
                "INSERT INTO rewards_purchase (merchant_id, public_id, external_id, fingerprint, receipt, actor, "
                "occurred_at, recorded_at, state, terminal, channel, currency, total_minor, tax_minor, points_paid_minor, "
                "refunded_minor, refunded_unnamed_minor, tenders, facts, points_earned, points_clawed_back, "
                "qualifying_points, qualifying_minor, rounding_minor, has_returns, is_time_unknown, came_back_whole) "
                "VALUES (%s, %s, %s, '', '{}', %s, %s, %s, 'announced', '', '', '', "
                "0, 0, 0, 0, 0, '[]', '{}', 0, 0, 0, 0, 0, false, false, false) ON CONFLICT (merchant_id, external_id) DO NOTHING",
                [merchant_id, ids.mint("pur"), ref.external_id, str(actor), occurred_at, now],
            )
        column, value = ("external_id", ref.external_id) if ref.id is None else ("public_id", ref.id)
        cursor.execute(
            f"SELECT id, state FROM rewards_purchase WHERE merchant_id = %s AND {column} = %s FOR UPDATE",
            [merchant_id, value],
        )
        row: tuple[int, str] | None = cursor.fetchone()
    if row is None:
        raise PurchaseNotFound(_("There is no such purchase."), pointer="/purchase/id")
    return row


def lock_recorded(merchant_id: int, ref: PurchaseRef) -> tuple[int, int | None]:
    """Lock the purchase's row; return its id and whose it is."""
    _check_named(ref)
    column, value = ("public_id", ref.id) if ref.external_id is None else ("external_id", ref.external_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, member_id FROM rewards_purchase WHERE merchant_id = %s AND {column} = %s "
            "AND state = 'recorded' FOR UPDATE",
            [merchant_id, value],
        )
        row: tuple[int, int | None] | None = cursor.fetchone()
    if row is None:
        raise PurchaseNotFound(_("There is no such purchase."), pointer="/purchase")
    return row


def lock_by_id(merchant_id: int, purchase_id: int) -> int | None:
    """Lock the purchase's row; return whose it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT member_id FROM rewards_purchase WHERE merchant_id = %s AND id = %s FOR UPDATE",
            [merchant_id, purchase_id],
        )
        member_id: int | None = cursor.fetchone()[0]
    return member_id


def _check_named(ref: PurchaseRef) -> None:
    if (ref.id is None) == (ref.external_id is None):
        raise Invalid(_("Name the purchase by id or by external_id."), pointer="/purchase")
