"""Migrate the restored sample that the variables name, and do there what a shop does on the morning after an upgrade.

What does not hold raises, and the process ends with it.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

import time_machine  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from merchants import contacts, directory, users  # noqa: E402
from tests import people  # noqa: E402
from tests.releases.sample_shop import SampleShop, ask  # noqa: E402


def main(calls: Path) -> None:
    lived = json.loads(gzip.decompress(calls.read_bytes()))
    call_command("migrate", verbosity=0)
    ready = Client().get("/readyz").json()
    assert ready["ready"], ready
    opens_what_is_sealed()
    ended = datetime.fromisoformat(lived["ends"])
    with time_machine.travel(ended, tick=False) as clock:
        verified = [reconciled()]
        shop = SampleShop(clock, directory.find_by_slug(lived["merchant"]), lived["secret"], members=lived["members"])
        remembers(shop, lived)
        replayed = replays(shop, lived["calls"])
        remembers(shop, lived)
        clock.move_to(ended + timedelta(days=1))
        signs_in(shop)
        sells_on(shop, next(call["answer"]["receipt"]["id"] for call in lived["calls"] if _is_named(call, "d7")))
        shop.passes_a_night()
        verified.append(reconciled())
    print(json.dumps({"replayed": replayed, "verified": verified}))


def opens_what_is_sealed() -> None:
    """Seal the secret of the shop's webhook endpoint with the new SECRET_KEY, having opened it with the old one."""
    told = io.StringIO()
    call_command("reseal", stdout=told)
    assert "webhook endpoints: 1," in told.getvalue(), told.getvalue()


def reconciled() -> list[str]:
    """Prove ledger and numbers by the operator's commands; return their last lines."""
    ledger, numbers = io.StringIO(), io.StringIO()
    call_command("ledger", "verify", stdout=ledger)
    call_command("metrics", "run", stdout=io.StringIO())
    call_command("metrics", "verify", stdout=numbers)
    return [text.getvalue().strip().splitlines()[-1] for text in (ledger, numbers)]


def carries(old: Any, new: Any, place: str = "") -> None:
    """Check that nothing told then is gone or other now: fields may be added, as the API promises."""
    if isinstance(old, dict):
        assert isinstance(new, dict), (place, old, new)
        for name, value in old.items():
            assert name in new, f"{place}.{name} is gone"
            carries(value, new[name], f"{place}.{name}")
    elif isinstance(old, list):
        assert isinstance(new, list), (place, old, new)
        assert len(old) == len(new), (place, old, new)
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            carries(before, after, f"{place}[{number}]")
    else:
        assert old == new, f"{place} was {old!r} and is {new!r}"


def remembers(shop: SampleShop, lived: dict[str, Any]) -> None:
    """Check that every member has what they had: balance, lots, entries, tier."""
    for name, told in lived["told"].items():
        for part, before in told.items():
            answer = ask(shop.client, shop.secret, "GET", f"members/{shop.members[name]}/{part}")
            assert answer.status_code == 200, (part, answer.content)
            carries(before, answer.json(), f"{name}/{part}")


def replays(shop: SampleShop, calls: list[dict[str, Any]]) -> int:
    """Send everything that moved points once more: the same status, the same receipt, and nothing moves; count them."""
    count = 0
    for call in calls:
        answer = call["answer"]
        is_batch = "results" in answer
        if not (is_batch or "receipt" in answer or call["status"] == 409):
            continue
        again = ask(shop.client, shop.secret, call["method"], call["path"], call["body"])
        assert again.status_code == call["status"], (call, again.content)
        told, place = again.json(), f"{call['path']} {call['body'].get('external_id')}"
        if is_batch:
            for number, result in enumerate(answer["results"]):
                carries(result["receipt"], told["results"][number]["receipt"], f"{place}[{number}]")
        elif "receipt" in answer:
            carries(answer["receipt"], told["receipt"], place)
            assert again["Idempotent-Replayed"] == "true", place
        else:
            assert told["code"] == answer["code"], place
        count += 1
    return count


def _is_named(call: dict[str, Any], external_id: str) -> bool:
    return isinstance(call["body"], dict) and call["body"].get("external_id") == external_id


def signs_in(shop: SampleShop) -> None:
    """Let the key, the ended key, and the owner's browser in, or not, as before."""
    assert shop.call("GET", "key", status=200)["merchant"]["slug"] == shop.merchant.slug
    assert ask(shop.client, f"{shop.secret[:-1]}?", "GET", "key").status_code == 401
    owner = users.find(contacts.read_email("owner@haneul.example"))
    assert owner is not None
    page = people.browser_of(owner).get(f"/console/{shop.merchant.slug}/dashboard")
    assert page.status_code == 200, page


def sells_on(shop: SampleShop, held: str) -> None:
    """Sell, refund, redeem, capture what was `held`, and pay the referral that was open, each to the exact point."""

    def spendable(name: str) -> int:
        return int(shop.call("GET", f"members/{shop.members[name]}/balance", status=200)["spendable"])

    mina, jun = spendable("mina"), spendable("jun")
    sold = shop.sells("n1", 10_000, "mina")["receipt"]
    assert sold["points_earned"] == 400, "two for 100, twice on gold"
    shop.refunds("n2", "n1")
    assert spendable("mina") == mina
    shop.refunds("n3", "r10")
    assert spendable("mina") == mina - 480, "an old sale gives back what it had earned"
    shop.spends("n4", "jun", reward="mug")
    assert spendable("jun") == jun - 50
    shop.call("POST", f"redemptions/{held}/capture", {"external_id": "n5"})
    shop.sells("n6", 6_000, "sora")
    assert spendable("mina") == mina - 480 + 50, "Mina had brought Sora, whose first purchase this is"
    late = shop.sells("r98", 9_000, "jun")["receipt"]
    assert late["points_earned"] == 180
    assert spendable("jun") == jun - 50 + 180 - 30, "its refund of 1,500 had come first"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
