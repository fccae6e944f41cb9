"""Runs: killed anywhere they are continued, two at once do not fight, and the night finds who is due."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from analytics import rollups, runs, verify
from analytics.models import MemberDay, MetricRun, MetricValue
from merchants import tenancy
from rewards.models.ledger import Entry
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

OCTOBER, NOVEMBER = date(2026, 10, 10), date(2026, 11, 1)


class Killed(BaseException):
    """As sudden as a SIGKILL: nothing catches it."""


def snapshot(trade: Trade) -> list[object]:
    with tenancy.tenant(trade.merchant):
        days = MemberDay.objects.filter(merchant=trade.merchant).order_by("member_id", "local_day")
        values = MetricValue.objects.filter(merchant=trade.merchant).order_by("metric", "period_kind", "starts_on")
        return [
            list(days.values_list("member_id", "local_day", "purchases", "revenue_minor")),
            list(values.values_list("metric", "period_kind", "starts_on", "value", "n")),
        ]


def enter(trade: Trade, account, *changes: tuple[str, int], on: date = OCTOBER) -> None:
    """Write ledger entries as the ledger would leave them."""
    with trade.open():
        for kind, points in changes:
            account.seq += 1
            account.balance += points
            Entry.objects.create(
                merchant=trade.merchant,
                account=account,
                seq=account.seq,
                kind=kind,
                balance_change=points,
                balance_after=account.balance,
                document_kind="purchase",
                document_id=1,
                actor="test",
                occurred_at=trade.at(on),
                recorded_at=trade.at(on),
                hash=b"",
            )
        account.save()


def busy_history(trade: Trade) -> None:
    people = trade.members(6)
    accounts = trade.accounts(people)
    for person, account in zip(people, accounts, strict=True):
        trade.buys([(person, OCTOBER, 100), (person, date(2026, 9, 9), 50)])
        enter(trade, account, ("accrue", 150), ("redeem", -40), ("expire", -10))
    trade.buy(None, OCTOBER, 33)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_killed_at_any_piece_is_continued_to_the_same_numbers(monkeypatch, moment):
    undisturbed = Trade()
    busy_history(undisturbed)
    runs.run(undisturbed.merchant, now=undisturbed.at(NOVEMBER), chunk=2)
    expected = [row[1:] for row in snapshot(undisturbed)[0]], snapshot(undisturbed)[1]

    trade = Trade()
    busy_history(trade)
    piece = runs._piece
    for fatal in itertools.count(1):
        count = itertools.count(1)

        def dying(merchant, work, *, wait=False, count=count, fatal=fatal):
            number = next(count)

            def work_and_die():
                result = work()
                if number == fatal and moment == "before":
                    raise Killed  # inside the transaction: all of the piece is undone
                return result

            done = piece(merchant, work_and_die, wait=wait)
            if number == fatal and moment == "after":
                raise Killed  # committed, and nobody knows
            return done

        monkeypatch.setattr(runs, "_piece", dying)
        try:
            runs.run(trade.merchant, now=trade.at(NOVEMBER), chunk=2)
        except Killed:
            continue
        break
    # Each further run got one piece further; with so much to do there were several to be killed at.
    assert fatal > 4
    assert ([row[1:] for row in snapshot(trade)[0]], snapshot(trade)[1]) == expected
    assert verify.audit(trade.merchant).differences == ()


def test_a_change_taken_in_by_a_killed_run_still_reaches_the_old_months(monkeypatch):
    trade = Trade()
    ann, ben = trade.members(2)
    trade.buys([(ann, date(2025, 1, 5), 100), (ben, date(2025, 1, 5), 100), (ann, OCTOBER, 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    trade.buy(ben, date(2025, 2, 5), 100)
    monkeypatch.setattr(runs, "_publish", lambda *_args: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        runs.run(trade.merchant, now=trade.at(NOVEMBER))
    monkeypatch.undo()
    # The rollup is ahead of the numbers now; the next run has nothing to take in and computes February all the same.
    assert runs.run(trade.merchant, now=trade.at(NOVEMBER)).member_days <= 1
    with tenancy.tenant(trade.merchant):
        value = MetricValue.objects.get(
            merchant=trade.merchant, metric="retention", period_kind="month", starts_on=date(2025, 2, 1)
        )
    assert value.parts["retained"] == 1
    assert verify.audit(trade.merchant).differences == ()


def test_a_second_run_at_the_same_time_leaves_and_the_first_finishes(monkeypatch):
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER)
    inside, leave = threading.Event(), threading.Event()
    begin = runs._begin

    def slow(*args, **kwargs):
        result = begin(*args, **kwargs)
        inside.set()
        leave.wait(10)
        return result

    outcome: list[object] = []

    def first() -> None:
        try:
            outcome.append(runs.run(trade.merchant, now=trade.at(NOVEMBER)))
        finally:
            connections.close_all()

    monkeypatch.setattr(runs, "_begin", slow)
    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(runs.AnotherRun):
        runs.run(trade.merchant, now=trade.at(NOVEMBER))
    leave.set()
    thread.join(20)
    assert isinstance(outcome[0], runs.Result)


def test_a_failure_is_kept_by_its_kind_and_without_its_words(monkeypatch):
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER)

    def broken(**_kwargs: object) -> None:
        raise ValueError("Ann, 010-1234-5678")

    monkeypatch.setattr(runs.alerts, "refresh", broken)
    with pytest.raises(ValueError):
        runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant):
        row = MetricRun.objects.get(merchant=trade.merchant)
    assert (row.failure, row.finished_at) == ("ValueError", None)


def test_the_night_is_the_merchants_own_and_a_missed_one_is_caught_up():
    cafe = Trade(zone="Asia/Seoul", currency="KRW")
    evening = datetime(2026, 11, 21, 15, 29, tzinfo=UTC)  # 00:29 in Seoul
    night = evening + timedelta(minutes=1)

    def due(now: datetime) -> bool:
        with tenancy.tenant(cafe.merchant):
            return runs.due(cafe.merchant, now)

    assert due(evening)  # never ran
    runs.run(cafe.merchant, now=evening)
    assert not due(evening)
    assert due(night)
    runs.run(cafe.merchant, now=night)
    assert not due(night + timedelta(hours=23))
    # Three days of outage: due at once, once.
    later = night + timedelta(days=3, hours=7)
    assert due(later)
    runs.run(cafe.merchant, now=later)
    assert not due(later + timedelta(hours=1))


def test_after_a_failure_the_next_try_waits_a_quarter_of_an_hour():
    trade = Trade()
    noon = trade.at(NOVEMBER)
    with tenancy.tenant(trade.merchant):
        MetricRun.objects.create(merchant=trade.merchant, started_at=noon, failed_at=noon, failure="OperationalError")
        assert not runs.due(trade.merchant, noon + timedelta(minutes=14))
        assert runs.due(trade.merchant, noon + timedelta(minutes=15))


def test_the_system_role_finds_who_is_due_and_nothing_else():
    trade, done = Trade(), Trade()
    now = trade.at(NOVEMBER)
    runs.run(done.merchant, now=now)
    found = runs.due_merchants(now)
    assert trade.merchant.pk in found
    assert done.merchant.pk not in found
    assert done.merchant.pk in runs.due_merchants(now + timedelta(days=1))
    connections["system"].close()


# -- the auditor --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        ("memberday", "revenue_minor", "member day"),
        ("memberday", "purchases", "member day"),
        ("pointsday", "points", "points of"),
        ("figures", "active_members", "active_members"),
        ("figures", "enrolments", "enrolments"),
        ("cohortmonth", "active", "cohort"),
        ("metricvalue", "n", ": n"),
        ("metricvalue", "numerator", ": numerator"),
    ],
)
def test_one_planted_wrong_number_is_named(table, column, named):
    trade = Trade()
    busy_history(trade)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE analytics_{table} SET {column} = {column} + 1 WHERE merchant_id = %s AND id = "
            f"(SELECT max(id) FROM analytics_{table} WHERE merchant_id = %s)",
            [trade.merchant.pk, trade.merchant.pk],
        )
    differences = verify.audit(trade.merchant).differences
    assert differences
    assert named in str(differences[0])


def test_the_last_digit_counts():
    trade = Trade()
    people = trade.members(3)
    trade.buys([(m, date(2026, 9, 9), 100) for m in people] + [(people[0], OCTOBER, 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analytics_metricvalue SET value = 0.33333334 WHERE merchant_id = %s AND value = 0.33333333 "
            "AND metric = 'retention' AND period_kind = 'month'",
            [trade.merchant.pk],
        )
        assert cursor.rowcount == 1
    [difference] = verify.audit(trade.merchant).differences
    assert str(difference) == (
        "retention of month from 2026-10-01: value: kept 0.33333334, the purchases say 0.33333333"
    )


def test_the_command_says_that_all_agree_or_names_what_does_not(capsys):
    trade = Trade()
    busy_history(trade)
    slug = trade.merchant.slug
    call_command("metrics", "run", merchant=slug)
    call_command("metrics", "verify", merchant=slug)
    assert "numbers from 13 purchases: all agree" in capsys.readouterr().out
    with tenancy.tenant(trade.merchant):
        MemberDay.objects.filter(merchant=trade.merchant, member_id=0).update(revenue_minor=34)
    with pytest.raises(CommandError, match=r"^\d+ numbers differ from the purchases\.$"):
        call_command("metrics", "verify", merchant=slug)
    assert (
        "member day 0 2026-10-10: kept [1, 34, 0, 0, 0], the purchases say [1, 33, 0, 0, 0]" in capsys.readouterr().out
    )


def test_what_has_arrived_since_the_run_is_said_and_not_called_wrong(capsys):
    trade = Trade()
    busy_history(trade)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    trade.buy(None, OCTOBER, 5)
    assert verify.audit(trade.merchant).unseen == 1
    with pytest.raises(CommandError):
        call_command("metrics", "verify", merchant=trade.merchant.slug)
    assert "1 purchases, refunds or merges arrived since the last run." in capsys.readouterr().out


def test_entries_are_added_once_however_often_the_ledger_is_taken_in():
    trade = Trade()
    [account] = trade.accounts(trade.members(1))
    enter(trade, account, ("accrue", 100), ("redeem", -30))
    for _ in range(2):
        with tenancy.tenant(trade.merchant):
            rollups.take_in_ledger(merchant=trade.merchant)
    enter(trade, account, ("accrue", 7), on=date(2026, 9, 1))
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT local_day, kind, points, entries FROM analytics_pointsday WHERE merchant_id = %s ORDER BY 1, 2",
            [trade.merchant.pk],
        )
        assert cursor.fetchall() == [
            (date(2026, 9, 1), "accrue", 7, 1),
            (OCTOBER, "accrue", 100, 1),
            (OCTOBER, "redeem", -30, 1),
        ]
