"""What a programme promises, as one immutable document: read it, check it, describe it, start from a template.

    from rewards import terms
    promised = terms.parse(json_document)       # raises terms.InvalidTerms(errors=…)
    kept = terms.document(promised)             # JSON-ready, every default spelled out

The parts are frozen structs (Terms, PerMoney, Level, Discount …). Pure: no database, no clock.
"""

from merchants.shapes import ShapeFault, pointer_to
from rewards.terms.advice import Advice, warnings
from rewards.terms.audience import Audience, Profile
from rewards.terms.caps import Cap
from rewards.terms.conditions import Conditions, Hours
from rewards.terms.described import TermsWording
from rewards.terms.document import Points, ReferralTerms, Rounding, Terms, TermsNotice, TransferTerms, Welcome
from rewards.terms.examples import Example, ExampleLine
from rewards.terms.expiry import (
    Ending,
    Expiry,
    Fixed,
    Inactivity,
    Latest,
    Never,
    Pending,
    Rolling,
    Sliding,
    active_at,
    expires_at,
    extended,
    later,
    sliding,
)
from rewards.terms.fields import GOODS, LineKind, ratio, text
from rewards.terms.goods import Goods
from rewards.terms.naming import NamedGoods, counts_pieces, named_goods
from rewards.terms.parsing import InvalidTerms, document, parse
from rewards.terms.parts import Part, Remark, Whole, parts_within
from rewards.terms.programme_templates import templates
from rewards.terms.rewards import (
    AnyReward,
    Discount,
    Experience,
    MemberLimit,
    PayWithPoints,
    Percentage,
    Product,
    Reward,
    most_points,
    refusal,
    worth_minor,
)
from rewards.terms.rules import AnyRule, BaseRule, Earning, Multiplier, PerItem, PerMoney, PerOrder, Rate, Rule
from rewards.terms.schema import components, json_schema
from rewards.terms.stamps import StampCard
from rewards.terms.tiers import Anniversary, CalendarYear, Level, RollingWindow, Tiers, TierWindow, Window
from rewards.terms.wording import LINE_KINDS, Description, Phrasing, counted

__all__ = [
    "GOODS",
    "LINE_KINDS",
    "Advice",
    "Anniversary",
    "AnyReward",
    "AnyRule",
    "Audience",
    "BaseRule",
    "CalendarYear",
    "Cap",
    "Conditions",
    "Description",
    "Discount",
    "Earning",
    "Ending",
    "Example",
    "ExampleLine",
    "Experience",
    "Expiry",
    "Fixed",
    "Goods",
    "Hours",
    "Inactivity",
    "InvalidTerms",
    "Latest",
    "Level",
    "LineKind",
    "MemberLimit",
    "Multiplier",
    "NamedGoods",
    "Never",
    "Part",
    "PayWithPoints",
    "Pending",
    "PerItem",
    "PerMoney",
    "PerOrder",
    "Percentage",
    "Phrasing",
    "Points",
    "Product",
    "Profile",
    "Rate",
    "ReferralTerms",
    "Remark",
    "Reward",
    "Rolling",
    "RollingWindow",
    "Rounding",
    "Rule",
    "ShapeFault",
    "Sliding",
    "StampCard",
    "Terms",
    "TermsNotice",
    "TermsWording",
    "TierWindow",
    "Tiers",
    "TransferTerms",
    "Welcome",
    "Whole",
    "Window",
    "active_at",
    "components",
    "counted",
    "counts_pieces",
    "document",
    "expires_at",
    "extended",
    "json_schema",
    "later",
    "most_points",
    "named_goods",
    "parse",
    "parts_within",
    "pointer_to",
    "ratio",
    "refusal",
    "sliding",
    "templates",
    "text",
    "warnings",
    "worth_minor",
]
