"""What rule stories are built of: a shop with a programme and a clock of its own, and members who earn and spend.

    cafe = builders.cafe()                    # Café Haneul, KRW, Seoul, terms in force since New Year 2026
    mina = cafe.member("Mina")
    mina.is_given(100, expires="2026-06-30")  # a lot, without a purchase
    mina.redeems(reward="coffee")
    assert mina.points() == (0, 0, 0, 0)      # spendable, held, pending, debt

Every verb runs in a tenant of its own, as an entry point would run it.  `cafe.clock` stands still until it is moved.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from members import search_keys
from members.inputs import NewMember
from members.models import Member
from merchants import ids, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.models.merchants import Merchant
from rewards import adjustments, balances, documents, enrolment, merging, purchases, redemptions, terms, transfers
from rewards.models.accounts import Account, Membership, TierPeriod
from rewards.models.programmes import TermsVersion
from rewards.parties import MemberRef
from rewards.points import Book, Cause
from tests import people

T = TypeVar("T")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Seoul")).astimezone(UTC)
NOON = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)  # noon in Seoul, a Wednesday
TILL = Actor("key", "key_0123456789abcdef", "Till 1")
OWNER = Actor("staff", "seat_0000000000000own", "Ms Owner", "owner")
MANAGER = Actor("staff", "seat_0000000000000man", "Mr Manager", "manager")
CASHIER = Actor("staff", "seat_0000000000000cas", "Jun", "cashier")
_numbers = itertools.count(1)

#: One point for 100 won, living a year; coffee, mugs (two of them), a cake a day, and points that pay half an order.
PROGRAMME: dict[str, Any] = {
    "format": 1,
    "name": "Haneul",
    "currency": "KRW",
    "earning": {
        "rules": [
            {
                "kind": "per_money",
                "code": "base",
                "name": "1 for 100",
                "points": 1,
                "per_amount_minor": 100,
                "net_of": ["discounts", "points"],
            }
        ]
    },
    "expiry": {"kind": "rolling", "count": 12, "unit": "months"},
    "tiers": {
        "basis": "spend",
        "window": {"kind": "calendar_year"},
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 500_000},
        ],
    },
    "rewards": [
        {"kind": "product", "code": "coffee", "name": "Coffee", "price_points": 100},
        {"kind": "product", "code": "mug", "name": "Mug", "price_points": 50, "stock": 2},
        {
            "kind": "product",
            "code": "cake",
            "name": "Cake",
            "price_points": 30,
            "per_member": {"count": 1, "per": "day"},
        },
        {"kind": "text", "code": "tour", "name": "Tour of the roastery", "price_points": 10, "tiers": ["gold"]},
        {"kind": "product", "code": "spring", "name": "Spring tea", "price_points": 10, "last_day": "2026-03-31"},
        {
            "kind": "discount",
            "code": "off",
            "name": "2,000 off",
            "price_points": 200,
            "amount_minor": 2_000,
            "minimum_total_minor": 10_000,
            "hold_minutes": 60,
        },
        {
            "kind": "percentage",
            "code": "tenth",
            "name": "10 % off",
            "price_points": 40,
            "percent": 10,
            "max_minor": 3_000,
        },
    ],
    "pay_with_points": {
        "points": 1,
        "amount_minor": 10,
        "minimum_points": 10,
        "step_points": 10,
        "maximum_points": 1_000,
        "max_share_percent": 50,
    },
}


def programme(**parts: Any) -> dict[str, Any]:
    """The usual programme with some parts replaced; None takes a part out."""
    document = {**PROGRAMME, **parts}
    return {name: value for name, value in document.items() if value is not None}


@dataclass
class Shop:
    """One merchant, its clock, and its people."""

    merchant: Merchant
    now: datetime = NOON
    people: dict[str, Person] = field(default_factory=dict)

    def publish(self, document: dict[str, Any], *, since: datetime = NEW_YEAR) -> int:
        """Publish terms as the next version, in force from an instant that may lie in the past."""
        terms.parse(document)

        def write() -> int:
            number = TermsVersion.objects.filter(merchant=self.merchant).count() + 1
            TermsVersion.objects.create(
                merchant=self.merchant, number=number, document=document, document_sha256="0" * 64,
                effective_from=since, published_at=since, published_by=str(OWNER),
            )  # fmt: skip
            return number

        return self.does(write)

    def does(self, work: Callable[[], T]) -> T:
        """Run a piece of work in the merchant's tenant, again when the database asks for that."""
        return tenancy.attempt(self.merchant, work)

    def forward(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now

    def at(self, day: str, clock: str = "12:00") -> datetime:
        """Move the clock to a local day and time."""
        self.now = self.instant(day, clock)
        return self.now

    def instant(self, day: str, clock: str = "00:00") -> datetime:
        return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=self.merchant.tzinfo).astimezone(UTC)

    def joins(self, name: str, *, by: Person | None = None) -> Person:
        """Enrol somebody as a till does, welcome points and all; `by` is the member whose code they bring."""
        code = self.does(lambda: Member.objects.get(pk=by.id).code) if by else None
        details = NewMember(name=name, external_id=name, referred_by=code)
        enrolled = self.does(
            lambda: enrolment.enrol(merchant=self.merchant, details=details, source="api", actor=TILL, now=self.now)
        ).member
        self.people[name] = Person(self, name, enrolled.pk, enrolled.public_id, 0)
        return self.people[name]

    def member(self, name: str, *, tier: str = "green", **fields: Any) -> Person:
        """Enrol somebody who joined at New Year, with an account on the first tier (or another)."""

        def enrol() -> Person:
            member = Member.objects.create(
                merchant=self.merchant, public_id=ids.mint("mem"), code=ids.normalise(ids.mint_member_code()),
                name=name, joined_at=NEW_YEAR, recorded_at=NEW_YEAR, **fields,
            )  # fmt: skip
            search_keys.write(member)
            account = open_account(self.merchant, member, tier=tier, tier_since=NEW_YEAR if tier else None)
            if tier:
                TierPeriod.objects.create(
                    merchant=self.merchant, member=member, tier=tier, held_from=NEW_YEAR, reason="entry",
                    recorded_at=NEW_YEAR,
                )  # fmt: skip
            return Person(self, name, member.pk, member.public_id, account.pk)

        person = self.does(enrol)
        self.people[name] = person
        return person

    def sells_to_a_guest(self, won: int, external_id: str, *, at: datetime | None = None) -> purchases.ItemOutcome:
        """Record a sale that names nobody; a refusal is raised."""
        sold = purchases.PurchaseInput(
            external_id=external_id, occurred_at=at or self.now, currency=self.merchant.currency, total_minor=won
        )
        (outcome,) = self.does(lambda: purchases.record(merchant=self.merchant, items=[sold], now=self.now, actor=TILL))
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def cast(self, *names: str) -> list[Person]:
        return [self.member(name) for name in names]


@dataclass
class Person:
    """A member who does things; every answer is the verb's own."""

    shop: Shop
    name: str
    id: int
    public_id: str
    account_id: int

    @property
    def ref(self) -> MemberRef:
        return MemberRef(id=self.public_id)

    # -- doing ----------------------------------------------------------------------------------------------------

    def is_given(
        self, points: int, *, expires: str | None = None, active: str | None = None, purchase_id: int | None = None
    ) -> None:
        """Put a lot on the account without any document, ending with the day before `expires` begins."""
        shop = self.shop

        def give() -> None:
            book = Book.open(shop.merchant.pk, account_ids=[self.account_id], now=shop.now, actor=SYSTEM)
            book.accounts[self.account_id].accrue(
                Cause("gift", next(_numbers), shop.now), points=points,
                active_at=shop.instant(active) if active else shop.now,
                expires_at=shop.instant(expires) if expires else None, purchase_id=purchase_id, now=shop.now,
                actor=str(SYSTEM),
            )  # fmt: skip
            book.write()

        shop.does(give)

    def buys(
        self,
        won: int,
        *,
        external_id: str = "",
        at: datetime | None = None,
        redeeming: list[dict[str, Any]] | None = None,
    ) -> purchases.ItemOutcome:
        """Record a purchase; a refusal is raised."""
        sold = purchases.PurchaseInput(
            external_id=external_id or fresh("sale"), occurred_at=at or self.shop.now,
            currency=self.shop.merchant.currency, total_minor=won, member=self.ref,
            redemptions=tuple(redemptions.RedemptionInput(**ask) for ask in redeeming or ()),
        )  # fmt: skip
        (outcome,) = self.shop.does(
            lambda: purchases.record(merchant=self.shop.merchant, items=[sold], now=self.shop.now, actor=TILL)
        )
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def claims(self, purchase: str, *, external_id: str = "", by: Actor = TILL) -> documents.DocumentOutcome:
        """Claim a guest's purchase, named by the till's own id."""
        asked = purchases.ClaimInput(
            external_id=external_id or fresh("claim"),
            purchase=purchases.PurchaseRef(external_id=purchase),
            member=self.ref,
        )
        return self.shop.does(
            lambda: purchases.claim(merchant=self.shop.merchant, asked=asked, now=self.shop.now, actor=by)
        )

    def returns(self, purchase: str, won: int | None = None, *, external_id: str = "") -> documents.DocumentOutcome:
        """Refund a purchase, named by the till's own id: an amount, or all that is left."""
        asked = purchases.RefundInput(
            external_id=external_id or fresh("refund"), occurred_at=self.shop.now,
            purchase=purchases.PurchaseRef(external_id=purchase), amount_minor=won,
        )  # fmt: skip
        return self.shop.does(
            lambda: purchases.refund(merchant=self.shop.merchant, asked=asked, now=self.shop.now, actor=TILL)
        )

    def redeems(self, *, external_id: str = "", **asked: Any) -> documents.DocumentOutcome:
        return self._spends(redemptions.redeem, external_id, asked)

    def holds(self, *, external_id: str = "", **asked: Any) -> documents.DocumentOutcome:
        return self._spends(redemptions.hold, external_id, asked)

    def _spends(
        self, verb: Callable[..., documents.DocumentOutcome], external_id: str, asked: dict[str, Any]
    ) -> documents.DocumentOutcome:
        request = redemptions.RedemptionRequest(external_id=external_id or fresh("red"), member=self.ref, **asked)
        outcome = self.shop.does(
            lambda: verb(merchant=self.shop.merchant, asked=request, now=self.shop.now, actor=TILL)
        )
        return outcome.unless_refused()

    def captures(
        self, redemption: str, points: int | None = None, *, external_id: str = ""
    ) -> documents.DocumentOutcome:
        asked = redemptions.CaptureInput(external_id=external_id or fresh("cap"), points=points)
        return self._ends(redemptions.capture, redemption, asked).unless_refused()

    def releases(self, redemption: str, *, external_id: str = "") -> documents.DocumentOutcome:
        return self._ends(
            redemptions.release, redemption, redemptions.ReleaseInput(external_id=external_id or fresh("rel"))
        )

    def reverses(self, redemption: str, *, external_id: str = "") -> documents.DocumentOutcome:
        asked = redemptions.ReversalInput(external_id=external_id or fresh("rev"))
        return self._ends(redemptions.reverse, redemption, asked)

    def _ends(
        self, verb: Callable[..., documents.DocumentOutcome], redemption: str, asked: msgspec.Struct
    ) -> documents.DocumentOutcome:
        return self.shop.does(
            lambda: verb(merchant=self.shop.merchant, redemption=redemption, asked=asked, now=self.shop.now, actor=TILL)
        )

    def is_adjusted(
        self, points: int, *, by: Actor = OWNER, reason: str = "goodwill", external_id: str = "", **asked: Any
    ) -> documents.DocumentOutcome:
        body = adjustments.AdjustmentInput(
            external_id=external_id or fresh("adj"), member=self.ref, points=points, reason=reason, **asked
        )
        return self.shop.does(
            lambda: adjustments.adjust(merchant=self.shop.merchant, asked=body, now=self.shop.now, actor=by)
        ).unless_refused()

    def gives(
        self, other: Person, points: int, *, external_id: str = "", occurred_at: datetime | None = None
    ) -> documents.DocumentOutcome:
        body = transfers.TransferInput(
            external_id=external_id or fresh("trf"), giver=self.ref, receiver=other.ref, points=points,
            occurred_at=occurred_at,
        )  # fmt: skip
        return self.shop.does(
            lambda: transfers.transfer(merchant=self.shop.merchant, asked=body, now=self.shop.now, actor=TILL)
        ).unless_refused()

    def is_merged_into(self, other: Person) -> merging.Merged:
        return self.shop.does(
            lambda: merging.merge(
                merchant=self.shop.merchant,
                source=self.public_id,
                target=other.public_id,
                now=self.shop.now,
                actor=OWNER,
            )
        )

    # -- looking --------------------------------------------------------------------------------------------------

    def balance(self) -> balances.Balance:
        found = self.shop.does(
            lambda: balances.of_member(merchant=self.shop.merchant, member_id=self.id, now=self.shop.now)
        )
        assert found is not None
        return found

    def points(self) -> tuple[int, int, int, int]:
        """Spendable, held, pending, debt."""
        found = self.balance()
        return found.spendable, found.held, found.pending, found.debt

    def lots(self) -> list[tuple[int, str]]:
        """What is left of each open lot, and the day it is gone (local), in the order they are spent."""
        found = self.shop.does(lambda: balances.lots(merchant=self.shop.merchant, member_id=self.id, now=self.shop.now))
        zone = self.shop.merchant.tzinfo
        return [
            (lot.remaining, lot.expires_at.astimezone(zone).date().isoformat() if lot.expires_at else "never")
            for lot in found
        ]

    def entries(self) -> list[tuple[str, int]]:
        """Kind and change of the balance of every entry, oldest first."""
        found = self.shop.does(lambda: balances.ledger(merchant=self.shop.merchant, member_id=self.id, limit=200))
        return [(entry.kind, entry.balance_change) for entry in reversed(found)]

    def state_of(self, redemption: str) -> str:
        found = self.shop.does(
            lambda: redemptions.find(merchant=self.shop.merchant, name=redemption, now=self.shop.now)
        )
        assert found is not None
        return found.state


def open_account(merchant: Merchant, member: Member, **membership: Any) -> Account:
    """Give a member a points account and a membership of nobody who ever bought; the tenant is open."""
    account = Account.objects.create(merchant=merchant, member=member)
    Membership.objects.create(merchant=merchant, member=member, account=account, **membership)
    return account


def fresh(kind: str) -> str:
    """An external id nobody used before."""
    return f"{kind}-{next(_numbers)}"


def open_shop(name: str = "Café Haneul", *, document: dict[str, Any] | None = None, **fields: Any) -> Shop:
    """A shop that opened at New Year, with its programme and a clock of its own."""
    shop = Shop(people.open_shop("shop", **{"name": name, "created_at": NEW_YEAR, **fields}))
    shop.publish(document or PROGRAMME)
    return shop


def cafe(**parts: Any) -> Shop:
    """Café Haneul with the usual programme, some of its parts replaced."""
    return open_shop(document=programme(**parts) if parts else None)
