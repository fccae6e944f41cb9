"""A code is replaced, or spending is stopped, while tills spend with it: what returned first holds for all who come after."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from members import live_codes
from members.models import FormerCode, Member
from merchants import ids, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.errors import LoyaltyError
from rewards import balances, purchases, redemptions, safeguards
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from rewards.redemptions import RedemptionRequest
from tests.builders import PROGRAMME, Shop
from tests.people import join, open_shop
from tests.races.test_codes_and_pins import at_once

KEY = Actor("key", "key_0123456789abcdef")
TILLS = 6


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def cafe(committed):
    shop = open_shop("cafe-haneul", may_static_code_spend=True, till_word_points_max=300)
    Shop(shop).publish({**PROGRAMME, "rewards": [
        {"code": "coffee", "kind": "product", "name": {"en": "Coffee"}, "price_points": 100},
    ]})  # fmt: skip
    return shop


@pytest.fixture
def mina(cafe):
    """She has 1,000 points."""
    member = join(cafe, email=f"{ids.mint('mem')[4:]}@example.org")
    sold = purchases.PurchaseInput(
        external_id="much", occurred_at=datetime.now(UTC), currency="KRW", total_minor=100_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)
    return member


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        return balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC)).spendable


def spends(cafe, external_id, ref, *, in_a_sale):
    """Spend 100 points, alone or within a sale that earns nothing; return what it was refused with, or None."""
    now = datetime.now(UTC)
    if not in_a_sale:
        asked = RedemptionRequest(external_id=external_id, member=ref, reward="coffee")
        outcome = tenancy.attempt(cafe, lambda: redemptions.redeem(merchant=cafe, asked=asked, now=now, actor=KEY))
        outcome.unless_refused()
        return
    sold = purchases.PurchaseInput(
        external_id=external_id, occurred_at=now, currency="KRW", total_minor=50, member=ref,
        redemptions=(purchases.RedemptionInput(reward="coffee"),),
    )  # fmt: skip
    (outcome,) = tenancy.attempt(cafe, lambda: purchases.record(merchant=cafe, items=[sold], now=now, actor=KEY))
    if outcome.error is not None:
        raise outcome.error


def moving_codes(cafe, member, count):
    """The codes of the last minutes, each good for one document."""
    now = datetime.now(UTC)
    first = datetime.fromtimestamp((int(now.timestamp()) // 60 - 3) * 60, UTC)
    return [text for _at, text in live_codes.series(merchant=cafe, member=member, now=first, count=count)]


def test_tills_at_once_stay_within_the_limit_of_their_word(cafe, mina):
    """300 a day: three coffees, whoever of six comes first, alone or in a sale."""
    ref = MemberRef(id=mina.public_id)
    outcomes = at_once(TILLS, lambda place: spends(cafe, f"t-{place}", ref, in_a_sale=place % 2 == 0))
    refused = [each.code for each in outcomes if isinstance(each, LoyaltyError)]
    assert refused == ["till_limit_reached"] * 3
    assert spendable(cafe, mina) == 700


@pytest.mark.parametrize("in_a_sale", [False, True])
@pytest.mark.parametrize("how", ["new code", "stop"])
def test_what_waits_for_the_account_while_a_code_is_replaced_spends_nothing(cafe, mina, how, in_a_sale):
    """The replacement holds the account; a till that found her by the old code waits, and then finds nobody."""
    code = moving_codes(cafe, mina, 4)[-1]
    has_locked, may_end = threading.Event(), threading.Event()

    def replace():
        def work():
            verb = safeguards.replace_code if how == "new code" else safeguards.stop_spending
            verb(merchant=cafe, member=mina, now=datetime.now(UTC), actor=Actor("member", mina.public_id))
            has_locked.set()
            may_end.wait(10)

        try:
            tenancy.attempt(cafe, work)
        finally:
            connections.close_all()

    def spend():
        try:
            spends(cafe, "r-1", MemberRef(code=code), in_a_sale=in_a_sale)
        except LoyaltyError as error:
            return error.code
        finally:
            connections.close_all()
        return "spent"

    with ThreadPoolExecutor(2) as pool:
        replaced = pool.submit(replace)
        assert has_locked.wait(10)
        till = pool.submit(spend)
        time.sleep(0.5)
        assert not till.done()
        may_end.set()
        replaced.result(10)
        assert till.result(10) == ("member_not_found" if how == "new code" else "spending_stopped")
    assert spendable(cafe, mina) == 1_000


def test_a_code_is_replaced_while_tills_spend_with_it(cafe, mina):
    """Whatever the order: every coffee that was handed over took 100, and after the replacement there is none."""
    codes = moving_codes(cafe, mina, 4)

    def act(place):
        if place == 0:
            return tenancy.attempt(cafe, lambda: safeguards.replace_code(
                merchant=cafe, member=mina, now=datetime.now(UTC), actor=Actor("member", mina.public_id)))  # fmt: skip
        return spends(cafe, f"r-{place}", MemberRef(code=codes[place - 1]), in_a_sale=place % 2 == 0)

    outcomes = at_once(5, act)

    refused = [each.code for each in outcomes if isinstance(each, LoyaltyError)]
    assert set(refused) <= {"member_not_found"}
    with tenancy.tenant(cafe):
        assert Redemption.objects.filter(refusal="").count() == 4 - len(refused)
    assert spendable(cafe, mina) == 1_000 - 100 * (4 - len(refused))
    with pytest.raises(LoyaltyError) as late:
        spends(cafe, "late", MemberRef(code=codes[0]), in_a_sale=False)
    assert late.value.code == "member_not_found"


def test_two_presses_on_new_code_leave_one_code_that_works(cafe, mina):
    actor = Actor("member", mina.public_id)
    outcomes = at_once(4, lambda _place: tenancy.attempt(cafe, lambda: safeguards.replace_code(
        merchant=cafe, member=mina, now=datetime.now(UTC), actor=actor)))  # fmt: skip
    assert not [each for each in outcomes if isinstance(each, Exception)]
    with tenancy.tenant(cafe):
        now = Member.objects.get(pk=mina.pk)
        former = {*FormerCode.objects.values_list("code", flat=True)}
    assert len(former) == 4
    assert mina.code in former
    assert now.code not in former
