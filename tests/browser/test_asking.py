"""The question behind a link, and missing points from the phone to the list that staff answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from engagement import asking, surveys
from merchants import keys, tenancy
from merchants.actors import SYSTEM
from rewards import purchases
from rewards.parties import MemberRef
from tests import cafe_history
from tests.people import cashier_browser, join, member_browser, staff_browser

PHONE, DESK = 390, 1280
LOOKS = [(PHONE, "light", "en"), (DESK, "dark", "ko"), (PHONE, "dark", "zh-hant")]


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield cafe_history.cafe(slug="cafe-yeoreum", sales=40)


def bought(cafe, name, member=None):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(
        external_id=name, occurred_at=now, currency="KRW", total_minor=9_800, location="main",
        member=MemberRef(id=member.public_id) if member else None,
    )  # fmt: skip
    with tenancy.tenant(cafe):
        return purchases.record(merchant=cafe, items=[sold], now=now, actor=SYSTEM)[0].public_id


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_a_guest_answers_and_changes_the_answer(cafe, open_page, assert_sound, shot, width, scheme, language):
    mark = f"{width}-{scheme}-{language}"
    token = asking.token(merchant=cafe, purchase=bought(cafe, f"guest-{mark}"))
    page = open_page(f"/m/{cafe.slug}/asked/{token}", width=width, scheme=scheme, language=language)
    shot(page, f"asked-1-{mark}")
    assert_sound(page)
    page.locator(".scale__point").nth(9).click()
    page.locator("main form .button--primary").click()
    page.locator("a[href='?change']").wait_for()
    shot(page, f"asked-2-{mark}")
    assert_sound(page)
    page.locator("a[href='?change']").click()
    expect(page.locator("input[name=score][value='9']")).to_be_checked()


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_missing_points_are_asked_for_given_and_seen(
    cafe, open_page, assert_sound, shot, django_db_blocker, width, scheme, language
):
    mark, look = f"{width}-{scheme}-{language}", {"width": width, "scheme": scheme, "language": language}
    sora = join(cafe, name="Sora")
    phone = open_page(f"/m/{cafe.slug}/missing", client=member_browser(cafe, sora), **look)
    phone.locator("input[name=amount]").fill("12,400")
    phone.locator("input[name=receipt]").fill(f"R-{mark}")
    phone.locator("main form .button--primary").click()
    phone.locator(".feed__item").wait_for()
    shot(phone, f"missing-1-{mark}")
    assert_sound(phone)

    desk = open_page(f"/console/{cafe.slug}/members/missing-points", client=staff_browser(cafe, "manager"), **look)
    shot(desk, f"missing-2-{mark}")
    assert_sound(desk)
    desk.locator("form:has(input[value=accept]) button").first.click()
    expect(desk.locator("form:has(input[value=accept])")).to_have_count(0)
    shot(desk, f"missing-3-{mark}")
    assert_sound(desk)
    phone.reload()
    # 124 for the amount, 20 for the first order.
    expect(phone.locator(".feed__amount").first).to_contain_text("+144")

    with django_db_blocker.unblock():
        bought(cafe, f"R-{mark}", sora)
    desk.reload()
    shot(desk, f"missing-4-{mark}")
    assert_sound(desk)
    desk.locator("form:has(input[value=take_back]) button").click()
    expect(desk.locator("form:has(input[value=take_back])")).to_have_count(0)
    assert_sound(desk)


def test_the_settings_of_safety_fit(cafe, open_page, assert_sound, shot):
    for width in (PHONE, DESK):
        page = open_page(f"/console/{cafe.slug}/settings", client=staff_browser(cafe, "owner"), width=width)
        shot(page, f"settings-{width}")
        assert_sound(page)


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_two_receipts_with_one_number_are_told_apart_given_and_taken_off_again(
    cafe, open_page, assert_sound, shot, width, scheme, language
):
    mark, look = f"{width}-{scheme}-{language}", {"width": width, "scheme": scheme, "language": language}
    sora, number = join(cafe, name="Sora"), f"7{LOOKS.index((width, scheme, language))}"
    for side in ("left", "right"):
        with tenancy.tenant(cafe):
            keys.issue(
                merchant=cafe, name=side, scopes=["purchases:write"], id_namespace=side, actor=SYSTEM, now=datetime.now(UTC)
            )  # fmt: skip
        bought(cafe, f"{side}:{number}")
    client = member_browser(cafe, sora)
    phone = open_page(f"/m/{cafe.slug}/missing", client=client, **look)
    phone.locator("input[name=amount]").fill("9,800")
    phone.locator("input[name=receipt]").fill(number)
    phone.locator("main form .button--primary").click()
    phone.locator(".feed__item").wait_for()

    manager = staff_browser(cafe, "manager")
    desk = open_page(f"/console/{cafe.slug}/members/missing-points", client=manager, **look)
    shot(desk, f"two-tills-1-{mark}")
    assert_sound(desk)

    counter = open_page(f"/console/{cafe.slug}/counter/members/{sora.public_id}", client=cashier_browser(cafe), **look)
    counter.locator("details:has(input[name=bought]) > summary").click()
    counter.locator("input[name=bought]").fill(number)
    counter.locator("form[action$=claim] button").click()
    choices = counter.locator("button[name=which]")
    expect(choices).to_have_count(2)
    shot(counter, f"two-tills-2-{mark}")
    counter.complaints.meant.append("status of 422")  # the browser notes the 422 it was answered
    assert_sound(counter)
    choices.first.click()
    counter.wait_for_url("**/counter/sales/**")

    hers = open_page(f"/console/{cafe.slug}/members/{sora.public_id}?show=purchases", client=manager, **look)
    shot(hers, f"two-tills-4-{mark}")
    hers.locator("[href^='#off-'], [data-dialog^='off-']").first.click()
    hers.locator("dialog[open] input[name=reason]").fill("Jun's receipt")
    shot(hers, f"two-tills-3-{mark}")
    assert_sound(hers)
    hers.locator("dialog[open] .button--primary").click()
    expect(hers.locator("[href^='#off-'], [data-dialog^='off-']")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme", "language"), [*LOOKS, (DESK, "light", "en"), (PHONE, "light", "ko")])
def test_answers_are_read_and_narrowed_down(
    cafe, open_page, assert_sound, shot, django_db_blocker, width, scheme, language
):
    mark, now = f"{width}-{scheme}-{language}", datetime.now(UTC)
    with django_db_blocker.unblock():
        purchase = bought(cafe, f"G-{mark}")
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        for score, comment in (
            (2, "The coffee was cold, and nobody at the counter looked up.\nI waited twelve minutes for one latte."),
            (10, "라떼가 정말 맛있어요! 매일 아침 들릅니다."),
            (
                7,
                "價格漲了一點。https://example.org/a-very-long-address-that-nobody-can-break-anywhere-at-all-0123456789",
            ),
        ):
            surveys.record_response(
                merchant=cafe, answer=surveys.AnswerInput(score=score, comment=comment, channel="link"), now=now,
                actor=SYSTEM,
            )  # fmt: skip
        asking.answer(merchant=cafe, purchase=purchase, score=4, comment="Meh.", channel="link", now=now, actor=SYSTEM)
    page = open_page(
        f"/console/{cafe.slug}/dashboard/answers", client=staff_browser(cafe, "owner"), width=width, scheme=scheme,
        language=language,
    )  # fmt: skip
    shot(page, f"answers-1-{mark}")
    assert_sound(page)
    page.locator("select[name=words]").select_option("yes")
    page.wait_for_url("**words=yes**")
    page.locator(".said form button").first.click()
    page.locator(".said .positive").first.wait_for()
    assert "words=yes" in page.url, "the list stays as it was narrowed down"
    shot(page, f"answers-2-{mark}")
    assert_sound(page)
