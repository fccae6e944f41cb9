"""What a shop has lately sold, by the names its tills send: what the goods of a rule, a stamp card or a key can be chosen from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from merchants.models.merchants import Merchant

LATELY = timedelta(days=90)
#: Only the newest are read, so that the cost is bounded however much a shop sells.
SALES_MAX = 5_000
NAMES_MAX = 20


@dataclass(frozen=True, slots=True)
class GoodsSeen:
    """Names by kind, the most sold first, each with the number of sales it was in."""

    categories: tuple[tuple[str, int], ...] = field(default=())
    skus: tuple[tuple[str, int], ...] = field(default=())
    labels: tuple[tuple[str, int], ...] = field(default=())


def seen(merchant: Merchant, *, now: datetime, sales: int = SALES_MAX) -> GoodsSeen:
    """Return the categories, SKUs and labels of what was sold lately, at most twenty each: one statement.

    Among the `sales` recorded last, those that occurred within 90 days.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, {"merchant": merchant.pk, "since": now - LATELY, "sales": sales, "names": NAMES_MAX})
        rows = cursor.fetchall()
    return GoodsSeen(
        **{
            kind: tuple((name, count) for found, name, count in rows if found == kind)
            for kind in ("categories", "skus", "labels")
        }
    )


_SEEN = """
    WITH recent AS MATERIALIZED (
        SELECT id, occurred_at FROM rewards_purchase
        WHERE merchant_id = %(merchant)s AND state = 'recorded' ORDER BY xid DESC, id DESC LIMIT %(sales)s
    ), line AS MATERIALIZED (
        SELECT l.purchase_id, l.category, l.sku, l.labels FROM recent
        JOIN rewards_purchaseline l ON l.merchant_id = %(merchant)s AND l.purchase_id = recent.id
        WHERE recent.occurred_at > %(since)s
    ), named AS (
        SELECT 'categories' AS kind, category AS name, purchase_id FROM line WHERE category <> ''
        UNION ALL SELECT 'skus', sku, purchase_id FROM line WHERE sku <> ''
        UNION ALL SELECT 'labels', label, purchase_id FROM line CROSS JOIN unnest(labels) AS label
    ), counted AS (
        SELECT kind, name, count(DISTINCT purchase_id) AS sales FROM named GROUP BY kind, name
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY kind ORDER BY sales DESC, name) AS place FROM counted
    )
    SELECT kind, name, sales FROM ranked WHERE place <= %(names)s ORDER BY kind, place
"""
