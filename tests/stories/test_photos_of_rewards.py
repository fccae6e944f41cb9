"""Hana photographs her cakes: members see the photo at once; without one they see a drawing in the shop's colours."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from merchants import audit, photos, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.models.photos import PhotoSize
from rewards import programmes
from tests.builders import PROGRAMME
from tests.people import join, member_browser, open_shop, staff_browser

pytestmark = pytest.mark.django_db
REWARDS = [
    {"kind": "product", "code": "cake", "name": "A cake", "price_points": 400},
    {"kind": "discount", "code": "three-off", "name": "₩3,000 off", "price_points": 300, "amount_minor": 3000},
]


@pytest.fixture
def shop():
    shop = open_shop("cafe-haneul")
    with tenancy.tenant(shop):
        now = datetime.now(UTC)
        document = {**PROGRAMME, "rewards": REWARDS, "stamps": []}
        programmes.save_draft(merchant=shop, document=document, revision=None, now=now, actor=SYSTEM)
        programmes.publish(merchant=shop, now=now, actor=SYSTEM)
    return shop


@pytest.fixture
def hana(shop):
    return staff_browser(shop, "owner")


def picture(width, height, name="cake.jpg", form="JPEG", **saved):
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 90, 30)).save(file, form, **saved)
    return SimpleUploadedFile(name, file.getvalue())


def upload(browser, shop, file, code="cake"):
    return browser.post(f"/console/{shop.slug}/rewards/photo?code={code}", {"photo": file}, follow=True)


def on_the_portal(shop):
    return member_browser(shop, join(shop)).get(f"/m/{shop.slug}/rewards").content.decode()


def test_a_photo_is_kept_in_three_widths_and_members_see_it_at_once(shop, hana):
    answer = upload(hana, shop, picture(1600, 1200))

    assert "Members see the photo from now on." in answer.content.decode()
    with tenancy.tenant(shop):
        kept = PhotoSize.objects.filter(merchant=shop).order_by("width")
        assert [(each.subject, each.width, each.height) for each in kept] == [
            ("reward.cake", 240, 180), ("reward.cake", 480, 360), ("reward.cake", 960, 720),
        ]  # fmt: skip
        assert [bytes(each.content)[8:12] for each in kept] == [b"WEBP"] * 3
    page = on_the_portal(shop)
    found = re.search(r'<img class="photo" src="([^"]+)" srcset="([^"]+)"', page)
    assert found[2].count("w,") == 2, "three widths to choose from"
    assert page.count('class="photo"') == 1, "the discount has none"
    photo = Client().get(found[1].replace("&amp;", "&"))
    assert photo["Content-Type"] == "image/webp"
    assert "immutable" in photo["Cache-Control"]
    assert photo["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert Image.open(io.BytesIO(photo.content)).size == (960, 720)


def test_without_a_photo_there_is_a_drawing_and_what_it_takes_off_stands_on_the_ticket(shop):
    page = on_the_portal(shop)

    assert page.count('class="drawing"') == 2
    assert re.findall(r'class="drawing__words"[^>]*>([^<]+)<', page) == ["₩3,000"]


def test_a_phones_photo_is_upright_and_tells_nothing_of_where_it_was_taken(shop, hana):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Hana's phone"
    upload(hana, shop, picture(1200, 900, exif=exif))

    with tenancy.tenant(shop):
        kept = bytes(PhotoSize.objects.get(merchant=shop, width=480).content)
    assert Image.open(io.BytesIO(kept)).size == (480, 640)
    assert b"Hana" not in kept


def test_a_small_photo_is_not_blown_up(shop, hana):
    upload(hana, shop, picture(300, 300))

    with tenancy.tenant(shop):
        assert [each.width for each in PhotoSize.objects.filter(merchant=shop)] == [240]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (SimpleUploadedFile("cake.svg", b"<svg onload='x()'/>"), "Choose a picture in PNG, JPEG or WebP."),
        (SimpleUploadedFile("cake.jpg", b"\xff\xd8\xff" + b"0" * (4 * 1024 * 1024)), "larger than 4 MB"),
        (picture(40, 40), "this picture has 40 × 40"),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_refused_and_the_old_one_stays(shop, hana, file, said):
    upload(hana, shop, picture(960, 720))
    shop.refresh_from_db()
    before = shop.photos

    assert said in upload(hana, shop, file).content.decode()

    shop.refresh_from_db()
    assert shop.photos == before
    with tenancy.tenant(shop):
        assert PhotoSize.objects.filter(merchant=shop).count() == 3


def test_a_photo_is_taken_away_again_and_the_record_says_who_did_what(shop, hana):
    upload(hana, shop, picture(960, 720))
    address = f"/theme/{shop.slug}/photos/reward.cake/960.webp"
    assert Client().get(address).status_code == 200

    hana.post(f"/console/{shop.slug}/rewards/photo?code=cake", {"act": "remove"})

    assert Client().get(address).status_code == 404
    assert 'class="photo"' not in on_the_portal(shop)
    with tenancy.tenant(shop):
        assert not PhotoSize.objects.filter(merchant=shop).exists()
        done = [each.action for each in audit.newest(merchant=shop) if each.action.startswith("photo.")]
    assert done == ["photo.removed", "photo.changed"]


def test_only_a_reward_of_this_shop_has_a_photo_and_only_so_many(shop, hana, monkeypatch):
    refused = upload(hana, shop, picture(960, 720), code="pie").content.decode()
    assert "This reward is not in the draft any more." in refused
    assert Merchant.objects.get(pk=shop.pk).photos == {}
    monkeypatch.setattr(photos, "PHOTOS_MAX", 1)
    upload(hana, shop, picture(960, 720))
    assert "There are 1 photos already" in upload(hana, shop, picture(960, 720), code="three-off").content.decode()
    assert list(Merchant.objects.get(pk=shop.pk).photos) == ["reward.cake"]
