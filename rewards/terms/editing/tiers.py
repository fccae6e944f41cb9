"""How tiers are edited, each level as a sentence."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.expiry import OWN_EXPIRY
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup

ROLLING_WINDOW: Final = {"months": Edit(_("How many"), unit=_("months"))}
LEVEL: Final = {
    "name": Edit(_("Name"), missing=_("Type a name, or remove the tier.")),
    "threshold": Edit(
        _("Reached at"), missing=_("Say from where on members have this tier; 0 is everybody's."),
        by=("basis", {"qualifying_points": "points", "spend": "money", "purchases": "number"}),
        words={"purchases": _("purchases")},
    ),
    "multiplier": Edit(_("Earns times")),
    "benefits": Edit(
        _("What it gives"), row=_("Benefit %(number)d"),
    ),
    "expiry": OWN_EXPIRY,
    "expiry_for": Edit(
        _("This holds for"),
        _("No point ends earlier than it would have, also when the member leaves the tier."),
        words={"earned": _("points earned on this tier"), "held": _("all points held while on it")},
    ),
}  # fmt: skip
LEVEL_NOT_EDITED: Final = {"code": "made of the name once; members' tiers go by it"}
LEVEL_EDITOR: Final = Editor(
    begins=("name",),
    sentence=_("Reached at %(threshold)s, earns × %(multiplier)s"),
    groups=(
        FieldGroup(_("benefits"), ("benefits",), _("One benefit in each box; an empty one is removed.")),
        FieldGroup(_("When its points end"), ("expiry", "expiry_for"), clauses=("expiry",)),
    ),
)
TIERS: Final = {
    "basis": Edit(
        _("What counts"),
        words={
            "qualifying_points": _("points earned"), "spend": _("money spent"), "purchases": _("number of purchases"),
        },
    ),
    "levels": Edit(
        _("Tiers"), removes=_("Remove this tier"), new_row=_("One more tier"), in_order_of="threshold",
        first={"name": _("Member"), "threshold": 0},
    ),
    "window": Edit(
        _("Counted over"),
        words={
            "rolling": _("the last months"), "calendar_year": _("the calendar year"),
            "anniversary": _("a year from the day of joining"),
        },
    ),
    "downgrade": Edit(
        _("If a member no longer qualifies"),
        words={
            "none": _("the tier stays"), "one_level": _("one tier down"),
            "by_value": _("drops to the tier their last months earn"),
        },
    ),
    "grace_days": Edit(_("Days of grace"), unit=_("days")),
}  # fmt: skip
TIERS_EDITOR: Final = Editor(
    switch=_("Members rise through tiers"),
    sentence=_("Members rise by %(basis)s"),
    groups=(
        FieldGroup(_("counted over"), ("window",)),
        FieldGroup(_("If a member no longer qualifies"), ("downgrade",)),
        FieldGroup(_("Days of grace"), ("grace_days",)),
        FieldGroup("", ("levels",), is_open=True),
    ),
)
