"""How stamp cards are edited."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.expiry import UNITS
from rewards.terms.editing.goods import AUDIENCE, DAYS, EXCLUDING, ONLY
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup

_CARRIES: Final = Edit(_("What is short of a stamp counts with the next purchase"))
PER_PIECE: Final = {
    "per_quantity_milli": Edit(_("Pieces for a stamp"), unit=_("pieces")), "carries": _CARRIES,
}  # fmt: skip
PER_AMOUNT: Final = {
    "per_amount_minor": Edit(_("Amount for a stamp"), missing=_("Type the amount that gives a stamp.")),
    "carries": _CARRIES,
}
LIFE: Final = {
    "count": Edit(_("Stamps end without a new one after"), _("Empty: they do not end.")),
    "unit": Edit(_("Unit"), words=UNITS),
}
LIFE_EDITOR: Final = Editor(begins=("count",), together=(("count", "unit"),))
BONUS: Final = {
    **AUDIENCE,
    **DAYS,
    "factor": Edit(_("stamps times"), sign="×", missing=_("Say how many times stamps count.")),
    "weekdays": Edit(_("Weekdays"), of="weekday"),
}
BONUS_EDITOR: Final = Editor(
    begins=("factor",), together=(("factor", "first_day", "last_day"),),
    groups=(FieldGroup(_("bonus"), ("factor", "first_day", "last_day", "weekdays", "tiers")),),
)  # fmt: skip
CARD: Final = {
    "tiers": Edit(_("Only for members on"), _("None chosen: for all."), of="tier"),
    "name": Edit(_("Name"), _("Members read it on their card.")),
    "sizes": Edit(
        _("Stamps that fill it"),
        _("With several numbers the next cards take so many: 6, 5, 4 is 6, then 5, then always 4."),
    ),
    "gives": Edit(
        _("One stamp for"),
        words={"per_visit": _("each visit"), "per_piece": _("pieces"), "per_amount": _("money spent")},
    ),
    "only": ONLY,
    "excluding": EXCLUDING,
    "minimum_amount_minor": Edit(
        _("On orders from"), _("Paid for goods that count; a smaller order gives no stamp.")
    ),
    "most_per_order": Edit(_("At most in an order"), unit=_("stamps")),
    "most_per_day": Edit(_("At most in a day"), unit=_("stamps")),
    "bonuses": Edit(_("Days on which stamps count more"), row=_("Bonus %(number)d")),
    "life": Edit(_("When stamps end")),
    "reward": Edit(
        _("A full card brings"), _("A reward of the catalogue. From a full card it costs no points."), of="reward"
    ),
    "reward_days": Edit(_("It can be taken for"), _("Empty: it has no last day."), unit=_("days")),
    "starts_next": Edit(
        _("Stamps beyond a full card begin the next one"),
        words={"off": _("stamps beyond a full card are lost")},
    ),
}  # fmt: skip
CARD_NOT_EDITED: Final = {"code": "made of the name once; members' stamps go by it"}
CARD_EDITOR: Final = Editor(
    sentence=_("%(sizes)s stamps bring: %(reward)s"),
    groups=(
        FieldGroup(
            _("What gives a stamp"), ("gives",), _("What was free gives none: only what somebody paid for counts.")
        ),
        FieldGroup(_("goods"), ("only",), _("Seen in your latest sales, with the number of sales; or as your till sends them.")),
        FieldGroup(_("goods left out"), ("excluding",)),
        FieldGroup(_("tiers"), ("tiers",)),
        FieldGroup(_("order total"), ("minimum_amount_minor",)),
        FieldGroup(_("limit"), ("most_per_order", "most_per_day")),
        FieldGroup(
            _("Days on which stamps count more"), ("bonuses",),
            _("The highest that applies counts. Save to get another row."),
        ),
        FieldGroup(_("When stamps end"), ("life",)),
        FieldGroup(_("how long the reward can be taken"), ("reward_days",)),
        FieldGroup(_("what is left over"), ("starts_next",), clauses=()),
    ),
    together=(("most_per_order", "most_per_day"),),
)  # fmt: skip
