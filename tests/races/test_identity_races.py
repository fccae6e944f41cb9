"""Two phones, two tills, two presses at once: no more is spent, changed or undone than by one after another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connections

from members import contact_changes, live_codes
from members.codes import Proof
from members.models import Member
from merchants import contacts, ids, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.errors import LoyaltyError
from rewards import balances, purchases, redemptions, taking
from rewards.parties import MemberRef
from rewards.redemptions import RedemptionRequest
from tests.builders import PROGRAMME, Shop
from tests.people import join, open_shop
from tests.races.test_codes_and_pins import at_once

KEY = Actor("key", "key_0123456789abcdef")


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def cafe(committed):
    shop = open_shop("cafe-haneul", step_up_points_above=1000, is_live_code_needed=True)
    Shop(shop).publish({**PROGRAMME, "rewards": [
        {"code": "dinner", "kind": "product", "name": {"en": "Dinner"}, "price_points": 600},
    ]})  # fmt: skip
    return shop


@pytest.fixture
def mina(cafe):
    member = join(cafe, email=f"{ids.mint('usr')[4:]}@example.org")
    sold = purchases.PurchaseInput(
        external_id="much", occurred_at=datetime.now(UTC), currency="KRW", total_minor=600_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)
    return member


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        return balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC)).spendable


def test_two_phones_at_once_do_not_each_stay_below_the_limit(cafe, mina):
    actor, now = Actor("member", mina.public_id), datetime.now(UTC)

    def take(place):
        asked = RedemptionRequest(external_id=f"phone-{place}", member=MemberRef(id=mina.public_id), reward="dinner")
        return tenancy.attempt(
            cafe, lambda: taking.take(merchant=cafe, member=mina, asked=asked, proof=None, now=now, actor=actor)
        )

    outcomes = at_once(6, take)

    assert sum(isinstance(each, taking.FreshCodeNeeded) for each in outcomes) == 5
    assert spendable(cafe, mina) == 6000 - 600


def test_two_tills_at_once_do_not_both_spend_with_one_code(cafe, mina):
    now = datetime.now(UTC)
    code = live_codes.series(merchant=cafe, member=mina, now=now, count=1)[0][1]

    def redeem(place):
        asked = RedemptionRequest(external_id=f"till-{place}", member=MemberRef(code=code), reward="dinner")
        outcome = tenancy.attempt(cafe, lambda: redemptions.redeem(merchant=cafe, asked=asked, now=now, actor=KEY))
        outcome.unless_refused()
        return outcome

    refused = [each for each in at_once(6, redeem) if isinstance(each, LoyaltyError)]

    assert [each.code for each in refused] == ["live_code_used"] * 5
    assert spendable(cafe, mina) == 6000 - 600


def test_two_presses_on_the_link_undo_once(cafe, mina):
    now, secrets = datetime.now(UTC), []
    new = contacts.read_email(f"{ids.mint('usr')[4:]}@example.org")
    by = Proof(cafe.pk, contacts.stored(mina.email), "step_up", now)
    tenancy.attempt(cafe, lambda: contact_changes.change(
        merchant=cafe, member=mina, by=by, to=Proof(cafe.pk, new, "change", now), now=now,
        undo_url=lambda secret: secrets.append(secret) or secret, actor=Actor("member", mina.public_id),
    ))  # fmt: skip

    outcomes = at_once(
        4,
        lambda _place: tenancy.attempt(cafe, lambda: contact_changes.undo(merchant=cafe, secret=secrets[-1], now=now)),
    )

    assert sum(isinstance(each, contact_changes.UndoGone) for each in outcomes) == 3
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, pk=mina.pk).email == mina.email
