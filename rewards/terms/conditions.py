"""Part of the terms: when a rule applies, and for whom."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.audience import Audience
from rewards.terms.editing import goods as editing
from rewards.terms.fields import Milli, MinorAmount, NameList
from rewards.terms.goods import Goods
from rewards.terms.parts import Part, Remark, Whole, check_days
from rewards.terms.wording import Description, Phrasing

Clock = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z", examples=["17:00"])]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Nth = Annotated[int, Meta(ge=1, le=10**6)]


class Hours(Part, frozen=True, kw_only=True):
    """From a clock time (inclusive) to another (exclusive), where the shop stands; may pass midnight (22:00 to 02:00)."""

    not_edited = editing.HOURS_EDITED_AS_ONE
    start: Clock
    end: Clock

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find hours without any time in them."""
        if self.start == self.end or self.start == "24:00":
            yield Remark("", "empty_hours", _("From and to are the same time."))

    def describe(self, say: Phrasing) -> Description:
        """Say from when to when."""
        return Description(says=_("%(start)s–%(end)s") % {"start": self.start, "end": self.end})


class Conditions(Audience, frozen=True, kw_only=True):
    """When a rule applies, and for whom (the audience). An empty list and null mean: no condition."""

    edits = editing.CONDITIONS
    first_day: Annotated[date | None, Meta(description="First day, in the merchant's zone.")] = None
    last_day: Annotated[date | None, Meta(description="Last day, in the merchant's zone.")] = None
    weekdays: Annotated[tuple[Weekday, ...], Meta(max_length=7, description="At the location.")] = ()
    hours: Annotated[tuple[Hours, ...], Meta(max_length=10, description="At the location.")] = ()
    locations: Annotated[NameList, Meta(description="Public ids of locations.")] = ()
    channels: Annotated[NameList, Meta(description="For example `store`, `online`.")] = ()
    minimum_amount_minor: Annotated[
        MinorAmount | None, Meta(description="Of the goods the rule looks at, on the rule's own amount basis.")
    ] = None
    below_amount_minor: Annotated[MinorAmount | None, Meta(description="Less than this, not equal.")] = None
    minimum_quantity_milli: Milli | None = None
    with_goods: Annotated[Goods | None, Meta(description="The basket must hold one of these, at any price.")] = None
    nth_purchase: Annotated[Nth | None, Meta(description="Only the member's n-th purchase; 1 is the first.")] = None
    every_nth_purchase: Annotated[Nth | None, Meta(description="Every n-th purchase: 10 is the 10th, 20th …")] = None
    birthday: Annotated[
        Literal["day", "week", "month"] | None, Meta(description="The day, ISO week or month of the birthday.")
    ] = None
    without_points: Annotated[bool, Meta(description="Only if nothing was paid with points.")] = False

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find conditions that no purchase can meet."""
        yield from check_days(self.first_day, self.last_day)
        yield from super().check(whole)
        least, below = self.minimum_amount_minor, self.below_amount_minor
        if least is not None and below is not None and below <= least:
            yield Remark("/below_amount_minor", "never", _("No amount is at least the one and below the other."))
        if self.nth_purchase is not None and self.every_nth_purchase is not None:
            detail = _("Either the n-th purchase or every n-th, not both.")
            yield Remark("/every_nth_purchase", "conflict", detail)
        if self.with_goods is not None and self.with_goods.is_empty:
            yield Remark("/with_goods", "empty", _("Name at least one SKU, category or label."))

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find days that are over."""
        if whole.today is not None and self.last_day is not None and self.last_day < whole.today:
            yield Remark("/last_day", "rule_never_matches", _("Its last day is past."))

    def describe(self, say: Phrasing) -> Description:
        """Say when the rule applies, a phrase for each condition."""
        return Description(lines=tuple(phrase for _field, phrase in self.clauses(say)))

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield the name of each field that is a condition, with its phrase; both days are `first_day`."""
        yield from (("first_day", phrase) for phrase in say.span(self.first_day, self.last_day))
        if self.weekdays:
            yield "weekdays", say.weekdays(self.weekdays)
        if self.hours:
            yield "hours", say.listed([each.describe(say).says for each in self.hours])
        yield from super().clauses(say)
        if self.locations:
            places = _("at %(places)s") % {"places": say.places(self.locations)}
            yield "locations", say.to_reader(member=_("at some of our shops"), staff=places)
        if self.channels:
            channels = _("on %(channels)s") % {"channels": say.listed(self.channels)}
            yield "channels", say.to_reader(member=_("only for some ways of ordering"), staff=channels)
        yield from self._of_the_basket(say)
        yield from self._of_the_member(say)

    def _of_the_basket(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        if self.minimum_amount_minor is not None:
            amount = {"amount": say.money(self.minimum_amount_minor)}
            yield "minimum_amount_minor", _("for orders from %(amount)s") % amount
        if self.below_amount_minor is not None:
            amount = {"amount": say.money(self.below_amount_minor)}
            yield "below_amount_minor", _("for orders below %(amount)s") % amount
        if self.minimum_quantity_milli is not None:
            pieces = {"pieces": say.thousandths(self.minimum_quantity_milli)}
            yield "minimum_quantity_milli", _("for at least %(pieces)s pieces") % pieces
        if self.with_goods is not None:
            yield "with_goods", _("with %(goods)s in the basket") % {"goods": self.with_goods.describe(say).says}
        if self.without_points:
            yield "without_points", _("nothing paid with points")

    def _of_the_member(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        if self.nth_purchase == 1:
            first = say.to_reader(member=_("on your first purchase"), staff=_("first purchase"))
            yield "nth_purchase", first
        elif self.nth_purchase is not None:
            number = {"number": self.nth_purchase}
            yield (
                "nth_purchase",
                say.to_reader(
                    member=_("on your purchase number %(number)d") % number,
                    staff=_("purchase number %(number)d") % number,
                ),
            )
        if self.every_nth_purchase is not None:
            yield "every_nth_purchase", _("every %(number)d purchases") % {"number": self.every_nth_purchase}
        if self.birthday is not None:
            yield (
                "birthday",
                say.to_reader(
                    member={
                        "day": _("on your birthday"),
                        "week": _("in the week of your birthday"),
                        "month": _("in the month of your birthday"),
                    }[self.birthday],
                    staff={
                        "day": _("on the birthday"),
                        "week": _("in the birthday week"),
                        "month": _("in the birthday month"),
                    }[self.birthday],
                ),
            )
