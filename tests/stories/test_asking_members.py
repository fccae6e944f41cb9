"""How was it, and where are my points: a link on the receipt, and a question that staff answer once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client

from analytics import runs
from engagement import asking, missing
from engagement.models import MissingPoints, SurveyResponse
from merchants import keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.outbox import OutboxEvent
from rewards import balances, merging, purchases
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import join, member_browser, open_shop, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(PROGRAMME)
    return shop


@pytest.fixture
def mina(cafe):
    return join(cafe, name="Mina")


@pytest.fixture
def phone(cafe, mina):
    return member_browser(cafe, mina)


@pytest.fixture
def manager(cafe):
    return staff_browser(cafe, "manager")


def bought(shop, member=None, *, name="sale-1", days=0, amount=20_000):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(
        external_id=name, occurred_at=now - timedelta(days=days), currency="KRW", total_minor=amount, location="main",
        member=MemberRef(id=member.public_id) if member else None,
    )  # fmt: skip
    with tenancy.tenant(shop):
        return purchases.record(merchant=shop, items=[sold], now=now, actor=SYSTEM)[0].public_id


def link(shop, purchase):
    return f"/m/{shop.slug}/asked/{asking.token(merchant=shop, purchase=purchase)}"


def answers(shop):
    with tenancy.tenant(shop):
        return list(
            SurveyResponse.objects.filter(merchant=shop).order_by("pk").values_list("score", "comment", "channel")
        )


def spendable(shop, member):
    with tenancy.tenant(shop):
        held = balances.of_member(merchant=shop, member_id=member.pk, now=datetime.now(UTC))
        return held.spendable if held else 0


def later(monkeypatch, **time):
    moment = datetime.now(UTC) + timedelta(**time)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)


# -- how was it? ------------------------------------------------------------------------------------------------------


def test_a_guest_answers_by_the_link_on_the_receipt_without_signing_in(cafe):
    address, guest = link(cafe, bought(cafe)), Client()

    page = guest.get(address)
    assert "How likely are you to recommend us" in page.content.decode()
    assert answers(cafe) == [], "only a press saves, a mail scanner's look does not"
    done = guest.post(address, {"score": "9", "comment": "Warm"}, follow=True)

    assert "Thank you" in done.content.decode()
    assert "You said 9 of 10." in done.content.decode()
    assert answers(cafe) == [(9, "Warm", "link")]


def test_an_answer_is_changed_within_a_day_and_counts_once(cafe, mina, monkeypatch):
    address, guest = link(cafe, bought(cafe, mina)), Client()
    guest.post(address, {"score": "9", "comment": ""})
    assert "Change my answer" in guest.get(address).content.decode()
    assert 'value="9"' in guest.get(f"{address}?change").content.decode()
    guest.post(address, {"score": "3", "comment": "Cold"})
    assert answers(cafe) == [(3, "Cold", "link")]
    with tenancy.tenant(cafe):
        told = OutboxEvent.objects.filter(merchant=cafe, kind="survey.answered").order_by("pk")
        assert [event.payload["score"] for event in told] == [9, 3]
        assert {event.payload["member"] for event in told} == {mina.public_id}

    later(monkeypatch, hours=24, minutes=1)
    assert "Change my answer" not in guest.get(address).content.decode()
    guest.post(address, {"score": "10", "comment": ""})
    assert answers(cafe) == [(3, "Cold", "link")]


def test_her_own_page_and_the_link_ask_the_same_question_once(cafe, mina, phone):
    purchase = bought(cafe, mina)
    phone.post(f"/m/{cafe.slug}/survey/{purchase}", {"score": "8"})

    assert "You said 8 of 10." in Client().get(link(cafe, purchase)).content.decode()
    assert len(answers(cafe)) == 1


def test_a_link_that_was_changed_or_is_old_asks_nothing(cafe, monkeypatch):
    address = link(cafe, bought(cafe))
    other = link(cafe, bought(cafe, name="sale-2"))
    swapped = address.rpartition("-")[0] + "-" + other.rpartition("-")[2]
    for wrong in (swapped, address + "x", f"/m/{cafe.slug}/asked/nothing"):
        answer = Client().post(wrong, {"score": "0"})
        assert (answer.status_code, "This link is over" in answer.content.decode()) == (410, True)

    later(monkeypatch, days=31)
    assert Client().get(address).status_code == 410
    assert answers(cafe) == []


def test_a_link_outlives_a_change_of_the_secret_key_while_the_old_one_is_kept(cafe, settings):
    address = link(cafe, bought(cafe))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key of this installation", [settings.SECRET_KEY]
    assert Client().get(address).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert Client().get(address).status_code == 410


def test_another_merchants_link_is_not_ours(cafe):
    elsewhere = open_shop("bookshop")
    Shop(elsewhere).publish(PROGRAMME)
    address = link(elsewhere, bought(elsewhere)).replace(elsewhere.slug, cafe.slug)
    assert Client().get(address).status_code == 410


def test_a_score_is_chosen_first(cafe):
    address = link(cafe, bought(cafe))
    answer = Client().post(address, {"comment": "?"})
    assert (answer.status_code, "Choose a number from 0 to 10." in answer.content.decode()) == (422, True)
    assert answers(cafe) == []


# -- where are my points? ---------------------------------------------------------------------------------------------


def asks(shop, phone, *, amount="12,400", receipt="R-77", days=1):
    day = datetime.now(shop.tzinfo).date() - timedelta(days=days)
    return phone.post(f"/m/{shop.slug}/missing", {"bought_on": f"{day}", "amount": amount, "receipt": receipt})


def question(shop):
    with tenancy.tenant(shop):
        return MissingPoints.objects.get(merchant=shop).public_id


def settles(shop, manager, **fields):
    return manager.post(f"/console/{shop.slug}/members/missing-points/settle", fields, follow=True).content.decode()


def test_she_asks_staff_give_and_she_sees_it(cafe, mina, phone, manager):
    assert asks(cafe, phone).status_code == 302
    asked = phone.get(f"/m/{cafe.slug}/missing").content.decode()
    assert "waiting" in asked
    assert ('<span class="affix__before">₩</span>' in asked, ">KRW<" in asked) == (True, False)
    assert "Missing points (1)" in manager.get(f"/console/{cafe.slug}/members/").content.decode()
    listed = manager.get(f"/console/{cafe.slug}/members/missing-points").content.decode()
    assert ("₩12,400" in listed, "R-77" in listed) == (True, True)
    assert re.search(r'name="points" value="124"', listed), "what such a purchase gives is filled in"

    settles(cafe, manager, question=question(cafe), act="accept", points="124")

    assert spendable(cafe, mina) == 124
    page = phone.get(f"/m/{cafe.slug}/missing").content.decode()
    assert ("given" in page, "+124" in page) == (True, True)
    assert "Missing points, receipt R-77" in phone.get(f"/m/{cafe.slug}/activity").content.decode()


def test_a_letter_says_what_became_of_it(cafe, manager, django_capture_on_commit_callbacks):
    jun = join(cafe, name="Jun", email="jun@example.org")
    browser = member_browser(cafe, jun)
    for receipt, settled in (
        ("R-77", {"act": "accept", "points": "124"}),
        ("R-78", {"act": "decline", "reason": "This receipt is not ours."}),
    ):
        asks(cafe, browser, receipt=receipt)
        with tenancy.tenant(cafe):
            waiting = MissingPoints.objects.get(merchant=cafe, state="waiting").public_id
        with django_capture_on_commit_callbacks(execute=True):
            settles(cafe, manager, question=waiting, **settled)

    assert [letter.to for letter in mail.outbox] == [["jun@example.org"]] * 2
    assert "your purchase of ₩12,400 at Cafe Haneul: its points are on your account now" in mail.outbox[0].body
    assert "₩12,400 at Cafe Haneul and could not give points for it: This receipt is not ours." in mail.outbox[1].body


def test_the_dashboard_points_at_questions_that_wait(cafe, mina, phone, manager):
    page = f"/console/{cafe.slug}/dashboard"
    bought(cafe, mina)
    runs.run(cafe, now=datetime.now(UTC))
    assert "about missing points" not in manager.get(page).content.decode()
    asks(cafe, phone)
    assert "1 question about missing points" in manager.get(page).content.decode()


def test_however_often_it_is_pressed_the_points_come_once(cafe, mina, phone, manager):
    asks(cafe, phone)
    for _press in range(3):
        said = settles(cafe, manager, question=question(cafe), act="accept", points="124")
    assert "Somebody has answered this already." in said
    assert spendable(cafe, mina) == 124


def test_a_purchase_that_named_nobody_becomes_hers_as_of_its_day(cafe, mina, phone, manager):
    sold = bought(cafe, name="R-77", amount=50_000, days=1)
    asks(cafe, phone, amount="12,400")
    listed = manager.get(f"/console/{cafe.slug}/members/missing-points").content.decode()
    assert ("₩50,000 on" in listed, "Give them this purchase" in listed) == (True, True)

    for _press in range(2):
        settles(cafe, manager, question=question(cafe), act="claim", purchase=sold)

    assert spendable(cafe, mina) == 500
    assert "+500" in phone.get(f"/m/{cafe.slug}/missing").content.decode()


def test_the_wrong_ones_receipt_is_taken_off_again_and_the_right_one_has_it(cafe, mina, phone, manager):
    """Mina asked about Jisoo's receipt, staff gave it to her; Jisoo comes with the paper."""
    sold, jisoo = bought(cafe, name="R-77", amount=50_000, days=1), join(cafe, name="Jisoo")
    asks(cafe, phone, amount="50,000")
    settles(cafe, manager, question=question(cafe), act="claim", purchase=sold)
    card = f"/console/{cafe.slug}/members/{mina.public_id}"
    page = manager.get(f"{card}?show=purchases").content.decode()
    assert ("Not theirs …" in page, "Take this receipt off again?" in page) == (True, True)
    (claim,) = re.findall(r'name="claim" value="(clm_\w+)"', page)

    nothing = manager.post(f"{card}/unclaim", {"claim": claim, "reason": " "}, follow=True).content.decode()
    assert ("Say why: the member reads it." in nothing, spendable(cafe, mina)) == (True, 500)
    for _press in range(2):
        said = manager.post(f"{card}/unclaim", {"claim": claim, "reason": "It is Jisoo's."}, follow=True)
        assert "and its points are taken back" in said.content.decode()

    assert spendable(cafe, mina) == 0
    asked = phone.get(f"/m/{cafe.slug}/missing").content.decode()
    assert ("declined" in asked, "It is Jisoo&#x27;s." in asked) == (True, True)
    moved = phone.get(f"/m/{cafe.slug}/activity").content.decode()
    assert ("A receipt that was added by mistake" in moved, "It is Jisoo&#x27;s." in moved) == (True, True)
    kept = manager.get(f"{card}?show=activity").content.decode()
    assert ("Receipt taken off again" in kept, "It is Jisoo&#x27;s." in kept) == (True, True)
    asks(cafe, member_browser(cafe, jisoo), amount="50,000")
    with tenancy.tenant(cafe):
        waiting = MissingPoints.objects.get(merchant=cafe, state="waiting").public_id
    settles(cafe, manager, question=waiting, act="claim", purchase=sold)
    assert (spendable(cafe, mina), spendable(cafe, jisoo)) == (0, 500)


def test_what_was_sold_to_her_is_not_a_receipt_to_take_off(cafe, mina, manager):
    sold = bought(cafe, mina, name="R-77")
    card = f"/console/{cafe.slug}/members/{mina.public_id}"
    assert "Not theirs" not in manager.get(f"{card}?show=purchases").content.decode()
    said = manager.post(f"{card}/unclaim", {"claim": sold, "reason": "Why not"}, follow=True).content.decode()
    assert ("There was no such claim." in said, spendable(cafe, mina)) == (True, 200)


def test_declining_takes_a_reason_which_she_reads(cafe, mina, phone, manager):
    asks(cafe, phone)
    said = settles(cafe, manager, question=question(cafe), act="decline", reason=" ")
    assert "Say why: the member reads it." in said
    settles(cafe, manager, question=question(cafe), act="decline", reason="This receipt is not ours.")

    page = phone.get(f"/m/{cafe.slug}/missing").content.decode()
    assert ("declined" in page, "This receipt is not ours." in page) == (True, True)
    assert spendable(cafe, mina) == 0


def test_a_manager_gives_no_more_than_their_limit(cafe, mina, phone, manager):
    type(cafe).objects.filter(pk=cafe.pk).update(adjustment_points_max=100)
    asks(cafe, phone)
    settles(cafe, manager, question=question(cafe), act="accept", points="124")

    assert spendable(cafe, mina) == 0
    with tenancy.tenant(cafe):
        assert MissingPoints.objects.get(merchant=cafe).state == "waiting"


def test_a_receipt_that_counts_meanwhile_is_not_given_points_as_well(cafe, mina, phone, manager):
    """She asked, then brought the receipt to the counter; the list of questions was open since the morning."""
    asks(cafe, phone)
    sold = bought(cafe, name="R-77", amount=12_400, days=1)
    said = settles(cafe, manager, question=question(cafe), act="accept", points="124")
    assert "The till has this purchase, and it has no member yet: give them the purchase itself." in said
    with tenancy.tenant(cafe):
        claim = purchases.ClaimInput(
            external_id="c-1", purchase=purchases.PurchaseRef(id=sold), member=MemberRef(id=mina.public_id)
        )
        purchases.claim(merchant=cafe, asked=claim, now=datetime.now(UTC), actor=SYSTEM)

    said = settles(cafe, manager, question=question(cafe), act="accept", points="124")

    assert "A purchase with this receipt number counts for a member already." in said
    assert spendable(cafe, mina) == 124
    with tenancy.tenant(cafe):
        assert MissingPoints.objects.get(merchant=cafe).state == "waiting"


def test_a_sale_that_comes_after_its_points_were_given_is_not_paid_for_twice(cafe, mina, phone, manager):
    """The till was offline when she asked: its sale, with her name on it, came the day after the answer."""
    desk, board = f"/console/{cafe.slug}/members/missing-points", f"/console/{cafe.slug}/dashboard"
    asks(cafe, phone)
    settles(cafe, manager, question=question(cafe), act="accept", points="120")
    assert "Counted twice" not in manager.get(desk).content.decode()
    bought(cafe, mina, name="R-77", amount=12_400, days=1)
    assert spendable(cafe, mina) == 244
    runs.run(cafe, now=datetime.now(UTC))
    assert "1 sale counted twice" in manager.get(board).content.decode()
    listed = " ".join(manager.get(desk).content.decode().split())
    assert "For receipt R-77 you gave 120 points by hand." in listed
    assert "The sale itself (₩12,400) has come since, and gave 124." in listed

    said = [settles(cafe, manager, question=question(cafe), act="take_back") for _press in range(2)]

    assert "The points given by hand are taken back." in said[0]
    assert "There is nothing to take back." in said[1]
    assert spendable(cafe, mina) == 124
    assert "Counted twice" not in manager.get(desk).content.decode()
    assert "counted twice" not in manager.get(board).content.decode()
    assert "The purchase itself has counted since" in phone.get(f"/m/{cafe.slug}/activity").content.decode()


# -- two tills that count alike -----------------------------------------------------------------------------------------


@pytest.fixture
def left_and_right(cafe):
    """Two tills, each of which puts a name of its own before the numbers it prints."""
    for side in ("left", "right"):
        with tenancy.tenant(cafe):
            keys.issue(
                merchant=cafe, name=side, scopes=["purchases:write"], id_namespace=side, actor=SYSTEM, now=datetime.now(UTC)
            )  # fmt: skip


def listed(shop, manager):
    return " ".join(manager.get(f"/console/{shop.slug}/members/missing-points").content.decode().split())


def test_a_receipt_is_found_by_the_number_on_it_whatever_the_tills_key_puts_before(
    cafe, mina, phone, manager, left_and_right
):
    sold = bought(cafe, name="left:77", amount=50_000, days=1)
    asks(cafe, phone, receipt="77", amount="50,000")
    assert "₩50,000 on" in listed(cafe, manager)

    settles(cafe, manager, question=question(cafe), act="claim", purchase=sold)

    assert spendable(cafe, mina) == 500


def test_of_two_sales_with_one_number_staff_choose_and_nobody_guesses(cafe, mina, phone, manager, left_and_right):
    """Number 77 was printed at the left till and at the right one: Jisoo's is the left one, Mina's the right one."""
    jisoo = join(cafe, name="Jisoo")
    hers = bought(cafe, jisoo, name="left:77", amount=30_000, days=1)
    sold = bought(cafe, name="right:77", amount=12_400, days=1)
    asks(cafe, phone, receipt="77")
    page = listed(cafe, manager)
    assert ("₩30,000 on" in page, "₩12,400 on" in page, "Several tills count alike here" in page) == (True, True, True)
    assert page.count("Give them this purchase") == 1

    said = settles(cafe, manager, question=question(cafe), act="claim", purchase=hers)
    assert "This purchase has a member already. Nothing was added." in said
    settles(cafe, manager, question=question(cafe), act="claim", purchase=sold)

    assert (spendable(cafe, mina), spendable(cafe, jisoo)) == (124, 300)


def test_another_tills_sale_with_the_number_stands_in_nobodys_way_once_staff_have_compared(
    cafe, mina, phone, manager, left_and_right
):
    """The right till is offline; the left one's number 77 is Jisoo's. Then the right one comes, with Mina's name on it."""
    hers = bought(cafe, join(cafe, name="Jisoo"), name="left:77", amount=30_000, days=1)
    asks(cafe, phone, receipt="77")
    said = settles(cafe, manager, question=question(cafe), act="accept", points="124")
    assert "A purchase with this receipt number counts for a member already." in said
    assert spendable(cafe, mina) == 0

    settles(cafe, manager, question=question(cafe), act="accept", points="124", others=hers)
    assert spendable(cafe, mina) == 124
    assert "Counted twice" not in listed(cafe, manager), "the left till's sale was compared"

    bought(cafe, mina, name="right:77", amount=12_400, days=1)
    assert "The sale itself (₩12,400) has come since, and gave 124." in listed(cafe, manager)
    settles(cafe, manager, question=question(cafe), act="take_back")
    assert (spendable(cafe, mina), "Counted twice" in listed(cafe, manager)) == (124, False)


def test_a_late_sale_of_another_till_is_told_apart(cafe, mina, phone, manager, left_and_right):
    asks(cafe, phone, receipt="77")
    settles(cafe, manager, question=question(cafe), act="accept", points="124")
    other = bought(cafe, join(cafe, name="Jisoo"), name="left:77", amount=30_000, days=1)
    assert "It is another receipt" in listed(cafe, manager)

    said = settles(cafe, manager, question=question(cafe), act="note_other_receipt", purchase=other)

    assert "Noted: that is another receipt." in said
    assert "Counted twice" not in listed(cafe, manager)
    assert "There is nothing to take back." in settles(cafe, manager, question=question(cafe), act="take_back")
    assert spendable(cafe, mina) == 124


def test_next_weeks_number_77_has_nothing_to_do_with_it(cafe, mina, phone, manager, left_and_right, monkeypatch):
    asks(cafe, phone, receipt="77")
    settles(cafe, manager, question=question(cafe), act="accept", points="124")
    with tenancy.tenant(cafe):
        MissingPoints.objects.filter(merchant=cafe).update(asked_at=datetime.now(UTC) - timedelta(days=7))

    bought(cafe, mina, name="left:77", amount=30_000)

    assert "Counted twice" not in listed(cafe, manager)


def test_her_own_number_77_of_another_day_is_not_the_one_she_asks_about(cafe, mina, phone, left_and_right):
    bought(cafe, mina, name="left:77", days=3)
    assert asks(cafe, phone, receipt="77", days=1).status_code == 302
    assert "in your activity already" in asks(cafe, phone, receipt="77", days=3).content.decode()


def test_the_dashboard_counts_what_came_twice_in_one_statement(cafe, mina, phone, manager, django_assert_num_queries):
    for number in range(3):
        asks(cafe, phone, receipt=f"R-{number}")
        with tenancy.tenant(cafe):
            waiting = MissingPoints.objects.get(merchant=cafe, state="waiting").public_id
        settles(cafe, manager, question=waiting, act="accept", points="120")
        bought(cafe, mina, name=f"R-{number}", amount=12_400, days=1)

    with tenancy.tenant(cafe), django_assert_num_queries(2):  # the namespaces, and the count
        assert missing.paid_twice_count(merchant=cafe) == 3


def test_nothing_is_counted_twice_where_the_sale_gave_nothing(cafe, mina, phone, manager):
    """Two questions: one was answered by the purchase itself, the other's sale came later and was taken back."""
    sold = bought(cafe, name="R-77", amount=12_400, days=1)
    asks(cafe, phone)
    settles(cafe, manager, question=question(cafe), act="claim", purchase=sold)
    asks(cafe, phone, receipt="R-78")
    with tenancy.tenant(cafe):
        waiting = MissingPoints.objects.get(merchant=cafe, state="waiting").public_id
    settles(cafe, manager, question=waiting, act="accept", points="124")
    bought(cafe, mina, name="R-78", amount=12_400, days=1)
    taken_back = purchases.RefundInput(
        external_id="r-1", occurred_at=datetime.now(UTC), purchase=purchases.PurchaseRef(external_id="R-78")
    )
    with tenancy.tenant(cafe):
        purchases.refund(merchant=cafe, asked=taken_back, now=datetime.now(UTC), actor=SYSTEM)

    said = settles(cafe, manager, question=waiting, act="take_back")

    assert "There is nothing to take back." in said
    assert spendable(cafe, mina) == 248


def test_a_receipt_too_old_to_be_claimed_can_be_given_points(cafe, mina, phone, manager):
    bought(cafe, name="R-77", amount=12_400, days=cafe.claim_days_max + 1)
    asks(cafe, phone, days=cafe.claim_days_max + 1)

    settles(cafe, manager, question=question(cafe), act="accept", points="124")

    assert spendable(cafe, mina) == 124


def test_one_receipt_is_asked_about_once_also_by_somebody_else(cafe, mina, phone):
    asks(cafe, phone)
    assert "You have asked about this purchase already." in asks(cafe, phone).content.decode()
    jisoo = member_browser(cafe, join(cafe, name="Jisoo"))
    assert "This receipt was asked about already." in asks(cafe, jisoo).content.decode()
    with tenancy.tenant(cafe):
        assert MissingPoints.objects.filter(merchant=cafe).count() == 1


def test_what_she_asked_under_her_old_membership_is_still_hers(cafe, mina, phone, manager):
    old = join(cafe, name="Mina")
    asks(cafe, member_browser(cafe, old))
    assert "R-77" not in phone.get(f"/m/{cafe.slug}/missing").content.decode()

    with tenancy.tenant(cafe):
        merging.merge(merchant=cafe, source=old.public_id, target=mina.public_id, now=datetime.now(UTC), actor=SYSTEM)
    settles(cafe, manager, question=question(cafe), act="accept", points="124")

    page = phone.get(f"/m/{cafe.slug}/missing").content.decode()
    assert ("R-77" in page, "+124" in page) == (True, True)
    assert spendable(cafe, mina) == 124


def test_what_is_in_her_activity_is_not_missing(cafe, mina, phone):
    bought(cafe, mina, name="R-77")
    assert "in your activity already" in asks(cafe, phone).content.decode()


@pytest.mark.parametrize(("amount", "days"), [("0", 1), ("", 1), ("a lot", 1), ("9" * 25, 1), ("100", -1), ("100", 91)])
def test_what_cannot_be_a_purchase_is_asked_again(cafe, phone, amount, days):
    assert asks(cafe, phone, amount=amount, days=days).status_code == 422
    with tenancy.tenant(cafe):
        assert not MissingPoints.objects.filter(merchant=cafe).exists()


def test_five_questions_wait_at_most(cafe, phone):
    for number in range(missing.WAITING_MAX):
        assert asks(cafe, phone, receipt=f"R-{number}").status_code == 302
    assert "Five of your questions wait already." in asks(cafe, phone, receipt="R-6").content.decode()


def test_an_analyst_and_a_cashier_do_not_answer(cafe, phone):
    asks(cafe, phone)
    for role in ("analyst", "cashier"):
        browser = staff_browser(cafe, role)
        assert browser.get(f"/console/{cafe.slug}/members/missing-points").status_code == 403
