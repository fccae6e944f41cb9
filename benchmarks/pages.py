"""What the pages of console and counter cost at a merchant with a million members: time, statements, bytes.

    python3 manage.py benchmark pages [--quick]

A merchant with a million members, a million purchases of 540 days and what goes with them; quick: 50,000 of each.  Each page
is asked for as a browser does, by an owner, through all middleware, compressed.  The bars of docs/screens.md: the 95th
percentile under 300 ms, at most 12 statements, at most 150 kB.  The last lines are machine-readable.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402

from analytics import runs  # noqa: E402
from benchmarks import numbers, search  # noqa: E402
from members.models import Member  # noqa: E402
from merchants import contacts, ids, keys, seats, tenancy  # noqa: E402
from merchants.actors import SYSTEM  # noqa: E402
from merchants.models.merchants import Location, Merchant  # noqa: E402
from rewards import terms  # noqa: E402
from rewards.models.programmes import TermsVersion  # noqa: E402

#: The pages ask the clock, so the history ends now.
NOW = datetime.now(UTC)
MOST_MS, MOST_STATEMENTS, MOST_BYTES = 300, 12, 150_000
CHUNK = 20_000
#: The member whose page is asked for has so many purchases, recorded as a till does.
PURCHASES_OF_ONE = 600

_ACCOUNTS = """
    INSERT INTO rewards_account (merchant_id, owner_kind, member_id, unit, balance, held, pending, debt, seq, chain)
    SELECT %(m)s, 'member', id, 'points', 0, 0, 0, 0, 0, '' FROM members_member WHERE merchant_id = %(m)s
"""
_MEMBERSHIPS = """
    INSERT INTO rewards_membership (merchant_id, member_id, account_id, purchases_count, free_ordinals, tier, tier_since,
        rated_version)
    SELECT %(m)s, member_id, id, 0, '{}', 'bean', %(now)s, 1 FROM rewards_account WHERE merchant_id = %(m)s
"""
_REDEMPTIONS = """
    INSERT INTO rewards_redemption (merchant_id, public_id, external_id, fingerprint, receipt, actor, occurred_at,
        recorded_at, member_id, state, refusal, reward, points, is_at_tills_word, points_captured, points_returned,
        currency, ended_at)
    SELECT %(m)s, 'red_' || %(m)s || '_' || n, 'r-' || n, '', '{}', 'system', at, at, %(first)s + n * 7919 %% %(members)s,
        'captured', '', 'americano', 100, false, 100, 0, 'KRW', at
    FROM (SELECT n, %(now)s - make_interval(mins => (n * 104729 %% 700000)::int) AS at
        FROM generate_series(1, %(count)s::bigint) AS n) AS redeemed
"""
_EVENTS = """
    INSERT INTO merchants_outboxevent (merchant_id, public_id, kind, payload, occurred_at, recorded_at, relayed_at)
    SELECT %(m)s, 'evt_' || %(m)s || '_' || n, 'purchase.recorded', '{"id": "pur_1", "total_minor": 4500}', %(now)s, %(now)s,
        %(now)s
    FROM generate_series(1, %(count)s::bigint) AS n
"""
_AUDIT = """
    INSERT INTO merchants_auditrecord (merchant_id, at, actor, action, subject, details)
    SELECT %(m)s, %(now)s - make_interval(mins => n::int), 'system', 'key.revoked', 'key_' || n, '{"name": "Till"}'
    FROM generate_series(1, %(count)s::bigint) AS n
"""
_ANSWERS = """
    INSERT INTO engagement_surveyresponse (merchant_id, public_id, fingerprint, member_id, score, comment, channel,
        purchase_id, actor, local_day, answered_at, recorded_at, followed_up_by)
    SELECT %(m)s, 'srv_' || %(m)s || '_' || n, '', %(first)s + n * 7919 %% %(members)s, n %% 11, 'The queue was long.', 'email',
        '', 'system', (at AT TIME ZONE 'Asia/Seoul')::date, at, at, ''
    FROM (SELECT n, %(now)s - make_interval(mins => (n * 104729 %% 700000)::int) AS at
        FROM generate_series(1, %(count)s::bigint) AS n) AS answered
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What one page cost: milliseconds (95th percentile), statements, bytes as they travel."""

    name: str
    p95_ms: float
    statements: int
    size: int

    @property
    def is_within(self) -> bool:
        return self.p95_ms < MOST_MS and self.statements <= MOST_STATEMENTS and self.size <= MOST_BYTES


def furnished(members: int, purchases: int) -> tuple[Merchant, Member]:
    """Make a merchant with so many members and purchases, and the member who buys most."""
    merchant = search.founded(members)
    document = terms.document(terms.parse(terms.templates(merchant.currency)["cafe"]))
    values: dict[str, Any] = {"m": merchant.pk, "now": NOW, "days": numbers.DAYS, "members": members}
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10min'")
        TermsVersion.objects.create(
            merchant=merchant, number=1, document=document, document_sha256="", effective_from=merchant.created_at,
            published_at=merchant.created_at, published_by="benchmark",
        )  # fmt: skip
        for code, name in (("main", "Main street"), ("harbour", "Harbour")):
            Location.objects.create(merchant=merchant, public_id=ids.mint("loc"), code=code, name=name)
        cursor.execute("SELECT min(id) FROM members_member WHERE merchant_id = %s", [merchant.pk])
        values["first"] = cursor.fetchone()[0]
        for statement in (_ACCOUNTS, _MEMBERSHIPS):
            cursor.execute(statement, values)
        for statement, share in ((_REDEMPTIONS, 4), (_EVENTS, 1), (_AUDIT, 4), (_ANSWERS, 10)):
            cursor.execute(statement, {**values, "count": purchases // share})
    for first in range(1, purchases + 1, CHUNK):
        with tenancy.tenant(merchant), connection.cursor() as cursor:
            cursor.execute(numbers._PURCHASES, {**values, "from": first, "to": min(first + CHUNK - 1, purchases)})
    with tenancy.tenant(merchant):
        regular = Member.objects.get(merchant=merchant, pk=values["first"])
        secret = keys.issue(
            merchant=merchant, name="Till", scopes=tuple(keys.TILL_SCOPES), actor=SYSTEM, now=NOW
        ).secret
    _buy(secret, regular)
    return merchant, regular


def _buy(secret: str, member: Member) -> None:
    """Record purchases of one member, a hundred in a call."""
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {secret}"})
    for first in range(0, PURCHASES_OF_ONE, 100):
        sold = [
            {
                "external_id": f"regular-{number}", "member": {"id": member.public_id}, "location": "main", "currency": "KRW",
                "occurred_at": NOW.isoformat(), "total_minor": 9_000,
                "lines": [{"sku": "latte", "category": "coffee", "amount_minor": 5_000},
                          {"sku": "scone", "category": "bakery", "amount_minor": 4_000}],
            }
            for number in range(first, first + 100)
        ]  # fmt: skip
        answer = client.post("/api/v1/purchases/batch", {"purchases": sold}, content_type="application/json")
        assert answer.status_code in (200, 207), answer.content[:500]
        refused = [each for each in answer.json()["results"] if each["status"] >= 400]
        assert not refused, refused[0]


def owner(merchant: Merchant) -> Client:
    """A browser in which the owner is signed in, with the second factor shown."""
    with tenancy.tenant(merchant):
        seat = seats.give(
            merchant=merchant, role="owner", contact=contacts.read_email(f"{merchant.slug}@example.org"), name="Hana",
            pin="", now=NOW, actor=SYSTEM,
        )  # fmt: skip
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(seat.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
    session["account_authentication_methods_user"] = str(seat.user.pk)
    session.save()
    return client


def addresses(merchant: Merchant, member: Member) -> list[tuple[str, str]]:
    """Return what is asked for, by name."""
    purchase = _newest_purchase(merchant, member)
    code = terms.templates(merchant.currency)["cafe"]["earning"]["rules"][0]["code"]
    found = {
        "dashboard": "dashboard", "dashboard_of_a_year": "dashboard?period=last_365",
        "dashboard_of_own_days": "dashboard?from=2026-05-03&to=2026-09-20",
        "behind_retention": "dashboard/members?metric=retention&group=lost&period=last_90",
        "answers": "dashboard/answers", "members": "members/", "members_by_spend": "members/?order=spend",
        "members_slipping": "members/?segment=slipping", "members_found": "members/?q=김", "find": "find?q=김민",
        "member": f"members/{member.public_id}", "member_purchases": f"members/{member.public_id}?only=purchases",
        "refund": f"members/{member.public_id}/refund?purchase={purchase}", "merge": f"members/{member.public_id}/merge?q=김",
        "missing_points": "members/missing-points", "programme": "programme/", "rule": f"programme/rule?code={code}",
        "review": "programme/review", "versions": "programme/versions", "part": "programme/part?part=tiers",
        "rewards": "rewards", "claims": "rewards/claims", "keys": "developers/keys", "events": "developers/events",
        "webhooks": "developers/webhooks", "till": "developers/till", "settings": "settings", "audit_log": "settings/record",
        "team": "team", "counter": "counter/", "counter_found": "counter/?q=김민", "counter_guest": "counter/guest",
        "counter_member": f"counter/members/{member.public_id}",
    }  # fmt: skip
    return [(name, f"/console/{merchant.slug}/{path}") for name, path in found.items()]


def _newest_purchase(merchant: Merchant, member: Member) -> str:
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT public_id FROM rewards_purchase WHERE merchant_id = %s AND member_id = %s AND points_earned > 0 LIMIT 1",
            [merchant.pk, member.pk],
        )
        found: str = cursor.fetchone()[0]
        return found


def measured(client: Client, name: str, address: str, rounds: int) -> Page:
    """Ask for a page so many times, after two that are not counted."""
    spent = []
    with _counted() as statements:
        for turn in range(rounds + 2):
            statements.clear()
            began = time.perf_counter()
            answer = client.get(address, headers={"Accept-Encoding": "gzip"})
            body = b"".join(answer) if answer.streaming else answer.content
            if turn > 1:
                spent.append((time.perf_counter() - began) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{name} ({address}) answers {answer.status_code}.")
    return Page(name, sorted(spent)[int(len(spent) * 0.95)], len(statements), len(body))


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Count statements as they are sent, without the ones that open and close a transaction."""
    sent: list[str] = []

    def remember(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(remember):
        yield sent


def said(pages: Sequence[Page]) -> list[str]:
    """Say each page in a line, those beyond a bar marked, then the machine-readable lines."""
    lines = [
        f"{'  ' if page.is_within else '! '}{page.name:24} {page.p95_ms:7.1f} ms {page.statements:3} statements"
        f" {page.size / 1000:6.1f} kB"
        for page in pages
    ]
    lines += [f"p95_ms page_{page.name} {page.p95_ms:.1f}" for page in pages]
    return [*lines, f"count pages_beyond_a_bar {sum(not page.is_within for page in pages)}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    size, rounds = (50_000, 10) if parser.parse_args().quick else (1_000_000, 20)
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    merchant, regular = furnished(size, size)
    run_seconds = time.perf_counter()
    # One of the day before yesterday as well: what is sold today is looked for among what was written since.
    runs.run(merchant, now=NOW - timedelta(days=2))
    runs.run(merchant, now=NOW)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    print(
        f"{size:,} members and purchases in {run_seconds - began:.0f} s, the night over them in "
        f"{time.perf_counter() - run_seconds:.0f} s"
    )
    client = owner(merchant)
    pages = [measured(client, name, address, rounds) for name, address in addresses(merchant, regular)]
    print("\n".join(said(pages)))


if __name__ == "__main__":
    main()
