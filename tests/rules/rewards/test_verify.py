"""Reconciliation: a ledger that agrees is said to in one line; whatever is tampered with is named."""

from __future__ import annotations

import os
from io import StringIO

import psycopg2
import pytest
from django.core.management import call_command

from loyalty.launch.urls import psycopg_from_url
from merchants import tenancy
from merchants.models.audit import AuditRecord
from rewards import verify
from tests import builders


@pytest.fixture
def cafe(committed):
    """A shop where everything that can happen to points has happened."""
    cafe = builders.cafe(transfers={})
    mina, jun, sora = cafe.cast("Mina", "Jun", "Sora")
    mina.is_given(200, expires="2026-03-06")
    mina.is_given(300, active="2026-03-05", expires="2026-12-31")
    mina.buys(30_000, external_id="s-1", redeeming=[{"points": 100}, {"reward": "mug"}])
    mina.returns("s-1", 9_000)
    mina.captures(mina.holds(points=80, order_total_minor=10_000).public_id, 30)
    cafe.at("2026-03-07")
    mina.releases(mina.holds(reward="coffee").public_id)
    mina.reverses(mina.redeems(reward="coffee").public_id)
    mina.holds(reward="coffee", hold_minutes=600)
    mina.gives(jun, 40)
    jun.is_adjusted(-15)
    sora.buys(10_000, external_id="s-2")
    sora.redeems(reward="coffee")
    sora.returns("s-2")
    sora.is_merged_into(jun)
    return cafe


@pytest.fixture
def tamper():
    """Somebody with the keys of the machine, triggers out of the way."""
    connection = psycopg2.connect(**psycopg_from_url(os.environ["DATABASE_SUPER_URL"]))
    with connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield cursor.execute
    connection.close()


def reconcile(cafe):
    return verify.verify(merchant=cafe.merchant)


def checks(cafe):
    return {fault.check for fault in reconcile(cafe).faults}


def run(cafe, *options):
    out = StringIO()
    call_command("ledger", "verify", "--merchant", cafe.merchant.slug, *options, stdout=out)
    return out.getvalue()


def test_a_whole_ledger_agrees_in_one_line(cafe):
    report = reconcile(cafe)
    assert report.faults == []
    assert (report.accounts, report.entries > 25) == (3, True)
    assert run(cafe) == f"{cafe.merchant.slug}: 3 accounts, {report.entries} entries: all agree\n"


def test_it_agrees_however_the_accounts_are_cut_into_chunks(cafe):
    assert verify.verify(merchant=cafe.merchant, chunk=1).entries == reconcile(cafe).entries


MINA = "(SELECT min(id) FROM rewards_account WHERE merchant_id = %(m)s)"
TAMPERED = {
    "a balance": ("UPDATE rewards_account SET balance = balance + 1 WHERE id = {mina}", {"entries", "lots"}),
    "points held": ("UPDATE rewards_account SET held = held - 1 WHERE id = {mina}", {"entries", "lots", "holds"}),
    "a debt": ("UPDATE rewards_account SET debt = debt + 1 WHERE id = (SELECT max(id) FROM rewards_account WHERE "
               "merchant_id = %(m)s)", {"entries"}),
    "what is left of a lot": ("UPDATE rewards_lot SET remaining = remaining - 1 WHERE id = (SELECT max(id) FROM rewards_lot "
                              "WHERE account_id = {mina} AND remaining > held)", {"lots", "lot"}),
    "a lot's first amount": ("UPDATE rewards_lot SET amount = amount + 1 WHERE id = (SELECT max(id) FROM rewards_lot "
                             "WHERE account_id = {mina})", {"lot", "entry"}),
    "an allocation": ("UPDATE rewards_allocation SET remaining_change = remaining_change - 1 WHERE id = (SELECT max(x.id) "
                      "FROM rewards_allocation x JOIN rewards_lot l ON l.id = x.lot_id WHERE l.account_id = {mina})",
                      {"lot", "entry"}),
    "an entry's points": ("UPDATE rewards_entry SET balance_change = balance_change + 1, balance_after = balance_after + 1 "
                          "WHERE account_id = {mina} AND seq = 1", {"entries", "entry", "chain"}),
    "a running balance": ("UPDATE rewards_entry SET balance_after = balance_after + 1 WHERE account_id = {mina} AND seq = 2",
                          {"balance_after"}),
    "an entry's hand": ("UPDATE rewards_entry SET actor = 'staff:nobody' WHERE account_id = {mina} AND seq = 2", {"chain"}),
    "an entry's reason": ("UPDATE rewards_entry SET reason = 'a gift' WHERE account_id = {mina} AND seq = 2", {"chain"}),
    "an entry's time": ("UPDATE rewards_entry SET occurred_at = occurred_at + interval '1 microsecond' "
                        "WHERE account_id = {mina} AND seq = 2", {"chain"}),
    "an entry gone": ("DELETE FROM rewards_entry WHERE account_id = {mina} AND seq = 2", {"seq", "entries"}),
    "the last entry gone": ("DELETE FROM rewards_entry WHERE account_id = {mina} AND seq = (SELECT seq FROM rewards_account "
                            "WHERE id = {mina})", {"seq"}),
    "the head of the chain": ("UPDATE rewards_account SET chain = sha256('x') WHERE id = {mina}", {"chain"}),
    "a hold's state": ("UPDATE rewards_redemption SET state = 'released' WHERE merchant_id = %(m)s AND state = 'held'",
                       {"holds"}),
    "a redemption's points": ("UPDATE rewards_redemption SET points_captured = points_captured - 1 WHERE merchant_id = %(m)s "
                              "AND reward = 'mug'", {"redemption"}),
    "a purchase's points": ("UPDATE rewards_purchase SET points_earned = points_earned + 1 WHERE merchant_id = %(m)s "
                            "AND external_id = 's-1'", {"purchase"}),
    "what was clawed back": ("UPDATE rewards_purchase SET points_clawed_back = points_clawed_back - 1 "
                             "WHERE merchant_id = %(m)s AND external_id = 's-1'", {"refund"}),
    "a refund's points": ("UPDATE rewards_refund SET points_clawed_back = 0 WHERE merchant_id = %(m)s "
                          "AND external_id LIKE 'refund%%'", {"refund"}),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_is_tampered_with_is_named(cafe, tamper, what):
    statement, expected = TAMPERED[what]
    tamper(statement.replace("{mina}", MINA), {"m": cafe.merchant.pk})
    # Committed by hand: the fixture's own block ends after the assertions.
    tamper("COMMIT")
    found = checks(cafe)
    assert expected <= found, found


def test_a_fault_ends_with_exit_code_1_and_names_the_member(cafe, tamper):
    tamper(TAMPERED["a balance"][0].replace("{mina}", MINA), {"m": cafe.merchant.pk})
    tamper("COMMIT")
    out = StringIO()
    with pytest.raises(SystemExit) as ending:
        call_command("ledger", "verify", "--merchant", cafe.merchant.slug, stdout=out)
    assert ending.value.code == 1
    assert "2 faults in 1 accounts" in out.getvalue()
    assert f"  {cafe.people['Mina'].public_id}: entries: balance is " in out.getvalue()


def test_a_faulty_account_is_frozen_until_somebody_looked(cafe, tamper):
    mina, jun = cafe.people["Mina"], cafe.people["Jun"]
    tamper(TAMPERED["a balance"][0].replace("{mina}", MINA), {"m": cafe.merchant.pk})
    tamper("COMMIT")
    with pytest.raises(SystemExit):
        run(cafe, "--freeze")

    with pytest.raises(Exception) as refusal:
        mina.redeems(points=10, order_total_minor=10_000)
    assert refusal.value.code == "account_frozen"
    jun.is_given(500)
    jun.redeems(points=10, order_total_minor=10_000)
    with tenancy.tenant(cafe.merchant):
        assert AuditRecord.objects.get(action="account.frozen").subject == mina.public_id
        assert verify.thaw(merchant=cafe.merchant, member_id=mina.id)
    mina.redeems(points=10, order_total_minor=10_000)


def test_it_can_be_asked_about_some_members_only(cafe, tamper):
    mina, jun = cafe.people["Mina"], cafe.people["Jun"]
    tamper(TAMPERED["a balance"][0].replace("{mina}", MINA), {"m": cafe.merchant.pk})
    tamper("COMMIT")
    with tenancy.tenant(cafe.merchant):
        assert verify.verify_members(merchant=cafe.merchant, member_ids=[jun.id]).agrees
        assert not verify.verify_members(merchant=cafe.merchant, member_ids=[mina.id]).agrees
