"""An import by API: what was spent, corrected and given in the old system, dated then, by a key that may backfill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merchants import tenancy
from merchants.models.outbox import OutboxEvent
from rewards.models.ledger import Entry
from tests.people import join, open_shop
from tests.till import EVERY_SCOPE, start_programme, till_at

pytestmark = pytest.mark.django_db
LAST_WEEK = (datetime.now(UTC) - timedelta(days=7)).isoformat()
LONG_AGO = (datetime.now(UTC) - timedelta(days=60)).isoformat()


@pytest.fixture
def cafe():
    return open_shop("cafe-haneul")


@pytest.fixture
def till(cafe):
    """All but backfilling."""
    till = till_at(cafe)
    start_programme(
        till, rewards=[{"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}], transfers={}
    )  # fmt: skip
    return till


@pytest.fixture
def importer(cafe, till):
    return till_at(cafe, *EVERY_SCOPE, "purchases:backfill")


@pytest.fixture
def mina(cafe, till, importer):
    """She has 100 points since long ago."""
    member = join(cafe, name="Mina", external_id="mina")
    asked = {"external_id": "opening", "member": {"id": member.public_id}, "points": 100, "reason": "Opening balance"}
    assert importer.post("adjustments", {**asked, "occurred_at": LONG_AGO, "silent": True}).status_code == 201
    return member


@pytest.fixture
def jun(cafe):
    return join(cafe, name="Jun", external_id="jun")


#: One document of each kind, of Mina's points.
DOCUMENTS = {
    "redemptions": {"member": {"external_id": "mina"}, "reward": "coffee"},
    "adjustments": {"member": {"external_id": "mina"}, "points": -10, "reason": "Counted twice"},
    "transfers": {"giver": {"external_id": "mina"}, "receiver": {"external_id": "jun"}, "points": 10},
}
#: What only a backfill may ask for.
ASKED = {"occurred_at": LAST_WEEK, "silent": True}
TOLD = {"redemptions": "points.redeemed", "adjustments": "points.adjusted", "transfers": "points.transferred"}


def entries(cafe):
    with tenancy.tenant(cafe):
        return list(Entry.objects.filter(merchant=cafe).order_by("pk").values_list("kind", "occurred_at"))


def told(cafe):
    with tenancy.tenant(cafe):
        return [(row.kind, row.occurred_at) for row in OutboxEvent.objects.filter(merchant=cafe).order_by("pk")]


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("field", ASKED)
def test_a_till_dates_nothing_back_and_keeps_nothing_from_being_told(cafe, till, mina, jun, kind, field):
    before = entries(cafe), told(cafe)

    answer = till.post(kind, {"external_id": "x-1", **DOCUMENTS[kind], field: ASKED[field]})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "scope_missing")
    assert [each["pointer"] for each in problem["errors"]] == [f"/{field}"]
    assert (entries(cafe), told(cafe)) == before
    assert till.post(kind, {"external_id": "x-1", **DOCUMENTS[kind]}).status_code == 201


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_an_import_dates_each_kind_back_and_is_answered_again_alike(cafe, importer, mina, jun, kind):
    asked = {"external_id": "x-1", **DOCUMENTS[kind], "occurred_at": LAST_WEEK}

    first, again = importer.post(kind, asked), importer.post(kind, asked)

    receipt = first.json()["receipt"]
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert again.json()["receipt"] == receipt
    assert datetime.fromisoformat(receipt["occurred_at"]) == datetime.fromisoformat(LAST_WEEK)
    assert datetime.fromisoformat(receipt["recorded_at"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert importer.get(f"{kind}?external_id=x-1").json()["data"][0]["occurred_at"] == receipt["occurred_at"]
    assert importer.get("members/" + mina.public_id + "/balance").json()["spendable"] == 90
    assert entries(cafe)[-1][1] == datetime.fromisoformat(LAST_WEEK)
    # Told like any other, with the time of then.
    assert told(cafe)[-1] == (TOLD[kind], datetime.fromisoformat(LAST_WEEK))
    other = importer.post(kind, {**asked, "occurred_at": LONG_AGO})
    assert (other.status_code, other.json()["code"]) == (409, "external_id_reused")


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_is_imported_in_silence_is_told_to_nobody(cafe, importer, mina, jun, kind):
    before = told(cafe)

    answer = importer.post(kind, {"external_id": "x-1", **DOCUMENTS[kind], "occurred_at": LAST_WEEK, "silent": True})

    assert answer.status_code == 201
    assert told(cafe) == before
    # Silence is no part of the document: the same without it is the same.
    again = importer.post(kind, {"external_id": "x-1", **DOCUMENTS[kind], "occurred_at": LAST_WEEK})
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert told(cafe) == before


def test_what_was_not_there_then_is_refused_and_that_is_kept(importer, mina):
    """100 since 60 days ago: 61 days ago there was nothing."""
    early = (datetime.fromisoformat(LONG_AGO) - timedelta(days=1)).isoformat()
    asked = {"external_id": "x-1", **DOCUMENTS["redemptions"], "occurred_at": early}

    answers = [importer.post("redemptions", asked) for _twice in range(2)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "insufficient_points")] * 2
    assert answers[1]["Idempotent-Replayed"] == "true"
    (kept,) = importer.get("redemptions?external_id=x-1").json()["data"]
    assert (kept["state"], datetime.fromisoformat(kept["occurred_at"])) == ("refused", datetime.fromisoformat(early))
    assert importer.get("members/" + mina.public_id + "/balance").json()["spendable"] == 100


def test_a_time_that_is_to_come_is_refused_with_its_place(importer, mina):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = importer.post("redemptions", {"external_id": "x-1", **DOCUMENTS["redemptions"], "occurred_at": tomorrow})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["errors"][0]["pointer"]) == (
        422, "occurred_at_out_of_bounds", "/occurred_at"
    )  # fmt: skip
    held = importer.post(
        "redemptions", {"external_id": "x-1", **DOCUMENTS["redemptions"], "occurred_at": LAST_WEEK, "hold": True}
    )
    assert (held.status_code, held.json()["errors"][0]["pointer"]) == (422, "/occurred_at")
