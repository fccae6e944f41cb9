"""How rules are edited: as a sentence with its figures in place, and a token for each thing that may be set."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.expiry import OWN_EXPIRY
from rewards.terms.editing.goods import CAPS, EXCLUDING, ONLY
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup
from rewards.terms.wording import LINE_KINDS

BY_TIER: Final = Edit(_("Multiplied by the tier"), words={"off": _("not multiplied by the tier")})
FULL_STEPS: Final = Edit(_("Only full steps count"))
QUALIFYING: Final = Edit(_("Counts towards the tier"), words={"off": _("does not count towards the tier")})
RULE: Final = {
    "name": Edit(_("Name"), _("Members read it on their receipt.")),
    "when": Edit(_("When")),
    "only": ONLY,
    "excluding": EXCLUDING,
    "net_of": Edit(
        _("Taken off the amount first"),
        words={"discounts": _("discounts"), "tax": _("tax"), "points": _("what was paid with points")},
    ),
    "caps": CAPS,
    "priority": Edit(_("Priority"), _("Higher is looked at first.")),
    "stop": Edit(_("When it applies, later rules are not looked at")),
    "pending": Edit(_("When points become spendable")),
    "expiry": OWN_EXPIRY,
    "qualifying": QUALIFYING,
}
RULE_NOT_EDITED: Final = {"code": "made of the name once; receipts and limits go by it"}
RULE_EDITOR: Final = Editor(
    groups=(
        FieldGroup(_("goods"), ("only",), _("Seen in your latest sales, with the number of sales; or as your till sends them.")),
        FieldGroup(_("weekdays"), ("when.weekdays",)),
        FieldGroup(_("limit"), ("caps",), _("The most points this rule gives. Save to get another row.")),
        FieldGroup(_("hours"), ("when.hours",)),
        FieldGroup(_("dates"), ("when.first_day", "when.last_day"), clauses=("first_day",)),
        FieldGroup(_("tiers"), ("when.tiers",)),
        FieldGroup(_("birthday"), ("when.birthday",)),
        FieldGroup(_("order total"), ("when.minimum_amount_minor", "when.below_amount_minor", "when.minimum_quantity_milli")),
        FieldGroup(_("which purchase"), ("when.nth_purchase", "when.every_nth_purchase")),
        FieldGroup(_("goods in the basket"), ("when.with_goods",), _("The rule applies when the basket holds one of these.")),
        FieldGroup(_("goods left out"), ("excluding",)),
        FieldGroup(_("shops and channels"), ("when.locations", "when.channels", "when.without_points")),
        FieldGroup(_("which rules"), ("of",)),
        FieldGroup(_("what counts"), ("full_steps", "mode", "net_of", "by_tier"), clauses=()),
        FieldGroup(_("tier"), ("qualifying",)),
        FieldGroup(_("order of rules"), ("priority", "stop"), clauses=()),
        FieldGroup(_("pending"), ("pending",), clauses=()),
        FieldGroup(_("expiry"), ("expiry",)),
    ),
    together=(
        ("when.first_day", "when.last_day"),
        ("when.minimum_amount_minor", "when.below_amount_minor"),
        ("when.nth_purchase", "when.every_nth_purchase"),
    ),
)  # fmt: skip

_GIVES: Final = Edit(_("Gives"), kind="rate")
PER_MONEY: Final = {
    "points": _GIVES, "per_amount_minor": Edit(_("For each")), "full_steps": FULL_STEPS, "by_tier": BY_TIER,
}  # fmt: skip
PER_MONEY_EDITOR: Final = Editor(
    title=_("Points for money spent"), sentence=_("Give %(points)s %(unit)s for every %(per_amount_minor)s")
)
PER_ORDER: Final = {"points": _GIVES, "by_tier": BY_TIER}
PER_ORDER_EDITOR: Final = Editor(title=_("Points for an order"), sentence=_("Give %(points)s %(unit)s for an order"))
PER_ITEM: Final = {
    "points": _GIVES, "per_quantity_milli": Edit(_("For each"), unit=_("pieces")), "full_steps": FULL_STEPS,
    "by_tier": BY_TIER,
}  # fmt: skip
PER_ITEM_EDITOR: Final = Editor(
    title=_("Points for each piece"), sentence=_("Give %(points)s %(unit)s for every %(per_quantity_milli)s")
)
MULTIPLIER: Final = {
    "factor": Edit(_("Times")),
    "mode": Edit(
        _("Together with the tier's own factor"),
        words={
            "add": _("adds up (double on a tier of 1.2 is 2.2)"),
            "multiply": _("compounds (double on a tier of 1.2 is 2.4)"),
        },
    ),
    "of": Edit(_("Of which rules"), _("None chosen: of all."), of="rule"),
}
MULTIPLIER_EDITOR: Final = Editor(
    title=_("Multiply what other rules give"), sentence=_("Give %(factor)s times what other rules give")
)

EARNING: Final = {
    "kinds": Edit(_("Earns, and counts for minimums and tiers"), words=LINE_KINDS),
    "stacking": Edit(
        _("When several rules apply"),
        words={
            "all": _("all of them count"), "best": _("the best one counts"), "first": _("the first one counts"),
        },
    ),
    "excluding": Edit(_("Goods that never earn")),
    "caps": CAPS,
    "pending": Edit(_("When points become spendable")),
}  # fmt: skip
EARNING_NOT_EDITED: Final = {"rules": "each has a page of its own"}
