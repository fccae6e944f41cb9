"""A real browser before the real application: for what only a browser can tell (layout, contrast, policy, focus).

    page = open_page("/console/…", client=staff_browser(cafe, "owner"), width=390, scheme="dark", language="ko")
    assert_sound(page)                   # no axe violation, no sideways scroll, no complaint in the console
    shot(page, "dashboard-ko-dark")      # a picture, when $SHOTS names a directory

Data must be committed to be seen by the server: use the fixture `committed`, never `db`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.wsgi import get_wsgi_application
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.serving import serving

PHONE, DESK = 390, 1280

# A busy machine takes its time; who is right waits no longer than the page does.
expect.set_options(timeout=30_000)


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("no browser here: install chromium, or name one in CHROMIUM")
    # Playwright's loop runs in this thread; Django would refuse every query of a test meanwhile.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def server_url(django_db_setup, django_db_blocker) -> Iterator[str]:
    """The whole application, middleware and static files included, on a free port and the test database."""
    with django_db_blocker.unblock(), serving(get_wsgi_application()) as url:
        yield url


@dataclass
class Complaints:
    """What the page's console said: script errors, refused resources, reports of the content security policy."""

    lines: list[str] = field(default_factory=list)
    #: Parts of lines that a test meant to cause. A browser says them when it likes, so they are never waited for.
    meant: list[str] = field(default_factory=list)

    def unmeant(self) -> list[str]:
        return [line for line in self.lines if not any(part in line for part in self.meant)]


@pytest.fixture
def open_page(browser: Browser, server_url: str, committed: None) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_page(
        path: str,
        *,
        client: Client | None = None,
        width: int = DESK,
        height: int = 860,
        scheme: str = "light",
        language: str = "en",
        script: bool = True,
    ) -> Page:
        """Open an address as a phone (390) or a desk (1280), signed in as the Django test client is."""
        is_phone = width < 600
        context = browser.new_context(
            base_url=server_url,
            viewport={"width": width, "height": height},
            device_scale_factor=2 if is_phone else 1,
            is_mobile=is_phone,
            has_touch=is_phone,
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=language,
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        contexts.append(context)
        if client is not None:
            context.add_cookies([
                {"name": name, "value": cookie.value, "url": server_url} for name, cookie in client.cookies.items()
            ])  # fmt: skip
        page = context.new_page()
        complaints = Complaints()
        page.complaints = complaints  # type: ignore[attr-defined]
        page.on(
            "console", lambda said: complaints.lines.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: complaints.lines.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


#: Texts that stand in a column of a few letters: they fit, and nobody can read them. A bar of a chart is no text, and a
#: cell may be as high as what stands beside it: what counts is how high its words are.
_SQUEEZED = """() => {
    const height = (it) => {
        const words = document.createRange();
        words.selectNodeContents(it);
        return words.getBoundingClientRect().height;
    };
    return [...document.querySelectorAll('p, li, h1, h2, h3, dt, td, th, label')]
        .filter((it) => it.checkVisibility() && !it.closest('.columns, .stacks__bars') && it.clientWidth > 1 && it.clientWidth < 56
            && height(it) > 6 * (parseFloat(getComputedStyle(it).lineHeight) || 24))
        .slice(0, 5).map((it) => it.innerText.slice(0, 60));
}"""


@pytest.fixture
def assert_sound() -> Callable[..., None]:
    def assert_sound(page: Page, *, ignoring: tuple[str, ...] = ()) -> None:
        """Fail unless the page is accessible (axe), fits its width, reads in lines and made the console say nothing."""
        __tracebackhide__ = True
        findings = [
            f"{found['id']} ({found['impact']}): {node['html'][:200]}"
            for found in Axe().run(page).response["violations"]
            if found["id"] not in ignoring
            for node in found["nodes"]
        ]
        assert findings == [], "\n".join([f"axe at {page.url}:", *findings])
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{page.url} is {beyond} px wider than its screen: {_widest(page)}"
        squeezed = page.evaluate(_SQUEEZED)
        assert squeezed == [], f"{page.url} squeezes text into a few letters a line: {squeezed}"
        said = page.complaints.unmeant()  # type: ignore[attr-defined]
        assert said == [], f"{page.url}: {said}"

    return assert_sound


@pytest.fixture
def shot() -> Callable[..., None]:
    def shot(page: Page, name: str, *, whole: bool = True) -> None:
        """Save a picture of the page under $SHOTS, if that is set; `whole` takes what lies below the fold too."""
        directory = os.environ.get("SHOTS")
        if not directory:
            return
        Path(directory).mkdir(parents=True, exist_ok=True)
        size = page.viewport_size
        if whole and size:
            # A taller window rather than a full-page picture: bars stay at the bottom instead of in the middle.
            tall = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": size["width"], "height": max(tall, size["height"])})
        page.screenshot(path=str(Path(directory) / f"{name}.png"))
        if size:
            page.set_viewport_size(size)

    return shot


def _widest(page: Page) -> list[str]:
    """The elements that stick out on the right, as a hint."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter((it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .slice(0, 5).map((it) => it.outerHTML.slice(0, 120))"""
    )
    return found
