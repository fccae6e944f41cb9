"""Part of the terms: for whom something is. Rules and rewards ask the same of a member, in the same fields.

Another condition on members (a segment, a tag, a plan) is one field here: checked, evaluated and described once, it then
holds wherever an audience stands.
"""

from collections.abc import Iterator
from typing import Annotated, Protocol

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.editing.goods import AUDIENCE
from rewards.terms.fields import CodeList
from rewards.terms.parts import Part, Remark, Whole, known
from rewards.terms.wording import Description, Phrasing


class Profile(Protocol):
    """What is known of a member when somebody asks whether they belong; of a guest, nothing."""

    @property
    def tier(self) -> str | None: ...


class Audience(Part, frozen=True, kw_only=True):
    """For which members something is. Nothing named is everybody."""

    edits = AUDIENCE
    tiers: Annotated[CodeList, Meta(description="Only for members on these tiers; empty is all.")] = ()

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find tiers that do not exist."""
        yield from known(self.tiers, "tier", "/tiers", whole)

    def describe(self, say: Phrasing) -> Description:
        """Say for whom, a phrase for each condition; none for everybody."""
        return Description(lines=tuple(phrase for _field, phrase in self.clauses(say)))

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield the name of each field that is a condition, with its phrase."""
        if self.tiers:
            yield "tiers", _("for %(tiers)s") % {"tiers": say.names("tier", self.tiers)}

    @property
    def is_everybody(self) -> bool:
        """Return whether no member is left out."""
        return not self.tiers

    def refusal(self, member: Profile) -> tuple[str, dict[str, object]] | None:
        """State why a member does not belong, as a code and its figures; None when they do."""
        if self.tiers and member.tier not in self.tiers:
            return "other_tier", {"needed": list(self.tiers)}
        return None
