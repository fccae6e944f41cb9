"""The queue is long: Jun types what somebody says of themselves, and finds them.

chaoss/grimoirelab-hatstall#69, mybb/mybb#1608, odoo/odoo#104245.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from members import cards, contact_changes, contact_release, directory, erasure, registration, search_keys
from members.inputs import MemberChanges, NewMember
from members.models import Member, SearchKey
from merchants import contacts, tenancy
from merchants.actors import SYSTEM, Actor
from rewards import merging
from tests.people import cashier_browser, join, open_shop, staff_browser

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


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


def marked(cafe, text):
    """By what somebody is found, and what is shown of them: [what was typed] stands in brackets."""
    with tenancy.tenant(cafe):
        (found,) = directory.look_up(merchant=cafe, text=text)
    shown = ("".join(f"[{part}]" if is_typed else part for part, is_typed in parts) for parts in
             (found.name, found.contact, found.token))  # fmt: skip
    return found.by, *shown


@pytest.mark.parametrize(
    ("typed", "by", "name", "contact"),
    [
        ("민지", "name", "김[민지]", "•••• 0147"), ("ㄱㅁㅈ", "name", "[김민지]", "•••• 0147"), ("ㅁㅈ", "name", "김[민지]", "•••• 0147"),
        ("lee", "name", "Anna [Lee]", "•••• 2222"), ("lee anna", "name", "[Anna Lee]", "•••• 2222"),
        ("zoe on", "name", "[Zoë O’N]eill", "•••• 4444"), ("0147", "phone", "김민지", "•••• [0147]"),
        ("7731", "phone", "김민지", "•••• [7731] ••••"), ("010-7731-0147", "phone", "김민지", "•••• [0147]"),
        ("7731 01", "phone", "김민지", "•••• [01]47"), ("fang", "email", "王芳", "[fang]…@taipei.example"),
        ("@taipei", "email", "王芳", "f…@[taipei].example"), ("wang", "email", "王芳", "f…[wang]@taipei.example"),
    ],
)  # fmt: skip
def test_what_was_typed_is_marked_and_contacts_stay_masked(cafe, people, typed, by, name, contact):
    assert marked(cafe, typed) == (by, name, contact, "")


def test_a_code_a_card_and_an_id_say_so(cafe, people):
    with tenancy.tenant(cafe):
        minji = Member.objects.get(name="김민지")
        cards.issue(merchant=cafe, member=minji, number="HAN-10023", now=datetime.now(UTC), actor=SYSTEM)
    code = f"{minji.code[:4]}-{minji.code[4:]}"
    assert marked(cafe, code.lower()) == ("code", "김민지", "•••• 0147", f"[{code}]")
    assert marked(cafe, minji.code[:5]) == ("code", "김민지", "•••• 0147", f"[{code}]")
    assert marked(cafe, minji.public_id) == ("id", "김민지", "•••• 0147", f"[{minji.public_id}]")
    for scanned in ("HAN-10023", "han10023", "ㅗ무-10023"):
        assert marked(cafe, scanned) == ("card", "김민지", "•••• 0147", "[HAN-10023]"), scanned


def test_words_in_another_order_are_found_among_many_of_a_name(cafe, people, monkeypatch):
    """Of more Annas than are looked through, Anna Lee is found by her words in either order, whole or begun."""
    monkeypatch.setattr(search_keys, "LOOKED_AT_MAX", 3)
    for number in range(6):
        people[join(cafe, name=f"Anna Abel {number}").public_id] = f"Anna Abel {number}"
    assert found(cafe, people, "lee anna") == ["Anna Lee"]
    assert found(cafe, people, "le anna") == ["Anna Lee"]
    assert found(cafe, people, "anna post.example") == ["Anna Lee"]


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


def test_the_console_finds_while_hana_types_and_offers_to_enrol_whom_nobody_is(cafe, people):
    hana, page = staff_browser(cafe, "owner"), f"/console/{cafe.slug}/members/"
    shown = hana.get(page, {"q": "ㅁㅈ"}, headers={"HX-Request": "true", "HX-Target": "found"}).content.decode()
    assert '김<mark class="found-text">민지</mark>' in shown
    assert ("<html" in shown, "1 member found." in shown, "+8210" in shown) == (False, True, False)
    for typed, query, field in [
        ("새봄", "name=", "name"),
        ("010-9876-5432", "phone=", "phone"),
        ("a@b.example", "email=", "email"),
    ]:
        nobody = hana.get(page, {"q": typed})
        assert f"Enrol “{typed}”" in nobody.content.decode()
        assert nobody.context["enrol_query"].startswith(query)
        assert hana.get(f"{page}enrol?{nobody.context['enrol_query']}").context["form"][field].value() == typed
    analyst = staff_browser(cafe, "analyst")
    assert "Enrol “" not in analyst.get(page, {"q": "새봄"}).content.decode()


def test_the_top_bar_marks_what_was_typed_and_offers_to_enrol_nobody(cafe, people):
    hana, find = staff_browser(cafe, "owner"), f"/console/{cafe.slug}/find"
    (hit,) = hana.get(find, {"q": "@taipei"}).context["people"]
    assert hit.label == "王芳"
    assert hit.beside == (("f…@", False), ("taipei", True), (".example", False))
    assert hana.get(find, {"q": "le"}).context["people"] == []
    as_lines = hana.get(find, {"q": "@taipei"}, headers={"HX-Request": "true"}).content.decode()
    assert 'f…@<mark class="found-text">taipei</mark>.example' in as_lines
    analyst = staff_browser(cafe, "analyst")
    for headers in ({}, {"HX-Request": "true"}):
        nobody = hana.get(find, {"q": "@nowhere"}, headers=headers).content.decode()
        assert f"/console/{cafe.slug}/members/enrol?email=%40nowhere" in nobody
        assert "members/enrol" not in analyst.get(find, {"q": "@nowhere"}, headers=headers).content.decode()


def wrong_keys(cafe):
    """Names of members whose keys are not what is known of them: like the ledger, they are proved anew from what they say."""
    with tenancy.tenant(cafe):
        kept: dict[int, set[str]] = {}
        for member_id, key in SearchKey.objects.filter(merchant=cafe).values_list("member_id", "key"):
            kept.setdefault(member_id, set()).add(key)
        members = Member.objects.filter(merchant=cafe)
        return [str(member) for member in members if kept.get(member.pk, set()) != search_keys.of(member)]


def test_every_way_of_changing_who_somebody_is_keeps_the_keys_right(cafe, people):
    now, minted = datetime.now(UTC), []
    known = {name: public_id for public_id, name in people.items()}

    def does(work, **asked):
        with tenancy.tenant(cafe):
            done = work(merchant=cafe, now=now, **asked)
        assert wrong_keys(cafe) == [], work
        return done

    def named(name):
        with tenancy.tenant(cafe):
            return Member.objects.get(public_id=known[name])

    assert wrong_keys(cafe) == []
    does(
        registration.update, member=named("고혁"), changes=MemberChanges(name="고 혁", email="new@haneul.example"),
        actor=Actor("member", known["고혁"]), undo_url=lambda secret: minted.append(secret) or f"https://shop.example/undo/{secret}",
    )  # fmt: skip
    assert found(cafe, people, "new@haneul") == ["고혁"]
    does(contact_changes.undo, secret=minted[0])
    assert (found(cafe, people, "new@haneul"), found(cafe, people, "hyuk")) == ([], ["고혁"])
    phone = contacts.stored("+886912345678")
    with tenancy.tenant(cafe):
        wang = Member.objects.select_for_update(of=("self",)).get(public_id=known["王芳"])
        contact_release.remove_contact(merchant=cafe, member=wang, contact=phone, now=now, actor=SYSTEM)
    assert (wrong_keys(cafe), found(cafe, people, "5678")) == ([], [])
    merged = does(merging.merge, source=known["Anna Lee"], target=known["김철수"], actor=SYSTEM)
    assert found(cafe, people, "annalee@") == []
    does(merging.unmerge, merge=merged.public_id, actor=SYSTEM)
    assert found(cafe, people, "annalee@") == ["Anna Lee"]
    does(erasure.erase, member=named("김철수"), actor=SYSTEM)
    does(registration.register, details=NewMember(name="새봄", phone="010-8888-1234"))
    with tenancy.tenant(cafe):
        SearchKey.objects.filter(key="n지").delete()
    assert wrong_keys(cafe) == ["김민지"]


def test_whatever_writes_a_name_or_a_contact_writes_the_keys():
    """The verbs above are all there are: a module that sets what is searched by, and none of its keys, is found here."""
    setting = re.compile(
        r"setattr\((member|staying|returning|leaving), (name|kind|contact\.kind),|\.(name|email|phone) = "
    )
    writers = [
        path for app in ("members", "rewards", "engagement", "loyalty") for path in (ROOT / app).rglob("*.py")
        if "from members.models import" in (source := path.read_text()) and setting.search(source)
    ]  # fmt: skip
    assert {str(path.relative_to(ROOT)) for path in writers if "search_keys.write(" not in path.read_text()} == set()
    assert {path.name for path in writers} == {
        "registration.py", "contact_changes.py", "contact_release.py", "people.py",
    }  # fmt: skip
