"""The team at once: pages that arrive side by side note one browser, presses side by side one receipt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from merchants import briefings, ids, seats, tenancy
from merchants.models.briefings import BriefingRead
from merchants.models.browsers import SignedInBrowser
from merchants.models.notifications import SeenNotifications
from rewards import approvals
from rewards.approvals import AskedLine
from rewards.models.approvals import PointsRequest
from tests import builders, threads
from tests.people import browser_of, seat_at

SIX = 6


@pytest.fixture
def cafe(committed):
    return builders.cafe()


@pytest.fixture
def dana(cafe):
    return seat_at(cafe.merchant, "owner", name="Dana")


def url(cafe, page):
    return f"/console/{cafe.merchant.slug}/{page}"


def same_browser(client):
    """Another line of the same browser: the same cookies."""
    line = Client()
    line.cookies = client.cookies.copy()
    return line


def write(cafe, actor):
    now = datetime.now(UTC)
    return cafe.does(
        lambda: briefings.write(
            merchant=cafe.merchant, texts_by_language={"en": "Soy is out."}, roles=[], places=[], starts_at=now,
            ends_at=None, now=now, actor=actor,
        )
    )  # fmt: skip


def test_six_first_pages_of_one_browser_are_one_browser(cafe, dana):
    first = browser_of(dana.user)
    lines = [same_browser(first) for _line in range(SIX)]

    found = threads.returned(*(lambda line=line: line.get(url(cafe, "me")).status_code for line in lines))

    assert found == [200] * SIX
    assert SignedInBrowser.objects.filter(seat=dana).count() == 1


def test_six_presses_of_read_are_one_receipt(cafe, dana):
    max_ = seat_at(cafe.merchant, "manager", name="Max")
    note = write(cafe, seats.actor_of(max_))
    client = browser_of(dana.user)
    client.get(url(cafe, "me"))
    lines = [same_browser(client) for _line in range(SIX)]

    threads.returned(*(lambda line=line: line.post(url(cafe, "briefing"), {"briefing": note}) for line in lines))

    with tenancy.tenant(cafe.merchant):
        assert BriefingRead.objects.filter(merchant=cafe.merchant).count() == 1


def test_six_looks_at_the_notifications_are_seen_once(cafe, dana):
    write(cafe, builders.MANAGER)
    client = browser_of(dana.user)
    client.get(url(cafe, "me"))
    lines = [same_browser(client) for _line in range(SIX)]

    found = threads.returned(*(lambda line=line: line.get(url(cafe, "notifications")).status_code for line in lines))

    assert found == [200] * SIX
    with tenancy.tenant(cafe.merchant):
        assert SeenNotifications.objects.filter(merchant=cafe.merchant, seat=dana.public_id).count() == 1


def test_a_form_sent_six_times_at_once_asks_once(cafe):
    mina, request_id = cafe.member("Mina"), ids.mint("prq")

    def ask():
        return cafe.does(
            lambda: approvals.ask(
                merchant=cafe.merchant, request_id=request_id, lines=[AskedLine(mina.public_id, 5_000)], reason="Opening",
                now=cafe.now, actor=builders.MANAGER,
            )
        )  # fmt: skip

    assert set(threads.returned(*[ask] * SIX)) == {request_id}
    with tenancy.tenant(cafe.merchant):
        assert PointsRequest.objects.filter(merchant=cafe.merchant).count() == 1
        (view,) = approvals.listed(merchant=cafe.merchant, now=cafe.now, actor=builders.OWNER)
    assert [(line.member, line.points) for line in view.lines] == [(mina.public_id, 5_000)]
