"""What a member earned, spent and bought in each month of the merchant's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from merchants import periods
from merchants.models.merchants import Merchant
from rewards.views import PURCHASES


@dataclass(frozen=True, slots=True)
class MonthSums:
    """One month: points in the smallest unit, purchases that stand, and their money net of refunds."""

    earned: int = 0
    spent: int = 0
    purchases: int = 0
    amount_minor: int = 0


# Earned is what sales, joining and friends gave, less what refunds took back, also where that became debt; spent is what was
# redeemed, less what came back. Corrections, merges, transfers and points that expire are neither.
SQL: Final = f"""
    SELECT month, sum(earned)::bigint, sum(spent)::bigint, sum(purchases)::bigint, sum(amount_minor)::bigint FROM (
        SELECT date_trunc('month', e.occurred_at AT TIME ZONE %(zone)s)::date AS month,
            CASE WHEN e.kind IN ('accrue', 'claw_back') AND e.document_kind <> 'adjustment'
                THEN e.balance_change + e.pending_change - e.debt_change ELSE 0 END AS earned,
            CASE WHEN e.kind IN ('redeem', 'capture', 'reverse') THEN -e.balance_change ELSE 0 END AS spent,
            0 AS purchases, 0 AS amount_minor
        FROM rewards_membership s
        JOIN rewards_entry e ON e.merchant_id = s.merchant_id AND e.account_id = s.account_id
        WHERE s.merchant_id = %(merchant)s AND s.member_id = %(member)s
            AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s
        UNION ALL
        SELECT date_trunc('month', p.local_day)::date, 0, 0, CASE WHEN p.is_kept THEN 1 ELSE 0 END, p.net_minor
        FROM {PURCHASES} p
        WHERE p.merchant_id = %(merchant)s AND p.member_id = %(member)s
            AND p.local_day >= %(first)s AND p.local_day < %(behind)s
    ) AS moved GROUP BY month
"""


def of_member(*, merchant: Merchant, member_id: int, first: date, last: date) -> Mapping[date, MonthSums]:
    """Sum up the whole months from that of `first` to that of `last`, by their first day; one statement."""
    start = first.replace(day=1)
    behind = date(last.year + last.month // 12, last.month % 12 + 1, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            SQL,
            {
                "merchant": merchant.pk, "member": member_id, "zone": merchant.zone, "first": start, "behind": behind,
                "start": periods.start_of_day(start, merchant.tzinfo), "end": periods.start_of_day(behind, merchant.tzinfo),
            },
        )  # fmt: skip
        return {row[0]: MonthSums(*row[1:]) for row in cursor.fetchall()}
