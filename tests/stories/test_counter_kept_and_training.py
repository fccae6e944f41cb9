"""More of Jun's counter: sales that a tablet kept, guests, stamps taken back, training, what was sold today."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.permissions_policy import NOTHING, WITH_CAMERA
from members.models import Member
from merchants import ids, tenancy
from merchants.models.merchants import Location
from rewards.models.purchases import Purchase
from rewards.models.redemptions import Redemption
from rewards.models.stamps import StampAdjustment, StampBook
from tests.builders import PROGRAMME, Shop
from tests.people import cashier_browser, join, open_shop, staff_browser
from tests.stamp_history import drinks, publish
from tests.stories.test_counter import at, count_of_sales, line, minted, rings_up, sell, spendable

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


# -- sales that a device kept -------------------------------------------------------------------------------------------


def kept(member=None, *, ago=timedelta(minutes=40), clock_off=timedelta(0), **fields):
    """A sale as the tablet kept it, made a while ago by its own clock."""
    now = datetime.now(UTC) + clock_off
    return {
        "minted": ids.mint("pur"), "amount": "12,400", "receipt": "", "member": member.public_id if member else "",
        "place": "", "occurred_at": (now - ago).isoformat(), "sent_at": now.isoformat(), **fields,
    }  # fmt: skip


def sends(browser, cafe, form):
    answer = browser.post(at(cafe, "kept"), form)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_kept_sale_is_recorded_with_the_moment_it_was_made_however_often_it_is_sent(cafe, jun, mina):
    form = kept(mina, line=[line("category", "coffee", 5_000, 2)])
    first = sends(jun, cafe, form)
    again = sends(jun, cafe, {**form, "sent_at": (datetime.now(UTC) + timedelta(minutes=3)).isoformat()})

    assert first["state"] == again["state"] == "recorded"
    assert first["url"] == again["url"]
    with tenancy.tenant(cafe):
        sold = Purchase.objects.get()
        assert (sold.external_id, sold.total_minor, sold.channel) == (f"counter:{form['minted']}", 17_400, "counter")
        assert abs(sold.occurred_at - datetime.fromisoformat(form["occurred_at"])) < timedelta(seconds=31)
        assert sold.terminal.startswith("dev_")
    assert spendable(cafe, mina) == 174
    # What reached us just now can be undone for half an hour from now on.
    assert "Undo, 30 min" in jun.get(first["url"]).content.decode()


def test_a_tablet_whose_clock_is_a_day_ahead_loses_nothing(cafe, jun, mina):
    form = kept(mina, clock_off=timedelta(days=1))
    assert sends(jun, cafe, form)["state"] == "recorded"
    with tenancy.tenant(cafe):
        age = datetime.now(UTC) - Purchase.objects.get().occurred_at
    assert timedelta(minutes=39) < age < timedelta(minutes=41)


def test_a_sale_whose_answer_was_lost_is_the_same_when_the_tablet_sends_it_again(cafe, jun, mina):
    """Recorded by the form as it is without script, and by the tablet, which never learned of it."""
    _sold, form = sell(cafe, jun, mina)
    answer = sends(jun, cafe, kept(mina, ago=timedelta(minutes=1), minted=form["minted"]))
    assert answer["state"] == "recorded"
    assert count_of_sales(cafe) == 1
    other = sends(jun, cafe, kept(mina, ago=timedelta(minutes=1), minted=form["minted"], amount="99,000"))
    assert (other["state"], count_of_sales(cafe)) == ("refused", 1)
    assert "recorded already. Nothing was added" in other["said"]


def test_a_kept_sale_of_a_member_who_is_blocked_meanwhile_is_refused_and_may_be_a_guests(cafe, jun, mina):
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(state="blocked")
    form = kept(mina)
    refused = sends(jun, cafe, form)
    assert (refused["state"], count_of_sales(cafe)) == ("refused", 0)
    assert "blocked" in refused["said"]
    assert sends(jun, cafe, {**form, "member": ""})["state"] == "recorded"
    with tenancy.tenant(cafe):
        assert Purchase.objects.get().member_id is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"occurred_at": "yesterday"}, "The time of this sale cannot be read."),
        ({"occurred_at": "2026-12-01T10:00:00"}, "The time of this sale cannot be read."),
        ({"amount": "0"}, "Type what was paid, more than nothing."),
        ({"member": "mem_0000000000000000"}, "No member found."),
        ({"card": "nobody at all"}, "No member found."),
        ({"line": ["bread"]}, "A line of the sale could not be read."),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_words_and_leaves_nothing(cafe, jun, wrong, said):
    answer = sends(jun, cafe, {**kept(), **wrong})
    assert (answer["state"], count_of_sales(cafe)) == ("refused", 0)
    assert said in answer["said"]


def test_a_sale_older_than_a_till_may_send_is_refused(cafe, jun, mina):
    answer = sends(jun, cafe, kept(mina, ago=timedelta(days=31)))
    assert (answer["state"], count_of_sales(cafe)) == ("refused", 0)
    assert "days back" in answer["said"]


def test_a_card_that_was_typed_without_a_connection_finds_its_one_member(cafe, jun, mina):
    assert sends(jun, cafe, kept(card=mina.code.lower()))["state"] == "recorded"
    assert spendable(cafe, mina) == 124
    join(cafe, name="Mina Lee")
    assert sends(jun, cafe, kept(card="Mina"))["state"] == "refused", "two are called so: nobody guesses"
    assert count_of_sales(cafe) == 1


def test_an_odd_amount_is_asked_about_and_recorded_on_yes_to_that_amount(cafe, jun, mina):
    rings_up(cafe, mina, *[10_000] * 5)
    form = kept(mina, amount="400,000")
    asked = sends(jun, cafe, form)
    assert (asked["state"], asked["total"], count_of_sales(cafe)) == ("asks", 400_000, 5)
    assert sends(jun, cafe, {**form, "confirmed": "40000"})["state"] == "asks"
    for _press in range(2):
        assert sends(jun, cafe, {**form, "confirmed": "400000"})["state"] == "recorded"
    assert count_of_sales(cafe) == 6
    too_much = sends(jun, cafe, kept(mina, amount="99,999,999", confirmed="99999999"))
    assert (too_much["state"], count_of_sales(cafe)) == ("refused", 6)
    assert "A manager has to record it." in too_much["said"]


def test_a_kept_sale_belongs_to_the_shop_it_was_made_in(cafe, mina):
    with tenancy.tenant(cafe):
        airport = Location.objects.create(merchant=cafe, public_id=ids.mint("loc"), code="airport", name="Airport")
    manager = staff_browser(cafe, "manager")
    assert sends(manager, cafe, kept(mina, place=airport.public_id))["state"] == "recorded"
    with tenancy.tenant(cafe):
        assert Purchase.objects.get().location.code == "airport"


def test_whoever_signs_on_next_sends_what_a_colleague_kept(cafe, jun, mina):
    form = kept(mina)
    noa = cashier_browser(cafe, pin="8642")
    assert sends(noa, cafe, form)["state"] == "recorded"
    assert spendable(cafe, mina) == 124


def test_points_are_never_spent_by_a_kept_sale(cafe, jun, mina):
    Shop(cafe).publish({**PROGRAMME, "pay_with_points": {"points": 1, "amount_minor": 10}})
    rings_up(cafe, mina, 100_000)
    assert sends(jun, cafe, kept(mina, amount="10,000", points="300"))["state"] == "recorded"
    with tenancy.tenant(cafe):
        assert Purchase.objects.get(total_minor=10_000).points_paid_minor == 0
        assert not Redemption.objects.exists()


# -- guests, and what was typed -----------------------------------------------------------------------------------------


def test_a_guests_sale_is_recorded_for_nobody_and_can_be_claimed_later(cafe, jun, mina):
    page = jun.get(at(cafe, "guest"))
    assert "Pay with points" not in page.content.decode()
    form = {"minted": minted(page), "amount": "8,000", "receipt": "G-1"}
    sold = jun.post(at(cafe, "guest"), form)
    told = jun.get(sold["Location"]).content.decode()
    assert "₩8,000" in told
    assert "nobody collects on it" in told
    assert "Undo, 30 min" in told

    claiming = jun.get(at(cafe, f"members/{mina.public_id}"))
    claim = {"claim_minted": minted(claiming, "claim_minted"), "bought": "G-1"}
    assert jun.post(at(cafe, f"members/{mina.public_id}/claim"), claim).status_code == 302
    assert spendable(cafe, mina) == 80


@pytest.mark.parametrize(
    ("typed", "field"),
    [("4821", "contact"), ("ara@example.org", "contact"), ("김아라", "name"), ("010 555", "contact")],
)
def test_what_was_typed_to_find_somebody_is_typed_already_when_they_join(cafe, jun, typed, field):
    page = jun.get(at(cafe), {"q": typed}).content.decode()
    link = re.search(r'href="([^"]+/enrol\?[^"]+)"', page)[1].replace("&amp;", "&")
    form = jun.get(link).content.decode()
    shown = re.search(rf'name="{field}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="{field}"', form)
    assert typed in shown.groups()


def test_what_was_sold_today_at_this_counter_is_listed_with_its_sum(cafe, jun, mina):
    sell(cafe, jun, mina, amount="12,400")
    jun.post(at(cafe, "guest"), {"minted": ids.mint("pur"), "amount": "3,000", "receipt": ""})
    undone, _form = sell(cafe, jun, mina, amount="5,000")
    jun.post(f"{undone['Location']}/undo", {"external_id": ids.mint("ref")})
    noa = cashier_browser(cafe, pin="8642")
    sell(cafe, noa, mina, amount="9,000")

    page = " ".join(jun.get(at(cafe)).content.decode().split())
    assert "3 sales · ₩15,400" in page
    assert page.count('class="counter-row"') >= 3
    assert "₩9,000" not in page, "another device is another counter"


def test_the_pages_of_the_counter_ask_little_of_the_database(cafe, jun, mina):
    for amount in ("1,000", "2,000", "3,000"):
        sold, _form = sell(cafe, jun, mina, amount=amount, line=[line("category", "coffee", 500)])
    for path in (at(cafe), at(cafe, f"members/{mina.public_id}"), at(cafe, "guest"), sold["Location"]):
        jun.get(path)
        with CaptureQueriesContext(connection) as asked:
            assert jun.get(path).status_code == 200
        # Beside those that open the tenant and ask whether there are newer terms.
        said = [each["sql"] for each in asked.captured_queries if not _FRAME.search(each["sql"])]
        assert len(said) <= 12, (path, [each[each.find("FROM") :][:60] for each in said])


_FRAME = re.compile("SAVEPOINT|SET LOCAL|set_config|current_setting|max\\(v.number\\)")


# -- stamps by hand -----------------------------------------------------------------------------------------------------


@pytest.fixture
def stempel(db):
    shop = open_shop("cafe-stempel")
    publish(shop)
    return shop


def stamps_of(shop, member):
    with tenancy.tenant(shop):
        return sum(StampBook.objects.filter(member=member).values_list("stamps", flat=True))


def stamps(shop, browser, member, count="2"):
    page = browser.get(at(shop, f"members/{member.public_id}"))
    form = {"external_id": minted(page, "external_id"), "card": "coffee", "stamps": count}
    browser.post(at(shop, f"members/{member.public_id}/stamp"), form)
    with tenancy.tenant(shop):
        return StampAdjustment.objects.latest("pk").public_id


def takes_back(shop, browser, member, given):
    return browser.post(at(shop, f"members/{member.public_id}/stamp/undo"), {"given": given}, follow=True)


def test_stamps_by_hand_are_taken_back_once_by_whoever_gave_them(stempel):
    jun, mina = cashier_browser(stempel), join(stempel, name="Mina")
    given = stamps(stempel, jun, mina)
    assert stamps_of(stempel, mina) == 2
    assert "Undo, 30 min" in jun.get(at(stempel, f"members/{mina.public_id}")).content.decode()

    noa = cashier_browser(stempel, pin="8642")
    takes_back(stempel, noa, mina, given)
    assert stamps_of(stempel, mina) == 2, "a colleague's stamps stay"

    said = takes_back(stempel, jun, mina, given).content.decode()
    assert "Undone. The stamps are off the card." in said
    takes_back(stempel, jun, mina, given)
    assert stamps_of(stempel, mina) == 0
    with tenancy.tenant(stempel):
        assert list(StampAdjustment.objects.order_by("pk").values_list("stamps", flat=True)) == [2, -2]
    assert "/stamp/undo" not in jun.get(at(stempel, f"members/{mina.public_id}")).content.decode()


def test_after_half_an_hour_stamps_by_hand_are_a_managers(stempel, monkeypatch):
    jun, mina = cashier_browser(stempel), join(stempel, name="Mina")
    given = stamps(stempel, jun, mina)
    late = datetime.now(UTC) + timedelta(minutes=31)
    monkeypatch.setattr("django.utils.timezone.now", lambda: late)
    assert "too late to undo" in takes_back(stempel, jun, mina, given).content.decode()
    assert stamps_of(stempel, mina) == 2


def test_stamps_that_filled_a_card_take_its_reward_back_with_them(stempel):
    jun, mina = cashier_browser(stempel), join(stempel, name="Mina")
    drinks(stempel, mina, 9)
    given = stamps(stempel, jun, mina, "1")
    assert "Any drink" in jun.get(at(stempel, f"members/{mina.public_id}")).content.decode()
    takes_back(stempel, jun, mina, given)
    assert stamps_of(stempel, mina) == 9
    assert "Rewards that are theirs" not in jun.get(at(stempel, f"members/{mina.public_id}")).content.decode()


def test_after_a_sale_what_is_worth_saying_is_said(stempel):
    jun, mina = cashier_browser(stempel), join(stempel, name="Mina")
    drinks(stempel, mina, 8)
    sold, _form = sell(stempel, jun, mina, "", line=[line("category", "coffee", 5_200)])
    page = jun.get(sold["Location"]).content.decode()
    assert "9 of 10 stamps" in page
    assert "1 more stamp brings the reward: Any drink." in page


# -- training -----------------------------------------------------------------------------------------------------------


def test_in_training_everything_is_tried_and_nothing_is_recorded(stempel):
    jun, mina = cashier_browser(stempel), join(stempel, name="Mina")
    drinks(stempel, mina, 10)
    before, counted = stamps_of(stempel, mina), count_of_sales(stempel)
    jun.post(at(stempel, "training"), {"training": "on"})
    here = at(stempel, f"members/{mina.public_id}")
    page = jun.get(here)
    told = page.content.decode()
    assert "Training: nothing is recorded." in told
    assert "data-record" not in told, "a device keeps no sale of a training"
    own = re.search(r'name="own_reward" value="([^"]+)"', told)[1]

    tried = jun.post(here, {"minted": minted(page), "amount": "12,400", "receipt": ""}).content.decode()
    assert "this sale was tried, and nothing was recorded" in tried
    assert "Will give" in tried
    posts = {
        f"{here}/stamp": {"external_id": ids.mint("sta"), "card": "coffee", "stamps": "1"},
        f"{here}/rewards": {"external_id": ids.mint("rdm"), "own_reward": own},
        f"{here}/claim": {"claim_minted": ids.mint("clm"), "bought": "R-1"},
        at(stempel, "enrol"): {"contact": "010 9999 8888", "name": "Ara", "terms": "on", "privacy": "on"},
    }
    for path, form in posts.items():
        assert jun.post(path, form).status_code == 302
    assert "Training: nothing was recorded." in jun.get(here).content.decode()
    with tenancy.tenant(stempel):
        assert not Member.objects.filter(name="Ara").exists()
        assert not Redemption.objects.exists()
    assert (stamps_of(stempel, mina), count_of_sales(stempel)) == (before, counted)

    # What a device had kept before is a real sale still.
    assert sends(jun, stempel, kept(mina))["state"] == "recorded"
    jun.post(at(stempel, "training"), {})
    assert "Training: nothing is recorded." not in jun.get(here).content.decode()
    sell(stempel, jun, mina)
    assert count_of_sales(stempel) == counted + 2


# -- what a page may do -------------------------------------------------------------------------------------------------


def test_only_the_counter_may_use_the_camera(cafe, jun, mina):
    assert jun.get(at(cafe))["Permissions-Policy"] == WITH_CAMERA
    assert jun.get(f"/m/{cafe.slug}/join")["Permissions-Policy"] == NOTHING
    assert staff_browser(cafe, "owner").get(f"/console/{cafe.slug}/team")["Permissions-Policy"] == NOTHING


def test_the_counter_can_be_installed_and_a_device_keeps_pages_of_who_is_signed_on_alone(cafe, jun, mina):
    app = jun.get(f"/theme/{cafe.slug}/counter.webmanifest").json()
    assert (app["start_url"], app["scope"], app["display"]) == (at(cafe), at(cafe), "standalone")
    worker = jun.get(f"/theme/{cafe.slug}/counter-sw.js")
    assert worker["Service-Worker-Allowed"] == at(cafe)
    for path in ("", f"members/{mina.public_id}", "guest"):
        assert jun.get(at(cafe, path))["Offline-Counter"].startswith("seat_")
    assert "Offline-Counter" not in jun.get(at(cafe, "enrol"))
    jun.post(at(cafe, "sign-off"))
    assert jun.get(at(cafe, "sign-on"))["Offline-Counter"] == "none"
