"""The places that hold others: a part, one of several kinds of part, several parts.

Each shows what the document holds and writes it back.  What nobody touched is given back as it was, to the letter; what a
form does not show (fields, languages) stays.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from msgspec import Struct

from loyalty.console.programme.fields import with_look
from loyalty.console.programme.forms import leaves
from loyalty.console.programme.forms.base import Node, NodeForm, Row, Rows, Ways
from loyalty.console.programme.forms.field_nodes import Leaf, TextNode, TextsNode
from rewards.terms.editing.kinds import PartField, defaults, part_fields
from rewards.terms.editing.vocabulary import Editor, editor_of, edits_of

#: Which fields of a part are shown: by name, each with those of the part within; empty is all of them.
Wanted = Mapping[str, "Wanted"]


class PartNode(Node):
    """A part, and the fields of it that are shown."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, kind: type[Struct], *,
        parent: PartNode | None = None, editor: Editor | None = None, wanted: Wanted | None = None, label: str = "",
        is_sure: bool = True, several: RowsNode | None = None,
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        self.kind, self.parent, self.label = kind, parent, label
        self.editor = editor or editor_of(kind)
        #: The list it is one of.
        self.several = several
        self.may_be_missing = several is not None or (field.is_optional and bool(path))
        self.defaults, self.edits = defaults(kind), edits_of(kind)
        shown = {**self.defaults, **(kept or {})}
        is_sure = is_sure and not self.may_be_missing
        self.switch_name = ""
        if self.may_be_missing and self.editor.switch:
            self.switch_name = "-".join((*path, "is_on"))
            form.fields[self.switch_name] = leaves.switched(str(self.editor.switch))
            form.initial[self.switch_name] = kept is not None
        self.remove_name = ""
        wanted = wanted or {}
        self.children: dict[str, Node] = {}
        for each in part_fields(kind):
            if each.name in self.edits and (not wanted or each.name in wanted):
                self.children[each.name] = self._child(each, shown.get(each.name), wanted.get(each.name, {}), is_sure)
        form.together += [tuple(self._html(name) for name in names) for names in self.editor.together]

    def _html(self, name: str) -> str:
        return "-".join((*self.path, *name.split(".")))

    def _child(self, field: PartField, kept: Any, wanted: Wanted, is_sure: bool) -> Node:
        inner = self.field.edit.inner.get(field.name, "")
        label = str(inner or field.edit.label)
        if self.label:
            label = _("%(row)s: %(label)s") % {"row": self.label, "label": label}
        if field.kind == "part":
            return PartNode(
                self.form, (*self.path, field.name), field, kept, field.parts[0], parent=self, wanted=wanted,
                is_sure=is_sure,
            )  # fmt: skip
        return made(self, field, kept, label, is_required=is_sure and field.is_required)

    def at(self, name: str) -> Node | None:
        """Return the place that a name of the editor means; None where this kind has none."""
        first, _dot, rest = name.partition(".")
        child = self.children.get(first)
        return child.at(rest) if rest and isinstance(child, PartNode) else child

    def figure_of(self, field: PartField) -> str:
        """Return the kind of a figure that another field around it measures."""
        if field.edit.by is None:
            return field.kind
        name, kinds = field.edit.by
        around: PartNode | None = self
        while around is not None and name not in around.children:
            around = around.parent
        if around is None:
            return field.kind
        measure = around.children[name]
        value = self.form[measure.name].value()
        return kinds.get(str(value), field.kind)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Return whether the part shall be there."""
        if not self.may_be_missing:
            return True
        if self.remove_name and self.form[self.remove_name].data:
            return False
        if self.remove_name:
            return True
        if self.switch_name:
            return bool(self.form[self.switch_name].data)
        return any(child.is_begun for name in self.editor.begins if (child := self.children.get(name)))

    @property
    def is_changed(self) -> bool:
        own = [name for name in (self.switch_name, self.remove_name) if name]
        if any(not leaves.is_as_shown(self.form[name]) for name in own):
            return True
        if self.switch_name and not self.is_on:
            return False
        return any(child.is_changed for child in self.children.values())

    @property
    def is_blank(self) -> bool:
        return self.may_be_missing and not self.is_on

    def clean(self) -> None:
        if self.may_be_missing and not self.is_on:
            self._ask_for_missing()
            return
        for child in self.children.values():
            child.clean()
        for child in self.children.values():
            spec = child.field
            if spec.is_required and child.is_blank and not self._has_errors(child) and self._is_typed(child):
                self.form.add_error(child.target(()) or None, str(spec.edit.missing) or leaves.needed())

        for name, child in self.children.items():
            if child.field.edit.not_below is None or child.name in self.form.errors:
                continue
            other, words = child.field.edit.not_below
            least, most = (self.form.cleaned_data.get(self.children[each].name) for each in (other, name))
            if least is not None and most is not None and most < least:
                self.form.add_error(child.name, str(words))

    def _is_typed(self, child: Node) -> bool:
        """A switch and a part are never empty; figures and texts are."""
        return bool(child.target(())) and child.field.kind not in ("switch", "part", "ways", "rows")

    def _has_errors(self, child: Node) -> bool:
        return child.target(()) in self.form.errors

    def _ask_for_missing(self) -> None:
        """Something is typed, but not what the part begins with."""
        if self.switch_name or self.remove_name:
            return
        begins = [child for name in self.editor.begins if (child := self.children.get(name))]
        others = [child for name, child in self.children.items() if name not in self.editor.begins]
        if begins and any(child.is_changed and child.is_begun for child in others):
            first = begins[0]
            self.form.add_error(first.target(()) or None, str(first.field.edit.missing) or leaves.needed())

    def read(self) -> Any:
        if self.path and not self.is_changed:
            return self.kept
        return self.written()

    def written(self) -> Any:
        """Return the part anew: what it was, and in it what its fields hold now."""
        if self.may_be_missing and not self.is_on:
            return None
        kept = self.kept or {}
        found = copy.deepcopy({**kept, **{name: value for name, value in self.defaults.items() if name not in kept}})
        found |= {name: child.read() for name, child in self.children.items()}
        return found

    # -- drawing ------------------------------------------------------------------------------------------------------

    @property
    def place(self) -> tuple[str, ...]:
        """Return where it stands in the document as it is written: items that go or change places move the others."""
        if self.several is None or self not in self.several.order:
            return self.path
        return (*self.several.path, str(self.several.order.index(self)))

    @property
    def is_there(self) -> bool:
        """Return whether the part is there: as typed, or as kept."""
        return self.is_on if self.form.is_bound else not self.may_be_missing or self.kept is not None

    def parts_apart(self) -> list[tuple[PartNode, str]]:
        return [(self, "")] if self.editor.sentence else []

    def rows(self) -> Rows:
        found: Rows = []
        for name in self._in_order():
            found += self.children[name].rows()
        return self.form.joined(found)

    def _in_order(self) -> list[str]:
        """Its fields as its editor groups them; what is in no group stands in the document's order."""
        grouped = [name for group in self.editor.groups for name in group.fields if name in self.children]
        return [*grouped, *(name for name in self.children if name not in grouped)]

    def words(self) -> list[str]:
        if self.may_be_missing and self.kept is None and not self.form.is_bound:
            return []
        return [word for child in self.children.values() for word in child.words()]

    def target(self, path: Sequence[str]) -> str:
        if path and path[0] in self.children:
            return self.children[path[0]].target(path[1:])
        if path and path[0] not in self.edits:
            return ""
        begins = next(iter(self.editor.begins), "") if self.path else ""
        return self.children[begins].target(()) if begins in self.children else ""


class WaysNode(Node):
    """One of several kinds of part: a choice, and the fields of each kind; only those of the chosen one are looked at."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, *, parent: PartNode, label: str
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        self.kinds = {str(kind.__struct_config__.tag): kind for kind in field.parts}
        self.choice_name = "-".join((*path, "kind"))
        none = [("", str(field.edit.none))] if field.is_optional else []
        choices = [*none, *((tag, str(field.edit.words.get(tag, tag))) for tag in self.kinds)]
        look = "segments" if len(choices) <= 3 else ""
        widget = forms.RadioSelect if look else forms.Select
        form.fields[self.choice_name] = with_look(
            forms.ChoiceField(label=label, choices=choices, required=False, widget=widget), look=look
        )
        shown = kept or field.default or {}
        form.initial[self.choice_name] = shown.get("kind", choices[0][0])
        self.parts: dict[str, PartNode] = {}
        # The kind there is comes first: of fields that several kinds have, the one that is kept is shown.
        for tag in sorted(self.kinds, key=lambda tag: tag != shown.get("kind")):
            names = {each.name for each in part_fields(self.kinds[tag])}
            own = {name: value for name, value in shown.items() if name in names}
            self.parts[tag] = PartNode(
                form, path, field._replace(is_optional=False), {**own, "kind": tag}, self.kinds[tag], parent=parent,
                is_sure=False,
            )  # fmt: skip

    @property
    def chosen(self) -> PartNode | None:
        return self.parts.get(str(self.form[self.choice_name].data or ""))

    @property
    def is_changed(self) -> bool:
        if not leaves.is_as_shown(self.form[self.choice_name]):
            return True
        return self.chosen is not None and self.chosen.is_changed

    @property
    def is_blank(self) -> bool:
        return self.chosen is None

    def clean(self) -> None:
        bound = self.form[self.choice_name]
        try:
            bound.field.clean(bound.data)
        except ValidationError as refusal:
            self.form.add_error(self.choice_name, refusal)
        if self.chosen is not None:
            self.chosen.clean()
        elif not self.field.is_optional and not bound.errors:
            self.form.add_error(self.choice_name, leaves.needed())

    def read(self) -> Any:
        if not self.is_changed:
            return self.kept if self.kept is not None or self.field.is_optional else self.field.default
        return None if self.chosen is None else self.chosen.written()

    def rows(self) -> Rows:
        places = {value: place for place, (value, _label) in enumerate(self._options(), 1)}
        rows: dict[tuple[str, ...], Row] = {}
        for tag in self.kinds:
            for row in self.parts[tag].rows():
                if isinstance(row, Ways):
                    continue
                key = tuple(bound.name for bound in row.fields)
                ways = [*(rows[key].ways.split() if key in rows else ()), str(places[tag])]
                rows[key] = Row(row.fields, " ".join(ways))
        return [Ways(self.form[self.choice_name], list(rows.values()))]

    def _options(self) -> list[tuple[str, str]]:
        options: Any = self.form.fields[self.choice_name].choices  # type: ignore[attr-defined]
        return list(options)

    def words(self) -> list[str]:
        value = str(self.form[self.choice_name].value() or "")
        default = self.field.default["kind"] if self.field.default else ""
        said = "" if value == default else str(dict(self._options()).get(value, ""))
        part = self.parts.get(value)
        return [word for word in (said, *(part.words() if part else ())) if word]

    def target(self, path: Sequence[str]) -> str:
        part = self.chosen if self.form.is_bound else None
        return (part.target(path) if part is not None and path else "") or self.choice_name


class RowsNode(Node):
    """Several parts: each that is kept, and an empty one."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, *, parent: PartNode
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        edit, (kind,) = field.edit, field.parts
        if not kept and edit.first is not None:
            first = {name: str(value) if name == "name" else value for name, value in edit.first.items()}
            self.kept = [{**defaults(kind), **first}]
        kept = self.kept or []
        count = min(field.most or 100, max(len(kept) + 1, form.rows_typed(self.name)))
        self.parts: list[PartNode] = []
        for place in range(count):
            label = str(edit.row) % {"number": place + 1} if edit.row else ""
            own = kept[place] if place < len(kept) else None
            part = PartNode(
                form, (*path, str(place)), field._replace(is_optional=True), own, kind, parent=parent, label=label,
                several=self,
            )  # fmt: skip
            if edit.removes and own is not None:
                part.remove_name = "-".join((*path, str(place), "remove"))
                form.fields[part.remove_name] = leaves.switched(str(edit.removes))
                form.initial[part.remove_name] = False
            self.parts.append(part)
        #: The parts as they are written, for faults to find theirs.
        self.order = self.parts

    @property
    def is_changed(self) -> bool:
        return any(part.is_changed for part in self.parts)

    @property
    def is_blank(self) -> bool:
        return not any(part.is_on for part in self.parts)

    def clean(self) -> None:
        for part in self.parts:
            part.clean()

    def read(self) -> Any:
        if not self.is_changed:
            return self._coded([*self.kept]) if self.kept else self.kept
        found = [(part, item) for part in self.parts if (item := part.read()) is not None]
        by = self.field.edit.in_order_of
        if by:
            found.sort(key=lambda each: (each[1][by] is None, each[1][by]))
        self.order = [part for part, _item in found]
        return self._coded([item for _part, item in found])

    def _coded(self, items: list[Any]) -> list[Any]:
        """Give each that needs one a code; it never changes afterwards."""
        kind = self.field.parts[0]
        if "code" not in kind.__struct_fields__:
            return items
        taken = {each["code"] for each in items if each.get("code")}
        for place, each in enumerate(items):
            if not each.get("code"):
                items[place] = {**each, "code": self.form.code_for(each, taken, kind)}
                taken.add(items[place]["code"])
        return items

    def rows(self) -> Rows:
        return [row for part in self.parts for row in part.rows()]

    def parts_apart(self) -> list[tuple[PartNode, str]]:
        edit = self.field.edit
        if not edit.removes:
            return []
        return [(part, self._title(part) if part.kept else str(edit.new_row)) for part in self.parts]

    def _title(self, part: PartNode) -> str:
        named = part.kept.get("name") or part.kept.get("title") or ""
        return self.form.edited.said(named)

    def words(self) -> list[str]:
        # An empty row holds choices too, which say nothing while it is empty.
        return [word for part in self.parts if part.is_on for word in part.words()]

    def target(self, path: Sequence[str]) -> str:
        if not path or not path[0].isdecimal() or int(path[0]) >= len(self.order):
            return self.parts[0].target(()) if self.parts else ""
        return self.order[int(path[0])].target(path[1:])


def made(parent: PartNode, field: PartField, kept: Any, label: str, *, is_required: bool) -> Node:
    """Make the node of a field of a part."""
    form, path = parent.form, (*parent.path, field.name)
    if field.kind in ("text", "lines"):
        return TextNode(form, path, field, kept, label=label, is_required=is_required)
    if field.kind == "texts":
        return TextsNode(form, path, field, kept, label=label)
    if field.kind == "ways":
        return WaysNode(form, path, field, kept, parent=parent, label=label)
    if field.kind == "rows":
        return RowsNode(form, path, field, kept, parent=parent)
    return Leaf(form, path, field, kept, label=label, kind=parent.figure_of(field), is_required=is_required)
