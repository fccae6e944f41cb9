"""How the end of points, and the time until they can be spent, are edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.vocabulary import Edit, Editor

UNITS: Final[Mapping[str, Any]] = {"months": _("months"), "days": _("days"), "years": _("years")}
_PERIODS: Final[Mapping[str, Any]] = {
    "month": _("month"), "quarter": _("quarter"), "half": _("half-year"), "year": _("year"),
}  # fmt: skip
_WAYS: Final[Mapping[str, Any]] = {
    "never": _("never"),
    "rolling": _("a while after they were earned"),
    "fixed": _("on fixed days"),
    "inactivity": _("when the member has done nothing for a while"),
}
#: An expiry that is always there, and one that may leave it to the programme.
EXPIRY: Final = Edit(_("Points expire"), words=_WAYS)
OWN_EXPIRY: Final = Edit(_("Points expire"), words=_WAYS, none=_("as the programme says"))

PENDING: Final = {"days": Edit(_("Points stay pending for"), unit=_("days")), "until": Edit(_("… or pending until"))}
PENDING_EDITOR: Final = Editor(begins=("days", "until"), together=(("days", "until"),))

_LIFE: Final = {
    "count": Edit(_("After"), missing=_("Say after how long.")),
    "unit": Edit(_("Unit"), words=UNITS),
    "round_to": Edit(_("Rounded to"), words=_PERIODS, none=_("not rounded")),
    "round": Edit(_("Rounded to the"), words={"end": _("end of it"), "start": _("beginning of it")}),
    "at_latest": Edit(_("Expire after, at the latest")),
}
ROLLING: Final = {**_LIFE, "activity_adds_months": Edit(_("Each month with a purchase adds"), unit=_("months"))}
INACTIVITY: Final = _LIFE
LIFE_EDITOR: Final = Editor(together=(("count", "unit", "round_to", "round"),))
FIXED: Final = {
    "last_days": Edit(
        _("Last days"), _("12-31 is every year, 2027-03-31 is one day. Divide several by commas."),
        missing=_("Name at least one day."),
    ),
    "at_least_days": Edit(_("But not within"), unit=_("days of earning")),
}  # fmt: skip
FIXED_EDITOR: Final = Editor(together=(("last_days", "at_least_days"),))
LATEST: Final = {
    "count": Edit(
        _("Expire after, at the latest"),
        _("Counted from the day they were earned. For points whose end activity moves; empty is without a last day."),
    ),
    "unit": Edit(_("Unit"), words=UNITS),
    "round_to": Edit(_("Rounded to the end of the"), words=_PERIODS, none=_("not rounded")),
}
LATEST_EDITOR: Final = Editor(begins=("count",), together=(("count", "unit", "round_to"),))
