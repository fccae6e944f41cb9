"""Whatever moves points is done once, whichever call it is: without an id nothing; the same id for something else, nothing.

The calls are those the API declares, so that a new one is asked here too.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.api.framework import openapi
from merchants import tenancy
from rewards import verify
from rewards.models.ledger import Entry
from rewards.models.purchases import Purchase
from rewards.purchases.selling import Selling
from tests.till import open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db

PAY = {"points": 1, "amount_minor": 1}
COFFEE = {"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}
VISITS = {"code": "visits", "name": "Visits", "sizes": [10], "reward": "coffee"}
#: The addresses of calls whose document the caller names.
MOVING = sorted(
    path.removeprefix("/api/v1/")
    for path, methods in json.loads(openapi.written())["paths"].items()
    for told in methods.values()
    for operation in openapi.operations()
    if operation.id == told["operationId"] and operation.takes_id and operation.requires_id
)


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def till(cafe):
    till = till_at(cafe)
    start_programme(till, transfers={}, pay_with_points=PAY, rewards=[COFFEE], stamps=[VISITS])
    return till


@pytest.fixture
def bodies(till):
    """A good body for each call, and the same with one thing changed; whoever is in an address is made first."""
    mina = till.post("members", {"name": "Mina", "external_id": "mina"}).json()["id"]
    jun = till.post("members", {"name": "Jun", "external_id": "jun"}).json()["id"]
    now = datetime.now(UTC).isoformat()
    sell(till, "bought", 50_000, member={"id": mina})
    sell(till, "guest-1", 5_000)
    sell(till, "guest-2", 5_000)
    member = {"member": {"id": mina}}
    held = [
        till.post("redemptions", {"external_id": f"hold-{n}", **member, "points": 20, "hold": n != 2}).json()[
            "receipt"
        ]["id"]
        for n in range(3)
    ]
    sale = {**member, "occurred_at": now, "currency": "KRW", "total_minor": 1_000}
    return {
        "adjustments": ({**member, "points": 5, "reason": "thanks"}, {"points": 6}),
        "members/{member_id}/stamps": ({"stamp_card": "visits", "stamps": 2, "reason": "thanks"}, {"stamps": 3}),
        "purchases": (sale, {"total_minor": 2_000}),
        "purchases/claim": ({**member, "purchase": {"external_id": "guest-1"}}, {"purchase": {"external_id": "guest-2"}}),
        "redemptions": ({**member, "points": 10}, {"points": 11}),
        "redemptions/{redemption}/capture": ({"points": 20}, {"points": 19}),
        "redemptions/{redemption}/release": ({}, None),
        "redemptions/{redemption}/reverse": ({"reason": "spilled"}, {"reason": "cold"}),
        "refunds": ({"purchase": {"external_id": "bought"}, "occurred_at": now, "amount_minor": 100}, {"amount_minor": 200}),
        "transfers": ({"giver": {"id": mina}, "receiver": {"id": jun}, "points": 5}, {"points": 6}),
    }, {**dict(zip(("capture", "release", "reverse"), held, strict=True)), "stamps": mina}  # fmt: skip


def address(path, held):
    named = held.get(path.rsplit("/", 1)[-1], "")
    return path.format(redemption=named, member_id=named)


def entries(cafe):
    with tenancy.tenant(cafe):
        return list(Entry.objects.order_by("id").values_list("account_id", "seq", "kind"))


def test_every_call_that_moves_points_is_asked_here(bodies):
    assert sorted(bodies[0]) == MOVING


@pytest.mark.parametrize("path", MOVING)
def test_f04_without_an_id_nothing_moves(cafe, till, bodies, path):
    known, held = bodies
    before = entries(cafe)

    answer = till.post(address(path, held), known[path][0])

    assert (answer.status_code, answer.json()["code"]) == (400, "external_id_required")
    assert entries(cafe) == before


@pytest.mark.parametrize("path", MOVING)
def test_f01_f02_sent_again_it_answers_the_same_and_for_something_else_nothing(cafe, till, bodies, path):
    known, held = bodies
    body, change = known[path]
    first = till.post(address(path, held), {"external_id": "x-1", **body})
    assert first.status_code == 201, first.content
    after = entries(cafe)

    again = till.post(address(path, held), {"external_id": "x-1", **body})

    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["receipt"] == first.json()["receipt"]
    other = (
        till.post(address(path, held), {"external_id": "x-1", **body, **change})
        if change
        # Its body has nothing to change; what it ends has.
        else till.post(path.format(redemption=held["capture"]), {"external_id": "x-1"})
    )
    assert (other.status_code, other.json()["code"]) == (409, "external_id_reused")
    assert entries(cafe) == after
    assert verify.verify(merchant=cafe).faults == []


def test_f23_offline_sales_out_of_order_cut_off_and_sent_again_come_to_the_same(cafe, till, monkeypatch):
    """300 sales of ten members in three batches: the first one's answer is lost, the second breaks off in the middle."""
    start = datetime.now(UTC) - timedelta(hours=10)
    for number in range(10):
        till.post("members", {"external_id": f"m-{number}"})
    sales = [
        {
            "external_id": f"s-{number}",
            "member": {"external_id": f"m-{number % 10}"},
            "occurred_at": (start + timedelta(minutes=(number * 37) % 300)).isoformat(),
            "currency": "KRW",
            "total_minor": 1_000 + 100 * (number % 7),
        }
        for number in range(300)
    ]
    batches = [sales[place : place + 100] for place in (200, 0, 100)]
    till.post("purchases/batch", {"purchases": batches[0]})
    with monkeypatch.context() as cut:
        cut.setattr("rewards.purchases.selling.Selling.write", _broken_in_the_second_turn(Selling.write))
        broken = till.post("purchases/batch", {"purchases": batches[1]})
    assert broken.status_code == 500
    assert rows(cafe) == 164

    told = [till.post("purchases/batch", {"purchases": batch}).json() for batch in batches]

    assert [(each["recorded"], each["replayed"], each["refused"]) for each in told] == [
        (0, 100, 0),
        (36, 64, 0),  # the first turn of 64 had been recorded
        (100, 0, 0),
    ]
    spendable = [
        till.get(f"members?external_id=m-{number}").json()["data"][0]["id"] for number in range(10)
    ]  # fmt: skip
    expected = [sum(sale["total_minor"] // 100 for sale in sales[number::10]) for number in range(10)]
    assert [till.get(f"members/{member}/balance").json()["spendable"] for member in spendable] == expected
    assert verify.verify(merchant=cafe).faults == []


def _broken_in_the_second_turn(write):
    turns = itertools.count(1)

    def broken(fold):
        if next(turns) == 2:
            raise RuntimeError("the machine went away")
        write(fold)

    return broken


def rows(cafe):
    with tenancy.tenant(cafe):
        return Purchase.objects.filter(merchant=cafe).count()
