"""A merchant's trade, written straight into the tables: who bought when, for how much, and what came back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection

from engagement.models import SurveyResponse
from members.models import Member
from merchants import ids, periods, tenancy
from rewards.models.accounts import Account, Membership
from rewards.models.purchases import Purchase, Refund
from tests.people import open_shop

_numbers = itertools.count(1)


class Trade:
    """Opens a merchant and lets its members buy.  Every call is one committed transaction, unless inside `open()`."""

    def __init__(self, *, zone: str = "America/New_York", currency: str = "USD", name: str = "Bookshop") -> None:
        self.merchant = open_shop(
            "bookshop", name=name, currency=currency, zone=zone, country="US", is_sandbox=True,
            created_at=datetime(2020, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        self._is_open = False

    @contextmanager
    def open(self) -> Iterator[None]:
        if self._is_open:
            yield
            return
        with tenancy.tenant(self.merchant):
            self._is_open = True
            try:
                yield
            finally:
                self._is_open = False

    def at(self, day: date, hour: int = 12) -> datetime:
        return datetime.combine(day, time(hour), tzinfo=self.merchant.tzinfo)

    def member(self, name: str = "", *, joined: date = date(2020, 1, 1)) -> Member:
        return self.members(1, joined=joined, name=name)[0]

    def members(self, count: int, *, joined: date = date(2020, 1, 1), name: str = "") -> list[Member]:
        with self.open():
            return Member.objects.bulk_create(
                Member(
                    merchant=self.merchant,
                    public_id=ids.mint("mem"),
                    code=f"C{next(_numbers)}",
                    name=name,
                    joined_at=self.at(joined),
                    recorded_at=self.at(joined),
                )
                for _ in range(count)
            )

    def accounts(self, members: list[Member]) -> list[Account]:
        with self.open():
            accounts = Account.objects.bulk_create(Account(merchant=self.merchant, member=m) for m in members)
            Membership.objects.bulk_create(
                Membership(merchant=self.merchant, member=account.member, account=account) for account in accounts
            )
            return accounts

    def buy(
        self,
        member: Member | None,
        on: date | datetime,
        minor: int = 1000,
        *,
        times: int = 1,
        external_id: str | None = None,
        paid_with_points: int = 0,
    ) -> Purchase:
        sales = [(member, on, minor)] * times
        return self.buys(sales, external_id=external_id, paid_with_points=paid_with_points)[0]

    def buys(
        self,
        sales: list[tuple[Member | None, date | datetime, int]],
        *,
        external_id: str | None = None,
        paid_with_points: int = 0,
    ) -> list[Purchase]:
        rows = []
        for member, on, minor in sales:
            moment = on if isinstance(on, datetime) else self.at(on)
            rows.append(
                Purchase(
                    merchant=self.merchant,
                    public_id=ids.mint("pur"),
                    external_id=external_id or f"till-{next(_numbers)}",
                    actor="test",
                    occurred_at=moment,
                    recorded_at=moment,
                    state="recorded",
                    member=member,
                    local_day=periods.local_day(moment, self.merchant.tzinfo),
                    currency=self.merchant.currency,
                    total_minor=minor,
                    has_returns=minor < 0,
                    points_paid_minor=paid_with_points,
                )
            )
        with self.open():
            return Purchase.objects.bulk_create(rows)

    def refund(self, purchase: Purchase, minor: int | None = None) -> Refund:
        minor = purchase.total_minor - purchase.refunded_minor if minor is None else minor
        with self.open():
            purchase.refunded_minor += minor
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE rewards_purchase SET refunded_minor = refunded_minor + %s, "
                    "came_back_whole = refunded_minor + %s = total_minor, xid = pg_current_xact_id() "
                    "WHERE merchant_id = %s AND id = %s",
                    [minor, minor, self.merchant.pk, purchase.pk],
                )
            return Refund.objects.create(
                merchant=self.merchant,
                public_id=ids.mint("ref"),
                external_id=f"refund-{next(_numbers)}",
                actor="test",
                occurred_at=purchase.occurred_at + timedelta(days=1),
                recorded_at=purchase.occurred_at + timedelta(days=1),
                purchase=purchase,
                amount_minor=minor,
                is_applied=True,
            )

    def answers(self, scores: list[int], on: date, members: list[Member] | None = None) -> list[SurveyResponse]:
        voices: list[Member | None] = list(members) if members is not None else [None] * len(scores)
        with self.open():
            return SurveyResponse.objects.bulk_create(
                SurveyResponse(
                    merchant=self.merchant,
                    public_id=ids.mint("srv"),
                    member=voice,
                    score=score,
                    local_day=on,
                    answered_at=self.at(on),
                    recorded_at=self.at(on),
                )
                for score, voice in zip(scores, voices, strict=True)
            )
