"""Jun stands at the counter with a phone: who it is, what they paid, what they get; and nothing twice."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from members.models import Consent, Member
from merchants import ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location
from rewards import balances, purchases, redemptions
from rewards.models.purchases import Purchase, Refund
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import cashier_browser, join, open_shop

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
    assert "at least three" in page


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
    assert "Points pay ₩3,000; ₩7,000 is left to pay." in shown
    assert spendable(cafe, mina) == 1000
    answer = jun.post(at(cafe, f"members/{mina.public_id}"), form)
    assert "Points pay ₩3,000; ₩7,000 is left to pay." in jun.get(answer["Location"]).content.decode()
    with tenancy.tenant(cafe):
        earned = Purchase.objects.get(merchant=cafe, total_minor=10_000).points_earned
    assert spendable(cafe, mina) == 700 + earned
    assert jun.post(at(cafe, f"members/{mina.public_id}"), form)["Location"] == answer["Location"]
    assert spendable(cafe, mina) == 700 + earned

    jun.post(f"{answer['Location']}/undo")
    assert spendable(cafe, mina) == 1000


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
    jun.post(undo)

    assert spendable(cafe, mina) == 0
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
    for _press in range(3):
        jun.post(f"{answer['Location']}/undo")

    assert "The sale is taken back" in jun.get(answer["Location"]).content.decode()
    assert spendable(cafe, mina) == 0
    with tenancy.tenant(cafe):
        assert Refund.objects.filter(merchant=cafe).count() == 1


def test_nobody_undoes_a_colleagues_sale(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina)
    other = cashier_browser(cafe, pin="8642")

    assert "Undo this sale" not in other.get(answer["Location"]).content.decode()
    other.post(f"{answer['Location']}/undo")
    assert spendable(cafe, mina) == 124


def test_typing_a_colleagues_receipt_number_does_not_make_the_sale_ones_own(cafe, jun, mina):
    answer, _form = sell(cafe, jun, mina, receipt="R-1009")
    other = cashier_browser(cafe, pin="8642")

    again, _form = sell(cafe, other, mina, receipt="R-1009")

    assert (again.status_code, "recorded already. Nothing was added" in again.content.decode()) == (422, True)
    other.post(f"{answer['Location']}/undo")
    assert spendable(cafe, mina) == 124


def test_after_half_an_hour_a_manager_must_do_it(cafe, jun, mina, monkeypatch):
    answer, _form = sell(cafe, jun, mina)
    late = datetime.now(UTC) + timedelta(minutes=31)
    monkeypatch.setattr("django.utils.timezone.now", lambda: late)

    jun.post(f"{answer['Location']}/undo")
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


def test_enrolling_takes_two_fields_and_a_yes(cafe, jun):
    form = {"contact": "010 9999 8888", "name": "Ara"}
    assert jun.post(at(cafe, "enrol"), form).status_code == 422

    first, second = (jun.post(at(cafe, "enrol"), {**form, "agrees": "on"}) for _ in range(2))

    assert first["Location"] == second["Location"]
    with tenancy.tenant(cafe):
        ara = Member.objects.select_related("location").get(merchant=cafe, phone="+821099998888")
        assert (ara.name, ara.location.code) == ("Ara", "main")
        said = Consent.objects.get(merchant=cafe, member=ara)
        assert (said.purpose, said.source, said.is_granted) == ("terms", "counter", True)


def test_with_several_places_one_is_chosen_once(cafe, jun, mina):
    with tenancy.tenant(cafe):
        second = Location.objects.create(merchant=cafe, public_id=ids.mint("loc"), code="airport", name="Airport")
    assert "Where are you?" in jun.get(at(cafe)).content.decode()
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
    assert "Undo this sale" not in page
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
