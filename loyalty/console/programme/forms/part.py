"""The one form of the programme's pages: made of what the terms say of how a part is edited, whichever part it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from loyalty.console.programme.fields import code_from, tag_of
from loyalty.console.programme.forms.base import NodeForm
from loyalty.console.programme.forms.drawing import DrawnPart, Token, drawn
from loyalty.console.programme.forms.nodes import PartNode, Wanted
from loyalty.console.programme.shapes import Document, EditedDraft
from rewards import terms
from rewards.terms import Terms, TermsWording
from rewards.terms.editing.kinds import PartField
from rewards.terms.editing.vocabulary import Edit, Editor

_WHOLE = PartField("", "part", Edit(""), is_optional=False, has_default=False, default=None)
_MOST_ROWS = 200
Phrases = Mapping[str, Mapping[str, Sequence[str]]]


class PartForm(NodeForm):
    """A form over a part of the document: `kept` is the part, `written()` gives it back changed.

    Its fields are called by their place in the part: `when-weekdays`, `caps-0-points`, `name__ko`.
    """

    def __init__(
        self, edited: EditedDraft, kind: type[Struct], kept: Document | None, data: Any = None, *,
        editor: Editor | None = None, pointer: str = "", taken: Sequence[str] = (), to_open: str = "",
    ) -> None:  # fmt: skip
        self.edited, self.kind, self.part = edited, kind, kept
        self.pointer, self.taken, self.to_open = pointer, set(taken), to_open
        #: What the terms say of each part, by its pointer and the name of the field; empty while they cannot be read.
        self.phrases: Phrases = {}
        self.together = []
        super().__init__(data)
        self.use_required_attribute = False
        self._written: Document | None = None
        self.root = PartNode(self, (), _WHOLE, kept, kind, editor=editor, wanted=_wanted(editor))

    # -- reading ------------------------------------------------------------------------------------------------------

    def _clean_fields(self) -> None:
        """Read the fields that count: not those of a kind that is not chosen, nor what nobody touched."""
        self.root.clean()

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            self._written = self.root.read()
            if "code" in self.kind.__struct_fields__ and not self._written.get("code"):
                self._written["code"] = self.code_for(self._written, self.taken, self.kind)
        return self.cleaned_data

    def written(self) -> Document:
        """Return the part as the document shall hold it; call it on a valid form."""
        return copy.deepcopy(self._written or {})

    def code_for(self, item: Document, taken: set[str], kind: type[Struct]) -> str:
        """Make a code for machines out of a new item's name."""
        tag = kind.__struct_config__.tag
        fallback = str(tag).replace("_", "-") if tag else str(getattr(kind, "names", "")) or "item"
        name = terms.text(item.get("name") or "", tag_of(self.edited.merchant.language))
        return code_from(name, taken, fallback)

    def rows_typed(self, name: str) -> int:
        """Return how many rows of a list came back."""
        if not self.is_bound:
            return 0
        places = [
            int(found[1])
            for each in self.data
            if (found := re.match(rf"{re.escape(name)}-([0-9]{{1,3}})(?![0-9])", each))
        ]
        return min(_MOST_ROWS, max(places, default=-1) + 1)

    def take_faults(self, faults: Sequence[Any], pointer: str) -> None:
        """Put what the terms say about the part beside the fields it is about."""
        for fault in faults:
            name = ""
            if f"{fault.pointer}/".startswith(f"{pointer}/"):
                name = self.root.target([step for step in fault.pointer.removeprefix(pointer).split("/") if step])
            self.add_error(name or None, fault.detail)

    # -- drawing ------------------------------------------------------------------------------------------------------

    def phrases_at(self, path: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
        """Return what the terms say of the part at a place; None where there is none that can be read."""
        return self.phrases.get("/".join((self.pointer, *path)))

    @property
    def drawn(self) -> DrawnPart:
        """Return how the part stands on the page."""
        return drawn(self.root)

    @property
    def tokens(self) -> list[Token]:
        """List all tokens on the page."""
        return list(_tokens(self.drawn))


def _tokens(part: DrawnPart) -> Iterator[Token]:
    yield from part.tokens
    for group in part.groups:
        for each in group.parts:
            yield from _tokens(each)


def _wanted(editor: Editor | None) -> Wanted:
    """Return which fields an editor names, each with those within."""
    found: dict[str, Any] = {}
    for name in (name for group in (editor.groups if editor else ()) for name in group.fields):
        at = found
        for step in name.split("."):
            at = at.setdefault(step, {})
    return found


def phrases_of(edited: EditedDraft, document: Document | None = None) -> Phrases:
    """Return what the terms say of every part of a document (left out: of the draft); nothing of one that cannot be read."""
    promised = edited.terms
    if document is not None:
        try:
            promised = terms.parse(document)
        except terms.InvalidTerms:
            return {}
    wording = TermsWording(promised, edited.language, for_staff=True, places=edited.places)
    found: dict[str, dict[str, list[str]]] = {}
    for pointer, part in promised.whole().parts:
        said = found.setdefault(pointer, {})
        for name, phrase in part.clauses(wording):
            said.setdefault(name, []).append(phrase)
    return found


class DocumentForm(PartForm):
    """A form over some fields of the document itself: one page of `rewards.terms.editing.document.PAGES`."""

    def __init__(self, edited: EditedDraft, page: Editor, data: Any = None) -> None:
        self.page = page
        super().__init__(edited, Terms, edited.document, data, editor=page)

    def put(self, document: Document) -> None:
        """Put what was typed into a document, and leave everything else in it as it is."""
        written = self.written()
        for name in fields_of(self.page):
            *around, last = name.split(".")
            at, new = document, written
            for step in around:
                at, new = at[step], new[step]
            at[last] = new[last]


def fields_of(page: Editor) -> list[str]:
    """List the places of the document that a page edits."""
    return [name for group in page.groups for name in group.fields]


def shown_of(page: Editor, document: Document) -> list[Any]:
    """Return what a page shows of a document."""
    found = []
    for name in fields_of(page):
        at: Any = document
        for step in name.split("."):
            at = at[step]
        found.append(at)
    return found
