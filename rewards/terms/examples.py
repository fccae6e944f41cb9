"""Part of the terms: worked examples, which the document carries as its own tests. They are checked before publishing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.editing.document import EXAMPLE_LINE_NOT_EDITED, EXAMPLE_NOT_EDITED
from rewards.terms.fields import GOODS, MOST_MINOR, Code, Label, LineKind, NameList, Text, YearlyDay, yearly
from rewards.terms.parts import Part, Remark, Whole

Amount = Annotated[int, Meta(ge=0, le=MOST_MINOR)]
#: Below zero on a line that came back.
SignedAmount = Annotated[int, Meta(ge=-MOST_MINOR, le=MOST_MINOR)]


class ExampleLine(Part, frozen=True, kw_only=True):
    """One line: `amount_minor` is after discounts, tax included; below zero for what came back."""

    not_edited = EXAMPLE_LINE_NOT_EDITED
    amount_minor: SignedAmount
    sku: str = ""
    category: str = ""
    labels: NameList = ()
    kind: LineKind = GOODS
    quantity_milli: Annotated[int, Meta(ge=1, le=10**9)] = 1000
    discount_minor: SignedAmount = 0
    tax_minor: SignedAmount = 0

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find more tax than amount, and signs that do not agree."""
        if abs(self.tax_minor) > abs(self.amount_minor):
            yield Remark("/tax_minor", "above_amount", _("More tax than amount."))
        for field in ("discount_minor", "tax_minor"):
            if getattr(self, field) * self.amount_minor < 0:
                yield Remark(f"/{field}", "other_sign", _("Below zero with the amount, or above it with it."))


class Example(Part, frozen=True, kw_only=True):
    """A purchase and the points it must earn; with `refund_minor`, the points that stay after such a refund."""

    not_edited = EXAMPLE_NOT_EDITED
    name: Text
    lines: Annotated[tuple[ExampleLine, ...], Meta(min_length=1, max_length=50)]
    points: Annotated[
        int, Meta(ge=-(10**12), le=10**12, description="Below zero where more comes back than is bought.")
    ]
    expect: Annotated[
        dict[Label, Annotated[int, Meta(ge=-(10**12), le=10**12)]],
        Meta(max_length=20, description="What else it must earn, by name; what is not named is left open."),
    ] = {}
    local_time: Annotated[
        str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]\Z", description="Where the shop stands.")
    ] = "2026-01-07T12:00"
    tier: Code | None = None
    ordinal: Annotated[int, Meta(ge=1, le=10**6, description="The member's n-th purchase.")] = 2
    birthday: YearlyDay | None = None
    location: Label | None = None
    channel: Label | None = None
    points_paid_minor: Annotated[Amount, Meta(description="Part of the total that was paid with points.")] = 0
    refund_minor: Amount = 0

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find tiers, days and hours that do not exist, and more paid or returned than was bought."""
        if self.tier is not None and self.tier not in whole.codes("tier"):
            yield Remark("/tier", "unknown_tier", _("There is no tier “%(code)s”.") % {"code": self.tier})
        if self.birthday is not None and yearly(self.birthday) is None:
            yield Remark("/birthday", "no_such_day", _("There is no day %(day)s.") % {"day": self.birthday})
        if "points" in self.expect:
            yield Remark("/expect/points", "twice", _("The points stand under `points`."))
        total = sum(line.amount_minor for line in self.lines)
        sold = sum(max(0, line.amount_minor) for line in self.lines)
        for field, most in (("points_paid_minor", max(0, total)), ("refund_minor", sold)):
            if getattr(self, field) > most:
                yield Remark(f"/{field}", "above_total", _("More than the lines come to."))
        try:
            datetime.fromisoformat(self.local_time)
        except ValueError:
            detail = _("There is no such time as %(time)s.") % {"time": self.local_time}
            yield Remark("/local_time", "no_such_day", detail)
