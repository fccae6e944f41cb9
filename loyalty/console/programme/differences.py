"""Everything a terms document says, fact by fact, and what differs between two of them, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from loyalty.console.programme.wording import Speaker
from loyalty.ui import formats
from rewards import terms

#: Keys of facts that say only in which place a rule stands.
PLACE = "place of rule "


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the document says."""

    key: str
    section: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: what it was (empty when new) and what it becomes (empty when it goes)."""

    kind: Literal["added", "removed", "changed"]
    section: str
    label: str
    before: str
    after: str


def facts(say: Speaker) -> list[Fact]:
    """Return everything a document says, one fact each, with keys that stay the same between versions."""
    promised, general = say.terms, _("Programme")
    found = [
        Fact("name", general, _("Name"), say.text(promised.name)),
        Fact("called", general, _("A point is called"),
             formats.beside([say.text(promised.points.singular), say.text(promised.points.plural)])),
        Fact("counting", general, _("Counting"), say.counting()),
        Fact("excluded", general, _("Never earns"), say.excluded()),
        Fact("caps", general, _("Limits over all rules"),
             formats.beside(say.cap(cap) for cap in promised.earning.caps) or _("none")),
        Fact("pending", general, _("Points are"), say.pending(promised.earning.pending)),
        Fact("expiry", general, _("Points end"), say.expiry(promised.expiry)),
        Fact("welcome", general, _("For joining"), say.welcome()),
        Fact("referral", general, _("For bringing a friend"), say.referral()),
        Fact("paying", general, _("Paying with points"), say.paying()),
    ]  # fmt: skip
    return [*found, *_rules(say), *_tiers(say), *_rewards(say), *_notices(say)]


def _rules(say: Speaker) -> Iterator[Fact]:
    for place, rule in enumerate(say.terms.earning.rules):
        name = say.text(rule.name)
        text = formats.beside([say.figure(rule), say.conditions(rule), say.details(rule)])
        yield Fact(f"rule {rule.code}", _("Earning"), name, text)
        where = _("Place of %(rule)s") % {"rule": name}
        yield Fact(f"{PLACE}{rule.code}", _("Earning"), where, formats.number(place + 1))


def _tiers(say: Speaker) -> Iterator[Fact]:
    yield Fact("ladder", _("Tiers"), _("How tiers are earned"), say.ladder())
    for level in say.terms.tiers.levels if say.terms.tiers else ():
        parts = [_("from %(value)s") % {"value": say.threshold(level.threshold)}]
        if terms.ratio(level.multiplier) != 1:
            parts.append(say.factor(level.multiplier))
        parts += [say.text(benefit) for benefit in level.benefits]
        yield Fact(f"tier {level.code}", _("Tiers"), say.text(level.name), formats.beside(parts))


def _rewards(say: Speaker) -> Iterator[Fact]:
    for reward in say.terms.rewards:
        parts = [say.points(reward.price_points), say.reward(reward)]
        if reward.stock is not None:
            parts.append(_("%(count)s in all") % {"count": formats.number(reward.stock)})
        if reward.description:
            parts.append(say.text(reward.description))
        yield Fact(f"reward {reward.code}", _("Rewards"), say.text(reward.name), formats.beside(parts))


def _notices(say: Speaker) -> Iterator[Fact]:
    for place, notice in enumerate(say.terms.notices):
        yield Fact(f"notice {place}", _("Notices"), say.text(notice.title), say.text(notice.body))


def changes(before: Speaker | None, after: Speaker) -> list[Change]:
    """Return what differs between two documents, in the order of the new one; all of it when there was none before."""
    was = {fact.key: fact for fact in facts(before)} if before else {}
    now = facts(after)
    found = []
    for fact in now:
        earlier = was.pop(fact.key, None)
        if fact.key.startswith(PLACE) and (earlier is None or not _is_reordered(before, after)):
            continue
        if earlier is None:
            found.append(Change("added", fact.section, fact.label, "", fact.text))
        elif (earlier.text, earlier.label) != (fact.text, fact.label):
            old = (
                earlier.text
                if earlier.label == fact.label
                else _("%(name)s: %(value)s") % {"name": earlier.label, "value": earlier.text}
            )
            found.append(Change("changed", fact.section, fact.label, old, fact.text))
    for fact in was.values():
        if not fact.key.startswith(PLACE):
            found.append(Change("removed", fact.section, fact.label, fact.text, ""))
    if not found and before is not None and before.terms != after.terms:
        # Something that is not told in this language, such as a translation.
        found.append(Change("changed", _("Programme"), _("Details"), "", _("texts in other languages, or details")))
    return found


def _is_reordered(before: Speaker | None, after: Speaker) -> bool:
    """A rule that came or went moves the others without anybody having reordered them."""
    if before is None:
        return False
    old = [rule.code for rule in before.terms.earning.rules]
    new = [rule.code for rule in after.terms.earning.rules]
    return [code for code in old if code in new] != [code for code in new if code in old]
