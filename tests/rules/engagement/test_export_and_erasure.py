"""Everything kept about Mina: she can read all of it, and when she leaves, nothing of it names her."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey
from django.test import Client

from engagement import erasure, missing, surveys
from members import cards, codes, consent, live_codes, registration, reveals
from members.inputs import MemberChanges, NewMember
from members.models import Member
from merchants import contacts, tenancy
from merchants.actors import Actor
from merchants.code_requests import Asker
from rewards import enrolment, merging, safeguards
from tests import builders
from tests.people import code_in_last_mail, member_browser

pytestmark = pytest.mark.django_db
CANARY = "canaryxq7"
HANA = Actor("staff", "seat_0123456789abcdef", role="owner")

#: Where the rows of a table stand in the member's file, and what becomes of them when the member leaves.
EXPORTED = {
    "members.Member": ("member", "what names them is emptied"),
    "members.Card": ("cards", "the number becomes a meaningless one"),
    "members.Consent": ("consents", "stays as proof: the merchant's words, no name"),
    "members.ContactChange": ("contact_changes", "deleted"),
    "members.FormerCode": ("former_codes", "deleted"),
    "members.UsedLiveCode": ("moving_codes_used", "pruned by age; no name"),
    "rewards.Account": ("balance", "stays under a name that says nothing"),
    "rewards.Membership": ("balance", "stays; no name"),
    "rewards.TierPeriod": ("tiers_held", "stays; no name"),
    "rewards.ExpiryNotice": ("expiry_notices", "stays; no name"),
    "rewards.QualifyingGrant": ("qualifying_points_without_purchase", "stays; no name"),
    "rewards.Entry": ("ledger", "stays: the ledger holds no personal data"),
    "rewards.Lot": ("lots", "stays; no name"),
    "rewards.Purchase": ("purchases", "stays in the books without the name"),
    "rewards.PurchaseLine": ("purchases", "stays in the books without the name"),
    "rewards.Redemption": ("redemptions", "stays; no name"),
    "rewards.Adjustment": ("ledger", "stays; no name"),
    "rewards.PointsRequestLine": ("points_requests", "stays; no name"),
    "rewards.Transfer": ("transfers", "stays; no name"),
    "rewards.Merge": ("merges", "contacts and card numbers are taken out"),
    "rewards.Claim": ("claims", "stays; no name"),
    "rewards.Unclaim": ("claims_undone", "stays; no name"),
    "rewards.Refund": ("purchases", "stays in the books without the name"),
    "rewards.Referral": ("referrals", "stays; no name"),
    "rewards.StampBook": ("stamp_cards", "emptied; no name"),
    "rewards.StampEntry": ("stamps", "stays; no name"),
    "rewards.StampAdjustment": ("stamps", "stays; no name"),
    "rewards.OwnReward": ("own_rewards", "ended; no name"),
    "engagement.SurveyResponse": ("answers", "the comment is emptied, the score stays"),
    "engagement.MissingPoints": ("missing_points", "what staff wrote is emptied"),
    # Tables that name people by something else than a reference.
    "merchants.AuditRecord": ("looked_at_or_changed", "stays: public ids only"),
    "merchants.OutgoingMessage": ("messages", "deleted"),
    "merchants.User": ("sign_in", "the person's own; no longer tied to the merchant"),
    "merchants.Passport": ("sign_in", "deleted"),
}
#: Tables that refer to members and are not in the file, and why.
EXCLUDED = {
    "members.ContactCode": "a code on its way: ten minutes, then deleted within a day; deleted on leaving",
    "members.SearchKey": "pieces of the name, number and address that are in the file; deleted on leaving",
    "rewards.BulkMember": "which act gave an adjustment or stamps that are in the file; no name, forgotten in 90 days",
    "rewards.Allocation": "which lot an entry took from: the entries and lots themselves are in the file",
    "rewards.Counter": "running totals of purchases and redemptions that are in the file",
    "rewards.Capture": "the state and end of a redemption, which stand with it",
    "rewards.Release": "the state and end of a redemption, which stand with it",
    "rewards.Reversal": "the state and end of a redemption, which stand with it",
    "analytics.LedgerMark": "how far the daily sums have read the ledger; no figure of its own",
    "analytics.MemberDay": "sums of the purchases that are in the file",
    "analytics.MemberDayAtLocation": "sums of the purchases that are in the file",
    "analytics.MemberFigure": "sums of the purchases and lots that are in the file",
    "analytics.InsightMember": "whom the last run counted, by purchases, lots and answers that are in the file",
}
BY_WORDS = {"members.ContactCode", "merchants.AuditRecord", "merchants.OutgoingMessage", "merchants.User",
            "merchants.Passport", "rewards.Counter"}  # fmt: skip


def tables_that_name_a_member():
    """Every model that refers to a member, straight or by way of another, by key or by a number called so."""
    ours = {"merchants", "members", "rewards", "engagement", "analytics"}
    models = [model for model in apps.get_models() if model._meta.app_label in ours]
    found = {Member}
    while True:
        more = {
            model
            for model in models
            for field in model._meta.concrete_fields
            if (isinstance(field, ForeignKey) and field.related_model in found)
            or field.name in {"member_id", "account_id"}
        }
        if more <= found:
            return {model._meta.label for model in found}
        found |= more


def test_each_table_that_names_a_member_is_in_their_file_or_left_out_for_a_reason():
    assert tables_that_name_a_member() | BY_WORDS == set(EXPORTED) | set(EXCLUDED)
    assert not set(EXPORTED) & set(EXCLUDED)


def found_in_every_table(word):
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text ILIKE %s', [f"%{word}%"])
            row = cursor.fetchone()
            if row and row[0]:
                found.append(table)
        return found


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def mina(cafe):
    """Mina, about whom everything is kept that can be."""
    # A week ago: to a contact that changed lately nobody's data are handed out.
    shop, now = cafe.merchant, datetime.now(UTC) - timedelta(days=8)
    friend = cafe.member("Jisoo")
    details = NewMember(
        name=f"{CANARY} Kim", email=f"{CANARY}@example.org", note=f"{CANARY} likes oat milk", card=f"9000-{CANARY}",
        consents=("terms", "privacy", "marketing_email"), referred_by=cafe.does(lambda: Member.objects.get(pk=friend.id)).code,
    )  # fmt: skip
    second = NewMember(name=f"{CANARY} K.", phone="010-9876-5432", card=f"9001-{CANARY}")
    with tenancy.tenant(shop):
        mina = enrolment.enrol(merchant=shop, details=details, source="api", actor=HANA, now=now).member
        other = enrolment.enrol(merchant=shop, details=second, source="api", actor=HANA, now=now).member
        mail = contacts.read_email(f"{CANARY}@example.org")
        codes.send(merchant=shop, contact=mail, purpose="sign_in", session="s", asker=Asker("192.0.2.1"), now=now)
        reveals.reveal(merchant=shop, member=mina, now=now, actor=HANA)
        consent.decide(
            merchant=shop, member=mina, code="marketing_email", is_granted=False, source="portal", now=now, actor=HANA
        )
        registration.update(
            merchant=shop, member=mina, changes=MemberChanges(email=f"{CANARY}2@example.org"),
            actor=Actor("member", mina.public_id), now=now, undo_url=lambda secret: f"https://shop.example/{secret}",
        )  # fmt: skip
        merging.merge(merchant=shop, source=other.public_id, target=mina.public_id, now=now, actor=HANA)
        answer = surveys.AnswerInput(score=3, comment=f"I am {CANARY}", member=mina.public_id)
        surveys.record_response(merchant=shop, answer=answer, now=now, actor=HANA)
        mina.refresh_from_db()
        asked = missing.ask(
            merchant=shop, member=mina, bought_on=now.date(), amount_minor=500, receipt="R-1", now=now
        )  # fmt: skip
        missing.decline(merchant=shop, question=asked.public_id, reason=f"Dear {CANARY}", now=now, actor=HANA)
        shown = live_codes.read(
            merchant=shop, text=live_codes.series(merchant=shop, member=mina, now=now, count=1)[0][1]
        )
        live_codes.use(merchant=shop, member_id=mina.pk, shown=shown, used_for="redemption till-1:R-7", now=now)
        assert cards.of(mina)
        code = mina.code
        safeguards.replace_code(merchant=shop, member=mina, now=now, actor=HANA)
        mina.refresh_from_db()
        assert mina.code != code
    return mina


@pytest.fixture
def file_of(cafe, django_capture_on_commit_callbacks):
    """A member's file, taken along as members do: signed in, and with a fresh code."""

    def read(member):
        phone: Client = member_browser(cafe.merchant, member)
        address = f"/m/{cafe.merchant.slug}/me/data"
        with django_capture_on_commit_callbacks(execute=True):
            phone.post(address, {"to": "email"})
        phone.post(address, {"code": code_in_last_mail()})
        answer = phone.get(f"{address}.json")
        assert answer.status_code == 200
        return json.loads(answer.content)

    return read


def test_mina_reads_all_of_it(mina, file_of):
    kept = file_of(mina)

    assert {name for name, _outcome in EXPORTED.values()} <= set(kept)
    assert kept["member"]["note_of_the_staff"] == f"{CANARY} likes oat milk"
    assert [(each["consent"], each["is_granted"], each["by"]) for each in kept["consents"]][:1] == [
        ("marketing_email", False, "staff")
    ]
    assert len(kept["consents"]) == 4
    assert [(each["old"], each["new"]) for each in kept["contact_changes"]] == [
        (f"{CANARY}@example.org", f"{CANARY}2@example.org")
    ]
    assert ("member.revealed", "staff") in {(each["what"], each["by"]) for each in kept["looked_at_or_changed"]}
    assert [(each["role"], each["state"]) for each in kept["referrals"]] == [("referee", "open")]
    assert [each["role"] for each in kept["merges"]] == ["kept"]
    assert [each["used_for"] for each in kept["moving_codes_used"]] == ["redemption"]
    assert len(kept["former_codes"]) == 2, "of both memberships"
    assert kept["member"]["leaves_at"] is None
    assert kept["member"]["email_proved_at"] is None, "nobody has signed in with it yet"
    assert kept["missing_points"][0]["answer"] == f"Dear {CANARY}"
    assert "seat_" not in json.dumps(kept), "that somebody looked, not which employee"
    assert "Jisoo" not in json.dumps(kept), "a friend's data are the friend's"


def test_when_she_leaves_nothing_names_her(cafe, mina):
    with tenancy.tenant(cafe.merchant):
        assert "rewards_merge" in found_in_every_table(CANARY) + found_in_every_table("1098765432")
        erasure.leave(merchant=cafe.merchant, member=mina, now=datetime.now(UTC), actor=HANA)
        assert found_in_every_table(CANARY) == []
        assert found_in_every_table("1098765432") == []


def test_messages_of_whoever_had_the_address_before_are_not_mina_s(mina, file_of):
    assert [each["to"] for each in file_of(mina)["messages"] if each["to"] == f"{CANARY}@example.org"] == []
