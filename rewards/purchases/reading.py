"""Everything a batch of purchases needs to know, read once and only after its locks are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from msgspec import json

from members.directory import FORWARDED_SQL
from merchants import periods, statements
from merchants.models.merchants import Merchant
from merchants.tenancy import Again
from rewards import tiers, versions
from rewards.earning import cap_keys
from rewards.parties import Key
from rewards.points import AccountState, Book
from rewards.points.book import ACCOUNT_COLUMNS, ACCOUNT_WIDTH, DUE_LOTS_SQL, OPEN_LOTS_SQL
from rewards.purchases.sales import Shop
from rewards.referrals import ACCOUNTS_SQL, MEMBERS_SQL, OpenReferral
from rewards.versions import Timeline, Version

_REFERENCES = {
    "id": "SELECT 'id', m.public_id, m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.public_id = ANY(%(id)s)",
    "external_id": "SELECT 'external_id', m.external_id, m.id FROM members_member m WHERE m.merchant_id = %(merchant)s "
    "AND m.external_id = ANY(%(external_id)s)",
    "phone": "SELECT 'phone', m.phone, m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.phone = ANY(%(phone)s)",
    "code": "SELECT 'code', m.code, m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.code = ANY(%(code)s)",
    "card": "SELECT 'card', c.number, c.member_id FROM members_card c WHERE c.merchant_id = %(merchant)s "
    "AND c.number = ANY(%(card)s) AND c.blocked_at IS NULL",
}


@dataclass(frozen=True, slots=True)
class Buyer:
    """A member as a purchase needs to know them."""

    id: int
    public_id: str
    state: str
    account: AccountState
    birthday: tuple[int, int] | None
    joined_at: datetime


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
class Context:
    timeline: Timeline
    shops: dict[str, Shop] = field(default_factory=dict)
    existing: dict[str, Existing] = field(default_factory=dict)
    buyers: dict[Key, Buyer] = field(default_factory=dict)
    purchase_ids: list[int] = field(default_factory=list)
    #: (account id or 0 for the programme, key) -> points used
    caps: dict[tuple[int, str], int] = field(default_factory=dict)
    tier_periods: dict[int, list[tiers.Period]] = field(default_factory=dict)
    qualifying: dict[int, dict[date, tiers.Sums]] = field(default_factory=dict)
    referrals: dict[int, OpenReferral] = field(default_factory=dict)


def lock_buyers(book: Book, keys: Sequence[Key]) -> dict[Key, Buyer]:
    """Lock, in id order, the accounts of everybody named; merged members forward.

    One statement finds and locks, so that a till's single sale costs one round trip; only who was not found so is
    looked for again the longer way.
    """
    buyers: dict[Key, Buyer] = {}
    kinds = {kind for kind, _value in keys}
    if len(kinds) == 1 and (kind := next(iter(kinds))) in _COLUMNS:
        _lock(book, buyers, _DIRECT.format(kind=kind, column=_COLUMNS[kind]), {"values": [value for _k, value in keys]})
    missing = [key for key in keys if key not in buyers]
    if missing:
        wanted: dict[str, list[str]] = {}
        for kind, value in missing:
            wanted.setdefault(kind, []).append(value)
        sources = " UNION ALL ".join(_REFERENCES[kind] for kind in sorted(wanted))
        _lock(book, buyers, _FORWARDED.format(sources=sources), wanted)
    return buyers


def _lock(book: Book, buyers: dict[Key, Buyer], sql: str, values: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        statements.execute(cursor, sql, {"merchant": book.merchant_id, **values}, _TYPES)
        for row in cursor.fetchall():
            account = book.accounts.get(row[0]) or book.admit(row)
            kind, value, public_id, state, month, day, joined_at = row[ACCOUNT_WIDTH:]
            birthday = (month, day) if month is not None else None
            buyers[kind, value] = Buyer(account.member_id, public_id, state, account, birthday, joined_at)


_TYPES = {
    "merchant": "bigint", "values": "text[]", "id": "text[]", "external_id": "text[]", "phone": "text[]",
    "code": "text[]", "card": "text[]", "external_ids": "text[]", "count": "int", "locations": "text[]",
    "members": "bigint[]", "accounts": "bigint[]", "now": "timestamptz", "sliding": "boolean",
    "cap_accounts": "bigint[]", "cap_keys": "text[]", "earliest": "timestamptz", "since": "date",
    "newcomers": "bigint[]",
}  # fmt: skip
_COLUMNS = {"id": "public_id", "external_id": "external_id", "phone": "phone", "code": "code"}
_MEMBER = "m.public_id, m.state, m.birth_month, m.birth_day, m.joined_at"
_DIRECT = (
    f"SELECT {ACCOUNT_COLUMNS}, '{{kind}}', m.{{column}}, {_MEMBER} FROM members_member m "
    "JOIN rewards_account a ON a.merchant_id = %(merchant)s AND a.member_id = m.id "
    "WHERE m.merchant_id = %(merchant)s AND m.{column} = ANY(%(values)s) AND m.merged_into_id IS NULL "
    "ORDER BY a.id FOR UPDATE OF a"
)
_FORWARDED = (
    f"SELECT {ACCOUNT_COLUMNS}, r.kind, r.value, {_MEMBER} FROM ({{sources}}) AS r(kind, value, member_id) "
    "JOIN members_member named ON named.merchant_id = %(merchant)s AND named.id = r.member_id "
    f"JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = {FORWARDED_SQL.format('named')} "
    "JOIN rewards_account a ON a.merchant_id = %(merchant)s AND a.member_id = m.id "
    "ORDER BY a.id FOR UPDATE OF a"
)


def read(
    merchant: Merchant,
    book: Book,
    buyers: dict[Key, Buyer],
    *,
    external_ids: Sequence[str],
    locations: Sequence[str],
    moments: Sequence[datetime],
    needs_all_lots: bool,
) -> Context:
    """Read, after the locks, what the fold decides by: earlier rows, terms, caps, tiers, referrals, and new ids."""
    seen = versions.last_seen(merchant.pk)
    first = _read_once(merchant, book, buyers, seen, external_ids, locations, moments, needs_all_lots)
    newest = first["newest"] or 0
    if newest != seen.newest:
        # The programme has grown since this process looked: what has to be read depends on the terms.
        seen = versions.refreshed(merchant.pk, newest)
        first = _read_once(merchant, book, buyers, seen, external_ids, locations, moments, needs_all_lots)
    states = first.get("states") or {}
    if any(states.get(str(buyer.id)) != buyer.state for buyer in buyers.values()):
        # Merged, blocked or erased while we waited for the account: what was found then no longer holds.
        raise Again
    context = Context(timeline=seen, buyers=buyers, purchase_ids=first.get("ids") or [])
    for identity, public_id, code, zone in first.get("shops") or []:
        shop = Shop(identity, public_id, code, zone or merchant.zone)
        context.shops[public_id] = context.shops[code] = shop
    for external_id, identity, public_id, state, fingerprint, member_id, receipt in first["existing"] or []:
        context.existing[external_id] = Existing(
            identity, public_id, state, bytes.fromhex(fingerprint), member_id, receipt
        )
    for account_id, key, used in first.get("caps") or []:
        context.caps[account_id, key] = used
    for account_id, tier, held_from, held_to in first.get("tiers") or []:
        context.tier_periods.setdefault(account_id, []).append(tiers.Period(tier, _instant(held_from), _maybe(held_to)))
    for member_id, day, points, spend_minor, purchases in first.get("qualifying") or []:
        sums = tiers.Sums(points, spend_minor, purchases)
        days, on = context.qualifying.setdefault(book.of_member(member_id).id, {}), date.fromisoformat(day)
        days[on] = days.get(on, tiers.NOTHING).plus(sums)
    for identity, public_id, referrer_id, referee_id, referrer, referee, created_at in first.get("referrals") or []:
        referral = OpenReferral(identity, public_id, referrer_id, referee_id, referrer, referee, _instant(created_at))
        context.referrals[referral.referee_id] = referral
    book.take_lots([_lot(row) for row in first["lots"] or []], everything=needs_all_lots)
    return context


def _read_once(
    merchant: Merchant,
    book: Book,
    buyers: dict[Key, Buyer],
    seen: Timeline,
    external_ids: Sequence[str],
    locations: Sequence[str],
    moments: Sequence[datetime],
    needs_all_lots: bool,
) -> dict[str, Any]:
    """One statement, whose parts are only those the terms in force call for."""
    zone = merchant.tzinfo
    parts = {"newest": versions.NEWEST_SQL, "existing": _EXISTING}
    if external_ids:
        parts["ids"] = _NEXT_IDS
    if locations:
        parts["shops"] = _SHOPS
    values: dict[str, Any] = {
        **book.lot_parameters(sliding=any(version.has_sliding for version in seen.versions)),
        "external_ids": list(external_ids),
        "count": len(external_ids),
        "locations": list(locations),
    }
    if book.accounts:
        parts["states"] = _STATES
        values["members"] = [buyer.id for buyer in buyers.values()]
        parts["lots"] = _AS_ROWS.format(OPEN_LOTS_SQL if needs_all_lots else DUE_LOTS_SQL)
        in_force = {v.number: v for v in map(seen.at, moments) if v is not None}
        now_in_force = seen.at(book.now)
        keys = {str(k): k.scope for m in moments if (v := seen.at(m)) for k in cap_keys(v.terms, m, zone)}
        if keys:
            parts["caps"] = _CAPS
            values["cap_accounts"] = [0, *book.accounts]
            values["cap_keys"] = list(keys)
            shared = sorted(key for key, scope in keys.items() if scope == "programme")
            if shared:
                _lock_shared_caps(merchant.pk, shared)
        if any(version.terms.tiers for version in in_force.values()):
            earliest = min(moments)
            if any(a.tier_since is not None and earliest < a.tier_since for a in book.accounts.values()):
                parts["tiers"] = _TIERS
                values["earliest"] = earliest
        if now_in_force is not None and now_in_force.terms.tiers:
            parts["qualifying"] = _QUALIFYING
            values["since"] = _window_first(now_in_force, buyers, book.now, zone)
        if any(version.terms.referral for version in in_force.values()):
            newcomers = [a.id for a in book.accounts.values() if a.purchases_count == 0]
            if newcomers:
                parts["referrals"] = _REFERRALS
                values["newcomers"] = newcomers
    else:
        parts["lots"] = "NULL"
    names = list(parts)
    with connection.cursor() as cursor:
        statements.execute(cursor, "SELECT " + ", ".join(parts.values()), values, _TYPES)
        row = cursor.fetchone()
    return {
        name: json.decode(value) if isinstance(value, str) else value for name, value in zip(names, row, strict=True)
    }


def _window_first(version: Version, buyers: dict[Key, Buyer], now: datetime, zone: ZoneInfo) -> date:
    today = periods.local_day(now, zone)
    return min(
        tiers.window_first(version, today, periods.local_day(buyer.joined_at, zone)) for buyer in buyers.values()
    )


def _lock_shared_caps(merchant_id: int, keys: Sequence[str]) -> None:
    """Make and lock the buckets that all members share, in id order, so that two tills never fill the same room."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rewards_capbucket (merchant_id, account_id, key, points) SELECT %s, 0, k, 0 "
            "FROM unnest(%s::text[]) AS k ORDER BY k ON CONFLICT DO NOTHING",
            [merchant_id, list(keys)],
        )
        cursor.execute(
            "SELECT id FROM rewards_capbucket WHERE merchant_id = %s AND account_id = 0 AND key = ANY(%s) "
            "ORDER BY id FOR UPDATE",
            [merchant_id, list(keys)],
        )


_AS_ROWS = "(SELECT jsonb_agg(to_jsonb(x)) FROM ({}) AS x)"
_EXISTING = """(SELECT jsonb_agg(jsonb_build_array(p.external_id, p.id, p.public_id, p.state, encode(p.fingerprint, 'hex'),
    p.member_id, p.receipt)) FROM rewards_purchase p
    WHERE p.merchant_id = %(merchant)s AND p.external_id = ANY(%(external_ids)s))"""
_NEXT_IDS = """(SELECT array_agg(nextval('rewards_purchase_id_seq')) FROM generate_series(1, %(count)s))"""
_STATES = """(SELECT jsonb_object_agg(m.id, m.state) FROM members_member m
    WHERE m.merchant_id = %(merchant)s AND m.id = ANY(%(members)s))"""
_SHOPS = """(SELECT jsonb_agg(jsonb_build_array(l.id, l.public_id, l.code, l.zone)) FROM merchants_location l
    WHERE l.merchant_id = %(merchant)s AND (l.code = ANY(%(locations)s) OR l.public_id = ANY(%(locations)s)))"""
_CAPS = """(SELECT jsonb_agg(jsonb_build_array(c.account_id, c.key, c.points)) FROM rewards_capbucket c
    WHERE c.merchant_id = %(merchant)s AND c.account_id = ANY(%(cap_accounts)s) AND c.key = ANY(%(cap_keys)s))"""
_TIERS = """(SELECT jsonb_agg(jsonb_build_array(t.account_id, t.tier, t.held_from, t.held_to) ORDER BY t.held_from, t.id)
    FROM rewards_tierperiod t WHERE t.merchant_id = %(merchant)s AND t.account_id = ANY(%(accounts)s)
    AND (t.held_to IS NULL OR t.held_to > %(earliest)s))"""
_QUALIFYING = f"""(SELECT jsonb_agg(jsonb_build_array(q.member_id, q.day, q.points, q.spend, q.purchases))
    FROM ({tiers.DAILY_SQL}) AS q)"""
_REFERRALS = f"""(SELECT jsonb_agg(jsonb_build_array(r.id, r.public_id, {ACCOUNTS_SQL}, {MEMBERS_SQL}, r.created_at))
    FROM rewards_referral r
    WHERE r.merchant_id = %(merchant)s AND r.referee_id = ANY(%(newcomers)s) AND r.state = 'open')"""


def _lot(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["account_id"], row["id"], row["amount"], row["remaining"], row["held"], row["is_active"],
        row["is_sliding"], _instant(row["earned_at"]), _instant(row["active_at"]), _maybe(row["expires_at"]),
        row["purchase_id"],
    )  # fmt: skip


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def location_zone(merchant: Merchant, shop: Shop | None) -> ZoneInfo:
    return ZoneInfo(shop.zone) if shop is not None else merchant.tzinfo
