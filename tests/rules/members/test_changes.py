"""What others are shown of a member changes in many ways; whoever asks `changed_since` hears of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from members import claims, contact_release, directory, leaving
from members.codes import Proof
from members.models import Member
from merchants import contacts, tenancy
from merchants.actors import Actor
from rewards import safeguards
from tests.people import join, open_shop

pytestmark = pytest.mark.django_db
JOINED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HANA = Actor("staff", "seat_0123456789abcdef", role="manager")
MAIL = contacts.read_email("mina@example.org")


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def mina(cafe):
    mina = join(cafe, email=MAIL.value)
    with tenancy.tenant(cafe):
        Member.objects.filter(merchant=cafe, pk=mina.pk).update(changed_at=JOINED)
        mina.refresh_from_db()
    return mina


def signs_in(common, now):
    proof = Proof(common["merchant"].pk, MAIL, "sign_in", now)
    claims.open_own(merchant=common["merchant"], member=common["member"], proof=proof, now=now)


def asks_to_leave(common):
    leaving.ask(**common, proof=Proof(common["merchant"].pk, MAIL, "leave", NOW))


def stays(common):
    asks_to_leave({**common, "now": NOW})
    leaving.take_back(**{**common, "now": NOW + timedelta(minutes=1)})


def allows_spending(common):
    safeguards.stop_spending(**common)
    safeguards.allow_spending(**{**common, "now": NOW + timedelta(minutes=1)})


WAYS = {
    "a new code": (lambda common: safeguards.replace_code(**common), NOW),
    "spending stopped": (lambda common: safeguards.stop_spending(**common), NOW),
    "spending allowed again": (allows_spending, NOW + timedelta(minutes=1)),
    "a contact that is somebody else's": (
        lambda common: contact_release.release_in_person(**common, contact=MAIL),
        NOW,
    ),
    "leaving": (asks_to_leave, NOW),
    "staying": (stays, NOW + timedelta(minutes=1)),
    "claimed": (lambda common: signs_in(common, NOW), NOW),
}


@pytest.mark.parametrize("way", WAYS)
def test_whoever_keeps_a_copy_hears_of(cafe, mina, way):
    act, at = WAYS[way]
    with tenancy.tenant(cafe):
        act({"merchant": cafe, "member": mina, "now": NOW, "actor": HANA})
        found = directory.changed(merchant=cafe, since=NOW, limit=10)
        assert [(each.pk, each.changed_at) for each in found] == [(mina.pk, at)]


def test_signing_in_again_changes_nothing_that_others_see(cafe, mina):
    with tenancy.tenant(cafe):
        signs_in({"merchant": cafe, "member": mina}, JOINED)
        signs_in({"merchant": cafe, "member": mina}, NOW)
        assert directory.changed(merchant=cafe, since=NOW, limit=10) == []
        # After a year without her the membership is dormant, and then claimed again: that is news.
        signs_in({"merchant": cafe, "member": mina}, NOW + timedelta(days=365))
        assert [each.pk for each in directory.changed(merchant=cafe, since=NOW, limit=10)] == [mina.pk]


def test_a_moment_that_comes_late_takes_no_time_back(cafe, mina):
    with tenancy.tenant(cafe):
        safeguards.stop_spending(merchant=cafe, member=mina, now=JOINED - timedelta(days=1), actor=HANA)
        assert Member.objects.get(merchant=cafe, pk=mina.pk).changed_at == JOINED
