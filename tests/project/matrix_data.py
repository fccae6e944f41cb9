"""The stage of the authorisation matrix: two merchants, everybody of the matrix, and a sample of each thing with an id."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from members.models import Member
from merchants import briefings, ids, keys, logos, outbox, photos, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from merchants.models.people import CounterDevice, User
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks import addresses, endpoints
from rewards import adjustments, approvals, merging, purchases, transfers
from rewards.models.bulk import BulkAct
from rewards.models.redemptions import Redemption
from tests.builders import PROGRAMME, Shop
from tests.drawings import png
from tests.people import MANAGER, browser_of, cashier_browser, join, member_browser, open_shop, seat_at, staff_browser

#: Parameters of addresses that name no row of a merchant.
NOT_OURS = {
    "merchant_slug",
    "purpose",
    "size",
    "sheet",
    "subject",
    "width",
    "part",
    "table",
    "code",
    "object_id",
    "content_type_id",
    "app_label",
    "url",
    "pk",
    "number",
    "kind",
    "secret",
    "token",
}
PLAIN = {
    "purpose": "marketing", "size": "180", "sheet": "a4", "subject": "reward.latte", "width": "240", "part": "forms", "table": "claims", "code": "invalid_request", "object_id": "1",
    "content_type_id": "1", "app_label": "merchants", "url": "nothing", "pk": "1", "number": "1",
    "kind": "email", "secret": "no-such-secret", "token": "no-such-token",
}  # fmt: skip
#: Addresses that a pattern alone does not tell.
PATHS = {"api:no_such_call": "/api/v1/no-such-call", "ui:preview": "/theme-preview.css?brand=7a1f3d"}


@dataclass(frozen=True)
class Route:
    name: str
    pattern: str
    view: Callable[..., Any]
    parameters: tuple[str, ...]

    @property
    def names_rows(self) -> list[str]:
        return [name for name in self.parameters if name not in NOT_OURS]


def routes() -> list[Route]:
    """Every address of the installation."""
    return list(_url_patterns(get_resolver(), "", ()))


def _url_patterns(resolver: URLResolver, prefix: str, spaces: tuple[str, ...]) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _url_patterns(pattern, path, (*spaces, pattern.namespace) if pattern.namespace else spaces)
        else:
            name = ":".join((*spaces, pattern.name or "unnamed"))
            yield Route(name, path, pattern.callback, _parameters(path, pattern))


def _parameters(path: str, pattern: URLPattern) -> tuple[str, ...]:
    names = [part.rpartition(":")[2].rstrip(">") for part in _between(path)]
    return tuple(dict.fromkeys([*names, *pattern.pattern.regex.groupindex]))


def _between(path: str) -> list[str]:
    return [part.partition(">")[0] for part in path.split("<")[1:]]


@dataclass
class Stage:
    shop: Merchant
    elsewhere: Merchant
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))
    cookies: dict[str, SimpleCookie] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    scoped: dict[str, str] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)

    def path(self, route: Route, ids: dict[str, str] | None = None) -> str:
        """The address with samples in it; an id without a sample is a fault of the test's author."""
        if route.name in PATHS:
            return PATHS[route.name]
        values = {"merchant_slug": self.shop.slug, **PLAIN, **self.samples, **(ids or {})}
        missing = [name for name in route.parameters if name not in values]
        assert not missing, f"{route.name}: add a sample of {missing} to tests/project/matrix_data.py"
        path = route.pattern
        for part in _between(path):
            path = path.replace(f"<{part}>", values[part.rpartition(":")[2]])
        for sign in ("^", "$", "(?P", ")"):
            path = path.replace(sign, "")
        return f"/{path}"

    def ask(self, person: str, method: str, path: str, *, scope: str = "") -> Any:
        """Ask as somebody, in a browser of their own; whatever it changes is undone."""
        client, headers = self.client, {}
        client.cookies = SimpleCookie()
        if person in self.cookies:
            client.cookies = SimpleCookie({name: morsel.value for name, morsel in self.cookies[person].items()})
        elif person == "key_without_scope":
            headers["Authorization"] = f"Bearer {self.scoped.get(scope) or self.secrets['key']}"
        elif person in self.secrets:
            headers["Authorization"] = f"Bearer {self.secrets[person]}"
        is_api = path.startswith("/api/")
        content = {"content_type": "application/json", "data": b"{}"} if is_api and method != "GET" else {}
        with undone():
            if method == "GET":
                return client.get(path, headers=headers)
            return client.generic(method, path, headers=headers, **content)


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """A transaction that a test takes back; marked as the test's own, so that `tenant()` may still be outermost."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def set_up() -> Stage:
    """Build the stage in the open transaction."""
    stage = Stage(open_shop("cafe-haneul"), open_shop("bookshop", country="US"))
    shop, elsewhere = stage.shop, stage.elsewhere
    for each in (shop, elsewhere):
        Shop(each).publish(PROGRAMME)
    mina, jisoo, rose = join(shop), join(shop, name="Jisoo"), join(elsewhere, name="Rose")
    browsers = {
        "member": member_browser(shop, mina),
        "other_member": member_browser(shop, jisoo),
        "member_elsewhere": member_browser(elsewhere, rose),
        **{role: staff_browser(shop, role) for role in ("owner", "manager", "analyst", "cashier")},
        "counter": cashier_browser(shop),
        "other_staff": staff_browser(elsewhere, "owner"),
        "operator": browser_of(User.objects.create_superuser(email="operator@example.org", password=None)),
    }
    stage.cookies = {person: client.cookies for person, client in browsers.items()}
    stage.secrets = {
        "key": _key(shop, keys.SCOPES),
        "other_key": _key(elsewhere, keys.SCOPES),
        "revoked_key": _key(shop, keys.SCOPES, revoked=True),
    }
    stage.scoped = {scope: _key(shop, set(keys.SCOPES) - {scope}) for scope in keys.SCOPES}
    stage.samples = _samples(shop, mina.public_id)
    stage.foreign = _samples(elsewhere, rose.public_id)
    return stage


def _key(merchant: Merchant, scopes: Any, *, revoked: bool = False) -> str:
    now = datetime.now(UTC)
    with tenancy.tenant(merchant):
        issued = keys.issue(merchant=merchant, name="Till", scopes=tuple(scopes), actor=SYSTEM, now=now)
        if revoked:
            keys.revoke(merchant=merchant, public_id=issued.key.public_id, actor=SYSTEM, now=now)
    return issued.secret


def _samples(merchant: Merchant, member_id: str) -> dict[str, str]:
    """One of each thing that an address can name, by the parameter's name."""
    now = datetime.now(UTC)
    seat = seat_at(merchant, "cashier")
    cashier_browser(merchant, pin="8642")
    with tenancy.tenant(merchant):
        logos.change(merchant=merchant, content=png(64, 64), now=now, actor=SYSTEM)
        photos.change(merchant=merchant, subject="reward.latte", file=png(240, 180), now=now, actor=SYSTEM)
        device = CounterDevice.objects.filter(merchant=merchant).latest("pk")
        endpoint = endpoints.create(
            merchant=merchant,
            target=addresses.check("https://hooks.example.org/in", resolver=lambda host, port: ["93.184.215.14"]),
            actor=SYSTEM,
            now=now,
        ).endpoint
        event_id = outbox.record(
            merchant_id=merchant.pk, kind="member.erased", payload={"member": member_id}, occurred_at=now, now=now
        )
        delivery = WebhookDelivery.objects.create(
            public_id=ids.mint("dlv"),
            merchant=merchant,
            endpoint=WebhookEndpoint.objects.get(merchant=merchant, public_id=endpoint.id),
            event=OutboxEvent.objects.get(merchant=merchant, public_id=event_id),
            due_at=now,
            created_at=now,
        )
        redemption = Redemption.objects.create(
            public_id=ids.mint("rdm"),
            merchant=merchant,
            external_id="sample",
            member=Member.objects.get(merchant=merchant, public_id=member_id),
            state="held",
            points=10,
            actor=str(SYSTEM),
            occurred_at=now,
            recorded_at=now,
            hold_expires_at=now + timedelta(hours=1),
        )
    return {
        "member_id": member_id,
        "seat_id": seat.public_id,
        "device_id": device.public_id,
        "endpoint_id": endpoint.id,
        "delivery_id": delivery.public_id,
        "event_id": event_id,
        "merge": _merge(merchant, member_id, now),
        "redemption": redemption.public_id,
        "redemption_id": redemption.public_id,
        "purchase_id": _purchase(merchant, member_id, now),
        "briefing_id": _briefing(merchant, now),
        **_documents(merchant, member_id, now),
    }


def _documents(merchant: Merchant, member_id: str, now: datetime) -> dict[str, str]:
    """A purchase taken back, points given, and points given on, by the names their addresses use."""
    sold = _purchase(merchant, member_id, now, external_id="taken-back")
    mina = purchases.MemberRef(id=member_id)
    other = join(merchant, name="A friend")
    back = purchases.RefundInput(external_id="sample", occurred_at=now, purchase=purchases.PurchaseRef(id=sold))
    gift = adjustments.AdjustmentInput(external_id="sample", member=mina, points=10, reason="A sample")
    bulk = ids.mint("adj")
    one_of_many = adjustments.AdjustmentInput(
        external_id=f"console:{bulk}:{member_id}", member=mina, points=10, reason="A sample"
    )  # fmt: skip
    given = transfers.TransferInput(
        external_id="sample", giver=mina, receiver=purchases.MemberRef(id=other.public_id), points=1
    )
    with tenancy.tenant(merchant):
        common: Any = {"merchant": merchant, "now": now, "actor": SYSTEM}
        adjustments.adjust(asked=one_of_many, **common)
        return {
            "purchase": sold,
            "refund": purchases.refund(asked=back, **common).public_id,
            "adjustment": adjustments.adjust(asked=gift, **common).public_id,
            "bulk_id": bulk,
            "request_id": approvals.ask(
                request_id=ids.mint("prq"), lines=[approvals.AskedLine(member_id, 5_000)], reason="A sample",
                merchant=merchant, now=now, actor=MANAGER,
            ),
            "act_id": _bulk_act(merchant, now),
            "transfer": transfers.transfer(asked=given, **common).public_id,
        }  # fmt: skip


def _briefing(merchant: Merchant, now: datetime) -> str:
    """A note to the team that is read by nobody yet, from next week on: it is in nobody's way."""
    later = now + timedelta(days=7)
    with tenancy.tenant(merchant):
        return briefings.write(
            merchant=merchant, texts_by_language={"en": "A sample"}, roles=[], places=[], starts_at=later, ends_at=None,
            now=now, actor=MANAGER,
        )  # fmt: skip


def _bulk_act(merchant: Merchant, now: datetime) -> str:
    act = BulkAct.objects.create(
        merchant=merchant, public_id=ids.mint("blk"), state="chosen", segment="everyone", members=1, seat="seat_0", role="owner",
        chosen_at=now,
    )  # fmt: skip
    return act.public_id


def _merge(merchant: Merchant, member_id: str, now: datetime) -> str:
    old = join(merchant, name="An old card")
    with tenancy.tenant(merchant):
        return merging.merge(
            merchant=merchant, source=old.public_id, target=member_id, now=now, actor=SYSTEM
        ).public_id  # fmt: skip


def _purchase(merchant: Merchant, member_id: str, now: datetime, external_id: str = "sample") -> str:
    sold = purchases.PurchaseInput(
        external_id=external_id, occurred_at=now, currency=merchant.currency, total_minor=1000,
        member=purchases.MemberRef(id=member_id),
    )  # fmt: skip
    with tenancy.tenant(merchant):
        return purchases.record(merchant=merchant, items=[sold], now=now, actor=SYSTEM)[0].public_id
