"""Mina gives Jun points through the shop's app; what was refused stays refused, and what was done is done once."""

from __future__ import annotations

import pytest

from merchants import tenancy
from rewards.models.corrections import Transfer
from tests.till import open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def app(cafe):
    app = till_at(cafe)
    start_programme(app, transfers={"minimum_points": 10, "given_per_month": 1_000})
    return app


@pytest.fixture
def mina(app):
    mina = app.post("members", {"name": "Mina", "phone": "010-1234-5678"}).json()
    sell(app, "s-1", 12_400, member={"id": mina["id"]})
    return mina


@pytest.fixture
def jun(app):
    return app.post("members", {"name": "Jun", "external_id": "jun"}).json()


def spendable(app, member):
    return app.get(f"members/{member['id']}/balance").json()["spendable"]


def gives(app, mina, points, external_id="t-1", receiver="jun"):
    body = {"external_id": external_id, "giver": {"id": mina["id"]}, "receiver": {"external_id": receiver}}
    return app.post("transfers", {**body, "points": points})


def test_a_gift_is_made_once_however_often_it_is_sent(cafe, app, mina, jun):
    first, second = gives(app, mina, 60), gives(app, mina, 60)

    assert (first.status_code, second.status_code, second["Idempotent-Replayed"]) == (201, 201, "true"), first.content
    receipt = first.json()["receipt"]
    assert receipt == second.json()["receipt"]
    assert (receipt["points"], receipt["receiver"], receipt["giver_balance_after"]) == (60, jun["id"], 64)
    assert (spendable(app, mina), spendable(app, jun), first.json()["now"]["spendable"]) == (64, 60, 64)
    assert gives(app, mina, 61).json()["code"] == "external_id_reused"
    with tenancy.tenant(cafe):
        assert Transfer.objects.count() == 1


@pytest.mark.parametrize(
    ("points", "code"),
    [(5, "transfer_outside_limits"), (200, "insufficient_points"), (1_001, "transfer_month_limit_reached")],
)
def test_a_refusal_is_kept_and_answers_the_same_when_things_have_changed(app, mina, jun, points, code):
    first = gives(app, mina, points)
    sell(app, "s-2", 200_000, member={"id": mina["id"]})
    again = gives(app, mina, points)

    assert [(each.status_code, each.json()["code"]) for each in (first, again)] == [(409, code)] * 2
    assert again["Idempotent-Replayed"] == "true"
    assert (spendable(app, mina), spendable(app, jun)) == (2_124, 0)
    assert gives(app, mina, points, external_id="t-2").status_code == (201 if points == 200 else 409)


def test_what_cannot_be_meant_keeps_nothing(cafe, app, mina, jun):
    assert gives(app, mina, 20, receiver="nobody").json()["code"] == "member_not_found"
    assert app.post(
        "transfers", {"external_id": "t-1", "giver": {"id": mina["id"]}, "receiver": {"id": mina["id"]}, "points": 20}
    ).json()["code"] == "invalid"  # fmt: skip
    assert app.post("transfers", {"giver": {"id": "a"}, "receiver": {"id": "b"}, "points": 20}).status_code == 400
    with tenancy.tenant(cafe):
        assert Transfer.objects.count() == 0
    assert gives(app, mina, 20).status_code == 201


def test_where_points_go_with_the_moving_code_alone_a_number_is_not_enough(cafe, app, mina, jun):
    cafe.is_live_code_needed = True
    cafe.save(update_fields=["is_live_code_needed"])

    answer = gives(app, mina, 60)

    assert (answer.status_code, answer.json()["code"]) == (403, "live_code_needed")
    assert (spendable(app, mina), spendable(app, jun)) == (124, 0)


def test_a_till_may_not_move_points_between_members(cafe, mina):
    till = till_at(cafe, "redemptions:write", "members:read", "members:write")
    assert gives(till, mina, 20).json()["code"] == "scope_missing"
