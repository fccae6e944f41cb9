"""Reconciliation: a ledger that agrees is said to in one line; whatever is tampered with is named."""

from __future__ import annotations

import os
from importlib import import_module
from io import StringIO
from pathlib import Path

import psycopg2
import pytest
from django.core.management import CommandError, call_command

from loyalty.launch.urls import psycopg_from_url
from merchants import tenancy
from merchants.models.audit import AuditRecord
from rewards import purchases, verify
from rewards.verify import sums
from tests import builders


@pytest.fixture
def cafe(committed):
    """A shop where everything that can happen to points has happened."""
    stamps = {"code": "visits", "name": "Visits", "sizes": [2], "reward": "coffee"}
    cafe = builders.cafe(transfers={}, stamps=[stamps])
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
    # Two visits are a full card, and a coffee of his own.
    jun.buys(4_000)
    jun.buys(4_000)
    cafe.sells_to_a_guest(5_000, "guest-1")
    claimed = jun.claims("guest-1")
    cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claimed.public_id, reason="Mina's", now=cafe.now, actor=builders.OWNER
        )
    )
    return cafe


@pytest.fixture
def tamper():
    """Somebody with the keys of the machine, triggers out of the way."""
    connection = psycopg2.connect(**psycopg_from_url(os.environ["DATABASE_SUPER_URL"]))
    with connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield cursor.execute
    connection.close()


def test_every_package_that_says_what_must_agree_is_asked():
    """A module `ledger_checks` of a package counts for nothing until rewards/verify/sums.py names it."""
    root = Path(verify.__file__).parents[2]
    contributed = [
        check
        for path in sorted((root / "rewards").glob("*/ledger_checks.py"))
        for check in import_module(".".join(path.relative_to(root).with_suffix("").parts)).CHECKS
    ]
    assert set(contributed) == set(sums.CHECKS)
    assert len({check.name for check in sums.CHECKS}) == len(sums.CHECKS) == len(contributed)


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
    "the end of a purchase's points": ("UPDATE rewards_lot SET expires_at = expires_at - interval '1 second' WHERE id = "
                                       "(SELECT max(id) FROM rewards_lot WHERE account_id = {mina} AND purchase_id "
                                       "IS NOT NULL)", {"end"}),
    "a refund's points": ("UPDATE rewards_refund SET points_clawed_back = 0 WHERE merchant_id = %(m)s "
                          "AND external_id LIKE 'refund%%'", {"refund"}),
    "what the undoing of a claim took": ("UPDATE rewards_unclaim SET points_earned = points_earned + 1 "
                                         "WHERE merchant_id = %(m)s", {"unclaim"}),
    "how many purchases stand": ("UPDATE rewards_membership SET purchases_count = purchases_count + 1 WHERE member_id = "
                                 "(SELECT member_id FROM rewards_account WHERE id = {mina})",
                                 {"numbers"}),
    "what is on a stamp card": ("UPDATE rewards_stampbook SET stamps = stamps + 1 WHERE merchant_id = %(m)s", {"stamp_card"}),
    "a stamp's entry": ("UPDATE rewards_stampentry SET stamps = stamps + 1 WHERE merchant_id = %(m)s AND kind = 'sale'",
                        {"stamp_card", "cap"}),
    "what a full card took": ("UPDATE rewards_ownreward SET stamps = stamps + 1 WHERE merchant_id = %(m)s", {"own_reward"}),
    "what became of an own reward": ("UPDATE rewards_ownreward SET state = 'taken' WHERE merchant_id = %(m)s",
                                     {"own_reward_taken"}),
}  # fmt: skip


def test_every_check_has_somebody_tamper_with_it():
    assert {check.name for check in sums.CHECKS} <= set().union(*(expected for _sql, expected in TAMPERED.values()))


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_is_tampered_with_is_named(cafe, tamper, what):
    statement, expected = TAMPERED[what]
    tamper(statement.replace("{mina}", MINA), {"m": cafe.merchant.pk})
    # Committed by hand: the fixture's own block ends after the assertions.
    tamper("COMMIT")
    found = checks(cafe)
    assert expected <= found, found


@pytest.fixture
def bakery(committed):
    """At most 150 points a member and 1,000 all together in a day; of two mugs one is taken. Old Mina is Mina now."""
    rule = {**builders.PROGRAMME["earning"]["rules"][0], "caps": [{"points": 150, "per": "day"}]}
    shared = {"points": 1_000, "per": "day", "scope": "programme"}
    bakery = builders.cafe(earning={"rules": [rule], "caps": [shared]})
    mina, old, jun = bakery.cast("Mina", "Old Mina", "Jun")
    old.buys(4_000, external_id="s-1")
    mina.buys(6_000, external_id="s-2")
    old.is_merged_into(mina)
    mina.is_given(200)
    mina.redeems(reward="mug")
    mina.reverses(mina.redeems(reward="mug").public_id)
    bakery.forward(days=1)
    jun.buys(10_000, external_id="s-3")
    jun.returns("s-3", 2_500)
    return bakery


_COUNTER = "UPDATE rewards_counter SET used = used {} WHERE merchant_id = %(m)s AND key LIKE '{}%%' AND scope = '{}'"
_FIRST_DAY = "cap:%%:2026-03-04"
LIMITS_TAMPERED = {
    "more of a stock": (_COUNTER.format("+ 1", "stock:mug", "programme"), "stock"),
    "less of a stock": (_COUNTER.format("- 1", "stock:mug", "programme"), "stock"),
    "the row of a stock": ("DELETE FROM rewards_counter WHERE merchant_id = %(m)s AND key = 'stock:mug'", "stock"),
    "a redemption that was given back": (
        "UPDATE rewards_redemption SET state = 'captured' WHERE merchant_id = %(m)s AND state = 'reversed'", "stock"),
    "more of a member's cap": (_COUNTER.format("+ 1", _FIRST_DAY, "member"), "cap"),
    "less of a member's cap": (_COUNTER.format("- 1", _FIRST_DAY, "member"), "cap"),
    "more of everybody's cap": (_COUNTER.format("+ 1", _FIRST_DAY, "programme"), "cap"),
    "less of everybody's cap": (_COUNTER.format("- 1", _FIRST_DAY, "programme"), "cap"),
    "more of a cap that was given back to": (_COUNTER.format("+ 1", "cap:%%:2026-03-05", "member"), "cap"),
    "the rows of caps": ("DELETE FROM rewards_counter WHERE merchant_id = %(m)s AND key LIKE 'cap:%%'", "cap"),
}  # fmt: skip


@pytest.mark.parametrize("what", LIMITS_TAMPERED)
def test_a_counter_that_says_something_else_than_the_documents_is_named(bakery, tamper, what):
    statement, expected = LIMITS_TAMPERED[what]
    assert reconcile(bakery).agrees
    tamper(statement, {"m": bakery.merchant.pk})
    tamper("COMMIT")

    report = reconcile(bakery)

    assert expected in {fault.check for fault in report.faults}, report.faults
    assert {fault.account_id for fault in report.faults if fault.check == expected} == {0}


def test_a_counter_that_does_not_agree_freezes_nobody(bakery, tamper):
    tamper(LIMITS_TAMPERED["more of a member's cap"][0], {"m": bakery.merchant.pk})
    tamper("COMMIT")
    mina = bakery.people["Mina"]

    report = reconcile(bakery)

    assert [str(fault) for fault in report.faults] == [
        f"{mina.public_id}: cap: cap:base:day:2026-03-04 says 101 points and the documents come to 100"
    ]
    assert bakery.does(lambda: verify.freeze(merchant=bakery.merchant, report=report, now=bakery.now)) == 0


@pytest.fixture
def lounge(committed):
    """Points end after 12 months without activity; Mina's end moves with hers, Sora's points went to Jun."""
    lounge = builders.cafe(expiry={"kind": "inactivity", "count": 12, "unit": "months"}, transfers={})
    mina, jun, sora = lounge.cast("Mina", "Jun", "Sora")
    mina.buys(10_000)  # 100 points until 2027
    mina.is_adjusted(50)
    mina.gives(jun, 10)
    sora.buys(20_000)
    sora.is_merged_into(jun)
    lounge.at("2026-06-01")
    mina.buys(10_000)  # hers of March now end in June 2027
    return lounge


OF_JUN = (
    "account_id = (SELECT account_id FROM rewards_entry WHERE merchant_id = %(m)s AND kind = 'transfer_in' LIMIT 1)"
)
SHORTENED = {
    "that activity moved, by as much": (
        "UPDATE rewards_lot l SET expires_at = (p.receipt->'lots'->0->>'expires_at')::timestamptz FROM rewards_purchase p "
        "WHERE p.merchant_id = %(m)s AND l.merchant_id = p.merchant_id AND l.purchase_id = p.id AND l.account_id = {mina}", 0),
    "of a purchase": ("UPDATE rewards_lot SET expires_at = '2026-07-01' WHERE account_id = {mina} AND amount = 100 "
                      "AND earned_at < '2026-06-01'", 2),
    "of a correction": ("UPDATE rewards_lot SET expires_at = '2026-07-01' WHERE account_id = {mina} AND amount = 50", 2),
    "of a gift": (f"UPDATE rewards_lot SET expires_at = '2026-07-01' WHERE {OF_JUN} AND amount = 10", 1),
    "that a merge brought": (f"UPDATE rewards_lot SET expires_at = '2026-07-01', sliding = '' WHERE {OF_JUN} "
                             "AND amount = 200", 1),
}  # fmt: skip


@pytest.mark.parametrize("what", SHORTENED)
def test_an_end_that_was_moved_earlier_is_named(lounge, tamper, what):
    """Back to what was promised, all agrees; a purchase and a correction are told by document and by rule."""
    assert reconcile(lounge).faults == []
    statement, told = SHORTENED[what]
    tamper(statement.replace("{mina}", MINA), {"m": lounge.merchant.pk})
    tamper("COMMIT")
    assert [fault.check for fault in reconcile(lounge).faults] == ["end"] * told


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


def thaw(cafe, mina, reason="the nightly copy was restored over it"):
    call_command("ledger", "thaw", cafe.merchant.slug, mina.public_id, "--reason", reason)


def test_a_frozen_account_is_thawed_when_it_agrees_again_and_not_before(cafe, tamper):
    mina, jun = cafe.people["Mina"], cafe.people["Jun"]
    tamper(TAMPERED["a balance"][0].replace("{mina}", MINA), {"m": cafe.merchant.pk})
    tamper("COMMIT")
    with pytest.raises(SystemExit):
        run(cafe, "--freeze")

    with pytest.raises(CommandError, match=r"Reconciliation still finds a fault \(.*The account stays frozen"):
        thaw(cafe, mina)
    with pytest.raises(CommandError, match="1 to 200 characters"):
        thaw(cafe, mina, reason=" ")
    with pytest.raises(CommandError, match="This account is not frozen"):
        thaw(cafe, jun)
    with pytest.raises(CommandError, match="There is no such member"):
        call_command("ledger", "thaw", cafe.merchant.slug, "mem_0000000000000000", "--reason", "x")
    with tenancy.tenant(cafe.merchant):
        assert [each.member for each in verify.frozen(merchant=cafe.merchant)] == [mina.public_id]
        assert not AuditRecord.objects.filter(action="account.thawed").exists()

    tamper("BEGIN; SET LOCAL session_replication_role = replica")
    tamper(f"UPDATE rewards_account SET balance = balance - 1 WHERE id = {MINA}", {"m": cafe.merchant.pk})
    tamper("COMMIT")
    thaw(cafe, mina)

    mina.redeems(points=10, order_total_minor=10_000)
    with tenancy.tenant(cafe.merchant):
        assert verify.frozen(merchant=cafe.merchant) == []
        record = AuditRecord.objects.get(action="account.thawed")
    assert (record.subject, record.details["reason"]) == (mina.public_id, "the nightly copy was restored over it")


def test_it_can_be_asked_about_some_members_only(cafe, tamper):
    mina, jun = cafe.people["Mina"], cafe.people["Jun"]
    tamper(TAMPERED["a balance"][0].replace("{mina}", MINA), {"m": cafe.merchant.pk})
    tamper("COMMIT")
    with tenancy.tenant(cafe.merchant):
        assert verify.verify_members(merchant=cafe.merchant, member_ids=[jun.id]).agrees
        assert not verify.verify_members(merchant=cafe.merchant, member_ids=[mina.id]).agrees
