"""The sweep tidies what time has done: late, twice, in pieces, beside open holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from members.models import Member
from merchants import ids, tenancy
from merchants.actors import SYSTEM
from merchants.models.outbox import OutboxEvent
from rewards import expiry
from rewards.models.ledger import Entry, Lot
from rewards.points import Book, Cause
from tests import builders
from tests.people import open_shop

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def cafe(db):
    cafe = open_shop("cafe-haneul", name="Café Haneul", created_at=MARCH)
    with tenancy.tenant(cafe):
        yield cafe


def enrol(cafe):
    member = Member.objects.create(
        merchant=cafe, public_id=ids.mint("mem"), code=ids.mint_member_code().replace("-", ""),
        joined_at=MARCH, recorded_at=MARCH,
    )  # fmt: skip
    return builders.open_account(cafe, member)


def earns(account, points, *, active_at=MARCH, expires_at=None, now=MARCH):
    book = Book.open(account.merchant_id, account_ids=[account.pk], now=now, actor=SYSTEM)
    book.accounts[account.pk].accrue(
        Cause("adjustment", 1, now), points=points, active_at=active_at, expires_at=expires_at, now=now,
        actor=str(SYSTEM),
    )  # fmt: skip
    book.write()


def holds(account, points, *, now=MARCH):
    book = Book.open(account.merchant_id, account_ids=[account.pk], now=now, actor=SYSTEM)
    book.accounts[account.pk].hold(Cause("redemption", 1, now), points=points, now=now, actor=str(SYSTEM))
    book.write()


def figures(account):
    account.refresh_from_db()
    return account.balance, account.held, account.pending


def test_points_that_have_ended_are_expired_and_those_that_have_not_are_left(cafe):
    mina = enrol(cafe)
    earns(mina, 100, expires_at=APRIL)
    earns(mina, 50, expires_at=MAY)

    assert expiry.settle_due(merchant=cafe, now=APRIL - timedelta(seconds=1)) == 0
    assert expiry.settle_due(merchant=cafe, now=APRIL) == 1
    assert expiry.settle_due(merchant=cafe, now=APRIL) == 0

    assert figures(mina) == (50, 0, 0)
    entry = Entry.objects.get(kind="expire")
    assert (entry.balance_change, entry.document_kind, entry.occurred_at) == (-100, "lot", APRIL)


def test_the_expiry_is_dated_when_it_happened_however_late_the_sweep(cafe):
    mina = enrol(cafe)
    earns(mina, 100, expires_at=APRIL)

    expiry.settle_due(merchant=cafe, now=APRIL + timedelta(days=3))

    entry = Entry.objects.get(kind="expire")
    assert (entry.occurred_at, entry.recorded_at) == (APRIL, APRIL + timedelta(days=3))


def test_pending_points_become_active_on_their_day(cafe):
    mina = enrol(cafe)
    earns(mina, 100, active_at=APRIL, expires_at=MAY)
    assert figures(mina) == (0, 0, 100)

    assert expiry.settle_due(merchant=cafe, now=APRIL) == 1

    assert figures(mina) == (100, 0, 0)


def test_others_are_told_what_became_active_and_what_lapsed(cafe):
    mina = enrol(cafe)
    earns(mina, 30, expires_at=APRIL)
    earns(mina, 100, active_at=APRIL, expires_at=MAY)
    expiry.settle_due(merchant=cafe, now=APRIL)

    told = list(OutboxEvent.objects.exclude(kind="points.accrued").order_by("pk").values_list("kind", "payload"))
    member = mina.member.public_id
    by_time = {"member": member, "document": {"kind": "lot", "id": None}}
    assert told == [
        ("points.activated", {**by_time, "points": 100, "balance": 130, "pending": 0, "seq": 3}),
        ("points.expired", {**by_time, "points": 30, "balance": 100, "pending": 0, "seq": 4}),
    ]


def test_held_points_survive_their_lot_and_are_no_work_for_the_sweep(cafe):
    mina = enrol(cafe)
    earns(mina, 100, expires_at=APRIL)
    holds(mina, 40)

    assert expiry.settle_due(merchant=cafe, now=APRIL) == 1
    assert figures(mina) == (40, 40, 0)
    assert expiry.settle_due(merchant=cafe, now=APRIL) == 0


def test_a_sweep_in_pieces_comes_to_the_same(cafe):
    accounts = [enrol(cafe) for _ in range(5)]
    for account in accounts:
        earns(account, 10, expires_at=APRIL)

    assert [expiry.settle_due(merchant=cafe, now=APRIL, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [figures(account)[0] for account in accounts] == [0] * 5
    assert Lot.objects.filter(remaining__gt=0).count() == 0


# -- the notice ahead -----------------------------------------------------------------------------------------------


def notices(cafe):
    told = OutboxEvent.objects.filter(kind="points.expiring").order_by("pk")
    return [
        (event.payload["member"], event.payload["points"], event.payload["balance"], event.payload["expires_at"])
        for event in told
    ]


def test_others_hear_of_points_that_end_once_for_a_member_and_a_day(cafe):
    """Seoul's 15 April begins at 15:00 UTC on the 14th; the merchant announces 30 days ahead."""
    mina, jun = enrol(cafe), enrol(cafe)
    fifteenth = datetime(2026, 4, 14, 15, tzinfo=UTC)
    earns(mina, 30, expires_at=fifteenth)
    earns(mina, 12, expires_at=fifteenth + timedelta(hours=9))
    earns(mina, 5, expires_at=MAY)
    earns(jun, 8, expires_at=fifteenth + timedelta(hours=1))
    soon = fifteenth - timedelta(days=30)

    assert expiry.announce(merchant=cafe, now=soon - timedelta(seconds=1)) == 0
    assert expiry.announce(merchant=cafe, now=soon + timedelta(hours=9)) == 2
    assert expiry.announce(merchant=cafe, now=soon + timedelta(hours=9)) == 0
    # Points that come later and end on a day that was announced are no second notice.
    earns(jun, 100, expires_at=fifteenth + timedelta(hours=2), now=MARCH)
    assert expiry.announce(merchant=cafe, now=soon + timedelta(days=2)) == 0

    assert notices(cafe) == [
        (mina.member.public_id, 42, 47, "2026-04-14T15:00:00Z"),
        (jun.member.public_id, 8, 8, "2026-04-14T16:00:00Z"),
    ]


def test_a_notice_in_pieces_or_after_a_crash_comes_to_the_same(cafe):
    accounts = [enrol(cafe) for _ in range(5)]
    for account in accounts:
        earns(account, 10, expires_at=APRIL)
    killed = transaction.savepoint()
    assert expiry.announce(merchant=cafe, now=MARCH + timedelta(days=2), limit=2) == 2
    transaction.savepoint_rollback(killed)
    assert notices(cafe) == []

    now = MARCH + timedelta(days=2)
    assert [expiry.announce(merchant=cafe, now=now, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert sorted(member for member, *_ in notices(cafe)) == sorted(account.member.public_id for account in accounts)


def test_points_held_or_spent_are_not_announced_and_a_merchant_may_announce_nothing(cafe):
    mina = enrol(cafe)
    earns(mina, 100, expires_at=APRIL)
    holds(mina, 40)
    cafe.expiry_notice_days = 0
    assert expiry.announce(merchant=cafe, now=APRIL - timedelta(seconds=1)) == 0

    cafe.expiry_notice_days = 7
    assert expiry.announce(merchant=cafe, now=APRIL - timedelta(days=8)) == 0
    assert expiry.announce(merchant=cafe, now=APRIL - timedelta(days=7)) == 1
    assert notices(cafe) == [(mina.member.public_id, 60, 100, "2026-04-01T00:00:00Z")]


def test_a_notice_is_forgotten_when_its_day_is_over_and_not_before(cafe):
    mina = enrol(cafe)
    earns(mina, 100, expires_at=APRIL)
    expiry.announce(merchant=cafe, now=MARCH + timedelta(days=2))

    assert expiry.forget_notices(merchant=cafe, now=APRIL) == 0
    assert expiry.announce(merchant=cafe, now=APRIL - timedelta(hours=1)) == 0
    assert expiry.forget_notices(merchant=cafe, now=APRIL + timedelta(days=1)) == 1
    expiry.settle_due(merchant=cafe, now=APRIL)
    assert expiry.announce(merchant=cafe, now=APRIL + timedelta(days=1)) == 0
    assert len(notices(cafe)) == 1
