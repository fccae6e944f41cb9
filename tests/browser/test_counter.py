"""The counter in a browser: a cashier's phone, with one hand, also without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import ids, tenancy
from tests import cafe_history
from tests.people import browser_of, cashier_browser, join, seat_at, staff_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield cafe_history.cafe(slug="cafe-mapo", sales=60)


@pytest.fixture
def counter(cafe, open_page, django_db_blocker):
    with django_db_blocker.unblock():
        client = cashier_browser(cafe)

    def counter(path: str = "", **look):
        return open_page(f"/console/{cafe.slug}/counter/{path}", client=client, **{"width": PHONE, **look})

    return counter


@pytest.fixture
def jisoo(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return join(cafe, name="한지수")


def test_a_sale_from_the_first_letter_to_undo(cafe, jisoo, counter, assert_sound, shot):
    page = counter()
    shot(page, "counter-desk")
    assert_sound(page)
    page.get_by_role("searchbox").fill(jisoo.code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/members/**")
    shot(page, "counter-member")
    assert_sound(page)
    page.get_by_label("Amount of the sale").fill("12,400")
    page.get_by_role("button", name="Record the sale").click()

    page.wait_for_url("**/counter/sales/**")
    expect(page.get_by_text(re.compile(r"^\+144 beans$"))).to_be_visible()
    shot(page, "counter-sale")
    assert_sound(page)
    page.get_by_role("button", name="Undo, 30 min").click()
    expect(page.get_by_text("The sale is taken back")).to_be_visible()
    shot(page, "counter-undone")
    assert_sound(page)
    page.get_by_role("link", name="Next member").first.click()
    expect(page.get_by_text("₩12,400 · undone").first).to_be_visible()
    shot(page, "counter-recent")
    assert_sound(page)


@pytest.mark.parametrize("script", [True, False])
def test_a_reward_is_handed_over_and_undone(cafe, jisoo, counter, assert_sound, shot, script):
    page = counter(f"members/{jisoo.public_id}", script=script, scheme="dark" if script else "light")
    page.get_by_label("Amount of the sale").fill("60000")
    page.get_by_role("button", name="Record the sale").click()
    page.get_by_role("link", name="Back to this member").click()
    page.get_by_role("link", name="Redeem a reward").click()
    shot(page, "counter-rewards-dark")
    page.get_by_role("link", name=re.compile("Redeem.*Americano")).click()
    page.locator("dialog[open], dialog:target").get_by_role("button", name="Redeem now").click()

    page.wait_for_url("**/counter/rewards/rdm_*")
    expect(page.get_by_text("Hand it over")).to_be_visible()
    shot(page, "counter-reward-dark")
    if script:
        assert_sound(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Do not hand it over")).to_be_visible()


def test_without_a_connection_the_form_of_somebody_new_is_kept(cafe, counter, django_db_blocker):
    page = counter("enrol?contact=01055559876")
    page.get_by_label("Name").fill("Bora")
    page.context.set_offline(True)
    page.get_by_role("button", name="Enrol").click()

    expect(page.get_by_text("No connection: nothing was sent.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Bora")
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        assert not Member.objects.filter(name="Bora").exists()


def test_somebody_new_joins_in_two_fields(counter, assert_sound, shot):
    page = counter("?q=01055551234")
    shot(page, "counter-nobody")
    assert_sound(page)
    page.get_by_role("link", name="Enrol somebody new").click()
    page.get_by_label("Name").fill("Ara")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_text("To join, please agree to this.", exact=True)).to_have_count(2)
    shot(page, "counter-enrol")
    # Chromium notes every 4xx; this one was meant.
    page.complaints.meant.append("status of 422")
    assert_sound(page)
    page.get_by_label("I agree to the membership terms").press("Space")
    page.get_by_label("I agree that my data is collected").press("Space")
    page.get_by_role("button", name="Enrol").click()

    page.wait_for_url("**/counter/members/**")
    expect(page.get_by_text("30 beans given for joining")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme", "language"), [(DESK, "light", "ko"), (PHONE, "dark", "zh-hant")])
def test_an_owner_uses_it_too(cafe, jisoo, open_page, assert_sound, shot, django_db_blocker, width, scheme, language):
    with django_db_blocker.unblock():
        client = staff_browser(cafe, "owner")
    look = {"client": client, "width": width, "scheme": scheme, "language": language}
    page = open_page(f"/console/{cafe.slug}/counter/members/{jisoo.public_id}", **look)

    shot(page, f"counter-member-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(PHONE, "light", "en"), (PHONE, "dark", "ko"), (DESK, "light", "zh-hant")]
)
def test_what_a_sale_would_give_is_said_while_it_is_typed(
    cafe, jisoo, counter, assert_sound, shot, width, scheme, language
):  # fmt: skip
    page = counter(f"members/{jisoo.public_id}", width=width, scheme=scheme, language=language)
    page.locator("input[name=amount]").fill("12,400")

    page.locator(".counter-preview__points").wait_for()
    expect(page.locator(".counter-preview__points")).to_contain_text("144")
    shot(page, f"counter-preview-{width}-{scheme}-{language}")
    assert_sound(page)


def test_a_long_address_does_not_widen_the_head(cafe, open_page, assert_sound, shot, django_db_blocker):
    with django_db_blocker.unblock():
        user = seat_at(
            cafe, "cashier", f"a.very.long.address.of.somebody-{'x' * 20}-{ids.mint('mem')[4:]}@cafe-mapo.example.org"
        ).user
        client = browser_of(user)
    page = open_page(f"/console/{cafe.slug}/counter/", client=client, width=320)
    shot(page, "counter-long-address")
    assert_sound(page)


def test_digits_are_grouped_while_typing_wherever_the_caret_stands(counter, jisoo):
    amount = counter(f"members/{jisoo.public_id}").get_by_label("Amount of the sale")
    for keys, shown in (
        (["1", "2", "4", "0"], "1,240"),
        (["0", "0", "0"], "1,240,000"),
        (["Home", "9"], "91,240,000"),
        (["Backspace"], "1,240,000"),
        # Behind the second comma: the first backspace passes it, the second takes the digit before it.
        (["End", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Backspace", "Backspace"], "124,000"),
        (["7"], "1,247,000"),
        (["Home", "Delete", "Delete", "Delete"], "7,000"),
        (["End", "Backspace", "Backspace", "Backspace", "Backspace"], ""),
    ):
        for key in keys:
            amount.press(key)
        expect(amount).to_have_value(shown)


@pytest.fixture(scope="module")
def two_called_boram(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return [join(cafe, name=name) for name in ("민보람", "차보람")]


def test_members_are_found_while_typing_and_chosen_with_the_arrow_keys(counter, two_called_boram, assert_sound, shot):
    page = counter()
    search, said = page.get_by_role("searchbox"), page.locator("#found-said")
    found = page.locator("#found li a")
    search.fill("보람")
    expect(found).to_have_count(2)
    expect(said).to_have_text("2 members found. Choose with the arrow keys.")
    expect(said).to_have_role("status")
    shot(page, "counter-found")
    assert_sound(page)

    # The last stays the last; up from the first goes back to the field.
    for key, chosen in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", None)):
        page.keyboard.press(key)
        expect(search if chosen is None else found.nth(chosen)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(search).to_be_focused()
    expect(search).to_have_value("보람")
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(found).to_have_count(0)

    search.fill("보름달")
    expect(said).to_have_text("No member found")
    search.fill("차보람")
    expect(said).to_have_text("1 member found. Choose with the arrow keys.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/counter/members/{two_called_boram[1].public_id}")


def test_a_tap_adds_a_line_with_the_amount_typed_and_what_it_gives_is_said(
    cafe, jisoo, counter, assert_sound, shot, django_db_blocker
):
    """4,500 and 4,500 of coffee and 6,000 beside: three taps, no page in between."""
    page = counter(f"members/{jisoo.public_id}", height=844)
    amount, coffee = page.get_by_label("Amount of the sale"), page.get_by_role("button", name="Coffee", exact=True)
    for digit in ("4", "5", "00"):
        page.get_by_role("button", name=digit, exact=True).click()
    expect(amount).to_have_value("4,500")
    coffee.click()
    expect(amount).to_have_value("")
    amount.fill("4500")
    coffee.click()
    amount.fill("6000")
    page.get_by_role("button", name="Tea", exact=True).click()
    lines = page.locator(".counter-line")
    expect(lines).to_have_count(2)
    expect(page.locator("[data-sum]")).to_have_text("₩15,000")
    expect(page.locator(".counter-preview__points")).to_be_visible()
    shot(page, "counter-lines")
    assert_sound(page)

    lines.filter(has_text="Tea").get_by_role("button", name=re.compile("^Remove")).click()
    expect(page.locator("[data-sum]")).to_have_text("₩9,000")
    page.get_by_role("button", name="Record the sale").click()
    page.wait_for_url("**/counter/sales/**")
    expect(page.get_by_text("2 Coffee")).to_be_visible()
    shot(page, "counter-sale-goods")
    assert_sound(page)


_CAMERA = """
    window.BarcodeDetector = class { async detect() { return [{ rawValue: "%s" }]; } };
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    navigator.mediaDevices.getUserMedia = async () => { window.asked = true; return canvas.captureStream(5); };
    HTMLMediaElement.prototype.play = async () => {};
"""


def test_a_card_before_the_camera_leads_to_its_member(jisoo, counter):
    page = counter()
    expect(page.get_by_text("This browser cannot read cards with the camera")).to_be_visible()
    page.context.add_init_script(_CAMERA % jisoo.code)
    page.reload()
    page.get_by_role("link", name="Scan with the camera").click()
    page.wait_for_url(f"**/counter/members/{jisoo.public_id}")


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(320, "light", "ko"), (768, "dark", "en"), (1280, "light", "zh-hant")]
)
@pytest.mark.parametrize("path", ["", "guest", "enrol"])
def test_every_first_page_fits(counter, assert_sound, shot, path, width, scheme, language):
    page = counter(path, width=width, scheme=scheme, language=language)
    shot(page, f"counter-fits-{path or 'desk'}-{width}")
    assert_sound(page)
    # What a thumb presses is 40 px at least, the keys 58.
    small = page.evaluate(
        """() => [...document.querySelectorAll("main button, main .button, main .counter-row")]
            .filter((it) => it.checkVisibility() && !it.closest(".sr-only") && !it.matches(".sr-only"))
            .filter((it) => it.getBoundingClientRect().height < (it.matches(".counter-key, .counter-digit") ? 58 : 40))
            .map((it) => it.outerHTML.slice(0, 80))"""
    )
    assert small == []
