"""Every list of the console can be taken away as a file with what it shows, by whom may, and it is on record."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import pytest

from engagement import missing, surveys
from engagement.surveys import AnswerInput
from loyalty.console import exports, tables
from members.models import Member
from merchants import audit, keys, outbox, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.webhooks import addresses, endpoints, relay
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")


@pytest.fixture
def cafe(db, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    cafe = builders.cafe()
    mina, jun = cafe.member("Mina Park", phone="+821023456789"), cafe.member("=Jun")
    mina.buys(30_000, external_id="R-1")
    mina.redeems(reward="coffee")
    jun.buys(12_000, external_id="R-2")
    merchant = cafe.merchant
    with tenancy.tenant(merchant):
        common = {"merchant": merchant, "now": cafe.now}
        endpoints.create(target=addresses.check("http://127.0.0.1:9/"), actor=OWNER, **common)
        outbox.record(
            merchant_id=merchant.pk, kind="member.erased", payload={"member": mina.public_id}, occurred_at=cafe.now,
            now=cafe.now,
        )  # fmt: skip
        relay.relay(merchant_id=merchant.pk, now=cafe.now)
        keys.issue(name="Till 1", scopes=["purchases:write"], actor=SYSTEM, **common)
        surveys.record_response(
            answer=AnswerInput(member=mina.public_id, score=9, comment="@home"), actor=SYSTEM, **common
        )
        missing.ask(
            member=Member.objects.get(pk=mina.id),
            bought_on=cafe.now.date(),
            amount_minor=4_500,
            receipt="R-77",
            **common,
        )
    return cafe


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


def at(cafe, page):
    return f"/console/{cafe.merchant.slug}/{page}"


def pages(cafe):
    """Every page of the console that lists something, and the file that its link leads to."""
    mina = cafe.people["Mina Park"].public_id
    with tenancy.tenant(cafe.merchant):
        (endpoint,) = endpoints.listed(merchant=cafe.merchant)
    return {
        "members/": "members/export",
        f"members/{mina}": "export/activity",
        f"members/{mina}?show=purchases": "export/purchases",
        f"members/{mina}?show=redemptions": "export/redemptions",
        "members/missing-points": "export/missing_points",
        "rewards/claims": "export/claims",
        "dashboard/answers": "dashboard/export",
        "developers/keys": "export/keys",
        "developers/events": "export/events",
        f"developers/webhooks/{endpoint.id}": "export/deliveries",
        "settings/record": "export/audit_log",
        "team": "export/team",
    }


def taken(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, address
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    whole = b"".join(answer.streaming_content).decode()
    assert whole.startswith("\ufeff")
    return list(csv.reader(io.StringIO(whole[1:])))


def links(answer):
    found = re.findall(r'href="([^"]+)"[^>]*\bdownload\b', answer.content.decode())
    return [html.unescape(each) for each in found]


def test_every_list_has_a_link_to_its_file(cafe, hana):
    for page, expected in pages(cafe).items():
        wanted = [each for each in links(hana.get(at(cafe, page))) if each.startswith(at(cafe, expected))]
        assert wanted, page
        rows = taken(hana, wanted[0])
        assert len(rows) >= 2, page
        assert len({len(row) for row in rows}) == 1, page


def test_no_list_was_forgotten():
    """A template that goes page by page has a link, or its page is one of those that are no list of records."""
    without = {"programme/versions.html", "dashboard/members.html", "dashboard/answers.html", "members/_found.html"}
    folder = ROOT / "templates/console"
    lists = {path for path in folder.rglob("*.html") if "{% pager" in path.read_text()}
    assert {str(path.relative_to(folder)) for path in lists if "console/_csv.html" not in path.read_text()} <= without
    assert set(exports.EXPORTS) == {
        found
        for path in folder.rglob("*.html")
        for found in re.findall(r'console/_csv.html" with table="(\w+)"', path.read_text())
    }


def test_a_file_holds_what_its_page_shows_and_nothing_runs_in_it(cafe, hana):
    claims = taken(hana, at(cafe, "export/claims"))
    assert [row[1:3] + row[4:6] for row in claims[1:]] == [
        ["Coffee", cafe.people["Mina Park"].public_id, "redeemed", "100"]
    ]
    deliveries = taken(hana, at(cafe, "export/deliveries"))
    (erased,) = [row for row in deliveries if row[1] == "member.erased"]
    assert erased[1:4] == [
        "member.erased",
        cafe.people["Mina Park"].public_id,
        "Mina Park",
    ]
    assert json.loads(erased[11]) == {"member": cafe.people["Mina Park"].public_id}
    bought = taken(hana, at(cafe, f"export/purchases?member={cafe.people['Mina Park'].public_id}"))
    assert bought[0][4] == "Total (KRW)"
    assert [row[1] for row in bought[1:]] == ["R-1"]
    assert (bought[1][4], bought[1][6]) == ("30000", "300")
    story = taken(hana, at(cafe, f"export/activity?member={cafe.people['Mina Park'].public_id}"))
    assert [row[1] for row in story[1:]][:1] != []
    everybody = taken(hana, at(cafe, "members/export"))
    assert "'=Jun" in {row[3] for row in everybody}


def test_the_filters_of_the_page_are_those_of_the_file(cafe, hana):
    assert len(taken(hana, at(cafe, "export/events?kind=member.erased"))) == 2
    assert len(taken(hana, at(cafe, "export/deliveries?state=delivered"))) == 1
    assert len(taken(hana, at(cafe, "export/claims?reward=mug"))) == 1
    mina = cafe.people["Mina Park"].public_id
    only = taken(hana, at(cafe, f"export/activity?member={mina}&only=answers"))
    assert [row[1:4] for row in only[1:]] == [["Survey answer", "9 of 10", "'@home"]]
    narrowed = taken(hana, at(cafe, "export/audit_log?what=exports"))
    assert {row[5] for row in narrowed[1:]} == {"data.exported"}


def test_who_took_it_is_on_record_with_its_name(cafe, hana):
    taken(hana, at(cafe, "export/events"))
    with tenancy.tenant(cafe.merchant):
        newest = audit.newest(merchant=cafe.merchant)[0]
    assert (newest.action, newest.details) == ("data.exported", {"table": "events"})


def test_heads_and_words_are_in_the_readers_language(cafe, hana):
    hana.cookies["django_language"] = "ko"
    rows = taken(hana, at(cafe, f"export/activity?member={cafe.people['Mina Park'].public_id}"))
    assert (rows[0][0], "구매" in {row[1] for row in rows}) == ("일시", True)


def test_a_long_list_is_read_in_pages_and_no_row_twice(cafe, hana, monkeypatch):
    monkeypatch.setattr(exports, "_PAGE", 3)
    monkeypatch.setattr(tables, "CHUNK", 4)
    mina = cafe.people["Mina Park"]
    for number in range(20):
        mina.buys(1_000, external_id=f"L-{number}")
    rows = taken(hana, at(cafe, f"export/purchases?member={mina.public_id}"))
    assert len(rows) == len({row[1] for row in rows}) == 22
    story = taken(hana, at(cafe, f"export/activity?member={mina.public_id}&only=earned"))
    assert len(story) == 22


def test_the_rights_of_the_page_are_those_of_the_file(cafe):
    manager, analyst = (staff_browser(cafe.merchant, role) for role in ("manager", "analyst"))
    assert manager.get(at(cafe, "export/keys")).status_code == 403
    assert taken(manager, at(cafe, "export/team"))[0] == ["Name", "Role", "Since", "Id"]
    for table in exports.EXPORTS:
        assert analyst.get(at(cafe, f"export/{table}")).status_code == 403
    mina = cafe.people["Mina Park"].public_id
    assert not [each for each in links(analyst.get(at(cafe, f"members/{mina}"))) if "export" in each]
    with tenancy.tenant(cafe.merchant):
        tables_taken = [
            r.details.get("table") for r in audit.newest(merchant=cafe.merchant) if r.action == "data.exported"
        ]
    assert tables_taken == ["team"]


def test_what_is_not_there_is_not_found(cafe, hana):
    for page in ("export/nonsense", "export/activity", "export/purchases?member=mem_0000000000000000",
                 "export/deliveries?endpoint=wep_0000000000000000"):  # fmt: skip
        assert hana.get(at(cafe, page)).status_code == 404
