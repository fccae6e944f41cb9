"""Consents are words somebody said: the newest counts, and how it stood on a day can always be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation

from loyalty.ui import prose
from members import consent, privacy
from members.models import Consent
from merchants import privacy_notices, tenancy
from merchants.actors import SYSTEM
from merchants.models.notices import PrivacyNotice
from merchants.models.outbox import OutboxEvent
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


def says(cafe, mina, code, is_granted, now):
    consent.decide(merchant=cafe, member=mina, code=code, is_granted=is_granted, source="portal", now=now, actor=SYSTEM)


def agrees(cafe, mina, *codes, now=MONDAY, **documents):
    consent.record_answers(
        merchant=cafe, member=mina, granted=codes, documents=documents, source="portal", now=now, actor=SYSTEM
    )


def told(cafe):
    rows = OutboxEvent.objects.filter(merchant=cafe, kind="consent.changed").order_by("id")
    return [(row.payload["consent"], row.payload["is_granted"], row.payload["document"]) for row in rows]


def publishes(cafe, text, *, asks_again=False, now=MONDAY):
    newest = privacy_notices.newest(cafe)
    return privacy_notices.publish(
        merchant=cafe, texts_by_language={"en": text}, legal_contact="Haneul Ltd., privacy@cafe.example",
        asks_again=asks_again, based_on=newest.number if newest else 0, now=now, actor=SYSTEM,
    )  # fmt: skip


def test_the_newest_word_counts_and_the_old_ones_stay(cafe, mina):
    with tenancy.tenant(cafe):
        says(cafe, mina, "marketing_email", True, MONDAY)
        says(cafe, mina, "marketing_email", False, MONDAY + DAY)
        assert not consent.is_granted(merchant=cafe, member=mina, code="marketing_email")
        on_monday = consent.standing(merchant=cafe, member=mina, at=MONDAY)
        assert on_monday["marketing_email"].is_granted
        assert consent.standing(merchant=cafe, member=mina, at=MONDAY - DAY) == {}
        assert [each.is_granted for each in consent.history(merchant=cafe, member=mina)] == [False, True]


def test_each_channel_is_a_consent_of_its_own(cafe, mina):
    with tenancy.tenant(cafe):
        agrees(cafe, mina, "marketing_email", "marketing_sms")
        says(cafe, mina, "marketing_sms", False, MONDAY + DAY)
        granted = {code for code, said in consent.standing(merchant=cafe, member=mina).items() if said.is_granted}
    assert granted == {"marketing_email"}


def test_silence_is_no(cafe, mina):
    with tenancy.tenant(cafe):
        assert not consent.is_granted(merchant=cafe, member=mina, code="marketing_email")


def test_others_hear_of_each_yes_and_each_no_once(cafe, mina):
    with tenancy.tenant(cafe):
        agrees(cafe, mina, "terms", "privacy", "marketing_email", terms="terms:4", privacy="privacy:2")
        agrees(cafe, mina, "terms", "privacy", "marketing_email", terms="terms:4", privacy="privacy:2")
        says(cafe, mina, "marketing_email", True, MONDAY)
        for _press in range(2):
            says(cafe, mina, "marketing_email", False, MONDAY + DAY)
        mina.refresh_from_db()
        assert told(cafe) == [
            ("terms", True, "terms:4"), ("privacy", True, "privacy:2"), ("marketing_email", True, None),
            ("marketing_email", False, None),
        ]  # fmt: skip
    # Mina joined (by today's clock) after that Monday: her time of change never goes back.
    assert mina.changed_at > MONDAY + DAY


def test_the_words_are_kept_in_the_language_they_were_shown_in(cafe, mina):
    with tenancy.tenant(cafe), translation.override("ko"):
        says(cafe, mina, "marketing_email", True, MONDAY)
        event = Consent.objects.get(member=mina, purpose="marketing")
    assert event.language == "ko"
    assert event.wording_version == consent.WORDING_VERSION


def test_an_event_cannot_be_changed_afterwards(cafe, mina):
    with tenancy.tenant(cafe):
        says(cafe, mina, "marketing_email", True, MONDAY)
        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.filter(member=mina).update(is_granted=False)


@pytest.mark.parametrize("code", ["tracking", "marketing", "terms", "privacy"])
def test_only_what_a_box_asks_can_be_decided_and_never_the_terms(cafe, mina, code):
    with tenancy.tenant(cafe):
        agrees(cafe, mina, "terms", "privacy", terms="terms:1", privacy="privacy:1")
        with pytest.raises(consent.Invalid):
            says(cafe, mina, code, False, MONDAY)
        assert len(told(cafe)) == 2


def test_night_is_asked_apart_where_the_law_wants_it(cafe):
    abroad = open_shop("bookshop", country="GB", currency="GBP", zone="Europe/London")
    assert "night_marketing" in {box.code for box in consent.wordings(cafe)}
    assert "night_marketing" not in {box.code for box in consent.wordings(abroad)}


def test_only_terms_and_notice_are_needed_and_each_is_a_box_of_its_own(cafe):
    assert [box.code for box in consent.wordings(cafe) if box.is_required] == ["terms", "privacy"]
    for granted in (["terms"], ["privacy"], []):
        with pytest.raises(consent.ConsentNeeded):
            consent.refuse_without_required(merchant=cafe, granted=granted)
    consent.refuse_without_required(merchant=cafe, granted=["terms", "privacy"])


def test_a_notice_that_asks_again_is_asked_and_another_is_told_once(cafe, mina):
    with tenancy.tenant(cafe):
        assert consent.pending_notice(merchant=cafe, member=mina) == "ask"
        assert publishes(cafe, "We keep your number.") == 1
        agrees(cafe, mina, "terms", "privacy", terms="terms:1", privacy="privacy:1")
        assert consent.pending_notice(merchant=cafe, member=mina) == ""

        assert publishes(cafe, "We keep your telephone number.") == 2
        assert consent.pending_notice(merchant=cafe, member=mina) == "tell"
        consent.note_informed(merchant=cafe, member=mina, document="privacy:2", now=MONDAY, actor=SYSTEM)
        assert consent.pending_notice(merchant=cafe, member=mina) == ""

        assert publishes(cafe, "We give your number to a courier.", asks_again=True) == 3
        assert publishes(cafe, "We give your number to the courier.") == 4
        assert consent.pending_notice(merchant=cafe, member=mina) == "ask"
        agrees(cafe, mina, "privacy", privacy="privacy:4", now=MONDAY + DAY)
        assert consent.pending_notice(merchant=cafe, member=mina) == ""
        assert consent.standing(merchant=cafe, member=mina)["privacy"].document == "privacy:4"


def test_a_published_notice_never_changes_and_two_writers_do_not_overwrite_each_other(cafe):
    with tenancy.tenant(cafe):
        assert publishes(cafe, "## Who\n\n- We do.") == 1
        assert publishes(cafe, "## Who\n\n- We do.") == 1, "the same words are no new version"
        with pytest.raises(privacy_notices.NoticeMoved):
            privacy_notices.publish(
                merchant=cafe, texts_by_language={"en": "Mine"}, legal_contact="Haneul", asks_again=False, based_on=0,
                now=MONDAY, actor=SYSTEM,
            )  # fmt: skip
        with pytest.raises(DatabaseError), transaction.atomic():
            PrivacyNotice.objects.filter(merchant=cafe).update(legal_contact="somebody else")
        assert [each.texts for each in privacy_notices.listed(cafe)] == [{"en": "## Who\n\n- We do."}]


@pytest.mark.parametrize(
    ("written", "contact", "pointer"),
    [
        ({"ko": "개인정보"}, "Haneul", "/texts/en"),
        ({"en": "x" * 20_001}, "Haneul", "/texts/en"),
        ({"en": "x", "de": "y"}, "Haneul", "/texts/de"),
        ({"en": "x"}, "  ", "/legal_contact"),
        ({"en": "x"}, "y" * 501, "/legal_contact"),
    ],
)
def test_a_notice_that_nobody_could_read_or_ask_about_is_not_published(cafe, written, contact, pointer):
    with tenancy.tenant(cafe):
        with pytest.raises(consent.Invalid) as refused:
            privacy_notices.publish(
                merchant=cafe, texts_by_language=written, legal_contact=contact, asks_again=False, based_on=0,
                now=MONDAY, actor=SYSTEM,
            )  # fmt: skip
        assert refused.value.pointer == pointer
        assert privacy_notices.newest(cafe) is None


def test_the_standard_notice_is_there_until_one_is_written_and_names_the_shop_as_it_is(cafe):
    with tenancy.tenant(cafe):
        cafe.name = "Haneul *<b>"
        standard = privacy.notice(merchant=cafe, language="en")
        assert (standard.number, standard.document) == (0, "privacy:standard-2026-11")
        assert "Haneul *&lt;b&gt; runs this membership programme" in prose.html(standard.text)
        publishes(cafe, "Ours.")
        assert privacy.notice(merchant=cafe, language="ko").text == "Ours."
        assert privacy.notice(merchant=cafe, number=0).number == 0
        assert privacy.notice(merchant=cafe, number=2) is None


def test_what_a_merchant_writes_is_shown_and_does_nothing():
    shown = prose.html(
        "# Who\n\n<script>alert(1)</script>\n\n![x](https://spy.example/p.gif) [a](javascript:alert) "
        "[b](https://law.example)\n\n- **one**"
    )
    assert "<h2>Who</h2>" in shown
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert '<a href="https://law.example" rel="noopener nofollow">b</a>' in shown
    assert "<li><strong>one</strong></li>" in shown
