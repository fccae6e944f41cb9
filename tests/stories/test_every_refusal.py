"""Every code of the catalogue is met at its call, with the status that the OpenAPI file promises for that call.

`Till.call` holds every answer of every story against the file (`tests/till.py`); here each code is provoked once, so
that none is in the catalogue that nobody can meet.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse

from loyalty.api.framework import limits
from loyalty.problem_catalogue import KINDS, status_of
from loyalty.server import bodies, routes
from loyalty.server.process import Server
from loyalty.server.threads import Pool
from members import blocking, live_codes
from members.models import Member
from merchants import keys, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.errors import STATUSES, LoyaltyError
from merchants.models.merchants import Merchant
from merchants.webhooks import addresses, endpoints
from merchants.webhooks import log as webhook_log
from rewards.models.accounts import Account
from rewards.models.purchases import Purchase
from rewards.models.redemptions import Redemption
from tests.serving import on_a_loop_of_its_own
from tests.till import Till, check_promised, issue_key, open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db

MANAGER = Actor("staff", "seat_0123456789abcdef", role="manager")
PARTS: dict[str, Any] = {
    "tiers": {
        "basis": "spend",
        "window": {"kind": "calendar_year"},
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 10**9},
        ],
    },
    "rewards": [
        {"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 10},
        {"kind": "product", "code": "gone", "name": "Gone", "price_points": 1, "last_day": "2021-01-01"},
        {"kind": "product", "code": "golden", "name": "Golden", "price_points": 1, "tiers": ["gold"]},
        {"kind": "product", "code": "one", "name": "The only one", "price_points": 1, "stock": 1},
        {
            "kind": "product",
            "code": "daily",
            "name": "One a day",
            "price_points": 1,
            "per_member": {"count": 1, "per": "day"},
        },
        {
            "kind": "discount",
            "code": "off",
            "name": "Off",
            "price_points": 1,
            "amount_minor": 500,
            "minimum_total_minor": 5_000,
        },
    ],
    "pay_with_points": {
        "points": 10,
        "amount_minor": 10,
        "minimum_points": 20,
        "step_points": 10,
        "maximum_points": 500,
        "max_share_percent": 50,
    },
    "transfers": {"minimum_points": 10, "maximum_points": 300, "given_per_month": 350},
    "referral": {"referrer_points": 30, "referee_points": 20},
    "stamps": [{"code": "visits", "name": "Visits", "sizes": [1], "reward": "coffee"}],
}
_numbers = itertools.count(1)


def ref(prefix: str = "n") -> str:
    return f"{prefix}-{next(_numbers)}"


def now() -> str:
    return datetime.now(UTC).isoformat()


class Cafe:
    """Café Haneul with its programme; Mina has 1,000 points, Jun none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        self.monkeypatch, self.settings = monkeypatch, settings
        monkeypatch.setitem(addresses.check.__kwdefaults__, "resolver", lambda host, port: ["93.184.215.14"])
        self.merchant = open_shop("cafe-haneul")
        self.till = till_at(self.merchant)
        start_programme(self.till, **PARTS)
        self.mina = self.joins("mina", card="9000-1234")
        self.jun = self.joins("jun", phone="010-1234-5678")
        self.gives(self.mina, 1_000)

    def joins(self, name: str, **fields: Any) -> str:
        return str(self.till.post("members", {"external_id": name, "name": name.title(), **fields}).json()["id"])

    def gives(self, member: str, points: int) -> Any:
        asked = {"external_id": ref("gift"), "member": {"id": member}, "points": points, "reason": "Welcome"}
        return self.till.post("adjustments", asked)

    def sells(self, name: str = "", total: int = 1_000, **fields: Any) -> Any:
        return sell(self.till, name or ref("sale"), total, **fields)

    def redeems(self, **fields: Any) -> Any:
        asked = {"external_id": ref("spent"), "member": {"id": self.mina}, **fields}
        return self.till.post("redemptions", asked)

    def holds(self, **fields: Any) -> str:
        return str(self.redeems(points=100, order_total_minor=1_000, hold=True, **fields).json()["receipt"]["id"])

    def ends(self, redemption: str, how: str, **fields: Any) -> Any:
        return self.till.post(f"redemptions/{redemption}/{how}", {"external_id": ref(how), **fields})

    def refunds(self, sold: str = "", **fields: Any) -> Any:
        asked = {"external_id": ref("back"), "occurred_at": now(), "purchase": {"external_id": sold}, **fields}
        return self.till.post("refunds", asked)

    def claims(self, purchase: str) -> Any:
        asked = {"external_id": ref("claim"), "purchase": {"external_id": purchase}, "member": {"id": self.jun}}
        return self.till.post("purchases/claim", asked)

    def transfers(self, points: int) -> Any:
        people = {"giver": {"id": self.mina}, "receiver": {"id": self.jun}}
        return self.till.post("transfers", {"external_id": ref("given"), **people, "points": points})

    def changes(self, model: Any, **fields: Any) -> None:
        with tenancy.tenant(self.merchant):
            model.objects.filter(merchant=self.merchant).update(**fields)

    def shop_is(self, **fields: Any) -> None:
        Merchant.objects.filter(pk=self.merchant.pk).update(**fields)

    def does(self, verb: Callable[[], Any]) -> Any:
        with tenancy.tenant(self.merchant):
            return verb()

    def moving_code(self, *, age: timedelta = timedelta(0)) -> str:
        member = self.does(lambda: Member.objects.get(public_id=self.mina))
        at = datetime.now(UTC) - age
        return self.does(lambda: live_codes.series(merchant=self.merchant, member=member, now=at, count=1))[0][1]

    def merges(self, source: str, target: str) -> Any:
        return self.till.post("merges", {"source": source, "target": target})

    def listens(self) -> str:
        return str(self.till.post("webhook-endpoints", {"url": "https://pos.example/x"}).json()["endpoint"]["id"])

    def quotes(self, total: int = 1_000) -> str:
        asked = {"member": {"id": self.mina}, "currency": "KRW", "total_minor": total}
        return str(self.till.post("quotes", asked).json()["token"])

    def publishes(self, **parts: Any) -> None:
        document = {**self.till.get("programme").json()["document"], **parts}
        assert self.till.call("PUT", "programme", {"document": document}).status_code == 200
        assert self.till.post("programme/publish", {}).status_code == 201

    def member(self, public_id: str) -> Member:
        found: Member = self.does(lambda: Member.objects.get(public_id=public_id))
        return found


@dataclass
class Wire:
    """One request as granian hands it to the web process: its body comes in pieces, so many seconds apart."""

    pieces: tuple[bytes, ...] = ()
    pause: float = 0.0
    answers: list[Any] = field(default_factory=list)

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        answer: Any = HttpResponse(body, status=status, headers=dict(headers))
        answer.json = lambda: json.loads(body)
        self.answers.append(answer)


def over_the_wire(cafe: Cafe, wire: Wire, *, announced: int, waiting_max: int = 8) -> Any:
    """Post a sale to a web process of one thread, which refuses it before Django has seen anything of it."""

    def django(environ: Any, start_response: Any) -> Any:
        raise AssertionError("The call was begun.")

    headers = {
        "authorization": f"Bearer {cafe.till.secret}",
        "content-type": "application/json",
        "content-length": str(announced),
    }
    asked = SimpleNamespace(method="POST", path="/api/v1/purchases", headers=headers)
    asked.query_string, asked.scheme, asked.http_version = "", "http", "1.1"
    asked.server, asked.client = "127.0.0.1:8000", "203.0.113.9:4711"

    sold = threading.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        reader = bodies.Reader(seconds_max=0.3)
        pool = Pool("api", 1, wait_seconds=5, answer_seconds=5, waiting_max=waiting_max)
        reader.start(loop)
        pool.start(loop)
        if not waiting_max:
            pool.run("another shop", lambda: sold.wait(20))
        await asyncio.create_task(Server(django, {routes.PoolName.API: pool}, reader).__rsgi__(asked, wire))
        sold.set()

    on_a_loop_of_its_own(asyncio.wait_for(run(), 20))
    (answer,) = wire.answers
    check_promised("POST", "purchases", answer)
    return answer


@pytest.fixture
def cafe(monkeypatch, settings):
    return Cafe(monkeypatch, settings)


# The request itself


def malformed_json(cafe):
    return cafe.till.post("members", raw=b"{")


def duplicate_key(cafe):
    return cafe.till.post("members", raw=b'{"name": "a", "name": "b"}')


def too_deep(cafe):
    return cafe.till.post("members", raw=b"[" * 100_000)


def body_missing(cafe):
    return cafe.till.post("members")


def invalid_request(cafe):
    return cafe.till.post("members", {"nmae": "Mina"})


def invalid_query(cafe):
    return cafe.till.get("members?limit=0")


def invalid_cursor(cafe):
    return cafe.till.get("members?cursor=AAAA")


def external_id_required(cafe):
    return cafe.till.post("purchases", {"occurred_at": now(), "currency": "KRW", "total_minor": 100})


def external_id_mismatch(cafe):
    return cafe.till.post(
        "purchases",
        {"external_id": "a-1", "occurred_at": now(), "currency": "KRW", "total_minor": 100},
        Idempotency_Key="b-1",
    )


def body_too_large(cafe):
    return cafe.till.post("members", raw=b'{"name": "' + b"x" * 2**20 + b'"}')


def unsupported_media_type(cafe):
    till = cafe.till
    headers = {"Authorization": f"Bearer {till.secret}"}
    return till.client.generic("POST", "/api/v1/members", b"{}", content_type="text/plain", headers=headers)


def method_not_allowed(cafe):
    return cafe.till.call("PUT", "members", {})


def route_not_found(cafe):
    return cafe.till.get("nothing/here")


def unknown_host(cafe):
    return cafe.till.get("members", Host="loyalty.example.net")


def unsupported_content_encoding(cafe):
    return cafe.till.post("members", {"external_id": "ari"}, Content_Encoding="gzip")


def length_required(cafe):
    """Of a server that hands on a body in chunks without its length; ours reads it to its end."""
    till = cafe.till
    headers = {"Authorization": f"Bearer {till.secret}", "Transfer-Encoding": "chunked"}
    return till.client.generic("POST", "/api/v1/members", b"", content_type="application/json", headers=headers)


def request_timeout(cafe):
    return over_the_wire(cafe, Wire((b"{", b"}"), pause=60), announced=2)


def body_cut_off(cafe):
    return over_the_wire(cafe, Wire((b"{",)), announced=2)


def busy(cafe):
    """The one thread is taken, and nobody may wait for it."""
    return over_the_wire(cafe, Wire((b"{}",)), announced=2, waiting_max=0)


# Who asks


def key_missing(cafe):
    return cafe.till.client.get("/api/v1/members")


def key_invalid(cafe):
    return Till(cafe.merchant, "lk_live_00000000_" + "0" * 32).get("members")


def key_revoked(cafe):
    issued = issue_key(cafe.merchant)
    fields = {"public_id": issued.key.public_id, "actor": SYSTEM, "now": datetime.now(UTC)}
    cafe.does(lambda: keys.revoke(merchant=cafe.merchant, **fields))
    return Till(cafe.merchant, issued.secret).get("members")


def key_expired(cafe):
    return till_at(cafe.merchant, expires_at=datetime.now(UTC) - timedelta(days=1)).get("members")


def merchant_closed(cafe):
    cafe.shop_is(closed_at=datetime.now(UTC))
    return cafe.till.get("members")


def scope_missing(cafe):
    return till_at(cafe.merchant, "members:read").post("members", {"phone": "010-1111-2222"})


def rate_limited(cafe):
    counter = limits.Limiter(cafe.settings.DJANGO_REDIS_URL, limit=1, window_seconds=3600)
    cafe.monkeypatch.setattr(limits, "limiter", lambda: counter)
    cafe.till.get("members")
    return cafe.till.get("members")


def unavailable(cafe):
    def away(**_):
        raise OperationalError("server closed the connection unexpectedly")

    cafe.monkeypatch.setattr("members.directory.page", away)
    return cafe.till.get("members")


def internal_error(cafe):
    cafe.monkeypatch.setattr("members.directory.page", lambda **_: 1 / 0)
    return cafe.till.get("members")


# General


def invalid(cafe):
    return cafe.gives(cafe.mina, 0)


def not_found(cafe):
    return cafe.till.get("metrics/segments?metric=nothing&group=nobody")


# Members


def member_not_found(cafe):
    return cafe.sells(member={"id": "mem_0123456789abcdef"})


def contact_taken(cafe):
    return cafe.till.post("members", {"phone": "010-1234-5678"})


def external_id_taken(cafe):
    return cafe.till.patch(f"members/{cafe.mina}", {"external_id": "jun"})


def identifier_missing(cafe):
    return cafe.till.post("members", {})


def ambiguous_reference(cafe):
    return cafe.till.post("members/lookup", {"id": cafe.mina, "card": "9000-1234"})


def contact_unreadable(cafe):
    return cafe.till.post("members", {"phone": "abc"})


def unknown_location(cafe):
    return cafe.sells(location="nowhere")


def unknown_referrer(cafe):
    return cafe.till.post("members", {"external_id": "ari", "referred_by": "AAAA-AAAA"})


def already_referred(cafe):
    by = [cafe.member(public_id).referral_code for public_id in (cafe.mina, cafe.jun)]
    assert cafe.till.post("members", {"external_id": "ari", "referred_by": by[0]}).json()["referral"] == "open"
    return cafe.till.post("members", {"external_id": "ari", "referred_by": by[1]})


def contact_is_members_own(cafe):
    """Jun signs in with his phone, and the till's key is not for contacts."""
    cafe.does(lambda: Member.objects.filter(public_id=cafe.jun).update(phone_proved_at=datetime.now(UTC)))
    return till_at(cafe.merchant, "members:read", "members:write").patch(
        f"members/{cafe.jun}", {"phone": "010-8765-4321"}
    )


def invalid_birthday(cafe):
    return cafe.till.post("members", {"external_id": "ari", "birthday": "02-30"})


def invalid_card(cafe):
    return cafe.till.post(f"members/{cafe.mina}/cards", {"number": "!!!!"})


def member_merged(cafe):
    cafe.merges(cafe.jun, cafe.mina)
    return cafe.till.post(f"members/{cafe.jun}/erase")


def merged_already(cafe):
    cafe.merges(cafe.jun, cafe.mina)
    return cafe.merges(cafe.jun, cafe.joins("ari"))


def open_holds(cafe):
    cafe.holds()
    return cafe.merges(cafe.mina, cafe.jun)


def merge_not_found(cafe):
    return cafe.till.post("merges/mrg_0123456789abcdef/undo")


def merged_further(cafe):
    merge = cafe.merges(cafe.jun, cafe.mina).json()["id"]
    cafe.merges(cafe.mina, cafe.joins("ari"))
    return cafe.till.post(f"merges/{merge}/undo")


def card_not_found(cafe):
    return cafe.till.post(f"members/{cafe.jun}/cards/block", {"number": "9000-1234"})


def code_not_found(cafe):
    return cafe.till.post(f"members/{cafe.mina}/code", {"code": cafe.member(cafe.jun).code})


def card_blocked(cafe):
    cafe.till.post(f"members/{cafe.mina}/cards/block", {"number": "9000-1234"})
    return cafe.till.post("members/lookup", {"card": "9000-1234"})


def live_code_expired(cafe):
    return cafe.till.post("members/lookup", {"code": cafe.moving_code(age=timedelta(hours=1))})


def live_code_used(cafe):
    member = {"code": cafe.moving_code()}
    assert cafe.redeems(reward="coffee", member=member).status_code == 201
    return cafe.redeems(reward="coffee", member=member)


def live_code_needed(cafe):
    cafe.shop_is(is_live_code_needed=True)
    return cafe.redeems(reward="coffee")


def static_code_earns_only(cafe):
    return cafe.redeems(reward="coffee", member={"code": cafe.member(cafe.mina).code})


def till_limit_reached(cafe):
    cafe.shop_is(till_word_points_max=9)
    return cafe.redeems(reward="coffee")


def spending_stopped(cafe):
    cafe.does(lambda: Member.objects.filter(public_id=cafe.mina).update(spending_stopped_at=datetime.now(UTC)))
    return cafe.redeems(reward="coffee")


def member_blocked(cafe):
    member = cafe.member(cafe.mina)
    said = {"reason": "Sells points", "actor": MANAGER, "now": datetime.now(UTC)}
    cafe.does(lambda: blocking.block(merchant=cafe.merchant, member=member, **said))
    return cafe.sells(member={"id": cafe.mina})


def member_erased(cafe):
    """Erased by another till between the two looks that the call takes."""
    member = cafe.does(lambda: Member.objects.get(public_id=cafe.mina))
    cafe.till.post(f"members/{cafe.mina}/erase")
    cafe.monkeypatch.setattr("loyalty.api.members.member_of", lambda call, public_id: member)
    return cafe.till.patch(f"members/{cafe.mina}", {"name": "Mina"})


# Transfers


def transfers_off(cafe):
    document = {**cafe.till.get("programme").json()["document"]}
    document.pop("transfers")
    assert cafe.till.call("PUT", "programme", {"document": document}).status_code == 200
    assert cafe.till.post("programme/publish", {}).status_code == 201
    return cafe.transfers(10)


def transfer_outside_limits(cafe):
    return cafe.transfers(301)


def transfer_month_limit_reached(cafe):
    assert cafe.transfers(300).status_code == 201
    return cafe.transfers(51)


# Purchases and what undoes them


def external_id_reused(cafe):
    cafe.sells("same", 100)
    return cafe.sells("same", 200)


def occurred_at_out_of_bounds(cafe):
    return cafe.sells(at=datetime.now(UTC) - timedelta(days=31))


def occurred_at_too_early(cafe):
    return cafe.sells(at=datetime.now(UTC) + timedelta(hours=9))


def totals_disagree(cafe):
    return cafe.sells(total=1_000, lines=[{"amount_minor": 900}])


def wrong_currency(cafe):
    return cafe.sells(currency="JPY")


def too_many_points(cafe):
    cafe.changes(Account, balance=2**53 - 1)
    return cafe.gives(cafe.mina, 10**12)


def purchase_not_found(cafe):
    return cafe.refunds(purchase={"id": "pur_0123456789abcdef"})


def refund_not_found(cafe):
    return cafe.till.get("refunds/ref_0123456789abcdef")


def adjustment_not_found(cafe):
    return cafe.till.get("adjustments/adj_0123456789abcdef")


def transfer_not_found(cafe):
    return cafe.till.get("transfers/trf_0123456789abcdef")


def refund_too_large(cafe):
    cafe.sells("sold", 1_000)
    return cafe.refunds("sold", amount_minor=1_001)


def unknown_line(cafe):
    cafe.sells("sold", 1_000, lines=[{"amount_minor": 1_000}])
    return cafe.refunds("sold", lines=[{"id": "2"}])


def line_refunded(cafe):
    cafe.sells("sold", 1_000, lines=[{"amount_minor": 1_000}])
    assert cafe.refunds("sold", lines=[{"id": "1"}]).status_code == 201
    return cafe.refunds("sold", lines=[{"id": "1"}])


def purchase_claimed(cafe):
    cafe.sells("sold", member={"id": cafe.mina})
    return cafe.claims("sold")


def purchase_refunded(cafe):
    cafe.sells("sold")
    assert cafe.refunds("sold").status_code == 201
    return cafe.claims("sold")


def claim_too_late(cafe):
    cafe.sells("sold", at=datetime.now(UTC) - timedelta(days=20))
    return cafe.claims("sold")


def quote_expired(cafe):
    cafe.monkeypatch.setattr("rewards.purchases.quotes.QUOTE_MINUTES", -1)
    token = cafe.quotes()
    return cafe.sells(member={"id": cafe.mina}, quote=token)


def quote_changed(cafe):
    token = cafe.quotes()
    rule = {"kind": "per_money", "code": "base", "name": "Base", "points": 2, "per_amount_minor": 100}
    document = {**cafe.till.get("programme").json()["document"], "earning": {"rules": [rule]}}
    assert cafe.till.call("PUT", "programme", {"document": document}).status_code == 200
    assert cafe.till.post("programme/publish", {}).status_code == 201
    return cafe.sells(member={"id": cafe.mina}, quote=token)


def insufficient_points(cafe):
    return cafe.gives(cafe.mina, -1_001)


def may_not_make_debt(cafe):
    till = till_at(cafe.merchant, "adjustments:write")
    asked = {"external_id": ref("fraud"), "member": {"id": cafe.mina}, "points": -1_001, "reason": "Fraud"}
    return till.post("adjustments", {**asked, "allow_debt": True})


def account_frozen(cafe):
    cafe.changes(Account, frozen_at=datetime.now(UTC))
    return cafe.redeems(reward="coffee")


# Events and webhooks


def webhook_endpoint_not_found(cafe):
    return cafe.till.get("webhook-endpoints/whk_0123456789abcdef")


def webhook_delivery_not_found(cafe):
    return cafe.till.get("webhook-deliveries/dlv_0123456789abcdef")


def event_not_found(cafe):
    return cafe.till.get("events/evt_0123456789abcdef")


def webhook_address_refused(cafe):
    return cafe.till.post("webhook-endpoints", {"url": "http://pos.example/x"})


def webhook_endpoint_disabled(cafe):
    endpoint = cafe.listens()
    cafe.till.post(f"webhook-endpoints/{endpoint}/disable", {})
    return cafe.till.post(f"webhook-endpoints/{endpoint}/ping")


def too_many_webhook_endpoints(cafe):
    cafe.monkeypatch.setattr(endpoints, "ENDPOINTS_MAX", 1)
    cafe.listens()
    return cafe.till.post("webhook-endpoints", {"url": "https://pos.example/y"})


def too_many_events_to_replay(cafe):
    cafe.monkeypatch.setattr(webhook_log, "REPLAY_MAX", 0)
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    return cafe.till.post(f"webhook-endpoints/{cafe.listens()}/replay", {"since": since})


def unknown_event_kind(cafe):
    return cafe.till.post("webhook-endpoints", {"url": "https://pos.example/x", "kinds": ["nothing.happened"]})


# Surveys


def survey_answered_already(cafe):
    cafe.till.post("survey-responses", {"member": cafe.mina, "score": 9})
    return cafe.till.post("survey-responses", {"member": cafe.mina, "score": 3})


# Redemptions


def redemption_not_found(cafe):
    return cafe.till.get("redemptions/rdm_0123456789abcdef")


def redemption_ended(cafe):
    hold = cafe.holds()
    assert cafe.ends(hold, "release").status_code == 201
    return cafe.ends(hold, "capture")


def redemption_still_held(cafe):
    return cafe.ends(cafe.holds(), "reverse")


def hold_expired(cafe):
    hold = cafe.holds()
    cafe.changes(Redemption, hold_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    return cafe.ends(hold, "capture")


def capture_too_large(cafe):
    return cafe.ends(cafe.holds(), "capture", points=110)


def part_of_a_reward(cafe):
    hold = cafe.redeems(reward="coffee", hold=True).json()["receipt"]["id"]
    return cafe.ends(hold, "capture", points=5)


def unknown_reward(cafe):
    return cafe.redeems(reward="nothing")


def unknown_own_reward(cafe):
    return cafe.redeems(own_reward="own_0123456789abcdef")


def own_reward_gone(cafe):
    cafe.sells(member={"id": cafe.mina})
    (mine,) = cafe.till.get(f"members/{cafe.mina}/standing").json()["own_rewards"]
    assert cafe.redeems(own_reward=mine["id"]).status_code == 201
    return cafe.redeems(own_reward=mine["id"])


def unknown_stamp_card(cafe):
    asked = {"external_id": ref("stamps"), "stamp_card": "nothing", "stamps": 1, "reason": "Forgot the phone"}
    return cafe.till.post(f"members/{cafe.mina}/stamps", asked)


def reward_not_on_offer(cafe):
    return cafe.redeems(reward="gone")


def reward_for_other_tiers(cafe):
    return cafe.redeems(reward="golden")


def reward_sold_out(cafe):
    assert cafe.redeems(reward="one").status_code == 201
    return cafe.redeems(reward="one")


def reward_limit_reached(cafe):
    assert cafe.redeems(reward="daily").status_code == 201
    return cafe.redeems(reward="daily")


def order_total_required(cafe):
    return cafe.redeems(reward="off")


def order_total_too_small(cafe):
    return cafe.redeems(reward="off", order_total_minor=4_999)


def points_pay_nothing(cafe):
    document = {**cafe.till.get("programme").json()["document"]}
    document.pop("pay_with_points")
    assert cafe.till.call("PUT", "programme", {"document": document}).status_code == 200
    assert cafe.till.post("programme/publish", {}).status_code == 201
    return cafe.redeems(points=100, order_total_minor=1_000)


def points_below_minimum(cafe):
    return cafe.redeems(points=10, order_total_minor=1_000)


def points_above_maximum(cafe):
    return cafe.redeems(points=510, order_total_minor=10_000)


def points_not_a_step(cafe):
    return cafe.redeems(points=25, order_total_minor=1_000)


def points_worth_nothing(cafe):
    pay = {"points": 100, "amount_minor": 1, "minimum_points": 1, "step_points": 1}
    document = {**cafe.till.get("programme").json()["document"], "pay_with_points": pay}
    assert cafe.till.call("PUT", "programme", {"document": document}).status_code == 200
    assert cafe.till.post("programme/publish", {}).status_code == 201
    return cafe.redeems(points=50, order_total_minor=1_000)


def points_above_share(cafe):
    return cafe.redeems(points=500, order_total_minor=900)


def points_not_for_these_goods(cafe):
    """Points pay for no gift cards: one of ₩1,000 beside a tea of ₩100 takes 100 points at most."""
    cafe.publishes(pay_with_points={"points": 1, "amount_minor": 1, "excluding": {"categories": ["gift_card"]}})
    lines = [{"category": "gift_card", "amount_minor": 1_000}, {"category": "tea", "amount_minor": 100}]
    return cafe.sells(total=1_100, lines=lines, member={"id": cafe.mina}, redemptions=[{"points": 101}])


# The programme and the numbers


def invalid_programme(cafe):
    return cafe.till.call("PUT", "programme", {"document": {"name": 5}})


def draft_moved(cafe):
    draft = cafe.till.get("programme").json()
    return cafe.till.call("PUT", "programme", {"document": draft["document"], "revision": draft["revision"] + 1})


def nothing_to_publish(cafe):
    return cafe.till.post("programme/publish", {})


def version_not_found(cafe):
    return cafe.till.post("programme/versions/99/rollback", {})


def no_such_period(cafe):
    return cafe.till.get("metrics?period=1066-Q9")


@pytest.mark.parametrize("code", KINDS)
def test_each_code_is_met_with_the_status_the_file_promises(cafe, code):
    provoke = globals()[code]

    answer = provoke(cafe)

    assert answer["Content-Type"] == "application/problem+json", answer.content
    problem = answer.json()
    assert (problem["code"], problem["status"], answer.status_code) == (code, status_of(code), status_of(code))
    assert problem["type"].endswith(f"/api/docs/problems/{code}")


def test_one_code_has_one_status():
    """A second class with the code of another and a status of its own cannot be declared."""
    with pytest.raises(TypeError, match="member_not_found"):
        type("Confused", (LoyaltyError,), {"code": "member_not_found", "http": 422})

    assert STATUSES["member_not_found"] == 404


def test_a_member_nobody_knows_is_404_wherever_they_are_named(cafe):
    nobody = {"id": "mem_0123456789abcdef"}
    held = len(cafe.till.get(f"members/{cafe.mina}/ledger").json()["data"])

    answers = [
        cafe.sells(member=nobody),
        cafe.redeems(member=nobody, reward="coffee"),
        cafe.till.post("quotes", {"member": nobody, "currency": "KRW", "total_minor": 100}),
        cafe.till.post("adjustments", {"external_id": ref(), "member": nobody, "points": 5, "reason": "x"}),
        cafe.till.post(
            "transfers", {"external_id": ref(), "giver": nobody, "receiver": {"id": cafe.jun}, "points": 10}
        ),
        cafe.merges(nobody["id"], cafe.mina),
        cafe.till.get(f"members/{nobody['id']}"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "member_not_found")] * 7
    assert len(cafe.till.get(f"members/{cafe.mina}/ledger").json()["data"]) == held
    assert cafe.does(lambda: Purchase.objects.filter(merchant=cafe.merchant).count()) == 0
