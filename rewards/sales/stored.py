"""A sale as it was written: read back to be claimed or refunded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection

from merchants.models.merchants import Merchant
from rewards.earning import Facts
from rewards.sales.sale import Sale, SaleLine
from rewards.terms import GOODS


def load(merchant: Merchant, purchase_id: int) -> Sale:
    """Return a recorded purchase as it stands, with its lines."""
    return load_many(merchant, [purchase_id])[0]


def load_many(merchant: Merchant, purchase_ids: Sequence[int]) -> list[Sale]:
    """Return recorded purchases as they stand, with their lines, in the order of their ids."""
    lines: dict[int, list[SaleLine]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.public_id, p.external_id, p.occurred_at, p.local_day, p.currency, p.total_minor, p.tax_minor, "
            "p.cost_minor, p.terminal, p.channel, p.points_paid_minor, p.member_id, p.location_id, l.public_id, p.ordinal, "
            "p.terms_version, p.facts, p.points_earned, p.points_clawed_back, p.qualifying_points, p.qualifying_minor, "
            "p.refunded_minor, p.refunded_unnamed_minor, p.rounding_minor, p.has_returns, p.is_time_unknown, p.tenders, "
            "p.came_back_whole "
            "FROM rewards_purchase p LEFT JOIN merchants_location l "
            "ON l.merchant_id = p.merchant_id AND l.id = p.location_id WHERE p.merchant_id = %s AND p.id = ANY(%s) ORDER BY p.id",
            [merchant.pk, list(purchase_ids)],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT purchase_id, line_id, sku, category, quantity_milli, amount_minor, discount_minor, tax_minor, cost_minor, labels, "
            "kind, refunded_milli, refunded_minor FROM rewards_purchaseline WHERE merchant_id = %s AND purchase_id = ANY(%s) "
            "ORDER BY purchase_id, position",
            [merchant.pk, list(purchase_ids)],
        )
        for purchase_id, *line in cursor.fetchall():
            lines[purchase_id].append(SaleLine(*line))
    return [_sale(merchant, row, lines[row[0]]) for row in rows]


def _sale(merchant: Merchant, row: Sequence[Any], lines: list[SaleLine]) -> Sale:
    kept: dict[str, Any] = msgspec.json.decode(row[17])
    return Sale(
        id=row[0], public_id=row[1], external_id=row[2], fingerprint=b"", occurred_at=row[3], local_day=row[4],
        currency=row[5], total_minor=row[6], tax_minor=row[7], cost_minor=row[8], terminal=row[9], channel=row[10],
        tenders=msgspec.json.decode(row[27]), lines=lines, zone=ZoneInfo(kept.get("zone", merchant.zone)),
        location_zone=ZoneInfo(kept.get("location_zone", merchant.zone)), points_paid_minor=row[11], member_id=row[12],
        location_id=row[13], location_public_id=row[14], ordinal=row[15], terms_version=row[16],
        not_by_points=tuple(kept.get("not_by_points", ())),
        facts=msgspec.convert(kept["facts"], Facts) if kept.get("facts") else None, points_earned=row[18],
        points_clawed_back=row[19], qualifying_points=row[20], qualifying_minor=row[21], refunded_minor=row[22],
        refunded_unnamed_minor=row[23], rounding_minor=row[24], has_returns=row[25], is_time_unknown=row[26], came_back_whole=row[28],
        payable_kinds=tuple(kept.get("payable_kinds", (GOODS,))),
    )  # fmt: skip
