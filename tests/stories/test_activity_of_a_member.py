"""Mina's year in one list: points, stamps, tiers, what she answered and agreed to, month by month with their sums."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from engagement import surveys
from engagement.surveys import AnswerInput
from members import consent, registration
from members.inputs import MemberChanges
from members.models import Member
from merchants import tenancy
from merchants.actors import SYSTEM
from tests import builders
from tests.people import join, open_shop, staff_browser
from tests.stamp_history import drinks, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina Park", email="mina@example.org")


def page_of(browser, merchant, member, **query):
    return browser.get(f"/console/{merchant.slug}/members/{member.public_id}", query)


def told(page):
    return [(row.title, row.about, row.change) for row in page.context["moved"]]


def sums(page):
    return {
        month.first.isoformat(): (month.sums.earned, month.sums.spent, month.sums.purchases, month.sums.amount_minor)
        for month in page.context["months"]
    }


def test_a_month_says_what_was_earned_spent_and_bought_in_all_of_it(cafe, hana, mina):
    """January: 300 and 120 earned. March: 500, of which half came back; a coffee for 100, and a gift of 40 by hand."""
    cafe.at("2026-01-31", "23:30")
    mina.buys(30_000)
    mina.buys(12_000)
    cafe.at("2026-03-01", "00:30")
    mina.buys(50_000, external_id="R-7")
    mina.returns("R-7", 25_000)
    mina.redeems(reward="coffee")
    mina.is_adjusted(40)

    page = page_of(hana, cafe.merchant, mina)

    assert sums(page) == {"2026-03-01": (250, 100, 1, 25_000), "2026-01-01": (420, 0, 2, 42_000)}
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))
    assert "March 2026 Earned 250 Spent 100 1 purchase · ₩25,000" in text
    assert "January 2026 Earned 420 2 purchases · ₩42,000" in text


def test_the_sums_are_of_the_whole_month_though_the_page_ends_in_it(cafe, hana, mina):
    for _each in range(30):
        mina.buys(1_000)
    first = page_of(hana, cafe.merchant, mina)
    second = page_of(hana, cafe.merchant, mina, cursor=first.context["cursor"])

    assert [len(page.context["moved"]) for page in (first, second)] == [25, 5]
    assert sums(first) == sums(second) == {"2026-03-01": (300, 0, 30, 30_000)}
    assert second.context["cursor"] is None


def test_a_redemption_undone_is_not_spent_and_a_free_month_has_no_sums(cafe, hana, mina):
    mina.is_given(200)
    taken = mina.redeems(reward="coffee")
    mina.reverses(taken.public_id)
    assert sums(page_of(hana, cafe.merchant, mina))["2026-03-01"][1] == 0


def test_what_happened_beside_points_stands_in_the_same_list_with_who_and_where(cafe, hana, mina):
    now = cafe.now
    with tenancy.tenant(cafe.merchant):
        member = Member.objects.get(merchant=cafe.merchant, pk=mina.id)
        common = {"merchant": cafe.merchant, "actor": SYSTEM}
        surveys.record_response(
            answer=AnswerInput(member=mina.public_id, score=4, comment="Too loud"), now=now, **common
        )
        consent.decide(
            member=member,
            code="marketing_email",
            is_granted=True,
            source="portal",
            now=now + timedelta(minutes=1),
            **common,
        )
        registration.update(
            member=member, changes=MemberChanges(email="new@example.org"), now=now + timedelta(minutes=2), **common
        )
    cafe.forward(minutes=3)
    mina.buys(500_000)  # Gold from here on

    page = page_of(hana, cafe.merchant, mina)

    assert told(page) == [
        ("Purchase", "₩500,000", 5000),
        ("New tier", "Gold", None),
        ("E-mail changed", "m…@example.org → n…@example.org", None),
        ("Agreed", "Offers by e-mail", None),
        ("Survey answer", "4 of 10", None),
    ]
    rows = {row.title: row for row in page.context["moved"]}
    assert (rows["Agreed"].where, rows["Agreed"].who) == ("Member portal", "the system")
    assert rows["Survey answer"].goods == "Too loud"


@pytest.mark.parametrize(
    ("only", "titles"),
    [
        ("answers", ["Survey answer"]),
        ("tiers", ["New tier"]),
        ("details", ["Agreed"]),
        ("earned", ["Purchase"]),
        ("stamps", []),
    ],
)
def test_it_is_narrowed_to_one_kind(cafe, hana, mina, only, titles):
    with tenancy.tenant(cafe.merchant):
        member = Member.objects.get(merchant=cafe.merchant, pk=mina.id)
        common = {"merchant": cafe.merchant, "actor": SYSTEM, "now": cafe.now}
        surveys.record_response(answer=AnswerInput(member=mina.public_id, score=9), **common)
        consent.decide(member=member, code="profiling", is_granted=True, source="console", **common)
    mina.buys(500_000)
    assert [row.title for row in page_of(hana, cafe.merchant, mina, only=only).context["moved"]] == titles


def test_pages_go_on_in_each_stream_where_they_were_left(cafe, hana, mina):
    """Forty purchases and forty consents by turns: no event twice, none left out, the newest first."""
    with tenancy.tenant(cafe.merchant):
        member = Member.objects.get(merchant=cafe.merchant, pk=mina.id)
    for number in range(40):
        cafe.forward(minutes=1)
        mina.buys(1_000)
        cafe.forward(minutes=1)
        with tenancy.tenant(cafe.merchant):
            consent.decide(
                merchant=cafe.merchant, member=member, code="profiling", is_granted=number % 2 == 0, source="console",
                now=cafe.now, actor=SYSTEM,
            )  # fmt: skip
    seen, cursor = [], None
    while True:
        page = page_of(hana, cafe.merchant, mina, **({"cursor": cursor} if cursor else {}))
        seen += [(row.at, row.title) for row in page.context["moved"]]
        cursor = page.context["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 80
    assert seen == sorted(seen, reverse=True)


def test_an_answer_that_was_recorded_late_stands_in_its_own_month(cafe, hana, mina):
    with tenancy.tenant(cafe.merchant):
        for day in (100, 1, 200):
            surveys.record_response(
                merchant=cafe.merchant, now=cafe.now, actor=SYSTEM,
                answer=AnswerInput(member=mina.public_id, score=9, answered_at=cafe.now - timedelta(days=day)),
            )  # fmt: skip
    months = page_of(hana, cafe.merchant, mina, only="answers").context["months"]
    assert [month.first.isoformat() for month in months] == ["2026-03-01", "2025-11-01", "2025-08-01"]


def test_stamps_name_the_card_what_is_on_it_and_the_shop(db):
    shop = open_shop("cafe-haneul")
    publish(shop)
    mina, hana = join(shop, name="Mina Park"), staff_browser(shop, "owner")
    drinks(shop, mina, 3)
    rows = page_of(hana, shop, mina, only="stamps").context["moved"]
    assert [(row.title, row.where) for row in rows] == [("+3 stamps", "Main street")]
    assert rows[0].goods == "Purchase · 3 on the card"


def test_the_page_asks_at_most_twelve_times(cafe, hana, mina):
    mina.buys(500_000)
    mina.redeems(reward="coffee")
    cafe.now = datetime.now(UTC)
    mina.is_adjusted(40)
    page_of(hana, cafe.merchant, mina)
    with CaptureQueriesContext(connection) as asked:
        page_of(hana, cafe.merchant, mina)
    said = [query["sql"] for query in asked.captured_queries]
    own = [
        sql
        for sql in said
        if not re.match(r"(BEGIN|COMMIT|SAVEPOINT|RELEASE|SET|SELECT (set_config|current_setting))", sql)
        and not re.search(r'FROM "(merchants_|django_session)', sql)
    ]
    assert len(own) <= 12, [sql[:160] for sql in own]
