"""Mina's phone shows a code that moves: the till takes it while it is of now, and a picture of it is worth nothing."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from members import live_codes
from members.models import Member
from merchants import keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards import balances, purchases
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import cashier_browser, join, member_browser, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish({**PROGRAMME, "rewards": [
        {"code": "coffee", "kind": "product", "name": {"en": "Coffee"}, "price_points": 100},
    ]})  # fmt: skip
    return shop


@pytest.fixture
def strict(cafe):
    Merchant.objects.filter(pk=cafe.pk).update(is_live_code_needed=True)
    cafe.refresh_from_db()
    return cafe


@pytest.fixture
def mina(cafe):
    member = join(cafe)
    sold = purchases.PurchaseInput(
        external_id="before", occurred_at=datetime.now(UTC), currency="KRW", total_minor=30_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)
    return member


@pytest.fixture
def till(cafe):
    with tenancy.tenant(cafe):
        secret = keys.issue(
            merchant=cafe, name="Till", scopes=tuple(keys.SCOPES), actor=SYSTEM, now=datetime.now(UTC)
        ).secret

    def till(path, body):
        headers = {"Authorization": f"Bearer {secret}"}
        return Client().post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)

    return till


def code_of(shop, member, *, age=timedelta(0)):
    return live_codes.series(merchant=shop, member=member, now=datetime.now(UTC) - age, count=1)[0][1]


def redeems(till, code, *, external_id="r-1"):
    return till("redemptions", {"external_id": external_id, "member": {"code": code}, "reward": "coffee"})


def spendable(shop, member):
    with tenancy.tenant(shop):
        return balances.of_member(merchant=shop, member_id=member.pk, now=datetime.now(UTC)).spendable


def test_the_card_brings_an_hour_of_codes_and_the_number_that_stays(cafe, mina):
    page = member_browser(cafe, mina).get(f"/m/{cafe.slug}/card").content.decode()

    series = json.loads(re.search(r'data-live-codes="([^"]+)"', page)[1].replace("&quot;", '"'))
    assert len(series) == 60
    assert [later[0] - earlier[0] for earlier, later in itertools.pairwise(series)] == [60] * 59
    assert len({bits for _at, _side, bits in series}) == 60
    assert mina.code[:4] in page


def test_the_till_finds_her_by_it_and_refuses_a_picture_of_it(cafe, mina, till):
    found = till("members/lookup", {"code": code_of(cafe, mina)})
    assert (found.status_code, found.json()["id"]) == (200, mina.public_id)

    old = till("members/lookup", {"code": code_of(cafe, mina, age=timedelta(minutes=4))})
    assert (old.status_code, old.json()["code"]) == (410, "live_code_expired")
    tomorrow = till("members/lookup", {"code": code_of(cafe, mina, age=timedelta(minutes=-30))})
    assert (tomorrow.status_code, tomorrow.json()["code"]) == (410, "live_code_expired")


def test_a_code_that_was_made_up_names_nobody(cafe, mina, till):
    real = code_of(cafe, mina)
    forged = real[:-1] + ("2" if real[-1] != "2" else "3")
    assert till("members/lookup", {"code": forged}).json()["code"] == "member_not_found"


def test_a_sale_that_comes_late_still_collects(cafe, mina, till):
    now = datetime.now(UTC)
    sold = till("purchases", {
        "external_id": "offline-1", "occurred_at": (now - timedelta(hours=3)).isoformat(), "currency": "KRW",
        "total_minor": 10_000, "member": {"code": code_of(cafe, mina, age=timedelta(hours=3))},
    })  # fmt: skip
    assert sold.status_code == 201, sold.content
    assert spendable(cafe, mina) == 400


def test_points_are_spent_once_with_one_code(cafe, mina, till):
    code = code_of(cafe, mina)
    assert redeems(till, code).status_code == 201
    replay = redeems(till, code)
    assert (replay.status_code, replay.headers["Idempotent-Replayed"]) == (201, "true")

    again = redeems(till, code, external_id="r-2")
    assert (again.status_code, again.json()["code"]) == (409, "live_code_used")
    assert spendable(cafe, mina) == 200


def test_points_are_not_spent_with_an_old_one(cafe, mina, till):
    old = redeems(till, code_of(cafe, mina, age=timedelta(minutes=7)))
    assert (old.status_code, old.json()["code"]) == (410, "live_code_expired")
    assert spendable(cafe, mina) == 300


def test_where_the_merchant_asks_for_it_the_number_alone_only_collects(strict, mina, till):
    refused = redeems(till, mina.code)
    assert (refused.status_code, refused.json()["code"]) == (403, "live_code_needed")
    in_a_sale = till("purchases", {
        "external_id": "s-1", "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW", "total_minor": 10_000,
        "member": {"code": mina.code}, "redemptions": [{"reward": "coffee"}],
    })  # fmt: skip
    assert in_a_sale.json()["code"] == "live_code_needed"
    assert spendable(strict, mina) == 300

    sold = till("purchases", {
        "external_id": "s-2", "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW", "total_minor": 10_000,
        "member": {"code": code_of(strict, mina)}, "redemptions": [{"reward": "coffee"}],
    })  # fmt: skip
    assert sold.status_code == 201, sold.content
    assert spendable(strict, mina) == 300


def test_what_she_set_aside_on_her_phone_is_captured_without_it(strict, mina, till):
    phone = member_browser(strict, mina)
    page = phone.get(f"/m/{strict.slug}/rewards").content.decode()
    minted = re.search(r'value="(rdm_[0-9a-z]+)"', page)[1]
    held = phone.post(f"/m/{strict.slug}/rewards/take", {"external_id": minted, "reward": "coffee"})["Location"]

    sold = till("purchases", {
        "external_id": "s-1", "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW", "total_minor": 10_000,
        "member": {"code": mina.code}, "redemptions": [{"id": held.rpartition("/")[2]}],
    })  # fmt: skip
    assert sold.status_code == 201, sold.content


def test_the_counter_takes_it_and_asks_for_it_before_points_are_spent(strict, mina):
    tablet = cashier_browser(strict)
    desk, rewards = (
        f"/console/{strict.slug}/counter/",
        f"/console/{strict.slug}/counter/members/{mina.public_id}/rewards",
    )
    assert "Scan the moving code on the phone" in tablet.get(rewards).content.decode()
    assert 'data-dialog="take-coffee"' not in tablet.get(rewards).content.decode()

    old = tablet.get(desk, {"q": code_of(strict, mina, age=timedelta(minutes=4))}, follow=True)
    assert "it may be a picture" in old.content.decode()
    answer = tablet.get(desk, {"q": code_of(strict, mina), "then": "rewards"})
    assert answer["Location"] == rewards
    page = tablet.get(rewards).content.decode()
    minted = re.search(r'value="(rdm_[0-9a-z]+)"', page)[1]
    done = tablet.post(rewards, {"external_id": minted, "reward": "coffee"})

    assert "/counter/rewards/rdm_" in done["Location"]
    assert spendable(strict, mina) == 200


def test_an_erased_members_codes_name_nobody(cafe, mina, till):
    code = code_of(cafe, mina)
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(state=Member.State.ERASED, code="22222222")
    assert till("members/lookup", {"code": code}).json()["code"] == "member_not_found"
