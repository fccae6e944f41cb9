"""Refunds that came before their sale: they wait for it, and reduce it as soon as it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.db import connection

from merchants.database.statements import Writing
from merchants.tenancy import RetryTransaction
from rewards.sales.returns import Effect, RefundAsked

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EarlyRefund:
    """What became of one: its effect, or why it was refused; `restored`: points it gave back that were spent on the sale."""

    asked: RefundAsked
    effect: Effect | None
    refusal: str = ""
    restored: int = 0


def lock(merchant_id: int, external_ids: Sequence[str]) -> None:
    """Lock the places refunds keep for purchases, so that no further refund slips in while these arrive.

    :raises RetryTransaction: the twin of one of them has arrived since they were looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM rewards_purchase WHERE merchant_id = %s AND external_id = ANY(%s) ORDER BY id FOR UPDATE",
            [merchant_id, list(external_ids)],
        )
        if any(state != "announced" for (state,) in cursor.fetchall()):
            raise RetryTransaction


def waiting(merchant_id: int, purchase_id: int) -> list[RefundAsked]:
    """Return the refunds that wait for a purchase, in the order they came."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, public_id, external_id, occurred_at, amount_minor, lines FROM rewards_refund "
            "WHERE merchant_id = %s AND purchase_id = %s AND NOT is_applied AND refusal = '' ORDER BY id",
            [merchant_id, purchase_id],
        )
        return [
            RefundAsked(
                identity,
                public_id,
                external_id,
                occurred_at,
                amount,
                tuple(tuple(line) for line in msgspec.json.decode(lines)),
            )
            for identity, public_id, external_id, occurred_at, amount, lines in cursor.fetchall()
        ]


def add_to(writing: Writing, settled: Sequence[EarlyRefund]) -> None:
    """Let what became of refunds that had waited go out with their sales."""
    if not settled:
        return
    rows = [
        {
            "id": one.asked.id, "ok": one.effect is not None, "x": one.refusal,
            "a": one.effect.refunded_minor if one.effect else one.asked.amount_minor,
            "cb": one.effect.points_clawed_back if one.effect else 0, "d": one.effect.debt_made if one.effect else 0,
            "re": one.restored, "po": one.effect.pay_out_minor if one.effect else None,
            "pos": one.effect.pay_outs if one.effect else None,
        }
        for one in settled
    ]  # fmt: skip
    writing.add(
        "early", _UPDATE, rows=len(settled), is_rare=True, early_refunds=("jsonb", _encode(rows).decode()),
        early_refund_ids=("bigint[]", [one.asked.id for one in settled]),
    )  # fmt: skip


_UPDATE = """
    UPDATE rewards_refund SET is_applied = r.ok, refusal = r.x, amount_minor = r.a, points_clawed_back = r.cb,
        debt_made = r.d, points_restored = r.re, pay_out_minor = r.po,
        pay_outs = nullif(r.pos, 'null'::jsonb), xid = pg_current_xact_id()
    FROM jsonb_to_recordset(%(early_refunds)s::jsonb)
        AS r(id bigint, ok boolean, x text, a bigint, cb bigint, d bigint, re bigint, po bigint, pos jsonb)
    WHERE rewards_refund.merchant_id = %(merchant)s AND rewards_refund.id = r.id
        AND rewards_refund.id = ANY(%(early_refund_ids)s)
    RETURNING 1
"""
