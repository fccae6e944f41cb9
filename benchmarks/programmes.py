"""The programmes that the benchmarks sell under: one rule, and ten with all that sales may have to look at."""

from __future__ import annotations

from typing import Any, Final

PLAIN: Final[dict[str, Any]] = {
    "name": "Benchmark",
    "currency": "KRW",
    "earning": {"rules": [{"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100}]},
    "expiry": {"kind": "rolling", "count": 12, "unit": "months"},
    "tiers": {
        "basis": "qualifying_points",
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 100_000, "multiplier": "2"},
        ],
    },
}


def _rule(kind: str, code: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "code": code, "name": code.replace("_", " ").capitalize(), **fields}


_RULES: Final = [
    _rule("per_money", "base", points=1, per_amount_minor=100),
    _rule("per_item", "coffee", points=5, only={"categories": ["coffee"]}, caps=[{"points": 50, "per": "day"}]),
    _rule("per_order", "big_basket", points=20, when={"minimum_amount_minor": 8_000}, caps=[{"points": 200, "per": "month"}]),
    _rule("per_order", "first_purchase", points=100, when={"nth_purchase": 1}),
    _rule("per_order", "every_tenth", points=50, when={"every_nth_purchase": 10}),
    _rule("per_order", "birthday", points=100, when={"birthday": "week"}, caps=[{"points": 100, "per": "year"}]),
    _rule("per_money", "bakery_at_night", points=1, per_amount_minor=200, only={"categories": ["bakery"]},
          when={"hours": [{"start": "18:00", "end": "02:00"}]}),
    _rule("per_item", "beans_for_gold", points=10, only={"skus": ["beans"]}, when={"tiers": ["gold"]}),
    _rule("multiplier", "double_weekend", factor="2", when={"weekdays": ["sat", "sun"]}, of=["base"]),
    _rule("multiplier", "online", factor="1.5", when={"channels": ["online"]}),
]  # fmt: skip
#: Place is left for a stamp card: add it here when there is one.
TEN_RULES: Final[dict[str, Any]] = {
    **PLAIN,
    "earning": {"rules": _RULES, "stacking": "all", "caps": [{"points": 5_000, "per": "day"}]},
    "referral": {"referrer_points": 100, "referee_points": 100, "minimum_amount_minor": 5_000, "max_referrals": 20},
}
