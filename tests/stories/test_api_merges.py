"""The shop's CRM finds that two members are one person, and that another wishes to be forgotten."""

from __future__ import annotations

import pytest

from merchants import tenancy
from merchants.models.outbox import OutboxEvent
from rewards.models.corrections import Merge
from tests.till import open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def crm(cafe):
    crm = till_at(cafe)
    start_programme(crm)
    return crm


def joins(crm, name, won):
    member = crm.post("members", {"name": name, "external_id": name}).json()
    sell(crm, f"sale-{name}", won, member={"id": member["id"]})
    return member["id"]


def spendable(crm, member):
    return crm.get(f"members/{member}/balance").json()["spendable"]


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    return True


def test_two_become_one_and_two_again_each_once(cafe, crm):
    old, mina = joins(crm, "old", 5_000), joins(crm, "mina", 12_400)
    body = {"source": old, "target": mina}

    first, second = crm.post("merges", body), crm.post("merges", body)

    assert (first.status_code, second.status_code, second["Idempotent-Replayed"]) == (201, 201, "true"), first.content
    merged = first.json()
    assert merged == second.json()
    moved = {name: merged[name] for name in ("state", "points", "debt", "purchases", "cards")}
    assert moved == {"state": "merged", "points": 50, "debt": 0, "purchases": 1, "cards": 0}
    assert crm.get(f"members/{old}").json()["id"] == mina
    assert spendable(crm, mina) == 174

    back, again = (crm.post(f"merges/{merged['id']}/undo") for _time in range(2))

    assert (back.status_code, again.status_code, again["Idempotent-Replayed"]) == (200, 200, "true")
    assert back.json() == again.json() == {**merged, "state": "undone"}
    assert (spendable(crm, old), spendable(crm, mina)) == (50, 124)
    with tenancy.tenant(cafe):
        assert Merge.objects.count() == 1


def test_what_cannot_be_merged_says_why_and_moves_nothing(cafe, crm):
    old, mina, jun = joins(crm, "old", 5_000), joins(crm, "mina", 12_400), joins(crm, "jun", 1_000)

    assert refused(crm.post("merges", {"source": mina, "target": mina}), 422, "invalid")
    assert refused(crm.post("merges", {"source": "mem_0000000000000000", "target": mina}), 404, "member_not_found")
    assert refused(crm.post("merges/mrg_0000000000000000/undo"), 404, "merge_not_found")
    with tenancy.tenant(cafe):
        assert Merge.objects.count() == 0
    crm.post("merges", {"source": old, "target": mina})
    assert refused(crm.post("merges", {"source": old, "target": jun}), 409, "merged_already")
    assert (spendable(crm, mina), spendable(crm, jun)) == (174, 10)


def test_whoever_wishes_to_be_forgotten_is_and_asking_twice_changes_nothing(cafe, crm):
    old, mina = joins(crm, "old", 5_000), joins(crm, "mina", 12_400)
    crm.post("merges", {"source": old, "target": mina})

    assert refused(crm.post(f"members/{old}/erase"), 409, "member_merged")
    first, second = crm.post(f"members/{mina}/erase"), crm.post(f"members/{mina}/erase")

    assert (first.status_code, first.json()) == (200, {"id": mina, "state": "erased"}), first.content
    assert (second.status_code, second.json()) == (200, first.json())
    assert refused(crm.get(f"members/{mina}"), 404, "member_not_found")
    assert refused(sell(crm, "late", 1_000, member={"id": mina}), 404, "member_not_found")
    assert refused(crm.post("members/mem_0000000000000000/erase"), 404, "member_not_found")
    with tenancy.tenant(cafe):
        lapsed = OutboxEvent.objects.get(kind="points.expired").payload
        assert OutboxEvent.objects.filter(kind="member.erased").count() == 1
    assert (lapsed["points"], lapsed["balance"], lapsed["document"]) == (174, 0, {"kind": "member", "id": mina})


def test_a_key_needs_the_scope_of_its_own_for_each(cafe, crm):
    old, mina = joins(crm, "old", 5_000), joins(crm, "mina", 12_400)
    till = till_at(cafe, "members:read", "members:write")

    assert refused(till.post("merges", {"source": old, "target": mina}), 403, "scope_missing")
    assert refused(till.post(f"members/{mina}/erase"), 403, "scope_missing")
    assert (spendable(crm, old), spendable(crm, mina)) == (50, 124)
