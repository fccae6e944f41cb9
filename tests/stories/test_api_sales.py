"""A day at the till: sales, refunds, points spent, all through HTTP.  One point for each 100 won."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merchants import keys, tenancy
from merchants.models.outbox import OutboxEvent
from rewards.models.purchases import Purchase
from tests.till import open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db

COFFEE = {
    "kind": "product",
    "code": "free-coffee",
    "name": "Free coffee",
    "price_points": 100,
}


@pytest.fixture
def cafe():
    return open_shop("cafe")


@pytest.fixture
def till(cafe):
    till = till_at(cafe)
    start_programme(till, rewards=[COFFEE])
    return till


@pytest.fixture
def mina(till):
    return till.post("members", {"name": "Mina", "phone": "010-1234-5678"}).json()


def spendable(till, member):
    return till.get(f"members/{member['id']}/balance").json()["spendable"]


def code_of(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return answer.json()["code"]


def test_one_call_tells_the_till_what_was_earned_and_what_mina_has(till, mina):
    answer = sell(till, "s-1", 12_400, member={"phone": "01012345678"})

    assert answer.status_code == 201, answer.content
    receipt, now = answer.json()["receipt"], answer.json()["now"]
    assert (receipt["points_earned"], receipt["balance_after"], receipt["member"]) == (124, 124, mina["id"])
    assert now == {"spendable": 124, "held": 0, "pending": 0, "debt": 0, "tier": None, "rewards": None}
    assert "Idempotent-Replayed" not in answer


def test_asked_for_details_it_says_why_and_what_can_be_had(till, mina):
    answer = sell(till, "s-1", 12_400, member={"id": mina["id"]}, query="?details=true").json()

    assert any("124" in sentence for sentence in answer["why"])
    assert [(reward["code"], reward["missing_points"]) for reward in answer["now"]["rewards"]] == [("free-coffee", 0)]


def test_a_sale_sent_twice_counts_once_and_answers_the_same(cafe, till, mina):
    """F01."""
    at = datetime.now(UTC) - timedelta(hours=1)
    first = sell(till, "s-1", 12_400, member={"id": mina["id"]}, at=at)
    second = sell(till, "s-1", 12_400, member={"id": mina["id"]}, at=at)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["receipt"] == second.json()["receipt"]
    assert second["Idempotent-Replayed"] == "true"
    assert spendable(till, mina) == 124
    with tenancy.tenant(cafe):
        assert OutboxEvent.objects.filter(merchant=cafe, kind="purchase.recorded").count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"total_minor": 12_500},
        {"occurred_at": "2026-11-01T00:00:00Z"},
        {"channel": "web"},
        {"member": None},
        {"tax_minor": 1},
        {"tenders": [{"kind": "card", "amount_minor": 12_400}]},
    ],
)
def test_an_id_used_for_another_sale_is_refused_whatever_changed(till, mina, change):
    """F02."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    body = {
        "external_id": "s-1",
        "member": {"id": mina["id"]},
        "occurred_at": at.isoformat(),
        "currency": "KRW",
        "total_minor": 12_400,
    }
    assert till.post("purchases", body).status_code == 201
    if "occurred_at" in change:
        change = {"occurred_at": (at - timedelta(minutes=1)).isoformat()}
    changed = {name: value for name, value in {**body, **change}.items() if value is not None}

    assert code_of(till.post("purchases", changed), 409) == "external_id_reused"
    assert spendable(till, mina) == 124


@pytest.mark.parametrize("path", ["purchases", "refunds", "redemptions", "adjustments"])
def test_what_moves_points_needs_an_id(till, path):
    """F04."""
    assert code_of(till.post(path, {}), 400) == "external_id_required"


def test_the_idempotency_key_stands_in_for_the_id(till, mina):
    body = {
        "member": {"id": mina["id"]},
        "occurred_at": datetime.now(UTC).isoformat(),
        "currency": "KRW",
        "total_minor": 12_400,
    }
    first = till.post("purchases", body, Idempotency_Key="5f0c-till-1")
    second = till.post("purchases", body, Idempotency_Key="5f0c-till-1")

    assert first.json()["receipt"]["external_id"] == "5f0c-till-1"
    assert second["Idempotent-Replayed"] == "true"
    assert code_of(till.post("purchases", body, Idempotency_Key="two words"), 400) == "external_id_required"


def test_two_tills_may_count_from_one(cafe, till, mina):
    """Each key has its namespace; each till hears its own ids back, and refunds by them."""
    left, right = (till_at(cafe, id_namespace=side) for side in ("left", "right"))

    for each in (left, right):
        answer = sell(each, "1", 10_000, member={"id": mina["id"]})
        assert (answer.status_code, answer.json()["receipt"]["external_id"]) == (201, "1")
    refund = left.post(
        "refunds",
        {"external_id": "r1", "purchase": {"external_id": "1"}, "occurred_at": datetime.now(UTC).isoformat()},
    ).json()["receipt"]

    assert (refund["external_id"], refund["purchase_external_id"]) == ("r1", "1")
    assert spendable(till, mina) == 100
    with tenancy.tenant(cafe):
        ids = Purchase.objects.filter(merchant=cafe).values_list("external_id", flat=True)
        assert sorted(ids) == ["left:1", "right:1"]


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        ({"total_minor": -(10**30)}, 400, "invalid_request", "/total_minor"),
        ({"total_minor": 12_400.0}, 400, "invalid_request", "/total_minor"),
        ({"total_minor": "12400"}, 400, "invalid_request", "/total_minor"),
        ({"total_minor": True}, 400, "invalid_request", "/total_minor"),
        ({"total_minor": 10**30}, 400, "invalid_request", "/total_minor"),
        ({"total_minor": None}, 400, "invalid_request", "/total_minor"),
        ({"currency": "krw"}, 400, "invalid_request", "/currency"),
        ({"currency": "USD"}, 422, "wrong_currency", "/currency"),
        ({"points_earned": 10**6}, 400, "invalid_request", "/points_earned"),
        ({"member": {"id": "mem_x", "merchant_id": 1}}, 400, "invalid_request", "/member/merchant_id"),
        ({"member": {"id": "mem_0123456789abcdef"}}, 404, "member_not_found", "/member"),
        ({"member": {}}, 422, "ambiguous_reference", "/member"),
        ({"location": "the moon"}, 422, "unknown_location", "/location"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, 422, "occurred_at_out_of_bounds", "/occurred_at"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, 422, "occurred_at_out_of_bounds", "/occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, 422, "occurred_at_out_of_bounds", "/occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, 422, "occurred_at_out_of_bounds", "/occurred_at"),
        ({"lines": [{"amount_minor": 1}]}, 422, "totals_disagree", "/total_minor"),
        ({"lines": [{"amount_minor": 12_400, "quantity": 0}]}, 422, "invalid", "/lines/0/quantity"),
        ({"lines": [{"amount_minor": 12_400, "quantity": 0.0001}]}, 422, "invalid", "/lines/0/quantity"),
        ({"lines": [{"amount_minor": 12_400, "quantity": 1e30}]}, 422, "invalid", "/lines/0/quantity"),
        ({"lines": [{"amount_minor": 12_400}, {"amount_minor": "x"}]}, 400, "invalid_request", "/lines/1/amount_minor"),
        ({"redemptions": [{"reward": "free-coffee"}]}, 422, "invalid", "/member"),
    ],
)
def test_a_sale_that_cannot_be_meant_leaves_nothing(cafe, till, change, status, code, pointer):
    """F16, F17, F19, F24, F40, F41."""
    body = {
        "external_id": "s-1",
        "occurred_at": datetime.now(UTC).isoformat(),
        "currency": "KRW",
        "total_minor": 12_400,
    }

    answer = till.post("purchases", {**body, **change})

    assert code_of(answer, status) == code
    assert answer.json()["errors"][0]["pointer"] == pointer
    with tenancy.tenant(cafe):
        assert not Purchase.objects.filter(merchant=cafe).exists()


def test_another_merchants_member_cannot_be_sold_to(till):
    """F40."""
    theirs = till_at(open_shop("bookshop")).post("members", {"name": "Jun", "external_id": "jun"}).json()

    assert code_of(sell(till, "s-1", 100, member={"id": theirs["id"]}), 404) == "member_not_found"


def told(cafe, kind):
    with tenancy.tenant(cafe):
        return [event.payload for event in OutboxEvent.objects.filter(merchant=cafe, kind=kind).order_by("id")]


def test_old_sales_need_a_key_for_backfilling(cafe, till, mina):
    two_years_ago = datetime.now(UTC) - timedelta(days=730)
    assert code_of(sell(till_at(cafe, "purchases:write"), "s-1", 100, at=two_years_ago), 422) == (
        "occurred_at_out_of_bounds"
    )

    importer = till_at(cafe, "purchases:write", "purchases:backfill")
    sold = sell(importer, "s-1", 100, at=two_years_ago, member={"id": mina["id"]}, silent=True)

    assert sold.status_code == 201
    assert told(cafe, "purchase.recorded") == []


def test_a_key_with_every_right_tells_every_sale_unless_a_call_asks_for_silence(cafe, mina):
    """The right to record old sales silences nothing by itself: Ola ticked every box, and hears of each sale of today."""
    importer = till_at(cafe, *keys.SCOPES)
    member = {"id": mina["id"]}

    sell(importer, "today", 10_000, member=member)
    importer.post("refunds", {**refund_of("today", "back-1"), "amount_minor": 4_000})
    batch = [{**sale_of("b-1"), "member": member}]
    importer.post("purchases/batch", {"purchases": batch})

    assert [payload["external_id"] for payload in told(cafe, "purchase.recorded")] == ["today", "b-1"]
    assert [payload["external_id"] for payload in told(cafe, "purchase.refunded")] == ["back-1"]

    sell(importer, "quiet", 10_000, member=member, silent=True)
    importer.post("refunds", {**refund_of("quiet", "back-2"), "amount_minor": 4_000, "silent": True})
    importer.post("purchases/batch", {"silent": True, "purchases": [{**sale_of("b-2"), "member": member}]})

    assert len(told(cafe, "purchase.recorded")) == 2
    assert len(told(cafe, "purchase.refunded")) == 1
    assert spendable(importer, mina) == 60 + 10 + 60 + 10


def test_a_till_cannot_ask_for_silence_and_nothing_is_recorded(cafe, mina):
    clerk = till_at(cafe, "purchases:write", "refunds:write", "members:read")
    answers = [
        sell(clerk, "s-1", 1_000, member={"id": mina["id"]}, silent=True),
        clerk.post("purchases/batch", {"silent": True, "purchases": [sale_of("s-2")]}),
        clerk.post("refunds", {**refund_of("s-1", "r-1"), "silent": True}),
    ]

    for answer in answers:
        assert code_of(answer, 403) == "scope_missing"
        assert answer.json()["scope"] == "purchases:backfill"
        assert answer.json()["errors"][0]["pointer"] == "/silent"
    with tenancy.tenant(cafe):
        assert not Purchase.objects.filter(merchant=cafe).exists()


def test_silence_is_no_part_of_the_sale(cafe, mina):
    """Recorded silently in an import, sent again aloud by a till that did not hear of it: a replay, and no second sale."""
    importer = till_at(cafe, *keys.SCOPES)
    sale = {**sale_of("s-1"), "member": {"id": mina["id"]}}

    assert importer.post("purchases/batch", {"silent": True, "purchases": [sale]}).json()["recorded"] == 1
    again = importer.post("purchases", {**sale, "silent": True})
    aloud = importer.post("purchases", sale)

    assert [answer["Idempotent-Replayed"] for answer in (again, aloud)] == ["true", "true"]
    assert spendable(importer, mina) == 10


def sale_of(external_id):
    return {
        "external_id": external_id,
        "occurred_at": datetime.now(UTC).replace(minute=0, second=0, microsecond=0).isoformat(),
        "currency": "KRW",
        "total_minor": 1_000,
    }


def refund_of(purchase, external_id):
    now = datetime.now(UTC).isoformat()
    return {"external_id": external_id, "purchase": {"external_id": purchase}, "occurred_at": now}


def test_an_offline_till_sends_its_day_in_one_go_and_again_when_the_line_breaks(till, mina):
    """F23: each sale by itself, in the order sent; a second sending is all replays."""
    at = datetime.now(UTC) - timedelta(hours=3)

    def sale(number, **change):
        return {
            "external_id": f"s-{number}",
            "member": {"id": mina["id"]},
            "occurred_at": (at + timedelta(minutes=number)).isoformat(),
            "currency": "KRW",
            "total_minor": 1_000,
            **change,
        }

    batch = {"purchases": [sale(1), sale(2, total_minor="1000"), sale(3, currency="USD"), sale(4), {"external_id": 5}]}
    first = till.post("purchases/batch", batch).json()
    second = till.post("purchases/batch", batch).json()

    assert [result["status"] for result in first["results"]] == [201, 400, 422, 201, 400]
    assert [result["external_id"] for result in first["results"]] == ["s-1", "s-2", "s-3", "s-4", None]
    assert (first["recorded"], first["replayed"], first["refused"]) == (2, 0, 3)
    assert (second["recorded"], second["replayed"], second["refused"]) == (0, 2, 3)
    assert first["results"][1]["problem"]["errors"][0]["pointer"] == "/total_minor"
    assert first["results"][2]["problem"]["code"] == "wrong_currency"
    assert second["results"][3]["receipt"] == first["results"][3]["receipt"]
    assert spendable(till, mina) == 20


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_holds_one_to_a_thousand(till, count):
    answer = till.post("purchases/batch", {"purchases": [{}] * count})

    assert code_of(answer, 400) == "invalid_request"
    assert answer.json()["errors"][0]["pointer"] == "/purchases"


def test_a_refund_takes_back_what_was_earned_also_when_it_comes_first(till, mina):
    """F10."""
    now = datetime.now(UTC).isoformat()
    sell(till, "s-1", 10_000, member={"id": mina["id"]})
    taken = till.post(
        "refunds", {"external_id": "r-1", "purchase": {"external_id": "s-1"}, "occurred_at": now, "amount_minor": 4_000}
    )
    early = till.post("refunds", {"external_id": "r-2", "purchase": {"external_id": "s-2"}, "occurred_at": now})
    sell(till, "s-2", 10_000, member={"id": mina["id"]})

    assert (taken.json()["receipt"]["points_clawed_back"], taken.json()["now"]["spendable"]) == (40, 60)
    # One spelling of an instant in every receipt.
    for receipt in (taken.json()["receipt"], early.json()["receipt"]):
        assert (receipt["occurred_at"][-1], receipt["recorded_at"][-1]) == ("Z", "Z")
    assert (early.status_code, early.json()["receipt"]["state"]) == (201, "waiting")
    assert spendable(till, mina) == 60


def test_a_quote_promises_and_writes_nothing(cafe, till, mina):
    """F21."""
    quote = till.post("quotes", {"member": {"id": mina["id"]}, "currency": "KRW", "total_minor": 12_400}).json()

    assert (quote["points"], quote["now"]["spendable"]) == (124, 0)
    with tenancy.tenant(cafe):
        assert not Purchase.objects.filter(merchant=cafe).exists()
    bought = sell(till, "s-1", 12_400, member={"id": mina["id"]}, quote=quote["token"])
    assert bought.json()["receipt"]["points_earned"] == 124


def test_mina_drinks_a_coffee_on_her_points(till, mina):
    sell(till, "s-1", 15_000, member={"id": mina["id"]})
    ask = {"external_id": "d-1", "member": {"phone": mina["phone"]}, "reward": "free-coffee"}

    first, second = till.post("redemptions", ask), till.post("redemptions", ask)

    assert (first.status_code, first.json()["now"]["spendable"]) == (201, 50)
    assert second["Idempotent-Replayed"] == "true"
    assert second.json()["receipt"] == first.json()["receipt"]
    assert spendable(till, mina) == 50


def test_a_refused_redemption_is_refused_for_ever_under_its_id(till, mina):
    """F07: the cashier has taken cash meanwhile."""
    ask = {"external_id": "d-1", "member": {"id": mina["id"]}, "reward": "free-coffee"}
    refused = till.post("redemptions", ask)
    sell(till, "s-1", 20_000, member={"id": mina["id"]})
    again = till.post("redemptions", ask)

    assert code_of(refused, 409) == code_of(again, 409) == "insufficient_points"
    assert again["Idempotent-Replayed"] == "true"
    assert till.post("redemptions", {**ask, "external_id": "d-2"}).status_code == 201
    assert spendable(till, mina) == 100


def test_points_are_held_while_the_order_is_paid(till, mina):
    sell(till, "s-1", 20_000, member={"id": mina["id"]})
    held = till.post(
        "redemptions", {"external_id": "d-1", "member": {"id": mina["id"]}, "reward": "free-coffee", "hold": True}
    ).json()
    name = held["receipt"]["id"]

    assert held["now"]["held"] == 100
    assert till.get(f"redemptions/{held['receipt']['code']}").json()["state"] == "held"
    captured = till.post(f"redemptions/{name}/capture", {"external_id": "c-1"})
    assert (captured.status_code, captured.json()["now"]["spendable"]) == (201, 100)
    assert code_of(till.post(f"redemptions/{name}/release", {"external_id": "x-1"}), 409) == "redemption_ended"
    undone = till.post(f"redemptions/{name}/reverse", {"external_id": "v-1", "reason": "no beans"})
    assert (undone.status_code, undone.json()["now"]["spendable"]) == (201, 200)
    assert code_of(till.post(f"redemptions/{name}/reverse", {"external_id": "v-2"}), 409) == "redemption_ended"
    assert code_of(till.post("redemptions/rdm_0123456789abcdef/capture", {"external_id": "c-2"}), 404) == (
        "redemption_not_found"
    )


def test_the_ledger_tells_everything_that_happened_newest_first(till, mina):
    sell(till, "s-1", 20_000, member={"id": mina["id"]})
    till.post("redemptions", {"external_id": "d-1", "member": {"id": mina["id"]}, "reward": "free-coffee"})
    till.post("adjustments", {"external_id": "a-1", "member": {"id": mina["id"]}, "points": -30, "reason": "mistake"})

    seen, cursor = [], ""
    while cursor is not None:
        page = till.get(f"members/{mina['id']}/ledger?limit=1{cursor and '&cursor=' + cursor}").json()
        seen += page["data"]
        cursor = page["next_cursor"]

    assert [(entry["kind"], entry["balance_change"], entry["external_id"]) for entry in seen] == [
        ("adjust", -30, "a-1"),
        ("redeem", -100, "d-1"),
        ("accrue", 200, "s-1"),
    ]
    assert seen[0]["reason"] == "mistake"
    (lot,) = till.get(f"members/{mina['id']}/lots").json()["data"]
    assert (lot["amount"], lot["remaining"], lot["state"]) == (200, 70, "active")


def test_a_programme_is_drafted_tried_published_and_rolled_back(cafe):
    office = till_at(cafe, "programme:read", "programme:write")
    draft = office.get("programme").json()
    document = {**draft["document"], "name": "Beans"}

    saved = office.call("PUT", "programme", {"document": document, "revision": draft["revision"]})
    assert saved.status_code == 200, saved.content
    stale = office.call("PUT", "programme", {"document": document, "revision": draft["revision"]})
    assert code_of(stale, 409) == "draft_moved"
    wrong = office.call("PUT", "programme", {"document": {**document, "surprise": 1}})
    assert code_of(wrong, 422) == "invalid_programme"
    assert wrong.json()["errors"][0]["pointer"] == "/document/surprise"

    tried = office.post("programme/simulate", {"basket": {"total_minor": 10_000}}).json()
    assert tried["points"] > 0
    assert tried["why"]

    assert office.post("programme/publish", {"note": "first"}).json()["number"] == 1
    assert code_of(office.post("programme/publish", {}), 409) == "nothing_to_publish"
    office.call("PUT", "programme", {"document": {**document, "name": "Beans & Co"}})
    assert office.post("programme/publish", {}).json()["number"] == 2
    assert office.post("programme/versions/1/rollback", {}).json()["rolled_back_to"] == 1
    assert [version["number"] for version in office.get("programme/versions").json()["data"]] == [3, 2, 1]
    assert code_of(office.post("programme/versions/9/rollback", {}), 404) == "version_not_found"


def test_an_answer_counts_once(till, mina):
    answer = till.post("survey-responses", {"external_id": "n-1", "member": mina["id"], "score": 9})
    again = till.post("survey-responses", {"external_id": "n-1", "member": mina["id"], "score": 9})

    assert (answer.status_code, answer.json()["nps_class"]) == (201, "promoter")
    assert again["Idempotent-Replayed"] == "true"
    assert code_of(till.post("survey-responses", {"member": mina["id"], "score": 1}), 409) == "survey_answered_already"
    assert code_of(till.post("survey-responses", {"score": 11}), 400) == "invalid_request"


def test_the_numbers_can_be_asked_for(till):
    assert till.get("metrics").status_code == 200
    assert till.get("metrics?period=2026-10").json()["period"]["key"] == "2026-10"
    assert code_of(till.get("metrics?period=soon"), 422) == "no_such_period"
    assert till.get("metrics/cohorts").json() == {"data": []}
    assert till.get("metrics/segments?metric=insight&group=regulars_slipping").json()["data"] == []
    assert code_of(till.get("metrics/segments?metric=insight&group=nobody"), 404) == "not_found"


def test_one_impossible_date_spoils_only_its_own_sale(cafe, till, mina):
    importer = till_at(cafe, "purchases:write", "purchases:backfill")
    sale = {"member": {"id": mina["id"]}, "currency": "KRW", "total_minor": 1_000}
    days = ["2021-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]

    answer = importer.post(
        "purchases/batch",
        {"purchases": [{**sale, "external_id": f"s-{day}", "occurred_at": day} for day in days]},
    )

    assert [result["status"] for result in answer.json()["results"]] == [201, 422, 422]
