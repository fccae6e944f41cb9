"""Part of the terms: the most points a rule, or the programme, gives in a period."""

from collections.abc import Iterator
from typing import Annotated, Literal

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.editing import goods as editing
from rewards.terms.fields import PointsAmount
from rewards.terms.parts import Part, Remark, Whole
from rewards.terms.wording import Description, Phrasing

_LONGER = ("order", "day", "week", "month", "quarter", "year", "ever")


class Cap(Part, frozen=True, kw_only=True):
    """The most points a rule (or the programme) gives in one order or one calendar period; the rest is cut off."""

    edits = editing.CAP
    editor = editing.CAP_EDITOR
    points: PointsAmount
    per: Annotated[
        Literal["order", "day", "week", "month", "quarter", "year", "ever"],
        Meta(description="Calendar periods of the merchant's zone, ISO weeks."),
    ]
    scope: Annotated[
        Literal["member", "programme"], Meta(description="For each member, or for all members together.")
    ] = "member"

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a cap on an order that all members share."""
        if self.per == "order" and self.scope == "programme":
            yield Remark("/scope", "conflict", _("An order belongs to one member."))

    def describe(self, say: Phrasing) -> Description:
        """Say the most that can be earned, and in which time."""
        words = {
            "order": _("at most %(points)s an order"),
            "day": _("at most %(points)s a day"),
            "week": _("at most %(points)s a week"),
            "month": _("at most %(points)s a month"),
            "quarter": _("at most %(points)s a quarter"),
            "year": _("at most %(points)s a year"),
            "ever": _("at most %(points)s in all"),
        }
        said = words[self.per] % {"points": say.points(self.points)}
        if self.scope == "programme":
            said = _("%(limit)s for all members together") % {"limit": said}
        return Description(says=said)


def check_caps(caps: tuple[Cap, ...]) -> Iterator[Remark]:
    """Find two caps of one period in a part's list of caps."""
    seen: set[tuple[str, str]] = set()
    for place, cap in enumerate(caps):
        if (cap.per, cap.scope) in seen:
            yield Remark(f"/caps/{place}", "twice", _("There is a cap for this period already."))
        seen.add((cap.per, cap.scope))


def advise_caps(caps: tuple[Cap, ...]) -> Iterator[Remark]:
    """Find caps that a lower one over a longer period makes useless."""
    for place, cap in enumerate(caps):
        for other in caps:
            is_longer = _LONGER.index(other.per) > _LONGER.index(cap.per)
            if other.scope == cap.scope and is_longer and other.points < cap.points:
                yield Remark(f"/caps/{place}", "cap_never_cuts", _lower(other.per))


def _lower(per: str) -> str:
    return {
        "day": _("The limit per day is lower, so this one never cuts."),
        "week": _("The limit per week is lower, so this one never cuts."),
        "month": _("The limit per month is lower, so this one never cuts."),
        "quarter": _("The limit per quarter is lower, so this one never cuts."),
        "year": _("The limit per year is lower, so this one never cuts."),
        "ever": _("The limit for all time is lower, so this one never cuts."),
    }[per]
