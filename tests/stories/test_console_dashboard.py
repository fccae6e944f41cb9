"""The dashboard on the first day, of a period, of a shop, of days of one's own choice; and what its findings do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format

from analytics import alerts, runs
from loyalty.console.dashboard import alerts as looks
from merchants import locations, tenancy
from merchants.actors import SYSTEM
from rewards import purchases, terms
from tests import builders
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


def test_the_first_steps_stay_until_the_tenth_sale_with_todays_figures_above_them():
    shop = open_shop("first-day")
    hana = staff_browser(shop, "owner")
    empty = page(shop, hana)
    text = empty.content.decode()
    assert (empty.context["board"].today.purchases, "Today, live" in text, "₩0" in text) == (0, True, True)
    # Before the first night there is nothing but today and the steps; each has its own button, the portal its link.
    assert ("the first night is still to come" in text, 'id="sales"' in text, "Points liability" in text) == (
        True, False, False,
    )  # fmt: skip
    assert [step["href"].rpartition(f"{shop.slug}/")[2] for step in empty.context["steps"]] == [
        "programme/templates", "programme/review", "members/poster", "members/enrol", "counter/", "",
    ]  # fmt: skip
    assert f"/m/{shop.slug}/join" in empty.context["portal"]
    assert "Address of the counter as a QR code" in text
    sells(shop, 1)
    sells(shop, 2, amount=4_800)
    shown = page(shop, hana)
    text = shown.content.decode()
    today = shown.context["board"].today
    assert (today.purchases, today.revenue_minor, sum(today.revenue_by_hour)) == (2, 10_000, 10_000)
    assert ("Today, live" in text, "₩10,000" in text, "2 of 10 so far" in text) == (True, True, True)

    for number in range(3, 10):
        sells(shop, number)
    runs.run(shop, now=datetime.now(UTC))
    ninth = page(shop, hana)
    assert ("9 of 10 so far" in ninth.content.decode(), len(ninth.context["kpis"])) == (True, 6)
    sells(shop, 10)
    assert "steps" not in page(shop, hana).context
    assert len(page(shop, hana).context["kpis"]) == 6


def test_today_is_asked_for_alone_and_counts_what_was_sold_since():
    shop = open_shop("live")
    hana = staff_browser(shop, "owner")
    sells(shop, 1)
    assert 'hx-trigger="every 30s"' in page(shop, hana).content.decode()
    address = f"/console/{shop.slug}/dashboard/today"
    first = hana.get(address).content.decode()
    assert ("₩5,200" in first, "1 sale" in first, "<h1" in first) == (True, True, False)
    sells(shop, 2, amount=4_800)
    assert "₩10,000" in hana.get(address).content.decode()


def test_an_empty_shop_has_no_number_and_no_division_by_nothing():
    shop = open_shop("empty")
    runs.run(shop, now=datetime.now(UTC))
    shown = page(shop, staff_browser(shop, "owner"))
    board = shown.context["board"]
    assert (board.sums.revenue_minor, board.sums.members_share, board.sums.reward_cost_share) == (0, None, None)
    assert shown.context["headline"]["sales"] is None
    assert "No sales" in shown.content.decode()
    assert {kpi["value"] for kpi in shown.context["kpis"]} == {"–"}


@pytest.fixture
def two_shops():
    """Ann spends $30 and a guest $10 at the main shop, Ben $60 at the pier, 5 days ago; 95 days ago Ann spent $20."""
    trade = Trade()
    owner = staff_browser(trade.merchant, "owner")
    ann, ben = trade.members(2)
    today = datetime.now(trade.merchant.tzinfo).date()
    with trade.open():
        main = locations.of(trade.merchant)[0]
        pier = locations.open_place(
            merchant=trade.merchant, code="pier", name="Pier", now=datetime.now(UTC), actor=SYSTEM
        )
        sold = trade.buys(
            [(ann, today - timedelta(days=5), 3000), (None, today - timedelta(days=5), 1000),
             (ben, today - timedelta(days=5), 6000), (ann, today - timedelta(days=95), 2000)]
        )  # fmt: skip
        for purchase, place in zip(sold, (main, main, pier, main), strict=True):
            type(purchase).objects.filter(pk=purchase.pk).update(location=place)
        trade.buys([(None, today - timedelta(days=400), 1)] * 10)
    runs.run(trade.merchant, now=datetime.now(UTC))
    return trade, owner, main, pier


def test_the_headline_is_what_members_bought_of_what_everybody_bought(two_shops):
    trade, owner, _main, _pier = two_shops
    shown = page(trade.merchant, owner)
    sums, before = shown.context["board"].sums, shown.context["board"].before
    assert (sums.members_revenue_minor, sums.revenue_minor, sums.members_share) == (9000, 10000, Decimal("0.9"))
    assert (before.members_revenue_minor, sums.active_members, before.active_members) == (2000, 2, 1)
    # From $20 to $90 is 350 % more.
    assert (shown.context["headline"]["sales"]["text"], shown.context["headline"]["sales"]["good"]) == ("350.0%", True)
    text = shown.content.decode()
    assert ("<h1>Dashboard</h1>" in text, "$90.00" in text, "<b>90%</b> of $100.00" in text) == (True, True, True)


def test_the_chosen_week_is_read_out_and_every_week_stands_in_the_table(two_shops):
    trade, owner, _main, _pier = two_shops
    shown = page(trade.merchant, owner)
    bars = shown.context["board"].bars
    # Ninety days are twelve weeks and six days; five days ago lies in the last, and 95 days ago in the same place before.
    assert [(len(bars), (bars[-1].ends_on - bars[-1].starts_on).days)] == [(13, 6)]
    assert (bars[-1].members_minor, bars[-1].guests_minor, bars[-1].members_before_minor) == (9000, 1000, 2000)
    last = page(trade.merchant, owner, bar="12").context["chart"]
    assert [key["text"] for key in last["legend"]] == ["$90.00", "$10.00", "$20.00"]
    assert last["change"]["text"] == "350.0%"
    # Without a word the newest whole week is read out.
    assert [key["text"] for key in shown.context["chart"]["legend"]] == ["$0.00", "$0.00", "$0.00"]
    assert [bar["is_current"] for bar in shown.context["chart"]["bars"]].index(True) == 11
    assert page(trade.merchant, owner, bar="99").context["chart"]["bars"][11]["is_current"]


def test_one_shop_is_shown_alone_and_all_stand_side_by_side(two_shops):
    trade, owner, main, _pier = two_shops
    rows = {row["name"]: row for row in page(trade.merchant, owner).context["shop_rows"]}
    assert {name: (row["sums"].members_revenue_minor, row["share"], row["sums"].active_members) for name, row in rows.items()} == {
        "Pier": (6000, 1, 1), main.name: (3000, 0.75, 1),
    }  # fmt: skip
    alone = page(trade.merchant, owner, shop=main.public_id)
    sums, before = alone.context["board"].sums, alone.context["board"].before
    assert (sums.members_revenue_minor, sums.revenue_minor, sums.active_members, sums.joined) == (3000, 4000, 1, None)
    assert (before.members_revenue_minor, before.active_members) == (2000, 1)
    assert "These six are of all shops." in alone.content.decode()
    # No such shop is all of them.
    assert page(trade.merchant, owner, shop="loc_0000000000000000").context["board"].sums.revenue_minor == 10000


def test_days_of_ones_own_choice_are_counted_at_once_as_a_kept_period_is(two_shops):
    trade, owner, _main, _pier = two_shops
    today = datetime.now(trade.merchant.tzinfo).date()
    days = {"from": str(today - timedelta(days=90)), "to": str(today - timedelta(days=1))}
    own, kept = page(trade.merchant, owner, **days), page(trade.merchant, owner)
    assert own.context["board"].sums == kept.context["board"].sums
    assert own.context["board"].before == kept.context["board"].before
    for key, tile in own.context["board"].tiles.items():
        other = kept.context["board"].tiles[key]
        assert (tile.value, tile.low, tile.high, tile.n, tile.previous) == (
            other.value, other.low, other.high, other.n, other.previous,
        ), key  # fmt: skip
    # The members behind a number are those of the same days.
    behind = owner.get(own.context["kpis"][0]["href"])
    assert [m.id for m in behind.context["page"].members] == [
        m.id for m in owner.get(kept.context["kpis"][0]["href"]).context["page"].members
    ]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-02-30", "2026-03-01", "There is no such day."),
        ("2026-03-02", "2026-03-01", "The last day comes after the first"),
        ("2999-01-01", "2999-02-01", "The numbers end yesterday"),
        ("yesterday", "2026-03-01", "no such day"),
        ("2000-01-01", "2020-01-01", "ten years at most"),
    ],
)
def test_days_that_cannot_be_meant_are_refused_in_words(first, last, said):
    shop = open_shop("wrong-days")
    owner = staff_browser(shop, "owner")
    answer = owner.get(f"/console/{shop.slug}/dashboard", {"from": first, "to": last}, follow=True)
    assert said.lower() in answer.content.decode().lower()


def test_what_is_shown_is_taken_away_as_a_table(two_shops):
    trade, owner, main, _pier = two_shops
    [link] = [item["href"] for item in page(trade.merchant, owner).context["exports"] if "table=shown" in item["href"]]
    lines = b"".join(owner.get(link)).decode().splitlines()
    assert lines[0] == "\ufeffPart,Name,From,Until,Value,Before,Unit"
    first = datetime.now(trade.merchant.tzinfo).date() - timedelta(days=90)
    assert f"Period,Sales to members,{first},{first + timedelta(days=90)},90.00,20.00,USD" in lines
    assert f"Shop,{main.name},{first},{first + timedelta(days=90)},30.00,,USD" in lines
    assert f"Period,Active members,{first},{first + timedelta(days=90)},2,1," in lines
    analyst = staff_browser(trade.merchant, "analyst")
    assert page(trade.merchant, analyst).context["exports"] == []
    assert analyst.get(link).status_code == 403


@pytest.mark.parametrize("query", [{}, {"from": "2026-01-01", "to": "2026-06-01"}])
def test_the_page_asks_the_database_twelve_times_at_most(two_shops, query):
    trade, owner, _main, _pier = two_shops
    page(trade.merchant, owner, **query)
    with CaptureQueriesContext(connection) as asked:
        page(trade.merchant, owner, **query)
    asked = [each for each in asked if each["sql"] not in ("BEGIN", "COMMIT")]
    assert len(asked) <= 12, "\n".join(each["sql"][:160] for each in asked)


def test_a_reward_that_will_soon_be_gone_is_named_with_the_way_to_restock_it():
    """Of two mugs one is taken: one is left."""
    cafe = builders.cafe()
    [mina] = cafe.cast("Mina")
    cafe.does(lambda: None)
    mina.is_given(100)
    owner = staff_browser(cafe.merchant, "owner")
    mina.redeems(reward="mug")
    [need] = [need for need in page(cafe.merchant, owner).context["needs"] if need["action"] == "Restock"]
    assert (need["title"], need["cause"]) == ("Mug: 1 left", "1 of 2 are taken")
    assert need["href"].endswith("/rewards/edit?code=mug")


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
    assert 'id="sales"' not in text
    assert f'href="?period={shown.context["empty"].nearest.key}"' in text


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
    assert need["cause"] == "$13.00 of sales a year at stake"
    assert need["action"] == "Win back"
    assert "Win back" in board.content.decode()
    listed = owner.get(need["href"])
    assert "four different days or more within 365 days" in listed.content.decode()
    assert [m.id for m in listed.context["page"].members] == [ben.public_id, ann.public_id]
    assert [m.at_stake for m in listed.context["page"].members] == [900, 400]
    text = listed.content.decode()
    assert ("b…@example.org" in text, "ben@example.org" in text) == (True, False)


def test_the_start_page_offers_programmes_by_trade_and_leads_to_the_review():
    shop = open_shop("trades")
    hana = staff_browser(shop, "owner")
    address = f"/console/{shop.slug}/programme/templates"
    shown = hana.get(address)
    assert [str(each["trade"]) for each in shown.context["templates"]] == [
        "Any shop", "Café", "Café with a stamp card", "Coffee bar", "Coffee chain", "Bookshop",
    ]  # fmt: skip
    assert {each["code"] for each in shown.context["templates"]} == set(terms.templates())
    taken = {"template": "coffee-card", "revision": "0", "then": "review"}
    assert hana.post(f"/console/{shop.slug}/programme/start", taken)["Location"].endswith("/programme/review")
    # Who has a draft goes on with it.
    assert hana.get(address)["Location"].endswith("/programme/")
