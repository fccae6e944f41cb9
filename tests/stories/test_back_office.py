"""Kim runs the installation: sees whether all is well, opens a shop in the browser, closes it and opens it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merchants import audit, backups, sending_health, tenancy
from merchants.models.backups import Backup
from merchants.models.merchants import Merchant
from merchants.models.people import Seat, User
from rewards.models.accounts import Account
from tests import builders
from tests.people import browser_of, seat_at
from tests.till import Till, issue_key


@pytest.fixture
def kim(committed):
    return browser_of(User.objects.create_superuser(email=f"{builders.fresh('kim')}@example.org", password=None))


def test_health_says_what_is_well_and_which_ticks_never_ran(kim):
    page = kim.get("/backoffice/health/")

    assert page.status_code == 200
    right = {found.name: found.is_right for found in page.context["findings"]}
    assert [name for name in ("database", "migrations", "disk") if not right[name]] == []
    assert {name for name, _count, _since in page.context["waiting"]} >= {"lots_to_expire"}
    assert page.context["ticks"]


def test_health_leads_to_the_frozen_accounts_of_a_shop_and_says_what_mail_did(kim):
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    with tenancy.tenant(cafe.merchant):
        Account.objects.filter(member_id=mina.id).update(frozen_at=datetime.now(UTC))
    sending_health.note_sent("email", now=datetime.now(UTC))

    page = kim.get("/backoffice/health/")

    assert cafe.merchant.pk in {merchant.pk for merchant in page.context["frozen"]}
    assert "send.email" in {report.name for report in page.context["sent"]}
    frozen = f"/backoffice/merchants/merchant/{cafe.merchant.pk}/frozen/"
    assert frozen in page.content.decode()
    kim.post(frozen, {"member": mina.public_id, "reason": "A test froze it"})
    assert cafe.merchant.pk not in {merchant.pk for merchant in kim.get("/backoffice/health/").context["frozen"]}


def test_backups_are_listed_with_the_age_of_the_last_and_a_warning_when_it_is_late(kim):
    """Told by name, so that another test's backup is no matter: the newest of all is this one."""
    now = datetime.now(UTC)
    name = f"{builders.fresh('loyalty')}.dump"
    backups.note(name=name, size_bytes=5_242_880, is_read=True, now=now - timedelta(hours=2))
    page = kim.get("/backoffice/backups/")
    assert "The last backup was made" in page.content.decode()
    assert (name in page.content.decode(), "5.0\xa0MB" in page.content.decode()) == (True, True)
    assert finding_of(kim, "backup").is_right

    Backup.objects.all().delete()
    assert finding_of(kim, "backup").is_right
    assert "No backup was noted yet." in kim.get("/backoffice/backups/").content.decode()

    backups.note(name=name, size_bytes=1, is_read=True, now=now - timedelta(hours=27))
    assert "older than 26 hours" in kim.get("/backoffice/backups/").content.decode()
    assert finding_of(kim, "backup").sentence == "The last backup is older than 26 hours."
    Backup.objects.all().delete()


def finding_of(kim, name):
    return next(found for found in kim.get("/backoffice/health/").context["findings"] if found.name == name)


def test_a_shop_with_a_korean_name_is_opened_with_its_owner(kim):
    typed = {"name": "카페 하루", "owner": "haru@example.org", "country": "KR", "currency": "KRW", "zone": "Asia/Seoul",
             "language": "ko", "slug": ""}  # fmt: skip
    answer = kim.post("/backoffice/open-merchant/", typed)

    assert answer.status_code == 302
    merchant = Merchant.objects.filter(name="카페 하루").latest("pk")
    assert merchant.slug.startswith("kape-haru")
    assert Seat.objects.get(merchant=merchant).user.email == "haru@example.org"


def test_an_address_that_is_taken_is_said_at_its_field_and_opens_nothing(kim):
    taken = builders.cafe().merchant.slug
    before = Merchant.objects.count()
    typed = {"name": "Twin", "owner": "twin@example.org", "country": "KR", "currency": "KRW", "zone": "Asia/Seoul",
             "language": "en", "slug": taken}  # fmt: skip
    answer = kim.post("/backoffice/open-merchant/", typed)

    assert answer.status_code == 422
    assert answer.context["form"].errors["slug"] == ["This address is taken. Choose another one."]
    assert Merchant.objects.count() == before


def test_a_closed_shop_sells_nothing_until_it_is_open_again(kim):
    cafe = builders.cafe()
    till, place = (
        Till(cafe.merchant, issue_key(cafe.merchant).secret),
        f"/backoffice/merchants/merchant/{cafe.merchant.pk}/turn/",
    )
    assert till.get("key").status_code == 200

    kim.post(place, {"act": "close", "reason": "unpaid"})
    refused = till.get("key")
    assert (refused.status_code, refused.json()["code"]) == (403, "merchant_closed")

    kim.post(place, {"act": "reopen", "reason": "paid"})
    assert till.get("key").status_code == 200
    with tenancy.tenant(cafe.merchant):
        told = [(each.action, each.details.get("reason")) for each in audit.newest(merchant=cafe.merchant)][:2]
    assert told == [("merchant.reopened", "paid"), ("merchant.closed", "unpaid")]


def test_without_a_reason_nothing_happens(kim):
    cafe = builders.cafe()
    kim.post(f"/backoffice/merchants/merchant/{cafe.merchant.pk}/turn/", {"act": "close", "reason": " "})
    assert Merchant.objects.get(pk=cafe.merchant.pk).closed_at is None


def test_an_owner_has_no_business_there(kim):
    cafe = builders.cafe()
    hana = browser_of(seat_at(cafe.merchant, "owner").user)
    for place in ("health/", "open-merchant/", f"merchants/merchant/{cafe.merchant.pk}/turn/"):
        assert hana.get(f"/backoffice/{place}").status_code in {302, 403}, place
