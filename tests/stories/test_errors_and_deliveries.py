"""Hana's developer reads what a refusal means, and what a webhook delivery carried: whose event, what was sent and said."""

from __future__ import annotations

import re

import pytest

from loyalty import problem_catalogue
from merchants import keys, outbox, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.webhooks import addresses, delivering, endpoints, relay, sending
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db
OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")


@pytest.fixture
def cafe(db, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


def at(cafe, page):
    return f"/console/{cafe.merchant.slug}/developers/{page}"


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_every_code_of_the_api_stands_there_with_meaning_and_remedy(cafe, hana):
    page = hana.get(at(cafe, "errors"))
    assert {code for _status, code, _kind in page.context["errors"]} == set(problem_catalogue.KINDS)
    text = page.content.decode()
    for code in ("external_id_reused", "not_enough_points"):
        if code in problem_catalogue.KINDS:
            assert f'id="{code}"' in text
    statuses = [status for status, _code, _kind in page.context["errors"]]
    assert statuses == sorted(statuses)


@pytest.mark.parametrize(
    ("typed", "code"), [("external_id_reused", "external_id_reused"), ("External id REUSED", "external_id_reused")]
)
def test_a_code_is_found_as_it_is_written_or_spoken(cafe, hana, typed, code):
    found = [each[1] for each in hana.get(at(cafe, "errors"), {"q": typed}).context["errors"]]
    assert code in found
    assert len(found) < 10
    assert "No error has these words" in words(hana.get(at(cafe, "errors"), {"q": "xyzzy"}))


def test_a_refusal_at_the_till_simulator_leads_to_what_it_means(cafe, hana):
    with tenancy.tenant(cafe.merchant):
        issued = keys.issue(
            merchant=cafe.merchant, name="Till", scopes=["members:read"], actor=SYSTEM, now=builders.NOON
        )
    page = hana.post(at(cafe, "till"), {"call": "balance", "member": "mem_0000000000000000", "key": issued.secret})
    assert page.context["answer"].status == 404
    assert f"{at(cafe, 'errors')}?q=member_not_found" in page.content.decode()
    assert "curl -X GET" in words(page)


def test_a_delivery_names_the_member_the_event_and_both_sides_of_the_call(cafe, hana):
    mina = cafe.member("Mina Park")
    merchant = cafe.merchant
    with tenancy.tenant(merchant):
        made = endpoints.create(
            merchant=merchant, target=addresses.check("http://127.0.0.1:9/"), actor=OWNER, now=cafe.now
        )
        outbox.record(
            merchant_id=merchant.pk, kind="member.erased", payload={"member": mina.public_id}, occurred_at=cafe.now,
            now=cafe.now,
        )  # fmt: skip
        relay.relay(merchant_id=merchant.pk, now=cafe.now)
        (parcel,) = delivering.claim(merchant_id=merchant.pk, now=cafe.now, limit=4)
        delivering.settle([(parcel, sending.ReceiverAnswer(500, "database is down", 12))], now=cafe.now)

    page = hana.get(at(cafe, f"webhooks/{made.endpoint.id}"))
    text = page.content.decode()
    assert f'href="/console/{merchant.slug}/members/{mina.public_id}">Mina Park</a>' in text
    assert "database is down" in text
    assert "member.erased" in words(page)
    (row,) = page.context["rows"]
    detail = hana.get(at(cafe, f"webhooks/deliveries/{row['row'].id}"))
    assert "Mina Park" in words(detail)
    assert "500" in words(detail)
    assert hana.post(at(cafe, f"webhooks/deliveries/{row['row'].id}/retry")).status_code == 302
