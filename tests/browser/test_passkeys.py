"""Staff sign in with a passkey: made on this device, used alone, taken away; and the way in when the device is lost."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests.people import BACKEND, open_shop, seat_at

PHONE = 390
_DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def cafe(committed):
    return open_shop("cafe-haneul")


@pytest.fixture
def owner(cafe):
    return seat_at(cafe, "owner").user


@pytest.fixture
def computer(open_page, server_url, owner):
    """The owner's browser, signed in by code, with a device that makes passkeys; under a name, as passkeys ask for."""
    home = server_url.replace("127.0.0.1", "localhost")
    client = Client()
    client.force_login(owner, backend=BACKEND)
    page = open_page(f"{home}/healthz", width=PHONE)
    page.complaints.meant.append("status of 404")  # it names no icon, and the browser asks for one
    page.context.add_cookies(
        [{"name": name, "value": cookie.value, "url": home} for name, cookie in client.cookies.items()]
    )
    page.home = home
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    page.device_id = device.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})["authenticatorId"]
    page.device = device
    return page


def adds_a_passkey(page, name="Laptop"):
    page.goto(f"{page.home}/accounts/second-factor/setup/")
    page.get_by_role("link", name="Use this device (passkey)").click()
    page.wait_for_load_state("load")  # the button does nothing before its script has come
    page.get_by_label("Name of the device").fill(name)
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(lambda url: "/passkeys/add" not in url)


def signed_in_by_code(page, user):
    client = Client()
    client.force_login(user, backend=BACKEND)
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": name, "value": cookie.value, "url": page.home} for name, cookie in client.cookies.items()]
    )


def test_a_passkey_is_made_shown_and_opens_the_console_alone(computer, cafe, owner, shot, assert_sound):
    page = computer
    adds_a_passkey(page)
    page.get_by_role("heading", name="Recovery codes").wait_for()
    shot(page, "passkey-1-added")
    assert_sound(page)
    page.goto(f"{page.home}/accounts/second-factor/passkeys/")
    expect(page.get_by_text("Laptop", exact=True).first).to_be_visible()
    shot(page, "passkey-2-list")
    assert_sound(page)

    page.context.clear_cookies()
    page.goto(f"{page.home}/accounts/login/")
    page.locator("#passkey_login").click()
    page.wait_for_url("**/console/**")
    page.goto(f"{page.home}/console/{cafe.slug}/settings")
    assert page.url.endswith("/settings"), "a passkey is two factors in one: nothing else is asked"


def test_after_a_code_the_passkey_is_the_second_factor(computer, cafe, owner, shot, assert_sound):
    page = computer
    adds_a_passkey(page)
    signed_in_by_code(page, owner)
    page.goto(f"{page.home}/console/{cafe.slug}/settings")
    page.get_by_role("heading", name="Is it you?").wait_for()
    shot(page, "passkey-3-again")
    assert_sound(page)

    page.get_by_role("button", name="Use my passkey").click()
    page.wait_for_url("**/settings")


def test_a_lost_device_is_replaced_by_a_recovery_code(computer, cafe, owner, shot):
    page = computer
    adds_a_passkey(page)
    code = page.locator("ul.mono li").first.inner_text()
    page.device.send("WebAuthn.clearCredentials", {"authenticatorId": page.device_id})
    signed_in_by_code(page, owner)
    page.goto(f"{page.home}/console/{cafe.slug}/settings")
    page.get_by_role("link", name="Device not here? Use a code").click()
    shot(page, "passkey-4-lost")
    page.locator("input[name=code]").fill(code)
    page.locator("main form button[type=submit], main form .button--primary").first.click()
    page.wait_for_url("**/settings")

    page.goto(f"{page.home}/accounts/second-factor/passkeys/")
    page.get_by_role("link", name="Remove").click()
    shot(page, "passkey-5-remove")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/passkeys/")
    expect(page.get_by_text("No device has a passkey yet.")).to_be_visible()
    signed_in_by_code(page, owner)
    page.goto(f"{page.home}/console/{cafe.slug}/settings")
    assert "/second-factor/setup/" in page.url, "the next visit sets up another one"


def test_a_recovery_code_works_once(computer, cafe, owner):
    page = computer
    adds_a_passkey(page)
    code = page.locator("ul.mono li").first.inner_text()
    for is_first in (True, False):
        signed_in_by_code(page, owner)
        page.goto(f"{page.home}/accounts/second-factor/again/?next=/console/{cafe.slug}/settings")
        page.locator("input[name=code]").fill(code)
        page.locator("main form button[type=submit], main form .button--primary").first.click()
        if is_first:
            page.wait_for_url("**/settings")
        else:
            expect(page.locator(".field__error")).to_be_visible()
            assert "/second-factor/again/" in page.url
