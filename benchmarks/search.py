"""What finding a member costs among a million, and a page of the list in each order and segment.

    python3 manage.py benchmark search [--quick]

Two merchants of its own, one with a hundred times the members of the other; quick: 100,000 and 1,000. The last lines are
machine-readable.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from analytics import member_list  # noqa: E402
from members import directory, search_keys  # noqa: E402
from members.models import Member  # noqa: E402
from merchants import ids, tenancy  # noqa: E402
from merchants.models.merchants import Merchant  # noqa: E402

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
CHUNK = 50_000
_FAMILIES = "김이박최정강조윤장임한오서신권황안송전홍"
_SYLLABLES = "가강건경관규나다도동라미민보빈상서선성소수숙승시아연영예용우원유윤은의재정준지진찬채태하한현혜호희"
_GIVEN = ("Anna", "Marcus", "Priya", "Diego", "Hannah", "Samuel", "Tom", "Claire", "Noah", "Eleanor", "Kim", "Zoë")
_SURNAMES = ("Lee", "O’Brien", "Raman", "Fuentes", "Goldberg", "Adeyemi", "Hudson", "Dubois", "Bergström", "Kimberly")
_HAN = "王陳林黃張李吳劉蔡楊美玲怡君志豪芳家雅婷俊宏淑惠"

_MEMBERS = """
    INSERT INTO members_member (merchant_id, public_id, code, referral_code, name, email, phone, language, note, attributes,
        state, seat_id_of_staff, joined_at, recorded_at, birth_month, birth_day)
    SELECT %(m)s, 'mem_' || lpad(to_hex(%(m)s), 6, '0') || lpad(to_hex(n), 10, '0'), 'B' || n, 'JOIN' || n,
        (%(names)s::text[])[1 + n * 7919 %% %(pool)s], CASE WHEN n %% 3 = 0 THEN 'm' || n || '@post.example' END,
        '+8210' || lpad((n * 104729 %% 100000000)::text, 8, '0'), '', '', '{}', 'active', '',
        %(now)s - make_interval(mins => (n %% 1000000)::int), %(now)s, 1 + n %% 12, 1 + n %% 28
    FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n
"""
# As `search_keys.of` makes them, which `tests/project/test_benchmarks.py` compares.
_KEYS = """
    INSERT INTO members_searchkey (merchant_id, member_id, key)
    SELECT %(m)s, k.id, k.key FROM (
        SELECT m.id, w.key FROM members_member m JOIN unnest(%(of)s::text[], %(keys)s::text[]) AS w(name, key)
            ON w.name = m.name WHERE m.merchant_id = %(m)s AND m.id > %(after)s
        UNION SELECT m.id, 'p' || right(m.phone, n) FROM members_member m, generate_series(4, 10) AS n
            WHERE m.merchant_id = %(m)s AND m.id > %(after)s
        UNION SELECT m.id, 'e' || substr(split_part(m.email, '@', 1), n, 16) FROM members_member m, generate_series(1, 7) AS n
            WHERE m.merchant_id = %(m)s AND m.id > %(after)s AND m.email IS NOT NULL
                AND (n = 1 OR n <= length(split_part(m.email, '@', 1)) - 2)
        UNION SELECT m.id, 'epostexample' FROM members_member m
            WHERE m.merchant_id = %(m)s AND m.id > %(after)s AND m.email IS NOT NULL
    ) AS k
"""
_FIGURES = """
    INSERT INTO analytics_memberfigure (merchant_id, member_id, purchases, revenue_minor, last_day, points, pending)
    SELECT %(m)s, m.id, m.id %% 50, m.id * 7919 %% 2000000, %(now)s::date - (m.id * 31 %% 700)::int, m.id * 31 %% 9000, 0
    FROM members_member m WHERE m.merchant_id = %(m)s AND m.id > %(after)s
"""
# By a hash: what goes with the number of a member goes with their name here, and no list is so.
_BEHIND = """
    INSERT INTO analytics_insightmember (merchant_id, kind, member_id, at_stake)
    SELECT %(m)s, k.kind, m.id, 1 FROM members_member m
    JOIN (VALUES ('regulars_slipping', 100), ('detractors_waiting', 5000), ('points_expiring', 5)) AS k(kind, one_in)
        ON (hashint8extended(m.id, 7) & 1048575) %% k.one_in = 0
    WHERE m.merchant_id = %(m)s AND m.id > %(after)s
"""


def names(count: int) -> list[str]:
    """So many names of three scripts, always the same."""
    dice = random.Random(1)
    found: list[str] = []
    for number in range(count):
        if number % 10 < 6:
            found.append(dice.choice(_FAMILIES) + dice.choice(_SYLLABLES) + dice.choice(_SYLLABLES))
        elif number % 10 < 9:
            found.append(f"{dice.choice(_GIVEN)} {dice.choice(_SURNAMES)}")
        else:
            found.append("".join(dice.choices(_HAN, k=3)))
    return found


def founded(members: int, *, pool: int = 20_000) -> Merchant:
    """A merchant with so many members, each with the keys they are searched by and the figures of a run."""
    merchant = Merchant.objects.create(
        public_id=ids.mint("mer"), slug=f"bench-{time.time_ns()}", name="Benchmark", currency="KRW", zone="Asia/Seoul",
        country="KR", is_sandbox=True, created_at=NOW,
    )  # fmt: skip
    called = names(pool)
    keyed = [(name, key) for name in sorted(set(called)) for key in sorted(search_keys.of(Member(name=name)))]
    values: dict[str, Any] = {
        "m": merchant.pk, "now": NOW, "names": called, "pool": len(called), "of": [name for name, _key in keyed],
        "keys": [key for _name, key in keyed], "after": 0,
    }  # fmt: skip
    for first in range(1, members + 1, CHUNK):
        with tenancy.tenant(merchant), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '10min'")
            cursor.execute(_MEMBERS, {**values, "from": first, "to": min(first + CHUNK - 1, members)})
            for statement in (_KEYS, _FIGURES, _BEHIND):
                cursor.execute(statement, values)
            cursor.execute("SELECT max(id) FROM members_member WHERE merchant_id = %s", [merchant.pk])
            values["after"] = cursor.fetchone()[0]
    return merchant


def typed(merchant: Merchant, count: int) -> list[str]:
    """What people type at a counter, of members drawn by dice: parts of names, initials, tails, words turned round."""
    dice = random.Random(2)
    with tenancy.tenant(merchant):
        people = dice.choices(list(Member.objects.filter(merchant=merchant).order_by("-id")[:900]), k=count)
    ways: Sequence[Callable[[Member], str]] = (
        lambda who: who.name[-2:] if not who.name.isascii() else who.name.split()[-1][:4],
        lambda who: search_keys.initials(who.name[:3]),
        lambda who: (who.phone or "")[-4:],
        lambda who: f"010-{(who.phone or '')[-8:-4]}-{(who.phone or '')[-4:]}",
        lambda who: " ".join(reversed(who.name.split())),
        lambda who: who.name,
        lambda who: who.email or "@post",
        lambda who: (who.phone or "")[-8:-2],
    )
    return [way(who) for who, way in zip(people, itertools.cycle(ways), strict=False)]


def p95_ms(works: Sequence[Callable[[], object]]) -> float:
    """The 95th percentile of what each takes, in milliseconds."""
    spent = []
    for work in works:
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)[int(len(spent) * 0.95)]


def search_p95_ms(merchant: Merchant, count: int) -> float:
    def find(text: str) -> object:
        with tenancy.tenant(merchant):
            return directory.look_up(merchant=merchant, text=text)

    return p95_ms([lambda text=text: find(text) for text in typed(merchant, count)])  # type: ignore[misc]


def list_p95_ms(merchant: Merchant, segment: member_list.Segment, order: member_list.Order, rounds: int) -> float:
    """A page of the list, the first and those after it, with the counts that stand above it."""
    place: list[member_list.Place | None] = [None]

    def show() -> None:
        with tenancy.tenant(merchant):
            counted = member_list.counts(merchant=merchant, now=NOW)
            found, place[0] = member_list.page(
                merchant=merchant, segment=segment, order=order, rising=member_list.is_rising(order), now=NOW, limit=25,
                after=place[0], counted=counted[segment],
            )  # fmt: skip
            member_list.bought(merchant=merchant, member_ids=found, now=NOW)

    return p95_ms([show] * rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    size = 100_000 if is_quick else 1_000_000
    searches, rounds = (200, 10) if is_quick else (600, 20)
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    small, large = founded(size // 100), founded(size)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "VACUUM (ANALYZE) members_member, members_searchkey, analytics_memberfigure, analytics_insightmember"
        )
        cursor.execute("SELECT pg_total_relation_size('members_searchkey')")
        kept = cursor.fetchone()[0]
    print(f"{size:,} members written in {time.perf_counter() - began:.0f} s; keys: {kept / size:,.0f} bytes a member")
    lines = [f"bytes search_keys_per_member {kept / size:.0f}"]
    spent = {}
    for merchant, name in ((small, "small"), (large, "large")):
        search_p95_ms(merchant, 40)
        spent[name] = search_p95_ms(merchant, searches)
        print(f"{name}: p95 of {searches} searches {spent[name]:.1f} ms")
    lines += [f"p95_ms search {spent['large']:.1f}", f"ratio search_100x_members {spent['large'] / spent['small']:.2f}"]
    pages: list[tuple[member_list.Segment, member_list.Order]] = [
        *(("everyone", order) for order in member_list.ORDERS),
        *((segment, "joined") for segment in member_list.SEGMENTS if segment != "everyone"),
        ("active", "spend"), ("slipping", "name"), ("expiring", "points"), ("unhappy", "visit"),
    ]  # fmt: skip
    for segment, order in pages:
        list_p95_ms(large, segment, order, 2)
        found = list_p95_ms(large, segment, order, rounds)
        lines.append(f"p95_ms member_list_{segment}_by_{order} {found:.1f}")
        print(f"a page of {segment} by {order}: p95 {found:.1f} ms")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
