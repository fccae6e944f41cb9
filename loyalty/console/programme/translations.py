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
from rewards.terms import Goods, Part, TermsWording
from rewards.terms.editing.kinds import PartField, part_fields
from rewards.terms.editing.vocabulary import edits_of


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
    """Give every text of the document, whichever part has it, by keys that stay the same between versions."""
    earlier = {(owned.key, name): texts for owned in _owned(before) for name, texts in _several(owned.part)}
    for owned in _owned(say):
        for field in part_fields(type(owned.part)):
            value = getattr(owned.part, field.name)
            if field.kind in ("text", "lines"):
                yield TranslatableText(f"{owned.key} {field.name}", owned.section, owned.label(field), value or "")
        for name, texts in _several(owned.part):
            places = _places(earlier.get((owned.key, name), ()), texts)
            for place, text in zip(places, texts, strict=True):
                label = f"{owned.owner}: {say.text(text)}"
                yield TranslatableText(f"{owned.key} {name} {place}", owned.section, label, text)


@dataclass(frozen=True, slots=True)
class _OwnedPart:
    """A part with the words for where it stands: the section, what it belongs to, and what its place is called."""

    key: str
    section: str
    owner: str
    place: str
    part: Part

    def label(self, field: PartField) -> str:
        """Name a text of the part: by the part's own name, or by what it is of what the part belongs to."""
        if field.name in ("name", "title") and not isinstance(self.part, Goods):
            return self.owner or str(field.edit.label)
        own = self.place if isinstance(self.part, Goods) else str(field.edit.label)
        return f"{self.owner}: {own}" if self.owner else own


def _owned(say: TermsWording) -> Iterator[_OwnedPart]:
    """Give every part of the document but the worked examples, which members do not read."""
    for pointer, found in say.terms.whole().parts:
        steps = pointer.split("/")[1:]
        if steps[:1] == ["examples"]:
            continue
        at: Any = say.terms
        key, owner, section, place = [], "", _("Programme"), ""
        for step in steps:
            parent = at
            at = at[int(step)] if step.isdecimal() else getattr(at, step)
            if isinstance(parent, Part) and (edit := edits_of(type(parent)).get(step)):
                place = str(edit.label)
                section = place if parent is say.terms else section
            if step.isdecimal():
                # One of several: known by its code, else by its place.
                owner = say.text(getattr(at, "name", "") or getattr(at, "title", "")) or owner
                section = str(at.listed_as) or section
            key.append(str(getattr(at, "code", step)))
        yield _OwnedPart("/".join(key), section, owner, place, found)


def _several(part: Part) -> list[tuple[str, tuple[Any, ...]]]:
    """List the fields of a part that hold several texts."""
    return [(field.name, getattr(part, field.name)) for field in part_fields(type(part)) if field.kind == "texts"]


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
