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
    page.complaints.meant.append("status of 404")  # the browser notes the 404 itself

    expect(page.get_by_role("link", name="To the start page")).to_be_visible()
    assert_sound(page)
    shot(page, f"error-404-{width}-{scheme}")


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "light", "ko"), (DESK, "dark", "zh-Hant")])
def test_what_is_too_large_is_answered_by_a_page(owner, open_page, assert_sound, shot, width, scheme, language):
    page = open_page("/accounts/login/", width=width, scheme=scheme, language=language)
    page.locator("input[name=contact]").evaluate(
        "it => { it.maxLength = 1e7; it.value = 'x'.repeat(6e6); it.form.submit() }"
    )
    page.get_by_text("413").wait_for()
    # The browser's own line about the answer is no complaint of ours.
    page.complaints.meant.append("status of 413")
    shot(page, f"413-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize(("width", "scheme", "language"), [(PHONE, "light", "ko"), (DESK, "dark", "zh-Hant")])
def test_another_code_is_refused_within_the_minute_in_words(
    owner, open_page, assert_sound, shot, width, scheme, language
):
    page = open_page("/accounts/login/", width=width, scheme=scheme, language=language)
    page.locator("input[name=contact]").fill(f"nobody-{width}@example.org")
    page.locator("main form button").first.click()
    page.locator("input[name=code]").wait_for()
    shot(page, f"code-1-{width}-{scheme}-{language}")
    assert_sound(page)
    page.locator("form:has(input[value=resend]) button").click()
    page.locator(".flash, .alert").first.wait_for()
    page.complaints.meant.append("status of 429")
    shot(page, f"code-2-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (DESK, "dark"), (PHONE, "dark"), (DESK, "light")])
@pytest.mark.parametrize("path", ["/api/docs/quickstart", "/api/docs/problems/"])
def test_what_developers_read_is_sound(open_page, assert_sound, shot, path, width, scheme):
    page = open_page(path, width=width, scheme=scheme)
    shot(page, f"docs-{path.strip('/').rpartition('/')[2]}-{width}-{scheme}")
    assert_sound(page)


def test_the_reference_has_the_way_to_the_quickstart_above_it(open_page, shot):
    page = open_page("/api/docs")
    page.locator(".swagger-ui .info").wait_for()
    shot(page, "docs-reference", whole=False)
    page.locator("header").get_by_role("link", name="Quickstart").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Quickstart for till developers")
