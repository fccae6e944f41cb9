"""Canary asks to be forgotten: nothing she typed can be found in the database any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from members import cards, claims, codes, erasure
from members.inputs import NewMember
from members.models import Member
from merchants import contacts, tenancy, users
from merchants.actors import SYSTEM
from merchants.code_requests import Asker
from merchants.models.people import Passport
from rewards import enrolment
from tests.people import open_shop

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
CANARY = "canaryxq7"

pytestmark = pytest.mark.django_db


def found_in_every_table(word):
    """Search each column of each table as text, as somebody with a dump would."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [row[0] for row in cursor.fetchall()]
        places = []
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text ILIKE %s', [f"%{word}%"])
            if cursor.fetchone()[0]:
                places.append(table)
        return places


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def canary(cafe):
    details = NewMember(
        name=f"{CANARY} Kim",
        email=f"{CANARY}@example.org",
        phone="010-9876-5432",
        birthday="02-29",
        note=f"{CANARY} likes oat milk",
        attributes={"dog": CANARY},
        external_id=f"crm-{CANARY}",
        card=f"9000-{CANARY}",
        consents=("terms", "marketing_email"),
    )
    with tenancy.tenant(cafe):
        member = enrolment.enrol(merchant=cafe, details=details, source="api", actor=SYSTEM, now=NOW).member
        mail = contacts.read_email(f"{CANARY}@example.org")
        codes.send(merchant=cafe, contact=mail, purpose="sign_in", session="s", asker=Asker("192.0.2.1"), now=NOW)
        proof = codes.Proof(cafe.pk, mail, "sign_in", NOW)
        claims.claim(merchant=cafe, member=member, proof=proof, now=NOW, is_known_browser=True)
    return member


def test_nothing_she_typed_is_left(cafe, canary):
    with tenancy.tenant(cafe):
        assert "members_member" in found_in_every_table(CANARY)
        erasure.erase(merchant=cafe, member=canary, now=NOW, actor=SYSTEM)
        # Her own sign-in is hers, not the merchant's: it is no longer tied to anything here.
        assert found_in_every_table(CANARY) == ["merchants_user"]
        assert found_in_every_table("1098765432") == []


def test_what_is_left_is_a_tombstone(cafe, canary):
    user = users.find(contacts.read_email(f"{CANARY}@example.org"))
    with tenancy.tenant(cafe):
        erasure.erase(merchant=cafe, member=canary, now=NOW, actor=SYSTEM)
        left = Member.objects.get(pk=canary.pk)
        assert (left.public_id, left.state, left.name, left.user) == (canary.public_id, "erased", "", None)
        assert [card.blocked_at is not None for card in cards.of(left)] == [True]
    assert not Passport.objects.filter(user=user, merchant=cafe).exists()


def test_a_second_time_changes_nothing(cafe, canary):
    with tenancy.tenant(cafe):
        erasure.erase(merchant=cafe, member=canary, now=NOW, actor=SYSTEM)
        code = Member.objects.get(pk=canary.pk).code
        erasure.erase(merchant=cafe, member=canary, now=NOW, actor=SYSTEM)
        assert Member.objects.get(pk=canary.pk).code == code
