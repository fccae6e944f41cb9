"""What a programme promises, as one immutable document: read it, check it, describe it, start from a template.

    from rewards import terms
    promised = terms.parse(json_document)       # raises terms.InvalidTerms(errors=…)
    kept = terms.document(promised)             # JSON-ready, every default spelled out

The parts are frozen structs (Terms, PerMoney, Level, Discount …). Pure: no database, no clock.
"""

from merchants.shapes import Fault, pointer_to
from rewards.terms.advice import Advice, warnings
from rewards.terms.document import Notice, Points, Referral, Rounding, Terms, Transfers, Welcome
from rewards.terms.examples import Example, ExampleLine
from rewards.terms.expiry import (
    Expiry,
    Fixed,
    Inactivity,
    Never,
    Pending,
    Rolling,
    active_at,
    expires_at,
    extended,
    is_sliding,
)
from rewards.terms.fields import ratio, text
from rewards.terms.parsing import InvalidTerms, document, parse
from rewards.terms.rewards import (
    AnyReward,
    Discount,
    Experience,
    MemberLimit,
    PayWithPoints,
    Percentage,
    Product,
    most_points,
    refusal,
    worth_minor,
)
from rewards.terms.rules import (
    AnyRule,
    BaseRule,
    Cap,
    Conditions,
    Earning,
    Goods,
    Hours,
    Multiplier,
    PerItem,
    PerMoney,
    PerOrder,
)
from rewards.terms.schema import components, json_schema
from rewards.terms.shelf import templates
from rewards.terms.tiers import Anniversary, CalendarYear, Level, RollingWindow, Tiers

__all__ = [
    "Advice",
    "Anniversary",
    "AnyReward",
    "AnyRule",
    "BaseRule",
    "CalendarYear",
    "Cap",
    "Conditions",
    "Discount",
    "Earning",
    "Example",
    "ExampleLine",
    "Experience",
    "Expiry",
    "Fault",
    "Fixed",
    "Goods",
    "Hours",
    "Inactivity",
    "InvalidTerms",
    "Level",
    "MemberLimit",
    "Multiplier",
    "Never",
    "Notice",
    "PayWithPoints",
    "Pending",
    "PerItem",
    "PerMoney",
    "PerOrder",
    "Percentage",
    "Points",
    "Product",
    "Referral",
    "Rolling",
    "RollingWindow",
    "Rounding",
    "Terms",
    "Tiers",
    "Transfers",
    "Welcome",
    "active_at",
    "components",
    "document",
    "expires_at",
    "extended",
    "is_sliding",
    "json_schema",
    "most_points",
    "parse",
    "pointer_to",
    "ratio",
    "refusal",
    "templates",
    "text",
    "warnings",
    "worth_minor",
]
