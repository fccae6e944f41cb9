"""Signing in, the second factor and the error pages, as people meet them."""

from __future__ import annotations

import itertools

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests.people import BACKEND, browser_of, open_shop, seat_at

PHONE, DESK = 390, 1280
_LOOKS = itertools.cycle(
    [
        (PHONE, "light", "ko"),
        (DESK, "dark", "en"),
        (PHONE, "dark", "zh-Hant"),
        (DESK, "light", "en"),
        (PHONE, "light", "en"),
        (PHONE, "dark", "ko"),
    ]
)


@pytest.fixture
def owner(committed):
    return seat_at(open_shop("cafe-haneul"), "owner").user


@pytest.mark.parametrize(
    ("path", "look"),
    list(
        zip(
            [
                "/accounts/login/",
                "/accounts/security/",
                "/accounts/second-factor/",
                "/accounts/second-factor/setup/",
                "/accounts/second-factor/app/",
                "/accounts/second-factor/passkeys/",
                "/accounts/second-factor/passkeys/add/",
                "/accounts/second-factor/codes/new/",
                "/accounts/logout/",
            ],
            _LOOKS,
            strict=False,
        )
    ),
    ids=str,
)
def test_every_page_of_signing_in_is_sound(open_page, assert_sound, shot, owner, path, look):
    width, scheme, language = look
    client = Client() if path == "/accounts/login/" else browser_of(owner)
    if "setup" in path:
        client = Client()
        client.force_login(owner, backend=BACKEND)

    page = open_page(path, client=client, width=width, scheme=scheme, language=language)

    assert_sound(page)
    expect(page.locator("h1")).to_have_count(1)
    shot(page, f"sign-in-{path.strip('/').replace('/', '-')}-{width}-{scheme}-{language}")


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_a_page_that_is_not_there_says_what_to_do(open_page, assert_sound, shot, width, scheme):
    page = open_page("/nothing/here", width=width, scheme=scheme)
    page.complaints.lines.clear()  # the browser notes the 404 itself

    expect(page.get_by_role("link", name="To the start page")).to_be_visible()
    assert_sound(page)
    shot(page, f"error-404-{width}-{scheme}")
