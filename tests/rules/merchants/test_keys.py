"""API keys: shown once, known by their hash, ended at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from merchants import audit, keys, tenancy
from merchants.actors import Actor
from merchants.models.keys import ApiKey
from merchants.models.merchants import Location
from tests.till import issue_key, open_shop

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OLA = Actor("staff", "seat_ola", "Ola")


@pytest.fixture
def cafe():
    return open_shop("cafe")


def test_a_key_opens_the_merchant_it_was_issued_for(cafe):
    issued = issue_key(cafe, "members:read", "quotes", now=NOON)

    key = keys.verify(issued.secret, now=NOON)

    assert key.merchant == cafe
    assert key.scopes == {"members:read", "quotes"}
    assert str(key.actor) == f"key:{issued.key.public_id}"


def test_a_key_says_by_its_first_letters_whether_it_plays_or_sells(cafe):
    playground = open_shop("playground", is_sandbox=True)

    assert re.fullmatch(r"lk_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}", issue_key(cafe).secret)
    assert re.fullmatch(r"lk_test_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}", issue_key(playground).secret)


def test_the_secret_is_kept_nowhere(cafe):
    secret = issue_key(cafe).secret

    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM merchants_apikey k")
        rows = " ".join(row[0] for row in cursor.fetchall())

    assert secret[:16] in rows
    assert secret[17:] not in rows


def test_one_query_finds_the_key_and_its_merchant(cafe, django_assert_num_queries):
    issued = issue_key(cafe, now=NOON)
    keys.verify(issued.secret, now=NOON)

    with django_assert_num_queries(1):
        keys.verify(issued.secret, now=NOON + timedelta(seconds=59))


def test_use_is_noted_once_a_minute_and_not_with_every_sale(cafe, django_assert_num_queries):
    issued = issue_key(cafe, now=NOON)
    later = NOON + timedelta(seconds=61)

    with django_assert_num_queries(2):
        keys.verify(issued.secret, now=NOON)
    with django_assert_num_queries(1):
        keys.verify(issued.secret, now=NOON + timedelta(seconds=30))
    with django_assert_num_queries(2):
        keys.verify(issued.secret, now=later)

    assert ApiKey.objects.get(pk=issued.key.pk).last_used_at == later


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1] + ("a" if secret[-1] != "a" else "b"),
        lambda secret: secret + "a",
        lambda secret: secret.replace("lk_live", "lk_test"),
        lambda secret: secret.swapcase(),
        lambda secret: "",
        lambda secret: secret[:16],
        lambda secret: secret[:16] + "_" + "0" * 32,
        lambda secret: secret + "\x00",
        lambda secret: secret[:-1] + "é",
    ],
)
def test_a_key_that_is_not_quite_right_is_nobodys(cafe, spoil):
    secret = issue_key(cafe).secret

    with pytest.raises(keys.KeyRefused) as refusal:
        keys.verify(spoil(secret), now=NOON)

    assert refusal.value.code == "key_invalid"
    assert refusal.value.http == 401


def test_a_revoked_key_is_refused_from_that_moment_on(cafe):
    issued = issue_key(cafe, now=NOON)
    keys.verify(issued.secret, now=NOON)

    with tenancy.tenant(cafe):
        keys.revoke(merchant=cafe, public_id=issued.key.public_id, actor=OLA, now=NOON)

    with pytest.raises(keys.KeyRevoked):
        keys.verify(issued.secret, now=NOON)


def test_only_the_holder_of_the_true_secret_learns_that_it_was_revoked(cafe):
    issued = issue_key(cafe, now=NOON)
    with tenancy.tenant(cafe):
        keys.revoke(merchant=cafe, public_id=issued.key.public_id, actor=OLA, now=NOON)

    with pytest.raises(keys.KeyRefused) as refusal:
        keys.verify(issued.secret[:17] + "0" * 32, now=NOON)

    assert refusal.value.code == "key_invalid"


def test_a_key_expires_at_its_instant(cafe):
    issued = issue_key(cafe, now=NOON, expires_at=NOON + timedelta(hours=1))

    keys.verify(issued.secret, now=NOON + timedelta(minutes=59, seconds=59))
    with pytest.raises(keys.KeyExpired):
        keys.verify(issued.secret, now=NOON + timedelta(hours=1))


def test_rotation_lets_both_keys_work_until_the_overlap_ends(cafe):
    old = issue_key(cafe, "quotes", now=NOON, terminal="T1", id_namespace="t1")
    with tenancy.tenant(cafe):
        new = keys.rotate(merchant=cafe, public_id=old.key.public_id, overlap=timedelta(days=1), actor=OLA, now=NOON)

    noon_tomorrow = NOON + timedelta(days=1)
    assert keys.verify(old.secret, now=noon_tomorrow - timedelta(seconds=1)).terminal == "T1"
    fresh = keys.verify(new.secret, now=noon_tomorrow)
    assert (fresh.scopes, fresh.terminal, fresh.id_namespace) == ({"quotes"}, "T1", "t1")
    with pytest.raises(keys.KeyExpired):
        keys.verify(old.secret, now=noon_tomorrow)


def test_a_key_is_rotated_once(cafe):
    old = issue_key(cafe, now=NOON)
    with tenancy.tenant(cafe):
        keys.rotate(merchant=cafe, public_id=old.key.public_id, overlap=timedelta(days=1), actor=OLA, now=NOON)
        with pytest.raises(keys.KeyAlreadyEnded):
            keys.rotate(merchant=cafe, public_id=old.key.public_id, overlap=timedelta(0), actor=OLA, now=NOON)


def test_rotation_keeps_the_location(cafe):
    with tenancy.tenant(cafe):
        main = Location.objects.get(merchant=cafe, code="main")
    old = issue_key(cafe, now=NOON, location=main)
    with tenancy.tenant(cafe):
        new = keys.rotate(merchant=cafe, public_id=old.key.public_id, overlap=timedelta(0), actor=OLA, now=NOON)

    assert keys.verify(new.secret, now=NOON).location_code == "main"


def test_another_merchants_key_can_neither_be_revoked_nor_rotated(cafe):
    other = open_shop("bookshop")
    theirs = issue_key(other, now=NOON)

    with tenancy.tenant(cafe):
        with pytest.raises(keys.KeyNotFound):
            keys.revoke(merchant=cafe, public_id=theirs.key.public_id, actor=OLA, now=NOON)
        with pytest.raises(keys.KeyNotFound):
            keys.rotate(merchant=cafe, public_id=theirs.key.public_id, overlap=timedelta(0), actor=OLA, now=NOON)

    keys.verify(theirs.secret, now=NOON)


def test_a_closed_merchants_keys_open_nothing(cafe):
    issued = issue_key(cafe, now=NOON)
    cafe.closed_at = NOON
    cafe.save()

    with pytest.raises(keys.MerchantClosed):
        keys.verify(issued.secret, now=NOON)


@pytest.mark.parametrize("scopes", [[], ["members:everything"], ["members:read", "*"]])
def test_a_key_without_a_known_scope_is_not_made(cafe, scopes):
    with tenancy.tenant(cafe), pytest.raises(keys.UnknownScope):
        keys.issue(merchant=cafe, name="Till", scopes=scopes, actor=OLA, now=NOON)

    assert keys.of(cafe) == []


def test_who_issued_and_revoked_is_on_record(cafe):
    with tenancy.tenant(cafe):
        issued = keys.issue(merchant=cafe, name="Till", scopes=["quotes"], actor=OLA, now=NOON)
        keys.revoke(merchant=cafe, public_id=issued.key.public_id, actor=OLA, now=NOON)
        records = audit.newest(merchant=cafe, subject=issued.key.public_id)

    assert [(record.action, record.actor) for record in records] == [
        ("key.revoked", "staff:seat_ola"),
        ("key.issued", "staff:seat_ola"),
    ]
    assert issued.secret not in str(records)


def test_a_true_prefix_is_refused_by_the_same_work_as_a_made_up_one(cafe, monkeypatch):
    """F45: one statement, one hash, one comparison of equal lengths each; how long that takes is the machine's."""
    secret = issue_key(cafe).secret
    work = []
    compare = keys.secrets.compare_digest

    def compared(ours: bytes, theirs: bytes) -> bool:
        work.append(("compared", len(ours), len(theirs)))
        return compare(ours, theirs)

    monkeypatch.setattr(keys.secrets, "compare_digest", compared)
    done = []
    for asked in (secret[:17] + "0" * 32, "lk_live_00000000_" + "0" * 32):
        work.clear()
        with CaptureQueriesContext(connection) as statements, pytest.raises(keys.KeyRefused, match="not known"):
            keys.verify(asked, now=NOON)
        done.append((len(statements), tuple(work)))
    assert done == [(1, (("compared", 64, 64),))] * 2
