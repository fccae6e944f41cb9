"""The counter without a connection: what is sold is kept on the device, sent later in order, and recorded once."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import tenancy
from rewards.models.purchases import Purchase
from tests.builders import PROGRAMME, Shop
from tests.people import cashier_browser, join, open_shop
from tests.stories.test_counter import rings_up

PHONE, DESK = 390, 1280


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        shop = open_shop("cafe-lan")
        Shop(shop).publish(PROGRAMME)
        yield shop


@pytest.fixture
def mina(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return join(cafe, name="Mina", phone="+821012345678")


@pytest.fixture
def counter(cafe, open_page, django_db_blocker):
    with django_db_blocker.unblock():
        client = cashier_browser(cafe)

    def counter(path: str = "", **look):
        page = open_page(f"/console/{cafe.slug}/counter/{path}", client=client, **{"width": PHONE, **look})
        # Chromium notes that it reached nobody, and the preview that it could not be asked; both are meant.
        page.complaints.meant += ["ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "htmx:"]
        # The worker has kept the page: only then it is there without a connection.
        page.evaluate(
            """async () => {
                const home = document.querySelector("meta[name=service-worker]").dataset.scope;
                const pages = [location.pathname, home, home + "guest"].map((each) => location.origin + each);
                while (!(await Promise.all(pages.map((each) => caches.match(each)))).every(Boolean))
                    await new Promise((resolve) => setTimeout(resolve, 100));
            }"""
        )
        return page

    return counter


def sold(cafe, django_db_blocker):
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        rows = Purchase.objects.filter(merchant=cafe, state="recorded").order_by("occurred_at", "pk")
        return list(rows.values_list("member__name", "total_minor", "points_earned"))


def sells(page, amount):
    page.get_by_label("Amount of the sale").fill(amount)
    page.get_by_role("button", name="Record the sale").click()


def net(page):
    return page.locator("[data-net]")


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(PHONE, "light", "en"), (PHONE, "dark", "ko"), (DESK, "light", "zh-hant")]
)
def test_what_waits_is_seen_and_the_form_is_ready_for_the_next(
    cafe, mina, counter, assert_sound, shot, django_db_blocker, width, scheme, language
):
    look = {"width": width, "scheme": scheme, "language": language}
    page = counter(f"members/{mina.public_id}", **look)
    page.context.set_offline(True)
    page.locator("input[name=amount]").fill("12,400")
    page.locator(".counter-foot button.button--primary").click()
    page.locator("[data-kept] a").wait_for()

    expect(page.locator("input[name=amount]")).to_have_value("")
    shot(page, f"counter-kept-{width}-{scheme}-{language}")
    assert_sound(page)
    assert sold(cafe, django_db_blocker) == []

    page.locator("[data-kept] a").click()
    expect(page.locator("[data-waiting-rows] > li")).to_have_count(1)
    expect(page.locator("[data-waiting-rows]")).to_contain_text("₩12,400")
    expect(page.locator("[data-known-rows]")).to_contain_text("Mina")
    shot(page, f"counter-waiting-{width}-{scheme}-{language}")
    assert_sound(page)

    page.context.set_offline(False)
    expect(page.locator("[data-waiting]")).to_be_hidden()
    assert sold(cafe, django_db_blocker) == [("Mina", 12_400, 124)]


def test_three_sales_without_a_connection_are_sent_in_order_with_the_time_they_were_made(
    cafe, mina, counter, django_db_blocker
):
    page = counter(f"members/{mina.public_id}")
    page.context.set_offline(True)
    for place, amount in enumerate(("3,000", "4,000", "5,000"), start=1):
        sells(page, amount)
        expect(net(page)).to_contain_text(f"offline, {place} wait")
    before = datetime.now(UTC)
    # Closed and opened again without a connection: the page is there, and so is what waits.
    page.reload()
    expect(net(page)).to_contain_text("offline, 3 wait")
    expect(page.get_by_text("No connection. What you see is from")).to_be_visible()

    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_text("3 kept sales are recorded.")).to_be_visible()
    assert sold(cafe, django_db_blocker) == [("Mina", 3_000, 30), ("Mina", 4_000, 40), ("Mina", 5_000, 50)]
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        assert all(sale.occurred_at < before for sale in Purchase.objects.all())


def test_an_answer_that_is_lost_makes_no_second_sale(cafe, mina, counter, django_db_blocker):
    page = counter(f"members/{mina.public_id}")
    cut = {"left": 2}

    def lose(route):
        if cut["left"]:
            cut["left"] -= 1
            route.fetch()  # It is recorded, and nobody here learns of it.
            route.abort()
        else:
            route.continue_()

    page.context.route("**/counter/kept", lose)
    sells(page, "7,000")
    expect(net(page)).to_contain_text("1 waits")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(net(page)).not_to_contain_text("wait")
    assert cut["left"] == 0
    assert sold(cafe, django_db_blocker) == [("Mina", 7_000, 70)]


def test_of_a_member_who_was_blocked_meanwhile_the_cashier_decides(
    cafe, mina, counter, assert_sound, shot, django_db_blocker
):
    page = counter(f"members/{mina.public_id}")
    page.context.set_offline(True)
    sells(page, "9,000")
    page.locator("[data-kept] a").wait_for()
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(state="blocked")
    page.context.set_offline(False)
    page.locator("[data-kept] a").click()

    waiting = page.locator("[data-waiting-rows] > li")
    expect(waiting).to_contain_text("refused")
    expect(waiting).to_contain_text("₩9,000")
    shot(page, "counter-refused")
    assert_sound(page)
    assert sold(cafe, django_db_blocker) == []
    waiting.get_by_role("button", name="Record it as a guest's").click()
    expect(page.locator("[data-waiting]")).to_be_hidden()
    assert sold(cafe, django_db_blocker) == [(None, 9_000, 0)]


def test_a_programme_that_changed_meanwhile_counts_from_its_own_day(cafe, mina, counter, django_db_blocker):
    """Sold at 1 for 100; by the time it is sent the shop gives 2, and has no key for coffee any more."""
    with django_db_blocker.unblock():
        goods = {"rules": [{**PROGRAMME["earning"]["rules"][0], "only": {"categories": ["coffee"]}}]}
        Shop(cafe).publish({**PROGRAMME, "earning": goods})
    page = counter(f"members/{mina.public_id}")
    page.get_by_label("Amount of the sale").fill("6,000")
    page.get_by_role("button", name="Coffee").click()
    page.context.set_offline(True)
    sells(page, "1,000")
    page.locator("[data-kept] a").wait_for()
    with django_db_blocker.unblock():
        twice = {"rules": [{**PROGRAMME["earning"]["rules"][0], "points": 2}]}
        Shop(cafe).publish({**PROGRAMME, "earning": twice}, since=datetime.now(UTC))
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_text("1 kept sale is recorded.")).to_be_visible()
    assert sold(cafe, django_db_blocker) == [("Mina", 7_000, 60)]


def test_a_card_that_was_read_without_a_connection_is_looked_up_when_it_is_sent(cafe, mina, counter, django_db_blocker):
    page = counter("guest")
    page.context.set_offline(True)
    page.reload()
    page.get_by_label("Card, code or phone of the member").fill(mina.code)
    sells(page, "2,000")
    page.locator("[data-kept] a").wait_for()
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_text("1 kept sale is recorded.")).to_be_visible()
    assert sold(cafe, django_db_blocker) == [("Mina", 2_000, 20)]


def test_signing_off_with_a_sale_that_waits_asks_first_and_the_next_cashier_sends_it(
    cafe, mina, counter, assert_sound, shot, django_db_blocker
):
    page = counter(f"members/{mina.public_id}")
    page.context.set_offline(True)
    sells(page, "4,400")
    page.locator("[data-kept] a").wait_for()
    page.context.route("**/counter/kept", lambda route: route.abort())
    page.context.set_offline(False)
    page.get_by_role("button", name=re.compile("^Sign off:")).click()
    leaving = page.locator("#leave-waiting")
    expect(leaving).to_be_visible()
    shot(page, "counter-leaving", whole=False)
    assert_sound(page)
    leaving.get_by_role("link", name="Stay").click()
    expect(leaving).to_be_hidden()

    page.get_by_role("button", name=re.compile("^Sign off:")).click()
    leaving.get_by_role("button", name="Sign off anyway").click()
    page.wait_for_url("**/counter/sign-on")
    page.context.unroute("**/counter/kept")
    page.get_by_label("PIN").fill("2468")
    page.get_by_role("button", name="Sign on").click()
    expect(page.get_by_text("1 kept sale is recorded.")).to_be_visible()
    assert sold(cafe, django_db_blocker) == [("Mina", 4_400, 44)]


def test_a_sale_that_waits_is_removed_only_when_somebody_says_so_twice(cafe, mina, counter, django_db_blocker):
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(state="blocked")
    page = counter(f"members/{mina.public_id}")
    page.context.set_offline(True)
    sells(page, "5,500")
    page.locator("[data-kept] a").wait_for()
    page.context.set_offline(False)
    page.locator("[data-kept] a").click()
    page.locator("[data-waiting-rows]").get_by_role("button", name="Remove").click()
    sure = page.locator("#remove-kept")
    sure.get_by_role("link", name="Keep it").click()
    expect(page.locator("[data-waiting-rows] > li")).to_have_count(1)
    page.locator("[data-waiting-rows]").get_by_role("button", name="Remove").click()
    sure.get_by_role("button", name="Remove it").click()
    expect(page.locator("[data-waiting]")).to_be_hidden()
    assert sold(cafe, django_db_blocker) == []


def test_what_is_odd_about_a_kept_amount_is_asked_when_it_is_sent(cafe, mina, counter, django_db_blocker):
    page = counter(f"members/{mina.public_id}")
    page.context.set_offline(True)
    sells(page, "99,999,999")
    page.locator("[data-kept] a").wait_for()
    page.context.set_offline(False)
    page.locator("[data-kept] a").click()
    expect(page.locator("[data-waiting-rows]")).to_contain_text("That is a lot for one of the first sales. Record it?")
    assert sold(cafe, django_db_blocker) == []
    page.get_by_role("button", name="It is right, record it").click()
    expect(page.locator("[data-waiting]")).to_be_hidden()
    assert [amount for _who, amount, _points in sold(cafe, django_db_blocker)] == [99_999_999]


def test_points_are_not_spent_without_a_connection(cafe, mina, counter, django_db_blocker):
    with django_db_blocker.unblock():
        Shop(cafe).publish({**PROGRAMME, "pay_with_points": {"points": 1, "amount_minor": 10}})
        rings_up(cafe, mina, 100_000)
    page = counter(f"members/{mina.public_id}")
    page.locator("summary", has_text="Pay with points").click()
    page.get_by_label("Pay with points").fill("300")
    page.context.set_offline(True)
    sells(page, "10,000")
    expect(page.get_by_text("No connection: nothing was sent.")).to_be_visible()
    expect(page.get_by_label("Amount of the sale")).to_have_value("10,000")
    expect(net(page)).not_to_contain_text("wait")
    assert len(sold(cafe, django_db_blocker)) == 1
