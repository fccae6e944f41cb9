"""The dashboard on the first day, of a period without numbers, and what its figures are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.formats import date_format

from analytics import alerts, runs
from loyalty.console.dashboard import alerts as looks
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import purchases
from tests.people import open_shop, staff_browser
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")


def page(merchant, client, **query):
    return client.get(f"/console/{merchant.slug}/dashboard", query)


def sells(shop, number, *, amount=5_200):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(external_id=f"R-{number}", occurred_at=now, currency="KRW", total_minor=amount)
    with tenancy.tenant(shop):
        purchases.record(merchant=shop, items=[sold], now=now, actor=SYSTEM)


def test_the_way_to_the_numbers_stays_until_the_tenth_sale_with_todays_figures_above_it():
    shop = open_shop("first-day")
    hana = staff_browser(shop, "owner")
    assert "Today so far" not in page(shop, hana).content.decode()
    sells(shop, 1)
    sells(shop, 2, amount=4_800)
    shown = page(shop, hana)
    text = shown.content.decode()
    today = shown.context["found"].today
    assert (today.purchases, today.revenue_minor) == (2, 10_000)
    assert ("Today so far" in text, "₩10,000" in text, "2 of 10 so far" in text) == (True, True, True)
    # Whoever asks for the numbers sees what there is, and why there is none yet.
    asked = page(shop, hana, period="last_90")
    assert "the first night is still to come" in asked.content.decode()

    for number in range(3, 11):
        sells(shop, number)
    runs.run(shop, now=datetime.now(UTC))
    assert "steps" not in page(shop, hana).context
    assert len(page(shop, hana).context["stats"]) == 6


def test_every_alert_has_its_look_and_its_button():
    assert set(alerts.BY_KIND) == set(looks._LOOKS)


def test_a_period_without_numbers_is_no_welcome_to_a_merchant_with_a_history():
    trade = Trade()
    trade.buys([(None, datetime.now(UTC) - timedelta(days=40), 100)] * 12)
    runs.run(trade.merchant, now=datetime.now(UTC))
    shown = page(trade.merchant, staff_browser(trade.merchant, "owner"), period="2014-02")
    text = shown.content.decode()
    assert ("No numbers of this period" in text, "Welcome to" in text) == (True, False)
    # The day as people write it, and no chart of nothing.
    # Counted in UTC like the sale: in between clocks may have been put back, and a day was not 24 hours long.
    began = date_format((datetime.now(UTC) - timedelta(days=40)).astimezone(trade.merchant.tzinfo))
    assert f"As of last night, your first purchase or answer was on {began}." in text
    assert 'id="series"' not in text
    assert f'href="?period={shown.context["found"].empty.nearest.key}"' in text


def test_the_members_slipping_away_come_by_what_is_lost_with_a_masked_contact_and_a_button():
    """Both came weekly and stay away: Ben spent 900, Ann 400; Ben joined later and comes first."""
    trade = Trade()
    ann, ben = trade.members(2)
    today = datetime.now(UTC).date()
    with trade.open():
        type(ben).objects.filter(pk=ben.pk).update(email="ben@example.org")
        for person, minor in ((ann, 100), (ben, 225)):
            trade.buys([(person, today - timedelta(days=n), minor) for n in (50, 43, 36, 29)])
        trade.buys([(None, today - timedelta(days=3), 100)] * 4)
    runs.run(trade.merchant, now=datetime.now(UTC))
    owner = staff_browser(trade.merchant, "owner")
    board = page(trade.merchant, owner)
    [need] = [need for need in board.context["needs"] if "regulars_slipping" in need["href"]]
    assert "four different days or more within 365 days" in need["text"]
    assert "See who to win back" in board.content.decode()
    listed = owner.get(need["href"])
    assert [m.id for m in listed.context["page"].members] == [ben.public_id, ann.public_id]
    assert [m.at_stake for m in listed.context["page"].members] == [900, 400]
    text = listed.content.decode()
    assert ("b…@example.org" in text, "ben@example.org" in text) == (True, False)
