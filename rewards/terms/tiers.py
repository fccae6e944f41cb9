"""Part of the terms: tiers. What counts, over which window, and what happens when a window ends."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from rewards.terms.expiry import Expiry
from rewards.terms.fields import Code, Days, Part, Ratio, Text


class RollingWindow(Part, frozen=True, kw_only=True, tag_field="kind", tag="rolling"):
    """The last n months up to now; a tier reached is held for n months."""

    kind: ClassVar[str] = "rolling"
    months: Annotated[int, Meta(ge=1, le=120)] = 12


class CalendarYear(Part, frozen=True, kw_only=True, tag_field="kind", tag="calendar_year"):
    """1 January to 31 December; a tier reached is held to the end of the next year."""

    kind: ClassVar[str] = "calendar_year"


class Anniversary(Part, frozen=True, kw_only=True, tag_field="kind", tag="anniversary"):
    """A year from each anniversary of joining; a tier reached is held to the end of the next such year."""

    kind: ClassVar[str] = "anniversary"


Window = RollingWindow | CalendarYear | Anniversary


class Level(Part, frozen=True, kw_only=True):
    """One tier."""

    code: Code
    name: Text
    threshold: Annotated[
        int,
        Meta(
            ge=0,
            le=10**12,
            description="Reached at this value: points in the smallest unit, minor units, or purchases.",
        ),
    ]
    multiplier: Annotated[Ratio, Meta(description="Of what rules with `by_tier` give.")] = 1
    benefits: Annotated[tuple[Text, ...], Meta(max_length=30)] = ()
    expiry: Annotated[Expiry | None, Meta(description="For points earned on this tier.")] = None


class Tiers(Part, frozen=True, kw_only=True):
    """The ladder. The first level has threshold 0: every member stands on it."""

    basis: Literal["qualifying_points", "spend", "purchases"]
    levels: Annotated[tuple[Level, ...], Meta(min_length=1, max_length=20)]
    window: Window = RollingWindow()
    downgrade: Annotated[
        Literal["none", "one_level", "by_value"],
        Meta(description="When a window ends short of the tier held: keep it, go one down, or to what the value says."),
    ] = "by_value"
    grace_days: Annotated[Days, Meta(description="Longer to qualify, after the window's end, before going down.")] = 0
