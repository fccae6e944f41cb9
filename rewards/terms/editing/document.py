"""How the document as a whole is edited: its pages, and the parts that have no module of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.terms.editing.expiry import EXPIRY, OWN_EXPIRY
from rewards.terms.editing.rules import QUALIFYING
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup
from rewards.terms.wording import LINE_KINDS

ROUNDING: Final = {
    "mode": Edit(
        _("Rounding"),
        words={
            "floor": _("down"), "half_up": _("to the nearest"), "half_even": _("to the nearest, halves to even"),
            "ceil": _("up"),
        },
    ),
    "scope": Edit(_("Rounded once for"), words={"order": _("the whole order"), "line": _("each line")}),
}  # fmt: skip
POINTS: Final = {
    "singular": Edit(_("One point")),
    "plural": Edit(_("Several points")),
    "decimals": Edit(
        _("Decimals"), _("Set once: it cannot change after the programme was published."),
        words={"0": "0", "1": "1", "2": "2"},
    ),
    "rounding": Edit(_("Rounding")),
    "minimum_points": Edit(_("An order earns nothing below")),
}  # fmt: skip

WELCOME: Final = {
    "points": Edit(_("Welcome points")),
    "pending": Edit(_("When points become spendable")),
    "expiry": OWN_EXPIRY,
    "qualifying": QUALIFYING,
}
_LATER: Final = (
    FieldGroup(_("tier"), ("qualifying",), clauses=()),
    FieldGroup(_("pending"), ("pending",), clauses=()),
    FieldGroup(_("expiry"), ("expiry",), clauses=()),
)
WELCOME_EDITOR: Final = Editor(
    title=_("For joining"), note=_("Empty: nothing."), begins=("points",),
    sentence=_("Whoever joins gets %(points)s %(unit)s"), groups=_LATER,
)  # fmt: skip
REFERRAL: Final = {
    "referrer_points": Edit(_("For the referrer")),
    "referee_points": Edit(_("For the friend")),
    "minimum_amount_minor": Edit(_("First purchase of at least")),
    "max_referrals": Edit(_("At most"), unit=_("friends a member")),
    "within_days": Edit(_("Within"), unit=_("days of joining")),
    "pending": Edit(
        _("When points become spendable"), inner={"days": _("Points for friends stay pending for")}
    ),
    "expiry": OWN_EXPIRY,
    "qualifying": Edit(_("Points for friends count towards the tier")),
}  # fmt: skip
REFERRAL_EDITOR: Final = Editor(
    title=_("For bringing a friend"),
    note=_("Both are paid when the friend first buys, and taken back if that purchase is returned."),
    begins=("referrer_points", "referee_points"),
    sentence=_("The referrer gets %(referrer_points)s %(unit)s, the friend %(referee_points)s %(unit)s"),
    groups=(
        FieldGroup(_("First purchase of at least"), ("minimum_amount_minor",)),
        FieldGroup(_("how soon"), ("within_days",)),
        FieldGroup(_("how many friends"), ("max_referrals",)),
        *_LATER,
    ),
)

TRANSFERS: Final = {
    "minimum_points": Edit(_("In one transfer, at least")),
    "maximum_points": Edit(
        _("In one transfer, at most"), not_below=("minimum_points", _("At most is less than at least."))
    ),
    "given_per_month": Edit(_("A member gives in a month, at most")),
    "received_per_month": Edit(_("A member receives in a month, at most")),
}
TRANSFERS_EDITOR: Final = Editor(
    switch=_("Members can give points to each other"),
    sentence=_("In one transfer at least %(minimum_points)s %(unit)s"),
    groups=(
        FieldGroup(_("at most in one transfer"), ("maximum_points",)),
        FieldGroup(_("at most given in a month"), ("given_per_month",)),
        FieldGroup(_("at most received in a month"), ("received_per_month",)),
    ),
)
NOTICE: Final = {
    "title": Edit(_("Title"), missing=_("Type a title.")),
    "body": Edit(_("Text"), missing=_("Type the text."), kind="lines"),
}
NOTICE_EDITOR: Final = Editor(begins=("title", "body"), groups=(FieldGroup("", ("title", "body"), is_open=True),))

TERMS: Final = {
    "name": Edit(_("Name of the programme")),
    "points": Edit(_("Points")),
    "earning": Edit(_("Earning")),
    "expiry": EXPIRY,
    "tiers": Edit(_("Tiers")),
    "pay_with_points": Edit(_("Paying with points")),
    "payable_kinds": Edit(_("Can be paid with points, and reduced by percentages"), words=LINE_KINDS),
    "welcome": Edit(_("For joining")),
    "referral": Edit(_("For bringing a friend")),
    "transfers": Edit(_("Transfers")),
    "notices": Edit(_("Notices"), removes=_("Remove this notice"), new_row=_("New notice")),
}
TERMS_NOT_EDITED: Final = {
    "format": "says which shape the document has",
    "currency": "the merchant's own",
    "rewards": "each has a page of its own",
    "stamps": "each has a page of its own",
    "examples": "taken over on the review page from what the draft gives",
}
_IN_THE_DOCUMENT: Final = "written in the document itself, or taken over on the review page"
EXAMPLE_LINE_NOT_EDITED: Final = dict.fromkeys(
    ("amount_minor", "sku", "category", "labels", "kind", "quantity_milli", "discount_minor", "tax_minor"),
    _IN_THE_DOCUMENT,
)
EXAMPLE_NOT_EDITED: Final = dict.fromkeys(
    ("name", "lines", "points", "expect", "local_time", "tier", "ordinal", "birthday", "location", "channel",
     "points_paid_minor", "refund_minor"),
    _IN_THE_DOCUMENT,
)  # fmt: skip

#: The pages on which parts of the document are edited, by the name in their address.
PAGES: Final[Mapping[str, Editor]] = {
    "points": Editor(
        title=_("Points"),
        note=_("What holds for all rules: names, rounding, limits, and when points end."),
        groups=(
            FieldGroup("", ("name",), is_open=True),
            FieldGroup(_("What a point is called"), ("points.singular", "points.plural"), is_open=True),
            FieldGroup(
                _("Counting"),
                ("points.decimals", "points.rounding", "points.minimum_points", "earning.stacking"), is_open=True,
            ),
            FieldGroup(_("Goods that never earn"), ("earning.excluding",), _("Tobacco, medicines, books …")),
            FieldGroup(
                _("What counts on a receipt"), ("earning.kinds", "payable_kinds"),
                _("A till says of each line what it is. Usually only goods count, and no tips, gift cards or deposits."),
            ),
            FieldGroup(_("Limits over all rules"), ("earning.caps",)),
            FieldGroup(_("When points become spendable"), ("earning.pending",), _("At once, if empty.")),
            FieldGroup(_("When points end"), ("expiry",)),
        ),
        together=(("points.decimals", "points.rounding.mode", "points.rounding.scope"),
                  ("points.minimum_points", "earning.stacking")),
    ),
    "tiers": Editor(
        title=_("Tiers"), note=_("Who buys more gets more. The first tier is everybody's."),
        groups=(FieldGroup("", ("tiers",), is_open=True),),
    ),
    "joining": Editor(
        title=_("Joining and friends"), note=_("Points for joining, and for bringing somebody."),
        groups=(FieldGroup("", ("welcome", "referral"), is_open=True),),
    ),
    "paying": Editor(
        title=_("Paying with points"), note=_("Any amount, at one rate, beside the rewards."),
        groups=(FieldGroup("", ("pay_with_points",), is_open=True),),
    ),
    "transfers": Editor(
        title=_("Transfers"), note=_("Members give points to each other. The points keep their expiry."),
        groups=(FieldGroup("", ("transfers",), is_open=True),),
    ),
    "notices": Editor(
        title=_("Notices"), note=_("Texts that members read with the terms: company details, exceptions, contact."),
        groups=(FieldGroup("", ("notices",), is_open=True),),
    ),
}  # fmt: skip
