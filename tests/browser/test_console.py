"""The console's pages in a browser: accessible, fitting, quiet, on a phone and at a desk, light and dark."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import programmes, terms
from rewards.models.purchases import Purchase, PurchaseLine
from tests import cafe_history
from tests.people import open_shop, staff_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    """Built once for this file; committed."""
    with django_db_blocker.unblock():
        yield cafe_history.cafe()


@pytest.fixture(scope="module")
def owner(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return staff_browser(cafe, "owner")


@pytest.fixture(scope="module")
def people(cafe, django_db_blocker):
    """The two best customers, by public id."""
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        return [member.public_id for member in Member.objects.filter(merchant=cafe).order_by("id")[:2]]


#: Pages by their address within the console; the looks take turns.
PAGES = [
    "dashboard", "dashboard?period=last_365&bar=3", "dashboard?from=2026-01-05&to=2026-02-10",
    "dashboard/members?metric=insight",
    "programme/", "programme/rule?code=morning", "programme/rule?kind=per_item", "programme/part?part=points",
    "programme/part?part=tiers", "programme/part?part=joining", "programme/part?part=paying", "programme/source",
    "programme/review", "programme/versions", "programme/version",
    "rewards", "rewards/edit?code=latte-art", "rewards/edit?kind=percentage", "rewards/claims",
    "members/", "members/enrol", "members/{member}", "members/{member}?show=purchases",
    "members/{member}?show=redemptions", "members/{member}?show=points", "members/{member}?show=person",
    "members/{member}/adjust", "members/{member}/change", "members/{member}/merge?other={other}",
    "developers/keys", "developers/till", "developers/webhooks", "settings", "settings/record", "team", "me",
    "members/poster", "programme/part?part=transfers", "programme/part?part=notices",
]  # fmt: skip
_TURNS = itertools.cycle(itertools.product(("light", "dark"), ("en", "ko")))
_LOOKS = [(page, width, *next(_TURNS)) for page in PAGES for width in (PHONE, DESK)]


@pytest.mark.parametrize(("page", "width", "scheme", "language"), _LOOKS)
def test_it_is_accessible_and_fits(cafe, owner, people, open_page, assert_sound, shot, page, width, scheme, language):
    page = page.format(member=people[0], other=people[1])
    opened = open_page(f"/console/{cafe.slug}/{page}", client=owner, width=width, scheme=scheme, language=language)

    expect(opened.locator("h1")).to_have_count(1)
    name = re.sub("[^a-z_]+", "-", re.sub("mem_[0-9a-z]+", "member", page))
    shot(opened, f"console-{name}-{width}-{scheme}-{language}")
    assert_sound(opened)


def test_a_new_merchant_is_led_to_the_next_step(open_page, assert_sound, shot, committed):
    shop = open_shop("new-shop")
    opened = open_page(f"/console/{shop.slug}/dashboard", client=staff_browser(shop, "owner"), width=PHONE)

    shot(opened, "console-beginning")
    expect(opened.locator("[aria-current=step]")).to_have_text(re.compile(r"^\s*1"))
    assert_sound(opened)


def test_a_refund_counts_pieces_up_and_down_and_says_at_once_what_it_pays_back(
    cafe, owner, people, open_page, assert_sound, shot, django_db_blocker
):
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        bought = Purchase.objects.filter(member__public_id=people[0], refunded_minor=0, points_paid_minor=0)[0]
        line = PurchaseLine.objects.filter(purchase=bought).order_by("position")[0]
        pieces, price = line.quantity_milli // 1000, line.amount_minor * 1000 // line.quantity_milli
    page = open_page(
        f"/console/{cafe.slug}/members/{people[0]}/refund?purchase={bought.public_id}", client=owner, width=PHONE
    )
    page.get_by_text("some lines").click()
    field = page.locator(".refund__lines input").first
    more = page.get_by_role("button", name=re.compile("^One more")).first
    expect(page.locator(".refund__amount")).to_be_hidden()
    more.click()

    expect(field).to_have_value("1")
    expect(page.locator("#effect")).to_contain_text(f"₩{price:,}")
    for _press in range(pieces):
        more.click()
    expect(field).to_have_value(str(pieces))
    expect(page.locator("#effect")).to_contain_text(f"₩{price * pieces:,}")
    shot(page, "console-refund-steppers")
    assert_sound(page)
    for _press in range(pieces):
        page.get_by_role("button", name=re.compile("^One less")).first.click()
    expect(field).to_have_value("")


def test_fields_that_are_read_together_stand_in_one_row(cafe, owner, open_page, assert_sound):
    page = open_page(f"/console/{cafe.slug}/programme/rule?kind=per_item", client=owner)
    page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")

    def top(name):
        return page.locator(f"[name={name}]").bounding_box()["y"]

    assert top("when-first_day") == top("when-last_day")
    assert top("caps-0-points") == top("caps-0-per") == top("caps-0-scope")
    assert_sound(page)


def test_only_the_way_that_is_chosen_shows_its_fields(cafe, owner, open_page, assert_sound, shot):
    page = open_page(f"/console/{cafe.slug}/programme/part?part=points", client=owner)
    page.locator("#says-expiry").click()
    count, days = page.locator("[name=expiry-count]"), page.locator("[name=expiry-last_days]")
    expect(count).to_be_visible()
    expect(days).to_be_hidden()

    page.locator("[name=expiry-kind]").select_option("fixed")

    expect(count).to_be_hidden()
    expect(days).to_be_visible()
    shot(page, "console-ways")
    assert_sound(page)


def test_a_token_says_what_is_typed_while_one_types(cafe, owner, open_page, assert_sound):
    page = open_page(f"/console/{cafe.slug}/rewards/edit?code=latte-art", client=owner)
    page.locator("#says-per_member").click()

    page.locator("[name=per_member-count]").fill("2")
    page.locator("[name=per_member-per]").select_option("week")

    expect(page.locator("#says-per_member")).to_have_text("2 times a week")
    assert_sound(page)


def test_a_rule_is_added_reviewed_and_published_for_later(open_page, assert_sound, shot, committed):
    shop = open_shop("new-shop")
    with tenancy.tenant(shop):
        now, document = datetime.now(UTC), terms.templates()["cafe"]
        programmes.save_draft(merchant=shop, document=document, revision=None, now=now, actor=SYSTEM)
        programmes.publish(merchant=shop, now=now, actor=SYSTEM)
    page = open_page(f"/console/{shop.slug}/programme/rule?kind=per_order", client=staff_browser(shop, "owner"))
    page.locator("[name=name]").fill("Tea weekend")
    page.locator("[name=points]").fill("50")
    page.locator("#says-weekdays").click()
    page.get_by_text("Sat", exact=True).click()
    page.get_by_text("Sun", exact=True).click()
    expect(page.locator("#says-weekdays")).to_have_text("Sat and Sun")
    expect(page.get_by_text("Together with other rules")).to_be_visible()
    shot(page, "console-rule-typed")

    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_role("link", name="Review and publish").click()
    expect(page.locator("[name=effective_from]")).to_be_hidden()
    page.get_by_text("from a moment on").click()
    page.locator("[name=effective_from]").fill(f"{now.year + 1}-01-01T00:00")
    shot(page, "console-review-for-later")
    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_text("announced")).to_be_visible()
    assert_sound(page)


@pytest.mark.parametrize("width", [860, DESK])
def test_the_account_menu_is_seen_whole(cafe, owner, open_page, assert_sound, shot, width):
    page = open_page(f"/console/{cafe.slug}/team", client=owner, width=width)
    if width < 1024:
        page.get_by_role("link", name="More").click()
    page.locator(".sidebar__foot summary").click()

    menu = page.locator(".sidebar__foot .menu__list")
    expect(menu).to_be_visible()
    shot(page, f"console-account-menu-{width}", whole=False)
    at_its_corners = """(it) => {
        const box = it.getBoundingClientRect();
        return [[box.left + 8, box.top + 8], [box.right - 8, box.top + 8], [box.right - 8, box.bottom - 8]]
            .every(([x, y]) => it.contains(document.elementFromPoint(x, y)));
    }"""
    assert menu.evaluate(at_its_corners)
    assert menu.evaluate("(it) => it.scrollHeight - it.clientHeight") == 0
    assert_sound(page)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_mark_of_a_kept_example_stands_beside_its_figure(open_page, assert_sound, shot, committed, width):
    shop = open_shop("new-shop")
    with tenancy.tenant(shop):
        document = terms.templates()["cafe"]
        programmes.save_draft(merchant=shop, document=document, revision=None, now=datetime.now(UTC), actor=SYSTEM)
    page = open_page(f"/console/{shop.slug}/programme/review", client=staff_browser(shop, "owner"), width=width)

    shot(page, f"console-review-examples-{width}")
    marks = page.locator("td:has(> * .icon)")
    assert marks.count() == len(document["examples"])
    for cell in marks.all():
        mark, figure = cell.locator(".icon").bounding_box(), cell.locator("span > span").last.bounding_box()
        assert figure["y"] <= mark["y"] + mark["height"] / 2 <= figure["y"] + figure["height"]
        assert mark["x"] + mark["width"] <= figure["x"]
    assert_sound(page)


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "light", "en"), (DESK, "dark", "zh-Hant")])
def test_the_first_day_is_alive(open_page, assert_sound, shot, committed, width, scheme, language):
    """No night has computed anything: today and the first steps stand there, the counter's address as a code."""
    shop = open_shop("first-day")
    page = open_page(
        f"/console/{shop.slug}/dashboard", client=staff_browser(shop, "owner"), width=width, scheme=scheme,
        language=language,
    )  # fmt: skip
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("#today .headline__value")).to_have_text(re.compile(r"[₩￦]0"))
    shot(page, f"console-first-day-{width}-{scheme}-{language}")
    page.locator("#first-steps summary").click()
    expect(page.locator("#first-steps svg.qr, #first-steps .plate svg").first).to_be_visible()
    assert_sound(page)


def test_a_week_is_chosen_by_its_bar_with_and_without_script(cafe, owner, open_page):
    for script in (True, False):
        page = open_page(f"/console/{cafe.slug}/dashboard", client=owner, script=script)
        assert page.locator(".stacks__link").count() == 13
        page.locator(".stacks__link").nth(3).click()
        expect(page.locator(".stacks__link").nth(3)).to_have_attribute("aria-current", "true")
        expect(page.locator(".stacks__link[aria-current]")).to_have_count(1)
        if script:
            # The keyboard stays where it was: the next bar is one Tab away.
            expect(page.locator(".stacks__link").nth(3)).to_be_focused()
        expect(page.locator("h1")).to_have_text("Dashboard")


def test_a_formula_opens_in_place_and_closes_with_escape(cafe, owner, open_page, assert_sound):
    page = open_page(f"/console/{cafe.slug}/dashboard", client=owner)
    hint = page.locator(".kpi .hint").first
    hint.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(hint.locator("code").first).to_contain_text("÷ S")
    assert_sound(page)
    page.keyboard.press("Escape")
    expect(hint.locator("code").first).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "dark", "ko"), (DESK, "light", "en")])
def test_the_start_page_shows_whole_programmes(open_page, assert_sound, shot, committed, width, scheme, language):
    shop = open_shop("trades")
    page = open_page(
        f"/console/{shop.slug}/programme/templates", client=staff_browser(shop, "owner"), width=width, scheme=scheme,
        language=language,
    )  # fmt: skip
    expect(page.locator(".trade")).to_have_count(6)
    shot(page, f"console-start-page-{width}-{scheme}-{language}")
    page.locator(".trade summary").first.click()
    assert_sound(page)


def test_the_dashboard_fits_the_narrowest_phone(cafe, owner, open_page, assert_sound):
    assert_sound(open_page(f"/console/{cafe.slug}/dashboard", client=owner, width=320))
