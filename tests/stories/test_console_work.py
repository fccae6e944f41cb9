"""The rest of the console: numbers, keys, webhooks, a till to play with, settings, and who changed what."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from analytics import runs
from members.models import Member
from merchants import keys, locations, outbox, pictures, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location, Merchant
from merchants.models.webhooks import WebhookDelivery
from merchants.webhooks import addresses, delivering, endpoints, relay, sending
from rewards import programmes
from rewards.models.purchases import Purchase
from tests import cafe_history
from tests.drawings import png
from tests.people import browser_of, open_shop, seat_at, staff_browser
from tests.receiver import receiving
from tests.till import Till, issue_key, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def hana(shop):
    return staff_browser(shop, "owner")


def url(shop, page):
    return f"/console/{shop.slug}/{page}"


def test_a_new_merchant_is_led_from_programme_to_poster_member_and_sale(shop, hana):
    page = hana.get(url(shop, "dashboard"))
    assert [step["is_done"] for step in page.context["steps"]] == [False] * 6
    assert page.context["following"] == 0
    assert "6 steps left." in page.content.decode()
    # A shopkeeper is led to no developers' page.
    assert not [step for step in page.context["steps"] if "developers" in step["href"]]

    def done():
        return [step["is_done"] for step in hana.get(url(shop, "dashboard")).context["steps"]]

    hana.post(url(shop, "programme/start"), {"template": "cafe", "revision": "0"})
    assert done() == [True, False, False, False, False, False]
    answer = hana.post(url(shop, "programme/review"), {"start": "now", "note": "", "revision": "1"})
    assert answer["Location"].endswith("/dashboard")
    assert done() == [True, True, False, False, False, False]

    # The poster has the link by which members join, and joining marks the step as done.
    poster = hana.get(url(shop, "members/poster")).content.decode()
    assert f"http://testserver/{shop.slug}/join" in poster or f"http://testserver/m/{shop.slug}/join" in poster
    assert "Link to join as a QR code" in poster
    hana.post(url(shop, "members/enrol"), {"name": "Mina", "email": "mina@example.org", "consents": ["terms"]})

    # The night's numbers would be all dashes: she still sees the way to the first sale.
    runs.run(shop, now=datetime.now(UTC))
    assert done()[:2] == [True, True]


@pytest.mark.parametrize("role", ["owner", "manager", "analyst", "cashier"])
def test_no_menu_leads_where_the_role_may_not_go(shop, role):
    """All that the frame links to opens, for every role, on every page one can come to."""
    browser = staff_browser(shop, role)
    start = browser.get(url(shop, ""))["Location"]
    waiting, seen = [start], set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = browser.get(address)
        assert answer.status_code != 403, address
        if answer.status_code != 200 or "text/html" not in answer["Content-Type"]:
            continue
        for found in re.findall(r'href="([^"#]+)"', answer.content.decode()):
            path = found.replace("&amp;", "&").split("?")[0]
            if path.startswith(f"/console/{shop.slug}/") and path not in seen and path not in waiting:
                waiting.append(path)
    assert len(seen) >= {"owner": 15, "manager": 12, "analyst": 5, "cashier": 1}[role], seen


def test_staff_arrive_at_the_dashboard_and_cashiers_do_not(shop, hana):
    assert hana.get(url(shop, ""))["Location"].endswith("/dashboard")
    cashier = browser_of(seat_at(shop, "cashier").user, second_factor=False)
    assert cashier.get(url(shop, "dashboard")).status_code == 403


def test_a_test_shop_has_the_programme_and_keys_of_its_own_and_nothing_else(shop, hana):
    hana.post(url(shop, "programme/start"), {"template": "cafe", "revision": "0"})
    hana.post(url(shop, "programme/review"), {"start": "now", "note": "", "revision": "1"})
    opened = hana.post(url(shop, "developers/sandbox"))

    sandbox = Merchant.objects.get(sandbox_of=shop)
    assert opened["Location"] == f"/console/{sandbox.slug}/developers/keys"
    assert (sandbox.name, sandbox.currency, sandbox.zone, sandbox.is_sandbox) == (
        shop.name,
        shop.currency,
        shop.zone,
        True,
    )
    assert 'href="/api/docs/quickstart?currency=KRW"' in hana.get(opened["Location"]).content.decode()
    made = hana.post(url(sandbox, "developers/keys"), {"name": "Till", "scopes": ["quotes"]}).context["issued"]
    assert made.secret.startswith("lk_test_")
    with tenancy.tenant(sandbox):
        [version] = programmes.published(merchant=sandbox)
        assert not Member.objects.exists()
    with tenancy.tenant(shop):
        assert version.document == programmes.published(merchant=shop)[0].document


def test_there_is_one_test_shop_and_none_of_a_test_shop(shop, hana):
    hana.post(url(shop, "developers/sandbox"))
    sandbox = Merchant.objects.get(sandbox_of=shop)
    for again in (shop, sandbox):
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


def issued_by(browser, shop, **fields):
    answer = browser.post(url(shop, "developers/keys"), {"name": "POS", "scopes": ["purchases:write"], **fields})
    return answer, answer.context["issued"]


def test_two_shops_whose_tills_count_from_one_are_kept_apart_by_their_locations_codes(shop, hana):
    """The second shop's receipt 1 would be the first one's; nothing need be known or chosen for it to be another."""
    with tenancy.tenant(shop):
        locations.open_place(merchant=shop, code="mapo", name="Mapo", now=datetime.now(UTC), actor=SYSTEM)
    tills = [Till(shop, issued_by(hana, shop, location=code)[1].secret) for code in ("main", "mapo")]

    sales = [sell(till, "1", 1_000) for till in tills]

    assert [sale.status_code for sale in sales] == [201, 201]
    assert [sale.json()["receipt"]["external_id"] for sale in sales] == ["1", "1"]
    with tenancy.tenant(shop):
        assert set(Purchase.objects.values_list("external_id", flat=True)) == {"main:1", "mapo:1"}


def test_what_stands_before_the_numbers_is_asked_for_in_words(shop, hana):
    prefixes = {
        "own": issued_by(hana, shop, location="main", numbering="own", id_namespace="till-2"),
        "typed": issued_by(hana, shop, location="main", id_namespace="till-3"),
        "shared": issued_by(hana, shop, location="main", numbering="shared"),
        "nowhere": issued_by(hana, shop),
    }
    found = {name: issued.key.id_namespace for name, (_answer, issued) in prefixes.items()}
    assert found == {"own": "till-2", "typed": "till-3", "shared": "", "nowhere": ""}
    assert "till-2" in hana.get(url(shop, "developers/keys")).content.decode()

    for fields in ({"numbering": "own"}, {"id_namespace": "a:b"}, {"id_namespace": "console"}, {"numbering": "x"}):
        answer, issued = issued_by(hana, shop, location="main", **fields)
        assert (answer.status_code, issued) == (422, None), fields


def test_a_key_that_may_keep_sales_from_the_webhooks_says_so_when_it_is_made(shop, hana):
    plain, _issued = issued_by(hana, shop)
    imports, _issued = issued_by(hana, shop, scopes=["purchases:write", "purchases:backfill"])

    assert "not for a till" not in plain.content.decode()
    assert "not for a till" in imports.content.decode()


def test_a_key_can_be_issued_without_a_console(shop):
    said = StringIO()
    call_command("issue_key", shop.slug, "POS", "--location", "main", "--scope", "purchases:write", stdout=said)

    assert sell(Till(shop, said.getvalue().strip()), "1", 1_000).status_code == 201
    with tenancy.tenant(shop):
        assert list(Purchase.objects.values_list("external_id", flat=True)) == ["main:1"]
    for wrong in (
        ["nowhere-at-all", "POS"],
        [shop.slug, "POS", "--location", "mars"],
        [shop.slug, "POS", "--namespace", "a b"],
    ):
        with pytest.raises(CommandError):
            call_command("issue_key", *wrong)


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

    def watched(url, **_rest):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('app.merchant_id', true)")
            seen.append((url, cursor.fetchone()[0]))
        return check(url)

    monkeypatch.setattr(addresses, "check", watched)
    return seen


def test_webhooks_are_added_tried_sent_again_paused_and_deleted(shop, hana, public_net, monkeypatch):
    made = hana.post(
        url(shop, "developers/webhooks"), {"url": "https://hooks.example.org/in", "kinds": ["tier.changed"]}
    )
    assert made.context["made"].secret in made.content.decode()
    address = url(shop, f"developers/webhooks/{made.context['made'].endpoint.id}")

    monkeypatch.setattr(sending, "post", lambda *_args, **_rest: sending.ReceiverAnswer(204, "", 7))
    tried = hana.post(f"{address}/change", {"act": "ping"}, follow=True)
    assert "Your system accepted the trial event" in tried.content.decode()
    page = hana.get(address)
    (row,) = page.context["rows"]
    assert (row["row"].kind, row["row"].state, row["row"].last_answer_code) == ("webhook.ping", "delivered", 204)
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
    now = datetime.now(UTC)
    with tenancy.tenant(shop):
        endpoints.ping(merchant=shop, endpoint_id=made.context["made"].endpoint.id, now=now)
        (parcel,) = delivering.claim(merchant_id=shop.pk, now=now, limit=4)
        delivering.settle([(parcel, sending.ReceiverAnswer(None, "the name is not known", 12))], now=now)

    page = hana.get(address).content.decode()
    assert "The last delivery that was tried did not arrive" in page
    assert "the name is not known" in page


def test_a_trial_is_answered_at_once_beside_the_rest_and_the_log_says_whose_event_it_was(shop, hana, settings):
    """The receiver failed thrice and rests; Hana mends it and tries it. Its first answer is on the page she comes to."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    member, now = "mem_0123456789abcdef", datetime.now(UTC)
    with receiving() as receiver:
        receiver.answers["/hook"] = [500]
        made = hana.post(url(shop, "developers/webhooks"), {"url": receiver.url("/hook")})
        endpoint = made.context["made"].endpoint.id
        address = url(shop, f"developers/webhooks/{endpoint}")
        with tenancy.tenant(shop):
            for _event in range(3):
                outbox.record(
                    merchant_id=shop.pk, kind="member.erased", payload={"member": member}, occurred_at=now, now=now
                )
            relay.relay(merchant_id=shop.pk, now=now)
            delivering.settle(
                [
                    (parcel, sending.ReceiverAnswer(500, "ill", 3))
                    for parcel in delivering.claim(merchant_id=shop.pk, now=now)
                ],
                now=now,
            )
            assert endpoints.get(merchant=shop, endpoint_id=endpoint).resting_until > now

        refused = hana.post(f"{address}/change", {"act": "ping"}, follow=True)
        delivery = refused.context["delivery"]
        assert (delivery.state, delivery.attempts, delivery.last_answer_code, delivery.last_answer) == (
            "given_up", 1, 500, "thank you",
        )  # fmt: skip
        page = refused.content.decode()
        assert "Your system did not accept the trial event" in page
        assert f"POST {receiver.url('/hook')}" in page
        assert delivery.event_id in page

        receiver.answers["/hook"] = [200]
        accepted = hana.post(f"{address}/change", {"act": "ping"}, follow=True)
        assert accepted.context["delivery"].state == "delivered"
        assert receiver.ids("/hook") == [delivery.event_id, accepted.context["delivery"].event_id]

    with tenancy.tenant(shop):
        assert endpoints.get(merchant=shop, endpoint_id=endpoint).resting_until is None
    rows = hana.get(address).content.decode()
    assert rows.count(url(shop, f"members/{member}")) == 3
    assert rows.count("&quot;member&quot;: &quot;mem_0123456789abcdef&quot;") == 3


def test_a_name_is_looked_up_before_the_merchants_data_is_opened(shop, hana, lookups, monkeypatch):
    """The network may take seconds to answer; no transaction waits for it."""

    def unreachable(*_args):
        raise ConnectionRefusedError

    monkeypatch.setattr(sending, "_dial", unreachable)
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

    # Added, changed, tried by the console; added and changed by the API.
    assert [looked_up for looked_up, _tenant in lookups] == [first, second, second, first, second]
    assert all(not (tenant or "").isdigit() for _url, tenant in lookups)


def test_a_private_address_is_refused_at_its_field(shop, hana):
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

    hana.post(url(shop, "settings/logo"), {"logo": SimpleUploadedFile("logo.exe", png(64, 64, words="Hana"))})
    address = f"/theme/{shop.slug}/logo?v={Merchant.objects.get(pk=shop.pk).logo}"
    assert address in hana.get(url(shop, "settings")).content.decode()
    assert address in Client().get(f"/m/{shop.slug}/join").content.decode()
    shown = Client().get(address)
    assert (shown.content, shown["Content-Type"]) == (pictures.read(png(64, 64)).content, "image/png")
    assert b"Hana" not in shown.content
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown["Cache-Control"] == "public, max-age=31536000, immutable"

    hana.post(url(shop, "settings/logo"), {"act": "remove"})
    assert Client().get(address).status_code == 404
    assert address not in Client().get(f"/m/{shop.slug}/join").content.decode()
    whats = [str(row["what"]) for row in hana.get(url(shop, "settings/record")).context["rows"]]
    assert whats[:2] == ["removed the logo", "changed the logo"]


def test_the_audit_log_is_searched_by_actor_kind_and_day(shop, hana):
    hana.post(url(shop, "developers/keys"), {"name": "POS in Mapo", "scopes": ["quotes"]})
    hana.post(url(shop, "settings/place"), {"act": "open", "name": "Mapo", "code": "mapo", "zone": ""})

    def found(**asked):
        return [str(row["what"]) for row in hana.get(url(shop, "settings/record"), asked).context["rows"]]

    assert found() == ["opened a location", "made an API key", "invited somebody to the team"]
    assert found(what="links") == ["made an API key"]
    assert found(who="system:") == ["invited somebody to the team"]
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
            yield cafe_history.cafe(sales=300)

    def test_six_numbers_with_all_it_takes_to_trust_them(self, cafe):
        hana = staff_browser(cafe, "owner")
        page = hana.get(url(cafe, "dashboard"))
        kpis = page.context["kpis"]
        assert len(kpis) == 6
        assert page.context["board"].freshness.computed_at
        for kpi in kpis:
            assert kpi["definition"]
            assert kpi["formula"]
            assert kpi["n"][0] in "123456789", kpi["n"]
        assert hana.get(url(cafe, "dashboard"), {"period": "someday"})["Location"] == url(cafe, "dashboard")
        behind = hana.get(kpis[0]["href"])
        assert behind.status_code == 200
        assert behind.context["page"].total >= len(behind.context["page"].members)

    def test_the_numbers_go_into_a_spreadsheet_and_it_is_on_record(self, cafe):
        hana = staff_browser(cafe, "owner")
        for table, first in (
            ("numbers", "Number,"),
            ("days", "Begins,"),
            ("cohorts", "Joined in,"),
            ("members", "Member,"),
        ):
            answer = hana.get(url(cafe, "dashboard/export"), {"table": table})
            lines = b"".join(answer.streaming_content).decode().splitlines()
            assert lines[0].lstrip("\ufeff").startswith(first), lines[0]
            assert len(lines) > 1 or table == "members"
        rows = hana.get(url(cafe, "settings/record")).context["rows"]
        assert str(rows[0]["what"]) == "exported CSV"
        assert staff_browser(cafe, "analyst").get(url(cafe, "dashboard/export")).status_code == 403
