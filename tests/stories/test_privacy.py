"""Who agrees to what: boxes of their own, a notice that is always there, and a no that everybody hears."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client

from members import consent
from members.models import Consent, Member
from merchants import privacy_notices, tenancy
from merchants.actors import SYSTEM
from merchants.models.outbox import OutboxEvent
from tests.people import code_in_last_mail, join, member_browser, open_shop, staff_browser
from tests.till import till_at

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


def m(shop, path=""):
    return f"/m/{shop.slug}/{path}"


def published(shop, text, *, asks_again=False):
    with tenancy.tenant(shop):
        newest = privacy_notices.newest(shop)
        return privacy_notices.publish(
            merchant=shop, texts_by_language={"en": text}, legal_contact="Haneul Ltd.\nprivacy@cafe.example",
            asks_again=asks_again, based_on=newest.number if newest else 0, now=NOW, actor=SYSTEM,
        )  # fmt: skip


def shown_on(page):
    found = re.search(r'name="shown" value="([^"]*)"', page.content.decode())
    assert found
    return found.group(1)


def of(shop, member):
    with tenancy.tenant(shop):
        return {code: said.is_granted for code, said in consent.standing(merchant=shop, member=member).items()}


# -- joining ----------------------------------------------------------------------------------------------------------


def test_the_join_page_leads_to_a_notice_that_exists_and_ticks_nothing(cafe):
    page = Client().get(m(cafe, "join")).content.decode()

    assert "checked" not in page
    assert page.count('type="checkbox"') == 7, "terms, notice, three channels, night, profiling"
    assert f'href="{m(cafe, "privacy")}"' in page
    notice = Client().get(m(cafe, "privacy"))
    assert notice.status_code == 200
    assert "Cafe Haneul runs this membership programme" in notice.content.decode()
    assert "standard notice of" in notice.content.decode()


def test_a_link_to_join_says_what_it_is_where_it_is_shared(cafe):
    """A messenger shows name, sentence and picture of a link, and reads nothing else."""
    page = Client().get(m(cafe, "join"), headers={"Accept-Language": "ko"}).content.decode()
    assert '<meta property="og:title" content="Cafe Haneul 포인트 적립">' in page
    assert '<meta name="description" content="Cafe Haneul 포인트 적립. ' in page
    picture = re.search(r'<meta property="og:image" content="http://testserver([^"]+)">', page)[1]
    assert Client().get(picture)["Content-Type"] == "image/png"


def test_what_mina_agreed_to_is_kept_with_the_very_versions_she_saw(cafe, django_capture_on_commit_callbacks):
    published(cafe, "We keep your number.")
    browser = Client()
    page = browser.get(m(cafe, "join"))
    assert shown_on(page) == "privacy:1 terms:0"
    form = {"contact": "mina@example.org", "terms": "on", "privacy": "on", "shown": shown_on(page)}
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(m(cafe, "join"), form).status_code == 302
    # While her code is on its way a new version comes out: she did not agree to that one.
    published(cafe, "We give your number to a courier.", asks_again=True)
    browser.post(m(cafe, "code"), {"code": code_in_last_mail()})

    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, email="mina@example.org")
        kept = Consent.objects.filter(merchant=cafe, member=mina).values_list("purpose", "document")
        assert set(kept) == {("terms", "terms:0"), ("privacy", "privacy:1")}
    assert "Please read and agree" in browser.get(m(cafe)).content.decode()
    assert "The privacy notice has changed" in browser.get(m(cafe, "me/agree")).content.decode()


def test_a_page_opened_before_the_notice_changed_is_sent_back_with_the_new_one(cafe):
    browser = Client()
    old = shown_on(browser.get(m(cafe, "join")))
    published(cafe, "We keep your number.")
    form = {"contact": "mina@example.org", "terms": "on", "privacy": "on"}

    refused = browser.post(m(cafe, "join"), {**form, "shown": old})

    assert refused.status_code == 422
    assert "changed since this page was opened" in refused.content.decode()
    assert mail.outbox == []
    assert browser.post(m(cafe, "join"), {**form, "shown": shown_on(refused)}).status_code == 302


@pytest.mark.parametrize("left_out", ["terms", "privacy"])
def test_terms_and_notice_are_two_boxes_and_both_are_needed(cafe, left_out):
    form = {"contact": "mina@example.org", "terms": "on", "privacy": "on", "marketing_email": "on"}
    del form[left_out]

    assert Client().post(m(cafe, "join"), form).status_code == 422

    assert mail.outbox == []


# -- the notice -------------------------------------------------------------------------------------------------------


def test_an_owner_writes_a_notice_looks_at_it_and_publishes_it(cafe):
    hana = staff_browser(cafe, "owner")
    page = hana.get(f"/console/{cafe.slug}/settings/privacy")
    assert "You have published none yet" in page.content.decode()
    assert "Cafe Haneul runs this membership programme" in page.content.decode(), "the standard one, to begin with"
    form = {"text_en": "## Whom we tell\n\n- Nobody.", "legal_contact": "Haneul Ltd.", "based_on": "0"}

    looked = hana.post(f"/console/{cafe.slug}/settings/privacy", {**form, "act": "preview"})
    assert "<h2>Whom we tell</h2>" in looked.content.decode()
    assert "Whom we tell" not in Client().get(m(cafe, "privacy")).content.decode()

    assert hana.post(f"/console/{cafe.slug}/settings/privacy", {**form, "act": "publish"}).status_code == 302
    shown = Client().get(m(cafe, "privacy")).content.decode()
    assert "<h2>Whom we tell</h2>" in shown
    assert "Haneul Ltd." in shown
    late = hana.post(f"/console/{cafe.slug}/settings/privacy", {**form, "text_en": "Mine", "act": "publish"})
    assert "Somebody else published a notice meanwhile" in late.content.decode()
    assert "<h2>Whom we tell</h2>" in Client().get(m(cafe, "privacy")).content.decode()


def test_an_older_version_stays_readable_and_says_so(cafe):
    published(cafe, "First words.")
    published(cafe, "Second words.")

    old = Client().get(m(cafe, "privacy"), {"version": "1"}).content.decode()

    assert "First words." in old
    assert "This is an older version" in old
    assert "Second words." in Client().get(m(cafe, "privacy")).content.decode()
    for nothing in ("3", "x", "-1", "9" * 7):
        assert Client().get(m(cafe, "privacy"), {"version": nothing}).status_code == 404


def test_a_changed_notice_asks_at_the_next_visit_and_blocks_nothing(cafe):
    mina = join(cafe)
    phone = member_browser(cafe, mina)
    assert "Please read and agree" in phone.get(m(cafe)).content.decode()
    assert phone.get(m(cafe, "card")).status_code == 200
    page = phone.get(m(cafe, "me/agree"))
    assert phone.post(m(cafe, "me/agree"), {"terms": "on", "shown": shown_on(page)}).status_code == 422
    assert of(cafe, mina) == {}

    phone.post(m(cafe, "me/agree"), {"terms": "on", "privacy": "on", "shown": shown_on(page)})
    assert of(cafe, mina) == {"terms": True, "privacy": True}
    assert "Please read and agree" not in phone.get(m(cafe)).content.decode()

    published(cafe, "We keep your number.")
    assert "The privacy notice has changed" in phone.get(m(cafe)).content.decode()
    phone.post(m(cafe, "me/agree"), {"shown": shown_on(phone.get(m(cafe, "me/agree")))})
    assert "The privacy notice has changed" not in phone.get(m(cafe)).content.decode()
    history = phone.get(m(cafe, "me/consents")).content.decode()
    assert history.index("I have seen the changed privacy notice.") < history.index("I agree to the membership terms")


# -- others hear of it ------------------------------------------------------------------------------------------------


def test_a_withdrawal_reaches_whoever_sends_the_letters(cafe):
    till = till_at(cafe)
    before = datetime.now(UTC)
    mina = till.post("members", {"external_id": "crm-1", "consents": ["terms", "privacy", "marketing_email"]}).json()
    assert [(each["consent"], each["is_granted"]) for each in mina["consents"]] == [
        ("terms", True), ("privacy", True), ("marketing_email", True),
    ]  # fmt: skip
    with tenancy.tenant(cafe):
        member = Member.objects.get(merchant=cafe, public_id=mina["id"])
    middle = datetime.now(UTC)
    phone = member_browser(cafe, member)
    phone.post(m(cafe, "me/consents/marketing_email"), {"wish": "withdraw"})

    with tenancy.tenant(cafe):
        last = OutboxEvent.objects.filter(merchant=cafe, kind="consent.changed").order_by("-id")[0].payload
        kinds = list(OutboxEvent.objects.filter(merchant=cafe).order_by("id").values_list("kind", flat=True))
    assert (last["member"], last["consent"], last["is_granted"], last["source"]) == (
        mina["id"], "marketing_email", False, "portal",
    )  # fmt: skip
    assert kinds.index("member.enrolled") < kinds.index("consent.changed")
    since = f"members?changed_since={(middle - timedelta(seconds=1)).isoformat().replace('+00:00', 'Z')}"
    (changed,) = till.get(since).json()["data"]
    assert changed["consents"][2] | {"at": ""} == {
        "consent": "marketing_email", "is_granted": False, "at": "", "document": None, "wording_version": "2026-11",
    }  # fmt: skip
    assert till.get(f"members?changed_since={before.isoformat().replace('+00:00', 'Z')}").json()["next_cursor"] is None


def test_those_that_changed_come_oldest_first_in_pages_with_the_erased_among_them(cafe):
    till = till_at(cafe)
    names = [till.post("members", {"external_id": name}).json()["id"] for name in ("Ara", "Bo", "Chul")]
    start = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    till.patch(f"members/{names[2]}", {"name": "Chulsoo"})
    till.post(f"members/{names[0]}/erase")
    till.post(f"members/{names[1]}/consents", {"consent": "profiling", "is_granted": True})

    first = till.get(f"members?changed_since={start}&limit=2").json()
    rest = till.get(f"members?changed_since={start}&limit=2&cursor={first['next_cursor']}").json()

    assert [(each["id"], each["state"]) for each in first["data"] + rest["data"]] == [
        (names[2], "active"), (names[0], "erased"), (names[1], "active"),
    ]  # fmt: skip
    assert rest["next_cursor"] is None
    both = till.get(f"members?changed_since={start}&external_id=crm-1")
    assert (both.status_code, both.json()["code"]) == (422, "ambiguous_reference")


def test_an_unsubscribe_link_elsewhere_is_honoured_here_and_a_repeated_enrolment_does_not_take_it_back(cafe):
    till = till_at(cafe)
    form = {"external_id": "crm-7", "consents": ["terms", "privacy", "marketing_sms"]}
    mina = till.post("members", form).json()

    answer = till.post(f"members/{mina['id']}/consents", {"consent": "marketing_sms", "is_granted": False})
    assert answer.status_code == 200
    assert [(each["consent"], each["is_granted"], each["source"]) for each in answer.json()["history"][:1]] == [
        ("marketing_sms", False, "api")
    ]
    again = till.post("members", form)

    assert again.status_code == 200
    assert {each["consent"]: each["is_granted"] for each in again.json()["consents"]}["marketing_sms"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"consent": "terms", "is_granted": False},
        {"consent": "marketing", "is_granted": True},
        {"consent": "profiling", "is_granted": "yes"},
        {"consent": "profiling"},
        {"consent": "profiling", "is_granted": True, "channel": "sms"},
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_is_noted(cafe, body):
    till = till_at(cafe)
    mina = till.post("members", {"external_id": "crm-1", "consents": ["terms", "privacy"]}).json()

    assert till.post(f"members/{mina['id']}/consents", body).status_code in {400, 422}

    with tenancy.tenant(cafe):
        assert Consent.objects.filter(merchant=cafe).count() == 2
