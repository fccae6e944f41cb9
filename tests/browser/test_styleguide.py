"""Every component in every state, in the browser: accessible, fitting, quiet, in both schemes and three languages."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import expect

from loyalty.ui import styleguide

PHONE, DESK = 390, 1280

# Each part on a phone and at a desk; schemes and languages take turns over the parts, and all meet on the busiest.
_TURNS = itertools.cycle(itertools.product(("light", "dark"), ("en", "ko", "zh-Hant")))
_LOOKS = [(part, width, *next(_TURNS)) for part in styleguide.PARTS for width in (PHONE, DESK)]
_LOOKS += [
    (part, PHONE, scheme, language)
    for part in ("portal-home", "console-dashboard")
    for scheme in ("light", "dark")
    for language in ("en", "ko", "zh-Hant")
]


@pytest.fixture(autouse=True)
def debug(settings):
    """The style guide opens to builders only."""
    settings.DEBUG = True


@pytest.mark.parametrize(("part", "width", "scheme", "language"), list(dict.fromkeys(_LOOKS)))
def test_it_is_accessible_and_fits(open_page, assert_sound, shot, part, width, scheme, language):
    page = open_page(f"/styleguide/{part}", width=width, scheme=scheme, language=language)

    expect(page.locator("html")).to_have_attribute("lang", language)
    assert_sound(page)
    shot(page, f"styleguide-{part}-{width}-{scheme}-{language}")


@pytest.mark.parametrize(
    ("brand", "scheme"),
    [
        ("ffd400", "light"),
        ("ffd400", "dark"),
        ("7a1f3d", "dark"),
        ("111111", "dark"),
        ("ffffff", "light"),
        ("8c8c8c", "dark"),
    ],
)
def test_any_brand_stays_readable(open_page, assert_sound, shot, brand, scheme):
    page = open_page(f"/styleguide/portal-home?brand={brand}", width=PHONE, scheme=scheme)

    assert_sound(page)
    shot(page, f"brand-{brand}-{scheme}")


def test_a_dialog_opens_takes_the_focus_and_gives_it_back(open_page, assert_sound):
    page = open_page("/styleguide/components")
    opener = page.get_by_role("link", name="Open a dialog")

    opener.click()
    dialog = page.get_by_role("dialog", name="Revoke this key?")
    expect(dialog).to_be_visible()
    expect(dialog.locator(":focus")).to_have_count(1)
    assert_sound(page)

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_without_script_the_dialog_opens_by_its_address_and_closes_by_its_link(open_page):
    page = open_page("/styleguide/components", script=False)

    page.get_by_text("Open a dialog").click()
    expect(page.locator("#sample")).to_be_visible()
    page.locator("#sample [data-close]").first.click()
    expect(page.locator("#sample")).to_be_hidden()


def test_without_script_the_chart_is_drawn_and_its_numbers_stand_in_a_table(open_page):
    page = open_page("/styleguide/charts", script=False)

    expect(page.locator(".chart__frame .plot__line")).to_have_count(
        4
    )  # two series of which one has a gap, and one more
    page.get_by_text("Show as a table").first.click()
    expect(page.get_by_role("rowheader", name="Aug 24").first).to_be_visible()


def test_dark_is_chosen_at_once_and_stays(open_page):
    page = open_page("/styleguide/components")

    page.locator(".sidebar__foot summary").click()
    page.get_by_role("button", name="Dark").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_language_is_chosen_without_script(open_page):
    page = open_page("/styleguide/portal-home", script=False, width=PHONE)

    page.locator(".portal-top summary").click()
    page.get_by_role("button", name="繁體中文").click()

    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
    expect(page.get_by_role("heading", level=1)).to_have_text("美娜，午安")


def test_the_drawer_opens_on_a_phone_with_and_without_script(open_page):
    for script in (True, False):
        page = open_page("/styleguide/components", width=PHONE, script=script)
        drawer = page.locator("#nav")
        expect(drawer).to_be_hidden()

        page.get_by_text("More", exact=True).last.click()
        expect(drawer).to_be_visible()

        page.locator(".sidebar__close").click()
        expect(drawer).to_be_hidden()


def test_a_thumb_hits_everything_it_should(open_page):
    """48 px for buttons, tabs and fields; 24 px (WCAG 2.2, 2.5.8) for every other target."""
    for part in ("portal-home", "portal-rewards", "portal-activity", "forms", "console-members", "console-counter"):
        page = open_page(f"/styleguide/{part}", width=PHONE)
        small = page.evaluate(
            """() => [...document.querySelectorAll('main .button, main .input, .tabbar__tab, main .choice, main .scale__point')]
                .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 47.5)
                .map((it) => it.outerHTML.slice(0, 100))"""
        )
        assert small == [], part
        tiny = page.evaluate(
            """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')]
                .filter((it) => it.checkVisibility({visibilityProperty: true}) && !it.closest('p, li, td') && !it.matches('.skip-link'))
                .map((it) => [it.getBoundingClientRect(), it])
                .filter(([box]) => box.width && (box.height < 23.5 || box.width < 23.5))
                .map(([, it]) => it.outerHTML.slice(0, 100))"""
        )
        assert tiny == [], part


def test_a_second_tap_sends_nothing(open_page):
    page = open_page("/styleguide/forms")
    # Any form that posts; what our script lets pass is counted behind it and goes no further.
    page.evaluate(
        """() => { const form = document.querySelectorAll('main form')[1]; form.method = 'post'; form.noValidate = true;
                   window.passed = 0;
                   window.addEventListener('submit', (event) => { if (!event.defaultPrevented) window.passed++; event.preventDefault(); }); }"""
    )

    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Confirm").click()

    assert page.evaluate("window.passed") == 1
    expect(page.get_by_role("button", name="Confirm")).to_have_attribute("aria-busy", "true")


def test_copying_says_so(open_page):
    page = open_page("/styleguide/components")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.locator("[data-copy='#secret']").click()

    expect(page.locator("#toasts")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "lk_test_9f2c41aa_7Qm3VtXw2LbR8sYpKd5N"
