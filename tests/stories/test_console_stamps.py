"""Hana gives her café a stamp card in the console: typed, tried, reviewed, published, taken away."""

from __future__ import annotations

import json
from datetime import date

import pytest

from merchants import tenancy
from rewards import programmes, terms
from tests.people import open_shop, staff_browser
from tests.stories.test_console_programme import draft, fields, publish, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe, "owner")


def cards(cafe):
    return draft(cafe).document.get("stamps", [])


def page_of(cafe, code=""):
    return url(cafe, f"programme/stamp-card{'?code=' + code if code else ''}")


def typed(hana, cafe, **more):
    return {**fields(hana, page_of(cafe)), "name": "Coffee card", "sizes": "10", "reward": "any-drink", **more}


def test_a_programme_without_cards_says_so_and_leads_to_the_first(cafe, hana):
    publish(cafe)
    page = hana.get(url(cafe, "programme/")).content.decode()
    assert "No stamp cards yet" in page
    assert f'href="{page_of(cafe)}"' in page


def test_a_card_brings_a_reward_so_the_catalogue_comes_first(cafe, hana):
    publish(cafe, terms.templates("KRW")["simple"])
    page = hana.get(page_of(cafe)).content.decode()
    assert "Add a reward first" in page
    assert 'name="sizes"' not in page


def test_all_of_a_card_is_typed_and_stands_in_the_draft(cafe, hana):
    publish(cafe)
    form = typed(hana, cafe) | {
        "name__ko": "커피 카드", "sizes": "6, 5, 4", "gives-kind": "per_piece", "gives-per_quantity_milli": "2",
        "gives-carries": "on", "only-categories": "coffee, tea", "only-name": "hot drinks", "excluding-skus": "DECAF",
        "minimum_amount_minor": "3,000", "most_per_order": "5", "most_per_day": "8", "tiers": ["gold", "black"],
        "bonuses-0-factor": "2", "bonuses-0-weekdays": ["tue", "wed"], "bonuses-0-first_day": "2027-01-01",
        "life-count": "12", "life-unit": "months", "reward_days": "60", "starts_next": "",
    }  # fmt: skip

    answer = hana.post(page_of(cafe), form)

    assert answer.status_code == 302, answer.context["form"].errors
    (card,) = cards(cafe)
    assert (card["code"], card["name"], card["sizes"]) == (
        "coffee-card",
        {"en": "Coffee card", "ko": "커피 카드"},
        [6, 5, 4],
    )
    assert card["gives"] == {"kind": "per_piece", "per_quantity_milli": 2000, "carries": True}
    assert card["only"] == {"name": "hot drinks", "skus": [], "categories": ["coffee", "tea"], "labels": []}
    assert card["excluding"]["skus"] == ["DECAF"]
    assert (card["minimum_amount_minor"], card["most_per_order"], card["most_per_day"]) == (3000, 5, 8)
    assert card["tiers"] == ["gold", "black"]
    assert card["bonuses"] == [
        {"tiers": [], "factor": 2, "weekdays": ["tue", "wed"], "first_day": "2027-01-01", "last_day": None}
    ]
    assert (card["life"], card["reward"], card["reward_days"]) == ({"count": 12, "unit": "months"}, "any-drink", 60)
    assert card["starts_next"] is False


@pytest.mark.parametrize("template", ["cafe-stamps", "coffee-card"])
def test_saving_what_is_shown_changes_nothing(cafe, hana, template):
    publish(cafe, terms.templates("KRW")[template])
    before = draft(cafe).document
    code = before["stamps"][0]["code"]

    answer = hana.post(page_of(cafe, code), fields(hana, page_of(cafe, code)))

    assert answer.status_code == 302, answer.context["form"].errors
    assert draft(cafe).document == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sizes", "ten", "whole numbers from 1 to 1000"),
        ("sizes", "0", "whole numbers from 1 to 1000"),
        ("sizes", "", "required"),
        ("gives-per_amount_minor", "", "the amount that gives a stamp"),
        ("bonuses-0-factor", "", "how many times"),
        ("bonuses-0-last_day", "2026-12-31", "before the first"),
        ("only-categories", "delivery", "excludes all its goods"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(cafe, hana, field, value, said):
    publish(cafe)
    form = typed(hana, cafe) | {
        "gives-kind": "per_amount", "gives-per_amount_minor": "5,000", "bonuses-0-factor": "2",
        "bonuses-0-first_day": "2027-01-01",
    }  # fmt: skip

    answer = hana.post(page_of(cafe), {**form, field: value})

    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors[field])
    assert cards(cafe) == []


def test_two_people_at_one_card_are_told(cafe, hana):
    publish(cafe, terms.templates("KRW")["cafe-stamps"])
    form = fields(hana, page_of(cafe, "coffee"))
    assert hana.post(page_of(cafe, "coffee"), {**form, "sizes": "12"}).status_code == 302

    late = staff_browser(cafe, "manager").post(page_of(cafe, "coffee"), {**form, "sizes": "8"})

    assert late.status_code == 422
    assert "Somebody was faster" in late.content.decode()
    assert cards(cafe)[0]["sizes"] == [12]


def test_a_basket_tried_says_what_it_earns_in_stamps_today_and_then(cafe, hana):
    """Two lattes for ₩10,400 on a Wednesday: 104 beans, and 2 stamps; with three stamps a piece none is full."""
    publish(cafe, terms.templates("KRW")["cafe-stamps"])
    basket = {
        "try-amount": "10400", "try-category": "coffee", "try-quantity": "2", "try-at": "2026-01-07T15:00",
        "try-ordinal": "2",
    }  # fmt: skip

    tried = hana.get(url(cafe, "programme/"), basket).context["trial"]
    assert (tried.points, [(each.name, each.stamps, each.before) for each in tried.stamps]) == (
        104, [("Coffee card", 2, 2)],
    )  # fmt: skip

    form = {**fields(hana, page_of(cafe, "coffee")), "gives-per_quantity_milli": "3", **basket, "act": "try"}
    answer = hana.post(page_of(cafe, "coffee"), form)
    assert [(each.stamps, each.before) for each in answer.context["trial"].stamps] == [(0, 2)]
    assert cards(cafe)[0]["gives"]["per_quantity_milli"] == 1000


def test_the_review_says_what_changes_and_what_sales_put_on_cards(cafe, hana):
    publish(cafe, terms.templates("KRW")["cafe-stamps"])
    form = fields(hana, page_of(cafe, "coffee"))
    hana.post(
        page_of(cafe, "coffee"), {**form, "gives-kind": "per_visit", "bonuses-0-factor": "", "bonuses-0-weekdays": []}
    )

    page = hana.get(url(cafe, "programme/review"))

    assert [(each.section, each.label) for each in page.context["changes"]] == [("Stamp cards", "Coffee card")]
    sales = {sale.name: sale for sale in page.context["sales"]}
    two = sales["Two lattes and a cake are two stamps"]
    assert [(each.name, each.before, each.after) for each in two.stamps] == [("Coffee card", 2, 1)]
    assert two.broken == ("2 stamps · Coffee card",)
    (about,) = [sale for sale in sales.values() if sale.name.startswith("Coffee card:")]
    assert [(each.name, each.after) for each in about.stamps] == [("Coffee card", 1)]

    hana.post(url(cafe, "programme/review"), {"act": "promise", "revision": str(draft(cafe).revision)})
    assert draft(cafe).document["examples"][0]["expect"] == {"stamps:coffee": 1}


def test_a_card_taken_away_takes_its_promises_along(cafe, hana):
    publish(cafe, terms.templates("KRW")["cafe-stamps"])

    hana.post(url(cafe, "programme/stamp-card/remove"), {"card": "coffee"})

    assert cards(cafe) == []
    assert not any(example["expect"] for example in draft(cafe).document["examples"])
    document = draft(cafe).document
    with tenancy.tenant(cafe):
        assert not programmes.check(merchant=cafe, document=document, today=date(2026, 1, 7)).faults


def test_a_reward_that_a_card_brings_stays_until_the_card_goes(cafe, hana):
    publish(cafe, terms.templates("KRW")["cafe-stamps"])

    page = hana.post(url(cafe, "rewards/remove"), {"code": "any-drink"}, follow=True).content.decode()

    assert "There is no reward “any-drink” in the catalogue" in page
    assert "any-drink" in json.dumps(draft(cafe).document["rewards"])


def test_advice_leads_to_the_card(cafe, hana):
    document = terms.templates("KRW")["cafe-stamps"]
    document["stamps"][0] |= {"most_per_order": 5, "most_per_day": 4}
    publish(cafe, document)

    page = hana.get(url(cafe, "programme/"))

    assert [(each["detail"], each["href"]) for each in page.context["advice"]] == [
        ("The limit per day is lower, so this one never cuts.", page_of(cafe, "coffee"))
    ]
