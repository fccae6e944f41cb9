"""Everything a terms document says, fact by fact, and what differs between two of them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from loyalty.console.programme.translations import DocumentChange as DocumentChange
from loyalty.console.programme.translations import translations
from loyalty.ui import formats
from rewards.terms import Description, TermsWording

#: Keys of facts that say only in which place a rule stands.
PLACE = "place of rule "


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the document says."""

    key: str
    section: str
    label: str
    text: str


def facts(say: TermsWording) -> list[Fact]:
    """Return everything a document says, one fact each, with keys that stay the same between versions."""
    document = say.terms.describe(say)
    found = [_fact(each.key, _("Programme"), each.title, each) for each in document.facts]
    for section in document.parts:
        if section.all:
            found.append(_fact(section.key, section.title, section.title, section))
        for each in section.facts:
            found.append(_fact(f"{section.key} {each.key}", section.title, each.title, each))
        for each in section.parts:
            about = [fact.says for fact in each.facts]
            found.append(_fact(f"{section.key} {each.key}", section.title, each.title, each, about))
    for place, rule in enumerate(say.terms.earning.rules):
        where = _("Place of %(rule)s") % {"rule": say.text(rule.name)}
        found.append(Fact(f"{PLACE}{rule.code}", _("Earning"), where, formats.number(place + 1)))
    return found


def _fact(key: str, section: str, label: str, said: Description, about: Sequence[str] = ()) -> Fact:
    return Fact(key, section, label, formats.side_by_side([*said.all, *about]))


def changes(before: TermsWording | None, after: TermsWording) -> list[DocumentChange]:
    """Return what differs between two documents, in the order of the new one; all of it when there was none before."""
    was = {fact.key: fact for fact in facts(before)} if before else {}
    now = facts(after)
    found = []
    for fact in now:
        earlier = was.pop(fact.key, None)
        if fact.key.startswith(PLACE) and (earlier is None or not _is_reordered(before, after)):
            continue
        if earlier is None:
            found.append(DocumentChange("added", fact.section, fact.label, "", fact.text))
        elif (earlier.text, earlier.label) != (fact.text, fact.label):
            old = (
                earlier.text
                if earlier.label == fact.label
                else _("%(name)s: %(value)s") % {"name": earlier.label, "value": earlier.text}
            )
            found.append(DocumentChange("changed", fact.section, fact.label, old, fact.text))
    for fact in was.values():
        if not fact.key.startswith(PLACE):
            found.append(DocumentChange("removed", fact.section, fact.label, fact.text, ""))
    if before is not None:
        found += translations(before, after)
    if not found and before is not None and before.terms != after.terms:
        # Something that is told nowhere, such as a worked example.
        found.append(DocumentChange("changed", _("Programme"), _("Details"), "", _("details that members do not read")))
    return found


def _is_reordered(before: TermsWording | None, after: TermsWording) -> bool:
    """A rule that came or went moves the others without anybody having reordered them."""
    if before is None:
        return False
    old = [rule.code for rule in before.terms.earning.rules]
    new = [rule.code for rule in after.terms.earning.rules]
    return [code for code in old if code in new] != [code for code in new if code in old]
