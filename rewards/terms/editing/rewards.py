"""How rewards of the catalogue are edited, and paying with points."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.goods import DAYS, PERIODS
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup

LIMIT: Final = {
    "count": Edit(_("Each member at most")),
    "per": Edit(_("In a"), words={per: word for per, word in PERIODS.items() if per != "order"}),
}
LIMIT_EDITOR: Final = Editor(begins=("count",), together=(("count", "per"),))
REWARD: Final = {
    **DAYS,
    "tiers": Edit(_("Only for members on"), _("None chosen: for all."), of="tier"),
    "name": Edit(_("Name")),
    "price_points": Edit(_("Price")),
    "description": Edit(_("Description"), kind="lines"),
    "stock": Edit(_("Total stock"), _("Total stock, including those already redeemed. Empty = unlimited.")),
    "per_member": Edit(_("Each member at most")),
    "hold_minutes": Edit(
        _("A hold lasts"), _("Points set aside and not captured come back after this."), unit=_("minutes")
    ),
}
REWARD_NOT_EDITED: Final = {"code": "made of the name once; claims go by it"}
_GOODS: Final = Edit(_("Goods"))
_LEAST: Final = Edit(_("On orders from"))
PRODUCT: Final = {"goods": _GOODS, "max_minor": Edit(_("Up to a price of"))}
DISCOUNT: Final = {"amount_minor": Edit(_("Takes off")), "minimum_total_minor": _LEAST}
PERCENTAGE: Final = {
    "percent": Edit(_("Takes off"), unit="%"), "max_minor": Edit(_("At most")), "minimum_total_minor": _LEAST,
}  # fmt: skip
REWARD_EDITOR: Final = Editor(
    groups=(
        FieldGroup(_("What members read"), ("description",), clauses=()),
        FieldGroup(_("goods"), ("goods",), _("Leave empty to let the cashier decide.")),
        FieldGroup(_("at most"), ("max_minor",)),
        FieldGroup(_("order total"), ("minimum_total_minor",)),
        FieldGroup(_("stock"), ("stock",)),
        FieldGroup(_("limit"), ("per_member",)),
        FieldGroup(_("tiers"), ("tiers",)),
        FieldGroup(_("dates"), ("first_day", "last_day"), clauses=("first_day",)),
        FieldGroup(_("how long it is held"), ("hold_minutes",), clauses=()),
    ),
    together=(("first_day", "last_day"),),
)
PRODUCT_EDITOR: Final = Editor(title=_("Free product"), sentence=_("A product for %(price_points)s %(unit)s"))
DISCOUNT_EDITOR: Final = Editor(title=_("Money off"), sentence=_("%(amount_minor)s off for %(price_points)s %(unit)s"))
PERCENTAGE_EDITOR: Final = Editor(
    title=_("A percentage off"), sentence=_("%(percent)s off for %(price_points)s %(unit)s")
)
EXPERIENCE_EDITOR: Final = Editor(
    title=_("Anything words can promise"), sentence=_("What the name says, for %(price_points)s %(unit)s")
)

PAYING: Final = {
    "points": Edit(_("This many"), missing=_("Say what points are worth.")),
    "amount_minor": Edit(_("… are worth"), missing=_("Say what points are worth.")),
    "minimum_points": Edit(_("At least")),
    "step_points": Edit(_("In steps of")),
    "maximum_points": Edit(_("At most")),
    "max_share_percent": Edit(_("Of an order, at most"), unit="%"),
    "excluding": Edit(_("Goods that points may not pay for")),
}
PAYING_EDITOR: Final = Editor(
    switch=_("Points can pay"),
    sentence=_("%(points)s %(unit)s are worth %(amount_minor)s"),
    groups=(
        FieldGroup(_("at least"), ("minimum_points",)),
        FieldGroup(_("at most"), ("maximum_points",)),
        FieldGroup(_("steps"), ("step_points",)),
        FieldGroup(_("share of an order"), ("max_share_percent",)),
        FieldGroup(_("goods that points may not pay for"), ("excluding",)),
    ),
)
