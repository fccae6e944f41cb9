"""A till's key is recognised from its last call, and verified all the same by the statement that opens the shop's data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from loyalty.api.framework import bodies
from merchants import keys, remembered_keys, tenancy
from merchants.actors import SYSTEM
from merchants.database.connections import Cursor
from merchants.models.keys import ApiKey
from merchants.models.merchants import Location, Merchant
from rewards.models.purchases import Purchase
from tests import postgres_admin
from tests.people import open_shop
from tests.till import Till, issue_key

pytestmark = pytest.mark.usefixtures("committed")

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def cafe(committed):
    return open_shop("remembered")


@pytest.fixture
def till(cafe):
    """A till whose key was used a moment ago."""
    till = Till(cafe, issue_key(cafe).secret)
    for _use in range(2):
        assert till.get("key").status_code == 200
    return till


def of(till) -> ApiKey:
    return ApiKey.objects.get(prefix=till.secret[:16])


def sells(till, external_id="sale-1", **fields):
    sale = {
        "external_id": external_id, "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW", "total_minor": 4_800,
    }  # fmt: skip
    return till.post("purchases", {**sale, **fields})


def sold(cafe):
    with tenancy.tenant(cafe):
        return sorted(Purchase.objects.filter(merchant=cafe).values_list("external_id", flat=True))


@pytest.fixture
def asked(monkeypatch, plans_kept):
    """Every round trip, as it is sent."""
    sent: list[str] = []
    execute = Cursor.execute

    def noted(self, query, values=None):
        sent.append(self.connection.opening() + str(query))
        return execute(self, query, values)

    monkeypatch.setattr(Cursor, "execute", noted)
    return sent


def test_a_sale_asks_who_it_is_with_the_statement_that_opens_the_data(till, asked):
    sells(till, "warm")
    asked.clear()
    assert sells(till).status_code == 201
    # Opened and read, written, committed; without a member there is nobody to lock.
    assert len(asked) == 3
    assert asked[0].startswith("BEGIN; EXECUTE ")
    assert not any("merchants_apikey" in sent for sent in asked)


def test_what_asks_nothing_asks_whether_the_key_still_stands(till, asked):
    till.get("key")
    asked.clear()
    assert till.get("key").status_code == 200
    assert [sent.split()[-1] for sent in asked] == ["SELECT", "COMMIT"]


def test_a_revoked_key_sells_nothing_more(cafe, till):
    assert sells(till).status_code == 201
    with tenancy.tenant(cafe):
        keys.revoke(merchant=cafe, public_id=of(till).public_id, actor=SYSTEM, now=NOW)

    refused = sells(till, "sale-2")

    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    assert sold(cafe) == ["sale-1"]
    assert sells(till, "sale-3").status_code == 401


def test_a_key_that_is_revoked_while_it_sells_writes_nothing(cafe, till, monkeypatch):
    read = bodies.decode

    def revoked_meanwhile(*arguments, **options):
        monkeypatch.undo()
        with tenancy.tenant(cafe):
            keys.revoke(merchant=cafe, public_id=of(till).public_id, actor=SYSTEM, now=NOW)
        return read(*arguments, **options)

    monkeypatch.setattr(bodies, "decode", revoked_meanwhile)

    refused = sells(till)

    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
    assert sold(cafe) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "purchases", {"external_id": 7}),
        ("POST", "purchases", None),
        ("GET", "members/mem_nobody", None),
        ("GET", "purchases?limit=none", None),
        ("DELETE", "key", None),
        ("POST", "purchases/batch", {"purchases": []}),
    ],
)
def test_a_revoked_key_learns_nothing_else(cafe, till, method, path, body):
    assert till.call(method, path, body).status_code not in (200, 201, 401)
    with tenancy.tenant(cafe):
        keys.revoke(merchant=cafe, public_id=of(till).public_id, actor=SYSTEM, now=NOW)

    refused = till.call(method, path, body)

    assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")


def test_a_right_that_was_taken_is_missing_at_once(cafe, till):
    ApiKey.objects.filter(pk=of(till).pk).update(scopes=["members:read"])

    refused = sells(till)

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert sold(cafe) == []


def test_a_right_that_was_given_is_there_at_once(cafe):
    till = Till(cafe, issue_key(cafe, "members:read").secret)
    assert [sells(till).status_code for _try in range(2)] == [403, 403]

    ApiKey.objects.filter(pk=of(till).pk).update(scopes=["purchases:write"])

    assert sells(till).status_code == 201


def test_a_till_that_was_moved_sells_at_its_new_place(cafe, till):
    assert sells(till).status_code == 201
    with tenancy.tenant(cafe):
        place = Location.objects.get(merchant=cafe, code="main")
    ApiKey.objects.filter(pk=of(till).pk).update(location=place, location_code="main", id_namespace="main")

    assert sells(till, "sale-2").status_code == 201

    with tenancy.tenant(cafe):
        assert Purchase.objects.get(external_id="main:sale-2").location_id == place.pk
    assert sold(cafe) == ["main:sale-2", "sale-1"]


def test_a_shop_that_closes_closes_for_its_tills(cafe, till):
    Merchant.objects.filter(pk=cafe.pk).update(closed_at=NOW)

    refused = sells(till)

    assert (refused.status_code, refused.json()["code"]) == (403, "merchant_closed")
    Merchant.objects.filter(pk=cafe.pk).update(closed_at=None)
    assert sold(cafe) == []


def test_a_setting_of_the_shop_holds_from_the_next_call_on(cafe, till):
    Merchant.objects.filter(pk=cafe.pk).update(name="Café Byeol")
    assert till.get("key").json()["merchant"]["name"] == "Café Byeol"
    assert sells(till, "usd", currency="USD").json()["code"] == "wrong_currency"
    Merchant.objects.filter(pk=cafe.pk).update(currency="USD")
    assert sells(till, "usd", currency="USD").status_code == 201


def test_a_connection_that_died_between_two_sales_is_replaced(cafe, till):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postgres_admin.end_backend(cursor.fetchone()[0])

    assert sells(till).status_code == 201
    assert sold(cafe) == ["sale-1"]


def test_a_key_opens_its_own_shop_and_nobody_elses(cafe, till):
    """Whose data it is comes from the key's row, whoever asks for whatever."""
    other = open_shop("next-door")
    caller = remembered_keys.caller(till.secret, now=datetime.now(UTC))
    assert not caller.is_verified
    with tenancy.tenant(other, opened_by=caller.opens), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.merchant_id')")
        assert cursor.fetchone() == (str(cafe.pk),)


def test_a_wrong_secret_is_not_recognised(cafe, till):
    wrong = Till(cafe, till.secret[:-1] + ("a" if till.secret[-1] != "a" else "b"))
    assert [sells(wrong).json()["code"] for _try in range(2)] == ["key_invalid"] * 2
    assert sold(cafe) == []


def test_a_key_is_recognised_until_it_expires_or_its_use_is_noted_again(cafe):
    later = timedelta(seconds=30)
    secret = issue_key(cafe, now=NOW, expires_at=NOW + timedelta(seconds=40)).secret
    seen = [remembered_keys.caller(secret, now=NOW + n * timedelta(seconds=10)).is_verified for n in range(4)]
    # The first call notes the use, the second reads that it is noted.
    assert seen == [True, True, False, False]
    with pytest.raises(keys.KeyExpired):
        remembered_keys.caller(secret, now=NOW + timedelta(seconds=40))
    lasting = issue_key(cafe, now=NOW).secret
    seen = [remembered_keys.caller(lasting, now=NOW + n * later).is_verified for n in range(5)]
    assert seen == [True, True, True, True, True]
    assert ApiKey.objects.get(prefix=lasting[:16]).last_used_at == NOW + 4 * later
