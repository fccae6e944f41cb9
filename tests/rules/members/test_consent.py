"""Consents are words somebody said: the newest counts, and how it stood on a day can always be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation

from members import consent
from members.models import Consent
from merchants import tenancy
from merchants.actors import SYSTEM
from tests.people import join, open_shop

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def mina(cafe):
    return join(cafe)


def says(cafe, mina, purpose, is_granted, now, channel=""):
    consent.decide(
        merchant=cafe, member=mina, purpose=purpose, is_granted=is_granted, source="portal", now=now, actor=SYSTEM,
        channel=channel,
    )  # fmt: skip


def test_the_newest_word_counts_and_the_old_ones_stay(cafe, mina):
    with tenancy.tenant(cafe):
        says(cafe, mina, "marketing", True, MONDAY)
        says(cafe, mina, "marketing", False, MONDAY + DAY)
        assert not consent.is_granted(merchant=cafe, member=mina, purpose="marketing")
        on_monday = consent.standing(merchant=cafe, member=mina, at=MONDAY)
        assert on_monday["marketing", ""].is_granted
        assert consent.standing(merchant=cafe, member=mina, at=MONDAY - DAY) == {}


def test_a_later_word_on_one_channel_beats_the_word_on_all(cafe, mina):
    with tenancy.tenant(cafe):
        says(cafe, mina, "marketing", True, MONDAY)
        says(cafe, mina, "marketing", False, MONDAY + DAY, channel="sms")
        assert not consent.is_granted(merchant=cafe, member=mina, purpose="marketing", channel="sms")
        assert consent.is_granted(merchant=cafe, member=mina, purpose="marketing", channel="email")
        says(cafe, mina, "marketing", False, MONDAY + 2 * DAY)
        assert not consent.is_granted(merchant=cafe, member=mina, purpose="marketing", channel="email")


def test_silence_is_no(cafe, mina):
    with tenancy.tenant(cafe):
        assert not consent.is_granted(merchant=cafe, member=mina, purpose="marketing")


def test_the_words_are_kept_in_the_language_they_were_shown_in(cafe, mina):
    with tenancy.tenant(cafe), translation.override("ko"):
        says(cafe, mina, "marketing", True, MONDAY)
        event = Consent.objects.get(member=mina, purpose="marketing")
    assert event.language == "ko"
    assert event.wording_version == consent.WORDING_VERSION


def test_an_event_cannot_be_changed_afterwards(cafe, mina):
    with tenancy.tenant(cafe):
        says(cafe, mina, "marketing", False, MONDAY)
        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.filter(member=mina).update(is_granted=True)


def test_only_purposes_that_were_shown_can_be_agreed_to(cafe, mina):
    with tenancy.tenant(cafe), pytest.raises(consent.Invalid):
        says(cafe, mina, "tracking", True, MONDAY)
