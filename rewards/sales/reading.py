"""The one read of a batch, after its locks: constant parts, those of the mechanics in use among them, in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from msgspec import json

from merchants.database import statements
from merchants.models.merchants import Merchant
from rewards import counters, versions
from rewards.parties import CODES_SQL, STATES_SQL
from rewards.points.book import DUE_LOTS_SQL, OPEN_LOTS_SQL
from rewards.sales.protocol import Read
from rewards.sales.sale import SaleLocation


@dataclass(frozen=True, slots=True)
class Existing:
    """A purchase row that was there before: recorded, or only announced by a refund."""

    id: int
    public_id: str
    state: str
    fingerprint: bytes
    member_id: int | None
    receipt: dict[str, Any]


@dataclass(slots=True)
class Found:
    """What was read that is nobody's in particular: locations, purchases of before, and ids for new ones."""

    shops: dict[str, SaleLocation] = field(default_factory=dict)
    existing: dict[str, Existing] = field(default_factory=dict)
    purchase_ids: list[int] = field(default_factory=list)


def rows(reads: tuple[Read, ...], values: Mapping[str, Any], *, of_members: bool, all_lots: bool) -> dict[str, Any]:
    """Run the statement and return what each part found, by its name."""
    names, sql, types = _statement(reads, of_members, all_lots)
    with connection.cursor() as cursor:
        statements.execute(cursor, sql, values, types)
        row = cursor.fetchone()
    return {
        name: json.decode(value) if isinstance(value, str) else value for name, value in zip(names, row, strict=True)
    }


@lru_cache(maxsize=256)
def _statement(
    reads: tuple[Read, ...], of_members: bool, all_lots: bool
) -> tuple[tuple[str, ...], str, dict[str, str]]:
    """Put the text together: one for guests, and two for each set of mechanics that terms use."""
    parts = dict(_FOR_ALL)
    if of_members:
        parts |= _FOR_MEMBERS | {"lots": _AS_ROWS.format(OPEN_LOTS_SQL if all_lots else DUE_LOTS_SQL)}
    types = dict(_TYPES)
    for read in reads:
        parts |= read.parts
        types |= read.types
        if read.has_counters:
            parts["counters"] = counters.READ_SQL
    return tuple(parts), "SELECT " + ", ".join(parts.values()), types


def found(rows: Mapping[str, Any], merchant: Merchant) -> Found:
    """Return what is nobody's in particular."""
    here = Found(purchase_ids=rows["ids"] or [])
    for identity, public_id, code, zone in rows["shops"] or []:
        shop = SaleLocation(identity, public_id, code, zone or merchant.zone)
        here.shops[public_id] = here.shops[code] = shop
    for external_id, identity, public_id, state, fingerprint, member_id, receipt in rows["existing"] or []:
        print_ = bytes.fromhex(fingerprint)
        here.existing[external_id] = Existing(identity, public_id, state, print_, member_id, receipt)
    return here


def lots(rows: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the lots in the order of columns in which a book takes them."""
    return [
        (
            row["account_id"], row["id"], row["amount"], row["remaining"], row["held"], row["is_active"],
            row["sliding"], instant(row["earned_at"]), instant(row["active_at"]), maybe_instant(row["expires_at"]),
            row["purchase_id"],
        )
        for row in rows.get("lots") or []
    ]  # fmt: skip


def instant(text: str) -> datetime:
    """Read an instant as PostgreSQL prints it in JSON."""
    return datetime.fromisoformat(text)


def maybe_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_TYPES = {
    "merchant": "bigint", "external_ids": "text[]", "count": "int", "locations": "text[]", "members": "bigint[]",
    "codes": "text[]", "accounts": "bigint[]", "now": "timestamptz", "sliding": "boolean", **counters.READ_TYPES,
}  # fmt: skip
_AS_ROWS = "(SELECT jsonb_agg(to_jsonb(x)) FROM ({}) AS x)"
_FOR_ALL = {
    "newest": versions.NEWEST_SQL,
    "existing": """(SELECT jsonb_agg(jsonb_build_array(p.external_id, p.id, p.public_id, p.state,
        encode(p.fingerprint, 'hex'), p.member_id, p.receipt)) FROM rewards_purchase p
        WHERE p.merchant_id = %(merchant)s AND p.external_id = ANY(%(external_ids)s))""",
    "ids": "(SELECT array_agg(nextval('rewards_purchase_id_seq')) FROM generate_series(1, %(count)s))",
    "shops": """(SELECT jsonb_agg(jsonb_build_array(l.id, l.public_id, l.code, l.zone)) FROM merchants_location l
        WHERE l.merchant_id = %(merchant)s AND (l.code = ANY(%(locations)s) OR l.public_id = ANY(%(locations)s)))""",
}
_FOR_MEMBERS = {
    "states": STATES_SQL,
    "codes": CODES_SQL,
}
