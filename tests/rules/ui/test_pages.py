"""The addresses of the design system: a merchant's colours and app icons, the reader's choices."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from tests.people import open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return open_shop("cafe-haneul", brand_colour="#7a1f3d")


def test_the_theme_is_the_merchants_and_may_be_kept(cafe):
    answer = Client().get(f"/theme/{cafe.slug}.css?v=7a1f3d")

    assert answer["Content-Type"] == "text/css; charset=utf-8"
    assert "--brand: #7a1f3d;" in answer.content.decode()
    assert "immutable" in answer["Cache-Control"]
    assert "Cookie" not in answer.get("Vary", "")


def test_nobodys_theme_is_not_found():
    assert Client().get("/theme/nobody.css").status_code == 404


@pytest.mark.parametrize(
    ("brand", "status"), [("7a1f3d", 200), ("%237A1F3D", 200), ("red", 404), ("fff;}body{", 404), ("", 404)]
)
def test_a_preview_takes_colours_only(brand, status):
    assert Client().get(f"/theme-preview.css?brand={brand}").status_code == status


def test_the_app_icon_is_a_png_of_its_size_on_the_brand(cafe):
    answer = Client().get(f"/theme/{cafe.slug}/icon-180.png")
    icon = Image.open(io.BytesIO(answer.content))

    assert (icon.format, icon.size) == ("PNG", (180, 180))
    assert icon.getpixel((0, 0)) == (0x7A, 0x1F, 0x3D)  # a corner
    assert icon.getpixel((90, 90)) == (255, 255, 255)  # the dot
    assert icon.getpixel((90 + 49, 90)) == (255, 255, 255)  # the ring, 0.27 of the side to the right
    assert icon.getpixel((90 - 24, 90 - 42)) == (0x7A, 0x1F, 0x3D)  # its gap, at the upper left
    assert Client().get(f"/theme/{cafe.slug}/icon-9999.png").status_code == 404


def test_the_manifest_opens_the_merchants_own_portal(cafe):
    answer = Client().get(f"/theme/{cafe.slug}/manifest.webmanifest")
    body = json.loads(answer.content)

    assert answer["Content-Type"] == "application/manifest+json"
    assert body["name"] == "Cafe Haneul"
    assert body["start_url"].startswith(body["scope"])
    assert {icon["sizes"] for icon in body["icons"]} == {"180x180", "192x192", "512x512"}
    for icon in body["icons"]:
        assert Client().get(icon["src"]).status_code == 200


def test_the_worker_may_reach_the_portal_and_names_files_that_exist(cafe):
    answer = Client().get(f"/theme/{cafe.slug}/sw.js")
    script = answer.content.decode()

    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Service-Worker-Allowed"].startswith("/")
    assert "no-cache" in answer["Cache-Control"]
    kept = json.loads(script[script.index("const KEPT = ") + 13 : script.index("];") + 1])
    assert all(finders.find(address.removeprefix("/static/")) for address in kept)
    assert Client().get(f"/theme/{cafe.slug}/offline").status_code == 200


def test_the_scheme_is_kept_in_a_cookie_and_leads_back():
    browser = Client()
    answer = browser.post("/scheme", {"scheme": "dark", "next": "/styleguide"})

    assert (answer.status_code, answer["Location"]) == (302, "/styleguide")
    assert browser.cookies["theme"].value == "dark"
    browser.post("/scheme", {"scheme": "system"})
    assert browser.cookies["theme"].value == ""


def test_the_density_is_kept_in_a_cookie_and_stands_on_the_page():
    browser = Client()
    assert "data-density" not in browser.get("/accounts/login/").content.decode()
    browser.post("/density", {"density": "roomy", "next": "/accounts/login/"})
    assert 'data-density="roomy"' in browser.get("/accounts/login/").content.decode()
    browser.post("/density", {"density": "compact"})
    assert browser.cookies["density"].value == ""


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_a_choice_never_leads_to_another_site(elsewhere):
    for path, choice in (("/scheme", {"scheme": "dark"}), ("/density", {}), ("/language", {"language": "ko"})):
        assert Client().post(path, {**choice, "next": elsewhere})["Location"] == "/"


def test_the_language_is_kept_if_we_speak_it():
    browser = Client()
    browser.post("/language", {"language": "zh-hant"})
    assert browser.cookies["django_language"].value == "zh-hant"
    browser.post("/language", {"language": "xx"})
    assert browser.cookies["django_language"].value == "zh-hant"


def test_choices_are_posted_and_guarded():
    assert Client().get("/scheme").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/language", {"language": "ko"}).status_code == 403


def test_the_style_guide_is_for_builders(settings):
    assert Client().get("/styleguide").status_code == 404
    settings.DEBUG = True
    assert Client().get("/styleguide").status_code == 200
    assert Client().get("/styleguide/nothing").status_code == 404
