"""A till's call reads what it is about, however little PostgreSQL knows of the merchant.

Every statement of the call is explained while it runs, and no step may look at more than a few rows, though the shop
has a thousand members.  A merchant who opened after the last ANALYZE is the hard case: each statement that is not
planned well for strangers reads all of their members for every sale.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from members.models import Card, Member
from merchants import ids, tenancy
from merchants.database import schema
from rewards.models.accounts import Account, Membership, TierPeriod
from rewards.models.referrals import Referral
from tests.till import Till, open_shop, sell, start_programme, till_at

CROWD = 1_000
#: More than any call is about, and far fewer than the shop has members.
ROWS_MAX = 400
#: Bytes up to which reading a table whole costs less than its index: a thousand members take several times that.
SMALL = 64 * 1024
NOW = datetime.now(UTC)
BEGUN = NOW - timedelta(days=400)
PROGRAMME: dict[str, Any] = {
    "tiers": {
        "basis": "spend",
        "window": {"kind": "calendar_year"},
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 500_000},
        ],
    },
    "rewards": [{"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10}],
    "pay_with_points": {"points": 1, "amount_minor": 1},
    "expiry": {"kind": "rolling", "count": 12, "unit": "months"},
    "transfers": {},
    "stamps": [{"code": "visits", "name": "Visits", "sizes": [1], "reward": "coffee"}],
}


def crowded(slug: str, *, size: int = CROWD) -> Till:
    """A shop with a crowd, each of whom has a card, a phone, an account on the first tier, and was brought by another."""
    till = till_at(open_shop(slug))
    start_programme(till, **PROGRAMME)
    merchant = till.merchant
    with tenancy.tenant(merchant):
        members = Member.objects.bulk_create(
            Member(
                merchant=merchant, public_id=ids.mint("mem"), external_id=f"crm-{number}", name=f"Guest {number}",
                code=ids.normalise(ids.mint_member_code()), phone=f"+8210{20_000_000 + number}",
                email=f"guest-{number}@example.org", joined_at=BEGUN, recorded_at=BEGUN,
            )
            for number in range(size)
        )  # fmt: skip
        Card.objects.bulk_create(
            Card(merchant=merchant, number=f"9000{number:06d}", member=member, issued_at=BEGUN)
            for number, member in enumerate(members)
        )
        accounts = Account.objects.bulk_create(Account(merchant=merchant, member=member) for member in members)
        Membership.objects.bulk_create(
            Membership(merchant=merchant, member=each.member, account=each, tier="green", tier_since=BEGUN)
            for each in accounts
        )
        TierPeriod.objects.bulk_create(
            TierPeriod(
                merchant=merchant, member=member, tier="green", held_from=BEGUN, reason="entry", recorded_at=BEGUN
            )
            for member in members
        )
        Referral.objects.bulk_create(
            Referral(
                merchant=merchant, public_id=ids.mint("rfl"), referrer=friend, referee=member, state="qualified",
                created_at=BEGUN, qualified_at=BEGUN,
            )
            for member, friend in itertools.pairwise(members)
        )  # fmt: skip
    return till


def busy(slug: str) -> Till:
    """A shop whose crowd has bought once each."""
    till = crowded(slug)
    for first in range(0, CROWD, 500):
        sold = [sale(f"old-{number}", {"card": f"9000{number:06d}"}) for number in range(first, first + 500)]
        answer = till.post("purchases/batch", {"purchases": sold})
        assert answer.status_code == 200, answer.content
        assert all("error" not in result for result in answer.json()["results"])
    return till


def sale(external_id: str, member: dict[str, str], total_minor: int = 10_000) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "occurred_at": NOW.isoformat(),
        "currency": "KRW",
        "total_minor": total_minor,
        "location": "main",
        "member": member,
    }


@contextmanager
def explained() -> Iterator[list[tuple[str, int]]]:
    """Run every statement inside twice, once to be measured and undone; collect what each step looked at."""
    steps: list[tuple[str, int]] = []

    def explain(execute, sql, params, many, context):
        verb = sql.lstrip("( \n")[:6].upper()
        if verb in {"SELECT", "INSERT", "UPDATE", "DELETE", "EXECUT"} or verb.startswith("WITH"):
            # Django's own cursor would explain the explanation.
            with connection.connection.cursor() as cursor:
                cursor.execute("SAVEPOINT explained" if connection.in_atomic_block else "BEGIN")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                (plan,) = cursor.fetchone()[0]
                cursor.execute("ROLLBACK TO explained" if connection.in_atomic_block else "ROLLBACK")
                cursor.execute(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) < %s", [SMALL]
                )
                small = {name for (name,) in cursor.fetchall()}
            steps.extend(_looked_at(plan["Plan"], small))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield steps


def _looked_at(node: dict[str, Any], small: set[str]) -> Iterator[tuple[str, int]]:
    """Each step that reads a table, and how many rows it looked at, kept or not; a small table is rightly read whole, and
    counts for nothing."""
    is_rightly_whole = node["Node Type"] == "Seq Scan" and node.get("Relation Name") in small
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        rows = 0 if is_rightly_whole else node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        how = f"{node['Node Type']} of {node['Relation Name']} {node.get('Index Cond', '')}"
        yield how, round(rows * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from _looked_at(inner, small)


def calls(till: Till) -> Iterator[tuple[str, Any]]:
    """What a till asks of a day, each with its answer."""
    mina, jun = {"card": "9000000007"}, {"phone": "010-2000-0008"}
    begun = till.get("refunds?limit=1").json()["mark"]
    identity = till.post("members/lookup", mina).json()["id"]
    till.post("adjustments", {"external_id": "gift", "member": mina, "points": 100, "reason": "For the day"})
    spent = till.post("redemptions", {"external_id": "spent", "member": mina, "reward": "coffee"}).json()["receipt"]
    held = till.post("redemptions", {"external_id": "held", "member": mina, "points": 20, "hold": True}).json()[
        "receipt"
    ]
    given = {"external_id": "given", "giver": mina, "receiver": jun, "points": 1}
    waiting = {"external_id": "waits", "purchase": {"external_id": "never-came"}, "occurred_at": NOW.isoformat()}
    assert till.post("transfers", given).status_code == till.post("refunds", waiting).status_code == 201
    yield "lookup by card", lambda: till.post("members/lookup", mina)
    yield "lookup by phone", lambda: till.post("members/lookup", jun)
    for kind, value in {**mina, **jun, "external_id": "crm-9", "id": identity}.items():
        yield (
            f"sale by {kind}",
            lambda kind=kind, value=value: till.post("purchases", sale(f"by-{kind}", {kind: value})),
        )
    yield "replay", lambda: till.post("purchases", sale("by-card", mina))
    yield "sale of a guest", lambda: sell(till, "guest", 5_000)
    mixed = [sale(f"batch-{n}", {"card": f"900000{n:04d}"} if n % 2 else {"external_id": f"crm-{n}"}) for n in range(9)]
    yield "batch", lambda: till.post("purchases/batch", {"purchases": mixed})
    quoted = {name: value for name, value in sale("", mina).items() if name not in {"external_id", "occurred_at"}}
    yield "quote", lambda: till.post("quotes", quoted)
    yield "reward", lambda: till.post("redemptions", {"external_id": "r-1", "member": mina, "reward": "coffee"})
    yield "hold", lambda: till.post("redemptions", {"external_id": "r-2", "member": mina, "points": 20, "hold": True})
    yield "capture", lambda: till.post(f"redemptions/{held['id']}/capture", {"external_id": "c-2"})
    (mine, *_more) = till.get(f"members/{identity}/standing").json()["own_rewards"]
    own = {"external_id": "own-1", "member": mina, "own_reward": mine["id"]}
    yield "own reward", lambda: till.post("redemptions", own)
    by_hand = {"external_id": "h-1", "stamp_card": "visits", "stamps": 1, "reason": "Forgot the phone"}
    yield "stamps by hand", lambda: till.post(f"members/{identity}/stamps", by_hand)
    yield "undo", lambda: till.post(f"redemptions/{spent['id']}/reverse", {"external_id": "v-1"})
    refund = {"external_id": "f-1", "purchase": {"external_id": "by-card"}, "amount_minor": 4_000}
    yield "refund", lambda: till.post("refunds", {**refund, "occurred_at": datetime.now(UTC).isoformat()})
    yield (
        "adjustment",
        lambda: till.post("adjustments", {"external_id": "a-1", "member": jun, "points": 5, "reason": "Cold coffee"}),
    )
    yield "lookup by e-mail", lambda: till.post("members/lookup", {"email": "guest-7@example.org"})
    yield "sale by e-mail", lambda: till.post("purchases", sale("by-email", {"email": "guest-7@example.org"}))
    mark = till.get("purchases?limit=1").json()["mark"]
    sell(till, "after-the-mark", 1_000)
    for query in ("limit=50", "external_id=by-card", f"member={identity}", f"changed_since={mark}"):
        yield f"GET purchases {query.partition('=')[0]}", lambda query=query: till.get(f"purchases?{query}")
    for query in ("limit=50", "state=waiting", "external_id=f-1"):
        yield f"GET refunds {query}", lambda query=query: till.get(f"refunds?{query}")
    for path in ("adjustments", "redemptions"):
        yield f"GET {path} of a member", lambda path=path: till.get(f"{path}?member={identity}")
    for path in ("refunds", "redemptions", "adjustments", "transfers"):
        yield f"GET {path} that changed", lambda path=path: till.get(f"{path}?changed_since={begun}")
    yield "GET transfers of a giver", lambda: till.get(f"transfers?giver={identity}")
    for what in ("", "/balance", "/standing", "/lots", "/ledger", "/cards"):
        yield f"GET member{what}", lambda what=what: till.get(f"members/{identity}{what}")


def too_much(till: Till) -> dict[str, list[tuple[str, int]]]:
    """Every call whose steps look at more rows than it can be about."""
    found = {}
    for name, call in calls(till):
        with explained() as steps:
            answer = call()
        assert answer.status_code in {200, 201}, (name, answer.content)
        assert steps, name
        if wide := [(how, rows) for how, rows in steps if rows > ROWS_MAX]:
            found[name] = wide
    return found


@pytest.fixture
def owner(committed):
    with connections["owner"].cursor() as cursor:
        yield cursor
    with connections["owner"].cursor() as cursor:
        _harden(cursor)
        cursor.execute("ANALYZE")


def _harden(cursor):
    schema.unforce(cursor)
    schema.harden(cursor)


def test_of_a_shop_that_came_after_the_last_analyze(owner):
    busy("known")
    owner.execute("ANALYZE")

    assert too_much(busy("stranger")) == {}


def test_of_a_shop_that_was_analyzed(owner):
    till = busy("known")
    owner.execute("ANALYZE")

    assert too_much(till) == {}


def test_of_the_first_shop_after_migrating(owner):
    """Nothing is known of any table."""
    for model in schema.tenant_models():
        owner.execute("SELECT pg_clear_relation_stats('public', %s)", [model._meta.db_table])
        for column in model._meta.concrete_fields:
            owner.execute(
                "SELECT pg_clear_attribute_stats('public', %s, %s, false)", [model._meta.db_table, column.column]
            )
    _harden(owner)

    assert too_much(busy("first")) == {}


def test_without_the_remedy_a_stranger_is_read_whole(owner, settings):
    """The guard is proved by taking it away: PostgreSQL's own statistics know only the merchants of yesterday.

    All of them, however many other tests have left: where its list is too short for them, it expects more of a stranger.
    Behind a pooler, that is: a plan that is remembered is made for no merchant in particular.
    """
    settings.PREPARED_STATEMENTS = False
    for model in schema.tenant_models():
        owner.execute(f'ALTER TABLE "{model._meta.db_table}" ALTER COLUMN merchant_id SET STATISTICS 10000')
    crowded("known", size=300)
    owner.execute("ANALYZE")

    stranger = crowded("stranger", size=150)
    with explained() as steps:
        answer = stranger.post("purchases", sale("one", {"card": "9000000007"}))

    assert answer.status_code == 201, answer.content
    # Each of them once for each of them; a batch of three hundred such sales was seen to take longer than a minute.
    assert max(rows for _how, rows in steps) >= 150 * 150
