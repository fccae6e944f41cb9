"""The console for who magnifies and who has no mouse: every page at 200 and 400 per cent, and by Tab and Enter alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import tenancy
from tests import cafe_history
from tests.browser.test_console import PAGES
from tests.people import join, staff_browser

#: 1280 px at 200 and at 400 per cent.
ZOOMED = (640, 320)
#: Pages that stand for all kinds: figures, a list, a form, a document, a log.
SAMPLE_PAGES = (
    "dashboard",
    "members/",
    "members/{member}",
    "programme/",
    "programme/rule?code=morning",
    "rewards",
    "settings",
    "team",
)


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield cafe_history.cafe(slug="cafe-zoom", sales=120)


@pytest.fixture(scope="module")
def owner(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return staff_browser(cafe, "owner")


@pytest.fixture(scope="module")
def people(cafe, django_db_blocker):
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        return [member.public_id for member in Member.objects.filter(merchant=cafe).order_by("id")[:2]]


@pytest.mark.parametrize("width", ZOOMED)
def test_a_magnified_page_is_read_without_scrolling_sideways(cafe, owner, people, open_page, width):
    page = open_page(f"/console/{cafe.slug}/", client=owner, width=640, height=430)
    page.set_viewport_size({"width": width, "height": 256 if width == 320 else 430})
    wide = []
    for path in PAGES:
        page.goto(f"/console/{cafe.slug}/{path.format(member=people[0], other=people[1])}")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            wide.append((path, beyond))
    assert wide == []


#: What has the focus: whether it is drawn, stands within the page, and shows that it is chosen.
_FOCUSED = """() => {
    const it = document.activeElement;
    if (!it || it === document.body) return null;
    const box = it.getBoundingClientRect(), style = getComputedStyle(it);
    const ring = (s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
    const label = it.closest('label') || (it.id && document.querySelector(`label[for="${CSS.escape(it.id)}"]`));
    return {
        html: it.outerHTML.slice(0, 140),
        seen: it.checkVisibility({visibilityProperty: true}) && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
        ring: ring(style) || (label ? ring(getComputedStyle(label)) : false),
    };
}"""


@pytest.mark.parametrize("path", SAMPLE_PAGES)
def test_tab_leads_through_a_page_and_the_focus_is_always_seen(cafe, owner, people, open_page, path):
    page = open_page(f"/console/{cafe.slug}/{path.format(member=people[0])}", client=owner)
    page.keyboard.press("Tab")
    first = page.evaluate(_FOCUSED)
    assert "#main" in first["html"], "the first thing is the way past the menu"
    lost, steps = [], 0
    while steps < 90:
        steps += 1
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found is None or found["html"] == first["html"]:
            break
        if not (found["seen"] and found["ring"]):
            lost.append(found)
    assert lost == []
    assert steps > 15


def test_a_sale_is_recorded_by_keys_alone(cafe, owner, open_page, committed):
    bora = join(cafe, name="Bora", phone="010-9182-7364")
    page = open_page(f"/console/{cafe.slug}/counter/", client=owner)
    press = page.keyboard.press

    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("7364")
    expect(page.get_by_role("link", name="Bora").first).to_be_visible()
    press("Enter")
    page.wait_for_url(f"**/counter/members/{bora.public_id}**")
    expect(page.get_by_label("Amount of the sale")).to_be_focused()
    page.keyboard.type("8000")
    press("Enter")
    page.wait_for_url("**/counter/sales/**")
    expect(page.get_by_role("link", name="Next member").last).to_be_focused()
    press("Enter")
    page.wait_for_url("**/counter/")
    expect(page.get_by_role("searchbox")).to_be_focused()
