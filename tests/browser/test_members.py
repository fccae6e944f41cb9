"""The list of members in a browser: found while typing, put in order, chosen, on a phone and at a desk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from analytics import runs
from loyalty.problem_catalogue import KINDS
from members.models import Member
from merchants import outbox, tenancy
from merchants.actors import SYSTEM
from merchants.webhooks import addresses, endpoints, relay
from rewards import bulk_acts
from tests import cafe_history
from tests.people import join, open_shop, staff_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    """Built once for this file; committed: a café with a history, and people of four scripts."""
    with django_db_blocker.unblock():
        cafe = cafe_history.cafe()
        for name, phone in [
            ("감미자", "010-7731-0147"), ("고미주", "010-4444-1292"), ("王芳", "010-5555-8830"),
            ("Eleanor Whitcombe-Featherstonehaugh", "010-3333-4402"), ("Joo-won Kim", "010-2222-9054"),
        ]:  # fmt: skip
            join(cafe, name=name, phone=phone)
        with tenancy.tenant(cafe):
            newest = Member.objects.order_by("-joined_at").first()
        runs.run(cafe, now=newest.joined_at + timedelta(minutes=1))
        yield cafe


@pytest.fixture(scope="module")
def owner(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return staff_browser(cafe, "owner")


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(PHONE, "light", "ko"), (PHONE, "dark", "en"), (DESK, "light", "en"), (DESK, "dark", "ko"), (DESK, "light", "zh-Hant"),
     (PHONE, "light", "zh-Hant"), (320, "light", "en")],
)  # fmt: skip
def test_the_list_is_sound_in_every_look(cafe, owner, open_page, assert_sound, shot, width, scheme, language):
    page = open_page(
        f"/console/{cafe.slug}/members/?by=spend", client=owner, width=width, scheme=scheme, language=language
    )
    assert_sound(page)
    expect(page.locator(".members-chosen")).to_be_hidden()
    page.locator("input[name=member]").first.check()
    page.locator("input[name=member]").nth(2).check()
    expect(page.locator(".members-chosen")).to_be_visible()
    shot(page, f"members-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_somebody_is_found_while_hana_types(cafe, owner, open_page, assert_sound, shot, width):
    page = open_page(f"/console/{cafe.slug}/members/", client=owner, width=width)
    page.get_by_role("searchbox", name="Search members").press_sequentially("ㄱㅁㅈ", delay=20)
    expect(page.locator(".found-text").nth(0)).to_have_text("감미자")
    expect(page.locator(".found-text").nth(1)).to_have_text("고미주")
    shot(page, f"members-found-{width}")
    assert_sound(page)
    page.get_by_role("searchbox", name="Search members").fill("새봄")
    page.get_by_role("link", name="Enrol “새봄”").click()
    expect(page.get_by_label("Name")).to_have_value("새봄")


def test_hana_finds_somebody_and_keeps_her_columns_without_script(cafe, owner, open_page, assert_sound):
    page = open_page(f"/console/{cafe.slug}/members/?q=0147", client=owner, width=DESK, script=False)
    expect(page.locator(".found-text")).to_have_text("0147")
    page.goto(f"/console/{cafe.slug}/members/?show=active&by=name")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("NPS").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="NPS")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Member")).to_have_attribute("aria-sort", "ascending")


def test_a_first_shop_without_members_is_told_what_to_do(committed, open_page, assert_sound, shot):
    shop = open_shop("first-day")
    page = open_page(f"/console/{shop.slug}/members/", client=staff_browser(shop, "owner"), width=PHONE)
    expect(page.get_by_text("No members yet")).to_be_visible()
    assert_sound(page)


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "dark", "ko"), (DESK, "light", "en")])
def test_those_who_were_chosen_are_given_points(cafe, owner, open_page, assert_sound, shot, width, scheme, language):
    page = open_page(
        f"/console/{cafe.slug}/members/?by=name", client=owner, width=width, scheme=scheme, language=language
    )
    for place in (0, 1, 2):
        page.locator("input[name=member]").nth(place).check()
    page.locator(".members-chosen .button--primary").click()
    page.locator("input[name=points]").fill("50")
    page.locator("input[name=reason]").fill("Opening party")
    page.locator("main button[value=preview]").click()
    expect(page.locator("main .alert")).to_contain_text("150")
    shot(page, f"members-points-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator("main button[value=give]").click()
    expect(page.locator("main tbody tr")).to_have_count(3)
    shot(page, f"members-points-given-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator("main .button--danger").click()
    expect(page.locator("main .button--danger")).to_have_count(0)
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(PHONE, "light", "ko"), (DESK, "dark", "zh-Hant"), (320, "dark", "en"), (DESK, "light", "en")],
)
def test_what_was_done_floats_with_its_undo_until_it_is_closed(
    cafe, owner, open_page, assert_sound, shot, width, scheme, language
):
    with tenancy.tenant(cafe):
        jun = Member.objects.order_by("-joined_at").first()
    page = open_page(
        f"/console/{cafe.slug}/members/{jun.public_id}/adjust",
        client=owner,
        width=width,
        scheme=scheme,
        language=language,
    )

    def give():
        page.locator("input[name=points]").fill("500")
        page.locator("input[name=reason]").fill("Birthday")
        page.locator("main form .button--primary").click()
        expect(page.locator(".undo")).to_contain_text("+500")

    give()
    assert page.locator(".undos").evaluate("it => getComputedStyle(it).position") == "fixed"
    shot(page, f"undo-{width}-{scheme}-{language}", whole=False)
    assert_sound(page)
    page.locator(".undo__button").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".undo")).to_have_count(0)
    expect(page.locator("#messages")).to_contain_text("−500")
    page.goto(f"/console/{cafe.slug}/members/{jun.public_id}/adjust")
    give()
    page.locator(".undo__close").click()
    expect(page.locator(".undo")).to_have_count(0)
    page.goto(f"/console/{cafe.slug}/members/{jun.public_id}/adjust")
    give()
    page.locator(".undo__button").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".undo")).to_have_count(0)


def test_without_script_what_was_done_stands_above_the_page_with_its_undo(cafe, owner, open_page, assert_sound, shot):
    with tenancy.tenant(cafe):
        jun = Member.objects.order_by("-joined_at").first()
    page = open_page(f"/console/{cafe.slug}/members/{jun.public_id}/adjust", client=owner, width=PHONE, script=False)
    page.locator("input[name=points]").fill("70")
    page.locator("input[name=reason]").fill("Birthday")
    page.locator("main form .button--primary").click()
    expect(page.locator(".undo")).to_contain_text("+70")
    expect(page.locator(".undo__close")).to_be_hidden()
    shot(page, "undo-without-script")
    page.locator(".undo__button").click()
    expect(page.locator("#messages")).to_contain_text("−70")


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(PHONE, "light", "zh-Hant"), (DESK, "light", "en"), (DESK, "dark", "ko"), (320, "dark", "en")],
)
def test_a_merge_is_looked_at_before_it_is_made(
    cafe, owner, open_page, assert_sound, shot, width, scheme, language
):  # fmt: skip
    double = join(cafe, name="Eleanor Whitcombe", phone=f"010-61{len(scheme)}1-{1000 + width}")
    with tenancy.tenant(cafe):
        eleanor = Member.objects.get(name="Eleanor Whitcombe-Featherstonehaugh")
    page = open_page(
        f"/console/{cafe.slug}/members/{eleanor.public_id}/merge?q=Eleanor", client=owner, width=width, scheme=scheme,
        language=language,
    )  # fmt: skip
    shot(page, f"merge-find-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator(f".pick[href$='{double.public_id}']").click()
    expect(page.locator(".merge").first).to_be_visible()
    shot(page, f"merge-preview-{width}-{scheme}-{language}")
    assert_sound(page)


def test_the_style_guide_shows_the_list(owner, open_page, assert_sound, shot, settings):
    settings.DEBUG = True
    page = open_page("/styleguide/console-members", client=owner, width=DESK)
    shot(page, "styleguide-members")
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(DESK, "light", "en"), (PHONE, "light", "ko"), (DESK, "dark", "zh-Hant"), (320, "dark", "en")],
)
def test_activity_is_told_month_by_month_with_sums(
    cafe, owner, open_page, assert_sound, shot, width, scheme, language
):  # fmt: skip
    page = open_page(f"/console/{cafe.slug}/members/?by=spend", client=owner, width=DESK)
    address = page.locator("tbody th a").first.get_attribute("href")
    page = open_page(address, client=owner, width=width, scheme=scheme, language=language)
    expect(page.locator(".timeline__sums").first).to_contain_text("30")
    shot(page, f"activity-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(DESK, "light", "en"), (PHONE, "dark", "ko"), (PHONE, "light", "zh-Hant")]
)
def test_all_of_a_list_are_given_points_while_hana_looks_on(
    cafe, owner, open_page, assert_sound, shot, width, scheme, language
):  # fmt: skip
    page = open_page(
        f"/console/{cafe.slug}/members/?show=active", client=owner, width=width, scheme=scheme, language=language
    )
    page.locator("input[name=member]").first.check()
    shot(page, f"bulk-list-{width}-{scheme}-{language}", whole=False)
    page.locator(".members-chosen button[formaction$='/bulk']").click()
    page.locator("input[name=points]").fill("50")
    page.locator("input[name=reason]").fill("Opening party")
    page.locator("main button[value=preview]").click()
    expect(page.locator("main .alert")).to_contain_text("50")
    shot(page, f"bulk-preview-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator("main button[value=give]").click()
    expect(page.locator("#bulk")).to_be_visible()
    shot(page, f"bulk-running-{width}-{scheme}-{language}")
    assert_sound(page)
    while bulk_acts.work(merchant=cafe, now=datetime.now(UTC)):
        pass
    expect(page.locator("#bulk .button--danger")).to_be_visible()  # the page asked again by itself
    shot(page, f"bulk-done-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator("#bulk .button--danger").click()
    expect(page.locator("#undo-all")).to_be_visible()
    shot(page, f"bulk-undo-{width}-{scheme}-{language}", whole=False)
    assert_sound(page)
    page.locator("#undo-all button[value=undo]").click()
    while bulk_acts.work(merchant=cafe, now=datetime.now(UTC)):
        pass
    page.reload()
    expect(page.locator("#bulk .button--danger")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "light", "ko"), (DESK, "dark", "en")])
@pytest.mark.parametrize(
    "path", ["rewards/claims", "settings/record", "developers/events", "team", "members/missing-points"]
)
def test_a_list_offers_its_file(cafe, owner, open_page, assert_sound, shot, path, width, scheme, language):
    page = open_page(f"/console/{cafe.slug}/{path}", client=owner, width=width, scheme=scheme, language=language)
    expect(page.locator("a[download][href*='/export/']").first).to_be_visible()
    shot(page, f"csv-{path.replace('/', '-')}-{width}", whole=False)
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(PHONE, "light", "ko"), (DESK, "dark", "en"), (DESK, "light", "zh-Hant"), (320, "dark", "en")],
)
def test_errors_and_deliveries_are_read(cafe, owner, open_page, assert_sound, shot, settings, width, scheme, language):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    now = datetime.now(UTC)
    with tenancy.tenant(cafe):
        target = addresses.check(f"http://127.0.0.1:9/{width}{scheme}{language}")
        hook = endpoints.create(merchant=cafe, target=target, actor=SYSTEM, now=now).endpoint
        jun = Member.objects.order_by("-joined_at").first()
        outbox.record(
            merchant_id=cafe.pk, kind="member.updated", payload={"member": jun.public_id, "changed": ["name"]},
            occurred_at=now, now=now,
        )  # fmt: skip
        relay.relay(merchant_id=cafe.pk, now=now)
    more = {"client": owner, "width": width, "scheme": scheme, "language": language}
    page = open_page(f"/console/{cafe.slug}/developers/webhooks/{hook.id}", **more)
    page.locator("tbody details summary").first.click()
    shot(page, f"deliveries-{width}-{scheme}-{language}", whole=False)
    assert_sound(page)
    page = open_page(f"/console/{cafe.slug}/developers/errors", **more)
    page.locator("#q").fill("purchase")
    expect(page.locator("#errors tbody tr")).not_to_have_count(len(KINDS))
    shot(page, f"errors-{width}-{scheme}-{language}", whole=False)
    assert_sound(page)


def test_a_table_that_is_too_wide_scrolls_within_its_own_frame(cafe, owner, open_page):
    """What only a screen reader reads stands at the far end of the row, and must not make the page itself wider."""
    page = open_page(f"/console/{cafe.slug}/rewards", client=owner, width=DESK)
    page.locator(".table").first.evaluate("it => { it.style.width = '2400px'; }")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
