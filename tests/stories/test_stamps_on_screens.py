"""Mina's coffee card on every screen: drawn on her phone, stamped and taken at the counter, told on her page.

Ten lattes are a free drink.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import purchases
from rewards.models.redemptions import Redemption
from rewards.models.stamps import StampAdjustment
from tests.people import cashier_browser, join, member_browser, open_shop, staff_browser
from tests.stamp_history import drinks, publish, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    publish(shop)
    return shop


@pytest.fixture
def mina(cafe):
    return join(cafe, name="Mina")


@pytest.fixture
def phone(cafe, mina):
    return member_browser(cafe, mina)


@pytest.fixture
def jun(cafe):
    return cashier_browser(cafe)


def m(shop, path=""):
    return f"/m/{shop.slug}/{path}"


def at(shop, path=""):
    return f"/console/{shop.slug}/counter/{path}"


def words(answer):
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def minted(answer, prefix, field="external_id"):
    found = re.search(rf'name="{field}" value="({prefix}_[0-9a-z]{{16}})"', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


class TestOnThePhone:
    def test_a_card_is_drawn_with_its_stamps_and_says_so_to_a_screen_reader(self, cafe, mina, phone):
        drinks(cafe, mina, 7)

        page = phone.get(m(cafe))

        html = page.content.decode()
        assert html.count("stamps__place--held") == 7
        assert html.count("stamps__place ") + html.count('stamps__place"') == 10
        assert 'role="img" aria-label="7 of 10 stamps"' in html
        assert "Any drink · 3 stamps to go" in words(page)
        assert "Without a new one the stamps end on" in words(page)

    def test_a_card_without_a_stamp_is_there_to_be_filled(self, cafe, phone):
        page = phone.get(m(cafe))
        assert 'aria-label="0 of 10 stamps"' in page.content.decode()

    def test_stamps_owed_are_told(self, cafe, mina, phone, jun):
        """Ten fill the card, the drink is taken, all ten come back: ten are owed."""
        sold = drinks(cafe, mina, 10)
        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        jun.post(
            at(cafe, f"members/{mina.public_id}/rewards"),
            {"external_id": minted(page, "rdm"), "own_reward": minted(page, "own", "own_reward")},
        )
        with tenancy.tenant(cafe):
            asked = purchases.RefundInput(
                external_id="back", occurred_at=datetime.now(UTC), purchase=purchases.PurchaseRef(id=sold)
            )
            purchases.refund(merchant=cafe, asked=asked, now=datetime.now(UTC), actor=SYSTEM)

        page = phone.get(m(cafe))

        assert "10 stamps are owed for what came back" in words(page)
        assert 'aria-label="0 of 10 stamps"' in page.content.decode()

    def test_a_full_card_brings_a_reward_that_is_taken_with_a_code(self, cafe, mina, phone, jun):
        drinks(cafe, mina, 12)
        assert stands(cafe, mina) == (2, 1)
        assert "Any drink" in words(phone.get(m(cafe)))
        page = phone.get(m(cafe, "rewards"))
        own = page.context["own"][0]

        form = {"external_id": own.minted, "reward": own.public_id}
        answer = phone.post(m(cafe, "rewards/take"), form)
        again = phone.post(m(cafe, "rewards/take"), form)

        assert (answer.status_code, again["Location"]) == (302, answer["Location"])
        code = phone.get(answer["Location"]).context["view"].code
        assert stands(cafe, mina) == (2, 0)
        handed = jun.get(at(cafe), {"q": code})
        held = jun.get(handed["Location"])
        assert "Their own reward, set aside until" in words(held)
        jun.post(handed["Location"], {"external_id": minted(held, "cap")})
        assert "from a full card" in words(jun.get(handed["Location"]))
        assert "Used" in words(phone.get(answer["Location"]))
        with tenancy.tenant(cafe):
            (row,) = Redemption.objects.filter(merchant=cafe)
        assert (row.state, row.points, row.points_captured) == ("captured", 0, 0)

    def test_cancelled_it_is_the_members_again(self, cafe, mina, phone):
        drinks(cafe, mina, 10)
        own = phone.get(m(cafe, "rewards")).context["own"][0]
        taken = phone.post(m(cafe, "rewards/take"), {"external_id": own.minted, "reward": own.public_id})
        voucher = phone.get(taken["Location"])

        page = phone.post(f"{taken['Location']}/cancel", {"external_id": minted(voucher, "rel")}, follow=True)

        assert "The reward is yours again." in words(page)
        assert stands(cafe, mina) == (0, 1)

    def test_somebody_elses_reward_is_nobodys_to_take(self, cafe, mina, phone):
        other = join(cafe, name="Bora")
        drinks(cafe, other, 10)
        hers = member_browser(cafe, other).get(m(cafe, "rewards")).context["own"][0]

        page = phone.post(m(cafe, "rewards/take"), {"external_id": hers.minted, "reward": hers.public_id}, follow=True)

        assert "Choose a reward from this page. Nothing was taken." in words(page)
        assert stands(cafe, other) == (0, 1)

    def test_a_programme_of_stamps_alone_speaks_of_no_points(self, db):
        shop = open_shop("corner")
        publish(shop, "coffee-card")
        mina = join(shop, name="Mina")
        drinks(shop, mina, 3)
        browser = member_browser(shop, mina)

        home, rewards, rules = (words(browser.get(m(shop, path))) for path in ("", "rewards", "terms"))

        assert "3 / 10" in home
        for page in (home, rewards, rules):
            assert not re.search(r"\b[0-9,]+ points\b", page), page


class TestAtTheCounter:
    def test_the_cards_and_own_rewards_stand_beside_the_sale(self, cafe, mina, jun):
        drinks(cafe, mina, 14)

        page = jun.get(at(cafe, f"members/{mina.public_id}"))

        assert 'aria-label="4 of 10 stamps"' in page.content.decode()
        assert "Rewards that are theirs Any drink Coffee card" in words(page)

    def test_one_tap_takes_a_reward_of_their_own_and_undo_gives_it_back(self, cafe, mina, jun):
        drinks(cafe, mina, 10)
        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        form = {"external_id": minted(page, "rdm"), "own_reward": minted(page, "own", "own_reward")}

        answer = jun.post(at(cafe, f"members/{mina.public_id}/rewards"), form)
        again = jun.post(at(cafe, f"members/{mina.public_id}/rewards"), form)

        assert answer["Location"] == again["Location"]
        shown = jun.get(answer["Location"])
        assert "Hand it over Taken on" in words(shown)
        assert stands(cafe, mina) == (0, 0)
        back = jun.post(f"{answer['Location']}/give-back", {"external_id": minted(shown, "rev")}, follow=True)
        assert "The reward is the member's again." in words(back).replace("&#x27;", "'")
        assert stands(cafe, mina) == (0, 1)

    def test_two_taps_put_stamps_without_an_amount_once(self, cafe, mina, jun):
        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        form = {"external_id": minted(page, "sta"), "card": "coffee", "stamps": "2"}

        said = words(jun.post(at(cafe, f"members/{mina.public_id}/stamp"), form, follow=True))
        jun.post(at(cafe, f"members/{mina.public_id}/stamp"), form)

        assert "2 stamps on “Coffee card”." in said
        assert stands(cafe, mina) == (2, 0)
        with tenancy.tenant(cafe):
            (row,) = StampAdjustment.objects.filter(merchant=cafe)
        assert (row.stamps, row.reason) == (2, "Stamped at the counter")

    def test_the_stamp_that_fills_the_card_says_what_it_brings(self, cafe, mina, jun):
        drinks(cafe, mina, 9)
        page = jun.get(at(cafe, f"members/{mina.public_id}"))

        form = {"external_id": minted(page, "sta"), "card": "coffee", "stamps": "1"}
        said = words(jun.post(at(cafe, f"members/{mina.public_id}/stamp"), form, follow=True))

        assert "The card is full: Any drink is theirs." in said
        assert stands(cafe, mina) == (0, 1)

    @pytest.mark.parametrize(
        ("stamps", "why"),
        [("6", "at most 5 stamps"), ("0", "at most 5 stamps"), ("-1", "Choose a card"), ("", "Choose a card")],
    )
    def test_more_than_a_handful_is_no_matter_of_the_counter(self, cafe, mina, jun, stamps, why):
        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        form = {"external_id": minted(page, "sta"), "card": "coffee", "stamps": stamps}

        said = words(jun.post(at(cafe, f"members/{mina.public_id}/stamp"), form, follow=True))

        assert why in said
        assert stands(cafe, mina) == (0, 0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"gives": {"kind": "per_amount", "per_amount_minor": 5000}},
            {"most_per_day": 3},
            {"minimum_amount_minor": 3000},
            {"tiers": ["gold"]},
        ],
        ids=["by amount", "a limit a day", "from an amount", "for another tier"],
    )
    def test_where_the_terms_ask_for_a_sale_there_is_no_stamp_without_one(self, cafe, mina, jun, changes):
        first = jun.get(at(cafe, f"members/{mina.public_id}"))
        publish(cafe, **changes, days_ago=0)

        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        form = {"external_id": minted(first, "sta"), "card": "coffee", "stamps": "1"}
        said = words(jun.post(at(cafe, f"members/{mina.public_id}/stamp"), form, follow=True))

        assert 'data-dialog="stamp-coffee"' not in page.content.decode()
        assert "No stamp was given." in said
        assert stands(cafe, mina) == (0, 0)

    def test_a_sale_tells_before_and_after_what_it_puts_on_the_card(self, cafe, mina, jun):
        page = jun.get(at(cafe, f"members/{mina.public_id}"))
        form = {
            "minted": page.context["form"]["minted"].value(), "amount": "", "receipt": "",
            "line": [json.dumps(["category", "coffee", 10_400, 2])],
        }  # fmt: skip

        preview = words(jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "act": "preview"}))
        done = jun.post(at(cafe, f"members/{mina.public_id}"), form)

        assert "Coffee card: stamps +2" in preview
        assert "Coffee card: stamps +2" in words(jun.get(done["Location"]))
        assert stands(cafe, mina) == (2, 0)


class TestOnTheMembersPage:
    def test_the_cards_and_what_happened_on_them(self, cafe, mina):
        drinks(cafe, mina, 12)
        hana = staff_browser(cafe, "owner")

        page = hana.get(f"/console/{cafe.slug}/members/{mina.public_id}?show=stamps")

        text = words(page)
        assert "2 of 10 stamps · 1 card filled" in text
        assert "Rewards that are theirs" in text
        assert [(each["entry"].stamps, each["entry"].stamps_after) for each in page.context["entries"]] == [
            (-10, 2), (12, 12),
        ]  # fmt: skip

    def test_stamps_are_given_and_taken_by_hand_with_a_reason(self, cafe, mina):
        hana = staff_browser(cafe, "owner")
        path = f"/console/{cafe.slug}/members/{mina.public_id}/stamps"
        form = {"card": "coffee", "way": "give", "stamps": "3", "reason": "Forgot her phone"}

        first = {**form, "external_id": minted(hana.get(path), "sta")}
        said = words(hana.post(path, first, follow=True))
        hana.post(path, first)
        assert "3 stamps given. On the card: 3." in said
        assert "Forgot her phone" in said
        assert stands(cafe, mina) == (3, 0)

        taken = {**form, "external_id": minted(hana.get(path), "sta"), "way": "take", "stamps": "1"}
        assert "1 stamp taken. On the card: 2." in words(hana.post(path, taken, follow=True))
        assert stands(cafe, mina) == (2, 0)

    def test_without_a_reason_nothing_is_given(self, cafe, mina):
        hana = staff_browser(cafe, "owner")
        path = f"/console/{cafe.slug}/members/{mina.public_id}/stamps"

        answer = hana.post(
            path, {"external_id": minted(hana.get(path), "sta"), "card": "coffee", "way": "give", "stamps": "3"}
        )

        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["reason"]
        assert stands(cafe, mina) == (0, 0)

    def test_a_programme_without_cards_has_no_such_part(self, db):
        shop = open_shop("plain")
        hana, member = staff_browser(shop, "owner"), join(shop, name="Bora")
        page = hana.get(f"/console/{shop.slug}/members/{member.public_id}")
        assert "Stamps" not in [tab["label"] for tab in page.context["tabs"]]
