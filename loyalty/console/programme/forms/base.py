"""What the form of a part is made of: places of the document, each with the fields that edit it, and the form around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from msgspec import Struct

from loyalty.console.programme.shapes import EditedDraft
from rewards.terms.editing.kinds import PartField


@dataclass(frozen=True, slots=True)
class Row:
    """Fields that stand side by side; `ways` are the places of the choice above for which they are shown."""

    fields: list[BoundField]
    ways: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """A choice, and below it the rows of what is chosen."""

    choice: BoundField
    rows: list[Row]


Rows = list[Row | Ways]


class NodeForm(forms.Form):
    """What its places ask of a form."""

    edited: EditedDraft
    #: The fields that stand in one row.
    together: list[tuple[str, ...]]
    #: The token that is open when the page is drawn.
    to_open: str

    def rows_typed(self, name: str) -> int:
        """Return how many rows of a list came back."""
        raise NotImplementedError

    def code_for(self, item: dict[str, Any], taken: set[str], kind: type[Struct]) -> str:
        """Make a code for machines out of a new item's name."""
        raise NotImplementedError

    def phrases_at(self, path: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
        """Return what the terms say of the part at a place, by field; None where there is none that can be read."""
        raise NotImplementedError

    def joined(self, rows: Rows) -> Rows:
        """Put fields that are read together in one row."""
        found: Rows = []
        for row in rows:
            last = found[-1] if found else None
            if isinstance(row, Row) and isinstance(last, Row) and self._are_together(last, row):
                found[-1] = Row([*last.fields, *row.fields], row.ways)
            else:
                found.append(row)
        return found

    def _are_together(self, one: Row, other: Row) -> bool:
        names = {bound.name for bound in (*one.fields, *other.fields)}
        return any(names <= set(together) for together in self.together)


class Node:
    """One place of the document, and the fields that edit it."""

    def __init__(self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any) -> None:
        self.form, self.path, self.field, self.kept = form, path, field, kept

    @property
    def name(self) -> str:
        """Return what the field is called in HTML: its place in the part."""
        return "-".join(self.path)

    @property
    def is_changed(self) -> bool:
        raise NotImplementedError

    @property
    def is_blank(self) -> bool:
        """Return whether nothing is typed here."""
        raise NotImplementedError

    @property
    def is_begun(self) -> bool:
        """Return whether anything is typed here, enough or not."""
        return not self.is_blank

    def clean(self) -> None:
        """Read what was typed; what cannot be read is an error of its field."""
        raise NotImplementedError

    def read(self) -> Any:
        """Return what the document shall hold here; call it after `clean`."""
        raise NotImplementedError

    def rows(self) -> Rows:
        """Return the fields as they stand below each other."""
        raise NotImplementedError

    def words(self) -> list[str]:
        """Say what is set here, by the fields."""
        raise NotImplementedError

    def target(self, path: Sequence[str]) -> str:
        """Return the name of the field that a fault at a place below belongs to; empty for none."""
        raise NotImplementedError
