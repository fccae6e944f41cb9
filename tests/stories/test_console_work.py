"""The rest of the console: numbers, keys, webhooks, a till to play with, settings, and who changed what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from analytics import runs
from members.models import Member
from merchants import keys, tenancy
from merchants.models.merchants import Location, Merchant
from merchants.models.webhooks import WebhookDelivery
from merchants.webhooks import addresses, delivering, sending
from rewards import programmes
from tests import living
from tests.drawings import png
from tests.people import browser_of, open_shop, seat_at, staff_browser
from tests.till import issue_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def hana(shop):
    return staff_browser(shop, "owner")


def url(shop, page):
    return f"/console/{shop.slug}/{page}"


def test_a_new_merchant_is_led_from_programme_to_key_to_sale(shop, hana):
    page = hana.get(url(shop, "dashboard"))
    assert [step["is_done"] for step in page.context["steps"]] == [False] * 5
    assert page.context["following"] == 0

    def done():
        return [step["is_done"] for step in hana.get(url(shop, "dashboard")).context["steps"]]

    hana.post(url(shop, "programme/start"), {"template": "cafe", "revision": "0"})
    assert done() == [True, False, False, False, False]
    hana.post(url(shop, "programme/review"), {"start": "now", "note": "", "revision": "1"})
    assert done() == [True, True, False, False, False]
    hana.post(url(shop, "developers/keys"), {"name": "POS", "scopes": ["quotes"]})
    assert done() == [True, True, True, False, False]

    # The night's numbers would be all dashes: she still sees the way to the first sale.
    runs.run(shop, now=datetime.now(UTC))
    assert done() == [True, True, True, False, False]


def test_staff_arrive_at_the_dashboard_and_cashiers_do_not(shop, hana):
    assert hana.get(url(shop, ""))["Location"].endswith("/dashboard")
    cashier = browser_of(seat_at(shop, "cashier").user, second_factor=False)
    assert cashier.get(url(shop, "dashboard")).status_code == 403


def test_a_test_shop_has_the_programme_and_keys_of_its_own_and_nothing_else(shop, hana):
    hana.post(url(shop, "programme/start"), {"template": "cafe", "revision": "0"})
    hana.post(url(shop, "programme/review"), {"start": "now", "note": "", "revision": "1"})
    opened = hana.post(url(shop, "developers/sandbox"))

    twin = Merchant.objects.get(sandbox_of=shop)
    assert opened["Location"] == f"/console/{twin.slug}/developers/keys"
    assert (twin.name, twin.currency, twin.zone, twin.is_sandbox) == (shop.name, shop.currency, shop.zone, True)
    assert 'href="/api/docs/quickstart"' in hana.get(opened["Location"]).content.decode()
    made = hana.post(url(twin, "developers/keys"), {"name": "Till", "scopes": ["quotes"]}).context["issued"]
    assert made.secret.startswith("lk_test_")
    with tenancy.tenant(twin):
        [version] = programmes.published(merchant=twin)
        assert not Member.objects.exists()
    with tenancy.tenant(shop):
        assert version.document == programmes.published(merchant=shop)[0].document


def test_there_is_one_test_shop_and_none_of_a_test_shop(shop, hana):
    hana.post(url(shop, "developers/sandbox"))
    twin = Merchant.objects.get(sandbox_of=shop)
    for again in (shop, twin):
        page = hana.post(url(again, "developers/sandbox"), follow=True)
        assert "There is a test shop already." in page.content.decode()
    assert Merchant.objects.filter(is_sandbox=True, name=shop.name).count() == 1


def test_a_key_is_shown_once_rotated_and_revoked(shop, hana):
    made = hana.post(
        url(shop, "developers/keys"), {"name": "POS", "scopes": ["quotes"], "location": "main", "terminal": "T1"}
    )
    secret = made.context["issued"].secret
    assert secret in made.content.decode()
    assert secret not in hana.get(url(shop, "developers/keys")).content.decode()
    assert hana.post(url(shop, "developers/keys"), {"name": "POS"}).status_code == 422

    key = made.context["issued"].key
    assert (key.location_code, key.terminal) == ("main", "T1")
    rotated = hana.post(
        url(shop, "developers/keys/change"), {"key": key.public_id, "act": "rotate", "overlap_hours": "24"}
    )
    assert rotated.context["issued"].secret in rotated.content.decode()
    hana.post(url(shop, "developers/keys/change"), {"key": key.public_id, "act": "revoke"})
    with tenancy.tenant(shop):
        assert [each.revoked_at is not None for each in keys.of(shop)] == [False, True]
    assert staff_browser(shop, "manager").get(url(shop, "developers/keys")).status_code == 403


def test_the_till_simulator_shows_the_call_and_makes_it_for_real(shop, hana):
    page = hana.get(url(shop, "developers/till"))
    assert "curl -X POST" in page.content.decode()
    drawn_at = page.context["form"]["occurred_at"].value()
    made = hana.post(url(shop, "developers/keys"), {"name": "POS", "scopes": ["purchases:write", "quotes"]})
    form = {"call": "purchase", "amount": "12,400", "external_id": "sim-1", "key": made.context["issued"].secret}
    form["occurred_at"] = drawn_at

    first = hana.post(url(shop, "developers/till"), form)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):
        second = hana.post(url(shop, "developers/till"), form)

    for answer in (first, second):
        assert answer.context["answer"].status == 201, answer.context["answer"].text
        assert made.context["issued"].secret not in answer.content.decode()
    assert dict(second.context["answer"].headers)["Idempotent-Replayed"] == "true"
    receipts = [json.loads(answer.context["answer"].text)["receipt"] for answer in (first, second)]
    assert receipts[0] == receipts[1]
    assert hana.post(url(shop, "developers/till"), {**form, "key": "lk_live_nothing"}).context["answer"].status == 401
    assert hana.post(url(shop, "developers/till"), {**form, "key": ""}).context["answer"] is None


@pytest.fixture
def public_net(monkeypatch):
    """Every name lies on the public internet."""
    resolver = lambda host, port: ["93.184.215.14"]  # noqa: E731
    monkeypatch.setitem(addresses.check.__kwdefaults__, "resolver", resolver)


@pytest.fixture
def lookups(monkeypatch, public_net):
    """Each name looked up, with the tenant that was open meanwhile."""
    seen, check = [], addresses.check

    def watched(url):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('app.merchant_id', true)")
            seen.append((url, cursor.fetchone()[0]))
        return check(url)

    monkeypatch.setattr(addresses, "check", watched)
    return seen


def test_webhooks_are_added_tried_sent_again_paused_and_deleted(shop, hana, public_net):
    made = hana.post(
        url(shop, "developers/webhooks"), {"url": "https://hooks.example.org/in", "kinds": ["tier.changed"]}
    )
    assert made.context["made"].secret in made.content.decode()
    address = url(shop, f"developers/webhooks/{made.context['made'].endpoint.id}")

    hana.post(f"{address}/change", {"act": "ping"})
    page = hana.get(address)
    (row,) = page.context["rows"]
    assert row["row"].kind == "webhook.ping"
    # Trial, pause, edit, replay, new secret, delete: each of the page's own forms.
    assert page.content.decode().count(f'action="{address}/change"') == 6
    assert 'action=""' not in page.content.decode()
    detail = hana.get(url(shop, f"developers/webhooks/deliveries/{row['row'].id}"))
    assert detail.status_code == 200
    sent = json.loads(detail.context["sent"])
    assert list(sent) == ["id", "type", "timestamp", "data"]
    assert (sent["type"], sent["data"]) == ("webhook.ping", {"endpoint": made.context["made"].endpoint.id})
    hana.post(url(shop, f"developers/webhooks/deliveries/{row['row'].id}/retry"))
    with tenancy.tenant(shop):
        assert WebhookDelivery.objects.filter(merchant=shop, is_replay=True).count() == 1
    hana.post(f"{address}/change", {"act": "replay", "since": "2020-01-01T00:00"})
    secret = hana.post(f"{address}/change", {"act": "secret"})
    assert "whsec_" in secret.content.decode()
    hana.post(f"{address}/change", {"act": "disable"})
    assert hana.get(address).context["endpoint"].disabled_at is not None
    hana.post(f"{address}/change", {"act": "enable"})
    hana.post(f"{address}/change", {"act": "edit", "url": "https://hooks.example.org/two", "description": "Two"})
    assert hana.get(address).context["endpoint"].url == "https://hooks.example.org/two"
    hana.post(f"{address}/change", {"act": "delete"})
    assert hana.get(address).status_code == 404


def test_a_failing_endpoint_says_why_while_its_deliveries_wait(shop, hana, public_net):
    made = hana.post(url(shop, "developers/webhooks"), {"url": "https://hooks.example.org/in"})
    address = url(shop, f"developers/webhooks/{made.context['made'].endpoint.id}")
    assert "did not arrive" not in hana.get(address).content.decode()
    hana.post(f"{address}/change", {"act": "ping"})
    now = datetime.now(UTC)
    with tenancy.tenant(shop):
        (parcel,) = delivering.claim(merchant_id=shop.pk, now=now, limit=4)
        delivering.settle(parcel, sending.Answer(None, "the name is not known", 12), now=now)

    page = hana.get(address).content.decode()
    assert "The last delivery that was tried did not arrive" in page
    assert "the name is not known" in page


def test_a_name_is_looked_up_before_the_merchants_data_is_opened(shop, hana, lookups):
    """The network may take seconds to answer; no transaction waits for it."""
    first, second = "https://hooks.example.org/in", "https://hooks.example.org/two"
    made = hana.post(url(shop, "developers/webhooks"), {"url": first})
    endpoint = made.context["made"].endpoint.id
    hana.post(url(shop, f"developers/webhooks/{endpoint}/change"), {"act": "edit", "url": second})
    hana.post(url(shop, f"developers/webhooks/{endpoint}/change"), {"act": "ping", "url": second})
    headers = {"Authorization": f"Bearer {issue_key(shop, 'webhooks:manage').secret}"}
    one = f"/api/v1/webhook-endpoints/{endpoint}"
    for method, path, body in (
        ("post", "/api/v1/webhook-endpoints", {"url": first}),
        ("patch", one, {"url": second}),
        ("patch", one, {"description": "Nobody is asked about this"}),
    ):
        answer = getattr(Client(), method)(path, body, content_type="application/json", headers=headers)
        assert answer.status_code in {200, 201}, answer.content

    assert [looked_up for looked_up, _tenant in lookups] == [first, second, first, second]
    assert all(not (tenant or "").isdigit() for _url, tenant in lookups)


def test_an_address_inside_the_house_is_refused_at_its_field(shop, hana):
    answer = hana.post(url(shop, "developers/webhooks"), {"url": "https://127.0.0.1/in"})
    assert answer.status_code == 422
    assert answer.context["form"].errors["url"]


def test_settings_change_and_say_so_in_the_record(shop, hana):
    form = {
        name: str(answer.value())
        for answer in hana.get(url(shop, "settings")).context["form"]
        for name in [answer.name]
    }
    assert hana.post(url(shop, "settings"), form | {"name": "Haneul", "brand_colour": "#7A1F3D"}).status_code == 302
    assert hana.post(url(shop, "settings"), form | {"brand_colour": "red"}).status_code == 422
    assert "7a1f3d" in hana.get(url(shop, "settings/preview"), {"brand_colour": "#7a1f3d"}).content.decode()

    kept = Merchant.objects.get(pk=shop.pk)
    assert (kept.name, kept.brand_colour) == ("Haneul", "#7a1f3d")
    rows = hana.get(url(shop, "settings/record")).context["rows"]
    assert str(rows[0]["what"]) == "changed the settings"
    assert rows[0]["details"] == ["name: Cafe Haneul → Haneul", "brand colour: #0b6e4f → #7a1f3d"]


def test_a_logo_is_seen_by_everybody_and_can_be_taken_away_again(shop, hana):
    wrong = SimpleUploadedFile("logo.png", b"<svg onload='alert(1)'/>", "image/png")
    said = hana.post(url(shop, "settings/logo"), {"logo": wrong}, follow=True).content.decode()
    assert "Choose a picture in PNG, JPEG or WebP." in said
    assert Merchant.objects.get(pk=shop.pk).logo == ""

    hana.post(url(shop, "settings/logo"), {"logo": SimpleUploadedFile("logo.exe", png(64, 64, words=b"Author\0Hana"))})
    address = f"/theme/{shop.slug}/logo?v={Merchant.objects.get(pk=shop.pk).logo}"
    assert address in hana.get(url(shop, "settings")).content.decode()
    assert address in Client().get(f"/m/{shop.slug}/join").content.decode()
    shown = Client().get(address)
    assert (shown.content, shown["Content-Type"]) == (png(64, 64), "image/png")
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown["Cache-Control"] == "public, max-age=31536000, immutable"

    hana.post(url(shop, "settings/logo"), {"act": "remove"})
    assert Client().get(address).status_code == 404
    assert address not in Client().get(f"/m/{shop.slug}/join").content.decode()
    whats = [str(row["what"]) for row in hana.get(url(shop, "settings/record")).context["rows"]]
    assert whats[:2] == ["removed the logo", "changed the logo"]


def test_the_record_is_searched_by_hand_kind_and_day(shop, hana):
    hana.post(url(shop, "developers/keys"), {"name": "POS in Mapo", "scopes": ["quotes"]})
    hana.post(url(shop, "settings/place"), {"act": "open", "name": "Mapo", "code": "mapo", "zone": ""})

    def found(**asked):
        return [str(row["what"]) for row in hana.get(url(shop, "settings/record"), asked).context["rows"]]

    assert found() == ["opened a location", "made an API key", "gave a seat"]
    assert found(what="links") == ["made an API key"]
    assert found(who="system:") == ["gave a seat"]
    assert found(first="2199-01-01") == []
    assert found(last="2020-01-01") == []
    rows = hana.get(url(shop, "settings/record"), {"what": "links"}).context["rows"]
    assert rows[0]["subject"] == "POS in Mapo"
    assert hana.get(url(shop, "settings/record"), {"who": "system:"}).context["rows"][0]["who"] == "the system"


def test_locations_open_and_close(shop, hana):
    place = url(shop, "settings/place")
    hana.post(place, {"act": "open", "name": "Mapo", "code": "mapo", "zone": ""})
    taken = hana.post(place, {"act": "open", "name": "Mapo 2", "code": "mapo"}, follow=True)
    assert "Another location has this code already." in taken.content.decode()
    with tenancy.tenant(shop):
        mapo = Location.objects.get(merchant=shop, code="mapo")
    hana.post(place, {"act": "close", "place": mapo.public_id})
    with tenancy.tenant(shop):
        mapo.refresh_from_db()
        assert mapo.closed_at is not None


@pytest.mark.django_db(transaction=False)
class TestNumbers:
    """On a café that has lived: committed, for the night's run asks which transactions have ended."""

    pytestmark = []

    @pytest.fixture(scope="class")
    @classmethod
    def cafe(cls, django_db_setup, django_db_blocker):
        with django_db_blocker.unblock():
            yield living.cafe(sales=300)

    def test_six_numbers_with_all_it_takes_to_trust_them(self, cafe):
        hana = staff_browser(cafe, "owner")
        page = hana.get(url(cafe, "dashboard"))
        stats = page.context["stats"]
        assert len(stats) == 6
        for stat in stats:
            assert stat["definition"]
            assert stat["n"] > 0
            assert stat["computed_at"]
        assert hana.get(url(cafe, "dashboard"), {"period": "someday"})["Location"] == url(cafe, "dashboard")
        behind = hana.get(stats[0]["href"])
        assert behind.status_code == 200
        assert behind.context["page"].total >= len(behind.context["page"].members)

    def test_the_numbers_go_into_a_spreadsheet_and_it_is_on_record(self, cafe):
        hana = staff_browser(cafe, "owner")
        for table, first in (
            ("numbers", "metric,"),
            ("days", "starts_on,"),
            ("cohorts", "joined_month,"),
            ("members", "member,"),
        ):
            answer = hana.get(url(cafe, "dashboard/export"), {"table": table})
            lines = b"".join(answer.streaming_content).decode().splitlines()
            assert lines[0].lstrip("\ufeff").startswith(first), lines[0]
            assert len(lines) > 1 or table == "members"
        rows = hana.get(url(cafe, "settings/record")).context["rows"]
        assert str(rows[0]["what"]) == "took data out as CSV"
        assert staff_browser(cafe, "analyst").get(url(cafe, "dashboard/export")).status_code == 403
