"""What a browser is promised: cookies it cannot leak, pages that run nothing strange, links that lead nowhere strange."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from tests.people import browser_of, code_in_last_mail, join, member_browser, open_shop, seat_at
from tests.project import matrix
from tests.project.matrix_data import routes, set_up, undone

ROOT = Path(__file__).resolve().parents[2]
ROUTES = routes()

STRANGE_PLACES = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,hello",
    " https://evil.example",
    "\thttps://evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
]


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), undone():
        yield set_up()
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    def step(client, url, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, fields)

    return step


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if matrix.row_of(r.name) not in {None, "api", "no_call"}], ids=lambda r: r.name
)
def test_no_form_is_taken_without_its_token(stage, route):
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for person in ("anonymous", "member", "owner", "operator"):
        browser.cookies.clear()
        for name, morsel in stage.cookies.get(person, {}).items():
            browser.cookies[name] = morsel.value
        with undone():
            answer = browser.post(stage.path(route), {"x": "1"})
        assert answer.status_code in {403, 404, 405}, f"{person}: {answer.status_code}"


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if matrix.row_of(r.name) not in {None, "backoffice"}], ids=lambda r: r.name
)
def test_every_page_says_what_may_run_in_it(stage, route):
    kind = matrix.row_of(route.name)
    person = {"console": "owner", "account": "owner", "portal": "member"}.get(kind, "anonymous")
    answer = stage.ask(person, "GET", stage.path(route))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    if not answer.get("Content-Type", "").startswith("text/html") or answer.status_code in {301, 302}:
        return
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    page = answer.content.decode()
    assert re.findall(r"<[a-z][^>]*\s(?:on[a-z]+|style)=", page) == []
    inline = [kind for kind in re.findall(r"<script(?![^>]*\ssrc=)([^>]*)>", page) if "application/json" not in kind]
    assert inline == []
    assert re.findall(r"<style", page) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//(?!testserver|localhost)', page) == []


@pytest.mark.django_db
@pytest.mark.parametrize("place", STRANGE_PLACES)
def test_signing_in_leads_to_our_own_pages_only(step, place):
    seat_at(open_shop("cafe-haneul"), "cashier", "jun@example.org")
    browser = Client()
    confirm = step(browser, "/accounts/login/", contact="jun@example.org", next=place)["Location"]
    answer = step(browser, confirm, code=code_in_last_mail(), next=place)
    assert answer["Location"] == "/console/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place", [*STRANGE_PLACES, "/m/\n/evil.example", "/console/", "/m/another-shop/me", "/m/../console/"]
)
def test_joining_leads_to_the_shops_own_pages_only(step, place):
    cafe = open_shop("cafe-haneul")
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    browser = Client()
    confirm = step(browser, f"/m/{cafe.slug}/sign-in", contact="mina@example.org", next=place)["Location"]
    assert confirm == f"/m/{cafe.slug}/code"
    answer = step(browser, confirm, code=code_in_last_mail(), next=place)
    assert answer["Location"] == f"/m/{cafe.slug}/"


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["%2e%2e", "%2E.", "..", ".", "%2f..", "%5c..", "%252e%252e", "me\\.."])
def test_dots_in_disguise_lead_out_of_the_shops_pages_to_nowhere(step, way):
    cafe = open_shop("cafe-haneul")
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    browser, place = Client(), f"/m/cafe/{way}/{way}/console/".replace("/m/cafe/", f"/m/{cafe.slug}/")
    confirm = step(browser, f"/m/{cafe.slug}/sign-in", contact="mina@example.org", next=place)["Location"]
    assert confirm == f"/m/{cafe.slug}/code"
    answer = step(browser, confirm, code=code_in_last_mail(), next=place)
    assert answer["Location"] == f"/m/{cafe.slug}/"


@pytest.mark.django_db
def test_a_page_of_the_shop_is_gone_on_to_after_signing_in(step):
    cafe = open_shop("cafe-haneul")
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    browser = Client()
    wanted = f"/m/{cafe.slug}/me?tab=1"
    where = browser.get(wanted)["Location"]
    page = browser.get(where).content.decode()
    assert f'name="next" value="{wanted}"' in page
    confirm = step(browser, f"/m/{cafe.slug}/sign-in", contact="mina@example.org", next=wanted)["Location"]
    page = browser.get(confirm).content.decode()
    assert f'name="next" value="{wanted}"' in page
    assert step(browser, confirm.partition("?")[0], code=code_in_last_mail(), next=wanted)["Location"] == wanted


@pytest.mark.django_db
def test_names_are_shown_and_never_run(step):
    payload = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    cafe = open_shop("cafe-haneul")
    cafe.name = payload
    cafe.save()
    seat = seat_at(cafe, "owner", name=payload)
    seat_at(open_shop("bookshop"), "owner", seat.user.email)
    mina = join(cafe, name=payload)
    for page in (
        browser_of(seat.user).get(f"/console/{cafe.slug}/team"),
        browser_of(seat.user).get(f"/console/{cafe.slug}/team/{seat.public_id}"),
        browser_of(seat.user).get("/console/"),
        member_browser(cafe, mina).get(f"/m/{cafe.slug}/me"),
        Client().get(f"/m/{cafe.slug}/join"),
    ):
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()


@pytest.mark.django_db
def test_pages_of_people_are_kept_by_no_cache():
    cafe = open_shop("cafe-haneul")
    staff = browser_of(seat_at(cafe, "owner").user).get(f"/console/{cafe.slug}/team")
    member = member_browser(cafe, join(cafe)).get(f"/m/{cafe.slug}/me")
    for answer in (staff, member, Client().get(f"/m/{cafe.slug}/join"), Client().get("/accounts/login/")):
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]


def test_cookies_are_closed_to_scripts_and_other_sites():
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.CSRF_COOKIE_HTTPONLY
    assert (settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE) == ("Lax", "Lax")


def test_the_deploy_check_is_clean_with_production_settings(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT,
        env=_production(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_production_sends_its_cookies_over_https_only(tmp_path):
    program = (
        "import django; django.setup(); from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.DEV_OUTBOX)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=_production(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["True", "True", "True", "3600", "False"], done.stderr


def _production(tmp_path) -> dict[str, str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    urls = {name: os.environ[name] for name in os.environ if name.startswith("DATABASE_") and name.endswith("URL")}
    return {
        **known,
        **urls,
        "REDIS_URL": os.environ["REDIS_URL"],
        "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        "DEBUG": "0",
        "SECRET_KEY": "b7Qp2w" * 12 + "x!9_z",
        "ALLOWED_HOSTS": "loyalty.example.com",
        "PUBLIC_URL": "https://loyalty.example.com",
        "EMAIL_HOST": "smtp.example.com",
        "DATA_DIR": str(tmp_path),
        "STATIC_ROOT": str(tmp_path / "static"),
        "LOYALTY_EMBEDDED": "0",
    }
