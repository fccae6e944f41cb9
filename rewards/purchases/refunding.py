"""Taking a purchase back: whole, by an amount, or line by line; also before the purchase itself has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection
from django.utils.translation import gettext as _

from members.directory import FORWARDED_SQL
from merchants import ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from merchants.tenancy import Again
from rewards import documents, redemptions, referrals, tiers, versions
from rewards.documents import Outcome
from rewards.earning import Facts
from rewards.points import AccountState, Book
from rewards.purchases import origins, returns, writing
from rewards.purchases.inputs import RefundInput
from rewards.purchases.items import TILL, Source
from rewards.purchases.returns import Asked, Effect
from rewards.purchases.sales import Sale, SaleLine, check_moment


class PurchaseNotFound(NotFound):
    code: ClassVar[str] = "purchase_not_found"


def refund(*, merchant: Merchant, asked: RefundInput, now: datetime, actor: Actor, source: Source = TILL) -> Outcome:
    """Record a refund and undo, in one transaction, what the refunded part of the purchase had brought about.

    Points earned are taken back (what cannot be becomes debt), points spent on it come back with their old expiry, caps,
    referral and tier are restored. Locks the purchase, then the accounts by id. A refund that comes before its purchase
    waits for it.

    :raises PurchaseNotFound: no purchase has this id (an external id may be announced before it arrives).
    :raises returns.RefundTooLarge: more than is left of the purchase; nothing changed.
    :raises documents.ExternalIdReused: the refund's id was used with other content.
    """
    if asked.lines and asked.amount_minor is not None:
        raise Invalid(_("Give lines or an amount, not both."), pointer="/amount_minor")
    lines = returns.asked_lines([(line.id, line.quantity, line.amount_minor) for line in asked.lines])
    print_ = documents.fingerprint(asked)
    purchase_id, state, member_id = _locked_purchase(merchant.pk, asked, now=now, actor=actor)
    earlier = _earlier(merchant.pk, asked.external_id, print_)
    if earlier is not None:
        return earlier
    check_moment(merchant, asked.occurred_at, now=now, may_backfill=source.may_backfill)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('rewards_refund_id_seq')")
        refund_id: int = cursor.fetchone()[0]
    wanted = Asked(refund_id, ids.mint("ref"), asked.occurred_at, asked.amount_minor, lines)
    if state == "announced":
        receipt = _waiting_receipt(wanted, asked, now)
        _insert(merchant.pk, wanted, asked, purchase_id, None, 0, receipt, print_, now=now, actor=actor)
        return Outcome(wanted.public_id, documents.CREATED, receipt)
    return _apply(merchant, wanted, asked, purchase_id, member_id, print_, now=now, actor=actor, source=source)


def _apply(
    merchant: Merchant, wanted: Asked, asked: RefundInput, purchase_id: int, member_id: int | None, print_: bytes, *,
    now: datetime, actor: Actor, source: Source,
) -> Outcome:  # fmt: skip
    book, account, paid = open_accounts(merchant.pk, purchase_id, member_id, now=now, actor=actor)
    book.is_silent = source.is_silent
    timeline = versions.timeline(merchant.pk)
    sale = load(merchant, purchase_id)
    if account is not None:
        # A hold whose time is over keeps nothing back, however late the clock is.
        redemptions.end_overdue(merchant=merchant, book=book, account=account).write(book)
    effect = returns.apply(sale, wanted, account, timeline, now=now, actor=book.actor)
    restored = 0
    if account is not None:
        restored = redemptions.restore(
            book,
            account,
            merchant=merchant,
            timeline=timeline,
            purchase_id=purchase_id,
            refunded_minor=sale.refunded_minor,
            total_minor=sale.total_minor,
            occurred_at=wanted.occurred_at,
            reason=asked.reason,
        )
    settled = None
    if paid is not None:
        version = timeline.numbered(sale.terms_version) if sale.terms_version else None
        settled = referrals.undo(
            book,
            paid,
            net_minor=sale.net_minor,
            version=version,
            purchase_id=purchase_id,
            occurred_at=wanted.occurred_at,
        )
    writing.write_reduced(merchant.pk, sale)
    if account is not None:
        origins.give_caps_back(merchant.pk, account, purchase_id, effect.caps_back)
    counted = [account] if account is not None else []
    if settled is not None and tiers.drop(merchant.pk, "referral", settled.referral_id):
        counted = list(book.accounts.values())
    changes = rated(merchant, counted, now=now)
    people = _public_ids(merchant.pk, account)
    receipt = _receipt(wanted, asked, sale, effect, restored, account, people, now)
    _insert(merchant.pk, wanted, asked, purchase_id, effect, restored, receipt, print_, now=now, actor=actor)
    tiers.write(merchant.pk, [change for change, _member in changes], now=now)
    referrals.write(merchant.pk, [settled] if settled else [], now=now)
    book.write()
    if not source.is_silent:
        events = [_event(receipt, sale, people, wanted), *(settled.events if settled else [])]
        events += [change.event(member) for change, member in changes]
        outbox.record_many(merchant_id=merchant.pk, events=events, now=now)
    return Outcome(wanted.public_id, documents.CREATED, receipt, member_id=account.member_id if account else None)


def _locked_purchase(
    merchant_id: int, asked: RefundInput, *, now: datetime, actor: Actor
) -> tuple[int, str, int | None]:
    """Lock the purchase's row, making a place for one that has not arrived; return its id, state and member."""
    ref = asked.purchase
    if (ref.id is None) == (ref.external_id is None):
        raise Invalid(_("Name the purchase by id or by external_id."), pointer="/purchase")
    with connection.cursor() as cursor:
        if ref.external_id is not None:
            cursor.execute(
                "INSERT INTO rewards_purchase (merchant_id, public_id, external_id, fingerprint, receipt, actor, "
                "occurred_at, recorded_at, state, terminal, channel, currency, total_minor, tax_minor, points_paid_minor, "
                "refunded_minor, refunded_unnamed_minor, tenders, facts, points_earned, points_clawed_back, "
                "qualifying_points, qualifying_minor) VALUES (%s, %s, %s, '', '{}', %s, %s, %s, 'announced', '', '', '', "
                "0, 0, 0, 0, 0, '[]', '{}', 0, 0, 0, 0) ON CONFLICT (merchant_id, external_id) DO NOTHING",
                [merchant_id, ids.mint("pur"), ref.external_id, str(actor), asked.occurred_at, now],
            )
        column, value = ("external_id", ref.external_id) if ref.id is None else ("public_id", ref.id)
        cursor.execute(
            f"SELECT id, state, member_id FROM rewards_purchase WHERE merchant_id = %s AND {column} = %s FOR UPDATE",
            [merchant_id, value],
        )
        row: tuple[int, str, int | None] | None = cursor.fetchone()
    if row is None:
        raise PurchaseNotFound(_("There is no such purchase."), pointer="/purchase/id")
    return row


def _earlier(merchant_id: int, external_id: str, print_: bytes) -> Outcome | None:
    with connection.cursor() as cursor:
        cursor.execute(
            # A purchase may have been claimed, or taken off somebody, since: their standing is nobody else's to read.
            "SELECT r.public_id, r.fingerprint, r.receipt, CASE WHEN p.member_id = "
            f"{FORWARDED_SQL.format('named')} THEN p.member_id END FROM rewards_refund r JOIN rewards_purchase p "
            "ON p.merchant_id = r.merchant_id AND p.id = r.purchase_id LEFT JOIN members_member named "
            "ON named.merchant_id = r.merchant_id AND named.public_id = r.receipt ->> 'member' "
            "WHERE r.merchant_id = %s AND r.external_id = %s",
            [merchant_id, external_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    documents.check_same(bytes(row[1]), print_)
    return Outcome(row[0], documents.CREATED, msgspec.json.decode(row[2]), is_replay=True, member_id=row[3])


def open_accounts(
    merchant_id: int, purchase_id: int, member_id: int | None, *, now: datetime, actor: Actor
) -> tuple[Book, AccountState | None, referrals.Qualified | None]:
    """Lock the buyer's account, and the referrer's when this purchase had qualified a referral."""
    paid = referrals.paid_by(merchant_id, purchase_id)
    also = [paid.referrer_id, paid.referee_id] if paid else []
    if member_id is None:
        return Book(merchant_id, now=now, actor=actor), None, None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(merged_into_id, id) FROM members_member WHERE merchant_id = %s AND id = %s",
            [merchant_id, member_id],
        )
        buyer_id = cursor.fetchone()[0]
    book = Book.open(merchant_id, member_ids=[buyer_id], account_ids=also, now=now, actor=actor)
    # The purchase's own lock keeps another refund from undoing the referral between these two looks; a merge may have
    # brought its points elsewhere.
    if paid is not None and referrals.paid_by(merchant_id, purchase_id) != paid:
        raise Again
    return book, book.of_member(buyer_id), paid


def load(merchant: Merchant, purchase_id: int) -> Sale:
    """Return a recorded purchase as it stands, with its lines."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.public_id, p.external_id, p.occurred_at, p.local_day, p.currency, p.total_minor, p.tax_minor, "
            "p.cost_minor, p.terminal, p.channel, p.points_paid_minor, p.member_id, p.location_id, l.public_id, p.ordinal, "
            "p.terms_version, p.facts, p.points_earned, p.points_clawed_back, p.qualifying_points, p.qualifying_minor, "
            "p.refunded_minor, p.refunded_unnamed_minor FROM rewards_purchase p LEFT JOIN merchants_location l "
            "ON l.merchant_id = p.merchant_id AND l.id = p.location_id WHERE p.merchant_id = %s AND p.id = %s",
            [merchant.pk, purchase_id],
        )
        row = cursor.fetchone()
        cursor.execute(
            "SELECT line_id, sku, category, quantity_milli, amount_minor, discount_minor, tax_minor, cost_minor, "
            "refunded_milli, refunded_minor FROM rewards_purchaseline WHERE merchant_id = %s AND purchase_id = %s "
            "ORDER BY position",
            [merchant.pk, purchase_id],
        )
        lines = [SaleLine(*line) for line in cursor.fetchall()]
    kept: dict[str, Any] = msgspec.json.decode(row[17])
    return Sale(
        id=row[0], public_id=row[1], external_id=row[2], fingerprint=b"", occurred_at=row[3], local_day=row[4],
        currency=row[5], total_minor=row[6], tax_minor=row[7], cost_minor=row[8], terminal=row[9], channel=row[10],
        tenders=[], lines=lines, zone=ZoneInfo(kept.get("zone", merchant.zone)),
        location_zone=ZoneInfo(kept.get("location_zone", merchant.zone)), points_paid_minor=row[11], member_id=row[12],
        location_id=row[13], location_public_id=row[14], ordinal=row[15], terms_version=row[16],
        facts=msgspec.convert(kept["facts"], Facts) if kept.get("facts") else None, points_earned=row[18],
        points_clawed_back=row[19], qualifying_points=row[20], qualifying_minor=row[21], refunded_minor=row[22],
        refunded_unnamed_minor=row[23],
    )  # fmt: skip


def rated(
    merchant: Merchant, accounts: Sequence[AccountState], *, now: datetime, reason: str = "refund"
) -> list[tuple[tiers.Change, str]]:
    """Rate the tiers by what is left.  Called after what counted is written, since it reads the sums anew."""
    version = versions.timeline(merchant.pk).at(now)
    if version is None or version.terms.tiers is None or not accounts:
        return []
    found = []
    people = tiers.people(merchant.pk, [account.id for account in accounts])
    for account in accounts:
        public_id, joined_at = people[account.id]
        change = tiers.rate(
            account, version, {}, joined_on=periods.local_day(joined_at, merchant.tzinfo), changed_on=None,
            reread=tiers.Reread(merchant.pk), now=now, zone=merchant.tzinfo, reason=reason,
        )  # fmt: skip
        if change is not None:
            found.append((change, public_id))
    return found


def _public_ids(merchant_id: int, account: AccountState | None) -> str | None:
    if account is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT public_id FROM members_member WHERE merchant_id = %s AND id = %s", [merchant_id, account.member_id]
        )
        public_id: str = cursor.fetchone()[0]
    return public_id


def _waiting_receipt(wanted: Asked, asked: RefundInput, now: datetime) -> dict[str, Any]:
    return {
        "id": wanted.public_id,
        "external_id": asked.external_id,
        "purchase": None,
        "purchase_external_id": asked.purchase.external_id,
        "state": "waiting",
        "occurred_at": documents.instant(wanted.occurred_at),
        "recorded_at": documents.instant(now),
        "amount_minor": asked.amount_minor,
        "points_clawed_back": 0,
        "points_restored": 0,
        "debt_made": 0,
    }


def _receipt(
    wanted: Asked, asked: RefundInput, sale: Sale, effect: Effect, restored: int, account: AccountState | None,
    member: str | None, now: datetime,
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": wanted.public_id,
        "external_id": asked.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": member,
        "state": "applied",
        "occurred_at": documents.instant(wanted.occurred_at),
        "recorded_at": documents.instant(now),
        "currency": sale.currency,
        "amount_minor": effect.refunded_minor,
        "refunded_minor": sale.refunded_minor,
        "left_minor": sale.net_minor,
        "points_clawed_back": effect.points_clawed_back,
        "points_restored": restored,
        "debt_made": effect.debt_made,
        "balance_after": account.spendable if account else None,
        "debt_after": account.debt if account else None,
        "tier_after": (account.tier or None) if account else None,
    }


def _event(receipt: dict[str, Any], sale: Sale, member: str | None, wanted: Asked) -> Event:
    copied = (
        "purchase", "currency", "amount_minor", "points_clawed_back", "refunded_minor", "points_restored", "debt_made",
        "purchase_external_id", "external_id",
    )  # fmt: skip
    payload = {"refund": receipt["id"], "member": member, **{name: receipt[name] for name in copied}}
    return Event("purchase.refunded", payload, wanted.occurred_at)


def _insert(
    merchant_id: int, wanted: Asked, asked: RefundInput, purchase_id: int, effect: Effect | None, restored: int,
    receipt: dict[str, Any], print_: bytes, *, now: datetime, actor: Actor,
) -> None:  # fmt: skip
    with connection.cursor() as cursor, documents.twins_try_again():
        cursor.execute(
            "INSERT INTO rewards_refund (id, merchant_id, public_id, external_id, fingerprint, receipt, actor, "
            "occurred_at, recorded_at, purchase_id, amount_minor, lines, is_applied, points_clawed_back, points_restored, "
            "debt_made, reason, refusal) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '')",
            [
                wanted.id, merchant_id, wanted.public_id, asked.external_id, print_, msgspec.json.encode(receipt).decode(),
                str(actor), wanted.occurred_at, now, purchase_id,
                effect.refunded_minor if effect else asked.amount_minor, msgspec.json.encode(wanted.lines).decode(),
                effect is not None, effect.points_clawed_back if effect else 0, restored,
                effect.debt_made if effect else 0, asked.reason,
            ],
        )  # fmt: skip
