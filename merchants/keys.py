"""API keys: issued once, verified on every call, rotated with an overlap, revoked at once.

A key reads `lk_live_` (or `lk_test_` for a sandbox), eight signs that find its row, and 32 signs (190 bits) that are
secret. Only a SHA-256 of the whole is kept; a slow hash would add nothing to so much chance and 100 ms to every sale.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from merchants import audit, ids
from merchants.actors import Actor
from merchants.database import statements
from merchants.database.sql_errors import is_connection_lost
from merchants.errors import Invalid, LoyaltyError, NotFound
from merchants.models.keys import ApiKey as ApiKey
from merchants.models.merchants import Location
from merchants.models.merchants import Merchant as Merchant

T = TypeVar("T")

#: What a key may be allowed to do, in the words the console shows.
SCOPES: dict[str, Any] = {
    "members:read": gettext_lazy("Find members, their balance and their ledger"),
    "members:write": gettext_lazy("Enrol and change members, give and block cards, replace codes, stop spending"),
    "members:contacts": gettext_lazy("Change the contacts of members who sign in; the old contact is told"),
    "members:import": gettext_lazy("Bring members over from another system: change their contacts and tell nobody"),
    "quotes": gettext_lazy("Ask what a purchase would earn"),
    "purchases:write": gettext_lazy("Record purchases"),
    "purchases:backfill": gettext_lazy(
        "Record purchases, refunds, redemptions, corrections and transfers of any age, and keep a call from being told by webhooks"
    ),
    "purchases:accept_unknown_time": gettext_lazy("Keep and mark sales and refunds whose time cannot be true"),
    "refunds:write": gettext_lazy("Record refunds"),
    "documents:read": gettext_lazy("Read purchases, refunds, redemptions, corrections and transfers"),
    "redemptions:write": gettext_lazy("Spend points: hold, capture, release, reverse"),
    "adjustments:write": gettext_lazy("Correct balances"),
    "adjustments:debt": gettext_lazy("Correct balances by more points than a member has; the rest is owed"),
    "transfers:write": gettext_lazy("Move points from one member to another"),
    "members:merge": gettext_lazy("Merge two members of one person, and undo it"),
    "members:block": gettext_lazy("Block memberships and open them again; allow spending that was stopped"),
    "members:erase": gettext_lazy("Erase members for good"),
    "programme:read": gettext_lazy("Read the programme"),
    "programme:write": gettext_lazy("Change and publish the programme"),
    "metrics:read": gettext_lazy("Read the numbers"),
    "webhooks:manage": gettext_lazy("Manage webhook endpoints"),
    "events:read": gettext_lazy("Read events"),
    "surveys:write": gettext_lazy("Hand in survey responses"),
}
#: What a till needs and no more.
TILL_SCOPES = (
    "members:read",
    "members:write",
    "quotes",
    "purchases:write",
    "refunds:write",
    "documents:read",
    "redemptions:write",
    "programme:read",
    "surveys:write",
)

#: What a key may put before its caller's ids: no colon, which ends it, and nothing this platform puts before ids itself.
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
RESERVED_NAMESPACES = frozenset({"asked", "console", "counter", "portal"})

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"(lk_(?:live|test)_[0-9A-Za-z]{8})_[0-9A-Za-z]{32}")
_NOBODY = hashlib.sha256(b"no such key").hexdigest()
_USE_NOTED_EVERY = timedelta(minutes=1)
OVERLAP_MAX = timedelta(days=30)


class KeyRefused(LoyaltyError):
    """Nobody we know: the caller learns no more than that."""

    code = "key_invalid"
    http = 401


class KeyRevoked(KeyRefused):
    code = "key_revoked"


class KeyExpired(KeyRefused):
    code = "key_expired"


class MerchantClosed(LoyaltyError):
    code = "merchant_closed"
    http = 403


class UnknownScope(Invalid):
    code = "unknown_scope"


class KeyNotFound(NotFound):
    code = "key_not_found"


class KeyAlreadyEnded(LoyaltyError):
    code = "key_already_ended"


@dataclass(frozen=True, slots=True)
class Key:
    """A verified key, ready for one request: whose it is, what it may do, and where it stands."""

    id: int
    public_id: str
    name: str
    merchant: Merchant
    scopes: frozenset[str]
    location_id: int | None
    location_code: str
    terminal: str
    id_namespace: str
    prefix: str = ""

    @property
    def actor(self) -> Actor:
        return Actor("key", self.public_id, self.name)


@dataclass(frozen=True, slots=True)
class Verified:
    """A key as it was found, with the versions of the two rows, its own and the merchant's, that it was read from."""

    key: Key
    #: Place and transaction of each: any change of the row changes them.
    versions: tuple[tuple[str, str], tuple[str, str]]
    expires_at: datetime | None
    last_used_at: datetime | None

    def is_fresh(self, now: datetime) -> bool:
        """Return whether its use was noted within a minute and it has not expired: as far as these rows say."""
        is_noted = self.last_used_at is not None and self.last_used_at > now - _USE_NOTED_EVERY
        return is_noted and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key and its secret, which is shown this once and kept nowhere."""

    key: ApiKey
    secret: str


def issue(
    *,
    merchant: Merchant,
    name: str,
    scopes: Iterable[str],
    actor: Actor,
    now: datetime,
    location: Location | None = None,
    terminal: str = "",
    id_namespace: str = "",
    expires_at: datetime | None = None,
) -> Issued:
    """Make a key and return its secret once, with an audit record in the open tenant.

    `id_namespace` is put before each id the key's caller gives a document, so that tills which count alike do not
    collide; empty puts nothing there.

    :raises UnknownScope: a scope is not in SCOPES, or none was given; nothing is written.
    :raises Invalid: a namespace with other signs than letters, digits, dots and dashes, or one this platform uses.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= SCOPES.keys():
        raise UnknownScope(_("Choose at least one of the known scopes."), pointer="/scopes")
    if id_namespace and not is_namespace(id_namespace):
        raise Invalid(
            _("A prefix has letters, digits, dots and dashes, at most 40; a few words are taken, such as console."),
            pointer="/id_namespace",
        )
    prefix = f"lk_{'test' if merchant.is_sandbox else 'live'}_{_random(8)}"
    secret = f"{prefix}_{_random(32)}"
    key = ApiKey.objects.create(
        public_id=ids.mint("key"),
        merchant=merchant,
        prefix=prefix,
        secret_hash=_hashed(secret),
        name=name.strip()[:80],
        scopes=wanted,
        location=location,
        location_code=location.code if location else "",
        terminal=terminal,
        id_namespace=id_namespace,
        created_by=str(actor),
        created_at=now,
        expires_at=expires_at,
    )
    audit.record(
        merchant=merchant,
        action="key.issued",
        actor=actor,
        now=now,
        subject=key.public_id,
        details={"prefix": prefix, "scopes": wanted, "id_namespace": id_namespace},
    )
    return Issued(key, secret)


def is_namespace(text: str) -> bool:
    """State whether a text can stand before a caller's ids."""
    return _NAMESPACE.fullmatch(text) is not None and text.lower() not in RESERVED_NAMESPACES


def verify(secret: str, *, now: datetime) -> Key:
    """Find the key a caller holds, in one query and without a tenant; `look_up` says more.

    :raises KeyRefused: unknown, revoked or expired (only the holder of the true secret learns which).
    :raises MerchantClosed: the key is good, its merchant has left.
    """
    return look_up(secret, now=now).key


def look_up(secret: str, *, now: datetime) -> Verified:
    """Find the key a caller holds, in one query and without a tenant, and note its use once a minute.

    Nothing is remembered here. A database connection that died while idle is replaced once: nothing has been asked of it yet.

    :raises KeyRefused: unknown, revoked or expired (only the holder of the true secret learns which).
    :raises MerchantClosed: the key is good, its merchant has left.
    """
    form = _FORM.fullmatch(secret)
    row = on_a_live_connection(lambda: _find(form[1])) if form else None
    # The same work on a miss: time must not tell a true prefix from a made-up one.
    is_true = secrets.compare_digest(_hashed(secret), row[_HASH_COLUMN] if row else _NOBODY)
    if row is None or not is_true:
        raise KeyRefused(_("This API key is not known here."))
    key = ApiKey.from_db("default", _KEY_COLUMNS, row[: len(_KEY_COLUMNS)])
    merchant = _merchant_of(row[len(_KEY_COLUMNS) : -4])
    if key.revoked_at is not None:
        raise KeyRevoked(_("This API key was revoked."))
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyExpired(_("This API key has expired."))
    if merchant.closed_at is not None:
        raise MerchantClosed(_("This merchant is closed."))
    if key.last_used_at is None or key.last_used_at <= now - _USE_NOTED_EVERY:
        _note_use(key, now)
    found = Key(
        key.pk,
        key.public_id,
        key.name,
        merchant,
        frozenset(key.scopes),
        key.location_id,
        key.location_code,
        key.terminal,
        key.id_namespace,
        key.prefix,
    )
    return Verified(found, (row[-4:-2], row[-2:]), key.expires_at, key.last_used_at)


def rotate(*, merchant: Merchant, public_id: str, overlap: timedelta, actor: Actor, now: datetime) -> Issued:
    """Issue a key like this one; the old one goes on working for `overlap` (30 days at most).

    Locks the old key's row.

    :raises KeyNotFound: the merchant has no such key.
    :raises KeyAlreadyEnded: it was revoked, has expired or was rotated before.
    """
    old = _locked(merchant, public_id)
    if old.revoked_at or old.replaced_by_id or (old.expires_at and old.expires_at <= now):
        raise KeyAlreadyEnded(_("This key has ended already."))
    issued = issue(
        merchant=merchant,
        name=old.name,
        scopes=old.scopes,
        actor=actor,
        now=now,
        location=Location.objects.get(merchant=merchant, pk=old.location_id) if old.location_id else None,
        terminal=old.terminal,
        id_namespace=old.id_namespace,
    )
    ends = now + min(max(overlap, timedelta(0)), OVERLAP_MAX)
    old.expires_at = min(old.expires_at, ends) if old.expires_at else ends
    old.replaced_by = issued.key
    old.save(update_fields=["expires_at", "replaced_by"])
    audit.record(
        merchant=merchant,
        action="key.rotated",
        actor=actor,
        now=now,
        subject=old.public_id,
        details={"replaced_by": issued.key.public_id, "ends_at": old.expires_at.isoformat()},
    )
    return issued


def revoke(*, merchant: Merchant, public_id: str, actor: Actor, now: datetime) -> ApiKey:
    """End a key at once; revoking it again changes nothing. Locks the key's row.

    :raises KeyNotFound: the merchant has no such key.
    """
    key = _locked(merchant, public_id)
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        audit.record(merchant=merchant, action="key.revoked", actor=actor, now=now, subject=key.public_id)
    return key


def of(merchant: Merchant) -> Sequence[ApiKey]:
    """List a merchant's keys, newest first; their secrets cannot be shown again."""
    return list(ApiKey.objects.filter(merchant=merchant).order_by("-created_at", "-id"))


def namespaces(merchant: Merchant) -> Sequence[str]:
    """List what a merchant's keys, ended ones too, put before the ids they send."""
    rows = ApiKey.objects.filter(merchant=merchant).exclude(id_namespace="")
    return list(rows.order_by("id_namespace").values_list("id_namespace", flat=True).distinct())


def _locked(merchant: Merchant, public_id: str) -> ApiKey:
    key = ApiKey.objects.select_for_update().filter(merchant=merchant, public_id=public_id).first()
    if key is None:
        raise KeyNotFound(_("There is no such key."))
    return key


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


_KEY_COLUMNS = [field.attname for field in ApiKey._meta.concrete_fields]
_HASH_COLUMN = _KEY_COLUMNS.index("secret_hash")
_MERCHANT_COLUMNS = [field.attname for field in Merchant._meta.concrete_fields]
# Building this join through the ORM would cost each sale more than the query itself.
_FIND = "SELECT {} FROM merchants_apikey k JOIN merchants_merchant m ON m.id = k.merchant_id WHERE k.prefix = %(prefix)s".format(
    ", ".join([f'k."{name}"' for name in _KEY_COLUMNS] + [f'm."{name}"' for name in _MERCHANT_COLUMNS])
    + ", k.ctid::text, k.xmin::text, m.ctid::text, m.xmin::text"
)


def _find(prefix: str) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        statements.execute(cursor, _FIND, {"prefix": prefix}, {"prefix": "text"})
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@lru_cache(maxsize=1024)
def _merchant_of(values: tuple[Any, ...]) -> Merchant:
    """The row is read with every call; only the object made of the very same values is used again."""
    return Merchant.from_db("default", _MERCHANT_COLUMNS, values)


def on_a_live_connection(ask: Callable[[], T]) -> T:
    """Ask first thing in a request; a connection that died while idle is replaced once."""
    try:
        return ask()
    except (DatabaseError, InterfaceError) as error:
        if connection.in_atomic_block or not is_connection_lost(error):
            raise
        connection.close()
        return ask()


def _note_use(key: ApiKey, now: datetime) -> None:
    """Write at most once a minute, whoever comes first; the others find it done."""
    ApiKey.objects.filter(pk=key.pk).exclude(last_used_at__gt=now - _USE_NOTED_EVERY).update(last_used_at=now)
