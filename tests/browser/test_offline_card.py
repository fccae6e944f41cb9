"""The member's card without a net: kept for its member alone, gone once she signs out, and nothing else kept."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.core.wsgi import get_wsgi_application
from playwright.sync_api import expect

from loyalty.ui import offline
from tests.browser.conftest import serving
from tests.people import join, member_browser, open_shop


class Portal:
    """The portal behind a net that can fail; `marks` are what its pages say of the card."""

    def __init__(self, slug: str) -> None:
        self.page, self.marks, self.port = f"/m/{slug}/me", {}, 0
        self._application, self._net = get_wsgi_application(), ExitStack()

    def __call__(self, environ, start_response):
        mark = self.marks.get(environ["PATH_INFO"])

        def start(status, headers, *rest):
            return start_response(status, [*headers, (offline.HEADER, mark)] if mark else headers, *rest)

        return self._application(environ, start)

    def up(self) -> str:
        url = self._net.enter_context(serving(self, self.port))
        self.port = int(url.rpartition(":")[2])
        return url

    def down(self) -> None:
        self._net.close()


@pytest.fixture
def portal(committed):
    cafe = open_shop("cafe-haneul")
    portal = Portal(cafe.slug)
    portal.cafe = cafe
    yield portal
    portal.down()


@pytest.fixture
def phone(browser, portal):
    url = portal.up()
    context = browser.new_context(base_url=url, viewport={"width": 390, "height": 844})
    mina = join(portal.cafe, name="Mina")
    cookies = member_browser(portal.cafe, mina).cookies
    context.add_cookies([{"name": name, "value": cookie.value, "url": url} for name, cookie in cookies.items()])
    page = context.new_page()
    page.goto(portal.page)
    page.evaluate(
        """async (slug) => {
            await navigator.serviceWorker.register(`/theme/${slug}/sw.js`, { scope: `/m/${slug}/` });
            await navigator.serviceWorker.ready;
        }""",
        portal.cafe.slug,
    )
    yield page
    context.close()


def kept(page):
    """The pages in the worker's stores, by path."""
    return page.evaluate(
        """async () => {
            const found = [];
            for (const name of await caches.keys()) {
                for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
            }
            return found.filter((path) => path.startsWith('/m/'));
        }"""
    )


def test_the_card_shows_without_a_net_and_everything_else_says_so(portal, phone):
    portal.marks[portal.page] = "mem_mina"
    phone.goto(portal.page)
    title = phone.title()
    assert kept(phone) == [portal.page]

    portal.down()
    phone.goto(portal.page)
    assert phone.title() == title
    # The first page too: the card says what the balance was, and when.
    phone.goto(portal.page.removesuffix("me"))
    assert phone.title() == title
    phone.goto(portal.page.replace("/me", "/join"))
    expect(phone.get_by_role("heading", name="You are offline")).to_be_visible()


def test_pages_that_are_no_card_are_not_kept(portal, phone):
    phone.goto(portal.page)
    assert kept(phone) == []


def test_the_card_goes_when_nobody_is_signed_in_any_more(portal, phone):
    portal.marks[portal.page] = "mem_mina"
    phone.goto(portal.page)
    assert kept(phone) == [portal.page]

    portal.marks[portal.page] = "none"
    phone.goto(portal.page)
    assert kept(phone) == []


def test_a_sign_out_form_clears_the_card_at_once(portal, phone):
    portal.marks[portal.page] = "mem_mina"
    phone.goto(portal.page)
    assert kept(phone) == [portal.page]

    phone.evaluate(
        """async () => {
            const form = document.createElement('form');
            form.dataset.signOut = '';
            form.method = 'get';
            document.body.append(form);
            form.addEventListener('submit', (event) => event.preventDefault());
            form.requestSubmit();
            await new Promise((resolve) => setTimeout(resolve, 200));
        }"""
    )
    assert kept(phone) == []


def test_only_one_members_card_is_ever_kept(portal, phone):
    other = portal.page.replace("/me", "/join")
    portal.marks |= {portal.page: "mem_mina", other: "mem_jonas"}
    phone.goto(portal.page)
    phone.context.clear_cookies()  # Jonas takes the tablet
    phone.goto(other)

    assert kept(phone) == [other]
