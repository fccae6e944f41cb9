"""Part of the terms: a choice of goods, as rules, exclusions, rewards and stamp cards make it."""

from collections.abc import Iterator
from typing import Annotated

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.editing import goods as editing
from rewards.terms.fields import NameList, SkuList, Text
from rewards.terms.parts import Part, Remark
from rewards.terms.wording import Description, Phrasing


class Goods(Part, frozen=True, kw_only=True):
    """A choice of goods: a line belongs if its SKU, its category or one of its labels is named."""

    edits = editing.GOODS
    editor = editing.GOODS_EDITOR
    name: Annotated[
        Text | None,
        Meta(description="What members read for this choice; without it they read no codes, only that there is one."),
    ] = None
    skus: SkuList = ()
    categories: NameList = ()
    labels: Annotated[NameList, Meta(description="For example `organic`, `new`, `clearance`.")] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is named."""
        return not (self.skus or self.categories or self.labels)

    def describe(self, say: Phrasing) -> Description:
        """Name the goods; without a name staff read the codes, and members that there is a choice."""
        if self.name is not None:
            return Description(says=say.text(self.name))
        codes = say.codes((*self.categories, *self.skus, *self.labels))
        return Description(says=say.to_reader(member=_("certain goods") if codes else "", staff=codes))

    def is_within(self, other: "Goods") -> bool:
        """Return whether the other choice names all that this one names."""
        return all(set(getattr(self, field)) <= set(getattr(other, field)) for field in FIELDS)


FIELDS = ("skus", "categories", "labels")


def check_choice(only: Goods | None, excluding: Goods | None) -> Iterator[Remark]:
    """Find what is wrong with two choices of one part: the goods it looks at (`only`) and those left out (`excluding`)."""
    if only is not None and only.is_empty:
        yield Remark("/only", "empty", _("Name at least one SKU, category or label, or leave it out."))
    if only is None or excluding is None:
        return
    for field in FIELDS:
        for place, name in enumerate(getattr(excluding, field)):
            if name in getattr(only, field):
                detail = _("“%(name)s” is both looked for and excluded.") % {"name": name}
                yield Remark(f"/excluding/{field}/{place}", "conflict", detail)
