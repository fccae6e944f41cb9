"""A small shop with everything a programme has, whose data the releases after this one must carry on.

It lives through the API, as tills call it, and through the verbs of the clock; each call and its answer is kept, so that
a later release can be asked the same again.  `time_machine` holds the clock: the same weeks each time it is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import time_machine
from django.test import Client

from analytics import runs
from engagement import missing
from members import directory
from members.references import Reference
from merchants import (
    briefings,
    contacts,
    counter_devices,
    ids,
    keys,
    locations,
    opening,
    privacy_notices,
    seats,
    seen_notifications,
    tenancy,
)
from merchants.actors import SYSTEM, Actor
from merchants.models.merchants import Merchant
from merchants.webhooks import addresses, endpoints, relay
from rewards import approvals, bulk_acts, expiry, purchases, redemptions, tiers
from rewards.mechanics.stamps import MECHANIC as STAMPS

#: A Monday, ten in the morning in Seoul.
BEGINS = datetime(2026, 1, 5, 1, tzinfo=UTC)
MANAGER = Actor("staff", "seat_0123456789abcdef", role="manager")
#: All a key may have, but what would silence events.
SCOPES = tuple(scope for scope in keys.SCOPES if scope != "purchases:accept_unknown_time")

PROGRAMME: dict[str, Any] = {
    "name": "Haneul Beans",
    "currency": "KRW",
    "points": {"singular": "bean", "plural": "beans"},
    "earning": {
        "rules": [
            {"kind": "per_money", "code": "base", "name": "1 for 100", "points": 1, "per_amount_minor": 100},
            {
                "kind": "per_item", "code": "beans", "name": "20 for each bag of beans", "points": 20,
                "only": {"categories": ["beans"]}, "pending": {"days": 14},
                "caps": [{"points": 40, "per": "month"}],
            },
        ],
        "caps": [{"points": 500, "per": "day"}],
    },
    "expiry": {"kind": "rolling", "count": 24, "unit": "months"},
    "tiers": {
        "basis": "spend",
        "window": {"kind": "rolling", "months": 12},
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 60_000, "multiplier": "2"},
        ],
    },
    "rewards": [
        {"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 100},
        {"kind": "product", "code": "mug", "name": "Mug", "price_points": 50, "stock": 3},
        {"kind": "discount", "code": "off", "name": "2,000 off", "price_points": 80, "amount_minor": 2_000},
    ],
    "pay_with_points": {"points": 1, "amount_minor": 10, "minimum_points": 10, "step_points": 10},
    "stamps": [
        {
            "code": "visits", "name": "Visits", "sizes": [3], "life": {"count": 6, "unit": "months"}, "reward": "coffee",
            "reward_days": 90,
        }
    ],
    "welcome": {"points": 10, "expiry": {"kind": "rolling", "count": 15, "unit": "days"}},
    "referral": {"referrer_points": 50, "referee_points": 30},
    "transfers": {"minimum_points": 10},
}  # fmt: skip


@dataclass
class SampleShop:
    """The shop, its clock, its till's key, and every call with its answer."""

    clock: Any
    merchant: Merchant
    secret: str
    client: Client = field(default_factory=Client)
    calls: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def forward(self, **time: int) -> None:
        self.clock.shift(timedelta(**time))

    def call(self, method: str, path: str, body: Any = None, *, status: int = 201) -> dict[str, Any]:
        """Send a call as a till does, and keep it; another status than the expected one raises."""
        answer = ask(self.client, self.secret, method, path, body)
        if answer.status_code != status:
            raise AssertionError(f"{method} {path} {body}: {answer.status_code} {answer.content.decode()}")
        told: dict[str, Any] = answer.json()
        self.calls.append({"method": method, "path": path, "body": body, "status": status, "answer": told})
        return told

    def enrols(self, name: str, **details: Any) -> dict[str, Any]:
        told = self.call("POST", "members", {"external_id": f"crm-{name}", "name": name.title(), **details})
        self.members[name], self.codes[name] = told["id"], told["code"]
        return told

    def sells(self, external_id: str, won: int, to: str | None = None, **more: Any) -> dict[str, Any]:
        body = {
            "external_id": external_id, "occurred_at": self.now.isoformat(), "currency": "KRW", "total_minor": won, **more,
            **({"member": {"external_id": f"crm-{to}"}} if to else {}),
        }  # fmt: skip
        return self.call("POST", "purchases", body)

    def refunds(self, external_id: str, purchase: str, **part: Any) -> dict[str, Any]:
        body = {
            "external_id": external_id, "occurred_at": self.now.isoformat(), "purchase": {"external_id": purchase}, **part,
        }  # fmt: skip
        return self.call("POST", "refunds", body)

    def spends(self, external_id: str, by: str, *, status: int = 201, **what: Any) -> dict[str, Any]:
        body = {"external_id": external_id, "member": {"external_id": f"crm-{by}"}, "order_total_minor": 20_000, **what}
        return self.call("POST", "redemptions", body, status=status)

    def passes_a_night(self) -> None:
        """Do what the clock does: expire, activate, release, requalify, hand events on, compute the numbers."""
        for verb in (
            redemptions.expire_holds,
            expiry.settle_due,
            partial(expiry.settle_members_due, STAMPS),
            tiers.requalify_due,
        ):
            while tenancy.attempt(self.merchant, lambda verb=verb: verb(merchant=self.merchant, now=self.now)):
                pass
        while tenancy.attempt(self.merchant, lambda: relay.relay(merchant_id=self.merchant.pk, now=self.now)):
            pass
        tenancy.attempt(self.merchant, lambda: expiry.announce(merchant=self.merchant, now=self.now))
        runs.run(self.merchant, now=self.now)


def ask(client: Client, secret: str, method: str, path: str, body: Any = None) -> Any:
    """Send one call of the API with a key; return Django's test response."""
    sent = json.dumps(body).encode() if body is not None else b""
    return client.generic(
        method, f"/api/v1/{path}", sent, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )


def live() -> dict[str, Any]:
    """Open the shop, let it live for three weeks, and return what a later release is asked."""
    with time_machine.travel(BEGINS, tick=False) as clock:
        shop = _open(clock)
        _first_week(shop)
        shop.forward(days=12)
        shop.passes_a_night()
        _second_month(shop)
        shop.forward(days=7)
        shop.passes_a_night()
        _left_open(shop)
        shop.passes_a_night()
        told = {
            name: {
                part: ask(shop.client, shop.secret, "GET", f"members/{member}/{part}").json()
                for part in ("balance", "lots", "ledger?limit=200", "standing")
            }
            for name, member in shop.members.items()
        }
        return {
            "merchant": shop.merchant.slug, "secret": shop.secret, "ends": shop.now.isoformat(), "calls": shop.calls,
            "members": shop.members, "told": told,
        }  # fmt: skip


def _open(clock: Any) -> SampleShop:
    now = datetime.now(UTC)
    owner = contacts.read_email("owner@haneul.example")
    real = opening.open_merchant(
        name="Café Haneul", slug="haneul", currency="KRW", zone="Asia/Seoul", country="KR", owner=owner, now=now,
        actor=SYSTEM,
    )  # fmt: skip
    # A key of a test shop is nobody's secret.
    merchant = opening.open_sandbox(merchant=real, owner=owner, now=now, actor=SYSTEM)
    receiver = addresses.check("https://till.example.invalid/webhooks", resolver=lambda _host, _port: ["93.184.215.14"])
    with tenancy.tenant(merchant):
        place = locations.open_place(merchant=merchant, code="mapo", name="Mapo", now=now, actor=SYSTEM)
        for role, address in (("manager", "manager@haneul.example"), ("analyst", "analyst@haneul.example")):
            seats.give(merchant=merchant, role=role, contact=contacts.read_email(address), now=now, actor=SYSTEM)
        seats.give(merchant=merchant, role="cashier", contact=None, name="Jun", pin="2468", now=now, actor=SYSTEM)
        counter_devices.open_device(merchant=merchant, name="Tablet", now=now, actor=MANAGER)
        issued = keys.issue(
            merchant=merchant, name="Till", scopes=SCOPES, location=place, terminal="till-1", actor=SYSTEM, now=now
        )
        ended = keys.issue(merchant=merchant, name="Old till", scopes=keys.TILL_SCOPES, actor=SYSTEM, now=now)
        keys.revoke(merchant=merchant, public_id=ended.key.public_id, now=now, actor=SYSTEM)
        endpoints.create(merchant=merchant, target=receiver, description="Till", kinds=[], actor=SYSTEM, now=now)
        privacy_notices.publish(
            merchant=merchant, texts_by_language={"en": "What we keep, and why."}, legal_contact="Café Haneul, Mapo",
            asks_again=True, based_on=0, now=now, actor=SYSTEM,
        )  # fmt: skip
    return SampleShop(clock, merchant, issued.secret)


def _first_week(shop: SampleShop) -> None:
    """Terms, people, a referral that is paid, a day's cap that is reached, a hold that is used and one that runs out."""
    shop.call("PUT", "programme", {"document": PROGRAMME}, status=200)
    shop.call("POST", "programme/publish", {"effective_from": "2026-01-01T00:00:00+09:00", "note": "Opening"})
    mina = shop.enrols(
        "mina", email="mina@example.org", phone="010-2345-0001", card="9000-1234", birthday="02-29", language="ko",
        consents=["terms", "privacy", "marketing_email"], attributes={"milk": "oat"},
    )  # fmt: skip
    shop.enrols("jun", phone="010-2345-0002", referred_by=mina["referral_code"])
    shop.enrols("sora", phone="010-2345-0003", referred_by=mina["referral_code"])
    shop.enrols("hana", phone="010-2345-0004")
    shop.enrols("hana-again", email="hana@example.org")
    shop.enrols("bo", card="9000-5678")
    shop.enrols("tae", email="tae@example.org", consents=["terms", "privacy"])
    shop.forward(hours=1)
    shop.sells(
        "r1", 42_000, "mina", location="mapo", tax_minor=3_818,
        lines=[
            {"sku": "latte", "category": "coffee", "quantity": 2, "amount_minor": 12_000},
            {"sku": "yirga", "category": "beans", "quantity": 3, "amount_minor": 30_000, "cost_minor": 15_000},
        ],
        tenders=[{"kind": "card", "amount_minor": 42_000}],
    )  # fmt: skip
    shop.sells("r2", 9_900, "jun")
    shop.sells("r3", 80_000, "hana")
    shop.sells("r4", 5_000, "hana-again")
    shop.sells("r5", 7_700)
    shop.sells("r6", 30_000, "tae")
    shop.call(
        "POST", "purchases/batch",
        {"purchases": [
            {"external_id": f"b{number}", "occurred_at": shop.now.isoformat(), "currency": "KRW",
             "total_minor": 1_000 * number, "member": {"external_id": "crm-bo"}}
            for number in (1, 2, 3)
        ]},
        status=200,
    )  # fmt: skip
    shop.forward(days=1)
    shop.spends("d1", "mina", reward="coffee")
    shop.spends("d2", "hana", points=100, hold=True)
    held = shop.spends("d3", "hana", reward="mug", hold=True)["receipt"]["id"]
    shop.call("POST", f"redemptions/{held}/capture", {"external_id": "d3-c"})
    undone = shop.spends("d4", "hana", reward="mug")["receipt"]["id"]
    shop.call("POST", f"redemptions/{undone}/reverse", {"external_id": "d4-r", "reason": "Sold out"})
    freed = shop.spends("d5", "mina", points=20, hold=True)["receipt"]["id"]
    shop.call("POST", f"redemptions/{freed}/release", {"external_id": "d5-r"})
    shop.spends("d6", "sora", reward="coffee", status=409)
    shop.refunds("f1", "r2", amount_minor=1_000, reason="Cold")
    shop.call("POST", "survey-responses", {"external_id": "s1", "score": 9, "member": shop.members["mina"]})
    shop.call("POST", "survey-responses", {"external_id": "s2", "score": 3, "comment": "Too loud"})


def _second_month(shop: SampleShop) -> None:
    """New terms, a claim, payment with points, corrections, a debt, a transfer, a merge, blocks, and an erasure.

    Bo takes the coffee that three visits brought.
    """
    rules = [{**PROGRAMME["earning"]["rules"][0], "points": 2}, PROGRAMME["earning"]["rules"][1]]
    twice = {**PROGRAMME, "earning": {**PROGRAMME["earning"], "rules": rules}}
    shop.call("PUT", "programme", {"document": twice}, status=200)
    shop.call("POST", "programme/publish", {"note": "Two for 100"})
    shop.forward(hours=1)
    shop.call(
        "POST", "purchases/claim",
        {"external_id": "c1", "purchase": {"external_id": "r5"}, "member": {"external_id": "crm-jun"}},
    )  # fmt: skip
    shop.sells("r7", 20_000, "mina", redemptions=[{"points": 100}])
    shop.sells("r8", 15_000, "jun", lines=[{"amount_minor": 20_000}, {"amount_minor": -5_000, "sku": "cup"}])
    shop.refunds("f2", "r3", reason="Everything came back")
    shop.refunds("f3", "r99", amount_minor=2_000)
    shop.call(
        "POST", "adjustments",
        {"external_id": "a1", "member": {"external_id": "crm-jun"}, "points": 40, "reason": "goodwill"},
    )  # fmt: skip
    shop.call(
        "POST", "adjustments",
        {"external_id": "a2", "member": {"external_id": "crm-bo"}, "points": -500, "reason": "mistake",
         "allow_debt": True},
    )  # fmt: skip
    shop.call(
        "POST", "transfers",
        {"external_id": "t1", "giver": {"external_id": "crm-mina"}, "receiver": {"external_id": "crm-jun"},
         "points": 10, "reason": "gift"},
    )  # fmt: skip
    shop.call(
        "POST", f"members/{shop.members['jun']}/stamps",
        {"external_id": "h1", "stamp_card": "visits", "stamps": 1, "reason": "Had forgotten the phone"},
    )  # fmt: skip
    standing = ask(shop.client, shop.secret, "GET", f"members/{shop.members['bo']}/standing").json()
    shop.spends("d8", "bo", own_reward=standing["own_rewards"][0]["id"])
    shop.call("POST", "survey-responses", {"external_id": "s3", "score": 2, "member": shop.members["tae"]})
    shop.call("POST", "merges", {"source": shop.members["hana-again"], "target": shop.members["hana"]})
    shop.call("POST", f"members/{shop.members['bo']}/cards", {"number": "9000-9999"})
    shop.call("POST", f"members/{shop.members['bo']}/cards/block", {"number": "9000-5678"}, status=200)
    consent = {"consent": "marketing_email", "is_granted": False}
    shop.call("POST", f"members/{shop.members['mina']}/consents", consent, status=200)
    shop.call("POST", f"members/{shop.members['bo']}/code", {"code": shop.codes["bo"]}, status=200)
    shop.sells("r12", 3_000)
    wrong = shop.call(
        "POST", "purchases/claim",
        {"external_id": "c2", "purchase": {"external_id": "r12"}, "member": {"external_id": "crm-bo"}},
    )["receipt"]["id"]  # fmt: skip
    tenancy.attempt(
        shop.merchant,
        lambda: purchases.unclaim(merchant=shop.merchant, claim=wrong, reason="Not hers", now=shop.now, actor=MANAGER),
    )
    with tenancy.tenant(shop.merchant):
        sora = directory.find(merchant=shop.merchant, reference=Reference(id=shop.members["sora"]))
        missing.ask(
            merchant=shop.merchant, member=sora, bought_on=date(2026, 1, 16), amount_minor=4_500, receipt="77",
            now=shop.now,
        )  # fmt: skip
    _all_of_a_list_are_given_points(shop)
    shop.call("POST", f"members/{shop.members['tae']}/erase", status=200)
    del shop.members["tae"], shop.members["hana-again"]


def _all_of_a_list_are_given_points(shop: SampleShop) -> None:
    """Mina and Jun, five each; the worker gives them."""
    with tenancy.tenant(shop.merchant):
        chosen = [
            directory.find(merchant=shop.merchant, reference=Reference(id=shop.members[name]))
            for name in ("mina", "jun")
        ]
    common = {"merchant": shop.merchant, "now": shop.now}
    act = bulk_acts.choose(segment="everyone", pages=[[each.pk for each in chosen]], actor=MANAGER, **common)
    tenancy.attempt(
        shop.merchant,
        lambda: bulk_acts.start(public_id=act, gift=bulk_acts.BulkGift("Opening", points=5), actor=MANAGER, **common),
    )
    while bulk_acts.work(**common):
        pass


def _left_open(shop: SampleShop) -> None:
    """What is under way while the release changes: a hold, points on their way, a refund that waits, a late sale."""
    late = {"occurred_at": (shop.now - timedelta(days=5)).isoformat()}
    shop.sells("r10", 12_000, "mina", **late)
    shop.sells("r11", 18_000, "mina", lines=[{"sku": "yirga", "category": "beans", "amount_minor": 18_000}])
    shop.spends("d7", "mina", points=30, hold=True, hold_minutes=43_200)
    shop.refunds("f4", "r98", amount_minor=1_500, reason="Comes before its purchase")
    with tenancy.tenant(shop.merchant):
        approvals.ask(
            merchant=shop.merchant, request_id=ids.mint("prq"), lines=[approvals.AskedLine(shop.members["mina"], 40_000)],
            reason="Ten years a member", now=shop.now, actor=MANAGER,
        )  # fmt: skip
        note = briefings.write(
            merchant=shop.merchant, texts_by_language={"en": "Two beans for each 100 won."}, roles=["cashier"], places=[],
            starts_at=shop.now, ends_at=None, now=shop.now, actor=MANAGER,
        )  # fmt: skip
        jun = next(seat for seat in seats.of_merchant(shop.merchant) if seat.pin_hash)
        briefings.read(merchant=shop.merchant, briefing_id=note, seat=jun, now=shop.now)
        seen_notifications.note(merchant=shop.merchant, seat=jun, keys=[f"briefing:{note}"], now=shop.now)
