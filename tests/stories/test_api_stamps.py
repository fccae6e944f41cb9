"""A coffee shop's stamp card through HTTP: the worked example E5, visit by visit, with what refunds take back.

Ten stamps are a free hot drink.  A latte is £3.60.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from merchants import tenancy
from merchants.models.outbox import OutboxEvent
from rewards import verify
from tests.till import open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db

#: A Monday.
DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
DRINK = {"kind": "product", "code": "drink", "name": "Hot drink", "price_points": 1000, "max_minor": 400}
CONFIG_A: dict[str, Any] = {
    "code": "drinks",
    "name": "Hot drinks",
    "sizes": [10],
    "gives": {"kind": "per_piece"},
    "only": {"categories": ["hot"]},
    "most_per_order": 5,
    "life": {"count": 12, "unit": "months"},
    "reward": "drink",
}
#: Drinks, muffins and free drinks of each visit.
VISITS = [(1, 0, 0), (2, 1, 0), (3, 0, 0), (2, 0, 0), (4, 0, 0), (1, 0, 1), (7, 0, 0)]


class Cafe:
    """The shop, its till, and Mina, who comes once a day."""

    def __init__(self, **changes: Any) -> None:
        self.shop = open_shop("corner", currency="GBP", zone="Europe/London")
        self.till = till_at(self.shop, *BACKFILLING)
        start_programme(self.till, rewards=[DRINK], stamps=[{**CONFIG_A, **changes}])
        self.mina = self.till.post("members", {"name": "Mina", "phone": "+447911123456"}).json()

    def visit(self, number: int, *asks: dict[str, Any]) -> dict[str, Any]:
        drinks, muffins, free = VISITS[number - 1]
        lines = [
            {"id": "drinks", "category": "hot", "quantity": drinks, "amount_minor": drinks * 360},
            {"id": "muffins", "category": "cake", "quantity": muffins, "amount_minor": muffins * 250},
            {"id": "free", "category": "hot", "quantity": free, "amount_minor": 0, "discount_minor": free * 360},
        ]
        bought: list[dict[str, Any]] = [line for line in lines if line["quantity"]]
        total = sum(line["amount_minor"] for line in bought)
        at = DAY.replace(day=DAY.day + number - 1)
        more = {"redemptions": list(asks)} if asks else {}
        answer = sell(self.till, f"v-{number}", total, at=at, lines=bought, member={"id": self.mina["id"]}, **more)
        assert answer.status_code == 201, answer.content
        receipt: dict[str, Any] = answer.json()["receipt"]
        return receipt

    def visits(self, *numbers: int) -> list[tuple[int, int, int]]:
        """Stamps of each visit, on the card afterwards, rewards issued."""
        return [
            (card["stamps"], card["on_card"], len(card["issued"]))
            for number in numbers
            for card in self.visit(number)["stamps"]
        ]

    def returns(self, drinks: int, *, visit: int = 5, external_id: str = "back") -> dict[str, Any]:
        answer = self.till.post(
            "refunds",
            {
                "external_id": external_id,
                "occurred_at": DAY.replace(day=20).isoformat(),
                "purchase": {"external_id": f"v-{visit}"},
                "lines": [{"id": "drinks", "quantity": drinks}],
            },
        )
        assert answer.status_code == 201, answer.content
        receipt: dict[str, Any] = answer.json()["receipt"]
        return receipt

    def stands(self) -> tuple[int, int]:
        """On the card, and how many rewards are hers."""
        found = self.till.get(f"members/{self.mina['id']}/standing").json()
        return found["stamps"][0]["stamps"], len(found["own_rewards"])

    def own_rewards(self) -> list[str]:
        found = self.till.get(f"members/{self.mina['id']}/standing").json()
        return [each["id"] for each in found["own_rewards"]]

    def takes(self, own_reward: str, external_id: str = "take", **more: Any) -> Any:
        """Mina takes a reward of her own, by a redemption of its own."""
        asked = {"external_id": external_id, "member": {"id": self.mina["id"]}, "own_reward": own_reward, **more}
        return self.till.post("redemptions", asked)

    def ends(self, redemption: str, how: str) -> Any:
        return self.till.post(f"redemptions/{redemption}/{how}", {"external_id": how})

    def told(self, kind: str) -> list[dict[str, Any]]:
        with tenancy.tenant(self.shop):
            return [
                event.payload
                for event in OutboxEvent.objects.filter(merchant=self.shop, kind=kind).order_by("pk")
            ]  # fmt: skip

    def agrees(self) -> bool:
        return verify.verify(merchant=self.shop).faults == []


BACKFILLING = (
    "members:read", "members:write", "purchases:write", "purchases:backfill", "refunds:write", "redemptions:write",
    "programme:read", "programme:write", "adjustments:write", "quotes",
)  # fmt: skip


def test_config_a_visit_by_visit():
    cafe = Cafe()
    assert cafe.visits(1, 2, 3, 4, 5, 6, 7) == [
        (1, 1, 0), (2, 3, 0), (3, 6, 0), (2, 8, 0), (4, 2, 1), (1, 3, 0), (5, 8, 0),
    ]  # fmt: skip
    assert cafe.stands() == (8, 1)
    (issued,) = cafe.told("own_reward.issued")
    assert (issued["member"], issued["reward"], issued["stamp_card"], issued["ends_at"]) == (
        cafe.mina["id"], "drink", "drinks", None,
    )  # fmt: skip
    changed = cafe.told("stamps.changed")
    assert [(each["change"], each["stamps"], each["filled"]) for each in changed] == [
        (1, 1, 0), (2, 3, 0), (3, 6, 0), (2, 8, 0), (4, 2, 1), (1, 3, 0), (5, 8, 0),
    ]  # fmt: skip
    assert cafe.agrees()


def test_the_standing_says_what_fills_the_card_and_until_when():
    cafe = Cafe()
    cafe.visits(1, 2)
    (card,) = cafe.till.get(f"members/{cafe.mina['id']}/standing").json()["stamps"]
    # The latest stamp was on 6 January.
    assert card == {
        "code": "drinks", "name": "Hot drinks", "stamps": 3, "size": 10, "filled": 0, "last_day": "2027-01-06",
    }  # fmt: skip


def test_a_refund_that_leaves_the_card_full_keeps_the_reward():
    cafe = Cafe()
    cafe.visits(1, 2, 3, 4, 5)
    (card,) = cafe.returns(1)["stamps"]
    assert (card["stamps"], card["on_card"], card["revoked"]) == (-1, 1, [])
    assert cafe.stands() == (1, 1)
    assert cafe.agrees()


def test_a_refund_that_leaves_too_few_revokes_the_reward():
    cafe = Cafe()
    cafe.visits(1, 2, 3, 4, 5)
    (card,) = cafe.returns(3)["stamps"]
    assert (card["stamps"], card["on_card"], len(card["revoked"])) == (-3, 9, 1)
    assert cafe.stands() == (9, 0)
    (gone,) = cafe.told("own_reward.changed")
    assert (gone["own_reward"], gone["state"]) == (card["revoked"][0], "revoked")
    assert cafe.agrees()


def test_the_next_stamp_fills_the_card_again():
    cafe = Cafe()
    cafe.visits(1, 2, 3, 4, 5)
    cafe.returns(3)
    assert cafe.visits(6) == [(1, 0, 1)]
    assert cafe.stands() == (0, 1)


def test_the_same_order_twice_changes_nothing():
    cafe = Cafe()
    first, second = cafe.visit(2), cafe.visit(2)
    assert first == second
    assert cafe.stands() == (2, 0)
    assert len(cafe.told("stamps.changed")) == 1


def test_config_b_a_stamp_for_each_visit_of_three_pounds():
    cafe = Cafe(sizes=[8], gives={"kind": "per_visit"}, only=None, minimum_amount_minor=300)
    assert cafe.visits(1, 2, 3, 4, 5, 6, 7) == [(1, number, 0) for number in range(1, 8)]
    assert cafe.stands() == (7, 0)


def test_config_c_double_stamps_on_tuesday():
    cafe = Cafe(bonuses=[{"factor": 2, "weekdays": ["tue"]}])
    assert cafe.visits(1, 2) == [(1, 1, 0), (4, 5, 0)]


def test_a_quote_says_the_stamps_and_writes_nothing():
    cafe = Cafe()
    answer = cafe.till.post(
        "quotes",
        {
            "currency": "GBP",
            "total_minor": 720,
            "member": {"id": cafe.mina["id"]},
            "lines": [{"category": "hot", "quantity": 2, "amount_minor": 720}],
        },
    ).json()
    assert "Hot drinks: stamps +2" in answer["why"]
    assert cafe.stands() == (0, 0)


class TestPublishing:
    @pytest.mark.parametrize(
        ("changes", "pointer", "code"),
        [
            ({"reward": "cake"}, "/document/stamps/0/reward", "unknown_reward"),
            ({"only": {"categories": ["tobacco"]}}, "/document/stamps/0/only", "never_filled"),
        ],
    )
    def test_a_card_that_brings_nothing_is_refused_and_the_terms_stay(self, changes, pointer, code):
        cafe = Cafe()
        before = cafe.till.get("programme/versions").json()
        document = cafe.till.get("programme").json()["document"]
        document["earning"]["excluding"] = {"categories": ["tobacco"]}
        document["stamps"] = [{**CONFIG_A, **changes}]
        answer = cafe.till.call("PUT", "programme", {"document": document})
        found = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [(pointer, code)])
        assert cafe.till.get("programme/versions").json() == before

    def test_the_draft_says_in_words_what_a_card_is(self):
        cafe = Cafe()
        (card,) = [
            part for each in cafe.till.get("programme").json()["described"] if each["key"] == "stamps"
            for part in each["parts"]
        ]  # fmt: skip
        assert (card["title"], card["says"]) == ("Hot drinks", "10 stamps: Hot drink")


class TestTakingTheReward:
    def test_it_costs_no_points_and_is_taken_once(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        answer = cafe.takes(mine)
        assert answer.status_code == 201, answer.content
        receipt = answer.json()["receipt"]
        assert (receipt["own_reward"], receipt["reward"], receipt["points"], receipt["state"]) == (
            mine, "drink", 0, "captured",
        )  # fmt: skip
        assert cafe.stands() == (2, 0)
        # £3.60, £9.70, £10.80, £7.20 and £14.40 are 3, 9, 10, 7 and 14 points, of which none is gone.
        assert cafe.till.get(f"members/{cafe.mina['id']}/balance").json()["spendable"] == 43
        again = cafe.takes(mine, "again")
        assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "own_reward_gone", "taken")
        assert [(each["state"], each["redemption"]) for each in cafe.told("own_reward.changed")] == [
            ("taken", receipt["id"])
        ]
        assert cafe.told("points.redeemed") == []
        assert cafe.agrees()

    def test_the_same_redemption_twice_answers_the_same(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        first, second = cafe.takes(mine), cafe.takes(mine)
        assert first.json()["receipt"] == second.json()["receipt"]
        assert second["Idempotent-Replayed"] == "true"

    def test_with_a_sale_and_what_refunds_then_take_is_owed(self):
        """Visit six takes the free latte: three lattes of visit five come back to nothing owed, a fourth is."""
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        (spent,) = cafe.visit(6, {"own_reward": mine})["redemptions"]
        assert (spent["reward"], spent["points"]) == ("drink", 0)
        assert cafe.stands() == (3, 0)
        (card,) = cafe.returns(3)["stamps"]
        assert (card["on_card"], card["revoked"]) == (0, [])
        (card,) = cafe.returns(1, external_id="back-2")["stamps"]
        assert (card["on_card"], card["revoked"]) == (-1, [])
        # The next stamps pay it: the limit of an order lets five count.
        assert cafe.visits(7) == [(5, 4, 0)]
        assert cafe.agrees()

    def test_a_sale_that_comes_back_whole_gives_it_back(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        cafe.visit(6, {"own_reward": mine})
        cafe.returns(1, visit=6)
        assert cafe.own_rewards() == [], "the free latte was drunk"
        everything = {"external_id": "all", "occurred_at": DAY.replace(day=20).isoformat()}
        answer = cafe.till.post("refunds", {**everything, "purchase": {"external_id": "v-6"}})
        assert answer.status_code == 201, answer.content
        assert (cafe.own_rewards(), cafe.stands()) == ([mine], (2, 1))
        assert cafe.agrees()

    def test_a_sale_that_is_refused_has_not_taken_it(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        asks = [{"own_reward": mine}, {"own_reward": mine}]
        answer = sell(cafe.till, "v-8", 100, member={"id": cafe.mina["id"]}, redemptions=asks)
        assert (answer.status_code, answer.json()["code"]) == (409, "own_reward_gone")
        assert cafe.own_rewards() == [mine]
        assert cafe.agrees()

    def test_set_aside_and_captured_or_released(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        held = cafe.takes(mine, hold=True).json()["receipt"]
        assert (held["state"], cafe.own_rewards()) == ("held", [])
        refused = cafe.takes(mine, "other")
        assert (refused.status_code, refused.json()["state"]) == (409, "held")
        assert cafe.ends(held["id"], "release").status_code == 201
        assert cafe.own_rewards() == [mine]
        held = cafe.takes(mine, "once-more", hold=True).json()["receipt"]
        captured = cafe.ends(held["id"], "capture").json()["receipt"]
        assert (captured["state"], captured["own_reward"], cafe.own_rewards()) == ("captured", mine, [])
        assert cafe.agrees()

    def test_undone_it_is_hers_again(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        taken = cafe.takes(mine).json()["receipt"]
        assert cafe.ends(taken["id"], "reverse").status_code == 201
        assert cafe.own_rewards() == [mine]
        assert [each["state"] for each in cafe.told("own_reward.changed")] == ["taken", "open"]
        assert cafe.told("points.reversed") == []
        assert cafe.agrees()

    def test_nobody_takes_what_is_somebody_else_s(self):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        jun = cafe.till.post("members", {"name": "Jun", "phone": "+447911123457"}).json()
        answer = cafe.takes(mine, member={"id": jun["id"]})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_own_reward")
        assert cafe.own_rewards() == [mine]

    @pytest.mark.parametrize("also", [{"reward": "drink"}, {"points": 10}])
    def test_it_stands_alone(self, also):
        cafe = Cafe()
        cafe.visits(1, 2, 3, 4, 5)
        (mine,) = cafe.own_rewards()
        answer = cafe.takes(mine, **also)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert cafe.own_rewards() == [mine]
