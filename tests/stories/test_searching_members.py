"""The queue is long: Jun types what somebody says of themselves, and finds them.

chaoss/grimoirelab-hatstall#69, mybb/mybb#1608, odoo/odoo#104245.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from members import directory, erasure, registration, search_keys
from members.inputs import MemberChanges
from members.models import Member, SearchKey
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import merging
from tests.people import cashier_browser, join, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def people(cafe):
    return {
        join(cafe, name=name, phone=phone, email=email).public_id: name
        for name, phone, email in [
            ("김민지", "+821077310147", "minji@cafe.example"),
            ("고혁", "+821055554821", "hyuk@haneul.example"),
            ("王芳", "+886912345678", "fang.wang@taipei.example"),
            ("Anna Lee", "+821011112222", "annalee@post.example"),
            ("Zoë O’Neill", "+821033334444", "zo@post.example"),
            ("김철수", "+821099990000", "cs@post.example"),
        ]
    }


def found(cafe, people, text):
    with tenancy.tenant(cafe):
        return [people[member.public_id] for member in directory.search(merchant=cafe, text=text)]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("고혁", "고혁"), ("王芳", "王芳"), ("민지", "김민지"), ("ㄱㅁㅈ", "김민지"), ("ㅁㅈ", "김민지"), ("0147", "김민지"),
        ("4821", "고혁"), ("010-7731", "김민지"), ("7731", "김민지"), ("77310147", "김민지"), ("lee", "Anna Lee"),
        ("LEE", "Anna Lee"), ("lee anna", "Anna Lee"), ("anna lee", "Anna Lee"), ("nna", "Anna Lee"), ("@cafe", "김민지"),
        ("cafe.ex", "김민지"), ("wang", "王芳"), ("zoe", "Zoë O’Neill"), ("oneill", "Zoë O’Neill"), ("o'neill", "Zoë O’Neill"),
        ("ＬＥＥ", "Anna Lee"), ("김 민지", "김민지"), ("0912 345", "王芳"), ("hyuk@haneul.example", "고혁"),
    ],
)  # fmt: skip
def test_any_part_of_a_name_number_or_address_finds(cafe, people, typed, name):
    assert found(cafe, people, typed) == [name]


@pytest.mark.parametrize("typed", ["", " ", "ㄱ", "le", "014", "-", "%%%", "ㄱㅎㅎ", "nobody", "9999999999"])
def test_too_little_and_what_nobody_has_find_nobody(cafe, people, typed):
    assert found(cafe, people, typed) == []


def test_the_keys_follow_what_is_known(cafe, people):
    with tenancy.tenant(cafe):
        minji, hyuk = (Member.objects.get(name=name) for name in ("김민지", "고혁"))
        now = datetime.now(UTC)
        registration.update(merchant=cafe, member=minji, changes=MemberChanges(name="박지원"), actor=SYSTEM, now=now)
    people[minji.public_id] = "박지원"
    assert (found(cafe, people, "민지"), found(cafe, people, "ㅂㅈㅇ")) == ([], ["박지원"])
    with tenancy.tenant(cafe):
        merging.merge(merchant=cafe, source=hyuk.public_id, target=minji.public_id, now=now, actor=SYSTEM)
    assert found(cafe, people, "4821") == []
    with tenancy.tenant(cafe):
        for member in Member.objects.all():
            keys = set(SearchKey.objects.filter(member=member).values_list("key", flat=True))
            assert keys == search_keys.of(member), member
        erasure.erase(merchant=cafe, member=minji, now=now, actor=SYSTEM)
        assert not SearchKey.objects.filter(member__in=[minji, hyuk]).exists()


def test_another_shop_finds_nobody_of_this_one(cafe, people):
    other = open_shop("bar-bukchon")
    with tenancy.tenant(other):
        assert directory.search(merchant=other, text="민지") == []


def test_the_counter_shows_while_jun_types_and_leads_on_when_sent(cafe, people):
    jun, minji = cashier_browser(cafe), next(each for each, name in people.items() if name == "김민지")
    desk = f"/console/{cafe.slug}/counter/"
    typing = {"HX-Request": "true", "HX-Target": "found"}
    shown = jun.get(desk, {"q": "민지"}, headers=typing)
    assert (shown.status_code, minji in shown.content.decode(), "<html" in shown.content.decode()) == (200, True, False)
    sent = jun.get(desk, {"q": "민지"})
    assert (sent.status_code, minji in sent["Location"]) == (302, True)
    assert (
        "Type three letters, two Korean or Chinese signs, or four digits."
        in jun.get(desk, {"q": "김"}).content.decode()
    )
    two = jun.get(desk, {"q": "post.example"}).content.decode()
    assert all(name in two for name in ("Anna Lee", "김철수"))
