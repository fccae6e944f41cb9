"""Hana gives all of a list points without ticking one: chosen, seen before, given by the worker, stopped, undone."""

from __future__ import annotations

import csv
import io
import re

import pytest

from merchants import audit, tenancy
from rewards import bulk_acts
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    cafe = builders.cafe()
    cafe.cast(*(f"Member {number:02}" for number in range(30)))
    return cafe


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


def at(cafe, page=""):
    return f"/console/{cafe.merchant.slug}/members/{page}"


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def chosen(cafe, hana, here="?"):
    return hana.post(at(cafe, "bulk"), {"here": here}, follow=True)


def begun(cafe, hana, **gift):
    path = chosen(cafe, hana).request["PATH_INFO"]
    form = {"points": "50", "reason": "Opening party", **gift, "act": "give"}
    assert hana.post(path, form).status_code == 302
    return path


def works(cafe, limit=bulk_acts.CHUNK):
    return bulk_acts.work(merchant=cafe.merchant, now=cafe.now, limit=limit)


def held(cafe):
    return sum(person.points()[0] for person in cafe.people.values())


def test_all_thirty_are_chosen_though_the_page_shows_twenty_five(cafe, hana):
    assert "All 30 of this list …" in words(hana.get(at(cafe)))
    page = chosen(cafe, hana)
    assert "30 members chosen" in words(page)
    path = page.request["PATH_INFO"]
    preview = hana.post(path, {"points": "50", "reason": "Opening party", "act": "preview"})
    assert "50 points for each of 30: 1,500 points in all." in words(preview)
    assert held(cafe) == 0

    for _twice in range(2):
        hana.post(path, {"points": "50", "reason": "Opening party", "act": "give"})
    assert "0 of 30 members" in words(hana.get(path))
    works(cafe, limit=12)
    fragment = hana.get(path, headers={"HX-Request": "true"})
    assert "12 of 30 members" in words(fragment)
    assert "<h1" not in fragment.content.decode()
    while works(cafe):
        pass

    page = hana.get(path)
    assert ("30 of 30 members" in words(page), held(cafe)) == (True, 1_500)
    assert "hx-trigger" not in page.content.decode().split('id="bulk"')[1].split(">")[0]


def test_a_segment_is_what_it_was_at_that_moment(cafe, hana):
    page = chosen(cafe, hana, "?show=new")
    assert "There is nobody in this list." in words(page)
    assert page.redirect_chain[-1][0] == at(cafe)


def test_it_is_stopped_and_goes_on_and_is_undone(cafe, hana):
    path = begun(cafe, hana)
    works(cafe, limit=10)
    hana.post(f"{path}/turn", {"act": "stop"})
    assert (works(cafe), held(cafe)) == (0, 500)
    assert "Go on" in words(hana.get(path))
    hana.post(f"{path}/turn", {"act": "resume"})
    while works(cafe):
        pass
    assert held(cafe) == 1_500
    cafe.people["Member 03"].redeems(reward="cake")
    hana.post(f"{path}/turn", {"act": "undo"})
    while works(cafe):
        pass
    assert held(cafe) == 20
    page = words(hana.get(path))
    assert "Undone 29" in page
    assert "Could not be undone 1" in page
    with tenancy.tenant(cafe.merchant):
        actions = [record.action for record in audit.newest(merchant=cafe.merchant, limit=100)]
    assert [each for each in actions if each.startswith("bulk.")] == [
        "bulk.undone", "bulk.resumed", "bulk.stopped", "bulk.started",
    ]  # fmt: skip


def test_who_was_left_out_is_a_file_with_the_reason(cafe, hana):
    path = begun(cafe, hana)
    cafe.people["Member 07"].is_merged_into(cafe.people["Member 08"])
    while works(cafe):
        pass
    assert "Left out 1" in words(hana.get(path))
    answer = hana.get(f"{path}/left-out")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert rows[0] == ["Member", "Member code", "Name", "Why"]
    assert [row[2:] for row in rows[1:]] == [["Member 07", "This member was merged into another one meanwhile."]]
    with tenancy.tenant(cafe.merchant):
        assert audit.newest(merchant=cafe.merchant)[0].details == {"table": "members_left_out"}


def test_the_list_says_that_the_worker_is_at_it(cafe, hana):
    begun(cafe, hana)
    assert "All of a list are being given points or stamps." in words(hana.get(at(cafe)))
    while works(cafe):
        pass
    assert "are being given" not in words(hana.get(at(cafe)))


@pytest.mark.parametrize(
    "wrong", [{"points": ""}, {"points": "-5"}, {"reason": ""}, {"points": "0"}, {"points": "9999999999999"}]
)
def test_what_cannot_be_meant_starts_nothing(cafe, hana, wrong):
    path = chosen(cafe, hana).request["PATH_INFO"]
    answer = hana.post(path, {"points": "50", "reason": "Party", "act": "give", **wrong})
    assert answer.status_code == 422
    assert (works(cafe), held(cafe)) == (0, 0)


def test_a_manager_is_told_the_limit_before(cafe):
    manager = staff_browser(cafe.merchant, "manager")
    path = chosen(cafe, manager).request["PATH_INFO"]
    answer = manager.post(path, {"points": "10001", "reason": "Party", "act": "give"})
    assert (answer.status_code, "more than you may give" in answer.content.decode()) == (422, True)
    assert works(cafe) == 0


def test_stamps_or_points_and_not_both(cafe, hana):
    cafe.publish(builders.programme(stamps=[{"code": "visits", "name": "Visits", "sizes": [10], "reward": "coffee"}]))
    path = chosen(cafe, hana).request["PATH_INFO"]
    both = {"points": "5", "card": "visits", "stamps": "2", "reason": "Fair", "act": "give"}
    assert hana.post(path, both).status_code == 422
    preview = hana.post(path, {**both, "points": "", "act": "preview"})
    assert "Stamps for each of 30: 2. 60 in all." in words(preview)
    hana.post(path, {**both, "points": ""})
    while works(cafe):
        pass
    assert "60 stamps" in words(hana.get(path))


def test_what_is_not_there_is_not_found(cafe, hana):
    for page in ("bulk/nonsense", "bulk/blk_0000000000000000"):
        assert hana.get(at(cafe, page)).status_code == 404
        assert hana.post(at(cafe, f"{page}/turn"), {"act": "stop"}).status_code == 404
    other = builders.cafe()
    path = begun(cafe, hana)
    stranger = staff_browser(other.merchant, "owner")
    assert stranger.get(path.replace(cafe.merchant.slug, other.merchant.slug)).status_code == 404
    assert "no such choice" in words(hana.post(f"{path}/turn", {"act": "x"}, follow=True))
