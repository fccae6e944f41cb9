"""A merchant opens: the first command of a new installation."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from merchants import audit, locations, opening, tenancy
from merchants.models.merchants import Merchant
from merchants.models.people import Seat
from tests.people import browser_of

pytestmark = pytest.mark.django_db


def opened(name: str = "Café Haneul", **changes: str) -> None:
    asked = {"owner": "hana@example.org", "currency": "KRW", "zone": "Asia/Seoul", "country": "KR", **changes}
    call_command("open_merchant", name, **asked)


def test_hana_opens_her_cafe_and_finds_it_at_its_address(capsys):
    opened(language="ko")

    cafe = Merchant.objects.get(slug="cafe-haneul")
    assert (cafe.name, cafe.currency, cafe.language, cafe.is_sandbox) == ("Café Haneul", "KRW", "ko", False)
    assert "Café Haneul is open. hana@example.org signs in at http" in capsys.readouterr().out
    seat = Seat.objects.get(merchant=cafe)
    assert (seat.role, seat.user.email) == ("owner", "hana@example.org")
    with tenancy.tenant(cafe):
        assert [place.code for place in locations.of(cafe)] == ["main"]
        assert audit.newest(merchant=cafe)[0].action == "merchant.opened"
    assert browser_of(seat.user).get("/console/cafe-haneul/dashboard").status_code == 200


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"slug": "Café!"}, "small letters"),
        ({"slug": "cafe--haneul"}, "single dashes"),
        ({"currency": "WON"}, "no such currency"),
        ({"zone": "Seoul"}, "no such time zone"),
        ({"country": "Korea"}, "two capitals"),
        ({"country": "ZZ"}, "two capitals"),
        ({"owner": "hana"}, "not an e-mail address"),
        ({"name": " ", "slug": "cafe"}, "1 to 120"),
    ],
)
def test_what_cannot_be_meant_opens_nothing(changes, sentence):
    before = Merchant.objects.count(), Seat.objects.count()
    with pytest.raises(CommandError, match=sentence):
        opened(**changes)
    assert (Merchant.objects.count(), Seat.objects.count()) == before


def test_a_korean_name_is_read_and_one_in_other_letters_gets_a_numbered_address():
    count = Merchant.objects.count()
    opened(name="카페 하루")
    opened(name="小日子", owner="jun@example.org")
    opened(name="Café 하루", owner="sora@example.org")

    slugs = list(Merchant.objects.order_by("pk").values_list("name", "slug"))[count:]
    assert slugs == [("카페 하루", "kape-haru"), ("小日子", f"shop-{count + 2}"), ("Café 하루", "cafe-haru")]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("하늘커피", "haneulkeopi"),
        ("연남 책방 & Tea", "yeonnam-chaekbang-tea"),
        ("값", "gap"),
        ("뷁", "bwek"),
        ("힣", "hit"),
    ],
)
def test_every_syllable_has_its_letters(name, slug):
    assert opening.free_slug(name) == slug


def test_the_command_says_where_console_counter_and_portal_are(capsys, settings):
    settings.PUBLIC_URL = "https://loyalty.example"
    opened(name="카페 하루")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "카페 하루 is open. hana@example.org signs in at https://loyalty.example/console/kape-haru/"
    )
    assert said[1:] == [
        "Console: https://loyalty.example/console/kape-haru/",
        "Counter: https://loyalty.example/console/kape-haru/counter/",
        "Portal:  https://loyalty.example/m/kape-haru/join",
    ]


def test_an_address_is_somebodys_once():
    opened()
    before = Merchant.objects.count(), Seat.objects.count()
    with pytest.raises(CommandError, match="This address is taken"):
        opened(owner="jun@example.org")
    assert (Merchant.objects.count(), Seat.objects.count()) == before
