"""What differs between two terms documents in each language: texts that were added, changed, or are lost.

The facts (`differences.facts`) are told in the reader's language alone; members read them in theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from rewards import terms
from rewards.terms import TermsWording


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """One thing that differs: what it was (empty when new) and what it becomes (empty when it goes)."""

    kind: Literal["added", "removed", "changed"]
    section: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TranslatableText:
    """One text of a document: where it stands, whose it is, and its words, plain or by language."""

    key: str
    section: str
    label: str
    words: Any


def translations(before: TermsWording, after: TermsWording) -> list[DocumentChange]:
    """Return what differs between the texts that both documents have, language by language.

    The reader's own language is left out unless it is lost: what it says now is among the facts.
    """
    was = {each.key: each for each in _texts(before, before)}
    own = after.language.lower()
    found: list[DocumentChange] = []
    for now in _texts(after, before):
        earlier = was.get(now.key)
        if earlier is None or earlier.words == now.words:
            continue
        old, new = _by_language(earlier.words), _by_language(now.words)
        for tag in [*old, *(tag for tag in new if tag not in old)]:
            label = f"{now.label} · {_language(tag)}"
            if tag in old and tag not in new:
                reads = terms.text(now.words, tag)
                if reads != old[tag] or isinstance(now.words, dict):
                    left = _("no text of its own; members read “%(words)s”") % {"words": reads} if reads else ""
                    found.append(DocumentChange("removed", now.section, label, old[tag], left))
            elif tag.lower() != own and tag not in old and new[tag] != terms.text(earlier.words, tag):
                found.append(DocumentChange("added", now.section, label, "", new[tag]))
            elif tag.lower() != own and tag in old and old[tag] != new[tag]:
                found.append(DocumentChange("changed", now.section, label, old[tag], new[tag]))
    return found


def _by_language(words: Any) -> dict[str, str]:
    return words if isinstance(words, dict) else {}


def _language(tag: str) -> str:
    try:
        return str(get_language_info(tag.lower())["name_local"])
    except KeyError:
        return tag


def _texts(say: TermsWording, before: TermsWording) -> Iterator[TranslatableText]:
    """Give every text of the document, by keys that stay the same between versions."""
    promised, general = say.terms, _("Programme")
    yield TranslatableText("name", general, _("Name"), promised.name)
    yield TranslatableText("singular", general, _("One point"), promised.points.singular)
    yield TranslatableText("plural", general, _("Several points"), promised.points.plural)
    for rule in promised.earning.rules:
        name = say.text(rule.name)
        yield TranslatableText(f"rule {rule.code}", _("Earning"), name, rule.name)
        for field, goods in (("only", rule.only), ("excluding", rule.excluding), ("with_goods", rule.when.with_goods)):
            yield from _goods(f"{field} {rule.code}", _("Earning"), name, goods)
    yield from _goods("excluding", general, _("Never earns"), promised.earning.excluding)
    if promised.pay_with_points is not None:
        yield from _goods("not by points", general, _("Paying with points"), promised.pay_with_points.excluding)
    earlier = {level.code: level.benefits for level in before.terms.tiers.levels} if before.terms.tiers else {}
    for level in promised.tiers.levels if promised.tiers else ():
        name = say.text(level.name)
        yield TranslatableText(f"tier {level.code}", _("Tiers"), name, level.name)
        places = _places(earlier.get(level.code, ()), level.benefits)
        for place, benefit in zip(places, level.benefits, strict=True):
            label = f"{name}: {say.text(benefit)}"
            yield TranslatableText(f"benefit {level.code} {place}", _("Tiers"), label, benefit)
    for reward in promised.rewards:
        name = say.text(reward.name)
        yield TranslatableText(f"reward {reward.code}", _("Rewards"), name, reward.name)
        if reward.description:
            label = f"{name}: {_('Description')}"
            yield TranslatableText(f"description {reward.code}", _("Rewards"), label, reward.description)
        yield from _goods(f"goods {reward.code}", _("Rewards"), name, getattr(reward, "goods", None))
    for card in promised.stamps:
        name = say.text(card.name)
        yield TranslatableText(f"card {card.code}", _("Stamp cards"), name, card.name)
        for field, goods in (("only", card.only), ("excluding", card.excluding)):
            yield from _goods(f"{field} of card {card.code}", _("Stamp cards"), name, goods)
    for number, notice in enumerate(promised.notices):
        title = say.text(notice.title)
        yield TranslatableText(f"notice {number}", _("Notices"), title, notice.title)
        yield TranslatableText(f"notice body {number}", _("Notices"), f"{title}: {_('Text')}", notice.body)


def _goods(key: str, section: str, label: str, goods: terms.Goods | None) -> Iterator[TranslatableText]:
    """Give what members read in the place of a choice of goods."""
    if goods is not None:
        yield TranslatableText(key, section, f"{label}: {_('Goods')}", goods.name or "")


def _places(before: Sequence[Any], now: Sequence[Any]) -> list[str]:
    """Name each benefit by the earlier one it was, since lines have no codes: the same words in any language, else the
    one of the same place."""
    taken: set[int] = set()
    names: list[str] = [""] * len(now)

    def take(place: int, found: int) -> None:
        taken.add(found)
        names[place] = str(found)

    for place, text in enumerate(now):
        ways = _all_words(text)
        alike = next((n for n, old in enumerate(before) if n not in taken and ways & _all_words(old)), None)
        if alike is not None:
            take(place, alike)
    for place in range(len(now)):
        if not names[place]:
            if place < len(before) and place not in taken:
                take(place, place)
            else:
                names[place] = f"new {place}"
    return names


def _all_words(text: Any) -> set[str]:
    return set(text.values()) if isinstance(text, dict) else {text}
