"""The rows of purchases and refunds: each table in one set-based part of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from merchants.database.statements import Writing
from rewards.earning import Facts
from rewards.sales.sale import Sale
from rewards.terms import GOODS

_encode = msgspec.json.Encoder().encode


def add_sales(writing: Writing, sales: Sequence[Sale]) -> None:
    """Let new purchases go out with their lines.

    New rows go in by external id, so that two batches with common sales never wait for each other in a circle.
    """
    if not sales:
        return
    new = sorted((sale for sale in sales if not sale.was_announced), key=lambda sale: sale.external_id)
    known = [sale for sale in sales if sale.was_announced]
    if new:
        writing.add("p", _INSERT_PURCHASES, sales=("jsonb", _json(map(_row, new))))
    if known:
        ids = ("bigint[]", [sale.id for sale in known])
        rows = ("jsonb", _json(map(_row, known)))
        writing.add("k", _UPDATE_ANNOUNCED, rows=len(known), is_rare=True, known=rows, known_ids=ids)
    writing.add("pl", _INSERT_LINES, lines=("jsonb", _json(row for sale in sales for row in _lines(sale))))


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    return _encode(list(rows)).decode()


def _row(sale: Sale) -> dict[str, Any]:
    return {
        "id": sale.id, "pid": sale.public_id, "x": sale.external_id, "f": sale.fingerprint.hex(), "r": sale.receipt,
        "o": sale.occurred_at, "m": sale.member_id, "l": sale.location_id, "t": sale.terminal, "ch": sale.channel,
        "d": sale.local_day, "cu": sale.currency, "tot": sale.total_minor, "tax": sale.tax_minor,
        "cost": sale.cost_minor, "paid": sale.points_paid_minor, "ref": sale.refunded_minor,
        "refu": sale.refunded_unnamed_minor, "te": sale.tenders, "n": sale.ordinal, "v": sale.terms_version,
        "fa": _facts(sale), "rnd": sale.rounding_minor, "hr": sale.has_returns, "tu": sale.is_time_unknown,
        "e": sale.points_earned, "cb": sale.points_clawed_back, "q": sale.qualifying_points,
        "qm": sale.qualifying_minor, "cw": sale.came_back_whole,
    }  # fmt: skip


def _facts(sale: Sale) -> dict[str, Any]:
    kept: dict[str, Any] = {"facts": sale.facts, "zone": sale.zone.key, "location_zone": sale.location_zone.key}
    if sale.payable_kinds != (GOODS,):
        kept["payable_kinds"] = sale.payable_kinds
    if sale.not_by_points:
        kept["not_by_points"] = sale.not_by_points
    return kept


def _lines(sale: Sale) -> list[dict[str, Any]]:
    return [
        {
            "p": sale.id, "n": position, "i": line.id, "s": line.sku, "c": line.category, "q": line.quantity_milli,
            "a": line.amount_minor, "d": line.discount_minor, "t": line.tax_minor, "k": line.cost_minor,
            "rq": line.refunded_milli, "ra": line.refunded_minor, "lb": line.labels, "ki": line.kind,
        }
        for position, line in enumerate(sale.lines)
    ]  # fmt: skip


_SALE_COLUMNS = (
    "id bigint, pid text, x text, f text, r jsonb, o timestamptz, m bigint, l bigint, t text, ch text, d date, "
    "cu text, tot bigint, tax bigint, cost bigint, paid bigint, ref bigint, refu bigint, te jsonb, n bigint, v int, "
    "fa jsonb, e bigint, cb bigint, q bigint, qm bigint, rnd bigint, hr boolean, tu boolean, cw boolean"
)

_INSERT_PURCHASES = f"""
    INSERT INTO rewards_purchase (id, merchant_id, public_id, external_id, fingerprint, receipt, actor, occurred_at,
        recorded_at, state, member_id, location_id, terminal, channel, local_day, currency, total_minor, tax_minor,
        cost_minor, points_paid_minor, refunded_minor, refunded_unnamed_minor, tenders, ordinal, terms_version, facts,
        points_earned, points_clawed_back, qualifying_points, qualifying_minor, rounding_minor, has_returns,
        is_time_unknown, came_back_whole)
    SELECT r.id, %(merchant)s, r.pid, r.x, decode(r.f, 'hex'), r.r, %(actor)s, r.o, %(now)s, 'recorded', r.m, r.l,
        r.t, r.ch, r.d, r.cu, r.tot, r.tax, r.cost, r.paid, r.ref, r.refu, r.te, r.n, r.v, r.fa, r.e, r.cb, r.q, r.qm,
        r.rnd, r.hr, r.tu, r.cw
    FROM jsonb_to_recordset(%(sales)s::jsonb) AS r({_SALE_COLUMNS})
"""

_UPDATE_ANNOUNCED = f"""
    UPDATE rewards_purchase SET fingerprint = decode(r.f, 'hex'), receipt = r.r, actor = %(actor)s,
        occurred_at = r.o, recorded_at = %(now)s, state = 'recorded', member_id = r.m, location_id = r.l,
        terminal = r.t, channel = r.ch, local_day = r.d, currency = r.cu, total_minor = r.tot, tax_minor = r.tax,
        cost_minor = r.cost, points_paid_minor = r.paid, refunded_minor = r.ref, refunded_unnamed_minor = r.refu,
        tenders = r.te, ordinal = r.n, terms_version = r.v, facts = r.fa, points_earned = r.e,
        points_clawed_back = r.cb, qualifying_points = r.q, qualifying_minor = r.qm, rounding_minor = r.rnd,
        has_returns = r.hr, is_time_unknown = r.tu, came_back_whole = r.cw, xid = pg_current_xact_id()
    FROM jsonb_to_recordset(%(known)s::jsonb) AS r({_SALE_COLUMNS})
    WHERE rewards_purchase.merchant_id = %(merchant)s AND rewards_purchase.id = r.id
        AND rewards_purchase.id = ANY(%(known_ids)s)
    RETURNING 1
"""

_INSERT_LINES = """
    INSERT INTO rewards_purchaseline (merchant_id, purchase_id, position, line_id, sku, category, quantity_milli,
        amount_minor, discount_minor, tax_minor, cost_minor, refunded_milli, refunded_minor, labels, kind)
    SELECT %(merchant)s, r.p, r.n, r.i, r.s, r.c, r.q, r.a, r.d, r.t, r.k, r.rq, r.ra, r.lb, r.ki
    FROM jsonb_to_recordset(%(lines)s::jsonb) AS r(p bigint, n int, i text, s text, c text, q bigint, a bigint,
        d bigint, t bigint, k bigint, rq bigint, ra bigint, lb text[], ki text)
"""


def add_claimed(writing: Writing, sale: Sale) -> None:
    """Let a guest's purchase go out as a member's: whose it is, and what it earned them."""
    writing.add(
        "claimed", _UPDATE_CLAIMED, rows=1, claimed=("bigint", sale.id), claimed_by=("bigint", sale.member_id),
        ordinal=("bigint", sale.ordinal), terms_version=("int", sale.terms_version),
        facts=("jsonb", _encode(_facts(sale)).decode()), earned=("bigint", sale.points_earned),
        qualifying=("bigint", sale.qualifying_points), qualifying_minor=("bigint", sale.qualifying_minor),
    )  # fmt: skip


def add_unclaimed(writing: Writing, sale: Sale) -> None:
    """Let a purchase go out as it was before its claim: sold to a guest, of what refunds have left of it."""
    facts = _encode(Facts(guest=True)).decode()
    writing.add("unclaimed", _UPDATE_UNCLAIMED, rows=1, unclaimed=("bigint", sale.id), facts=("jsonb", facts))


def add_reduced(writing: Writing, sale: Sale) -> None:
    """Let go out what refunds have left of a purchase that was there before."""
    lines = [{"n": n, "rq": line.refunded_milli, "ra": line.refunded_minor} for n, line in enumerate(sale.lines)]
    writing.add("reduced_lines", _UPDATE_LINES, reduced_lines=("jsonb", _json(lines)))
    writing.add(
        "reduced", _UPDATE_REDUCED, rows=1, reduced=("bigint", sale.id), refunded=("bigint", sale.refunded_minor),
        unnamed=("bigint", sale.refunded_unnamed_minor), came_back_whole=("boolean", sale.came_back_whole),
        clawed=("bigint", sale.points_clawed_back), tenders=("jsonb", _encode(sale.tenders).decode()),
        qualifying=("bigint", sale.qualifying_points), qualifying_minor=("bigint", sale.qualifying_minor),
    )  # fmt: skip


_UPDATE_CLAIMED = """
    UPDATE rewards_purchase SET member_id = %(claimed_by)s, ordinal = %(ordinal)s, terms_version = %(terms_version)s,
        facts = %(facts)s, points_earned = %(earned)s, qualifying_points = %(qualifying)s,
        qualifying_minor = %(qualifying_minor)s, xid = pg_current_xact_id()
    WHERE merchant_id = %(merchant)s AND id = %(claimed)s RETURNING 1
"""
_UPDATE_UNCLAIMED = """
    UPDATE rewards_purchase SET member_id = NULL, ordinal = NULL, facts = jsonb_set(facts, '{facts}', %(facts)s),
        points_earned = 0, points_clawed_back = 0, qualifying_points = 0, qualifying_minor = 0,
        xid = pg_current_xact_id()
    WHERE merchant_id = %(merchant)s AND id = %(unclaimed)s RETURNING 1
"""
_UPDATE_LINES = """
    UPDATE rewards_purchaseline SET refunded_milli = r.rq, refunded_minor = r.ra
    FROM jsonb_to_recordset(%(reduced_lines)s::jsonb) AS r(n int, rq bigint, ra bigint)
    WHERE merchant_id = %(merchant)s AND purchase_id = %(reduced)s AND position = r.n
"""
_UPDATE_REDUCED = """
    UPDATE rewards_purchase SET refunded_minor = %(refunded)s, refunded_unnamed_minor = %(unnamed)s,
        came_back_whole = %(came_back_whole)s, points_clawed_back = %(clawed)s, tenders = %(tenders)s,
        qualifying_points = %(qualifying)s, qualifying_minor = %(qualifying_minor)s
    WHERE merchant_id = %(merchant)s AND id = %(reduced)s RETURNING 1
"""
