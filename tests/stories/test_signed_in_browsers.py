"""Where somebody is signed in: Dana sees her own browsers and ends one; of Max's she ends all; nobody ends others'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from merchants import audit, browsers, seats, tenancy
from merchants.actors import SYSTEM
from merchants.models.browsers import SignedInBrowser
from tests.people import browser_of, cashier_browser, open_shop, seat_at

pytestmark = pytest.mark.django_db

DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1"


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def dana(cafe):
    return seat_at(cafe, "owner", name="Dana")


@pytest.fixture
def max_(cafe):
    return seat_at(cafe, "manager", name="Max")


def signed_in(cafe, seat, agent=DESK, address="203.0.113.77"):
    """A browser that has opened a page."""
    client = browser_of(seat.user)
    client.defaults |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": address}
    assert client.get(f"/console/{cafe.slug}/me").status_code == 200
    return client


def me(cafe, client):
    return [
        (view.browser, view.system, view.address, view.is_this)
        for view in client.get(f"/console/{cafe.slug}/me").context["browsers"]
    ]


def is_in(cafe, client):
    return client.get(f"/console/{cafe.slug}/me").status_code == 200


def acts(cafe, subject):
    with tenancy.tenant(cafe):
        found = audit.newest(merchant=cafe, subject=subject)
    return [(act.actor, act.details) for act in found if act.action == "seat.signed_out"]


def test_dana_sees_her_browsers_and_signs_one_out(cafe, dana):
    phone = signed_in(cafe, dana, PHONE, "2001:db8:77:1::5")
    desk = signed_in(cafe, dana)
    assert me(cafe, desk) == [
        ("Edge", "Windows", "203.0.…", True), ("Safari", "iPhone", "2001:0db8:…", False),
    ]  # fmt: skip
    assert "Safari on iPhone" in desk.get(f"/console/{cafe.slug}/me").content.decode()
    (other,) = [
        view for view in desk.get(f"/console/{cafe.slug}/me").context["browsers"] if not view.is_this
    ]  # fmt: skip

    desk.post(f"/console/{cafe.slug}/me", {"act": "sign_out", "browser": other.public_id})

    assert (is_in(cafe, phone), is_in(cafe, desk)) == (False, True)
    assert me(cafe, desk) == [("Edge", "Windows", "203.0.…", True)]
    assert acts(cafe, dana.public_id) == [(f"staff:{dana.public_id}", {"browsers": 1})]


def test_all_others_are_signed_out_also_those_nobody_noted(cafe, dana):
    desk, phone, unseen = signed_in(cafe, dana), signed_in(cafe, dana, PHONE), browser_of(dana.user)

    desk.post(f"/console/{cafe.slug}/me", {"act": "others"})

    assert [is_in(cafe, client) for client in (desk, phone, unseen)] == [True, False, False]
    assert me(cafe, desk) == [("Edge", "Windows", "203.0.…", True)]


def test_an_owner_ends_the_sessions_of_one_of_the_team(cafe, dana, max_):
    owner, first, second = signed_in(cafe, dana), signed_in(cafe, max_), signed_in(cafe, max_, PHONE)
    page = owner.get(f"/console/{cafe.slug}/team/{max_.public_id}")
    assert {(view.browser, view.system) for view in page.context["browsers"]} == {
        ("Edge", "Windows"), ("Safari", "iPhone"),
    }  # fmt: skip

    owner.post(f"/console/{cafe.slug}/team/{max_.public_id}", {"act": "sign_out"})

    assert [is_in(cafe, client) for client in (owner, first, second)] == [True, False, False]
    assert acts(cafe, max_.public_id) == [(f"staff:{dana.public_id}", {"browsers": 2})]


def test_nobody_ends_what_is_not_theirs(cafe, dana, max_):
    owner, manager = signed_in(cafe, dana), signed_in(cafe, max_)
    (of_dana,) = SignedInBrowser.objects.filter(seat=dana)

    manager.post(f"/console/{cafe.slug}/me", {"act": "sign_out", "browser": of_dana.public_id})
    refused = manager.post(f"/console/{cafe.slug}/team/{dana.public_id}", {"act": "sign_out"})

    assert refused.status_code == 403
    assert "browsers" not in manager.get(f"/console/{cafe.slug}/team/{dana.public_id}").context
    assert (is_in(cafe, owner), acts(cafe, dana.public_id)) == (True, [])


def test_a_new_role_and_a_removed_access_count_with_the_next_click(cafe, dana, max_):
    manager = signed_in(cafe, max_)
    common = {"merchant": cafe, "seat_id": max_.public_id, "now": datetime.now(UTC), "actor": SYSTEM}
    with tenancy.tenant(cafe):
        seats.change_role(role="analyst", **common)
    assert manager.get(f"/console/{cafe.slug}/settings").status_code == 403

    with tenancy.tenant(cafe):
        seats.revoke(**common)

    assert manager.get(f"/console/{cafe.slug}/me").status_code == 404


def test_a_browser_that_was_ended_under_an_older_session_key_is_out_all_the_same(cafe, dana):
    """Between two notes a sign-in step may give the session a new key: the row still says the old one."""
    desk = signed_in(cafe, dana)
    (row,) = SignedInBrowser.objects.filter(seat=dana)
    session = desk.session
    session.cycle_key()
    session.save()
    desk.cookies["sessionid"] = session.session_key
    with tenancy.tenant(cafe):
        browsers.end_at_seat(merchant=cafe, seat=dana, browser_id=row.public_id, now=datetime.now(UTC), actor=SYSTEM)

    assert not is_in(cafe, desk)


def test_a_page_writes_no_row_while_one_was_written_lately(cafe, dana):
    desk = signed_in(cafe, dana)
    before = SignedInBrowser.objects.get(seat=dana).last_seen_at
    is_in(cafe, desk)
    assert SignedInBrowser.objects.get(seat=dana).last_seen_at == before

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=False):
        is_in(cafe, desk)

    assert SignedInBrowser.objects.get(seat=dana).last_seen_at > before


def test_what_was_not_seen_for_thirty_days_is_forgotten(cafe, dana):
    signed_in(cafe, dana)
    now = datetime.now(UTC)
    with tenancy.tenant(cafe):
        assert browsers.prune(merchant=cafe, now=now + timedelta(days=29)) == 0
        assert browsers.prune(merchant=cafe, now=now + timedelta(days=31)) == 1
    assert not SignedInBrowser.objects.filter(seat=dana).exists()


def test_a_cashier_at_an_opened_device_has_no_browser_of_their_own(cafe):
    tablet = cashier_browser(cafe)
    page = tablet.get(f"/console/{cafe.slug}/me")
    assert (page.status_code, "browsers" in page.context) == (200, False)
    assert not SignedInBrowser.objects.filter(seat__merchant=cafe).exists()
