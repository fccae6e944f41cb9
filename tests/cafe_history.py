"""A café with a life: eighteen months of sales, members on tiers, rewards taken, answers given, numbers computed.

Committed for good, so ask only about it; it ends with the run's cluster.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from analytics import runs
from engagement.models import SurveyResponse
from members.inputs import NewMember
from merchants import ids, periods, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards import enrolment, programmes, purchases, redemptions, terms
from tests.people import open_shop

NAMES = [
    "김민지",
    "이서연",
    "박지훈",
    "최유진",
    "정하늘",
    "강도윤",
    "조은서",
    "윤지우",
    "장서준",
    "임수아",
    "한지민",
    "오현우",
    "서예린",
    "신동현",
    "권나연",
    "황민재",
    "안소희",
    "송재민",
    "류다은",
    "홍지호",
    "Mina_Park",
    "James_Lee",
    "Grace_Kim",
    "Sofia_Rossi",
    "Noah_Weber",
    "Emma_Chen",
    "Lucas_Silva",
    "Ava_Müller",
    "林怡君",
    "陳冠宇",
    "王雅婷",
    "張家豪",
    "李佳穎",
    "黃柏翰",
]
GOODS = (("LATTE", "coffee", 5200), ("AMERICANO", "coffee", 4500), ("TEA", "tea", 4800), ("CAKE", "food", 6800))


def cafe(*, slug: str = "cafe-haneul", sales: int = 900, seed: int = 7) -> Merchant:
    """Open the café and let it live until yesterday."""
    dice, now = random.Random(seed), datetime.now(UTC)
    merchant = open_shop(slug)
    with tenancy.tenant(merchant):
        document = terms.templates()["cafe"]
        programmes.save_draft(merchant=merchant, document=document, revision=None, now=now, actor=SYSTEM)
        begun = now - timedelta(days=540)
        programmes.publish(merchant=merchant, now=now, actor=SYSTEM, effective_from=begun, note="The first programme")
    people = []
    for place, name in enumerate(NAMES * 3):
        joined = begun + timedelta(days=dice.randrange(0, 500), hours=3)
        details = NewMember(
            name=name.replace("_", " "), email=f"{place}-{ids.mint('mem')[4:]}@example.org",
            phone=f"+8210{dice.randrange(20_000_000, 49_999_999):08d}", joined_at=joined, consents=("terms", "privacy"),
        )  # fmt: skip
        with tenancy.tenant(merchant):
            people.append(
                enrolment.enrol(merchant=merchant, details=details, source="counter", actor=SYSTEM, now=now).member
            )
    _sell(merchant, people, begun, now, sales, dice)
    _afterwards(merchant, people, now, dice)
    runs.run(merchant, now=now)
    return merchant


def _sell(merchant, people, begun, now, sales, dice) -> None:
    sold = []
    for number in range(sales):
        member = dice.choices(people, weights=[1 / (1 + place % 34) for place in range(len(people))])[0]
        at = max(begun, member.joined_at) + (now - timedelta(days=1) - max(begun, member.joined_at)) * dice.random()
        at = at.replace(hour=dice.randrange(0, 12))
        lines = [
            purchases.LineInput(sku=sku, category=category, quantity=Decimal(count), amount_minor=price * count)
            for sku, category, price in dice.sample(GOODS, dice.randrange(1, 3))
            for count in [dice.randrange(1, 3)]
        ]
        sold.append(
            purchases.PurchaseInput(
                external_id=f"sale-{number}",
                occurred_at=at,
                currency="KRW",
                lines=tuple(lines),
                total_minor=sum(line.amount_minor for line in lines),
                location="main",
                member=purchases.MemberRef(id=member.public_id) if dice.random() > 0.1 else None,
            )
        )
    for start in range(0, sales, 500):
        with tenancy.tenant(merchant):
            for outcome in purchases.record(
                merchant=merchant, items=sold[start : start + 500], now=now, actor=SYSTEM,
                source=purchases.SaleSource(may_backfill=True, is_silent=True),
            ):  # fmt: skip
                if outcome.error is not None:
                    raise outcome.error


def _afterwards(merchant, people, now, dice) -> None:
    with tenancy.tenant(merchant):
        for number in (3, 40, 77):
            asked = purchases.RefundInput(
                external_id=f"refund-{number}", occurred_at=now, amount_minor=1000, reason="Cold coffee",
                purchase=purchases.PurchaseRef(external_id=f"sale-{number}"),
            )  # fmt: skip
            purchases.refund(merchant=merchant, asked=asked, now=now, actor=SYSTEM)
        for place, member in enumerate(people[:12]):
            for reward in ("americano", "money-off"):
                wish = redemptions.RedemptionRequest(
                    external_id=f"red-{reward}-{place}", member=purchases.MemberRef(id=member.public_id), reward=reward,
                    order_total_minor=20000,
                )  # fmt: skip
                redemptions.redeem(merchant=merchant, asked=wish, now=now, actor=SYSTEM)
        for back in range(0, 200, 2):
            at = now - timedelta(days=back)
            SurveyResponse.objects.create(
                merchant=merchant, public_id=ids.mint("srv"), member=people[back % len(people)],
                score=dice.choices(range(11), weights=[1, 0, 1, 1, 1, 2, 2, 4, 6, 9, 8])[0],
                local_day=periods.local_day(at, merchant.tzinfo), answered_at=at, recorded_at=at,
            )  # fmt: skip
