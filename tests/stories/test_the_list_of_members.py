"""Hana looks over her members: how many there are, who came lately, who spends most, and who is about to stay away."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import member_list, runs, verify
from analytics.models import InsightMember, MemberFigure
from engagement import surveys
from engagement.surveys import AnswerInput
from members import erasure
from members.models import Member
from merchants import audit, tenancy
from merchants.actors import SYSTEM
from rewards import adjustments
from tests import builders
from tests.people import staff_browser


@pytest.fixture
def cafe(committed):
    """Noon on 20 November; Anna bought three times, Jun twice and for most, Mina once and long ago; Zoe never."""
    cafe = builders.cafe()
    anna, jun, mina, _zoe = cafe.cast("Anna Lee", "Jun", "Mina Park", "Zoe")
    for person, day, won in [
        (mina, "2026-03-04", 10_000), (anna, "2026-09-01", 5_000), (anna, "2026-10-01", 5_000),
        (jun, "2026-10-05", 40_000), (jun, "2026-11-02", 30_000), (anna, "2026-11-20", 5_000),
    ]:  # fmt: skip
        cafe.at(day)
        person.buys(won)
    return cafe


@pytest.fixture
def hana(cafe, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: cafe.now)
    return staff_browser(cafe.merchant, "owner")


def address(cafe, page=""):
    return f"/console/{cafe.merchant.slug}/members/{page}"


def names(page):
    return [str(row["member"]) for row in page.context["rows"]]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("by=name", ["Anna Lee", "Jun", "Mina Park", "Zoe"]), ("by=name&way=down", ["Zoe", "Mina Park", "Jun", "Anna Lee"]),
        ("by=visit", ["Anna Lee", "Jun", "Mina Park", "Zoe"]), ("by=visit&way=up", ["Zoe", "Mina Park", "Jun", "Anna Lee"]),
        ("by=spend", ["Jun", "Anna Lee", "Mina Park", "Zoe"]), ("by=points", ["Jun", "Anna Lee", "Mina Park", "Zoe"]),
        ("", ["Zoe", "Mina Park", "Jun", "Anna Lee"]), ("by=nonsense&way=sideways", ["Zoe", "Mina Park", "Jun", "Anna Lee"]),
    ],
)  # fmt: skip
def test_it_is_put_in_order_by_any_of_five(cafe, hana, order, expected):
    runs.run(cafe.merchant, now=cafe.now)
    assert names(hana.get(address(cafe, f"?{order}"))) == expected


def test_a_page_goes_on_where_the_one_before_ended_though_somebody_buys_between(cafe, hana, monkeypatch):
    monkeypatch.setattr("loyalty.console.screens.PAGE", 2)
    runs.run(cafe.merchant, now=cafe.now)
    first = hana.get(address(cafe, "?by=spend"))
    cafe.people["Zoe"].buys(90_000)
    cafe.joins("Late")
    second = hana.get(address(cafe, "?by=spend"), {"by": "spend", "cursor": first.context["cursor"]})

    assert (names(first), names(second)) == (["Jun", "Anna Lee"], ["Mina Park", "Zoe"])
    assert (second.context["first_number"], second.context["last_number"], second.context["cursor"]) == (3, 4, None)
    # The order is the last run's; what stands in the row is so now.
    assert second.context["rows"][1]["bought"].revenue_minor == 90_000
    runs.run(cafe.merchant, now=cafe.now)
    assert names(hana.get(address(cafe, "?by=spend"))) == ["Zoe", "Jun"]
    assert hana.get(address(cafe, "?cursor=made-up")).status_code == 404


def test_a_row_says_what_somebody_bought_has_and_answered(cafe, hana):
    anna = cafe.people["Anna Lee"]
    with tenancy.tenant(cafe.merchant):
        for score, days in ((3, 100), (9, 0)):
            answer = AnswerInput(member=anna.public_id, score=score)
            at = cafe.now - timedelta(days=days)
            surveys.record_response(merchant=cafe.merchant, answer=answer, now=at, actor=SYSTEM)
    page = hana.get(address(cafe))
    row = next(row for row in page.context["rows"] if str(row["member"]) == "Anna Lee")

    bought = row["bought"]
    assert (bought.purchases, bought.revenue_minor, bought.score, row["is_of_today"]) == (3, 15_000, 9, True)
    assert bought.months == (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1)
    assert row["balance"].spendable == 150
    assert "Today, <time" in page.content.decode()


def test_segments_say_how_many_and_narrow_the_list(cafe, hana):
    with tenancy.tenant(cafe.merchant):
        Member.objects.filter(name="Zoe").update(birth_month=12, birth_day=4)
        Member.objects.filter(name="Jun").update(birth_month=12, birth_day=5)
    cafe.joins("New")
    # Sori came on four days in a row, and has been away for three weeks.
    sori = cafe.member("Sori")
    for day in range(24, 28):
        cafe.at(f"2026-10-{day}")
        sori.buys(1_000)
    cafe.at("2026-11-20")
    runs.run(cafe.merchant, now=cafe.now)

    page = hana.get(address(cafe))
    counted = [(str(item["label"]), item["count"].number) for item in page.context["segments"]]
    assert counted == [
        ("Everyone", 6), ("Active", 3), ("New this month", 1), ("Slipping away", 1), ("Birthday soon", 1),
        ("Unhappy", 0), ("Points expire soon", 0),
    ]  # fmt: skip
    shown = {
        segment: sorted(names(hana.get(address(cafe, f"?show={segment}"))))
        for segment in ("active", "new", "slipping", "birthday", "unhappy")
    }
    assert shown == {
        "active": ["Anna Lee", "Jun", "Sori"], "new": ["New"], "slipping": ["Sori"], "birthday": ["Zoe"], "unhappy": [],
    }  # fmt: skip
    assert "No members in this segment" in hana.get(address(cafe, "?show=unhappy")).content.decode()
    assert names(hana.get(address(cafe, "?show=active&by=spend"))) == ["Jun", "Anna Lee", "Sori"]


def test_a_birthday_in_the_new_year_is_soon_in_december(cafe, monkeypatch):
    with tenancy.tenant(cafe.merchant):
        for name, month, day in (("Zoe", 12, 31), ("Jun", 1, 3), ("Mina Park", 1, 4), ("Anna Lee", 12, 19)):
            Member.objects.filter(name=name).update(birth_month=month, birth_day=day)
    cafe.at("2026-12-20")
    monkeypatch.setattr("django.utils.timezone.now", lambda: cafe.now)
    hana = staff_browser(cafe.merchant, "owner")
    assert sorted(names(hana.get(address(cafe, "?show=birthday")))) == ["Jun", "Zoe"]


def test_more_than_can_be_counted_is_said_to_be_more(cafe, hana, monkeypatch):
    monkeypatch.setattr("analytics.member_list.COUNTED_MAX", 3)
    page = hana.get(address(cafe)).content.decode()
    assert ">3+<" in page


def test_whoever_left_is_in_no_list_and_no_count(cafe, hana):
    runs.run(cafe.merchant, now=cafe.now)
    with tenancy.tenant(cafe.merchant):
        jun = Member.objects.get(name="Jun")
        erasure.erase(merchant=cafe.merchant, member=jun, now=cafe.now, actor=SYSTEM)
    page = hana.get(address(cafe, "?by=spend"))
    assert names(page) == ["Anna Lee", "Mina Park", "Zoe"]
    assert page.context["total"].number == 3


def test_the_runs_figures_are_what_the_auditor_counts(cafe):
    runs.run(cafe.merchant, now=cafe.now)
    with tenancy.tenant(cafe.merchant):
        jun = MemberFigure.objects.get(member_id=cafe.people["Jun"].id)
        assert (jun.purchases, jun.revenue_minor, str(jun.last_day), jun.points) == (2, 70_000, "2026-11-02", 700)
        assert MemberFigure.objects.count() == 4
    assert verify.audit(cafe.merchant).agrees
    with tenancy.tenant(cafe.merchant):
        MemberFigure.objects.filter(pk=jun.pk).update(revenue_minor=1)
    (difference,) = verify.audit(cafe.merchant).differences
    assert str(difference).startswith(f"figures of member {jun.member_id}: kept (2, 1,")
    # Whom a run has not written down is summed up by the next, and nobody else is touched.
    with tenancy.tenant(cafe.merchant):
        MemberFigure.objects.filter(pk=jun.pk).delete()
    runs.run(cafe.merchant, now=cafe.now)
    assert verify.audit(cafe.merchant).agrees


def test_who_is_behind_an_insight_no_longer_leaves_it(cafe):
    sori = cafe.member("Sori")
    for day in range(24, 28):
        cafe.at(f"2026-10-{day}")
        sori.buys(1_000)
    cafe.at("2026-11-20")
    runs.run(cafe.merchant, now=cafe.now)
    with tenancy.tenant(cafe.merchant):
        kept = InsightMember.objects.get(kind="regulars_slipping")
        assert (kept.member_id, kept.at_stake) == (sori.id, 4_000)
    sori.buys(1_000)
    cafe.at("2026-11-21")
    runs.run(cafe.merchant, now=cafe.now)
    with tenancy.tenant(cafe.merchant):
        assert not InsightMember.objects.filter(kind="regulars_slipping").exists()


def test_columns_are_chosen_once_and_stay(cafe, hana):
    usual = hana.get(address(cafe)).context["columns"]
    assert usual == ["contact", "visit", "months", "visits", "spend", "points", "pending", "tier", "nps"]
    kept = hana.post(
        address(cafe, "columns"), {"column": ["points", "joined", "no-such"], "here": "?show=active&by=name"}
    )
    assert kept["Location"] == address(cafe, "?show=active&by=name")
    assert hana.get(address(cafe)).context["columns"] == ["joined", "points"]
    hana.post(address(cafe, "columns"), {"here": "?next=//elsewhere.example"})
    page = hana.get(address(cafe))
    assert (page.context["columns"], names(page)) == ([], ["Zoe", "Mina Park", "Jun", "Anna Lee"])


def table(answer):
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_the_file_holds_what_the_list_shows_and_is_on_record(cafe, hana):
    runs.run(cafe.merchant, now=cafe.now)
    head, *rows = table(hana.get(address(cafe, "export?show=active&by=spend")))
    spend, last = head.index("Spend (KRW)"), head.index("Last visit")
    assert [(row[3], row[spend], row[last]) for row in rows] == [
        ("Jun", "70000", "2026-11-02"), ("Anna Lee", "15000", "2026-11-20"),
    ]  # fmt: skip
    chosen = {"member": [cafe.people[name].public_id for name in ("Zoe", "Jun", "Zoe")] + ["mem_0000000000000000"]}
    assert [row[3] for row in table(hana.post(address(cafe, "export/chosen"), chosen))[1:]] == ["Zoe", "Jun"]
    with tenancy.tenant(cafe.merchant):
        said = [record.details for record in audit.newest(merchant=cafe.merchant) if record.action == "data.exported"]
    assert said == [{"table": "chosen_members"}, {"table": "members", "segment": "active"}]
    analyst = staff_browser(cafe.merchant, "analyst")
    assert analyst.post(address(cafe, "export/chosen"), chosen).status_code == 403
    assert "Choose Jun" not in analyst.get(address(cafe)).content.decode()


@pytest.mark.parametrize("query", ["", "?by=spend&show=active", "?q=Anna", "?q=010-2345-6789"])
def test_a_page_asks_at_most_twelve_times(cafe, hana, query):
    runs.run(cafe.merchant, now=cafe.now)
    hana.get(address(cafe, query))
    with CaptureQueriesContext(connection) as asked:
        hana.get(address(cafe, query))
    # Who is signed in, and where, every page asks.
    said = [query["sql"] for query in asked.captured_queries]
    own = [
        sql
        for sql in said
        if not re.match(r"(BEGIN|COMMIT|SAVEPOINT|RELEASE|SET|SELECT (set_config|current_setting))", sql)
    ]
    own = [sql for sql in own if not re.search(r'FROM "(merchants_|django_session)', sql)]
    assert len(own) <= 12, [sql[:200] for sql in own]


def minted(page):
    return page.context["form"]["bulk"].value()


def has(cafe, name):
    return cafe.people[name].points()[0]


def test_those_who_were_chosen_are_given_points_once_and_all_can_be_undone(cafe, hana):
    chosen = {"member": [cafe.people[name].public_id for name in ("Anna Lee", "Jun", "Zoe")]}
    asked = hana.post(address(cafe, "points"), chosen)
    form = {**chosen, "bulk": minted(asked), "points": "50", "reason": "Opening party"}
    assert "3 members" in asked.content.decode()
    preview = hana.post(address(cafe, "points"), {**form, "act": "preview"}).content.decode()
    assert "50 points for each of 3: 150 points in all." in preview
    assert [has(cafe, name) for name in ("Anna Lee", "Jun", "Zoe")] == [150, 700, 0]

    for _twice in range(2):
        done = hana.post(address(cafe, "points"), {**form, "act": "give"}, follow=True)
    assert [has(cafe, name) for name in ("Anna Lee", "Jun", "Mina Park", "Zoe")] == [200, 750, 100, 50]
    assert "50 points each; 3 of 3 members have them: 150 points in all." in done.content.decode()
    undo = f"{done.request['PATH_INFO']}/undo"

    cafe.people["Zoe"].redeems(reward="cake")  # 30 of her 50: they cannot be taken back whole
    back = hana.post(undo, follow=True).content.decode()
    assert [has(cafe, name) for name in ("Anna Lee", "Jun", "Zoe")] == [150, 700, 20]
    assert "1 member was left out. Zoe:" in back
    assert "50 points each; 1 of 3 members have them: 50 points in all." in back
    assert hana.post(undo).status_code == 302
    assert [has(cafe, name) for name in ("Anna Lee", "Jun", "Zoe")] == [150, 700, 20]


def test_what_was_begun_is_finished_under_the_same_name(cafe, hana, monkeypatch):
    """Killed after the first of two: sent again, the second gets hers, the first nothing more."""
    anna, jun = (cafe.people[name].public_id for name in ("Anna Lee", "Jun"))
    asked = hana.post(address(cafe, "points"), {"member": [anna, jun]})
    form = {"member": [anna, jun], "bulk": minted(asked), "points": "50", "reason": "Party", "act": "give"}
    adjust = adjustments.adjust

    def dies_at_jun(**known):
        if known["asked"].member.id == jun:
            raise KeyboardInterrupt
        return adjust(**known)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(adjustments, "adjust", dies_at_jun)
        hana.post(address(cafe, "points"), form)
    assert (has(cafe, "Anna Lee"), has(cafe, "Jun")) == (200, 700)
    assert hana.post(address(cafe, "points"), form).status_code == 302
    assert (has(cafe, "Anna Lee"), has(cafe, "Jun")) == (200, 750)


def test_nobody_is_given_points_who_was_not_chosen_or_beyond_what_a_role_may(cafe, hana):
    assert hana.post(address(cafe, "points"), {}, follow=True).redirect_chain[0][0] == address(cafe)
    assert hana.get(address(cafe, "points/adj_0000000000000000")).status_code == 404
    assert hana.post(address(cafe, "points/nonsense/undo")).status_code == 404
    jun = cafe.people["Jun"].public_id
    manager = staff_browser(cafe.merchant, "manager")
    too_much = {"member": [jun], "bulk": "adj_0000000000000001", "points": "1000001", "reason": "x", "act": "give"}
    refused = manager.post(address(cafe, "points"), too_much)
    assert (refused.status_code, has(cafe, "Jun")) == (422, 700)
    assert "more than you may give" in refused.content.decode()
    for nonsense in ({"points": "-5"}, {"points": "0"}, {"points": "5", "reason": ""}, {"points": "5", "bulk": "x"}):
        assert hana.post(address(cafe, "points"), {**too_much, **nonsense}).status_code == 422
    assert has(cafe, "Jun") == 700


@pytest.mark.parametrize("order", ["joined", "name", "visit", "spend", "points"])
def test_a_large_segment_is_listed_as_a_small_one_is(cafe, monkeypatch, order):
    runs.run(cafe.merchant, now=cafe.now)
    with tenancy.tenant(cafe.merchant):
        InsightMember.objects.create(merchant=cafe.merchant, kind="points_expiring", member_id=cafe.people["Jun"].id)
        InsightMember.objects.create(merchant=cafe.merchant, kind="points_expiring", member_id=cafe.people["Zoe"].id)
        asked = {"merchant": cafe.merchant, "order": order, "rising": False, "now": cafe.now, "limit": 9}
        for segment, size in (("expiring", 2), ("active", 2)):
            small, _end = member_list.page(**asked, segment=segment)
            large, _end = member_list.page(**asked, segment=segment, counted=10_001)
            assert (small, len(small)) == (large, size)
