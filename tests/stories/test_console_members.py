"""Hana looks after her members: finds them, reads why, corrects, refunds, undoes, merges; and every look is on record."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from analytics import runs
from engagement import surveys
from engagement.surveys import AnswerInput
from members.models import Card, Member
from merchants import audit, ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location
from rewards import purchases
from rewards.models.corrections import Adjustment
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina Park", phone="+821023456789", email="mina@example.org")


def url(cafe, page):
    return f"/console/{cafe.merchant.slug}/{page}"


def minted(browser, address):
    return browser.get(address).context["form"]["external_id"].value()


def acts(cafe):
    with tenancy.tenant(cafe.merchant):
        return [record.action for record in audit.newest(merchant=cafe.merchant)]


@pytest.mark.parametrize("typed", ["Mina", "mina p", "010-2345-6789", "mina@", "code"])
def test_members_are_found_by_what_people_say(cafe, hana, mina, typed):
    cafe.member("Jisoo")
    with tenancy.tenant(cafe.merchant):
        code = Member.objects.get(merchant=cafe.merchant, pk=mina.id).code
    page = hana.get(url(cafe, "members/"), {"q": code if typed == "code" else typed})

    assert [str(row["member"]) for row in page.context["rows"]] == ["Mina Park"]
    assert "mina@example.org" not in page.content.decode()


def test_a_long_list_goes_page_by_page(cafe, hana):
    cafe.cast(*(f"Member {number}" for number in range(30)))
    first = hana.get(url(cafe, "members/"))
    second = hana.get(url(cafe, "members/"), {"cursor": first.context["cursor"]})

    names = [str(row["member"]) for page in (first, second) for row in page.context["rows"]]
    assert (len(names), len(set(names)), second.context["cursor"]) == (30, 30, None)
    assert hana.get(url(cafe, "members/"), {"cursor": "made-up"}).status_code == 404


def test_somebody_is_enrolled_with_what_they_agreed_to(cafe, hana):
    form = {"name": "Doyun", "phone": "010-3456-7890", "consents": ["terms", "privacy"]}
    assert hana.post(url(cafe, "members/enrol"), {**form, "consents": []}).status_code == 422

    answer = hana.post(url(cafe, "members/enrol"), form, follow=True)

    assert "Doyun is a member now." in answer.content.decode()
    again = hana.post(url(cafe, "members/enrol"), {**form, "name": "Twin"})
    assert again.status_code == 422
    assert again.context["form"].errors["phone"] == ["Another member has this telephone number."]


def test_the_page_shows_what_is_held_and_why_it_moved(cafe, hana, mina):
    mina.buys(12_300)
    mina.redeems(reward="coffee")
    page = hana.get(url(cafe, f"members/{mina.public_id}"))

    text = page.content.decode()
    assert page.context["balance"].spendable == 23
    assert [(moved.title, moved.change) for moved in page.context["moved"]] == [("Redeemed", -100), ("Purchase", 123)]
    assert "1 for 100: +123 points" in text
    assert "Coffee" in text
    assert page.context["standing"]["next"] == "Gold"
    for part in ("purchases", "redemptions", "points", "person"):
        assert hana.get(url(cafe, f"members/{mina.public_id}"), {"show": part}).status_code == 200


def test_activity_names_papers_as_the_till_named_them(cafe, hana, mina):
    """A till's number stands without the prefix its key puts before it; what only we named stands without a name."""
    with tenancy.tenant(cafe.merchant):
        keys.issue(merchant=cafe.merchant, name="Left", scopes=["purchases:write"], id_namespace="left",
                   actor=SYSTEM, now=builders.NOON)  # fmt: skip
    mina.buys(30_000, external_id="R-1001")
    mina.buys(1_000, external_id="left:R-1002", redeeming=[{"reward": "coffee"}])
    mina.buys(1_000, external_id="counter:pur_0000000000000001")
    activity = hana.get(url(cafe, f"members/{mina.public_id}"))
    shopping = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "purchases"})

    assert sorted(moved.number for moved in activity.context["moved"]) == ["", "", "R-1001", "R-1002"]
    assert sorted(number for _purchase, number in shopping.context["purchases"]) == ["", "R-1001", "R-1002"]
    for page in (activity, shopping):
        assert not [ours for ours in ("counter:", "left:") if ours in page.content.decode()]


def test_contacts_are_masked_until_somebody_looks_and_that_is_written_down(cafe, hana, mina):
    page = hana.get(url(cafe, f"members/{mina.public_id}")).content.decode()
    assert "+821023456789" not in page
    assert "+82…89" in page

    shown = hana.post(url(cafe, f"members/{mina.public_id}/reveal")).content.decode()

    assert "+821023456789" in shown
    assert acts(cafe)[0] == "member.revealed"
    ann = staff_browser(cafe.merchant, "analyst")
    assert ann.post(url(cafe, f"members/{mina.public_id}/reveal")).status_code == 403


def test_a_balance_is_corrected_once_however_often_the_form_is_sent(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/adjust")
    form = {"external_id": minted(hana, address), "way": "give", "points": "50", "reason": "Cold coffee"}

    for _twice in range(2):
        assert hana.post(address, form).status_code == 302

    page = hana.get(url(cafe, f"members/{mina.public_id}"))
    assert page.context["balance"].spendable == 50
    assert "Cold coffee" in page.content.decode()
    with tenancy.tenant(cafe.merchant):
        assert Adjustment.objects.filter(merchant=cafe.merchant).count() == 1


def test_a_manager_stays_within_the_limit_and_nobody_takes_what_is_not_there(cafe, mina):
    manager = staff_browser(cafe.merchant, "manager")
    address = url(cafe, f"members/{mina.public_id}/adjust")
    form = {"external_id": minted(manager, address), "way": "give", "points": "10001", "reason": "Goodwill"}

    above = manager.post(address, form)
    assert above.status_code == 422
    assert "at most 10000 points" in above.context["form"].errors["points"][0]

    short = manager.post(address, {**form, "way": "take", "points": "5"})
    assert short.status_code == 422
    assert short.context["form"]["external_id"].value() != form["external_id"]


def test_a_purchase_comes_back_line_by_line_and_its_points_with_it(cafe, hana, mina):
    bought = mina.buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    form = {"external_id": minted(hana, address), "way": "amount", "amount": "4,000", "reason": "One was cold"}

    assert hana.post(address, {**form, "way": "amount", "amount": ""}).status_code == 422
    assert hana.post(address, form).status_code == 302
    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "purchases"})

    ((purchase, _number),) = page.context["purchases"]
    assert (purchase.refunded_minor, purchase.points_kept, page.context["balance"].spendable) == (4000, 60, 60)
    # Sent again, nothing more comes back; and not more than was bought.
    hana.post(address, form)
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["balance"].spendable == 60
    too_much = hana.post(address, {**form, "external_id": minted(hana, address), "amount": "7,000"})
    assert too_much.status_code == 422


def test_a_refund_says_what_to_pay_back_in_money(cafe, hana, mina):
    mina.is_given(500)
    bought = mina.buys(10_000, redeeming=[{"points": 100}])
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    form = {"external_id": minted(hana, address), "way": "all", "reason": "Too cold"}
    page = hana.post(address, form, follow=True).content.decode()
    assert "Pay back ₩9,000." in page
    assert (
        "₩9,000 paid back" in hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "purchases"}).content.decode()
    )
    assert mina.points()[0] == 500


def test_a_refund_says_what_it_would_do_before_it_is_made(cafe, hana, mina):
    """10,000 won earned 100; 4,000 of them go back and take 40 points along, 60 stay. Looking changes nothing."""
    bought = mina.buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    page = hana.get(address)
    assert (page.context["effect"]["pay_out_minor"], page.context["effect"]["points_clawed_back"]) == (10_000, 100)

    form = {"external_id": minted(hana, address), "way": "amount", "amount": "4,000", "act": "preview"}
    tried = hana.post(address, form, headers={"HX-Request": "true"})

    assert tried.status_code == 200
    text = tried.content.decode()
    assert "<html" not in text
    assert "₩4,000" in text
    effect = tried.context["effect"]
    assert (effect["points_clawed_back"], effect["balance_after"]) == (40, 60)
    # Without a script the whole page says the same.
    assert "₩4,000" in hana.post(address, form).content.decode()
    assert mina.points()[0] == 100
    assert "purchase.refunded" not in acts(cafe)

    wrong = hana.post(address, form | {"amount": "70,000"}, headers={"HX-Request": "true"})
    assert "More would come back than is left of the purchase" in wrong.content.decode()
    no_reason = hana.post(address, form | {"act": "", "reason": ""})
    assert (no_reason.status_code, list(no_reason.context["form"].errors)) == (422, ["reason"])
    assert mina.points()[0] == 100


def _told(hana, cafe):
    rows = hana.get(url(cafe, "settings/record")).context["rows"]
    return [(str(row["what"]), row["details"]) for row in rows]


def test_refunds_and_corrections_are_on_record_with_from_to_and_reason(cafe, hana, mina):
    bought = mina.buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    form = {"external_id": minted(hana, address), "way": "amount", "amount": "4,000", "reason": "One was cold"}
    hana.post(address, form)
    adjust = url(cafe, f"members/{mina.public_id}/adjust")
    hana.post(adjust, {"way": "give", "points": "500", "reason": "A sorry", "external_id": minted(hana, adjust)})

    adjusted, refunded = _told(hana, cafe)[:2]

    assert adjusted == ("adjusted points", ["points: 500", "balance: 60 → 560", "reason: A sorry"])
    assert refunded == (
        "refunded a purchase",
        ["points: −40", "amount: ₩4,000", "left of the purchase: ₩10,000 → ₩6,000", "reason: One was cold"],
    )
    # Sent again, it is neither done nor noted again.
    hana.post(address, form)
    assert [what for what, _details in _told(hana, cafe)].count("refunded a purchase") == 1
    # What is kept for ever holds no words of people.
    with tenancy.tenant(cafe.merchant):
        assert all("reason" not in row.details for row in audit.newest(merchant=cafe.merchant))


def test_an_undone_redemption_is_on_record(cafe, hana, mina):
    mina.is_given(500)
    taken = mina.redeems(points=200, order_total_minor=5000)
    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "redemptions"})
    mint = page.context["redemptions"][0]["mint"]
    asked = {"redemption": taken.public_id, "external_id": mint, "reason": "Wrong button"}
    hana.post(url(cafe, f"members/{mina.public_id}/undo"), asked)

    assert _told(hana, cafe)[0] == ("reversed a redemption", ["points: 200", "reason: Wrong button"])


def test_activity_is_one_line_an_event_in_words_for_staff(cafe, hana, mina):
    mina.buys(10_000)
    page = hana.get(url(cafe, f"members/{mina.public_id}"))
    (bought,) = page.context["moved"]
    assert (bought.title, bought.about, bought.who) == ("Purchase", "₩10,000", "an API key")
    assert not [line for line in bought.why if line.startswith("Your")]
    text = page.content.decode()
    assert text.count('<summary class="event__line">') == 1
    assert 'class="timeline__month"' in text


def test_activity_is_narrowed_to_what_was_earned_or_taken_by_hand(cafe, hana, mina):
    mina.buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/adjust")
    given = {"external_id": minted(hana, address), "way": "give", "points": "30", "reason": "A long wait"}
    assert hana.post(address, given).status_code == 302

    def shown(only):
        page = hana.get(url(cafe, f"members/{mina.public_id}"), {"only": only})
        return [event.change for event in page.context["moved"]]

    assert shown("") == [30, 100]
    assert (shown("earned"), shown("adjusted"), shown("spent")) == ([100], [30], [])
    assert shown("no such kind") == [30, 100]


def test_an_owner_takes_more_than_there_is_and_the_rest_is_owed(cafe, hana, mina):
    mina.is_given(30)
    address = url(cafe, f"members/{mina.public_id}/adjust")
    form = {"external_id": minted(hana, address), "way": "take", "points": "50", "reason": "Points of a stolen card"}
    refused = hana.post(address, form)
    assert refused.status_code == 422
    assert mina.points() == (30, 0, 0, 0)
    form["external_id"] = refused.context["form"]["external_id"].value()
    assert hana.post(address, {**form, "allow_debt": "on"}).status_code == 302
    assert mina.points() == (0, 0, 0, 20)

    manager = staff_browser(cafe.merchant, "manager")
    assert "allow_debt" not in manager.get(address).content.decode()
    form["external_id"] = minted(manager, address)
    assert manager.post(address, {**form, "allow_debt": "on"}).status_code == 422
    assert mina.points() == (0, 0, 0, 20)


def test_an_amount_typed_beside_all_that_is_left_takes_nothing_back(cafe, hana, mina):
    """Who types 4,000 and forgets to choose “an amount” does not mean 10,000."""
    bought = mina.buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    form = {"external_id": minted(hana, address), "way": "all", "amount": "4,000", "reason": "One was cold"}
    line = hana.get(address).context["form"].line_fields()[0].html_name

    for fields, wrong in (({}, "amount"), ({"amount": "", line: "1"}, line), ({"way": "amount", line: "1"}, line)):
        page = hana.post(address, {**form, **fields})
        assert page.status_code == 422
        assert list(page.context["form"].errors) == [wrong]
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["balance"].spendable == 100

    assert hana.post(address, {**form, "amount": ""}).status_code == 302
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["balance"].spendable == 0


def test_another_members_purchase_is_not_taken_back_here(cafe, hana, mina):
    bought = cafe.member("Jisoo").buys(10_000)
    address = url(cafe, f"members/{mina.public_id}/refund?purchase={bought.public_id}")
    assert hana.post(address, {"external_id": "x", "way": "all"}).status_code == 302
    assert cafe.people["Jisoo"].balance().spendable == 100


def test_a_redemption_is_undone_and_a_hold_released(cafe, hana, mina):
    mina.is_given(300)
    mina.redeems(reward="coffee")
    mina.holds(reward="mug", hold_minutes=40_000)
    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "redemptions"})
    # The stage's clock is long past: the hold has timed out by itself.
    assert [row["row"].state for row in page.context["redemptions"]] == ["expired", "captured"]
    coffee = page.context["redemptions"][1]

    for _twice in range(2):
        hana.post(
            url(cafe, f"members/{mina.public_id}/undo"),
            {"redemption": coffee["row"].public_id, "external_id": coffee["mint"]},
        )

    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "redemptions"})
    assert page.context["balance"].spendable == 300
    assert page.context["redemptions"][1]["row"].state == "reversed"


def test_a_membership_is_blocked_with_a_reason_and_opened_again(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/turn")
    assert "Say why" in hana.post(address, {"act": "block", "reason": ""}, follow=True).content.decode()
    hana.post(address, {"act": "block", "reason": "Sold points to others"})
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["member"].state == "blocked"
    hana.post(address, {"act": "unblock"})
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["member"].state == "active"
    assert acts(cafe)[:2] == ["member.unblocked", "member.blocked"]


def test_what_an_unhappy_member_said_is_read_and_taken_care_of_once(cafe, hana, mina):
    now = datetime.now(UTC)
    with tenancy.tenant(cafe.merchant):
        said = AnswerInput(score=3, comment="Cold coffee.", member=mina.public_id, channel="email")
        answer = surveys.record_response(merchant=cafe.merchant, answer=said, now=now, actor=SYSTEM)
    runs.run(cafe.merchant, now=now)
    behind = url(cafe, "dashboard/members?metric=insight&group=detractors_waiting")
    page = url(cafe, f"members/{mina.public_id}")
    assert f'href="{page}?show=person"' in hana.get(behind).content.decode()

    read = hana.get(f"{page}?show=person").content.decode()
    assert ("Cold coffee." in read, "Somebody took care" in read) == (True, True)
    hana.post(f"{page}/turn", {"act": "follow_up", "answer": answer.id})

    read = hana.get(f"{page}?show=person").content.decode()
    assert ("Cold coffee." in read, "Somebody took care" in read, "followed up" in read) == (True, False, True)
    assert hana.get(behind).context["page"].total == 0
    gone = hana.post(f"{page}/turn", {"act": "follow_up", "answer": "srv_0000000000000000"}, follow=True)
    assert "There is no such answer." in gone.content.decode()


def test_a_movement_names_its_place_as_people_do(cafe, hana, mina):
    with tenancy.tenant(cafe.merchant):
        Location.objects.create(
            merchant=cafe.merchant, public_id=ids.mint("loc"), code="y-2", name="Yeonnam by the park"
        )
    sale = purchases.PurchaseInput(
        external_id="R-1", occurred_at=cafe.now, currency="KRW", total_minor=4500, member=mina.ref, location="y-2"
    )
    cafe.does(lambda: purchases.record(merchant=cafe.merchant, items=[sale], now=cafe.now, actor=SYSTEM))

    shown = hana.get(url(cafe, f"members/{mina.public_id}")).context["moved"]
    assert [moved.where for moved in shown] == ["Yeonnam by the park"]


def test_cards_and_consents_are_kept(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/turn")
    hana.post(address, {"act": "give_card", "number": "9000-1234"})
    hana.post(address, {"act": "block_card", "number": "9000-1234", "reason": "lost"})
    hana.post(address, {"act": "consent", "purpose": "marketing_sms", "answer": "yes"})
    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "person"})

    shown = [(card.number, card.blocked_reason, may_undo) for card, may_undo in page.context["cards"]]
    assert shown == [("9000-1234", "lost", True)]
    assert [box["is_granted"] for box in page.context["boxes"]] == [False, False, False, True, False, False, False]


def _cards(hana, cafe, mina):
    page = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "person"})
    return [(card.number, card.blocked_at is not None, may_undo) for card, may_undo in page.context["cards"]]


def test_a_card_is_blocked_by_a_dialog_that_names_it_and_opened_again(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/turn")
    hana.post(address, {"act": "give_card", "number": "9000-1234"})
    text = hana.get(url(cafe, f"members/{mina.public_id}"), {"show": "person"}).content.decode()
    assert "Block card 9000-1234?" in text
    assert "You can undo this for 10 minutes" in text

    hana.post(address, {"act": "block_card", "number": "9000-1234", "reason": ""})
    assert _cards(hana, cafe, mina) == [("9000-1234", True, True)]
    hana.post(address, {"act": "unblock_card", "number": "9000-1234"})
    assert _cards(hana, cafe, mina) == [("9000-1234", False, False)]


def test_a_block_is_final_after_ten_minutes(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/turn")
    hana.post(address, {"act": "give_card", "number": "9000-1234"})
    hana.post(address, {"act": "block_card", "number": "9000-1234"})
    with tenancy.tenant(cafe.merchant):
        Card.objects.update(blocked_at=datetime.now(UTC) - timedelta(minutes=10))

    text = hana.post(address, {"act": "unblock_card", "number": "9000-1234"}, follow=True).content.decode()

    assert "A block can be undone for 10 minutes." in text
    assert _cards(hana, cafe, mina) == [("9000-1234", True, False)]


def test_a_card_is_replaced_in_one_act_or_not_at_all(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/turn")
    jun = cafe.member("Jun")
    hana.post(address, {"act": "give_card", "number": "9000-1234"})
    hana.post(url(cafe, f"members/{jun.public_id}/turn"), {"act": "give_card", "number": "9000-7777"})

    # Jun's number is no new card for Mina: hers still works.
    hana.post(address, {"act": "replace_card", "number": "9000-1234", "new_number": "9000-7777"})
    assert _cards(hana, cafe, mina) == [("9000-1234", False, False)]
    hana.post(address, {"act": "replace_card", "number": "9000-1234", "new_number": "9000-1234"})
    assert _cards(hana, cafe, mina) == [("9000-1234", False, False)]

    hana.post(address, {"act": "replace_card", "number": "9000-1234", "new_number": "9000-5678"})
    assert _cards(hana, cafe, mina) == [("9000-5678", False, False), ("9000-1234", True, True)]


def test_two_memberships_become_one_and_come_apart_again(cafe, hana, mina):
    double = cafe.member("Mina P.")
    mina.is_given(40)
    double.is_given(60)
    address = url(cafe, f"members/{mina.public_id}/merge")

    preview = hana.get(address, {"other": double.public_id}).context["preview"]
    assert str(preview.source) == "Mina P."
    hana.post(address, {"other": double.public_id})

    page = hana.get(url(cafe, f"members/{mina.public_id}"))
    assert page.context["balance"].spendable == 100
    assert hana.get(url(cafe, f"members/{double.public_id}"))["Location"].endswith(mina.public_id)
    (merge,) = page.context["merges"]
    hana.post(url(cafe, f"members/{mina.public_id}/unmerge"), {"merge": merge.public_id})
    assert hana.get(url(cafe, f"members/{mina.public_id}")).context["balance"].spendable == 40
    assert hana.get(url(cafe, f"members/{double.public_id}")).context["balance"].spendable == 60


def test_details_are_corrected_and_contacts_left_empty_stay(cafe, hana, mina):
    address = url(cafe, f"members/{mina.public_id}/change")
    hana.post(address, {"name": "Mina Kim", "birthday": "02-29", "note": "Likes the window"})
    with tenancy.tenant(cafe.merchant):
        member = Member.objects.get(merchant=cafe.merchant, pk=mina.id)
    assert (member.name, member.birth_day, member.phone) == ("Mina Kim", 29, "+821023456789")


def test_an_adjustment_is_undone_once_and_both_stay(cafe, hana, mina):
    adjust = url(cafe, f"members/{mina.public_id}/adjust")
    form = {"way": "give", "points": "120", "reason": "Cold coffee"}
    hana.post(adjust, {**form, "external_id": minted(hana, adjust)})
    with tenancy.tenant(cafe.merchant):
        given = Adjustment.objects.get(merchant=cafe.merchant)
    story = url(cafe, f"members/{mina.public_id}")
    assert hana.get(story).context["may_undo"] == {given.public_id}

    first = hana.post(f"{adjust}/undo", {"adjustment": given.public_id, "reason": "Wrong member"}, follow=True)
    second = hana.post(f"{adjust}/undo", {"adjustment": given.public_id}, follow=True)

    assert "−120 points. New balance 0." in first.content.decode()
    assert "This adjustment has been undone already." in second.content.decode()
    with tenancy.tenant(cafe.merchant):
        rows = Adjustment.objects.filter(merchant=cafe.merchant).order_by("id")
        assert [(row.points, row.reason) for row in rows] == [(120, "Cold coffee"), (-120, "Wrong member")]
    page = hana.get(story)
    assert (page.context["balance"].spendable, page.context["may_undo"]) == (0, set())


def test_all_members_go_into_a_spreadsheet_that_runs_nothing_and_it_is_on_record(cafe, hana, mina):
    cafe.member("=HYPERLINK(1)")
    adjust = url(cafe, f"members/{mina.public_id}/adjust")
    hana.post(adjust, {"way": "give", "points": "120", "reason": "Hello", "external_id": minted(hana, adjust)})

    answer = hana.get(url(cafe, "members/export"))

    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert {row["Name"]: row["Spendable"] for row in rows} == {"Mina Park": "120", "'=HYPERLINK(1)": "0"}
    assert "mina@example.org" not in str(rows)
    assert acts(cafe)[0] == "data.exported"
    assert staff_browser(cafe.merchant, "analyst").get(url(cafe, "members/export")).status_code == 403


def test_contacts_and_consents_are_taken_by_a_right_of_their_own_in_the_owners_language(cafe, hana, mina):
    address = url(cafe, "members/export/contacts")
    hana.post(url(cafe, f"members/{mina.public_id}/turn"),
              {"act": "consent", "purpose": "marketing_sms", "answer": "yes"})  # fmt: skip
    hana.post(url(cafe, f"members/{mina.public_id}/turn"),
              {"act": "consent", "purpose": "marketing_sms", "answer": "no"})  # fmt: skip
    today = datetime.now(ZoneInfo(cafe.merchant.zone)).date()

    answer = hana.get(address)

    (row,) = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert (row["E-mail"], row["Phone"][:4]) == ("mina@example.org", "+821")
    assert (row["Agreed: offers by text message"], row["Agreed: offers by e-mail"]) == (f"no {today}", "")
    assert acts(cafe)[0] == "data.exported"
    for role in ("manager", "analyst"):
        assert staff_browser(cafe.merchant, role).get(address).status_code == 403
    with translation.override("en"):
        head = b"".join(hana.get(address, headers={"Accept-Language": "ko"}).streaming_content).decode("utf-8-sig")
    assert head.splitlines()[0].split(",")[14] == "이메일"
