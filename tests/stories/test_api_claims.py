"""Mina paid without her phone; the next day she brings the receipt to a till, which sends it with her number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merchants import tenancy
from rewards.models.purchases import Claim
from tests.till import EVERY_SCOPE, open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def till(cafe):
    till = till_at(cafe)
    start_programme(till)
    return till


@pytest.fixture
def mina(till):
    return till.post("members", {"name": "Mina", "phone": "010-1234-5678"}).json()


def claims(till, external_id="c-1", purchase="guest-1", **member):
    body = {
        "external_id": external_id,
        "purchase": {"external_id": purchase},
        "member": member or {"phone": "01012345678"},
    }
    return till.post("purchases/claim", body)


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    return True


def test_the_till_is_told_what_the_receipt_gave_and_again_when_it_asks_again(till, mina):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    sold = sell(till, "guest-1", 12_400, at=yesterday).json()
    assert (sold["receipt"]["points_unclaimed"], sold["now"]) == (124, None)

    first, second = claims(till), claims(till)

    assert (first.status_code, second.status_code) == (201, 201), first.content
    receipt, now = first.json()["receipt"], first.json()["now"]
    assert (receipt["member"], receipt["purchase"], receipt["points_earned"]) == (
        mina["id"],
        sold["receipt"]["id"],
        124,
    )
    assert (receipt["external_id"], receipt["purchase_external_id"]) == ("c-1", "guest-1")
    assert (now["spendable"], second.json()["receipt"], second["Idempotent-Replayed"]) == (124, receipt, "true")
    # The sale itself answers what it always answered.
    again = sell(till, "guest-1", 12_400, at=yesterday)
    assert (again.json()["receipt"], again["Idempotent-Replayed"]) == (sold["receipt"], "true")


def test_what_cannot_be_claimed_says_why_and_keeps_nothing(till, mina, cafe):
    sell(till, "mine", 1_000, member={"id": mina["id"]})
    sell(till, "old", 1_000, at=datetime.now(UTC) - timedelta(days=20))
    sell(till, "guest-1", 1_000)

    assert refused(claims(till, purchase="mine"), 409, "purchase_claimed")
    assert refused(claims(till, purchase="old"), 409, "claim_too_late")
    assert refused(claims(till, purchase="never"), 404, "purchase_not_found")
    assert refused(claims(till, phone="010-9999-9999"), 404, "member_not_found")
    assert refused(till.post("purchases/claim", {"purchase": {"external_id": "x"}, "member": {"id": "y"}}), 400,
                   "external_id_required")  # fmt: skip
    with tenancy.tenant(cafe):
        assert Claim.objects.count() == 0
    assert claims(till).status_code == 201


def test_the_header_names_a_claim_and_a_keys_namespace_is_its_own(cafe, till, mina):
    shop2 = till_at(cafe, *EVERY_SCOPE, id_namespace="shop2")
    sell(shop2, "guest-1", 5_000)
    body = {"purchase": {"external_id": "guest-1"}, "member": {"id": mina["id"]}}

    assert refused(till.post("purchases/claim", body, idempotency_key="c-9"), 404, "purchase_not_found")
    answer = shop2.post("purchases/claim", body, idempotency_key="c-9")

    receipt = answer.json()["receipt"]
    assert (answer.status_code, receipt["external_id"], receipt["purchase_external_id"]) == (201, "c-9", "guest-1")
    assert receipt["points_earned"] == 50


def test_a_key_that_may_not_sell_may_not_claim(cafe, till):
    sell(till, "guest-1", 5_000)
    assert refused(claims(till_at(cafe, "members:read")), 403, "scope_missing")
