"""What a phone loads for a member's first pages: little enough for a slow net in a cellar."""

from __future__ import annotations

import gzip
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.people import join, member_browser, open_shop

pytestmark = pytest.mark.django_db
FIRST_PAGE_BYTES_MAX = 30 * 1024


def weight(browser, path):
    """The page and all it links, each compressed as it travels; the icons are one file for all pages."""
    page = browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    html = gzip.decompress(page.content).decode()
    linked = set(re.findall(r'(?:href|src)="(/[^"#]+\.(?:css|js|svg)(?:\?[^"]*)?)', html)) | set(
        re.findall(r'<use href="(/[^"#]+\.svg)', html)
    )
    total, names = len(page.content), []
    for address in sorted(linked):
        found = finders.find(address.removeprefix("/static/")) if address.startswith("/static/") else None
        if found:
            with open(found, "rb") as file:
                body = file.read()
        else:
            body = b"".join(Client().get(address))
        total += len(gzip.compress(body))
        names.append(address)
    return total, names


def test_the_first_page_of_somebody_new_is_light_and_brings_no_script_it_does_not_need():
    shop = open_shop("cafe-haneul")
    total, names = weight(Client(), f"/m/{shop.slug}/join")

    assert total <= FIRST_PAGE_BYTES_MAX, (total, names)
    assert not [name for name in names if "htmx" in name or "components-wide" in name]


def test_the_card_needs_no_htmx():
    shop = open_shop("cafe-haneul")
    total, names = weight(member_browser(shop, join(shop)), f"/m/{shop.slug}/card")

    assert not [name for name in names if "htmx" in name or "components-wide" in name]
    assert total <= 2 * FIRST_PAGE_BYTES_MAX, "an hour of codes comes with it"


def test_the_same_page_twice_has_no_secret_that_stays_the_same():
    """Compression tells nothing about the CSRF token: it is another one in each answer."""
    shop, browser = open_shop("cafe-haneul"), Client()
    pages = [browser.get(f"/m/{shop.slug}/sign-in?next=/m/{shop.slug}/card").content.decode() for _each in range(2)]
    tokens = [re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1] for page in pages]
    assert tokens[0] != tokens[1]
