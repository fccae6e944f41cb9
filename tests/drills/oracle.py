"""What must be true after the storm: asked of the database as superuser, of the receiver, and of the tills' own log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg2.extensions
from standardwebhooks import WebhookVerificationError

from tests.drills.tills import Intent, Log
from tests.receiver import Receiver

SHOWN_MAX = 5

#: Each query names what is wrong, one row a fault; an empty answer is a clean bill.
FAULTS = {
    "an account's figures are not the sum of its entries": """
        SELECT a.id, a.balance, e.balance, a.held, e.held, a.pending, e.pending, a.debt, e.debt, a.seq, e.newest, e.n
        FROM rewards_account a LEFT JOIN (
            SELECT account_id, sum(balance_change) AS balance, sum(held_change) AS held, sum(pending_change) AS pending,
                sum(debt_change) AS debt, max(seq) AS newest, count(*) AS n
            FROM rewards_entry WHERE merchant_id = %(m)s GROUP BY 1) e ON e.account_id = a.id
        WHERE a.merchant_id = %(m)s AND (a.balance, a.held, a.pending, a.debt, a.seq, a.seq) IS DISTINCT FROM
            (coalesce(e.balance, 0), coalesce(e.held, 0), coalesce(e.pending, 0), coalesce(e.debt, 0),
             coalesce(e.newest, 0), coalesce(e.n, 0))
    """,
    "an account's figures are not the sum of its lots": """
        SELECT a.id, a.balance, l.active, a.pending, l.pending, a.held, l.held
        FROM rewards_account a LEFT JOIN (
            SELECT account_id, sum(remaining) FILTER (WHERE is_active) AS active, sum(held) AS held,
                sum(remaining) FILTER (WHERE NOT is_active) AS pending
            FROM rewards_lot WHERE merchant_id = %(m)s GROUP BY 1) l ON l.account_id = a.id
        WHERE a.merchant_id = %(m)s AND (a.balance, a.pending, a.held) IS DISTINCT FROM
            (coalesce(l.active, 0), coalesce(l.pending, 0), coalesce(l.held, 0))
    """,
    "a lot's remainder is not the sum of its allocations": """
        SELECT l.id, l.amount, l.remaining, x.taken FROM rewards_lot l LEFT JOIN (
            SELECT lot_id, sum(remaining_change) AS taken, sum(held_change) AS held
            FROM rewards_allocation WHERE merchant_id = %(m)s GROUP BY 1) x ON x.lot_id = l.id
        WHERE l.merchant_id = %(m)s AND (
            (l.amount + coalesce(x.taken, 0) <> l.remaining AND coalesce(x.taken, 0) <> l.remaining)
            OR coalesce(x.held, 0) <> l.held)
    """,
    "the points of a purchase were not given exactly once": """
        SELECT p.external_id, p.points_earned, coalesce(e.given, 0) FROM rewards_purchase p LEFT JOIN (
            SELECT document_id, sum(balance_change + pending_change) AS given FROM rewards_entry
            WHERE merchant_id = %(m)s AND document_kind = 'purchase' AND kind = 'accrue' GROUP BY 1
        ) e ON e.document_id = p.id
        WHERE p.merchant_id = %(m)s AND p.points_earned <> coalesce(e.given, 0)
    """,
    "points were given for a purchase that is not there": """
        SELECT e.document_id FROM rewards_entry e WHERE e.merchant_id = %(m)s AND e.document_kind = 'purchase'
            AND NOT EXISTS (SELECT 1 FROM rewards_purchase p WHERE p.merchant_id = %(m)s AND p.id = e.document_id)
    """,
    "a purchase's refunds do not add up": """
        SELECT p.external_id, p.refunded_minor, r.total, p.points_clawed_back, r.clawed FROM rewards_purchase p JOIN (
            SELECT purchase_id, sum(amount_minor) AS total, sum(points_clawed_back) AS clawed FROM rewards_refund
            WHERE merchant_id = %(m)s AND is_applied GROUP BY 1) r ON r.purchase_id = p.id
        WHERE p.merchant_id = %(m)s AND (p.refunded_minor, p.points_clawed_back) IS DISTINCT FROM (r.total, r.clawed)
    """,
    "held points are not those of open holds": """
        SELECT a.id, a.held, r.held FROM rewards_account a LEFT JOIN (
            SELECT member_id, sum(points) AS held FROM rewards_redemption
            WHERE merchant_id = %(m)s AND state = 'held' GROUP BY 1) r ON r.member_id = a.member_id
        WHERE a.merchant_id = %(m)s AND a.held <> coalesce(r.held, 0)
    """,
    "a recorded purchase has not exactly one event": """
        SELECT p.external_id, coalesce(o.n, 0) FROM rewards_purchase p LEFT JOIN (
            SELECT payload->>'purchase' AS id, count(*) AS n FROM merchants_outboxevent
            WHERE merchant_id = %(m)s AND kind = 'purchase.recorded' GROUP BY 1) o ON o.id = p.public_id
        WHERE p.merchant_id = %(m)s AND p.state = 'recorded' AND coalesce(o.n, 0) <> 1
    """,
    "an applied refund has not exactly one event": """
        SELECT r.external_id, coalesce(o.n, 0) FROM rewards_refund r LEFT JOIN (
            SELECT payload->>'refund' AS id, count(*) AS n FROM merchants_outboxevent
            WHERE merchant_id = %(m)s AND kind = 'purchase.refunded' GROUP BY 1) o ON o.id = r.public_id
        WHERE r.merchant_id = %(m)s AND r.is_applied AND coalesce(o.n, 0) <> 1
    """,
    "points spent or set aside have not exactly one event": """
        SELECT r.external_id, r.state, coalesce(o.n, 0) FROM rewards_redemption r LEFT JOIN (
            SELECT payload->>'redemption' AS id, count(*) AS n FROM merchants_outboxevent
            WHERE merchant_id = %(m)s AND kind IN ('points.redeemed', 'points.held') GROUP BY 1
        ) o ON o.id = r.public_id
        WHERE r.merchant_id = %(m)s AND r.state <> 'refused' AND coalesce(o.n, 0) <> 1
    """,
}

_WAITING = """
    SELECT (SELECT count(*) FROM merchants_outboxevent WHERE merchant_id = %(m)s AND relayed_at IS NULL),
           (SELECT count(*) FROM merchants_webhookdelivery d JOIN merchants_webhookendpoint e ON e.id = d.endpoint_id
            WHERE d.merchant_id = %(m)s AND e.public_id = %(endpoint)s AND d.state = 'due')
"""


def waiting(connection: psycopg2.extensions.connection, of: tuple[int, str]) -> tuple[int, int]:
    """Count the events of a merchant that nobody relayed yet, and the deliveries still to be made to an endpoint."""
    merchant, endpoint = of
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"m": merchant, "endpoint": endpoint})
        not_relayed, due = cursor.fetchone()
    return not_relayed, due


def wait_until_delivered(
    connection: psycopg2.extensions.connection,
    of: tuple[int, str],
    *,
    standstill_seconds_max: float,
    meanwhile: Callable[[], None],
) -> list[str]:
    """Let the worker bring everything; return a fault when it stops bringing.  A slow machine may take its time."""
    least, deadline = None, time.monotonic() + standstill_seconds_max
    while True:
        meanwhile()
        not_relayed, due = waiting(connection, of)
        if not_relayed == due == 0:
            return []
        if least is None or (not_relayed, due) < least:
            least, deadline = (not_relayed, due), time.monotonic() + standstill_seconds_max
        if time.monotonic() > deadline:
            return [
                f"{not_relayed} events were not relayed and {due} deliveries not made, and none for "
                f"{standstill_seconds_max:.0f} s"
            ]
        time.sleep(0.2)


def examine(
    connection: psycopg2.extensions.connection, *, merchant: int, log: Log, receiver: Receiver, secret: str
) -> list[str]:
    """Return every fault, in words."""
    faults = list(log.wrong[:20])
    with connection.cursor() as cursor:
        for sentence, query in FAULTS.items():
            cursor.execute(query, {"m": merchant})
            rows = cursor.fetchall()
            if rows:
                faults.append(f"{sentence}: {len(rows)} times, such as {rows[:SHOWN_MAX]}")
        faults += _acknowledged(cursor, merchant, log)
        faults += _nobody_asked(cursor, merchant, log)
        faults += _clocks(cursor, merchant, log)
        faults += _events(cursor, merchant, receiver, secret)
    return faults


def _acknowledged(cursor: Any, merchant: int, log: Log) -> Iterable[str]:
    """Nothing a till was told may be gone or different."""
    tables = {
        "purchase": ("rewards_purchase", "points_earned"),
        "refund": ("rewards_refund", "points_clawed_back"),
        "redemption": ("rewards_redemption", "points"),
        "hold": ("rewards_redemption", "points"),
        "capture": ("rewards_capture", "points"),
        "release": ("rewards_release", "points"),
        "reverse": ("rewards_reversal", "points"),
    }
    told: dict[tuple[str, str], Mapping[str, Any]] = {}
    for kind in tables:
        for intent in log.acknowledged(kind):
            told[kind, intent.external_id] = intent.answer["receipt"]
    for intent in log.acknowledged("batch"):
        for result in intent.answer["results"]:
            if 200 <= result["status"] < 300:
                told["purchase", result["external_id"]] = result["receipt"]
    for kind, (table, figure) in tables.items():
        cursor.execute(f"SELECT external_id, public_id, {figure} FROM {table} WHERE merchant_id = %s", [merchant])
        found = {external_id: (public_id, points) for external_id, public_id, points in cursor.fetchall()}
        lost, other = [], []
        for (what, external_id), receipt in told.items():
            if what != kind:
                continue
            if external_id not in found:
                lost.append(external_id)
            elif found[external_id][0] != receipt["id"]:
                other.append((external_id, found[external_id], receipt["id"]))
            # A refund that came before its purchase is told 0 and takes its points later.
            elif figure in receipt and receipt.get("state") != "waiting" and found[external_id][1] != receipt[figure]:
                other.append((external_id, found[external_id], receipt[figure]))
        if lost:
            yield f"{len(lost)} acknowledged {kind}s are lost, such as {lost[:SHOWN_MAX]}"
        if other:
            yield f"{len(other)} {kind}s are not what was acknowledged, such as {other[:SHOWN_MAX]}"


def _nobody_asked(cursor: Any, merchant: int, log: Log) -> Iterable[str]:
    asked = {sale["external_id"] for intent in log.intents for sale in _sales(intent)}
    cursor.execute("SELECT external_id FROM rewards_purchase WHERE merchant_id = %s AND state = 'recorded'", [merchant])
    strange = {row[0] for row in cursor.fetchall()} - asked
    if strange:
        yield f"{len(strange)} purchases nobody asked for, such as {sorted(strange)[:SHOWN_MAX]}"


def _clocks(cursor: Any, merchant: int, log: Log) -> Iterable[str]:
    """A till whose clock is off, and which says what it shows, sold when we heard of it."""
    off = {sale["external_id"] for intent in log.intents for sale in _sales(intent) if intent.off}
    cursor.execute(
        "SELECT external_id, recorded_at - occurred_at FROM rewards_purchase "
        "WHERE merchant_id = %s AND state = 'recorded' AND abs(extract(epoch FROM recorded_at - occurred_at)) > 300",
        [merchant],
    )
    if mistaken := [(name, str(by)) for name, by in cursor.fetchall() if name in off]:
        yield f"{len(mistaken)} sales of tills with a wrong clock were given a wrong time, such as {mistaken[:SHOWN_MAX]}"


def _sales(intent: Intent) -> list[dict[str, Any]]:
    if intent.kind == "batch":
        return list(intent.body["purchases"])
    return [intent.body] if intent.kind == "purchase" else []


def _events(cursor: Any, merchant: int, receiver: Receiver, secret: str) -> Iterable[str]:
    """Every event arrived at least once, signed; and none arrived that never happened."""
    heard: set[str] = set()
    for received in receiver.at("/ok"):
        heard.add(received.headers["webhook-id"])
    for received in receiver.at("/ok")[-500:]:
        try:
            # The library refuses what is older than five minutes, as a receiver would at the time.
            received.verified(secret)
        except WebhookVerificationError as error:
            yield f"a delivery does not verify: {error}"
            break
    cursor.execute("SELECT public_id FROM merchants_outboxevent WHERE merchant_id = %s", [merchant])
    happened = {row[0] for row in cursor.fetchall()}
    if never_heard := happened - heard:
        yield f"{len(never_heard)} of {len(happened)} events never arrived, such as {sorted(never_heard)[:SHOWN_MAX]}"
    if invented := heard - happened:
        yield f"{len(invented)} events arrived that never happened, such as {sorted(invented)[:SHOWN_MAX]}"
