"""How much a till may send: the largest that is read, and the next that is not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from merchants import shapes
from rewards.purchases import PurchaseInput
from rewards.sales.inputs import milli

MOST = 10_000_000_000_000  # minor units
SALE = {"external_id": "r-1", "occurred_at": datetime(2026, 1, 7, 12, tzinfo=UTC), "currency": "KRW", "total_minor": 0}


def read(**fields: Any) -> PurchaseInput:
    return shapes.read({**SALE, **fields}, PurchaseInput)


def of_a_line(**fields: Any) -> dict[str, Any]:
    return {"lines": [{"amount_minor": 0, **fields}]}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"total_minor": MOST + 1}, "/total_minor"),
        ({"total_minor": -MOST - 1}, "/total_minor"),
        ({"rounding_minor": MOST + 1}, "/rounding_minor"),
        ({"rounding_minor": -MOST - 1}, "/rounding_minor"),
        (of_a_line(amount_minor=MOST + 1), "/lines/0/amount_minor"),
        (of_a_line(amount_minor=-MOST - 1), "/lines/0/amount_minor"),
        (of_a_line(sku="x" * 101), "/lines/0/sku"),
        (of_a_line(category="x" * 101), "/lines/0/category"),
        (of_a_line(id=""), "/lines/0/id"),
        (of_a_line(id="x" * 61), "/lines/0/id"),
        (of_a_line(labels=["x" * 101]), "/lines/0/labels/0"),
        (of_a_line(labels=["x"] * 21), "/lines/0/labels"),
        ({"lines": [{"amount_minor": 0}] * 501}, "/lines"),
        ({"tenders": [{"kind": "x" * 61, "amount_minor": 0}]}, "/tenders/0/kind"),
        ({"tenders": [{"kind": "card", "amount_minor": 0}] * 21}, "/tenders"),
        ({"redemptions": [{"points": 0}]}, "/redemptions/0/points"),
        ({"redemptions": [{"points": 2**53}]}, "/redemptions/0/points"),
        ({"redemptions": [{"reward": ""}]}, "/redemptions/0/reward"),
        ({"redemptions": [{"reward": "x" * 61}]}, "/redemptions/0/reward"),
        ({"redemptions": [{"id": "x" * 41}]}, "/redemptions/0/id"),
        ({"redemptions": [{"code": "x" * 31}]}, "/redemptions/0/code"),
        ({"redemptions": [{"points": 1}] * 11}, "/redemptions"),
        ({"occurred_at": datetime(2026, 1, 7, 12)}, "/occurred_at"),  # noqa: DTZ001
        ({"sent_at": datetime(2026, 1, 7, 12)}, "/sent_at"),  # noqa: DTZ001
        ({"terminal": "x" * 61}, "/terminal"),
        ({"channel": "x" * 31}, "/channel"),
    ],
)  # fmt: skip
def test_more_than_a_till_may_send_is_refused_at_its_place(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(shapes.Misshapen) as refused:
        read(**fields)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_as_much_as_a_till_may_send_is_read_and_a_minor_unit_more_is_not() -> None:
    line = {
        "amount_minor": MOST, "quantity": 10**9, "sku": "x" * 100, "category": "x" * 100, "id": "x" * 60,
        "labels": ["x" * 100] * 20, "discount_minor": MOST, "tax_minor": -MOST, "cost_minor": MOST,
    }  # fmt: skip
    sale = read(
        total_minor=-MOST, rounding_minor=MOST, terminal="x" * 60, channel="x" * 30, lines=[line] * 500,
        tenders=[{"kind": "x" * 60, "amount_minor": -MOST}] * 20,
        redemptions=[{"points": 2**53 - 1, "reward": "x" * 60, "id": "x" * 40, "code": "x" * 30}] * 10,
        sent_at=SALE["occurred_at"],
    )  # fmt: skip
    assert (sale.total_minor, sale.rounding_minor, len(sale.lines), len(sale.redemptions)) == (-MOST, MOST, 500, 10)
    assert read(rounding_minor=-MOST, redemptions=[{"points": 1}]).redemptions[0].points == 1
    assert milli(sale.lines[0].quantity) == 10**12
    for more in (MOST + 1, -MOST - 1):
        with pytest.raises(shapes.Misshapen):
            read(total_minor=more)


@pytest.mark.parametrize(
    ("quantity", "thousandths"),
    [
        (1, 1000), (Decimal("0.001"), 1), (Decimal("0.375"), 375), (Decimal("1.5000"), 1500), (10**9, 10**12),
        (0, None), (-1, None), (Decimal("0.0005"), None), (10**9 + 1, None), (Decimal("Infinity"), None),
        (Decimal("NaN"), None),
    ],
)  # fmt: skip
def test_quantities_have_three_decimals_and_are_above_zero(quantity: int | Decimal, thousandths: int | None) -> None:
    assert milli(quantity) == thousandths
