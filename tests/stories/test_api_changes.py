"""Whoever keeps a copy comes back with the mark of last time, and hears of each document that changed since, and of no other.

In real transactions: what changed is told by the transaction that wrote it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.people import open_shop
from tests.till import sell, start_programme, till_at

pytestmark = pytest.mark.usefixtures("committed")
COFFEE = {"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}


@pytest.fixture
def till():
    """Mina has 1,000 points, Jun none."""
    till = till_at(open_shop("cafe-haneul", till_word_points_max=10_000))
    start_programme(till, rewards=[COFFEE], transfers={}, pay_with_points={"points": 1, "amount_minor": 1})
    for name in ("mina", "jun"):
        assert till.post("members", {"external_id": name}).status_code == 201
    sell(till, "s-0", 100_000, member={"external_id": "mina"})
    return till


def did(till, path, external_id, **body):
    answer = till.post(path, {"external_id": external_id, **body})
    assert answer.status_code == 201, answer.content
    return answer.json()["receipt"]["id"]


def spends(till, external_id, **more):
    return did(till, "redemptions", external_id, member={"external_id": "mina"}, reward="coffee", **more)


def corrects(till, external_id):
    return did(till, "adjustments", external_id, member={"external_id": "mina"}, points=5, reason="A slow machine")


def gives(till, external_id):
    return did(till, "transfers", external_id, giver={"external_id": "mina"}, receiver={"external_id": "jun"}, points=1)


def takes_back(till, external_id, sale, **more):
    now = datetime.now(UTC).isoformat()
    return did(till, "refunds", external_id, purchase={"external_id": sale}, occurred_at=now, **more)


def pages_read(till, path, mark):
    """All pages of one row, with the mark of the first."""
    seen, following, first = [], "", None
    while following is not None:
        page = till.get(f"{path}?changed_since={mark}&limit=1{'&cursor=' + following if following else ''}").json()
        first = first or page["mark"]
        seen += [row["id"] for row in page["data"]]
        following = page["next_cursor"]
    return seen, first


def mark_of(till, path):
    return till.get(f"{path}?limit=1").json()["mark"]


def test_a_redemption_changes_when_it_is_made_captured_given_back_or_refunded(till):
    spends(till, "untouched")
    held, undone, freed = spends(till, "held", hold=True), spends(till, "undone"), spends(till, "freed", hold=True)
    sold = sell(till, "s-1", 10_000, member={"external_id": "mina"}, redemptions=[{"points": 100}])
    paid = sold.json()["receipt"]["redemptions"][0]["id"]
    mark = mark_of(till, "redemptions")
    assert pages_read(till, "redemptions", mark)[0] == []

    new = spends(till, "new")
    did(till, f"redemptions/{held}/capture", "c-1")
    did(till, f"redemptions/{undone}/reverse", "v-1")
    did(till, f"redemptions/{freed}/release", "x-1")
    takes_back(till, "f-1", "s-1", amount_minor=5_000)
    refused = till.post("redemptions", {"external_id": "no", "member": {"external_id": "jun"}, "reward": "coffee"})

    changed, later = pages_read(till, "redemptions", mark)
    assert changed == [new, held, undone, freed, paid, refused.json()["id"]]
    assert pages_read(till, "redemptions", later)[0] == []


def test_a_refund_changes_when_its_purchase_comes(till):
    sell(till, "s-1", 10_000, member={"external_id": "mina"})
    takes_back(till, "untouched", "s-1", amount_minor=1_000)
    waiting, still = takes_back(till, "waits", "s-2", amount_minor=500), takes_back(till, "waits-on", "s-3")
    mark = mark_of(till, "refunds")

    new = takes_back(till, "new", "s-1", amount_minor=2_000)
    sell(till, "s-2", 3_000, member={"external_id": "mina"})

    assert pages_read(till, "refunds", mark)[0] == [new, waiting]
    assert still in [row["id"] for row in till.get("refunds?state=waiting").json()["data"]]


@pytest.mark.parametrize(("path", "makes"), [("adjustments", corrects), ("transfers", gives)])
def test_corrections_and_gifts_that_came_since_are_told_in_the_order_they_came(till, path, makes):
    makes(till, "untouched")
    mark = mark_of(till, path)
    made = [makes(till, name) for name in ("one", "two", "three")]
    assert pages_read(till, path, mark)[0] == made


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        ("refunds", "state=waiting"),
        ("redemptions", "state=held"),
        ("adjustments", "external_id=x"),
        ("transfers", "giver=mem_0123456789abcdef"),
    ],
)
def test_changed_since_stands_alone_and_a_mark_of_another_database_is_refused(till, path, chosen):
    mark = mark_of(till, path)
    told = till.get(f"{path}?changed_since={mark}&{chosen}").json()
    assert (told["code"], told["errors"][0]["pointer"]) == ("invalid_query", "/changed_since")
    for wrong in ("OTAwNzE5OTI1NDc0MDk5MA", "x"):
        assert till.get(f"{path}?changed_since={wrong}").json()["code"] == "invalid_cursor"
