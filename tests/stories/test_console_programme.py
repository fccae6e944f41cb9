"""Hana changes her programme in the console: rule by rule, tried before it is live, published, and rolled back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.utils import translation

from loyalty.console.programme.differences import changes
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import programmes, purchases, terms
from rewards.models.redemptions import Redemption
from rewards.redemptions import listing
from tests import builders
from tests.people import open_shop, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe, "owner")


def url(cafe, page):
    return f"/console/{cafe.slug}/{page}"


def draft(cafe):
    with tenancy.tenant(cafe):
        return programmes.draft(merchant=cafe)


def publish(cafe, document=None):
    with tenancy.tenant(cafe):
        now = datetime.now(UTC)
        document = document or terms.templates()["cafe"]
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=now, actor=SYSTEM)
        return programmes.publish(merchant=cafe, now=now, actor=SYSTEM)


def fields(browser, address):
    """What a browser would send back unchanged: every field of the page's form."""
    answer = browser.get(address)
    assert answer.status_code == 200, answer.content.decode()[:2000]
    found = {"seen": answer.context.get("seen", "")}
    for bound in answer.context["form"]:
        value = bound.value()
        if value in (None, "") and isinstance(bound.field.widget, forms.Select):
            # A list without a chosen option sends its first.
            value = next((code for code, _label in bound.field.choices), None)
        if value is None or value is False:
            continue
        found[bound.html_name] = "on" if value is True else value
    return found


def rules(cafe):
    return [rule["code"] for rule in draft(cafe).document["earning"]["rules"]]


def test_a_new_merchant_starts_from_a_template(cafe, hana):
    page = hana.get(url(cafe, "programme/"))
    assert "Café Club" in page.content.decode()
    assert "Start over from a template" not in page.content.decode()
    assert [template["code"] for template in page.context["templates"]] == [
        "simple", "bookshop", "cafe", "cafe-stamps", "coffee-card", "stars",
    ]  # fmt: skip

    answer = hana.post(url(cafe, "programme/start"), {"template": "cafe", "revision": "0"})

    assert answer.status_code == 302
    assert rules(cafe) == ["base", "morning", "own-cup", "birthday", "first"]
    # Her draft is what the page is about now; the templates are folded away below it.
    text = hana.get(url(cafe, "programme/")).content.decode()
    assert text.index("Earning rules") < text.index("Start over from a template") < text.index("Page Turners")
    assert "Start from a template" not in text
    with tenancy.tenant(cafe):
        assert programmes.published(merchant=cafe) == []


def test_every_part_opens_before_anything_was_saved(cafe, hana):
    for part in ("?part=points", "?part=tiers", "?part=joining", "?part=paying", "?part=nonsense", ""):
        page = url(cafe, f"programme/part{part}")
        assert hana.post(page, fields(hana, page)).status_code == 302, part
        assert hana.post(page, {}).status_code == 422, part


@pytest.mark.parametrize("kind", ["per_money", "per_order", "per_item", "multiplier"])
def test_every_kind_of_rule_is_added_with_its_conditions(cafe, hana, kind):
    publish(cafe)
    typed = fields(hana, url(cafe, f"programme/rule?kind={kind}"))
    typed |= {
        "name": "Rainy Monday", "when-weekdays": ["mon"], "when-hours": "14:00-16:30", "when-first_day": "2027-01-01", "when-tiers": ["gold"],
        "when-birthday": "month", "only-categories": "coffee, tea", "only-name": "hot drinks",
        "only-name__ko": "따뜻한 음료", "caps-0-points": "300", "caps-0-per": "week",
        "when-minimum_amount_minor": "3,000", "pending-days": "3", "expiry-kind": "rolling", "expiry-count": "6",
        "expiry-unit": "months", "expiry-round_to": "month", "priority": "5", "qualifying": "on",
    }  # fmt: skip
    typed |= {"factor": "3"} if kind == "multiplier" else {"points": "2"}
    typed |= {"per_amount_minor": "1,000"} if kind == "per_money" else {}

    answer = hana.post(url(cafe, f"programme/rule?kind={kind}"), typed)

    assert answer.status_code == 302, answer.context["form"].errors
    rule = draft(cafe).document["earning"]["rules"][-1]
    assert (rule["kind"], rule["code"], rule["name"]) == (kind, "rainy-monday", "Rainy Monday")
    assert rule["when"]["weekdays"] == ["mon"]
    assert rule["when"]["hours"] == [{"start": "14:00", "end": "16:30"}]
    assert rule["when"]["minimum_amount_minor"] == 3000
    assert rule["when"]["birthday"] == "month"
    assert rule["only"] == {
        "name": {"en": "hot drinks", "ko": "따뜻한 음료"}, "skus": [], "categories": ["coffee", "tea"], "labels": [],
    }  # fmt: skip
    assert rule["caps"] == [{"points": 300, "per": "week", "scope": "member"}]
    assert rule["pending"] == {"days": 3, "until": None}
    assert rule["expiry"]["count"] == 6
    assert rule["priority"] == 5


@pytest.mark.parametrize("template", ["cafe"])
def test_saving_what_is_shown_changes_nothing(cafe, hana, template):
    publish(cafe, terms.templates()[template])
    before = draft(cafe).document
    pages = [f"programme/rule?code={rule['code']}" for rule in before["earning"]["rules"]]
    pages += [f"programme/part?part={part}" for part in ("points", "tiers", "joining", "paying")]
    pages += [f"rewards/edit?code={reward['code']}" for reward in before["rewards"]]

    for page in pages:
        answer = hana.post(url(cafe, page), fields(hana, url(cafe, page)))
        assert answer.status_code == 302, (page, answer.context["form"].errors)
        assert draft(cafe).document == before, page


def test_a_rule_that_cannot_be_meant_is_named_at_its_field(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?code=base"))

    answer = hana.post(url(cafe, "programme/rule?code=base"), typed | {"points": "0"})

    assert answer.status_code == 422
    assert answer.context["form"].errors["points"] == ["A rule gives more than 0 points."]
    assert not draft(cafe).differs


def test_two_people_at_different_rules_do_not_disturb_each_other(cafe, hana):
    publish(cafe)
    jun = staff_browser(cafe, "manager")
    hanas, juns = (fields(hana, url(cafe, f"programme/rule?code={code}")) for code in ("base", "first"))

    assert jun.post(url(cafe, "programme/rule?code=first"), juns | {"points": "25"}).status_code == 302
    assert hana.post(url(cafe, "programme/rule?code=base"), hanas | {"points": "2"}).status_code == 302

    kept = {rule["code"]: rule.get("points") for rule in draft(cafe).document["earning"]["rules"]}
    assert (kept["base"], kept["first"]) == (2, 25)


def test_two_people_at_the_same_rule_are_told_and_lose_nothing(cafe, hana):
    publish(cafe)
    jun = staff_browser(cafe, "manager")
    hanas = fields(hana, url(cafe, "programme/rule?code=base"))
    jun.post(url(cafe, "programme/rule?code=base"), hanas | {"points": "3"})

    answer = hana.post(url(cafe, "programme/rule?code=base"), hanas | {"points": "2"})
    assert answer.status_code == 422
    assert "Your words are still here" in answer.content.decode()
    assert answer.context["form"]["points"].value() == "2"

    again = hana.post(url(cafe, "programme/rule?code=base"), hanas | {"points": "2", "seen": answer.context["seen"]})
    assert again.status_code == 302
    assert draft(cafe).document["earning"]["rules"][0]["points"] == 2


def test_rules_move_and_go(cafe, hana):
    publish(cafe)
    hana.post(url(cafe, "programme/rules"), {"rule": "morning", "act": "up"})
    assert rules(cafe)[:2] == ["morning", "base"]
    hana.post(url(cafe, "programme/rules"), {"rule": "own-cup", "act": "remove"})
    assert "own-cup" not in rules(cafe)
    # The last rule a multiplier needs cannot go: the terms say why.
    for code in ("birthday", "first"):
        hana.post(url(cafe, "programme/rules"), {"rule": code, "act": "remove"})
    answer = hana.post(url(cafe, "programme/rules"), {"rule": "base", "act": "remove"}, follow=True)
    assert "nothing to multiply" in answer.content.decode()
    assert rules(cafe) == ["morning", "base"]


def test_a_basket_is_tried_on_the_draft_beside_what_is_live(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?code=base"))
    hana.post(url(cafe, "programme/rule?code=base"), typed | {"points": "2"})
    basket = {"try-amount": "10,400", "try-at": "2026-01-07T15:00", "try-tier": "green", "try-ordinal": "2"}

    page = hana.get(url(cafe, "programme/"), basket)
    fragment = hana.get(url(cafe, "programme/try"), basket, headers={"HX-Request": "true"})

    for answer in (page, fragment):
        assert (answer.context["trial"].points, answer.context["trial"].before) == (208, 104)
    assert b"<html" not in fragment.content


def test_a_rule_is_tried_as_it_is_typed_and_nothing_is_saved(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?kind=per_order")) | {
        "name": "Hello", "points": "7", "act": "try", "try-amount": "10000", "try-at": "2026-01-07T15:00", "try-tier": "green",
    }  # fmt: skip

    for headers in ({}, {"HX-Request": "true"}):
        answer = hana.post(url(cafe, "programme/rule?kind=per_order"), typed, headers=headers)
        assert answer.status_code == 200
        assert answer.context["trial"].points == 107
    assert not draft(cafe).differs


def test_a_rule_is_a_sentence_whose_tokens_say_what_is_set(cafe, hana):
    publish(cafe)
    page = hana.get(url(cafe, "programme/rule?code=morning&open=weekdays"))

    said = [token.says for token in page.context["form"].tokens if token.says]
    assert said[:3] == ["only for coffee", "Mon–Fri", "07:00–10:00"]
    assert page.content.decode().count('<details class="token" open>') == 1
    listed = hana.get(url(cafe, "programme/")).content.decode()
    assert "programme/rule?code=morning&amp;open=hours" in listed


def test_rules_that_meet_are_told_in_words(cafe, hana):
    """₩10,000 of coffee on a weekday morning: 100 beans, doubled; 20 more with the first order."""
    publish(cafe)
    overview = hana.get(url(cafe, "programme/")).content.decode()
    assert "When several rules apply" in overview
    assert "all count." in overview

    page = hana.get(url(cafe, "programme/rule?code=morning"))

    assert page.context["beside"][0] == (
        "Mon–Fri, 07:00–10:00, with coffee in the basket: “Every order” (1 bean for every ₩100) and “Double coffee in the "
        "morning” (× 2) both count. With the × 1.5 of Black it is × 2.5. A purchase of ₩10,000 then earns 200 beans in all."
    )
    typed = fields(hana, url(cafe, "programme/rule?code=morning"))
    typed |= {"factor": "3", "act": "try", "try-amount": "10000"}
    tried = hana.post(url(cafe, "programme/rule?code=morning"), typed, headers={"HX-Request": "true"})
    assert "then earns 300 beans in all." in tried.content.decode()
    assert not draft(cafe).differs


def test_a_token_says_anew_what_is_typed_while_it_is_tried(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?code=morning"))
    typed |= {"when-weekdays": ["sat", "sun"], "act": "try", "try-amount": "10000", "try-at": "2027-03-01T08:00"}

    answer = hana.post(url(cafe, "programme/rule?code=morning"), typed, headers={"HX-Request": "true"})

    text = answer.content.decode()
    assert 'id="says-weekdays" hx-swap-oob="true">Sat and Sun' in text
    assert not draft(cafe).differs


def test_a_rule_that_cannot_be_meant_says_so_while_it_is_tried(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?code=base"))

    for headers in ({}, {"HX-Request": "true"}):
        answer = hana.post(
            url(cafe, "programme/rule?code=base"), typed | {"points": "0", "act": "try"}, headers=headers
        )
        assert answer.status_code == 200
        assert answer.context["trial"].faults == ("A rule gives more than 0 points.",)


def test_goods_are_ticked_from_what_was_sold_and_others_are_typed(db):
    shop = builders.cafe()
    owner, now = staff_browser(shop.merchant, "owner"), datetime.now(UTC)
    item = purchases.PurchaseInput(
        external_id="s-1", occurred_at=now, currency="KRW", total_minor=4_800,
        lines=(purchases.LineInput(sku="LATTE", category="coffee", amount_minor=4_800),),
    )  # fmt: skip
    shop.does(lambda: purchases.record(merchant=shop.merchant, items=[item], now=now, actor=SYSTEM))
    address = f"/console/{shop.merchant.slug}/programme/rule?kind=per_order"
    assert 'name="only-categories" value="coffee"' in owner.get(address).content.decode()

    typed = fields(owner, address) | {"name": "Any cup", "points": "5"}
    typed |= {"only-categories": ["coffee"], "only-categories-others": "tea, juice"}
    assert owner.post(address, typed).status_code == 302

    assert draft(shop.merchant).document["earning"]["rules"][-1]["only"]["categories"] == ["coffee", "tea", "juice"]


def test_review_says_what_changes_and_publishing_makes_it_live(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?code=base"))
    # The examples the template carries would not come out with two points a step.
    document = draft(cafe).document | {"examples": []}
    with tenancy.tenant(cafe):
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)
    hana.post(url(cafe, "programme/rule?code=base"), typed | {"points": "2"})

    page = hana.get(url(cafe, "programme/review"))
    (change,) = [change for change in page.context["changes"] if change.section == "Earning"]
    assert (change.kind, change.label) == ("changed", "Every order")
    assert change.before.startswith("1 bean for every ₩100")
    assert change.after.startswith("2 beans for every ₩100")
    assert [(sale.before, sale.after) for sale in page.context["sales"][:4]] == [
        (500, 1000),
        (20, 40),
        (100, 200),
        (500, 1000),
    ]

    revision = page.context["form"]["revision"].value()
    answer = hana.post(url(cafe, "programme/review"), {"start": "now", "note": "Two for one", "revision": revision})
    assert answer.status_code == 302, answer.context["form"].errors
    with tenancy.tenant(cafe):
        assert [v.note for v in programmes.published(merchant=cafe)] == ["Two for one", ""]

    back = hana.post(url(cafe, "programme/roll-back"), {"number": "1"}, follow=True)
    assert "Version 1 is in force again, as version 3." in back.content.decode()
    assert "Version 1 again. –" not in back.content.decode()
    nothing = hana.get(url(cafe, "programme/review")).content.decode()
    assert ("No changes to publish" in nothing, "Version 4" in nothing, "Not live yet" in nothing) == (
        True,
        False,
        False,
    )


def test_review_plays_the_drafts_examples_by_what_is_in_force_too(cafe, hana):
    publish(cafe)
    document = draft(cafe).document
    document["earning"]["rules"] = [
        rule | ({"points": 100} if rule["code"] == "first" else {}) for rule in document["earning"]["rules"]
    ]
    with tenancy.tenant(cafe):
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)

    sales = {sale.name: (sale.before, sale.after) for sale in hana.get(url(cafe, "programme/review")).context["sales"]}

    # Twenty points for a first order become a hundred; a gift card earns nothing before and after.
    assert sales["First order, ₩4,800"] == (68, 148)
    assert sales["A gift card of ₩30,000 earns nothing"] == (0, 0)


def test_examples_that_a_new_rule_changes_are_taken_over_with_one_button(cafe, hana):
    publish(cafe)
    hana.post(
        url(cafe, "programme/rule?code=base"), fields(hana, url(cafe, "programme/rule?code=base")) | {"points": "2"}
    )
    doubled = draft(cafe)
    review = hana.get(url(cafe, "programme/review"))
    assert "A worked example does not come out" in review.content.decode()
    sales = {sale.name: (sale.expected, sale.after) for sale in review.context["sales"]}
    # A latte of 4,800 won: 48 points and 20 for the first order; now twice 48 and 20.
    assert (sales["First order, ₩4,800"], sales["A gift card of ₩30,000 earns nothing"]) == ((68, 116), (0, 0))

    stale = {"act": "promise", "revision": doubled.revision - 1}
    assert (
        "changed the draft meanwhile" in hana.post(url(cafe, "programme/review"), stale, follow=True).content.decode()
    )
    nameless = {"act": "promise"}
    assert (
        "changed the draft meanwhile"
        in hana.post(url(cafe, "programme/review"), nameless, follow=True).content.decode()
    )
    assert draft(cafe).document == doubled.document

    hana.post(url(cafe, "programme/review"), {"act": "promise", "revision": doubled.revision})

    kept = draft(cafe).document
    assert {example["name"]["en"]: example["points"] for example in kept["examples"]}["First order, ₩4,800"] == 116
    assert kept | {"examples": []} == doubled.document | {"examples": []}
    assert hana.get(url(cafe, "programme/review")).context["broken"] == []
    hana.post(url(cafe, "programme/review"), {"start": "now", "note": "", "revision": doubled.revision + 1})
    with tenancy.tenant(cafe):
        assert [version.number for version in programmes.published(merchant=cafe)] == [2, 1]


def test_a_draft_that_moved_under_the_review_is_read_again_first(cafe, hana):
    publish(cafe)
    jun = staff_browser(cafe, "manager")
    typed = fields(hana, url(cafe, "programme/part?part=joining"))
    hana.post(url(cafe, "programme/part?part=joining"), typed | {"welcome-points": "50"})
    revision = hana.get(url(cafe, "programme/review")).context["form"]["revision"].value()
    typed = fields(jun, url(cafe, "programme/part?part=joining"))
    jun.post(url(cafe, "programme/part?part=joining"), typed | {"welcome-points": "5000"})

    answer = hana.post(url(cafe, "programme/review"), {"start": "now", "revision": revision})

    assert answer.status_code == 422
    assert "changed the draft meanwhile" in answer.content.decode()
    with tenancy.tenant(cafe):
        assert len(programmes.published(merchant=cafe)) == 1


def test_decimals_of_points_cannot_change_once_members_hold_points(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/part?part=points"))
    assert hana.post(url(cafe, "programme/part?part=points"), typed | {"points-decimals": "2"}).status_code == 302
    revision = hana.get(url(cafe, "programme/review")).context["form"]["revision"].value()

    answer = hana.post(url(cafe, "programme/review"), {"start": "now", "revision": revision})

    assert answer.status_code == 422
    assert "set the decimals back to 0" in answer.content.decode()
    with tenancy.tenant(cafe):
        assert len(programmes.published(merchant=cafe)) == 1


def test_the_document_itself_is_edited_with_every_fault_at_its_pointer(cafe, hana):
    publish(cafe)
    document = draft(cafe).document
    document["earning"]["rules"][0]["points"] = "many"
    document["expiry"] = {"kind": "sometime"}

    answer = hana.post(url(cafe, "programme/source"), {"document": json.dumps(document), "revision": "1"})
    assert answer.status_code == 422
    assert {fault.pointer for fault in answer.context["faults"]} == {"/earning/rules/0/points", "/expiry/kind"}

    assert (
        "This is not JSON"
        in hana.post(url(cafe, "programme/source"), {"document": "{", "revision": "1"}).content.decode()
    )
    good = draft(cafe).document | {"name": "Sky Club"}
    assert hana.post(url(cafe, "programme/source"), {"document": json.dumps(good), "revision": "1"}).status_code == 302
    stale = hana.post(url(cafe, "programme/source"), {"document": json.dumps(good | {"name": "Old"}), "revision": "1"})
    assert stale.status_code == 422
    assert draft(cafe).document["name"] == "Sky Club"


def test_a_tier_says_for_which_points_its_expiry_holds_and_whether_there_is_a_last_day(cafe, hana):
    publish(cafe)
    page = url(cafe, "programme/part?part=tiers")
    typed = fields(hana, page) | {
        "tiers-levels-1-expiry-kind": "inactivity", "tiers-levels-1-expiry-count": "12", "tiers-levels-1-expiry-unit": "months",
        "tiers-levels-1-expiry-at_latest-count": "3", "tiers-levels-1-expiry-at_latest-unit": "years", "tiers-levels-1-expiry_for": "held",
    }  # fmt: skip
    assert hana.post(page, typed).status_code == 302
    gold = draft(cafe).document["tiers"]["levels"][1]
    assert (gold["expiry_for"], gold["expiry"]["kind"], gold["expiry"]["count"]) == ("held", "inactivity", 12)
    assert gold["expiry"]["at_latest"] == {"count": 3, "unit": "years", "round_to": None}
    assert fields(hana, page)["tiers-levels-1-expiry-at_latest-count"] == 3

    # What cannot be meant is refused beside the tier it is about, and the draft stays.
    wrong = fields(hana, page) | {
        "tiers-levels-1-expiry-kind": "rolling",
        "tiers-levels-1-expiry-activity_adds_months": "1",
    }
    refused = hana.post(page, wrong)
    assert refused.status_code == 422
    assert "not for all points held" in refused.content.decode()
    assert draft(cafe).document["tiers"]["levels"][1]["expiry"]["kind"] == "inactivity"

    # Back to what the programme says.
    assert hana.post(page, fields(hana, page) | {"tiers-levels-1-expiry-kind": ""}).status_code == 302
    assert draft(cafe).document["tiers"]["levels"][1].get("expiry") is None


def test_goods_are_kept_from_being_paid_with_points(cafe, hana):
    publish(cafe)
    page = url(cafe, "programme/part?part=paying")
    typed = fields(hana, page) | {
        "pay_with_points-is_on": "on",
        "pay_with_points-points": "1",
        "pay_with_points-amount_minor": "10",
        "pay_with_points-excluding-categories": "gift_card",
    }
    assert hana.post(page, typed).status_code == 302
    assert draft(cafe).document["pay_with_points"]["excluding"]["categories"] == ["gift_card"]


def test_tiers_are_added_renamed_and_taken_away(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/part?part=tiers"))
    typed |= {
        "tiers-levels-3-name": "Diamond",
        "tiers-levels-3-threshold": "20000",
        "tiers-levels-3-multiplier": "2",
        "tiers-levels-3-benefits-0": "A mug",
        "tiers-levels-3-benefits-1": "A hug",
    }

    assert hana.post(url(cafe, "programme/part?part=tiers"), typed).status_code == 302
    level = draft(cafe).document["tiers"]["levels"][-1]
    assert (level["code"], level["threshold"], level["multiplier"], level["benefits"]) == (
        "diamond",
        20000,
        2,
        ["A mug", "A hug"],
    )

    typed = fields(hana, url(cafe, "programme/part?part=tiers"))
    answer = hana.post(url(cafe, "programme/part?part=tiers"), typed | {"tiers-levels-3-name": ""})
    assert answer.status_code == 422
    assert "Type a name, or remove the tier." in answer.content.decode()
    assert len(draft(cafe).document["tiers"]["levels"]) == 4

    typed |= {"tiers-levels-3-remove": "on"}
    assert hana.post(url(cafe, "programme/part?part=tiers"), typed).status_code == 302
    assert [level["code"] for level in draft(cafe).document["tiers"]["levels"]] == ["green", "gold", "black"]


def _with_benefits(*benefits):
    document = json.loads(json.dumps(terms.templates()["cafe"]))
    document["tiers"]["levels"][1]["benefits"] = list(benefits)
    return document


COOKIE = {"en": "A free cookie", "ko": "쿠키 한 개", "zh-Hant": "免費餅乾", "ja": "クッキー"}
QUEUE = {"en": "No queue", "ko": "줄 서지 않기", "zh-Hant": "免排隊"}


def test_a_benefit_changed_in_one_language_keeps_the_others(cafe, hana):
    publish(cafe, _with_benefits(COOKIE, QUEUE))
    page = url(cafe, "programme/part?part=tiers")
    typed = fields(hana, page)
    # A field for each language, and each shows its own words; Hana changes the Korean of the first benefit alone.
    changed = next(name for name, value in typed.items() if value == "쿠키 한 개")
    typed[changed] = "쿠키 두 개"

    assert hana.post(page, typed).status_code == 302

    level = draft(cafe).document["tiers"]["levels"][1]
    assert level["benefits"] == [COOKIE | {"ko": "쿠키 두 개"}, QUEUE]
    text = hana.get(url(cafe, "programme/review")).content.decode()
    assert "쿠키 한 개" in text
    assert "쿠키 두 개" in text
    assert "免費餅乾" not in text


def test_an_editor_with_another_language_loses_no_translation_of_a_benefit(cafe, hana):
    publish(cafe, _with_benefits(COOKIE, QUEUE))
    page = url(cafe, "programme/part?part=tiers")
    for language in ("en", "ko", "zh-hant"):
        hana.cookies["language"] = language
        assert hana.post(page, fields(hana, page)).status_code == 302
        assert draft(cafe).document["tiers"]["levels"][1]["benefits"] == [COOKIE, QUEUE]


def test_review_names_a_translation_that_is_lost(cafe, hana):
    publish(cafe, _with_benefits(COOKIE, QUEUE))
    page = url(cafe, "programme/part?part=tiers")
    typed = fields(hana, page)
    typed[next(name for name, value in typed.items() if value == "免費餅乾")] = ""
    assert hana.post(page, typed).status_code == 302

    lost = [change for change in hana.get(url(cafe, "programme/review")).context["changes"] if change.kind == "removed"]

    assert [(change.before, change.after) for change in lost] == [
        ("免費餅乾", "no text of its own; members read “A free cookie”")
    ]


def test_review_names_what_a_name_loses_when_the_document_makes_it_plain(cafe, hana):
    document = json.loads(json.dumps(terms.templates()["cafe"]))
    document["rewards"][0]["name"] = {"en": "Cup", "ko": "잔", "zh-Hant": "杯"}
    publish(cafe, document)
    document["rewards"][0]["name"] = "Cup"
    with tenancy.tenant(cafe):
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)

    found = hana.get(url(cafe, "programme/review")).context["changes"]

    assert {(change.kind, change.before) for change in found} >= {("removed", "잔"), ("removed", "杯")}


SMOKES = {"en": "Tobacco", "ko": "담배", "zh-Hant": "菸品"}


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ({"en": "Tobacco", "ko": "담배"}, {"菸品": "no text of its own; members read “Tobacco”"}),
        (None, {"Tobacco": "", "담배": "", "菸品": ""}),
    ],
)
def test_review_names_what_a_choice_of_goods_loses(cafe, hana, name, lost):
    document = json.loads(json.dumps(terms.templates()["cafe"]))
    document["earning"]["excluding"]["name"] = SMOKES
    document["pay_with_points"]["excluding"] = {"skus": ["LIGHTER"], "name": "Lighters"}
    publish(cafe, document)
    document["earning"]["excluding"]["name"] = name
    with tenancy.tenant(cafe):
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)

    found = hana.get(url(cafe, "programme/review")).context["changes"]

    assert {change.before: change.after for change in found if change.kind == "removed"} == lost


def test_rewards_are_added_edited_and_taken_away_in_the_draft(cafe, hana):
    publish(cafe)
    typed = fields(hana, url(cafe, "rewards/edit?kind=discount"))
    typed |= {
        "name": "₩1,000 off",
        "price_points": "120",
        "amount_minor": "1,000",
        "stock": "50",
        "per_member-count": "1",
        "per_member-per": "week",
    }

    assert hana.post(url(cafe, "rewards/edit?kind=discount"), typed).status_code == 302
    reward = draft(cafe).document["rewards"][-1]
    assert (reward["code"], reward["amount_minor"], reward["stock"]) == ("1000-off", 1000, 50)
    assert reward["per_member"] == {"count": 1, "per": "week"}
    page = hana.get(url(cafe, "rewards"))
    assert [row["state"] for row in page.context["rows"]] == ["live"] * 5 + ["draft"]

    hana.post(url(cafe, "rewards/remove"), {"code": "americano"})
    page = hana.get(url(cafe, "rewards"))
    assert page.context["gone"] == ["Americano"]


def test_goods_are_quoted_as_the_language_does(cafe, hana):
    """The terms know goods by their codes alone; in quotation marks they read as names."""
    goods = terms.parse(terms.templates()["cafe"])
    wanted = terms.Goods(categories=("coffee", "tea"), skus=())
    with translation.override("en"):
        for_staff, for_members = terms.TermsWording(goods, "en", for_staff=True), terms.TermsWording(goods, "en")
        assert wanted.describe(for_staff).says == "“coffee” and “tea”"
        assert terms.Goods(categories=("gift_card",), skus=()).describe(for_members).says == "certain goods"
        named = terms.Goods(name={"en": "hot drinks", "ko": "따뜻한 음료"}, categories=("coffee", "tea"))
        assert named.describe(terms.TermsWording(goods, "ko")).says == "따뜻한 음료"
        assert named.describe(for_staff).says == "hot drinks"


def test_the_catalogue_counts_what_is_taken_of_rewards_without_a_limit(db, monkeypatch):
    shop = builders.cafe()
    mina = shop.member("Mina")
    mina.is_given(500)
    taken = [mina.redeems(reward="coffee") for _each in range(3)]
    mina.reverses(taken[0].public_id)
    rows = staff_browser(shop.merchant, "owner").get(f"/console/{shop.merchant.slug}/rewards").context["rows"]
    coffee = next(row for row in rows if row["code"] == "coffee")

    assert (coffee["stock"], coffee["claimed"], coffee["may_be_more"]) == (None, 2, False)

    monkeypatch.setattr(listing, "COUNTED_MAX", 2)
    page = staff_browser(shop.merchant, "owner").get(f"/console/{shop.merchant.slug}/rewards")
    assert "2 or more" in page.content.decode()


def test_a_reward_that_is_gone_keeps_its_name_where_it_was_taken(db):
    shop = builders.cafe()
    mina = shop.member("Mina")
    mina.is_given(100)
    mina.redeems(reward="coffee")
    shop.publish({**builders.PROGRAMME, "rewards": []})
    hana = staff_browser(shop.merchant, "owner")
    claimed = hana.get(f"/console/{shop.merchant.slug}/rewards/claims")
    member = hana.get(f"/console/{shop.merchant.slug}/members/{mina.public_id}", {"show": "redemptions"})

    assert [row["name"] for row in claimed.context["rows"]] == ["Coffee"]
    assert [row["name"] for row in member.context["redemptions"]] == ["Coffee"]


def test_an_analyst_reads_and_cannot_change(cafe):
    publish(cafe)
    ann = staff_browser(cafe, "analyst")
    page = ann.get(url(cafe, "programme/"))
    assert page.status_code == 200
    assert "programme/rule?" not in page.content.decode()
    assert ann.post(url(cafe, "programme/discard")).status_code == 403


def test_a_shop_in_dollars_types_cents_and_halves(db):
    shop = open_shop("bookshop", country="US")
    shop.currency = "USD"
    shop.save()
    owner = staff_browser(shop, "owner")
    publish(shop, terms.templates()["bookshop"])
    before = draft(shop).document
    for code in [rule["code"] for rule in before["earning"]["rules"]]:
        page = url(shop, f"programme/rule?code={code}")
        assert owner.post(page, fields(owner, page)).status_code == 302
        assert draft(shop).document == before, code


def test_two_versions_are_compared_in_words(cafe, hana):
    publish(cafe)
    richer = terms.templates()["cafe"]
    richer["welcome"]["points"] = 50
    publish(cafe, richer)
    richer["referral"] = None
    publish(cafe, richer)

    before = hana.get(url(cafe, "programme/version"), {"number": "3"}).context["changes"]
    against_first = hana.get(url(cafe, "programme/version"), {"number": "3", "with": "1"}).context["changes"]

    assert [(each.kind, each.label, each.after) for each in before] == [("removed", "For bringing a friend", "")]
    assert [(each.label, each.before, each.after) for each in against_first] == [
        ("For joining", "30 beans", "50 beans"),
        (
            "For bringing a friend",
            "The referrer gets 100 beans. · The friend gets 100 beans. · Both come with the friend's first purchase of at "
            "least ₩5,000. · For up to 20 friends.",
            "",
        ),
    ]


def test_a_basket_of_several_lines_is_tried(cafe, hana):
    publish(cafe)
    asked = {
        "try-amount": "5000",
        "try-category": "coffee",
        "try-amount_2": "3000",
        "try-sku_2": "OWN-CUP",
        "try-amount_3": "",
    }

    trial = hana.get(url(cafe, "programme/try"), {**asked, "try-at": "2026-11-21T15:00", "try-ordinal": "2"}).context[
        "trial"
    ]

    # 8,000 won are 80 beans; the own cup, found by its SKU in the second line, adds 5.
    assert trial.points == 85
    assert any("Your own cup: +5 beans" in words for _code, words, _points in trial.steps)


def test_advice_leads_to_the_page_that_changes_it(cafe, hana):
    odd = terms.templates()["cafe"]
    odd["earning"]["rules"][0]["points"] = 60
    publish(cafe, odd | {"examples": []})

    advice = hana.get(url(cafe, "programme/")).context["advice"]

    assert advice[0]["detail"].startswith("Members get")
    assert advice[0]["href"].endswith("programme/rule?code=base")
    assert hana.get(advice[0]["href"]).status_code == 200


def test_review_shows_a_sale_that_the_new_rule_is_about(cafe, hana):
    """Double points on tea at weekends: an ordinary afternoon shows nothing of it, a pot of tea on Saturday does."""
    publish(cafe)
    typed = fields(hana, url(cafe, "programme/rule?kind=per_order"))
    typed |= {
        "name": "Tea weekend",
        "points": "50",
        "only-categories": "tea",
        "when-weekdays": ["sat", "sun"],
        "qualifying": "on",
    }
    assert hana.post(url(cafe, "programme/rule?kind=per_order"), typed).status_code == 302

    first = hana.get(url(cafe, "programme/review")).context["sales"][0]

    assert first.name.startswith("Tea weekend: ")
    assert "tea" in first.name
    assert "Sat" in first.name or "Sun" in first.name
    assert first.difference == 50


def test_review_shows_first_what_differs_and_folds_what_does_not(cafe, hana):
    """The first order brings 100 beans more, whoever orders again gets what they got."""
    document = terms.templates()["cafe"] | {"examples": []}
    publish(cafe, document)
    document = json.loads(json.dumps(document))
    next(rule for rule in document["earning"]["rules"] if rule["code"] == "first")["points"] = 120
    with tenancy.tenant(cafe):
        programmes.save_draft(merchant=cafe, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)

    page = hana.get(url(cafe, "programme/review"))

    assert [(sale.name.partition(":")[0], sale.difference) for sale in page.context["differing"]] == [
        ("First order", 100)
    ]
    assert {sale.difference for sale in page.context["same"]} == {0}
    assert "6 sales earn what they earn today" in page.content.decode()


def _texts_in(value, way=()):
    if isinstance(value, dict):
        if {"en", "ko"} <= set(value):
            yield way
        for key, each in value.items():
            yield from _texts_in(each, (*way, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts_in(each, (*way, place))


@pytest.mark.parametrize("template", ["cafe-stamps", "stars"])
def test_a_translation_lost_anywhere_in_the_document_is_named(template):
    document = terms.templates("KRW")[template] | {"examples": []}
    before = terms.TermsWording(terms.parse(document), "en", for_staff=True)
    ways = list(_texts_in(document))
    assert len(ways) > 15
    for way in ways:
        changed = json.loads(json.dumps(document))
        at = changed
        for step in way:
            at = at[step]
        lost = at.pop("ko")
        with translation.override("en"):
            found = changes(before, terms.TermsWording(terms.parse(changed), "en", for_staff=True))
        assert [(each.kind, each.before) for each in found] == [("removed", lost)], way


def test_transfers_and_notices_have_forms(cafe, hana):
    publish(cafe)
    page = url(cafe, "programme/part?part=transfers")
    typed = fields(hana, page) | {
        "transfers-is_on": "on",
        "transfers-minimum_points": "10",
        "transfers-given_per_month": "500",
    }
    assert hana.post(page, typed | {"transfers-maximum_points": "5"}).status_code == 422
    assert hana.post(page, typed).status_code == 302
    assert draft(cafe).document["transfers"] == {
        "minimum_points": 10, "maximum_points": None, "given_per_month": 500, "received_per_month": None,
    }  # fmt: skip

    page = url(cafe, "programme/part?part=notices")
    count = len(draft(cafe).document["notices"])
    new = f"notices-{count}"
    half = fields(hana, page) | {f"{new}-title": "Company"}
    assert hana.post(page, half).status_code == 422
    assert (
        hana.post(page, half | {f"{new}-body": "Café Haneul, Seoul", f"{new}-body__ko": "서울 하늘카페"}).status_code
        == 302
    )
    assert draft(cafe).document["notices"][-1] == {
        "title": "Company", "body": {"en": "Café Haneul, Seoul", "ko": "서울 하늘카페"},
    }  # fmt: skip
    said = [change.label for change in hana.get(url(cafe, "programme/review")).context["changes"]]
    assert "Transfers between members" in said
    assert "Company" in said

    again = fields(hana, page)
    assert hana.post(page, again | {f"{new}-remove": "on"}).status_code == 302
    assert len(draft(cafe).document["notices"]) == count


def test_an_edit_of_the_draft_is_on_record(cafe, hana):
    publish(cafe)
    page = url(cafe, "programme/part?part=transfers")
    hana.post(page, fields(hana, page) | {"transfers-is_on": "on"})
    rows = hana.get(url(cafe, "settings/record")).context["rows"]
    assert str(rows[0]["what"]) == "edited the draft of the programme"
    assert rows[0]["details"] == ["what was edited: transfers between members"]
    # Saved without a change, there is nothing to tell.
    hana.post(page, fields(hana, page))
    assert len(hana.get(url(cafe, "settings/record")).context["rows"]) == len(rows)


def test_weekdays_in_a_row_are_a_span():
    cafe = terms.parse(terms.templates()["cafe"])
    with translation.override("ko"):
        assert terms.TermsWording(cafe, "ko").weekdays(["mon", "tue", "wed", "thu", "fri"]) == "월~금"
    with translation.override("zh-hant"):
        assert terms.TermsWording(cafe, "zh-hant").weekdays(["mon", "tue", "wed", "thu", "fri"]) == "週一至週五"
    with translation.override("en"):
        assert terms.TermsWording(cafe, "en").weekdays(["mon", "tue", "thu"]) == "Mon, Tue, and Thu"


def test_claims_are_listed_by_when_they_were_made(db):
    """A till that was offline sends Tuesday's redemption on Friday: it stands under Tuesday."""
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.is_given(500)
    first, second = (mina.redeems(points=100, order_total_minor=5000) for _each in range(2))
    with tenancy.tenant(cafe.merchant):
        Redemption.objects.filter(public_id=second.public_id).update(occurred_at=cafe.now - timedelta(days=3))
        rows = listing.listed(merchant=cafe.merchant, now=cafe.now, limit=1)
        assert [row.public_id for row in rows] == [first.public_id]
        older = listing.listed(merchant=cafe.merchant, now=cafe.now, before=(rows[0].occurred_at, rows[0].id))
        assert [row.public_id for row in older] == [second.public_id]
