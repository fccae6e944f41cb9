"""Who one is, in a browser: a contact changed by two codes, a big reward by one, and a card that moves by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from members import live_codes
from merchants import tenancy
from merchants.actors import SYSTEM
from merchants.models.messages import OutgoingMessage
from rewards import purchases
from tests import cafe_history
from tests.people import join, member_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield cafe_history.cafe(slug="cafe-bom", sales=40)


@pytest.fixture
def mina(cafe, committed):
    member, now = join(cafe, name="박미나"), datetime.now(UTC)
    sold = purchases.PurchaseInput(
        external_id=f"much-{member.code}", occurred_at=now, currency="KRW", total_minor=900_000, location="main",
        member=purchases.MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=now, actor=SYSTEM)
    return member


@pytest.fixture
def letters(cafe, settings, monkeypatch):
    """Letters stay in their rows, so that a browser's person can read the newest."""
    settings.MESSAGES_AT_ONCE = "later"
    settings.CODES_PER_IP_AND_HOUR = 100

    def newest(to):
        with tenancy.tenant(cafe):
            return OutgoingMessage.objects.filter(merchant=cafe, recipient=to).latest("pk").text

    return newest


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(PHONE, "light", "en"), (DESK, "dark", "ko"), (PHONE, "dark", "zh-hant")]
)
def test_a_contact_is_changed_by_two_codes(
    cafe, mina, letters, open_page, assert_sound, shot, width, scheme, language
):  # fmt: skip
    mark = f"{width}-{scheme}-{language}"
    page = open_page(
        f"/m/{cafe.slug}/me", client=member_browser(cafe, mina), width=width, scheme=scheme, language=language
    )
    shot(page, f"me-{mark}")
    assert_sound(page)
    page.locator("a[href$='/me/contact/email']").click()
    page.wait_for_url("**/me/contact/email")
    shot(page, f"contact-1-{mark}")
    assert_sound(page)
    page.locator("main form .button").first.click()
    page.wait_for_url("**/prove")
    shot(page, f"contact-2-{mark}")
    assert_sound(page)
    page.locator("input[name=code]").fill("000000")
    page.locator("main form .button--primary").click()
    page.locator(".field__error").wait_for()
    shot(page, f"contact-2-wrong-{mark}")
    page.complaints.meant.append("status of 422")  # the browser notes the 422 it was answered
    assert_sound(page)
    page.locator("input[name=code]").fill(re.search(r"\d{6}", letters(mina.email))[0])
    page.locator("main form .button--primary").click()
    page.wait_for_url("**/new")
    shot(page, f"contact-3-{mark}")
    assert_sound(page)
    new = f"new-{mina.code.lower()}@example.org"
    page.locator("input[name=contact]").fill(new)
    page.locator("main form .button--primary").click()
    page.wait_for_url("**/confirm")
    shot(page, f"contact-4-{mark}")
    page.locator("input[name=code]").fill(re.search(r"\d{6}", letters(new))[0])
    page.locator("main form .button--primary").click()
    page.wait_for_url("**/me")
    shot(page, f"contact-5-{mark}")
    assert_sound(page)
    expect(page.locator("main")).to_contain_text(new)

    link = re.search(r"/m/\S+/undo/\S+", letters(mina.email))[0]
    undo = open_page(link, width=width, scheme=scheme, language=language)
    shot(undo, f"contact-undo-{mark}")
    assert_sound(undo)
    undo.locator("main form .button--primary").click()
    undo.locator("a.button--primary").wait_for()
    shot(undo, f"contact-undone-{mark}")
    assert_sound(undo)


def test_a_big_reward_asks_for_a_code(cafe, mina, letters, open_page, assert_sound, shot, django_db_blocker):
    type(cafe).objects.filter(pk=cafe.pk).update(step_up_points_above=0)
    page = open_page(f"/m/{cafe.slug}/rewards", client=member_browser(cafe, mina), width=PHONE)
    page.get_by_role("link", name="Redeem").first.click()
    page.get_by_role("button", name="Redeem now").click()
    page.get_by_role("heading", name="Is it you?").wait_for()
    shot(page, "take-code-1")
    assert_sound(page)
    page.get_by_role("button", name=re.compile("Send a code to")).click()
    page.locator("input[name=code]").wait_for()
    shot(page, "take-code-2")
    assert_sound(page)
    page.locator("input[name=code]").fill(re.search(r"\d{6}", letters(mina.email))[0])
    page.get_by_role("button", name="Redeem now").click()
    page.wait_for_url("**/rewards/mine/rdm_*")
    type(cafe).objects.filter(pk=cafe.pk).update(step_up_points_above=5000)


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "light", "en"), (DESK, "dark", "zh-hant")])
def test_the_card_moves_every_minute_and_says_when_it_cannot(
    cafe, mina, open_page, assert_sound, shot, width, scheme, language
):
    page = open_page(
        f"/m/{cafe.slug}/terms", client=member_browser(cafe, mina), width=width, scheme=scheme, language=language
    )
    page.clock.install(time=datetime.now(UTC))
    page.goto(f"/m/{cafe.slug}/card")
    ink = page.locator("svg.code--qr path").nth(1)
    first = ink.get_attribute("d")
    shot(page, f"card-{width}-{scheme}-{language}")
    assert_sound(page)

    page.clock.fast_forward(61_000)
    expect(ink).not_to_have_attribute("d", first)
    second = ink.get_attribute("d")
    later = live_codes.series(merchant=cafe, member=mina, now=datetime.now(UTC), count=3)
    assert _modules(second) in [_drawn(text) for _at, text in later]

    page.context.set_offline(True)
    page.clock.fast_forward(3_600_000)
    expect(page.locator("[data-live-over]")).to_be_visible()
    expect(page.locator("svg.code--qr")).to_contain_class("code--over")
    shot(page, f"card-over-{width}-{scheme}-{language}")


def _modules(path):
    """The dark modules that a script drew one by one."""
    return {(int(x) - 4, int(y) - 4) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}


def _drawn(text):
    import segno

    matrix = segno.make_qr(text, error="m").matrix
    return {(x, y) for y, row in enumerate(matrix) for x, module in enumerate(row) if module}
