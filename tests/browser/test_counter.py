"""The counter in a browser: a cashier's phone, with one hand, also without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import ids, tenancy
from rewards.models.purchases import Purchase
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
    page.get_by_role("button", name="Undo this sale").click()
    expect(page.get_by_text("The sale is taken back")).to_be_visible()
    shot(page, "counter-undone")
    assert_sound(page)
    page.get_by_role("link", name="Next member").first.click()
    expect(page.get_by_text("₩12,400 · undone")).to_be_visible()
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


def sold_to(cafe, member, django_db_blocker):
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        return list(Purchase.objects.filter(member=member).values_list("external_id", "total_minor"))


def test_without_a_connection_a_sale_is_kept_and_sent_once_when_it_is_back(
    cafe, jisoo, counter, assert_sound, shot, django_db_blocker
):
    page = counter(f"members/{jisoo.public_id}")
    number = page.locator("[name=minted]").input_value()
    page.get_by_label("Amount of the sale").fill("12400")
    expect(page.locator(".counter-preview__points")).to_contain_text("144")
    page.context.set_offline(True)
    record = page.get_by_role("button", name="Record the sale")
    record.click()

    kept = page.get_by_text("No connection: not recorded yet")
    expect(kept).to_be_visible()
    record.click()
    expect(kept).to_have_count(1)
    expect(page.get_by_label("Amount of the sale")).to_have_value("12,400")
    assert sold_to(cafe, jisoo, django_db_blocker) == []
    shot(page, "counter-offline")
    page.complaints.meant.append("ERR_INTERNET_DISCONNECTED")  # Chromium notes that it reached nobody; this was meant.
    assert_sound(page)

    page.context.set_offline(False)
    page.wait_for_url("**/counter/sales/**")
    assert sold_to(cafe, jisoo, django_db_blocker) == [(f"counter:{number}", 12_400)]


def test_a_kept_sale_that_is_changed_waits_for_the_cashier_again(cafe, jisoo, counter, django_db_blocker):
    page = counter(f"members/{jisoo.public_id}")
    page.get_by_label("Amount of the sale").fill("12400")
    expect(page.locator(".counter-preview__points")).to_contain_text("144")
    page.context.set_offline(True)
    page.get_by_role("button", name="Record the sale").click()
    kept = page.get_by_text("No connection: not recorded yet")
    expect(kept).to_be_visible()

    page.get_by_label("Amount of the sale").fill("9000")
    expect(kept).to_have_count(0)
    page.context.set_offline(False)
    page.get_by_label("Amount of the sale").fill("9500")
    expect(page.locator(".counter-preview__points")).to_contain_text("115")
    assert sold_to(cafe, jisoo, django_db_blocker) == []
    page.get_by_role("button", name="Record the sale").click()
    page.wait_for_url("**/counter/sales/**")
    assert [amount for _number, amount in sold_to(cafe, jisoo, django_db_blocker)] == [9_500]


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
