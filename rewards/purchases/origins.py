"""Under whom a purchase was bought before their membership was merged: what undoing the merge will divide by."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from rewards.points import AccountState
from rewards.purchases import writing


def give_caps_back(merchant_id: int, account: AccountState, purchase_id: int, uses: Sequence[tuple[str, int]]) -> None:
    """Return what a purchase had used of caps to its member, and to those it was bought under before they were merged:
    undoing the merge divides the counters by what theirs say then."""
    writing.give_caps_back(merchant_id, account.id, uses)
    own = [(key, points) for key, points in uses if key.startswith("member:")]
    if not own:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_BEHIND} SELECT a.id FROM behind b JOIN rewards_account a ON a.merchant_id = %(merchant)s "
            "AND a.member_id = b.member_id ORDER BY a.id",
            {"merchant": merchant_id, "member": account.member_id, "purchase": purchase_id},
        )
        for (before,) in cursor.fetchall():
            writing.give_caps_back(merchant_id, before, own)


_BEHIND = """
    WITH RECURSIVE behind (id, member_id) AS (
        SELECT id, source_id FROM rewards_merge WHERE merchant_id = %(merchant)s AND target_id = %(member)s
            AND unmerged_at IS NULL AND moved -> 'purchases' @> to_jsonb(%(purchase)s)
        UNION SELECT g.id, g.source_id FROM behind b JOIN rewards_merge g ON g.merchant_id = %(merchant)s
            AND g.target_id = b.member_id AND g.unmerged_at IS NULL AND g.moved -> 'purchases' @> to_jsonb(%(purchase)s)
    )
"""
