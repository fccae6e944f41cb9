"""What a till does when somebody's code was seen or a phone is lost: a new code, spending stopped, allowed again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from members.models import FormerCode, Member
from merchants import tenancy
from merchants.actors import SYSTEM
from merchants.keys import TILL_SCOPES
from merchants.models.outbox import OutboxEvent
from rewards import merging
from tests.people import join, open_shop
from tests.till import sell, start_programme, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return open_shop("cafe-haneul", till_word_points_max=500)


@pytest.fixture
def owner(cafe):
    till = till_at(cafe)
    start_programme(till, rewards=[{"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}])
    return till


@pytest.fixture
def till(cafe, owner):
    """What a till may do, and no more."""
    return till_at(cafe, *TILL_SCOPES)


@pytest.fixture
def mina(cafe, owner):
    """She has 100 points."""
    member = join(cafe, name="Mina")
    assert sell(owner, "first", 10_000, member={"id": member.public_id}).json()["now"]["spendable"] == 100
    return member


def kept(cafe, member):
    """Her code now, and those of before."""
    with tenancy.tenant(cafe):
        before = FormerCode.objects.filter(member=member).order_by("pk").values_list("code", flat=True)
        return Member.objects.get(pk=member.pk).code, list(before)


def events(cafe, member):
    with tenancy.tenant(cafe):
        rows = OutboxEvent.objects.filter(merchant=cafe, kind="member.updated").order_by("pk")
        return [row.payload["changed"] for row in rows if row.payload["member"] == member.public_id]


def test_a_till_replaces_a_code_once_however_often_it_asks(cafe, till, mina):
    asked = {"code": mina.code}

    first = till.post(f"members/{mina.public_id}/code", asked)
    again = till.post(f"members/{mina.public_id}/code", asked)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["code"] == again.json()["code"] != mina.code
    assert (first.headers.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert kept(cafe, mina) == (first.json()["code"].replace("-", ""), [mina.code])
    assert events(cafe, mina) == [["code"]]
    assert till.post("members/lookup", {"code": mina.code}).json()["code"] == "member_not_found"
    assert till.post("members/lookup", {"code": first.json()["code"]}).json()["id"] == mina.public_id


def test_a_code_that_is_not_hers_replaces_nothing(cafe, till, mina):
    jun = join(cafe, name="Jun")

    answer = till.post(f"members/{mina.public_id}/code", {"code": jun.code})

    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (
        404, "code_not_found", "/code"
    )  # fmt: skip
    assert kept(cafe, mina) == (mina.code, [])
    assert kept(cafe, jun) == (jun.code, [])


def test_the_code_of_a_membership_merged_into_hers_is_one_of_hers(cafe, till, mina):
    old = join(cafe, name="Mina")
    with tenancy.tenant(cafe):
        merging.merge(
            merchant=cafe, source=old.public_id, target=mina.public_id, now=datetime.now(UTC), actor=SYSTEM
        )  # fmt: skip

    first = till.post(f"members/{mina.public_id}/code", {"code": old.code})
    again = till.post(f"members/{mina.public_id}/code", {"code": old.code})

    assert first.json()["code"] == again.json()["code"]
    for code in (mina.code, old.code):
        assert till.post("members/lookup", {"code": code}).json()["code"] == "member_not_found"


def test_a_till_stops_spending_and_whoever_may_block_allows_it_again(cafe, owner, till, mina):
    spent = {"member": {"id": mina.public_id}, "reward": "coffee"}

    stopped = [till.post(f"members/{mina.public_id}/spending/stop") for _twice in range(2)]
    refused = till.post("redemptions", {"external_id": "r-1", **spent})
    forbidden = till.post(f"members/{mina.public_id}/spending/allow")
    still = till.post("redemptions", {"external_id": "r-2", **spent})
    earned = sell(till, "s-2", 1_000, member={"id": mina.public_id})
    allowed = [owner.post(f"members/{mina.public_id}/spending/allow") for _twice in range(2)]
    done = till.post("redemptions", {"external_id": "r-3", **spent})

    assert [(each.status_code, each.json()["is_spending_stopped"]) for each in stopped] == [(200, True)] * 2
    assert [(each.status_code, each.json()["code"]) for each in (refused, still)] == [(409, "spending_stopped")] * 2
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "scope_missing")
    assert earned.json()["now"]["spendable"] == 110
    assert [(each.status_code, each.json()["is_spending_stopped"]) for each in allowed] == [(200, False)] * 2
    assert (done.status_code, done.json()["now"]["spendable"]) == (201, 100)
    assert events(cafe, mina) == [["spending_stopped"], ["spending_stopped"]]


def test_nobody_and_who_left_have_no_code_to_replace(owner, till, mina):
    owner.post(f"members/{mina.public_id}/erase")
    for path in ("code", "spending/stop", "spending/allow"):
        body = {"code": mina.code} if path == "code" else None
        for member in (mina.public_id, "mem_0123456789abcdef"):
            assert owner.post(f"members/{member}/{path}", body).json()["code"] == "member_not_found"
