"""Mina signs in with her address: whoever else changes it, she reads of it there, and a till cannot change it at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core import mail

from members.models import ContactChange, Member
from merchants import tenancy
from merchants.models.audit import AuditRecord
from merchants.models.outbox import OutboxEvent
from rewards import merging
from tests.people import MANAGER, join, open_shop, staff_browser
from tests.till import till_at

pytestmark = pytest.mark.django_db

TILL = ("members:read", "members:write")
OLD, NEW = "mina@example.org", "thief@example.org"


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def mina(cafe):
    return join(cafe, email=OLD, external_id="crm-1", signed_in_at=datetime.now(UTC))


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Do something, and return to whom letters went, and of what."""

    def sent(work):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = work()
        return answer, [(letter.to[0], letter.subject) for letter in mail.outbox]

    return sent


def known(cafe, member):
    with tenancy.tenant(cafe):
        return Member.objects.get(merchant=cafe, pk=member.pk)


def traces(cafe):
    with tenancy.tenant(cafe):
        return (
            ContactChange.objects.filter(merchant=cafe).count(),
            AuditRecord.objects.filter(merchant=cafe, action="member.updated").count(),
            OutboxEvent.objects.filter(merchant_id=cafe.pk, kind="member.updated").count(),
        )


@pytest.mark.parametrize(
    "body", [{"email": NEW}, {"email": None}, {"phone": "010-1234-5678"}, {"email": NEW, "name": "Somebody else"}]
)
def test_a_till_changes_no_contact_of_a_member_who_signs_in(cafe, mina, sent, body):
    till = till_at(cafe, *TILL)
    for call in (
        lambda: till.patch(f"members/{mina.public_id}", body),
        lambda: till.post("members", {"external_id": "crm-1", **body}),
    ):
        answer, letters = sent(call)
        assert (answer.status_code, answer.json()["code"]) == (403, "contact_is_members_own"), answer.content
        assert letters == []
    now = known(cafe, mina)
    assert (now.email, now.phone, now.name) == (OLD, None, "Mina")
    assert traces(cafe) == (0, 0, 0)


def test_a_till_may_say_again_what_is_known_and_change_the_rest(cafe, mina, sent):
    till = till_at(cafe, *TILL)
    answer, letters = sent(
        lambda: till.patch(f"members/{mina.public_id}", {"email": " MINA@example.org", "name": "Mina P"})
    )
    assert (answer.status_code, letters, known(cafe, mina).name) == (200, [], "Mina P")


def test_a_till_corrects_the_contact_of_somebody_who_never_signed_in(cafe, sent):
    jun = join(cafe, email="jnu@example.org", name="Jun")
    till = till_at(cafe, *TILL)
    answer, letters = sent(lambda: till.patch(f"members/{jun.public_id}", {"email": "jun@example.org"}))
    assert (answer.status_code, answer.json()["email"], letters) == (200, "jun@example.org", [])


@pytest.mark.parametrize("way", ["patch", "upsert"])
def test_a_system_that_keeps_contacts_changes_it_and_the_old_one_reads_of_it(cafe, mina, sent, way):
    crm = till_at(cafe, *TILL, "members:contacts")
    call = {
        "patch": lambda: crm.patch(f"members/{mina.public_id}", {"email": NEW}),
        "upsert": lambda: crm.post("members", {"external_id": "crm-1", "email": NEW}),
    }[way]

    answer, letters = sent(call)

    assert (answer.status_code, answer.json()["email"]) == (200, NEW)
    assert letters == [(OLD, "Your contact at Cafe Haneul was changed")]
    assert "/undo/" not in str(mail.outbox[0].body), "the shop is told, not the link pressed"
    # And whoever proves the new one is asked whether they are Mina.
    assert known(cafe, mina).email_proved_at is None


def test_an_import_tells_nobody_only_when_the_call_says_so(cafe, mina, sent):
    mover = till_at(cafe, *TILL, "members:import")
    _answer, letters = sent(lambda: mover.patch(f"members/{mina.public_id}", {"email": "mina2@example.org"}))
    assert letters == [(OLD, "Your contact at Cafe Haneul was changed")]

    answer, letters = sent(
        lambda: mover.post("members", {"external_id": "crm-1", "email": "mina3@example.org", "silent": True})
    )
    assert (answer.status_code, answer.json()["email"], letters) == (200, "mina3@example.org", [])

    crm = till_at(cafe, *TILL, "members:contacts")
    answer, letters = sent(lambda: crm.patch(f"members/{mina.public_id}", {"email": NEW, "silent": True}))
    assert (answer.status_code, answer.json()["code"], letters) == (403, "scope_missing", [])
    assert known(cafe, mina).email == "mina3@example.org"


def test_staff_change_it_and_the_old_one_reads_of_it(cafe, mina, sent):
    manager = staff_browser(cafe, "manager")
    form = {
        "name": "Mina",
        "email": NEW,
        "phone": "",
        "birthday": "",
        "language": "",
        "external_id": "crm-1",
        "note": "",
    }
    answer, letters = sent(lambda: manager.post(f"/console/{cafe.slug}/members/{mina.public_id}/change", form))
    assert (answer.status_code, letters) == (302, [(OLD, "Your contact at Cafe Haneul was changed")])


def test_a_merge_is_told_to_both_who_sign_in_and_to_nobody_else(cafe, mina, sent):
    jun, sora = (
        join(cafe, email="jun@example.org", signed_in_at=datetime.now(UTC)),
        join(cafe, email="sora@example.org"),
    )

    def merges(source, target):
        with tenancy.tenant(cafe):
            return merging.merge(
                merchant=cafe, source=source.public_id, target=target.public_id, now=datetime.now(UTC), actor=MANAGER
            )

    _merged, letters = sent(lambda: merges(mina, jun))
    subject = "Two memberships at Cafe Haneul are one now"
    assert letters == [(OLD, subject), ("jun@example.org", subject)]

    _merged, letters = sent(lambda: merges(sora, jun))
    assert letters == [("jun@example.org", subject)]


def test_a_merge_takes_along_when_a_contact_was_proved_and_its_undoing_brings_it_back(cafe):
    day = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    mina = join(cafe, phone="010-1234-5678", signed_in_at=day)
    jun = join(cafe)

    with tenancy.tenant(cafe):
        merged = merging.merge(
            merchant=cafe, source=mina.public_id, target=jun.public_id, now=datetime.now(UTC), actor=MANAGER
        )
    assert (known(cafe, jun).phone, known(cafe, jun).phone_proved_at) == ("+821012345678", day)
    assert known(cafe, jun).email_proved_at is None
    assert known(cafe, mina).phone_proved_at is None

    with tenancy.tenant(cafe):
        merging.unmerge(merchant=cafe, merge=merged.public_id, now=datetime.now(UTC), actor=MANAGER)
    assert known(cafe, mina).phone_proved_at == day
    assert (known(cafe, jun).phone, known(cafe, jun).phone_proved_at) == (None, None)
