"""Notes to the team: Max writes what changed, Jun reads it before he sells, Max sees who has read it and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merchants import audit, counter_devices, tenancy
from merchants.models.briefings import Briefing, BriefingRead
from merchants.models.merchants import Location
from tests import builders
from tests.people import browser_of, cashier_browser, seat_at, staff_browser

pytestmark = pytest.mark.django_db
SAID = {"text_en": "Oat milk is out. Offer soy.", "text_ko": "귀리 우유가 없습니다. 두유를 권하세요."}


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def max_(cafe):
    return seat_at(cafe.merchant, "manager", name="Max")


@pytest.fixture
def manager(max_):
    return browser_of(max_.user)


def url(cafe, page=""):
    return f"/console/{cafe.merchant.slug}/{page}"


def notes(cafe, browser):
    return browser.get(url(cafe, "team/briefings")).context["rows"]


def reading(cafe, browser, language="en"):
    page = browser.get(url(cafe, "briefing"), headers={"Accept-Language": language})
    return [row["text"] for row in page.context["rows"]]


def test_a_cashier_reads_it_before_work_and_the_writer_sees_that(cafe, manager):
    jun = cashier_browser(cafe.merchant)
    assert jun.get(url(cafe))["Location"] == url(cafe, "counter/")
    said = manager.post(url(cafe, "team/briefings"), SAID, follow=True)
    assert "The team reads it before work." in said.content.decode()
    assert "Read by 0 of 1" in said.content.decode()

    assert jun.get(url(cafe))["Location"] == url(cafe, "briefing")
    assert reading(cafe, jun) == ["Oat milk is out. Offer soy."]
    assert reading(cafe, jun, "ko") == ["귀리 우유가 없습니다. 두유를 권하세요."]
    note_id = jun.get(url(cafe, "briefing")).context["rows"][0]["view"].public_id
    for _twice in range(2):
        assert jun.post(url(cafe, "briefing"), {"briefing": note_id})["Location"] == url(cafe)

    assert jun.get(url(cafe))["Location"] == url(cafe, "counter/")
    (row,) = notes(cafe, manager)
    assert ([name for name, _at in row["receipts"].read], row["receipts"].unread) == (["Jun"], [])
    with tenancy.tenant(cafe.merchant):
        assert BriefingRead.objects.count() == 1
        acts = [act.action for act in audit.newest(merchant=cafe.merchant)]
    assert acts.count("briefing.written") == 1


def test_it_is_for_some_roles_only_and_not_for_its_writer(cafe, manager):
    analyst, jun = staff_browser(cafe.merchant, "analyst"), cashier_browser(cafe.merchant)
    manager.post(url(cafe, "team/briefings"), {**SAID, "roles": ["cashier"]})

    assert [len(reading(cafe, each)) for each in (manager, analyst, jun)] == [0, 0, 1]
    (row,) = notes(cafe, manager)
    assert (row["roles"], row["receipts"].unread) == (["Cashier"], ["Jun"])
    note_id = row["view"].public_id
    analyst.post(url(cafe, "briefing"), {"briefing": note_id})
    with tenancy.tenant(cafe.merchant):
        assert not BriefingRead.objects.exists()


def test_it_is_shown_from_its_first_day_to_its_last(cafe, manager):
    owner = staff_browser(cafe.merchant, "owner")
    today = datetime.now(cafe.merchant.tzinfo).date()
    day = lambda days: (today + timedelta(days=days)).isoformat()  # noqa: E731
    manager.post(url(cafe, "team/briefings"), {"text_en": "Tomorrow", "first": day(1)})
    manager.post(url(cafe, "team/briefings"), {"text_en": "Today only", "first": day(0), "last": day(0)})
    refused = manager.post(url(cafe, "team/briefings"), {"text_en": "Over", "first": day(-3), "last": day(-1)})
    assert refused.context["form"].errors["last"] == ["It ends before anybody can read it."]
    assert manager.post(url(cafe, "team/briefings"), {"text_en": " "}).status_code == 422

    assert reading(cafe, owner) == ["Today only"]


def test_an_ended_note_is_shown_to_nobody(cafe, manager):
    owner = staff_browser(cafe.merchant, "owner")
    manager.post(url(cafe, "team/briefings"), SAID)
    (row,) = notes(cafe, manager)

    ended = manager.post(url(cafe, f"team/briefings/{row['view'].public_id}/end"))

    assert ended.status_code == 302
    assert reading(cafe, owner) == []
    assert notes(cafe, manager)[0]["is_over"]
    assert manager.post(url(cafe, f"team/briefings/{row['view'].public_id}/end")).status_code == 404


def test_a_note_for_one_shop_is_shown_at_its_counters(cafe, manager):
    with tenancy.tenant(cafe.merchant):
        main = Location.objects.get(merchant=cafe.merchant)
        mapo = Location.objects.create(
            merchant=cafe.merchant, public_id="loc_0123456789abcdef", code="mapo", name="Mapo"
        )
    jun = cashier_browser(cafe.merchant)
    manager.post(url(cafe, "team/briefings"), {**SAID, "places": [mapo.public_id]})

    shown = {}
    for place in (main, mapo):
        with tenancy.tenant(cafe.merchant):
            device = counter_devices.of_merchant(cafe.merchant)[0]
            device.location = place
            device.save(update_fields=["location"])
        shown[place.code] = len(reading(cafe, jun))
    assert shown == {"main": 0, "mapo": 1}


def test_publishing_offers_to_tell_the_team_what_changed(cafe, manager):
    assert "was published, and no note" not in manager.get(url(cafe, "team/briefings")).content.decode()
    cafe.publish(builders.programme(name="Haneul Beans"), since=datetime.now(UTC) - timedelta(days=1))

    assert "Version 2 of the programme was published" in manager.get(url(cafe, "team/briefings")).content.decode()
    form = manager.get(url(cafe, "team/briefings"), {"version": 2}).context["form"]
    assert form["text_en"].value() == "Name: Haneul Beans (before: Haneul)"
    assert "Haneul Beans" in form["text_ko"].value()
    assert form["text_ko"].value() != form["text_en"].value()
    manager.post(url(cafe, "team/briefings"), {"text_en": form["text_en"].value(), "version": 2})

    assert "was published, and no note" not in manager.get(url(cafe, "team/briefings")).content.decode()
    with tenancy.tenant(cafe.merchant):
        assert Briefing.objects.get().version_number == 2


def test_only_owners_and_managers_write(cafe):
    for role in ("analyst", "cashier"):
        assert staff_browser(cafe.merchant, role).post(url(cafe, "team/briefings"), SAID).status_code == 403
    with tenancy.tenant(cafe.merchant):
        assert not Briefing.objects.exists()
