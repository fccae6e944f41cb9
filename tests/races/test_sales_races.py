"""A sale, the same sale again and its refund at the same instant: each is recorded once, and nobody hears of a broken reference."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, connections

from members.inputs import NewMember
from merchants import tenancy
from merchants.actors import Actor
from merchants.database import sql_errors
from merchants.errors import LoyaltyError
from rewards import enrolment, purchases, verify
from rewards.models.purchases import Claim, Purchase, PurchaseLine, Refund, Unclaim
from rewards.parties import MemberRef
from rewards.purchases import LineInput, PurchaseInput, PurchaseRef, RefundInput
from rewards.purchases.unclaiming import ClaimMoved
from tests.builders import cafe as open_cafe
from tests.threads import returned

TILL = Actor("key", "key_till")
ROUNDS = 25


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield open_cafe()
        connections.close_all()


def sale(cafe, external_id, member=None):
    ref = MemberRef(id=member.public_id) if member else None
    asked = PurchaseInput(
        external_id=external_id, currency="KRW", total_minor=10_000, member=ref, location="main",
        occurred_at=cafe.now, lines=(LineInput(sku="LATTE", amount_minor=6_000), LineInput(sku="CAKE", amount_minor=4_000)),
    )  # fmt: skip

    def sell():
        (outcome,) = purchases.record(merchant=cafe.merchant, items=[asked], now=cafe.now, actor=TILL)
        if outcome.error:
            raise outcome.error
        return outcome.public_id

    return lambda: cafe.does(sell)


def undo(cafe, claimed):
    return lambda: cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claimed.public_id, reason="Jisoo's", now=cafe.now, actor=TILL
        )
    )


def refund(cafe, external_id, sold):
    asked = RefundInput(
        external_id=external_id, occurred_at=cafe.now, purchase=PurchaseRef(external_id=sold), amount_minor=2_500
    )
    return lambda: cafe.does(
        lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=TILL).receipt
    )


def test_a_guests_sale_sent_twice_at_once_is_one_and_a_replay(cafe):
    """No account is locked for a guest: the unique id alone decides."""
    for number in range(ROUNDS):
        told = returned(*[sale(cafe, f"guest-{number}") for _ in range(4)])
        assert len(set(told)) == 1

    assert cafe.does(Purchase.objects.count) == ROUNDS
    assert cafe.does(PurchaseLine.objects.count) == 2 * ROUNDS


def test_a_refund_and_its_sale_at_the_same_instant_come_to_the_same_in_either_order(cafe):
    mina = cafe.member("Mina")
    for number in range(ROUNDS):
        returned(sale(cafe, f"s-{number}", mina), refund(cafe, f"r-{number}", f"s-{number}"))

    assert cafe.does(lambda: Counter(Refund.objects.values_list("is_applied", "amount_minor"))) == {
        (True, 2_500): ROUNDS
    }
    rows = cafe.does(lambda: Counter(Purchase.objects.values_list("state", "refunded_minor")))
    assert rows == {("recorded", 2_500): ROUNDS}


def test_of_twenty_who_bring_one_receipt_one_has_its_points(cafe):
    cafe.sells_to_a_guest(10_000, "guest-1")
    people = [cafe.member(f"Member {number}") for number in range(20)]

    def claim(person):
        def work():
            try:
                return person.claims("guest-1").receipt["points_earned"]
            except LoyaltyError as refusal:
                return refusal.code

        return work

    assert Counter(returned(*map(claim, people))) == {100: 1, "purchase_claimed": 19}
    assert sorted(person.points()[0] for person in people) == [0] * 19 + [100]
    assert cafe.does(Claim.objects.count) == 1


def test_one_claim_sent_twenty_times_at_once_is_one_claim(cafe):
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(10_000, "guest-1")

    told = returned(*[lambda: mina.claims("guest-1", external_id="c-1")] * 20)

    assert Counter(outcome.is_replay for outcome in told) == {False: 1, True: 19}
    assert len({outcome.public_id for outcome in told}) == 1
    assert mina.points() == (100, 0, 0, 0)


def test_a_claim_and_a_refund_at_the_same_instant_come_to_the_same_in_either_order(cafe):
    mina = cafe.member("Mina")
    for number in range(ROUNDS):
        cafe.sells_to_a_guest(10_000, f"g-{number}")
        returned(lambda n=number: mina.claims(f"g-{n}"), refund(cafe, f"r-{number}", f"g-{number}"))

    assert mina.points() == (75 * ROUNDS, 0, 0, 0)
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_a_claim_undone_twenty_times_at_once_is_undone_once(cafe):
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")

    told = returned(*[undo(cafe, claimed)] * 20)

    assert Counter(outcome.is_replay for outcome in told) == {False: 1, True: 19}
    assert mina.entries() == [("accrue", 100), ("claw_back", -100)]
    assert cafe.does(Unclaim.objects.count) == 1


def test_undoing_a_claim_a_refund_and_the_next_claim_come_to_the_same_in_any_order(cafe):
    mina, jisoo = cafe.cast("Mina", "Jisoo")

    def tries(number):
        try:
            jisoo.claims(f"u-{number}")
        except LoyaltyError as refusal:
            if refusal.code != "purchase_claimed":
                raise

    for number in range(ROUNDS):
        cafe.sells_to_a_guest(10_000, f"u-{number}")
        claimed = mina.claims(f"u-{number}")
        returned(undo(cafe, claimed), refund(cafe, f"ur-{number}", f"u-{number}"), lambda n=number: tries(n))
        tries(number)

    assert (mina.points(), jisoo.points()) == ((0, 0, 0, 0), (75 * ROUNDS, 0, 0, 0))
    assert verify.verify(merchant=cafe.merchant).faults == []
    assert verify.verify(merchant=cafe.merchant, chunk=1).faults == []


def test_undoing_a_claim_and_a_merge_at_the_same_instant_lose_nothing(cafe):
    """Whichever is first: the claim is undone before the merge, or refused after it and carried along."""
    for number in range(ROUNDS):
        old, mina = cafe.cast("Mina's old card", "Mina")
        cafe.sells_to_a_guest(10_000, f"um-{number}")
        claimed = old.claims(f"um-{number}")

        def undone(claimed=claimed):
            try:
                undo(cafe, claimed)()
            except ClaimMoved:
                return False
            return True

        is_undone, _merged = returned(undone, lambda o=old, m=mina: o.is_merged_into(m))
        assert (old.points(), mina.points()[0]) == ((0, 0, 0, 0), 0 if is_undone else 100)
        written = cafe.does(lambda told=claimed: Unclaim.objects.filter(claim__public_id=told.public_id).count())
        assert written == is_undone

    assert verify.verify(merchant=cafe.merchant).faults == []


def test_a_claim_and_a_merge_at_the_same_instant_lose_nothing(cafe):
    for number in range(ROUNDS):
        old, mina = cafe.cast("Mina's old card", "Mina")
        cafe.sells_to_a_guest(10_000, f"m-{number}")
        returned(lambda o=old, n=number: o.claims(f"m-{n}"), lambda o=old, m=mina: o.is_merged_into(m))
        assert (old.points(), mina.points()) == ((0, 0, 0, 0), (100, 0, 0, 0))

    assert verify.verify(merchant=cafe.merchant).faults == []


def test_an_announced_sale_sent_twice_at_once_is_one_and_a_replay(cafe):
    """The place was kept by the refund: the unique id no longer tells the two apart, the place's own lock does."""
    for number in range(ROUNDS):
        refund(cafe, f"r-{number}", f"s-{number}")()
        told = returned(*[sale(cafe, f"s-{number}") for _ in range(4)])
        assert len(set(told)) == 1

    assert cafe.does(PurchaseLine.objects.count) == 2 * ROUNDS
    rows = cafe.does(lambda: Counter(Purchase.objects.values_list("state", "refunded_minor")))
    assert rows == {("recorded", 2_500): ROUNDS}


def test_a_locked_account_is_given_up_in_seconds(cafe):
    """A member's account is held by somebody who does not let go: two waits of a second, then the till hears of it."""
    mina = cafe.member("mina")
    held, done = threading.Event(), threading.Event()

    def hold():
        with tenancy.tenant(cafe.merchant), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM rewards_account WHERE merchant_id = %s FOR UPDATE", [cafe.merchant.pk])
            held.set()
            done.wait(20)
        connections.close_all()

    def sell():
        held.wait(10)
        begun = time.monotonic()
        try:
            with pytest.raises(OperationalError) as refused:
                tenancy.attempt(cafe.merchant, lambda: _record(cafe, "late", mina))
        finally:
            done.set()
            connections.close_all()
        return sql_errors.sqlstate(refused.value), time.monotonic() - begun

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        code, seconds = threads.submit(sell).result()
        holding.result()

    assert code == "55P03"
    assert 1.8 < seconds < 6
    assert not cafe.does(lambda: Purchase.objects.filter(merchant=cafe.merchant, external_id="late").exists())


@pytest.mark.parametrize("kind", ["sales", "members"])
def test_of_a_merchants_batches_one_works_at_a_time(cafe, kind):
    """Two batches of one shop side by side: the second's turn waits for the first's; another shop's does not."""
    other = open_cafe()
    held, done, order = threading.Event(), threading.Event(), []

    def hold():
        with tenancy.tenant(cafe.merchant):
            tenancy.wait_for_batches(cafe.merchant)
            held.set()
            done.wait(10)
            order.append("first")
        connections.close_all()

    def batch(shop, name):
        held.wait(10)
        turn = {"merchant": shop.merchant, "now": shop.now, "actor": TILL}
        if kind == "sales":
            asked = PurchaseInput(
                external_id=name, currency="KRW", total_minor=10_000, location="main", occurred_at=shop.now
            )
            purchases.record_in_turns(items=[asked], **turn)
        else:
            enrolment.enrol_in_turns(items=[NewMember(external_id=name)], source="api", contact_right="told", **turn)
        order.append(name)
        connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        holding = threads.submit(hold)
        second = threads.submit(batch, cafe, "second")
        threads.submit(batch, other, "another shop's").result(10)
        done.set()
        second.result(10)
        holding.result(10)

    assert order == ["another shop's", "first", "second"]


def _record(cafe, external_id, member):
    asked = PurchaseInput(
        external_id=external_id, currency="KRW", total_minor=10_000, member=MemberRef(id=member.public_id),
        location="main", occurred_at=cafe.now,
    )  # fmt: skip
    return purchases.record(merchant=cafe.merchant, items=[asked], now=cafe.now, actor=TILL)
