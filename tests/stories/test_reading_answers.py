"""Hana reads what members and guests answered, narrows it down, and notes whom somebody took care of."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import runs
from engagement import erasure, surveys
from engagement.models import SurveyResponse
from engagement.surveys import AnswerInput
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import merging, purchases
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina Park")


def said(cafe, score, comment="", *, member=None, days=0, purchase=None, channel="link"):
    now = datetime.now(UTC)
    answer = AnswerInput(
        score=score, comment=comment, member=member.public_id if member else None, channel=channel, purchase=purchase,
        answered_at=now - timedelta(days=days),
    )  # fmt: skip
    with tenancy.tenant(cafe.merchant):
        return surveys.record_response(merchant=cafe.merchant, answer=answer, now=now, actor=SYSTEM)


def home(cafe):
    return f"/console/{cafe.merchant.slug}/dashboard"


def url(cafe, page="answers"):
    return f"{home(cafe)}/{page}"


def read(browser, cafe, **narrowed):
    """What the page shows, in its order: score and words."""
    page = browser.get(url(cafe), narrowed)
    assert page.status_code == 200
    return [(row["answer"].score, row["answer"].comment) for row in page.context["rows"]]


def counted(browser, cafe, **narrowed):
    return [each["count"] for each in browser.get(url(cafe), narrowed).context["classes"]]


def test_a_guests_comment_is_read_and_taken_care_of(cafe, hana):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(external_id="R-77", occurred_at=now, currency="KRW", total_minor=5_200)
    with tenancy.tenant(cafe.merchant):
        purchase = purchases.record(merchant=cafe.merchant, items=[sold], now=now, actor=SYSTEM)[0].public_id
    answer = said(cafe, 2, "Cold coffee,\nrude staff", purchase=purchase)
    # The dashboard has numbers from the first night after the first sale on.
    runs.run(cafe.merchant, now=now)
    needs = {need["title"]: need for need in hana.get(home(cafe)).context["needs"]}
    href = needs["1 unhappy guest"]["href"]

    page = hana.get(href)

    text = page.content.decode()
    assert "Cold coffee,\nrude staff" in text
    assert ("A guest" in text, "by the link" in text, "R-77" in text, "₩5,200" in text) == (True, True, True, True)
    done = hana.post(f"{url(cafe, 'answers/care')}?{href.partition('?')[2]}&next=//elsewhere", {"answer": answer.id})
    assert done["Location"] == href
    assert read(hana, cafe, whose="guest", care="waiting") == []
    text = hana.get(url(cafe), {"care": "noted"}).content.decode()
    assert ("Cold coffee" in text, "took care" in text, "Somebody took care</" in text) == (True, True, False)
    assert "1 unhappy guest" not in hana.get(home(cafe)).content.decode()
    with tenancy.tenant(cafe.merchant):
        row = SurveyResponse.objects.get(merchant=cafe.merchant)
        assert row.followed_up_at is not None


def test_answers_are_narrowed_down_and_counted(cafe, hana, mina):
    jisoo = cafe.member("Jisoo Kim")
    said(cafe, 10, "Lovely", member=mina, days=5)
    said(cafe, 9, days=4)
    said(cafe, 7, "Fine", days=3)
    said(cafe, 6, member=jisoo, days=2)
    said(cafe, 0, "Never again", days=1)

    everything = [(0, "Never again"), (6, ""), (7, "Fine"), (9, ""), (10, "Lovely")]
    assert read(hana, cafe) == everything
    assert counted(hana, cafe) == [5, 2, 1, 2]
    assert read(hana, cafe, kind="promoter") == [(9, ""), (10, "Lovely")]
    assert read(hana, cafe, kind="passive") == [(7, "Fine")]
    assert read(hana, cafe, kind="detractor", words="yes") == [(0, "Never again")]
    # The classes stay counted while one of them is chosen: each says what a click on it would show.
    assert counted(hana, cafe, kind="detractor", words="yes") == [3, 1, 1, 1]
    assert read(hana, cafe, whose="member") == [(6, ""), (10, "Lovely")]
    assert read(hana, cafe, whose="guest", words="yes") == [(0, "Never again"), (7, "Fine")]
    assert read(hana, cafe, care="waiting") == [(0, "Never again"), (6, "")]
    assert read(hana, cafe, care="noted") == []
    assert read(hana, cafe, days="30") == everything
    # An address that somebody made up narrows nothing.
    assert read(hana, cafe, kind="' OR 1=1", whose="nobody", care="x", words="x") == everything


def test_an_answer_that_came_late_stands_at_its_day(cafe, hana):
    said(cafe, 8, "Today")
    said(cafe, 5, "From the paper forms of last week", days=7)
    said(cafe, 3, "From those of the month before last", days=40)
    assert [words for _score, words in read(hana, cafe)] == [
        "Today", "From the paper forms of last week", "From those of the month before last",
    ]  # fmt: skip
    assert [score for score, _words in read(hana, cafe, days="30")] == [8, 5]
    assert [score for score, _words in read(hana, cafe, days="90", care="waiting")] == [5, 3]


def test_pages_follow_each_other_without_a_gap_and_cost_the_same_however_full(cafe, hana, mina):
    for number in range(27):
        said(cafe, number % 11, f"No. {number}", days=number // 4)
    first = hana.get(url(cafe), {"words": "yes"})
    second = hana.get(url(cafe), {"words": "yes", "cursor": first.context["cursor"]})
    numbers = [row["answer"].comment for page in (first, second) for row in page.context["rows"]]
    assert (len(first.context["rows"]), len(second.context["rows"]), second.context["cursor"]) == (25, 2, None)
    assert len(set(numbers)) == 27

    with CaptureQueriesContext(connection) as full:
        hana.get(url(cafe))
    with CaptureQueriesContext(connection) as few:
        hana.get(url(cafe), {"cursor": first.context["cursor"]})
    assert len(full) == len(few)
    assert hana.get(url(cafe), {"cursor": "nonsense"}).status_code == 404


def test_an_empty_list_says_how_answers_come_and_a_narrow_one_how_to_see_all(cafe, hana):
    assert "No answers yet" in hana.get(url(cafe)).content.decode()
    said(cafe, 9)
    text = hana.get(url(cafe), {"kind": "detractor"}).content.decode()
    assert ("No such answers" in text, "No answers yet" in text) == (True, False)


def test_whoever_was_merged_or_has_left_is_not_a_broken_link(cafe, hana, mina):
    merged, nari = cafe.member("Mina P."), cafe.member("Nari Oh")
    said(cafe, 9, "As the merged", member=merged)
    said(cafe, 4, "Before leaving", member=nari)
    now = datetime.now(UTC)
    with tenancy.tenant(cafe.merchant):
        merging.merge(merchant=cafe.merchant, source=merged.public_id, target=mina.public_id, now=now, actor=SYSTEM)
        erasure.leave_by_id(merchant=cafe.merchant, member=nari.public_id, now=now, actor=SYSTEM)

    text = hana.get(url(cafe)).content.decode()

    assert f'href="/console/{cafe.merchant.slug}/members/{mina.public_id}?show=person">Mina Park</a>' in text
    assert merged.public_id not in text
    assert ("A member who has left" in text, nari.public_id in text) == (True, False)
    assert ("As the merged" in text, "Before leaving" in text) == (True, False)


def test_an_analyst_reads_and_notes_nothing_and_takes_nothing_away(cafe, hana):
    answer = said(cafe, 1, "Cold")
    seojin = staff_browser(cafe.merchant, "analyst")
    text = seojin.get(url(cafe)).content.decode()
    assert ("Cold" in text, "Somebody took care" in text, "Download CSV" in text) == (True, False, False)
    assert seojin.post(url(cafe, "answers/care"), {"answer": answer.id}).status_code == 403
    assert seojin.get(url(cafe, "export"), {"table": "answers"}).status_code == 403
    assert read(hana, cafe, care="waiting") == [(1, "Cold")]


def test_the_same_answers_are_taken_along_as_csv(cafe, hana, mina):
    said(cafe, 10, "Lovely", member=mina, days=2)
    said(cafe, 3, '=HYPERLINK("x")', days=1)
    said(cafe, 4)
    href = hana.get(url(cafe), {"words": "yes"}).context["export"]

    answer = hana.get(href)

    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row["Score"], row["Class"], row["Comment"], row["Name"]) for row in rows] == [
        ("3", "detractor", '\'=HYPERLINK("x")', ""),
        ("10", "promoter", "Lovely", "Mina Park"),
    ]
    assert [row["Member"] for row in rows] == ["", mina.public_id]


def test_another_shops_answers_are_nobodys_business_here(cafe, hana):
    elsewhere = builders.cafe()
    answer = said(elsewhere, 0, "Not yours")
    assert read(hana, cafe) == []
    refused = hana.post(url(cafe, "answers/care"), {"answer": answer.id}, follow=True)
    assert "There is no such answer." in refused.content.decode()
    with tenancy.tenant(elsewhere.merchant):
        assert SurveyResponse.objects.get(merchant=elsewhere.merchant).followed_up_at is None


def test_the_way_leads_from_the_score_to_the_words_and_back(cafe, hana, mina):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(external_id="R-1", occurred_at=now, currency="KRW", total_minor=5_200)
    with tenancy.tenant(cafe.merchant):
        purchases.record(merchant=cafe.merchant, items=[sold], now=now, actor=SYSTEM)
    said(cafe, 3, "Cold", member=mina)
    runs.run(cafe.merchant, now=now)
    dashboard = hana.get(home(cafe), {"period": "last_90"})
    text = dashboard.content.decode()
    assert f'href="{url(cafe)}?days=90">Net Promoter Score<span class="sr-only"> what they said</span>' in text
    [need] = [need for need in dashboard.context["needs"] if "whose=member" in need["href"]]
    assert "Cold" in hana.get(need["href"]).content.decode()
    behind = hana.get(hana.get(url(cafe)).context["behind"])
    assert (behind.status_code, f'href="{url(cafe)}"' in behind.content.decode()) == (200, True)
