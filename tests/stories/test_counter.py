"""Jun stands at the counter with a phone: who it is, what they paid, what they get; and nothing twice."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from loyalty.console.counter import goods_keys
from loyalty.ui import formats
from members.models import Consent, Member
from merchants import ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location, Merchant
from rewards import balances, purchases, redemptions, versions
from rewards.models.purchases import Purchase, PurchaseLine, Refund
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import cashier_browser, join, open_shop, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(PROGRAMME)
    return shop


@pytest.fixture
def jun(cafe):
    return cashier_browser(cafe)


@pytest.fixture
def mina(cafe):
    return join(cafe, name="Mina", phone="+821012345678")


def at(cafe, path=""):
    return f"/console/{cafe.slug}/counter/{path}"


def minted(answer, name="minted"):
    found = re.search(rf'name="{name}"[^>]*value="([a-z]+_[0-9a-z]{{16}})"', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def sell(cafe, jun, mina, amount="12,400", **fields):
    page = jun.get(at(cafe, f"members/{mina.public_id}"))
    form = {"minted": minted(page), "amount": amount, "receipt": "", **fields}
    return jun.post(at(cafe, f"members/{mina.public_id}"), form), form


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        held = balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC))
        assert held is not None
        return held.spendable


@pytest.mark.parametrize("typed", ["010-1234-5678", "{code}", "{grouped}", "Mina"])
def test_one_hit_leads_on_at_once(cafe, jun, mina, typed):
    typed = typed.format(code=mina.code.lower(), grouped=ids.grouped(mina.code))

    answer = jun.get(at(cafe), {"q": typed})

    assert answer["Location"].endswith(f"/counter/members/{mina.public_id}")


def test_contacts_are_masked_and_two_letters_find_nobody(cafe, jun, mina):
    assert "12345678" not in jun.get(at(cafe, f"members/{mina.public_id}")).content.decode()
    page = jun.get(at(cafe), {"q": "Mi"}).content.decode()
    assert "Mina" not in page
    assert "Type three letters" in page


def test_a_sale_is_told_with_its_why(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)

    page = jun.get(answer["Location"]).content.decode()
    assert "+124 points" in page
    assert "1 for 100: +124 points" in page
    assert spendable(cafe, mina) == 124
    with tenancy.tenant(cafe):
        sold = Purchase.objects.select_related("location").get(merchant=cafe)
    assert (sold.total_minor, sold.currency, sold.channel, sold.location.code) == (12400, "KRW", "counter", "main")
    assert sold.actor.startswith("staff:seat_")


def test_before_recording_it_says_what_the_sale_would_give_and_writes_nothing(cafe, jun, mina):
    page = jun.get(at(cafe, f"members/{mina.public_id}"))
    form = {"minted": minted(page), "amount": "12,400", "receipt": "", "act": "preview"}

    whole = jun.post(at(cafe, f"members/{mina.public_id}"), form).content.decode()
    part = jun.post(at(cafe, f"members/{mina.public_id}"), form, headers={"HX-Request": "true"}).content.decode()
    for shown in (whole, part):
        assert "Will give 124 points" in shown
        assert "1 for 100: +124 points" in shown
    assert ("Record the sale" in whole, "Record the sale" in part) == (True, False)
    half = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "amount": ""}, headers={"HX-Request": "true"})
    assert (half.status_code, "Will give" in half.content.decode()) == (200, False)
    assert spendable(cafe, mina) == 0
    with tenancy.tenant(cafe):
        assert not Purchase.objects.filter(merchant=cafe).exists()


def test_points_pay_a_part_of_the_sale_and_come_back_when_it_is_undone(cafe, jun, mina):
    Shop(cafe).publish({**PROGRAMME, "pay_with_points": {"points": 1, "amount_minor": 10}})
    sell(cafe, jun, mina, amount="100,000")
    assert spendable(cafe, mina) == 1000

    page = jun.get(at(cafe, f"members/{mina.public_id}"))
    form = {"minted": minted(page), "amount": "10,000", "receipt": "", "points": "300"}
    shown = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "act": "preview"}).content.decode()
    assert "is left to pay: points pay ₩3,000." in shown
    assert spendable(cafe, mina) == 1000
    answer = jun.post(at(cafe, f"members/{mina.public_id}"), form)
    assert "is left to pay: points pay ₩3,000." in jun.get(answer["Location"]).content.decode()
    with tenancy.tenant(cafe):
        earned = Purchase.objects.get(merchant=cafe, total_minor=10_000).points_earned
    assert spendable(cafe, mina) == 700 + earned
    assert jun.post(at(cafe, f"members/{mina.public_id}"), form)["Location"] == answer["Location"]
    assert spendable(cafe, mina) == 700 + earned

    jun.post(f"{answer['Location']}/undo", {"external_id": ids.mint("ref")})
    assert spendable(cafe, mina) == 1000
    # What points had paid came back as points: the rest is money.
    assert "Pay back ₩7,000." in jun.get(answer["Location"]).content.decode()


def test_more_points_than_she_has_pay_nothing(cafe, jun, mina):
    Shop(cafe).publish({**PROGRAMME, "pay_with_points": {"points": 1, "amount_minor": 10}})
    sell(cafe, jun, mina, amount="10,000")
    answer, _form = sell(cafe, jun, mina, amount="50,000", points="101")

    assert answer.status_code == 422
    assert spendable(cafe, mina) == 100


def test_the_last_thing_done_is_undone_from_the_first_page(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)
    page = jun.get(at(cafe)).content.decode()
    assert "₩12,400 for Mina" in page
    undo = re.search(r'action="([^"]+/undo)"', page)[1]
    assert undo == f"{answer['Location']}/undo"
    minted = re.search(r'name="external_id" value="(ref_\w+)"', page)[1]
    jun.post(undo, {"external_id": minted})

    assert spendable(cafe, mina) == 0
    with tenancy.tenant(cafe):
        assert Refund.objects.get(merchant=cafe).external_id == f"counter:{minted}"
    assert "/undo" not in jun.get(at(cafe)).content.decode()


def test_the_same_form_twice_is_one_sale(cafe, jun, mina):
    first, form = sell(cafe, jun, mina)
    second = jun.post(at(cafe, f"members/{mina.public_id}"), form)

    assert second["Location"] == first["Location"]
    assert spendable(cafe, mina) == 124


def test_the_same_form_with_another_amount_is_refused(cafe, jun, mina):
    _first, form = sell(cafe, jun, mina)
    answer = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "amount": "99000"})

    assert answer.status_code == 422
    assert "recorded already. Nothing was added" in answer.content.decode()
    assert spendable(cafe, mina) == 124


def test_a_receipt_number_is_the_sales_own_id(cafe, jun, mina):
    sell(cafe, jun, mina, receipt="R-1009")
    answer, _form = sell(cafe, jun, mina, amount="5000", receipt="R-1009")

    assert answer.status_code == 422
    with tenancy.tenant(cafe):
        assert Purchase.objects.get(merchant=cafe).external_id == "R-1009"


@pytest.mark.parametrize("amount", ["", "0", "-5", "a lot", "12.5", "1e9", "10000000000001", "9" * 25])
def test_what_is_no_amount_is_asked_again(cafe, jun, mina, amount):
    answer, form = sell(cafe, jun, mina, amount=amount)

    assert answer.status_code == 422
    assert form["minted"] in answer.content.decode()
    assert "12.50" not in answer.content.decode()  # no example of an amount that a won does not have
    assert spendable(cafe, mina) == 0


def test_an_undone_sale_leaves_nothing_however_often_it_is_pressed(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)
    undoing = {"external_id": ids.mint("ref")}
    for pressed in (undoing, undoing, {"external_id": ids.mint("ref")}, {}):
        jun.post(f"{answer['Location']}/undo", pressed)

    assert "The sale is taken back" in jun.get(answer["Location"]).content.decode()
    assert spendable(cafe, mina) == 0
    with tenancy.tenant(cafe):
        assert Refund.objects.filter(merchant=cafe).count() == 1


def test_undoing_a_sale_takes_the_id_of_its_form(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)
    for pressed in ({}, {"external_id": ""}, {"external_id": ids.mint("pur")}):
        jun.post(f"{answer['Location']}/undo", pressed)

    assert spendable(cafe, mina) == 124
    with tenancy.tenant(cafe):
        assert Refund.objects.filter(merchant=cafe).count() == 0


def test_the_reason_of_what_is_undone_is_kept_in_the_shops_language_whoever_undoes_it(cafe, jun, mina):
    Merchant.objects.filter(pk=cafe.pk).update(language="ko")
    answer, _form = sell(cafe, jun, mina)
    jun.post(f"{answer['Location']}/undo", {"external_id": ids.mint("ref")}, headers={"Accept-Language": "zh-TW"})

    with tenancy.tenant(cafe):
        assert Refund.objects.get(merchant=cafe).reason == "카운터에서 취소"


def test_nobody_undoes_a_colleagues_sale(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)
    other = cashier_browser(cafe, pin="8642")

    assert "Undo, 30 min" not in other.get(answer["Location"]).content.decode()
    other.post(f"{answer['Location']}/undo", {"external_id": ids.mint("ref")})
    assert spendable(cafe, mina) == 124


def test_typing_a_colleagues_receipt_number_does_not_make_the_sale_ones_own(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina, receipt="R-1009")
    other = cashier_browser(cafe, pin="8642")

    again, _form = sell(cafe, other, mina, receipt="R-1009")

    assert (again.status_code, "recorded already. Nothing was added" in again.content.decode()) == (422, True)
    other.post(f"{answer['Location']}/undo", {"external_id": ids.mint("ref")})
    assert spendable(cafe, mina) == 124


def test_after_half_an_hour_a_manager_must_do_it(cafe, jun, mina, monkeypatch):
    answer, _form = sell(cafe, jun, mina)
    late = datetime.now(UTC) + timedelta(minutes=31)
    monkeypatch.setattr("django.utils.timezone.now", lambda: late)

    jun.post(f"{answer['Location']}/undo", {"external_id": ids.mint("ref")})
    assert "too late to undo" in jun.get(answer["Location"]).content.decode()
    assert spendable(cafe, mina) == 124


def test_a_reward_is_taken_once_and_given_back(cafe, jun, mina):
    sell(cafe, jun, mina, amount="30000")
    page = jun.get(at(cafe, f"members/{mina.public_id}/rewards"))
    assert "200 points · for orders from ₩10,000" in page.content.decode(), (
        "nobody should have to be refused to learn it"
    )
    form = {"external_id": minted(page, "external_id"), "reward": "coffee"}
    first, second = (jun.post(at(cafe, f"members/{mina.public_id}/rewards"), form) for _ in range(2))

    assert first["Location"] == second["Location"]
    assert spendable(cafe, mina) == 200
    shown = jun.get(first["Location"])
    assert "Hand it over" in shown.content.decode()
    jun.post(f"{first['Location']}/give-back", {"external_id": minted(shown, "external_id")})
    assert spendable(cafe, mina) == 300


def test_too_few_points_are_refused_in_words(cafe, jun, mina):
    form = {"external_id": ids.mint("rdm"), "reward": "coffee"}
    answer = jun.post(at(cafe, f"members/{mina.public_id}/rewards"), form, follow=True)

    assert "Nothing was taken." in answer.content.decode()
    with tenancy.tenant(cafe):
        assert Redemption.objects.get(merchant=cafe).state == "refused"


def test_a_members_code_leads_to_its_hand_over(cafe, jun, mina):
    sell(cafe, jun, mina, amount="30000")
    with tenancy.tenant(cafe):
        asked = redemptions.RedemptionRequest(
            external_id="hold-1", member=MemberRef(id=mina.public_id), reward="coffee", hold=True
        )
        held = redemptions.hold(merchant=cafe, asked=asked, now=datetime.now(UTC), actor=SYSTEM)
        view = redemptions.find(merchant=cafe, name=held.public_id, now=datetime.now(UTC))
        assert view is not None
    answer = jun.get(at(cafe), {"q": view.code.lower()})
    page = jun.get(answer["Location"])
    for _press in range(2):
        jun.post(answer["Location"], {"external_id": minted(page, "external_id")})

    assert "Hand it over" in jun.get(answer["Location"]).content.decode()
    assert spendable(cafe, mina) == 200


def test_enrolling_takes_two_fields_and_a_yes_to_each_box(cafe, jun):
    form = {"contact": "010 9999 8888", "name": "Ara"}
    assert jun.post(at(cafe, "enrol"), form).status_code == 422

    first, second = (
        jun.post(at(cafe, "enrol"), {**form, "terms": "on", "privacy": "on", "marketing_sms": "on"}) for _ in range(2)
    )

    assert first["Location"] == second["Location"]
    with tenancy.tenant(cafe):
        ara = Member.objects.select_related("location").get(merchant=cafe, phone="+821099998888")
        assert (ara.name, ara.location.code) == ("Ara", "main")
        said = Consent.objects.filter(merchant=cafe, member=ara).values_list("purpose", "channel", "source", "document")
        assert set(said) == {
            ("terms", "", "counter", "terms:1"), ("privacy", "", "counter", "privacy:standard-2026-11"),
            ("marketing", "sms", "counter", ""),
        }  # fmt: skip


def test_with_several_places_one_is_chosen_once(cafe, jun, mina):
    with tenancy.tenant(cafe):
        second = Location.objects.create(merchant=cafe, public_id=ids.mint("loc"), code="airport", name="Airport")
    assert "Which shop?" in jun.get(at(cafe)).content.decode()
    assert "Record the sale" not in jun.get(at(cafe, f"members/{mina.public_id}")).content.decode()

    # Asked on Mina's page, he is back on Mina's page.
    asked = jun.get(at(cafe, f"members/{mina.public_id}")).content.decode()
    assert f'<input type="hidden" name="member" value="{mina.public_id}">' in asked
    chosen = jun.post(at(cafe, "place"), {"place": second.public_id, "member": mina.public_id})
    assert chosen["Location"] == at(cafe, f"members/{mina.public_id}")
    assert jun.post(at(cafe, "place"), {"place": second.public_id, "member": "../x"})["Location"] == at(cafe)
    sell(cafe, jun, mina)

    with tenancy.tenant(cafe):
        assert Purchase.objects.select_related("location").get(merchant=cafe).location.code == "airport"


def test_a_blocked_member_collects_nothing(cafe, jun, mina):
    with tenancy.tenant(cafe):
        Member.objects.filter(merchant=cafe, pk=mina.pk).update(state="blocked")
    answer, _form = sell(cafe, jun, mina)

    assert answer.status_code == 422
    assert "This membership is blocked" in answer.content.decode()


# -- a receipt brought back ---------------------------------------------------------------------------------------------


def sold_to_nobody(cafe, number, days=1):
    sale = purchases.PurchaseInput(
        external_id=number, occurred_at=datetime.now(UTC) - timedelta(days=days), currency="KRW", total_minor=12_400
    )
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sale], now=datetime.now(UTC), actor=SYSTEM)


def brings(cafe, jun, mina, number):
    page = jun.get(at(cafe, f"members/{mina.public_id}"))
    form = {"claim_minted": minted(page, "claim_minted"), "bought": number}
    return jun.post(at(cafe, f"members/{mina.public_id}/claim"), form), form


def test_a_receipt_is_added_to_whoever_brings_it_once(cafe, jun, mina):
    sold_to_nobody(cafe, "R-7")

    first, form = brings(cafe, jun, mina, " R-7 ")
    again = jun.post(at(cafe, f"members/{mina.public_id}/claim"), form)

    assert first.status_code == again.status_code == 302
    assert first["Location"] == again["Location"]
    page = jun.get(first["Location"]).content.decode()
    assert "+124 points" in page
    assert "1 for 100: +124 points" in page
    assert "Undo, 30 min" not in page
    assert spendable(cafe, mina) == 124


def test_of_two_receipts_with_one_number_the_cashier_says_which(cafe, jun, mina):
    for side, days in (("left", 1), ("right", 2)):
        with tenancy.tenant(cafe):
            keys.issue(merchant=cafe, name=side, scopes=["purchases:write"], id_namespace=side, actor=SYSTEM,
                       now=datetime.now(UTC))  # fmt: skip
        sold_to_nobody(cafe, f"{side}:77", days=days)

    asked, form = brings(cafe, jun, mina, "77")
    page = asked.content.decode()
    chosen = re.findall(r'name="which" value="(pur_\w+)"', page)
    assert (asked.status_code, "choose the sale that is printed on it" in page, len(chosen)) == (422, True, 2)
    assert spendable(cafe, mina) == 0

    for _press in range(2):
        done = jun.post(at(cafe, f"members/{mina.public_id}/claim"), {**form, "which": chosen[1]})
        assert done["Location"].endswith(f"{chosen[1]}")
    assert spendable(cafe, mina) == 124
    with tenancy.tenant(cafe):
        assert Purchase.objects.get(merchant=cafe, public_id=chosen[1]).external_id == "right:77"


def test_a_number_that_only_one_till_sent_may_still_be_another_tills(cafe, jun, mina):
    """The receipt in her hand is of the right till, whose sale has not come yet."""
    with tenancy.tenant(cafe):
        keys.issue(merchant=cafe, name="left", scopes=["purchases:write"], id_namespace="left", actor=SYSTEM,
                   now=datetime.now(UTC))  # fmt: skip
    sold_to_nobody(cafe, "left:77", days=1)

    asked, form = brings(cafe, jun, mina, "77")

    [chosen] = re.findall(r'name="which" value="(pur_\w+)"', asked.content.decode())
    assert (asked.status_code, spendable(cafe, mina)) == (422, 0)
    assert jun.post(at(cafe, f"members/{mina.public_id}/claim"), {**form, "which": chosen}).status_code == 302
    assert spendable(cafe, mina) == 124


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("R-0", "No sale has this number"),
        ("OLD", "this one is older"),
        ("MINE", "has a member already"),
        ("", "required"),
    ],
)
def test_what_cannot_be_added_says_why_beside_the_number(cafe, jun, mina, number, said):
    sold_to_nobody(cafe, "OLD", days=20)
    sell(cafe, jun, mina, receipt="MINE")

    answer, _form = brings(cafe, jun, mina, number)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert spendable(cafe, mina) == 124


def test_a_merchant_who_takes_no_receipts_back_has_no_field_for_them(cafe, jun, mina):
    cafe.claim_days_max = 0
    cafe.save(update_fields=["claim_days_max"])
    assert "claim_minted" not in jun.get(at(cafe, f"members/{mina.public_id}")).content.decode()


GOODS = {
    **PROGRAMME,
    "earning": {
        "rules": [
            {"kind": "per_money", "code": "base", "name": "1 for 100", "points": 1, "per_amount_minor": 100},
            {
                "kind": "per_item", "code": "cups", "name": "10 a cup", "points": 10, "only": {"categories": ["coffee"]},
            },
        ],
        "excluding": {"categories": ["gift_card"], "skus": ["tobacco"]},
    },
}  # fmt: skip


def line(field, name, amount, count=1):
    """A line as a tap on a key makes it."""
    return json.dumps([field, name, amount, count])


def keys_of(cafe):
    with tenancy.tenant(cafe):
        return goods_keys.keys_of(versions.timeline(cafe.pk).at(datetime.now(UTC)).terms)


def test_a_cashier_says_how_much_of_it_was_which_goods_and_rules_apply(db):
    """12,000 in all: two coffees of 8,000, tobacco of 1,500, the rest is cake. 80 + 20 for coffee, 25 for cake."""
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(GOODS)
    jun, mina = cashier_browser(shop), join(shop, name="Mina", phone="+821012345678")

    answer, _form = sell(
        shop, jun, mina, "2,500", line=[line("category", "coffee", 8_000, 2), line("sku", "tobacco", 1_500)]
    )

    assert answer.status_code == 302
    assert spendable(shop, mina) == 125
    with tenancy.tenant(shop):
        lines = PurchaseLine.objects.order_by("position").values_list(
            "category", "sku", "quantity_milli", "amount_minor"
        )
        assert list(lines) == [("coffee", "", 2000, 8_000), ("", "tobacco", 1000, 1_500), ("", "", 1000, 2_500)]


def test_a_gift_card_sold_at_the_counter_earns_nothing(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(GOODS)
    jun, mina = cashier_browser(shop), join(shop, name="Mina", phone="+821012345678")
    assert "gift_card" in [key.line.get("kind") for key in keys_of(shop)]

    answer, _form = sell(shop, jun, mina, "", line=[line("category", "gift_card", 30_000)])

    assert answer.status_code == 302
    assert spendable(shop, mina) == 0
    with tenancy.tenant(shop):
        assert PurchaseLine.objects.get().kind == "gift_card"
        with translation.override("ko"):
            named = [key.label for key in goods_keys.keys_of(versions.timeline(shop.pk).at(datetime.now(UTC)).terms)]
    # The till's code is no word for a key: what is no goods has its name in the reader's language.
    assert named == ["Coffee", "상품권", "tobacco", "팁", "보증금", "배송비", "수수료"]


@pytest.mark.parametrize(
    "sent",
    ["", "coffee", "[]", '["category", "coffee", 5000]', '["category", "coffee", "5000", 1]', '["category", "", 5000, 1]',
     '["category", "coffee", -5000, 1]', '["category", "coffee", 0, 1]', '["category", "coffee", 5000, 0]',
     '["category", "coffee", 5000, 10001]', '["category", "coffee", true, 1]', '["kind", "bread", 5000, 1]',
     '["price", "coffee", 5000, 1]', '["category", "coffee", 10000000000001, 1]', '[["x"], "coffee", 5000, 1]'],
)  # fmt: skip
def test_a_line_that_no_key_makes_is_refused_and_nothing_is_recorded(cafe, jun, mina, sent):
    answer, _form = sell(cafe, jun, mina, "5,000", line=[sent])

    assert answer.status_code == 422
    assert "A line of the sale could not be read." in answer.content.decode()
    assert count_of_sales(cafe) == 0


def test_without_script_a_tap_adds_a_line_one_more_counts_and_a_line_is_removed(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(GOODS)
    jun, mina = cashier_browser(shop), join(shop, name="Mina", phone="+821012345678")
    form = {"minted": ids.mint("pur"), "amount": "4,000", "receipt": ""}
    here = at(shop, f"members/{mina.public_id}")
    coffee, tobacco = ('["category", "coffee"]', '["sku", "tobacco"]')

    def pressed(**more):
        answer = jun.post(here, {**form, **more})
        page = answer.content.decode()
        form["line"] = [html.unescape(text) for text in re.findall(r'name="line" value="([^"]+)"', page)]
        return answer.status_code, [json.loads(text) for text in form["line"]]

    assert pressed(tap=coffee) == (200, [["category", "coffee", 4_000, 1]])
    assert pressed(tap=coffee) == (200, [["category", "coffee", 8_000, 2]])
    form["amount"] = "1,500"
    assert pressed(tap=tobacco) == (200, [["category", "coffee", 8_000, 2], ["sku", "tobacco", 1_500, 1]])
    assert pressed(more="0")[1][0] == ["category", "coffee", 8_000, 3]
    assert pressed(drop="1") == (200, [["category", "coffee", 8_000, 3]])
    # Without an amount there is nothing to tap for.
    form["amount"] = ""
    assert pressed(tap=tobacco)[0] == 422
    assert count_of_sales(shop) == 0

    jun.post(here, {**form, "amount": "2,000"})
    with tenancy.tenant(shop):
        sold = Purchase.objects.get()
        # 1 for 100 of 10,000, and 10 a cup.
        assert (sold.total_minor, sold.points_earned) == (10_000, 130)


def test_what_was_sold_lately_has_a_key_too(cafe, jun, mina):
    with tenancy.tenant(cafe):
        now = datetime.now(UTC)
        for days, category in ((1, "cake"), (2, "cake"), (1, "bread"), (100, "snow")):
            sold = purchases.PurchaseInput(
                external_id=ids.mint("pur"), occurred_at=now - timedelta(days=days), currency="KRW", total_minor=3_000,
                lines=(purchases.LineInput(amount_minor=3_000, category=category),),
            )  # fmt: skip
            source = purchases.SaleSource(may_backfill=True, is_silent=True)
            purchases.record(merchant=cafe, items=[sold], now=now, actor=SYSTEM, source=source)
    page = jun.get(at(cafe, f"members/{mina.public_id}")).content.decode()
    keys = [json.loads(html.unescape(text)) for text in re.findall(r'name="tap" value="([^"]+)"', page)]
    assert [key for key in keys if key[0] == "category"][-2:] == [["category", "cake"], ["category", "bread"]]
    assert "snow" not in page


def rings_up(cafe, member, *amounts):
    with tenancy.tenant(cafe):
        for amount in amounts:
            sold = purchases.PurchaseInput(
                external_id=ids.mint("pur"), occurred_at=datetime.now(UTC), currency="KRW", total_minor=amount,
                member=MemberRef(id=member.public_id),
            )  # fmt: skip
            purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)


def count_of_sales(cafe):
    with tenancy.tenant(cafe):
        return Purchase.objects.count()


def test_an_amount_forty_times_the_usual_is_asked_about_and_recorded_only_on_yes(cafe, jun, mina):
    rings_up(cafe, mina, 8_000, 9_000, 10_000, 11_000, 12_000)
    asked, form = sell(cafe, jun, mina, amount="400,000")
    told = asked.content.decode()
    assert (asked.status_code, count_of_sales(cafe)) == (422, 5)
    assert "That is 40 times your usual sale. Record it?" in told
    assert 'value="400,000"' in told
    assert form["minted"] in told
    changed = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "amount": "500,000", "confirmed": "400000"})
    assert (changed.status_code, count_of_sales(cafe)) == (422, 5), "yes was said to another amount"
    for _press in range(2):
        done = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "confirmed": "400000"})
        assert done.status_code == 302
    assert count_of_sales(cafe) == 6


def test_the_first_sale_of_a_shop_is_asked_about_when_it_is_far_beyond_its_rules(cafe, jun, mina):
    """A point for each 100 won: sales of 50,000 are large there, and twenty times that is asked about."""
    asked, form = sell(cafe, jun, mina, amount="99,999,999")
    assert (asked.status_code, count_of_sales(cafe)) == (422, 0)
    assert "That is a lot for one of the first sales. Record it?" in asked.content.decode()
    done = jun.post(at(cafe, f"members/{mina.public_id}"), {**form, "confirmed": "99999999"})
    assert (done.status_code, count_of_sales(cafe)) == (302, 1)


def test_a_slip_of_the_finger_beyond_two_hundred_usual_sales_is_no_cashiers(cafe, jun, mina):
    rings_up(cafe, mina, *[10_000] * 5)
    refused, form = sell(cafe, jun, mina, amount="99,999,999", confirmed="99999999")
    assert (refused.status_code, count_of_sales(cafe)) == (422, 5)
    assert "That is 9,999 times your usual sale. A manager has to record it." in refused.content.decode()
    manager = staff_browser(cafe, "manager")
    assert manager.post(at(cafe, f"members/{mina.public_id}"), {**form, "confirmed": "99999999"}).status_code == 302
    assert count_of_sales(cafe) == 6


def test_points_on_the_way_are_told_with_their_day_on_every_page_of_the_counter(db):
    shop = open_shop("cafe-later")
    later = {**PROGRAMME, "earning": {**PROGRAMME["earning"], "pending": {"days": 15}},
             "rewards": [{"code": "coffee", "kind": "product", "name": "Coffee", "price_points": 100}]}  # fmt: skip
    Shop(shop).publish(later)
    jun, mina = cashier_browser(shop), join(shop, name="Mina")
    sold, _form = sell(shop, jun, mina, amount="71,000")
    day = formats.day_and_month(datetime.now(UTC).astimezone(shop.tzinfo).date() + timedelta(days=15))
    receipt = jun.get(sold["Location"]).content.decode()
    assert "Can be spent from" in receipt
    assert day in receipt
    for path in (f"members/{mina.public_id}", f"members/{mina.public_id}/rewards"):
        page = jun.get(at(shop, path)).content.decode()
        told = " ".join(re.sub(r"<[^>]+>", "", page).split())
        assert re.search(rf"[0-9,]+ \w+ from {day}", told), told
    assert f"enough from {day}" in told


def test_what_is_wrong_with_an_amount_is_said_while_it_is_typed(cafe, jun, mina):
    page = jun.get(at(cafe, f"members/{mina.public_id}"))
    for typed in ("8500.5", "12만", "-5", "0"):
        form = {"minted": minted(page), "amount": typed, "act": "preview"}
        told = jun.post(at(cafe, f"members/{mina.public_id}"), form, headers={"HX-Request": "true"})
        assert "Type " in told.content.decode(), typed
    empty = jun.post(
        at(cafe, f"members/{mina.public_id}"), {**form, "amount": ""}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Type " not in empty
    assert "This field" not in empty


def test_the_most_points_that_can_pay_are_computed_from_the_amount(db):
    shop = open_shop("cafe-half")
    Shop(shop).publish({**PROGRAMME, "pay_with_points": {"points": 1, "amount_minor": 10, "max_share_percent": 50}})
    jun, mina = cashier_browser(shop), join(shop, name="Mina")
    rings_up(shop, mina, 900_000)
    page = jun.get(at(shop, f"members/{mina.public_id}"))
    form = {"minted": minted(page), "amount": "10,000", "points": "", "receipt": ""}
    typing = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "act": "preview"}, headers={"HX-Request": "true"})
    assert "can pay ₩5,000 of it." in typing.content.decode()
    filled = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "act": "most"}).content.decode()
    assert re.search(r'name="points"[^>]*value="500"|value="500"[^>]*name="points"', filled), filled
    assert "₩5,000" in re.search(r'counter-due">([^<]*)', filled)[1]
    done = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "points": "500"})
    assert "₩5,000" in re.search(r'counter-due--large">([^<]*)', jun.get(done["Location"]).content.decode())[1]


def test_goods_that_points_may_not_pay_for_have_a_key_and_are_left_out_of_the_most(db):
    """10,000 in all, half at most by points; 7,000 of it tobacco, which points do not pay: 3,000 are left, 300 points."""
    shop = open_shop("cafe-smoke")
    paying = {"points": 1, "amount_minor": 10, "max_share_percent": 50, "excluding": {"categories": ["tobacco"]}}
    Shop(shop).publish({**PROGRAMME, "pay_with_points": paying})
    jun, mina = cashier_browser(shop), join(shop, name="Mina")
    rings_up(shop, mina, 900_000)
    page = jun.get(at(shop, f"members/{mina.public_id}"))
    tobacco = [line("category", "tobacco", 7_000)]
    form = {"minted": minted(page), "amount": "3,000", "points": "", "receipt": "", "line": tobacco}

    filled = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "act": "most"}).content.decode()
    assert re.search(r'name="points"[^>]*value="300"|value="300"[^>]*name="points"', filled), filled
    refused = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "points": "301"})
    assert (refused.status_code, count_of_sales(shop)) == (422, 1)
    done = jun.post(at(shop, f"members/{mina.public_id}"), {**form, "points": "300"})
    assert "₩7,000" in re.search(r'counter-due--large">([^<]*)', jun.get(done["Location"]).content.decode())[1]


def test_an_amount_with_two_meanings_is_asked_about_and_neither_is_recorded(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina, "12.000")
    assert (answer.status_code, count_of_sales(cafe)) == (422, 0)
    assert "This can mean two amounts: type 12000 or 12." in answer.content.decode()


def test_the_terms_open_over_the_form_and_a_sandbox_says_so(cafe, jun):
    page = jun.get(at(cafe, "enrol")).content.decode()
    assert 'data-dialog="terms-sheet"' in page
    assert 'id="terms-sheet"' in page
    assert 'target="_blank"' in page
    assert "Sandbox" not in page
    Merchant.objects.filter(pk=cafe.pk).update(is_sandbox=True)
    assert "Sandbox: nothing here is real." in jun.get(at(cafe)).content.decode()


def test_after_a_sale_the_next_member_is_one_key_away(cafe, jun, mina):
    sold, _form = sell(cafe, jun, mina)
    assert re.search(r"<a[^>]*data-focus[^>]*>\s*Next member", jun.get(sold["Location"]).content.decode())
