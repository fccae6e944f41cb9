"""The rows of purchases and refunds: each table in one set-based part of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection

from merchants.statements import Writing
from merchants.tenancy import Again
from rewards.purchases.returns import Asked, Effect
from rewards.purchases.sales import Sale

_encode = msgspec.json.Encoder().encode


def write(writing: Writing, sales: Sequence[Sale], *, caps: Mapping[tuple[int, str], int]) -> None:
    """Add new purchases with their lines, and the buckets they filled.

    New rows go in by external id, so that two batches with common sales never wait for each other in a circle.
    """
    new = sorted((sale for sale in sales if not sale.was_announced), key=lambda sale: sale.external_id)
    known = [sale for sale in sales if sale.was_announced]
    if new:
        writing.add("p", _INSERT_PURCHASES, sales=("jsonb", _json(map(_row, new))))
    if known:
        writing.add(
            "k",
            _UPDATE_ANNOUNCED,
            known=("jsonb", _json(map(_row, known))),
            known_ids=("bigint[]", [sale.id for sale in known]),
        )
    writing.add("pl", _INSERT_LINES, lines=("jsonb", _json(row for sale in sales for row in _lines(sale))))
    if caps:
        writing.add("c", _UPSERT_CAPS, caps=("jsonb", _json({"a": a, "k": k, "p": p} for (a, k), p in caps.items())))


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    return _encode(list(rows)).decode()


def _row(sale: Sale) -> dict[str, Any]:
    return {
        "id": sale.id, "pid": sale.public_id, "x": sale.external_id, "f": sale.fingerprint.hex(), "r": sale.receipt,
        "o": sale.occurred_at, "m": sale.member_id, "l": sale.location_id, "t": sale.terminal, "ch": sale.channel,
        "d": sale.local_day, "cu": sale.currency, "tot": sale.total_minor, "tax": sale.tax_minor,
        "cost": sale.cost_minor, "paid": sale.points_paid_minor, "ref": sale.refunded_minor,
        "refu": sale.refunded_unnamed_minor, "te": sale.tenders, "n": sale.ordinal, "v": sale.terms_version,
        "fa": {"facts": sale.facts, "zone": sale.zone.key, "location_zone": sale.location_zone.key},
        "e": sale.points_earned, "cb": sale.points_clawed_back, "q": sale.qualifying_points,
        "qm": sale.qualifying_minor,
    }  # fmt: skip


def _lines(sale: Sale) -> list[dict[str, Any]]:
    return [
        {
            "p": sale.id, "n": position, "i": line.id, "s": line.sku, "c": line.category, "q": line.quantity_milli,
            "a": line.amount_minor, "d": line.discount_minor, "t": line.tax_minor, "k": line.cost_minor,
            "rq": line.refunded_milli, "ra": line.refunded_minor,
        }
        for position, line in enumerate(sale.lines)
    ]  # fmt: skip


_SALE_COLUMNS = (
    "id bigint, pid text, x text, f text, r jsonb, o timestamptz, m bigint, l bigint, t text, ch text, d date, "
    "cu text, tot bigint, tax bigint, cost bigint, paid bigint, ref bigint, refu bigint, te jsonb, n bigint, v int, "
    "fa jsonb, e bigint, cb bigint, q bigint, qm bigint"
)

_INSERT_PURCHASES = f"""
    INSERT INTO rewards_purchase (id, merchant_id, public_id, external_id, fingerprint, receipt, actor, occurred_at,
        recorded_at, state, member_id, location_id, terminal, channel, local_day, currency, total_minor, tax_minor,
        cost_minor, points_paid_minor, refunded_minor, refunded_unnamed_minor, tenders, ordinal, terms_version, facts,
        points_earned, points_clawed_back, qualifying_points, qualifying_minor)
    SELECT r.id, %(merchant)s, r.pid, r.x, decode(r.f, 'hex'), r.r, %(actor)s, r.o, %(now)s, 'recorded', r.m, r.l,
        r.t, r.ch, r.d, r.cu, r.tot, r.tax, r.cost, r.paid, r.ref, r.refu, r.te, r.n, r.v, r.fa, r.e, r.cb, r.q, r.qm
    FROM jsonb_to_recordset(%(sales)s::jsonb) AS r({_SALE_COLUMNS})
"""

_UPDATE_ANNOUNCED = f"""
    UPDATE rewards_purchase SET fingerprint = decode(r.f, 'hex'), receipt = r.r, actor = %(actor)s,
        occurred_at = r.o, recorded_at = %(now)s, state = 'recorded', member_id = r.m, location_id = r.l,
        terminal = r.t, channel = r.ch, local_day = r.d, currency = r.cu, total_minor = r.tot, tax_minor = r.tax,
        cost_minor = r.cost, points_paid_minor = r.paid, refunded_minor = r.ref, refunded_unnamed_minor = r.refu,
        tenders = r.te, ordinal = r.n, terms_version = r.v, facts = r.fa, points_earned = r.e,
        points_clawed_back = r.cb, qualifying_points = r.q, qualifying_minor = r.qm, xid = pg_current_xact_id()
    FROM jsonb_to_recordset(%(known)s::jsonb) AS r({_SALE_COLUMNS})
    WHERE rewards_purchase.merchant_id = %(merchant)s AND rewards_purchase.id = r.id
        AND rewards_purchase.id = ANY(%(known_ids)s)
"""

_INSERT_LINES = """
    INSERT INTO rewards_purchaseline (merchant_id, purchase_id, position, line_id, sku, category, quantity_milli,
        amount_minor, discount_minor, tax_minor, cost_minor, refunded_milli, refunded_minor)
    SELECT %(merchant)s, r.p, r.n, r.i, r.s, r.c, r.q, r.a, r.d, r.t, r.k, r.rq, r.ra
    FROM jsonb_to_recordset(%(lines)s::jsonb) AS r(p bigint, n int, i text, s text, c text, q bigint, a bigint,
        d bigint, t bigint, k bigint, rq bigint, ra bigint)
"""

_UPSERT_CAPS = """
    INSERT INTO rewards_capbucket (merchant_id, account_id, key, points)
    SELECT %(merchant)s, r.a, r.k, r.p FROM jsonb_to_recordset(%(caps)s::jsonb) AS r(a bigint, k text, p bigint)
    ON CONFLICT (merchant_id, account_id, key) DO UPDATE SET points = excluded.points
"""


# -- claims -----------------------------------------------------------------------------------------------------------


def write_claimed(merchant_id: int, sale: Sale, *, caps: Mapping[tuple[int, str], int]) -> None:
    """Write whose a guest's purchase is now and what it earned them, and the buckets it filled."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH c AS ({_UPSERT_CAPS}) "
            "UPDATE rewards_purchase SET member_id = %(member)s, ordinal = %(ordinal)s, terms_version = %(version)s, "
            "facts = %(facts)s, points_earned = %(earned)s, qualifying_points = %(qualifying)s, "
            "qualifying_minor = %(qualifying_minor)s, xid = pg_current_xact_id() "
            "WHERE merchant_id = %(merchant)s AND id = %(id)s",
            {
                "merchant": merchant_id,
                "id": sale.id,
                "member": sale.member_id,
                "ordinal": sale.ordinal,
                "version": sale.terms_version,
                "facts": _encode(_row(sale)["fa"]).decode(),
                "earned": sale.points_earned,
                "qualifying": sale.qualifying_points,
                "qualifying_minor": sale.qualifying_minor,
                "caps": _encode([{"a": a, "k": k, "p": p} for (a, k), p in caps.items()]).decode(),
            },
        )


# -- refunds --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A refund that came before its purchase."""

    asked: Asked
    effect: Effect | None
    refusal: str = ""
    restored: int = 0


def lock_announced(merchant_id: int, external_ids: Sequence[str]) -> None:
    """Lock the places refunds keep for purchases, so that no further refund slips in while these arrive.

    :raises Again: the twin of one of them has arrived since they were looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM rewards_purchase WHERE merchant_id = %s AND external_id = ANY(%s) ORDER BY id FOR UPDATE",
            [merchant_id, list(external_ids)],
        )
        if any(state != "announced" for (state,) in cursor.fetchall()):
            raise Again


def waiting_refunds(merchant_id: int, purchase_id: int) -> list[Asked]:
    """Return the refunds that wait for a purchase, in the order they came."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, public_id, occurred_at, amount_minor, lines FROM rewards_refund "
            "WHERE merchant_id = %s AND purchase_id = %s AND NOT is_applied AND refusal = '' ORDER BY id",
            [merchant_id, purchase_id],
        )
        return [
            Asked(identity, public_id, occurred_at, amount, tuple(tuple(line) for line in msgspec.json.decode(lines)))
            for identity, public_id, occurred_at, amount, lines in cursor.fetchall()
        ]


def write_settled(merchant_id: int, settled: Sequence[Waiting]) -> None:
    """Write what became of refunds that had waited, in one statement."""
    if not settled:
        return
    rows = [
        {
            "id": one.asked.id, "ok": one.effect is not None, "x": one.refusal,
            "a": one.effect.refunded_minor if one.effect else one.asked.amount_minor,
            "cb": one.effect.points_clawed_back if one.effect else 0, "d": one.effect.debt_made if one.effect else 0,
            "re": one.restored,
        }
        for one in settled
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rewards_refund SET is_applied = r.ok, refusal = r.x, amount_minor = r.a, points_clawed_back = r.cb,
                debt_made = r.d, points_restored = r.re, xid = pg_current_xact_id()
            FROM jsonb_to_recordset(%(rows)s::jsonb)
                AS r(id bigint, ok boolean, x text, a bigint, cb bigint, d bigint, re bigint)
            WHERE rewards_refund.merchant_id = %(merchant)s AND rewards_refund.id = r.id
                AND rewards_refund.id = ANY(%(ids)s)
            """,
            {"merchant": merchant_id, "ids": [one.asked.id for one in settled], "rows": _encode(rows).decode()},
        )


def write_reduced(merchant_id: int, sale: Sale) -> None:
    """Write what refunds have left of a purchase that was there before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH l AS (
                UPDATE rewards_purchaseline SET refunded_milli = r.rq, refunded_minor = r.ra
                FROM jsonb_to_recordset(%(lines)s::jsonb) AS r(n int, rq bigint, ra bigint)
                WHERE merchant_id = %(merchant)s AND purchase_id = %(id)s AND position = r.n
            )
            UPDATE rewards_purchase SET refunded_minor = %(refunded)s, refunded_unnamed_minor = %(unnamed)s,
                points_clawed_back = %(clawed)s, qualifying_points = %(qualifying)s,
                qualifying_minor = %(qualifying_minor)s
            WHERE merchant_id = %(merchant)s AND id = %(id)s
            """,
            {
                "merchant": merchant_id,
                "id": sale.id,
                "lines": _encode(
                    [{"n": n, "rq": x.refunded_milli, "ra": x.refunded_minor} for n, x in enumerate(sale.lines)]
                ).decode(),
                "refunded": sale.refunded_minor,
                "unnamed": sale.refunded_unnamed_minor,
                "clawed": sale.points_clawed_back,
                "qualifying": sale.qualifying_points,
                "qualifying_minor": sale.qualifying_minor,
            },
        )


def give_caps_back(merchant_id: int, account_id: int, keys: Sequence[tuple[str, int]]) -> None:
    """Return points to the cap buckets a refunded purchase had used, never below nothing."""
    if not keys:
        return
    rows = [{"a": 0 if key.startswith("programme:") else account_id, "k": key, "p": points} for key, points in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rewards_capbucket c SET points = greatest(0, c.points - r.p)
            FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(a bigint, k text, p bigint)
            WHERE c.merchant_id = %(merchant)s AND c.account_id = r.a AND c.key = r.k
                AND c.account_id = ANY(%(accounts)s) AND c.key = ANY(%(keys)s)
            """,
            {
                "merchant": merchant_id,
                "accounts": [0, account_id],
                "keys": [key for key, _points in keys],
                "rows": _encode(rows).decode(),
            },
        )
