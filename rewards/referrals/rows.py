"""The rows of referrals: read after the locks, written with everything else, moved when members merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from msgspec import json

from members.directory import FORWARDED_SQL
from merchants.database.statements import Writing
from rewards.referrals.settling import Qualified, SettledReferral

#: The public ids of both members of the referral `r`, as two columns.
MEMBERS_SQL = ", ".join(
    f"(SELECT m.public_id FROM members_member m WHERE m.merchant_id = r.merchant_id AND m.id = r.{side}_id)"
    for side in ("referrer", "referee")
)
#: The accounts of both, as two columns: of whom they go on as, if they were merged since.
ACCOUNTS_SQL = ", ".join(
    "(SELECT s.account_id FROM members_member m JOIN rewards_membership s ON s.merchant_id = m.merchant_id "
    f"AND s.member_id = {FORWARDED_SQL.format('m')} WHERE m.merchant_id = r.merchant_id AND m.id = r.{side}_id)"
    for side in ("referrer", "referee")
)
#: The columns of `Qualified`, of the referral `r`.
PAID_SQL = f"r.id, r.public_id, {ACCOUNTS_SQL}, {MEMBERS_SQL}, r.referrer_points, r.referee_points"


def paid_by(merchant_id: int, purchase_id: int) -> Qualified | None:
    """Return the referral this purchase qualified, if it did and still does; merged members forward."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {PAID_SQL} FROM rewards_referral r "
            "WHERE r.merchant_id = %s AND r.purchase_id = %s AND r.state = 'qualified'",
            [merchant_id, purchase_id],
        )
        row = cursor.fetchone()
    return Qualified(*row) if row else None


def paid_before(merchant_id: int, account_ids: Sequence[int]) -> dict[int, int]:
    """Return how many referrals have paid, by the referrer's account.  Ask after the referrers are locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.account_id, count(*) FROM rewards_membership s JOIN rewards_referral r "
            "ON r.merchant_id = s.merchant_id AND r.referrer_id = s.member_id AND r.state = 'qualified' "
            "WHERE s.merchant_id = %s AND s.account_id = ANY(%s) GROUP BY 1",
            [merchant_id, list(account_ids)],
        )
        return dict(cursor.fetchall())


def not_paid(merchant_id: int, referral_ids: Sequence[int]) -> set[int]:
    """Return the referrals whose referrer is blocked, erased or merged: they get nothing, whom they brought is paid.

    Ask after the referrers are locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id FROM rewards_referral r JOIN members_member m ON m.merchant_id = r.merchant_id "
            "AND m.id = r.referrer_id "
            "WHERE r.merchant_id = %s AND r.id = ANY(%s) AND m.state <> 'active'",
            [merchant_id, list(referral_ids)],
        )
        return {identity for (identity,) in cursor.fetchall()}


def add_reopened_to(writing: Writing, purchase_id: int) -> None:
    """Open a referral again that an earlier refund of this purchase had undone, now that nothing is left of it."""
    writing.add("referrals_reopened", _REOPEN, is_rare=True, referrals_reopened_by=("bigint", purchase_id))


def add_to(writing: Writing, settled: Sequence[SettledReferral]) -> None:
    """Let what became of the referrals go out with everything else."""
    if not settled:
        return
    rows: list[dict[str, Any]] = [
        {"id": s.referral_id, "s": s.state, "p": s.purchase_id, "rr": s.referrer_points, "re": s.referee_points}
        for s in settled
    ]
    writing.add(
        "referrals", _SETTLE, is_rare=True, referrals=("jsonb", json.encode(rows).decode()),
        referrals_ids=("bigint[]", [one.referral_id for one in settled]),
    )  # fmt: skip


_REOPEN = """
    UPDATE rewards_referral SET state = 'open', purchase_id = NULL, referrer_points = 0, referee_points = 0,
        qualified_at = NULL
    WHERE merchant_id = %(merchant)s AND purchase_id = %(referrals_reopened_by)s AND state = 'undone'
"""
_SETTLE = """
    UPDATE rewards_referral SET state = r.s, purchase_id = CASE WHEN r.s <> 'open' THEN r.p END,
        referrer_points = CASE WHEN r.s <> 'open' THEN r.rr ELSE 0 END,
        referee_points = CASE WHEN r.s <> 'open' THEN r.re ELSE 0 END,
        qualified_at = CASE r.s WHEN 'qualified' THEN %(now)s WHEN 'undone' THEN qualified_at END,
        undone_at = CASE WHEN r.s IN ('undone', 'open') THEN %(now)s ELSE undone_at END
    FROM jsonb_to_recordset(%(referrals)s::jsonb) AS r(id bigint, s text, p bigint, rr bigint, re bigint)
    WHERE rewards_referral.merchant_id = %(merchant)s AND rewards_referral.id = r.id
        AND rewards_referral.id = ANY(%(referrals_ids)s)
"""


def move(merchant_id: int, *, source: int, target: int, now: datetime) -> dict[str, list[int]]:
    """Let one member's referrals be another's; return which it had `brought`, and by which it `came`."""
    values: dict[str, Any] = {"m": merchant_id, "old": source, "new": target, "at": now}
    with connection.cursor() as cursor:
        # Nobody refers themselves: between the two of them nothing is owed any more.
        cursor.execute(
            "UPDATE rewards_referral SET state = 'undone', undone_at = %(at)s WHERE merchant_id = %(m)s AND state = 'open' "
            "AND ((referrer_id = %(old)s AND referee_id = %(new)s) OR (referrer_id = %(new)s AND referee_id = %(old)s))",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(new)s WHERE merchant_id = %(m)s AND referrer_id = %(old)s "
            "AND referee_id <> %(new)s RETURNING id",
            values,
        )
        brought = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE rewards_referral r SET referee_id = %(new)s WHERE r.merchant_id = %(m)s AND r.referee_id = %(old)s "
            "AND r.referrer_id <> %(new)s AND NOT EXISTS (SELECT FROM rewards_referral o WHERE o.merchant_id = %(m)s "
            "AND o.referee_id = %(new)s) RETURNING r.id",
            values,
        )
        came = [row[0] for row in cursor.fetchall()]
    return {"brought": brought, "came": came}


def give_back(merchant_id: int, *, source: int, target: int, moved: Mapping[str, Any]) -> None:
    """Undo `move`, as far as nobody changed it since."""
    values = {
        "m": merchant_id, "old": source, "new": target, "brought": moved["brought"], "came": moved["came"],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(old)s WHERE merchant_id = %(m)s AND referrer_id = %(new)s "
            "AND id = ANY(%(brought)s)",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referee_id = %(old)s WHERE merchant_id = %(m)s AND referee_id = %(new)s "
            "AND id = ANY(%(came)s)",
            values,
        )
