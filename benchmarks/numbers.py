"""What the numbers cost: a refresh grows with what changed, not with the history; a night, the auditor, the page.

    python3 manage.py benchmark numbers [--quick]

Trades under two sandbox merchants of its own.  The last lines are machine-readable.
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from analytics import dashboard, runs, verify  # noqa: E402
from merchants import ids, tenancy  # noqa: E402
from merchants.models.merchants import Merchant  # noqa: E402

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAYS = 540

_MEMBERS = """
    INSERT INTO members_member (merchant_id, public_id, code, referral_code, name, language, note, attributes, state,
        seat_id_of_staff, joined_at, recorded_at)
    SELECT %(m)s, 'mem_' || lpad(to_hex(%(m)s), 6, '0') || lpad(to_hex(n), 10, '0'), 'B' || n, 'JOIN' || n, '', '', '', '{}',
        'active', '', %(now)s - make_interval(days => 1 + n %% %(days)s), %(now)s
    FROM generate_series(1, %(count)s) AS n
"""

# Member n buys on days that look random and are not; every twentieth sale is a guest's.
_PURCHASES = """
    INSERT INTO rewards_purchase (merchant_id, public_id, external_id, fingerprint, receipt, actor, occurred_at,
        recorded_at, state, member_id, local_day, terminal, channel, currency, total_minor, tax_minor, points_paid_minor,
        refunded_minor, refunded_unnamed_minor, tenders, facts, points_earned, points_clawed_back, qualifying_points,
        qualifying_minor, rounding_minor, has_returns, is_time_unknown, came_back_whole)
    SELECT %(m)s, 'pur_' || %(m)s || '_' || n, 'b-' || n, '', '{}', 'benchmark', at, at, 'recorded',
        CASE WHEN n %% 20 = 0 THEN NULL ELSE %(first)s + n * 7919 %% %(members)s END, (at AT TIME ZONE 'Asia/Seoul')::date,
        '', '', 'KRW', 1000 + n %% 9000, 0, 0, 0, 0, '[]', '{}', 0, 0, 0, 0, 0, false, false, false
    FROM (SELECT n, %(now)s - make_interval(days => (1 + n * 104729 %% %(days)s)::int) AS at
        FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS sale
"""


def founded(purchases: int) -> Merchant:
    """A merchant with so many purchases, written by 1,000 in a transaction."""
    merchant = Merchant.objects.create(
        public_id=ids.mint("mer"), slug=f"bench-{time.time_ns()}", name="Benchmark", currency="KRW", zone="Asia/Seoul",
        country="KR", is_sandbox=True, created_at=NOW,
    )  # fmt: skip
    members = max(200, purchases // 20)
    values = {"m": merchant.pk, "now": NOW, "days": DAYS, "count": members, "members": members}
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute(_MEMBERS, values)
        cursor.execute("SELECT min(id) FROM members_member WHERE merchant_id = %s", [merchant.pk])
        merchant.first_member = cursor.fetchone()[0]
    merchant.members = members
    merchant.sold = 0
    for _ in range(purchases // 1000):
        sell(merchant, 1000)
    return merchant


def sell(merchant: Merchant, count: int, *, days: int = DAYS) -> None:
    values = {
        "m": merchant.pk, "now": NOW, "days": days, "first": merchant.first_member, "members": merchant.members,
        "from": merchant.sold + 1, "to": merchant.sold + count,
    }  # fmt: skip
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute(_PURCHASES, values)
    merchant.sold += count


def refresh_seconds(merchant: Merchant, changed: int, *, rounds: int = 5) -> float:
    """Median of taking so many changed purchases, spread over the whole history, into the rollup."""
    taken = []
    for _ in range(rounds):
        sell(merchant, changed)
        run_id = runs._piece(merchant, lambda: runs._begin(merchant, NOW, rebuild=False))
        began = time.perf_counter()
        runs._take_in_purchases(merchant, run_id, 20_000)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def timed(work) -> tuple[float, object]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    size = 50_000 if parser.parse_args().quick else 200_000
    call_command("migrate", verbosity=0)
    small, large = founded(size // 10), founded(size)
    lines = []
    first, result = timed(lambda: runs.run(large, now=NOW))
    print(f"first night over {size:,} purchases: {first:.2f} s, {result.member_days:,} member-days")
    lines.append(f"seconds numbers_first_night {first:.2f}")
    runs.run(small, now=NOW)
    spent = {}
    for merchant, name in ((small, "small"), (large, "large")):
        for changed in (100, 1000, 10_000):
            spent[name, changed] = refresh_seconds(merchant, changed, rounds=5 if changed < 10_000 else 3)
            print(f"{name} history, {changed:>6,} changed: refresh {spent[name, changed] * 1000:8.1f} ms")
    lines.append(f"ratio rollup_10x_history {spent['large', 1000] / spent['small', 1000]:.2f}")
    lines.append(f"ratio rollup_10x_change {spent['large', 10_000] / spent['large', 1000]:.2f}")
    runs.run(large, now=NOW)
    sell(large, 1000)
    night, _ = timed(lambda: runs.run(large, now=NOW + timedelta(days=1)))
    print(f"a later night with 1,000 changes over the whole history: {night:.2f} s")
    lines.append(f"seconds numbers_night_of_late_sales {night:.2f}")
    sell(large, 1000, days=2)
    night, _ = timed(lambda: runs.run(large, now=NOW + timedelta(days=2)))
    print(f"a night with 1,000 sales of the last two days: {night:.2f} s")
    lines.append(f"seconds numbers_night {night:.2f}")
    audit, report = timed(lambda: verify.audit(large))
    print(f"auditor: {report.checked:,} numbers in {audit:.2f} s, {len(report.differences)} differ")
    assert report.agrees, report.differences[:3]
    lines.append(f"seconds numbers_audit {audit:.2f}")

    def page() -> None:
        with tenancy.tenant(large):
            dashboard.overview(merchant=large, period="last_90", now=NOW)

    shown = sorted(timed(page)[0] for _ in range(50))
    lines.append(f"p50_ms dashboard {shown[25] * 1000:.1f}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
