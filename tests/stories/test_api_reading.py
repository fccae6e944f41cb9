"""What was posted can be read back: by id, by the caller's own id, in lists, and by what changed since."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from merchants import cursors, tenancy
from rewards.models.purchases import Purchase
from tests.till import EVERY_SCOPE, open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db

PARTS = {
    "rewards": [{"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}],
    "transfers": {},
    "tiers": {
        "basis": "spend",
        "window": {"kind": "calendar_year"},
        "levels": [
            {"code": "green", "name": {"en": "Green", "ko": "그린"}, "threshold": 0},
            {"code": "gold", "name": {"en": "Gold", "ko": "골드"}, "threshold": 100_000},
        ],
    },
}


@pytest.fixture
def cafe():
    return open_shop("cafe-haneul")


@pytest.fixture
def till(cafe):
    till = till_at(cafe)
    start_programme(till, **PARTS)
    return till


@pytest.fixture
def mina(till):
    return till.post("members", {"external_id": "mina", "phone": "010-1234-5678"}).json()["id"]


@pytest.fixture
def jun(till):
    return till.post("members", {"external_id": "jun", "email": "jun@example.org"}).json()["id"]


def refund(till, external_id, purchase, **fields):
    now = datetime.now(UTC).isoformat()
    body = {"external_id": external_id, "purchase": {"external_id": purchase}, "occurred_at": now, **fields}
    answer = till.post("refunds", body)
    assert answer.status_code == 201, answer.content
    return answer.json()["receipt"]


def got(till, path):
    answer = till.get(path)
    assert answer.status_code == 200, (path, answer.content)
    return answer.json()


def names(page):
    return [row["external_id"] for row in page["data"]]


def test_a_sale_is_read_back_as_it_stands_with_the_receipt_it_was_answered(till, mina):
    lines = [{"sku": "latte", "quantity": 2, "amount_minor": 9_600}, {"sku": "scone", "amount_minor": 2_800}]
    answered = sell(till, "s-1", 12_400, member={"id": mina}, location="main", lines=lines).json()["receipt"]
    back = refund(till, "r-1", "s-1", lines=[{"id": "1", "quantity": 0.5}])

    found = got(till, f"purchases/{answered['id']}")

    assert found["receipt"] == answered
    assert (found["member"], found["location"], found["total_minor"]) == (mina, "main", 12_400)
    assert (found["refunded_minor"], found["left_minor"]) == (2_400, 10_000)
    assert (found["points_earned"], found["points_clawed_back"]) == (124, 24)
    latte = found["lines"][0]
    assert (latte["id"], latte["quantity"], latte["refunded_quantity"], latte["refunded_minor"]) == ("1", 2, 0.5, 2_400)
    assert [each["id"] for each in found["refunds"]] == [back["id"]]
    assert got(till, "purchases?external_id=s-1")["data"] == [found]
    assert got(till, "purchases?external_id=s-2")["data"] == []


def test_a_line_is_read_back_as_it_was_sent_and_what_it_cost_only_by_who_reads_the_numbers(cafe, till, mina):
    """A till sends a scone with a discount and its cost, and a tip; whoever repairs a copy needs all of it."""
    scone = {"id": "a", "sku": "scone", "category": "bakery", "labels": ["vegan", "today"], "quantity": 2,
             "amount_minor": 5_000, "discount_minor": 600, "tax_minor": 455, "cost_minor": 2_100}  # fmt: skip
    sold = sell(till, "s-1", 6_000, member={"id": mina}, lines=[scone, {"amount_minor": 1_000, "kind": "tip"}]).json()
    path = f"purchases/{sold['receipt']['id']}"
    cashier = till_at(cafe, *(scope for scope in EVERY_SCOPE if scope != "metrics:read"))

    first, second = got(till, path)["lines"]

    assert {name: first[name] for name in scone} == scone
    assert first["kind"] == "goods"
    assert (second["id"], second["kind"], second["labels"], second["cost_minor"]) == ("2", "tip", [], None)
    assert got(cashier, path)["lines"] == [{**first, "cost_minor": None}, second]
    assert got(cashier, "purchases")["data"][0]["lines"][0]["cost_minor"] is None


def test_each_key_finds_what_it_sent_under_its_own_number(cafe, till, mina):
    """Two tills count from 1: each finds its own receipt 1, and hears the number as it sent it."""
    left, right = (till_at(cafe, id_namespace=side) for side in ("left", "right"))
    sold = {side: sell(each, "1", 1_000).json()["receipt"]["id"] for side, each in (("left", left), ("right", right))}

    for side, each in (("left", left), ("right", right)):
        (found,) = got(each, "purchases?external_id=1")["data"]
        assert (found["id"], found["external_id"], found["receipt"]["external_id"]) == (sold[side], "1", "1")
    assert got(till, "purchases?external_id=1")["data"] == []
    assert sorted(names(got(till, "purchases"))) == ["left:1", "right:1"]


def test_refunds_that_wait_for_a_purchase_that_never_came_are_listed(till, mina):
    sell(till, "s-1", 10_000, member={"id": mina})
    applied = refund(till, "r-1", "s-1", amount_minor=1_000)
    waiting = refund(till, "r-2", "s-2", amount_minor=500)

    (found,) = got(till, "refunds?state=waiting")["data"]
    assert (found["id"], found["state"], found["purchase"], found["purchase_external_id"]) == (
        waiting["id"], "waiting", None, "s-2"
    )  # fmt: skip
    assert names(got(till, "refunds")) == ["r-2", "r-1"]
    assert names(got(till, f"refunds?purchase={applied['purchase']}")) == ["r-1"]

    came = sell(till, "s-2", 3_000, member={"id": mina}).json()["receipt"]["id"]

    assert got(till, "refunds?state=waiting")["data"] == []
    now = got(till, f"refunds/{waiting['id']}")
    assert (now["state"], now["purchase"], now["member"], now["points_clawed_back"]) == ("applied", came, mina, 5)


def test_lists_are_read_to_their_end_and_nothing_comes_twice(till, mina):
    for number in range(5):
        sell(till, f"s-{number}", 1_000, member={"id": mina})

    seen, following = [], ""
    while following is not None:
        page = got(till, f"purchases?limit=2{'&cursor=' + following if following else ''}")
        sell(till, f"meanwhile-{len(seen)}", 500)
        seen += names(page)
        following = page["next_cursor"]

    assert seen == ["s-4", "s-3", "s-2", "s-1", "s-0"]


def test_who_comes_back_with_the_mark_of_last_time_reads_what_changed_since(till, mina, jun):
    """Recorded, refunded and claimed since; what stayed as it was does not come again."""
    for name in ("untouched", "refunded", "guest"):
        sell(till, name, 10_000, **({} if name == "guest" else {"member": {"id": mina}}))
    mark = got(till, "purchases")["mark"]
    sell(till, "new", 10_000, member={"id": mina})
    refund(till, "r-1", "refunded", amount_minor=4_000)
    claimed = till.post(
        "purchases/claim", {"external_id": "c-1", "purchase": {"external_id": "guest"}, "member": {"id": jun}}
    )
    assert claimed.status_code == 201

    def all_pages(mark):
        seen, following = [], ""
        while following is not None:
            page = got(till, f"purchases?changed_since={mark}&limit=1{'&cursor=' + following if following else ''}")
            seen += [(row["external_id"], row["left_minor"], row["member"]) for row in page["data"]]
            following = page["next_cursor"]
        return seen

    # Tests write everything in one transaction, and what that one wrote is all as new as its mark.
    assert {("new", 10_000, mina), ("refunded", 6_000, mina), ("guest", 10_000, jun)} <= set(all_pages(mark))
    assert len(all_pages(mark)) == len(set(all_pages(mark))) == 4
    assert till.get(f"purchases?changed_since={mark}&member={mina}").json()["code"] == "invalid_query"
    # Of a time that has not come, as after a restore; of one's own making; of another kind of list.
    for wrong in (cursors.write(2**53 - 2), "OTAwNzE5OTI1NDc0MDk5MA", cursors.write("pur_1")):
        assert till.get(f"purchases?changed_since={wrong}").json()["code"] == "invalid_cursor"
    assert till.get("purchases?changed_since=x").json()["code"] == "invalid_cursor"


def test_corrections_and_gifts_are_read_back(till, mina, jun):
    gift = {"external_id": "a-1", "member": {"id": mina}, "points": 50, "reason": "A slow machine"}
    till.post("adjustments", gift)
    too_many = till.post("adjustments", {**gift, "external_id": "a-2", "points": -51})
    given = {"external_id": "t-1", "giver": {"id": mina}, "receiver": {"email": "jun@example.org"}, "points": 20}
    transfer = till.post("transfers", given).json()["receipt"]["id"]
    spent = till.post("redemptions", {"external_id": "d-1", "member": {"id": jun}, "reward": "coffee"}).json()
    held = till.post("redemptions", {"external_id": "d-2", "member": {"id": mina}, "reward": "coffee", "hold": True})

    assert too_many.status_code == 409
    rows = got(till, f"adjustments?member={mina}")["data"]
    assert [(row["external_id"], row["state"], row["refusal"], row["points"]) for row in rows] == [
        ("a-2", "refused", "insufficient_points", -51),
        ("a-1", "applied", None, 50),
    ]
    assert got(till, f"adjustments/{rows[1]['id']}") == rows[1]
    assert names(got(till, "adjustments?external_id=a-1")) == ["a-1"]
    assert got(till, f"adjustments?member={jun}")["data"] == []
    (moved,) = got(till, f"transfers?giver={mina}")["data"]
    assert (moved["giver"], moved["receiver"], moved["points"]) == (mina, jun, 20)
    assert got(till, f"transfers/{transfer}") == moved
    assert got(till, f"transfers?giver={jun}")["data"] == []
    assert names(got(till, f"transfers?receiver={jun}&external_id=t-1")) == ["t-1"]
    assert names(got(till, "redemptions")) == ["d-2", "d-1"]
    assert names(got(till, "redemptions?state=held")) == ["d-2"]
    assert names(got(till, f"redemptions?member={jun}")) == ["d-1"]
    assert got(till, "redemptions?external_id=d-1")["data"][0]["id"] == spent["receipt"]["id"]
    assert held.status_code == 201


def test_what_was_merged_is_found_under_the_one_who_stays(till, mina, jun):
    till.post("adjustments", {"external_id": "a-1", "member": {"id": jun}, "points": 50, "reason": "Welcome"})
    till.post("merges", {"source": jun, "target": mina})

    assert names(got(till, f"adjustments?member={mina}")) == ["a-1"]
    assert names(got(till, f"adjustments?member={jun}")) == ["a-1"]


def test_a_neighbour_reads_nothing_and_a_key_without_the_right_neither(till, mina):
    sold = sell(till, "s-1", 10_000, member={"id": mina}).json()["receipt"]["id"]
    neighbour = till_at(open_shop("bookshop"))

    assert neighbour.get(f"purchases/{sold}").json()["code"] == "purchase_not_found"
    assert got(neighbour, "purchases?external_id=s-1")["data"] == []
    assert neighbour.get(f"purchases?member={mina}").json()["code"] == "member_not_found"
    clerk = till_at(till.merchant, "purchases:write")
    assert clerk.get(f"purchases/{sold}").json()["code"] == "scope_missing"
    assert clerk.get("refunds").status_code == 403


def test_a_key_says_whose_it_is_and_what_it_may_do(cafe):
    with tenancy.tenant(cafe):
        assert not Purchase.objects.exists()
    key = till_at(cafe, "quotes", "members:read", id_namespace="till-1", terminal="T1")

    found = got(key, "key")

    assert (found["scopes"], found["id_namespace"], found["terminal"]) == (["members:read", "quotes"], "till-1", "T1")
    assert (found["merchant"]["slug"], found["merchant"]["currency"], found["merchant"]["currency_digits"]) == (
        cafe.slug, "KRW", 0
    )  # fmt: skip
    assert found["merchant"]["is_sandbox"] is False
    assert found["limits"]["batch_items"] == 1_000


def test_the_way_to_the_next_tier_can_be_read(till, mina):
    sell(till, "s-1", 30_000, member={"email": "nobody@example.org"})
    sell(till, "s-2", 30_000, member={"id": mina})

    tier = got(till, f"members/{mina}/standing")["tier"]

    assert (tier["tier"], tier["basis"], tier["value"]) == ("green", "spend", 30_000)
    assert (tier["next_tier"], tier["missing"]) == ("gold", 70_000)
    korean = till.get(f"members/{mina}/standing", Accept_Language="ko").json()["tier"]
    assert [level["name"] for level in korean["levels"]] == ["그린", "골드"]


def test_a_blocked_member_neither_earns_nor_spends_until_opened_again(till, mina):
    assert till.post(f"members/{mina}/block", {"reason": "  "}).json()["code"] == "invalid"
    blocked = till.post(f"members/{mina}/block", {"reason": "Sells points"}).json()
    assert (blocked["state"], "Sells points" in blocked["note"]) == ("blocked", True)
    assert till.post(f"members/{mina}/block", {"reason": "Again"}).json()["note"] == blocked["note"]
    assert sell(till, "s-1", 1_000, member={"id": mina}).json()["code"] == "member_blocked"
    assert till_at(till.merchant, "members:write").post(f"members/{mina}/unblock").status_code == 403

    assert till.post(f"members/{mina}/unblock").json()["state"] == "active"
    assert sell(till, "s-1", 1_000, member={"id": mina}).status_code == 201


def test_every_call_takes_every_reference(till, mina, jun):
    """One list of names, at every call: also the e-mail address a guest says at the till."""
    till.post(f"members/{jun}/cards", {"number": "9000-1234"})
    code = got(till, f"members/{jun}")["code"]
    jun_by = {"id": jun, "external_id": "jun", "card": "9000-1234", "email": "JUN@example.org", "code": code}
    for kind, value in jun_by.items():
        sold = sell(till, f"s-{kind}", 1_000, member={kind: value})
        assert sold.json().get("receipt", sold.json())["member"] == jun, kind
        given = {"external_id": f"a-{kind}", "member": {kind: value}, "points": 10, "reason": "x"}
        assert till.post("adjustments", given).json()["receipt"]["member"] == jun
        spent = till.post("redemptions", {"external_id": f"d-{kind}", "member": {kind: value}, "reward": "coffee"})
        if kind == "code":
            # The code that stands still names a member as well, and only collects.
            assert (spent.status_code, spent.json()["code"]) == (403, "static_code_earns_only")
        else:
            assert spent.json()["receipt"]["member"] == jun
        quoted = till.post("quotes", {"member": {kind: value}, "currency": "KRW", "total_minor": 100})
        assert quoted.json()["member"] == jun
    batch = [
        {"external_id": f"b-{kind}", "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW",
         "total_minor": 100, "member": {kind: value}}
        for kind, value in jun_by.items()
    ]  # fmt: skip
    answers = till.post("purchases/batch", {"purchases": batch}).json()["results"]
    assert {answer["receipt"]["member"] for answer in answers} == {jun}
    for wrong in ({}, {"id": jun, "email": "jun@example.org"}):
        assert sell(till, "s-9", 100, member=wrong).json()["code"] == "ambiguous_reference"
