"""Webhooks, side by side: a plain urllib3 loop, the deliverer alone, and beside endpoints that rest, fail and hang.

    python3 manage.py benchmark webhooks [--quick]

The receiver is a process of its own.  Machines are noisy: runs alternate, medians are printed, and only ratios of one
run are worth comparing.  The last lines are machine-readable.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

os.environ["WEBHOOK_ALLOW_PRIVATE"] = "1"

import django

django.setup()

import structlog  # noqa: E402
import urllib3  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from benchmarks.measurements import Measurements  # noqa: E402
from merchants import ids, outbox, tenancy  # noqa: E402
from merchants.actors import SYSTEM  # noqa: E402
from merchants.models.merchants import Merchant  # noqa: E402
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint  # noqa: E402
from merchants.webhooks import addresses, delivering, endpoints, relay  # noqa: E402

PORT = 8911
HERE = f"http://127.0.0.1:{PORT}"
RESTING_ROWS = 50_000
MEMBER = "mem_0123456789abcdef"


def now() -> datetime:
    return datetime.now(UTC)


def founded(name: str) -> Merchant:
    return Merchant.objects.create(
        public_id=ids.mint("mer"), slug=name, name=name, currency="KRW", zone="Asia/Seoul", country="KR",
        is_sandbox=True, created_at=now(),
    )  # fmt: skip


def listens(merchant: Merchant, path: str) -> int:
    with tenancy.tenant(merchant):
        made = endpoints.create(merchant=merchant, target=addresses.check(HERE + path), actor=SYSTEM, now=now())
        return WebhookEndpoint.objects.get(public_id=made.endpoint.id).pk


def happen(merchant: Merchant, count: int) -> None:
    """Write so many events and relay them."""
    for done in range(0, count, 1000):
        events = [outbox.Event("member.erased", {"member": MEMBER}, now()) for _ in range(min(1000, count - done))]
        with tenancy.tenant(merchant):
            outbox.record_many(merchant_id=merchant.pk, events=events, now=now())
    while tenancy.attempt(merchant, lambda: relay.relay(merchant_id=merchant.pk, now=now())):
        pass


def taken() -> int:
    return int(urllib3.request("GET", f"{HERE}/count", retries=False).data)


def plain(count: int) -> float:
    """Requests a second of a loop that does nothing but post to the same receiver over a kept connection."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", PORT, maxsize=1)
    body = b'{"id":"evt_0123456789abcdef","type":"member.erased","data":{"member":"mem_0123456789abcdef"}}'
    headers = {"Content-Type": "application/json"}
    began = time.perf_counter()
    for _ in range(count):
        pool.request("POST", "/ok", body=body, headers=headers, retries=False)
    return count / (time.perf_counter() - began)


def delivered(merchant: Merchant, count: int, *, processes: int = 1) -> float:
    """Deliveries a second to the good endpoint, from the first claim to the last row written down."""
    happen(merchant, count)
    before = taken()
    children = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.webhooks", "--deliver"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]  # fmt: skip
    for child in children:
        child.stdout.readline()  # it is ready
    began = time.perf_counter()
    for child in children:
        child.stdin.write(b"go\n")
        child.stdin.flush()
    while _is_waiting(merchant):
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    for child in children:
        child.wait()
    if taken() - before != count:
        raise SystemExit(f"{taken() - before} requests for {count} deliveries")
    return count / seconds


def _is_waiting(merchant: Merchant) -> bool:
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM merchants_webhookdelivery WHERE merchant_id = %s AND endpoint_id = %s "
            "AND state = 'due')",
            [merchant.pk, merchant.good],
        )
        return cursor.fetchone()[0]


def deliver() -> None:
    """Be one deliverer."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    list(delivering.merchants_due(now()))
    print("ready", flush=True)
    sys.stdin.readline()
    delivering.deliver(clock=now, seconds_max=60)
    connections.close_all()


def rest(merchant: Merchant) -> None:
    """Give the same merchant an endpoint that rests, with very many rows that are due."""
    endpoint = listens(merchant, "/rests")
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        event = WebhookDelivery.objects.order_by("pk").first().event_id
        cursor.execute(
            "INSERT INTO merchants_webhookdelivery (merchant_id, public_id, endpoint_id, event_id, state, attempts, due_at, "
            "last_answer, is_replay, created_at) SELECT %s, 'dlv_rests' || n, %s, %s, 'due', 1, %s, '', true, %s "
            "FROM generate_series(1, %s) AS n",
            [merchant.pk, endpoint, event, now() - timedelta(hours=1), now(), RESTING_ROWS],
        )
        WebhookEndpoint.objects.filter(pk=endpoint).update(
            failing_since=now(), failures_in_row=9, resting_until=now() + timedelta(days=1), kinds=["tier.changed"]
        )


def main(*, quick: bool) -> None:
    call_command("migrate", verbosity=0)
    count, rounds = (1_500, 2) if quick else (5_000, 3)
    stages = {name: founded(f"bench-{name}") for name in ("alone", "resting", "failing")}
    for merchant in stages.values():
        merchant.good = listens(merchant, "/ok")
        delivered(merchant, 200)  # warm up
    rest(stages["resting"])
    found = Measurements()
    for _round in range(rounds):
        found.note("plain", plain(count))
        found.note("alone", delivered(stages["alone"], count))
        found.note("alone_two_processes", delivered(stages["alone"], count, processes=2))
        found.note("resting", delivered(stages["resting"], count))
        sick, hangs = listens(stages["failing"], "/sick"), listens(stages["failing"], "/hangs")
        found.note("failing", delivered(stages["failing"], count))
        with tenancy.tenant(stages["failing"]):  # each round begins with endpoints that nobody knows to be bad
            WebhookDelivery.objects.filter(endpoint_id__in=[sick, hangs], state="due").update(state="given_up")
            WebhookEndpoint.objects.filter(pk__in=[sick, hangs]).update(deleted_at=now())
        found.print_round()
    found.print("per_second", digits=0, prefix="webhooks_")
    for name, what, beside in (
        ("of_plain_urllib3", "alone", "plain"),
        ("two_processes", "alone_two_processes", "alone"),
        ("beside_resting_rows", "resting", "alone"),
        ("beside_failing_and_hanging", "failing", "alone"),
    ):
        found.print_ratio(f"webhooks_{name}", what, beside)


def measure(*, quick: bool) -> None:
    receiver = subprocess.Popen([sys.executable, "-m", "benchmarks.receiver", str(PORT)])
    try:
        for _attempt in range(100):
            try:
                taken()
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        main(quick=quick)
    finally:
        receiver.terminate()
        receiver.wait(10)


if __name__ == "__main__":
    if "--deliver" in sys.argv:
        deliver()
    else:
        measure(quick="--quick" in sys.argv)
