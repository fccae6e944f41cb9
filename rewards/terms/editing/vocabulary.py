"""The words in which a part of the terms says how it is edited. Pure: what a form is made of, not a form.

A part has `edits` (each field: its label, its words), `not_edited` (each other field, with the reason), and an `editor` (the
sentence the fields stand in, and the groups of the rest).  What kind of field it is follows from the struct's type
(`kinds.part_fields`); an `Edit` says only what the type cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """How one field of a part is edited. Words are translated when they are read."""

    label: Any
    help: Any = ""
    #: What the type cannot tell: `rate` (a ratio in points), `hours`, `lines` (a text of several lines).
    kind: str = ""
    #: What stands after the figure and before it.
    unit: Any = ""
    sign: str = ""
    #: What the values of a choice are called; of a part of several kinds, what its kinds are.
    words: Mapping[str, Any] = field(default_factory=dict)
    #: What it is called when nothing is chosen.
    none: Any = ""
    #: What is said when it is needed and empty.
    missing: Any = ""
    #: Whose codes it names (`tier`, `rule`, `reward`, `place`), or which goods seen in sales it offers.
    of: str = ""
    #: The figure is measured by another field of the part around it: its name, and the kind of figure for each of its values.
    by: tuple[str, Mapping[str, str]] | None = None
    #: Labels of the fields within, where the part around says them better.
    inner: Mapping[str, Any] = field(default_factory=dict)
    #: What one of several is called: `Limit %(number)d`; and the next, empty one.
    row: Any = ""
    new_row: Any = ""
    #: Label of the switch that removes one of several; without it, emptying what it begins with removes it.
    removes: Any = ""
    #: The field of the same part that it may not be less than, and what is said when it is.
    not_below: tuple[str, Any] | None = None
    #: The field by which several are put in order.
    in_order_of: str = ""
    #: What the first of several is, while there is none.
    first: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that are changed together: `points`, `when.weekdays`, or all fields of a part within, `caps`."""

    title: Any
    fields: tuple[str, ...]
    note: Any = ""
    #: The clauses of the part that say what is set here; those named like its fields when left out, none when empty.
    clauses: tuple[str, ...] | None = None
    #: Shown open, not as a token that opens.
    is_open: bool = False

    @property
    def key(self) -> str:
        """Return what the group is called in addresses."""
        return self.fields[0].rpartition(".")[2]

    @property
    def says(self) -> tuple[str, ...]:
        """Return the names of the clauses that say it."""
        if self.clauses is not None:
            return self.clauses
        return tuple(dict.fromkeys(name.rpartition(".")[2] for name in self.fields))


@dataclass(frozen=True, slots=True)
class Editor:
    """How the fields of a part stand on its page; what a kind leaves out it has from the part it is a kind of."""

    #: What it is called: of a kind of rule, `Points for money spent`.
    title: Any = ""
    note: Any = ""
    #: What it says, with its fields to be typed in place: `Give %(points)s %(unit)s for an order`.
    sentence: Any = ""
    groups: tuple[FieldGroup, ...] = ()
    #: Of an optional part: it is there when one of these is filled …
    begins: tuple[str, ...] = ()
    #: … or while this is switched on.
    switch: Any = ""
    #: Fields that stand in one row.
    together: tuple[tuple[str, ...], ...] = ()


def edits_of(kind: type) -> dict[str, Edit]:
    """Return the edits of a kind of part, those it has from the part it is a kind of included."""
    found: dict[str, Edit] = {}
    for each in reversed(kind.__mro__):
        found |= each.__dict__.get("edits", {})
    return found


def not_edited(kind: type) -> dict[str, str]:
    """Return the fields that no form shows, with the reasons."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        found |= each.__dict__.get("not_edited", {})
    return found


def editor_of(kind: type) -> Editor:
    """Return the editor of a kind of part; what it does not say is that of the part it is a kind of."""
    editors = [each.__dict__["editor"] for each in kind.__mro__ if "editor" in each.__dict__]
    said: dict[str, Any] = {}
    for name in Editor.__dataclass_fields__:
        said[name] = next((value for each in editors if (value := getattr(each, name))), getattr(Editor(), name))
    return Editor(**said)
