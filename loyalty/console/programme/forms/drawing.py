"""How a part's fields stand on the page: a sentence with figures typed in place, tokens that open what else may be set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.forms import BoundField

from loyalty.console.programme.forms.base import Node, Row, Rows, Ways
from loyalty.console.programme.forms.nodes import PartNode, RowsNode
from rewards.terms.editing.vocabulary import FieldGroup

_PLACE: Final = re.compile(r"%\((\w+)\)s")
#: As many tokens that are not set are seen at once.
_SPARE_TOKENS: Final = 6
#: Their unit is a word of the sentence.
_SAID_BY_THE_SENTENCE: Final = ("points", "rate")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a sentence: words, or a field with what stands before and after it."""

    words: str = ""
    bound: BoundField | None = None
    before: str = ""
    after: str = ""
    #: How many signs wide; nothing for what is as wide as its words.
    size: int = 5


@dataclass(frozen=True, slots=True)
class Token:
    """Fields behind a token, which says what is set in them; `id` is its own on the page."""

    title: str
    key: str
    id: str
    rows: Rows
    note: str
    says: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """A part on the page."""

    title: str
    note: str
    key: str
    switch: BoundField | None
    names: list[BoundField]
    pieces: list[Piece]
    tokens: list[Token]
    groups: list[DrawnGroup]
    remove: BoundField | None
    #: Whether the part is there already.
    is_kept: bool = True

    @property
    def first_tokens(self) -> list[Token]:
        """Return the tokens that are set, and some of those that are not; all of them where few are left."""
        count = sum(bool(token.says) for token in self.tokens) + _SPARE_TOKENS
        return self.tokens[:count] if len(self.tokens) > count + 2 else self.tokens

    @property
    def more_tokens(self) -> list[Token]:
        """Return the other tokens, which stand under “More”."""
        return self.tokens[len(self.first_tokens) :]

    @property
    def is_more_open(self) -> bool:
        """Return whether one of them is open."""
        return any(token.is_open for token in self.more_tokens)

    @property
    def fields(self) -> list[BoundField]:
        """Return the fields of the sentence."""
        return [piece.bound for piece in self.pieces if piece.bound is not None]


@dataclass(frozen=True, slots=True)
class DrawnGroup:
    """Fields that stand open under a title, and the parts among them, each with a sentence of its own."""

    title: str
    note: str
    rows: Rows
    parts: list[DrawnPart] = field(default_factory=list)


def drawn(node: PartNode, title: str = "") -> DrawnPart:
    """Return how a part stands on the page."""
    form, editor = node.form, node.editor
    in_sentence = _PLACE.findall(str(editor.sentence))
    grouped = {name for group in editor.groups for name in group.fields}
    named = node.children.get("name")
    is_apart = named is not None and "name" not in grouped and "name" not in in_sentence
    tokens = [token for group in editor.groups if not group.is_open and (token := _token(node, group)) is not None]
    return DrawnPart(
        title=title or str(editor.title), note=str(editor.note), key=node.name,
        switch=form[node.switch_name] if node.switch_name else None,
        names=[bound for row in (named.rows() if named is not None and is_apart else ()) for bound in _bounds(row)],
        pieces=list(_pieces(node)),
        # What is set comes first, then what may be added.
        tokens=sorted(tokens, key=lambda token: not token.says),
        groups=[_group(node, group) for group in editor.groups if group.is_open],
        remove=form[node.remove_name] if node.remove_name else None,
        is_kept=node.kept is not None,
    )  # fmt: skip


def _pieces(node: PartNode) -> Iterator[Piece]:
    """Give the pieces of its sentence, in the order of the reader's language."""
    for place, text in enumerate(_PLACE.split(str(node.editor.sentence))):
        if place % 2 == 0:
            if text:
                yield Piece(text)
        elif text == "unit":
            yield Piece(node.form.edited.unit)
        elif (child := node.at(text)) is not None and (rows := child.rows()):
            bound = next(_bounds(rows[0]))
            look = bound.field
            is_said = child.field.kind in _SAID_BY_THE_SENTENCE and child.field.edit.by is None
            yield Piece(
                "", bound, getattr(look, "before", ""), "" if is_said else str(getattr(look, "after", "")),
                {"money": 8, "choice": 0, "code": 0}.get(child.field.kind, 5),
            )  # fmt: skip


def _token(node: PartNode, group: FieldGroup) -> Token | None:
    nodes = _nodes(node, group)
    rows = node.form.joined([row for each in nodes for row in each.rows()])
    if not rows:
        return None
    is_wrong = any(bound.errors for row in rows for bound in _bounds(row))
    return Token(
        str(group.title), group.key, f"says-{'-'.join((*node.path, group.key))}", rows, str(group.note),
        _said(node, group, nodes), is_wrong or (not node.path and node.form.to_open == group.key),
    )  # fmt: skip


def _said(node: PartNode, group: FieldGroup, nodes: list[Node]) -> str:
    """Say what is set: in the words of the terms, where they have any for it."""
    around = group.fields[0].rpartition(".")[0]
    known = node.form.phrases_at((*node.place, *filter(None, around.split("."))))
    if known is not None and group.says and node.is_there:
        clauses = group.clauses or tuple(name.rpartition(".")[2] for name in group.fields)
        return " · ".join(phrase for clause in clauses for phrase in known.get(clause, ()))
    return " · ".join(word for each in nodes for word in each.words())


def _group(node: PartNode, group: FieldGroup) -> DrawnGroup:
    rows: Rows = []
    parts: list[DrawnPart] = []
    for each in _nodes(node, group):
        apart = _apart(each)
        if apart:
            parts += [drawn(part, title) for part, title in apart]
        else:
            rows += each.rows()
    return DrawnGroup(str(group.title), str(group.note), node.form.joined(rows), parts)


def _apart(each: Node) -> list[tuple[PartNode, str]]:
    return each.parts_apart() if isinstance(each, (PartNode, RowsNode)) else []


def _nodes(node: PartNode, group: FieldGroup) -> list[Node]:
    return [each for name in group.fields if (each := node.at(name)) is not None]


def _bounds(row: Row | Ways) -> Iterator[BoundField]:
    if isinstance(row, Ways):
        yield row.choice
        for each in row.rows:
            yield from each.fields
    else:
        yield from row.fields
