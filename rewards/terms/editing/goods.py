"""How choices of goods, audiences, conditions and limits are edited: what rules, rewards and stamp cards have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup

GOODS: Final = {
    "name": Edit(
        _("What members read for these goods"), _("In their words: “coffee and tea”. Without it they read no codes.")
    ),
    "categories": Edit(_("Categories"), of="categories", missing=_("Name the goods.")),
    "skus": Edit(_("SKUs"), of="skus"),
    "labels": Edit(_("Labels"), of="labels"),
}
GOODS_EDITOR: Final = Editor(
    groups=(FieldGroup("", ("categories", "skus", "labels", "name")),), begins=("categories", "skus", "labels")
)
ONLY: Final = Edit(
    _("Only these goods"),
    inner={
        "categories": _("Only these categories"), "skus": _("Only these SKUs"), "labels": _("Only these labels"),
    },
)  # fmt: skip
EXCLUDING: Final = Edit(
    _("Not these goods"),
    inner={"categories": _("Not these categories"), "skus": _("Not these SKUs"), "labels": _("Not these labels")},
)

AUDIENCE: Final[Mapping[str, Edit]] = {"tiers": Edit(_("Tiers"), of="tier")}

_FROM, _UNTIL = Edit(_("From")), Edit(_("Until"))
DAYS: Final = {"first_day": _FROM, "last_day": _UNTIL}
CONDITIONS: Final[Mapping[str, Edit]] = {
    **DAYS,
    "weekdays": Edit(_("Weekdays"), of="weekday"),
    "hours": Edit(_("Hours"), _("For example 07:00-10:00, where the shop stands."), kind="hours"),
    "locations": Edit(_("Shops"), kind="codes", of="place"),
    "channels": Edit(_("Channels"), _("As your tills send them, such as store, online.")),
    "minimum_amount_minor": Edit(pgettext_lazy("threshold", "From")),
    "below_amount_minor": Edit(_("Below")),
    "minimum_quantity_milli": Edit(_("At least"), unit=_("pieces")),
    "with_goods": Edit(
        _("The basket holds one of these"),
        inner={
            "categories": _("The basket holds one of these categories"),
            "skus": _("… or one of these SKUs"),
            "labels": _("… or one of these labels"),
        },
    ),
    "nth_purchase": Edit(_("Only purchase number"), _("1 is the first.")),
    "every_nth_purchase": Edit(_("Every n-th purchase"), _("10 is the 10th, 20th …")),
    "birthday": Edit(
        _("Birthday"), none=_("does not matter"),
        words={"day": _("on the day"), "week": _("in the week"), "month": _("in the month")},
    ),
    "without_points": Edit(_("Only if nothing was paid with points")),
}  # fmt: skip
HOURS_EDITED_AS_ONE: Final = {
    "start": "typed with the end, as 07:00-10:00",
    "end": "typed with the start, as 07:00-10:00",
}

PERIODS: Final[Mapping[str, Any]] = {
    "order": _("order"), "day": _("day"), "week": _("week"), "month": _("month"),
    "quarter": _("quarter"), "year": _("year"), "ever": _("ever"),
}  # fmt: skip
CAP: Final = {
    "points": Edit(_("at most")),
    "per": Edit(_("per"), words=PERIODS),
    "scope": Edit(_("for"), words={"member": _("each member"), "programme": _("all members together")}),
}
CAP_EDITOR: Final = Editor(begins=("points",), together=(("points", "per", "scope"),))
CAPS: Final = Edit(_("Limits"), row=_("Limit %(number)d"))
