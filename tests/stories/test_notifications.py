"""The bell: what waits for whom, new until it is seen, gone when it is dealt with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Insight
from merchants import briefings, ids, seats, sending_health, tenancy
from merchants.models.webhooks import WebhookEndpoint
from merchants.webhooks import addresses, endpoints
from rewards import approvals
from rewards.approvals import AskedLine
from rewards.models.accounts import Account
from tests import builders
from tests.people import browser_of, cashier_browser, seat_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    """Nobody has counted anything within the last minute."""
    caches["redis"].clear()
    return builders.cafe()


@pytest.fixture
def dana(cafe):
    return seat_at(cafe.merchant, "owner", name="Dana")


@pytest.fixture
def max_(cafe):
    return seat_at(cafe.merchant, "manager", name="Max")


def url(cafe, page="notifications"):
    return f"/console/{cafe.merchant.slug}/{page}"


def shown(cafe, browser):
    """The titles that are new and those seen before."""
    page = browser.get(url(cafe)).context
    return [each.title for each in page["new"]], [each.title for each in page["earlier"]]


def number(cafe, browser):
    """What the bell says, counted anew."""
    caches["redis"].clear()
    return "".join(sign for sign in browser.get(url(cafe, "notifications/count")).content.decode() if sign.isdigit())


def asks(cafe, max_, points=50_000):
    member = cafe.member(f"Mina {points}")
    with tenancy.tenant(cafe.merchant):
        return approvals.ask(
            merchant=cafe.merchant, request_id=ids.mint("prq"), lines=[AskedLine(member.public_id, points)],
            reason="Opening", now=datetime.now(UTC), actor=seats.actor_of(max_),
        )  # fmt: skip


def test_a_request_is_new_until_it_is_seen_and_gone_when_it_is_answered(cafe, dana, max_):
    owner, manager = browser_of(dana.user), browser_of(max_.user)
    assert (shown(cafe, owner), number(cafe, owner)) == (([], []), "")
    first = asks(cafe, max_)
    assert (number(cafe, owner), number(cafe, manager)) == ("1", "")

    assert shown(cafe, owner) == (["1 request waits for you"], [])
    assert (shown(cafe, owner), number(cafe, owner)) == (([], ["1 request waits for you"]), "")
    asks(cafe, max_, 60_000)
    assert shown(cafe, owner) == (["2 requests wait for you"], [])

    owner.post(url(cafe, f"approvals/{first}"), {"act": "decline", "reason": "Too many"})
    assert shown(cafe, manager) == (["Your request was declined"], [])
    assert "Too many" in manager.get(url(cafe)).content.decode()


def test_an_unread_note_is_told_to_a_cashier_and_nothing_else_is(cafe, max_):
    jun = cashier_browser(cafe.merchant)
    asks(cafe, max_)
    with tenancy.tenant(cafe.merchant):
        now = datetime.now(UTC)
        briefings.write(
            merchant=cafe.merchant, texts_by_language={"en": "Oat milk is out."}, roles=[], places=[], starts_at=now,
            ends_at=None, now=now, actor=seats.actor_of(max_),
        )  # fmt: skip

    assert shown(cafe, jun) == (["1 note to read"], [])
    (note,) = jun.get(url(cafe)).context["earlier"]
    assert note.href == url(cafe, "briefing")


def test_what_is_broken_and_what_comes_stands_there_by_role(cafe, dana):
    now = datetime.now(UTC)
    owner, analyst = browser_of(dana.user), browser_of(seat_at(cafe.merchant, "analyst").user)
    mina = cafe.member("Mina Park")
    with tenancy.tenant(cafe.merchant):
        target = addresses.check("https://hooks.example.org/in", resolver=lambda host, port: ["93.184.215.14"])
        made = endpoints.create(merchant=cafe.merchant, target=target, actor=builders.OWNER, now=now)
        rows = WebhookEndpoint.objects.filter(public_id=made.endpoint.id)
        rows.update(failing_since=now - timedelta(hours=2), last_failure="503", resting_until=now + timedelta(hours=1))
        Account.objects.filter(member_id=mina.id).update(frozen_at=now)
        Insight.objects.create(
            merchant=cafe.merchant, kind="regulars_slipping", members=3, amount=90_000, first_day=now.date(),
            end_day=now.date(), computed_at=now,
        )  # fmt: skip
        sending_health.note_failure("email", ConnectionRefusedError(), now=now)
    cafe.publish(builders.programme(name="Summer"), since=now + timedelta(days=3))

    titles, _seen = shown(cafe, owner)

    assert titles[:4] == [
        "1 account is frozen", "E-mail does not leave", "A webhook endpoint rests", "3 regulars are slipping away",
    ]  # fmt: skip
    assert titles[4].startswith("Version 2 takes effect on ")
    assert titles[5:] == ["Tell your team what version 2 changes"]
    page = owner.get(url(cafe)).context["earlier"]
    assert [each.title for each in page if not each.href] == ["E-mail does not leave"]
    for each in page:
        if each.href:
            assert owner.get(each.href).status_code == 200, each.href
    assert shown(cafe, analyst)[0] == ["3 regulars are slipping away", titles[4]]


def test_a_page_draws_the_number_that_was_counted_within_a_minute(cafe, dana, max_):
    owner = browser_of(dana.user)
    asks(cafe, max_)
    assert 'hx-get="' + url(cafe, "notifications/count") in owner.get(url(cafe, "team")).content.decode()
    assert number(cafe, owner) == "1"

    page = owner.get(url(cafe, "team")).content.decode()

    assert url(cafe, "notifications/count") not in page
    assert '<span class="bell__number">1' in page


def test_the_page_asks_at_most_twelve_statements(cafe, dana, max_):
    owner = browser_of(dana.user)
    asks(cafe, max_)
    owner.get(url(cafe))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        owner.get(url(cafe))
    statements = [
        each["sql"]
        for each in asked
        if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "SET ")) and "app.merchant_id" not in each["sql"]
    ]
    assert len(statements) <= 12, "\n".join(statements)
