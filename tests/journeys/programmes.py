"""Programmes thrown by dice: caps, tiers, expiry, referral, rewards and payment, each in many forms and mixed."""

from __future__ import annotations

from typing import Any

from tests import builders
from tests.journeys.dice import Dice

BASE: dict[str, Any] = builders.PROGRAMME["earning"]["rules"][0]
THIRD = {"kind": "per_order", "code": "third", "name": "Third", "points": 30, "when": {"every_nth_purchase": 3}}
FIRST = {
    "kind": "per_order",
    "code": "first",
    "name": "First",
    "points": 25,
    "when": {"nth_purchase": 1},
    "by_tier": False,
}
TEA = {"kind": "multiplier", "code": "tea", "name": "Tea", "factor": "2", "only": {"categories": ["tea"]}}
PIECES = {"kind": "per_item", "code": "pieces", "name": "Cakes", "points": 7, "only": {"categories": ["cake"]}}
ON_GOLD = {"kind": "per_order", "code": "golden", "name": "Golden", "points": 11, "when": {"tiers": ["gold"]}}
PAYING = {"points": 1, "amount_minor": 10}

CAPS: list[dict[str, Any]] = [
    {"points": 120, "per": "day"}, {"points": 70, "per": "order"}, {"points": 200, "per": "month"},
    {"points": 400, "per": "month", "scope": "programme"}, {"points": 150, "per": "week", "scope": "programme"},
    {"points": 500, "per": "ever"}, {"points": 90, "per": "day", "scope": "programme"},
]  # fmt: skip
EXPIRIES: list[dict[str, Any]] = [
    {"kind": "rolling", "count": 12, "unit": "months"},
    {"kind": "inactivity", "count": 2, "unit": "months"},
    {"kind": "rolling", "count": 20, "unit": "days"},
    {"kind": "never"},
    {"kind": "inactivity", "count": 15, "unit": "days", "at_latest": {"count": 2, "unit": "months"}},
    {"kind": "fixed", "last_days": ["03-31", "06-30", "12-31"], "at_least_days": 5},
    {"kind": "rolling", "count": 1, "unit": "months", "activity_adds_months": 1,
     "at_latest": {"count": 4, "unit": "months", "round_to": "month"}},
]  # fmt: skip
WINDOWS: list[dict[str, Any]] = [
    {"kind": "calendar_year"}, {"kind": "rolling", "months": 1}, {"kind": "rolling", "months": 3}, {"kind": "anniversary"},
]  # fmt: skip
#: What the second and third tier ask for, by what counts.
THRESHOLDS = {"spend": (15_000, 60_000), "qualifying_points": (100, 450), "purchases": (2, 5)}


def programme(dice: Dice) -> dict[str, Any]:
    """Throw a whole terms document that may be published."""
    tiers = _tiers(dice)
    return builders.programme(
        points={"rounding": {"mode": dice.choice(["floor", "half_up", "ceil"]), "scope": dice.choice(["order", "line"])}}
        | ({"minimum_points": 5} if dice.chance(0.15) else {}),
        earning=_earning(dice, has_tiers=tiers is not None),
        expiry=dice.choice(EXPIRIES),
        tiers=tiers,
        welcome=_welcome(dice),
        referral=_referral(dice),
        rewards=_rewards(dice, has_tiers=tiers is not None),
        pay_with_points=dice.choice([PAYING, PAYING, PAYING | {"excluding": {"categories": ["tea"]}, "max_share_percent": 40},
                                     builders.PROGRAMME["pay_with_points"], None]),
        payable_kinds=dice.choice([["goods"], ["goods", "tip"]]),
        transfers=dice.choice([{}, {}, {"minimum_points": 10, "maximum_points": 40, "given_per_month": 60}, None]),
    )  # fmt: skip


def _earning(dice: Dice, *, has_tiers: bool) -> dict[str, Any]:
    base = BASE | {
        "caps": dice.sample(CAPS, dice.choice([0, 1, 1, 2])),
        "net_of": dice.choice([["discounts", "points"], ["discounts", "tax", "points"], ["discounts"], []]),
    }
    if dice.chance(0.2):
        base["pending"] = {"days": 3}
    if dice.chance(0.15):
        base["expiry"] = dice.choice(EXPIRIES)
    others = [THIRD, TEA, FIRST, PIECES | {"qualifying": False}, *([ON_GOLD] if has_tiers else [])]
    rules = [base, *dice.sample(others, dice.number(0, 3))]
    found: dict[str, Any] = {"rules": rules, "stacking": dice.choice(["all", "all", "all", "best", "first"])}
    if dice.chance(0.4):
        found["caps"] = dice.sample(CAPS, dice.number(1, 2))
    if dice.chance(0.3):
        found["pending"] = dice.choice([{"days": 2}, {"days": 10}, {"until": "2026-04-15"}])
    if dice.chance(0.2):
        found["kinds"] = ["goods", "tip"]
    if dice.chance(0.1):
        found["excluding"] = {"categories": ["cake"]}
    return found


def _tiers(dice: Dice) -> dict[str, Any] | None:
    if dice.chance(0.2):
        return None
    basis = dice.choice(["spend", "qualifying_points", "purchases"])
    second, third = THRESHOLDS[basis]
    gold: dict[str, Any] = {"code": "gold", "name": "Gold", "threshold": second, "multiplier": "1.5"}
    best: dict[str, Any] = {"code": "black", "name": "Black", "threshold": third, "multiplier": 2}
    if dice.chance(0.5):
        gold |= {"expiry": dice.choice([{"kind": "never"}, {"kind": "rolling", "count": 14, "unit": "months"},
                                        {"kind": "inactivity", "count": 3, "unit": "months"}]),
                 "expiry_for": dice.choice(["held", "earned"])}  # fmt: skip
    return {
        "basis": basis,
        "window": dice.choice(WINDOWS),
        "downgrade": dice.choice(["by_value", "by_value", "one_level", "none"]),
        "grace_days": dice.choice([0, 0, 5]),
        "levels": [{"code": "green", "name": "Green", "threshold": 0}, gold, *([best] if dice.chance(0.5) else [])],
    }


def _welcome(dice: Dice) -> dict[str, Any] | None:
    if dice.chance(0.6):
        return None
    return {"points": 100, "qualifying": dice.chance(0.5)} | ({"pending": {"days": 4}} if dice.chance(0.3) else {})


def _referral(dice: Dice) -> dict[str, Any] | None:
    if dice.chance(0.1):
        return None
    found: dict[str, Any] = {"qualifying": dice.chance(0.5)}
    for name, value, share in (
        ("referrer_points", 200, 0.9), ("referee_points", 100, 0.8), ("minimum_amount_minor", 1_000, 0.6),
        ("max_referrals", 1, 0.3), ("within_days", 15, 0.3), ("pending", {"days": 3}, 0.3),
        ("expiry", {"kind": "rolling", "count": 25, "unit": "days"}, 0.3),
    ):  # fmt: skip
        if dice.chance(share):
            found[name] = value
    if "referrer_points" not in found and "referee_points" not in found:
        found["referee_points"] = 100
    return found


def _rewards(dice: Dice, *, has_tiers: bool) -> list[dict[str, Any]]:
    # Copies: other tests of this process read the same programme.
    usual = {reward["code"]: {**reward} for reward in builders.PROGRAMME["rewards"]}
    usual["mug"] |= {"stock": dice.choice([1, 2, 3])}
    usual["cake"] |= {"per_member": {"count": 1, "per": dice.choice(["day", "month", "ever"])}}
    usual["scone"] = {
        "kind": "percentage", "code": "scone", "name": "A third off", "price_points": 25, "percent": 33, "stock": 2,
        "per_member": {"count": 2, "per": "ever"}, "minimum_total_minor": 2_000, "hold_minutes": 2_000,
    }  # fmt: skip
    if not has_tiers:
        usual["tour"] = {name: value for name, value in usual["tour"].items() if name != "tiers"}
    if dice.chance(0.5):
        del usual[dice.choice(["coffee", "mug", "cake", "scone", "off"])]
    return list(usual.values())
