"""Why things were corrected: the reasons that adjustments, refunds, reversals, transfers and requests keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from merchants.models.merchants import Merchant


def reasons(*, merchant: Merchant, public_ids: Sequence[str]) -> dict[str, str]:
    """Return the reason of each of these documents that has one, by public id."""
    if not public_ids:
        return {}
    wanted: list[Any] = [merchant.pk, list(public_ids)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT public_id, reason FROM rewards_adjustment WHERE merchant_id = %s AND public_id = ANY(%s) "
            "UNION ALL SELECT public_id, reason FROM rewards_refund WHERE merchant_id = %s AND public_id = ANY(%s) "
            "UNION ALL SELECT public_id, reason FROM rewards_reversal WHERE merchant_id = %s AND public_id = ANY(%s) "
            "UNION ALL SELECT public_id, reason FROM rewards_transfer WHERE merchant_id = %s AND public_id = ANY(%s) "
            "UNION ALL SELECT public_id, CASE WHEN answer = '' THEN reason ELSE reason || ' – ' || answer END "
            "FROM rewards_pointsrequest WHERE merchant_id = %s AND public_id = ANY(%s)",
            wanted * 5,
        )
        return {public_id: reason for public_id, reason in cursor.fetchall() if reason}
