"""The places that are fields: one field, a text in languages, several texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import of_language, tag_of, tagged
from loyalty.console.programme.forms import leaves
from loyalty.console.programme.forms.base import Node, NodeForm, Row, Rows
from merchants.languages import LANGUAGES
from rewards.terms.editing.kinds import PartField

_SPARE_TEXTS = 2


class Leaf(Node):
    """One field. Where another kind of part has the same field, they share what is typed."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, *, label: str, kind: str,
        is_required: bool,
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        if self.name not in form.fields:
            made = leaves.made(field, kind, form.edited, kept, label, is_required=is_required)
            if made is not None:
                form.fields[self.name] = made
                form.initial[self.name] = leaves.first_choice(made) if kept is None else kept
        self.is_shown = self.name in form.fields
        if self.is_shown:
            self.kept = form.initial[self.name]

    @property
    def bound(self) -> BoundField:
        return self.form[self.name]

    @property
    def is_changed(self) -> bool:
        return self.is_shown and self.form.is_bound and not leaves.is_as_shown(self.bound)

    @property
    def is_blank(self) -> bool:
        return not self.is_shown or self.bound.data in (None, "", [], (), False)

    def clean(self) -> None:
        if not self.is_shown or self.name in self.form.cleaned_data or self.name in self.form.errors:
            return
        if not self.is_changed and self.kept not in (None, "", [], ()):
            self.form.cleaned_data[self.name] = self.kept
            return
        try:
            self.form.cleaned_data[self.name] = self.bound.field.clean(self.bound.data)
        except ValidationError as refusal:
            self.form.add_error(self.name, refusal)

    def read(self) -> Any:
        if not self.is_changed:
            return self._empty() if self.kept in (None, "") else self.kept
        value = self.form.cleaned_data.get(self.name)
        return self._empty() if value in (None, "", [], ()) else value

    def _empty(self) -> Any:
        if self.field.kind in ("names", "numbers", "codes", "choices", "hours"):
            return []
        return None if self.field.is_optional or not self.field.has_default else self.field.default

    def rows(self) -> Rows:
        return [Row([self.bound])] if self.is_shown else []

    def words(self) -> list[str]:
        found = leaves.in_words(self.bound, self.field.default, self.field.edit.words) if self.is_shown else ""
        return [found] if found else []

    def target(self, path: Sequence[str]) -> str:
        return self.name if self.is_shown else ""


class TextNode(Node):
    """A text, in the merchant's language and the other languages of the screens."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, *, label: str, is_required: bool
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        self.words_kept = words = tagged(kept)
        self.main = tag_of(form.edited.merchant.language)
        self.names: dict[str, str] = {self.main: self.name}
        form.fields[self.name] = forms.CharField(
            label=label, max_length=2000, required=is_required, widget=self._widget(), help_text=str(field.edit.help)
        )
        # Where the text has none in the merchant's language, a text that cannot be empty shows what members read.
        has_own = not isinstance(words, dict) or self.main in words
        form.initial[self.name] = of_language(words, self.main) if has_own or not field.is_optional else ""
        for code, _name in LANGUAGES:
            tag = tag_of(code)
            if tag == self.main:
                continue
            self.names[tag] = name = f"{self.name}__{tag}"
            said = {"label": label, "language": get_language_info(code)["name_local"]}
            form.fields[name] = forms.CharField(
                label=_("%(label)s in %(language)s") % said, max_length=2000, required=False, widget=self._widget(code)
            )
            form.initial[name] = words.get(tag, "") if isinstance(words, dict) else ""

    def _widget(self, language: str = "") -> forms.Widget:
        spoken = {"lang": language} if language else {}
        if self.field.kind == "lines":
            return forms.Textarea(attrs={"rows": 3, **spoken})
        return forms.TextInput(attrs=spoken)

    @property
    def bounds(self) -> list[BoundField]:
        return [self.form[name] for name in self.names.values()]

    @property
    def is_changed(self) -> bool:
        return self.form.is_bound and not all(leaves.is_as_shown(bound) for bound in self.bounds)

    @property
    def is_blank(self) -> bool:
        return not any(bound.data for bound in (self.bounds if self.field.is_optional else self.bounds[:1]))

    @property
    def is_begun(self) -> bool:
        return any(bound.data for bound in self.bounds)

    def clean(self) -> None:
        for bound in self.bounds:
            try:
                kept = leaves.is_as_shown(bound) and bound.data
                self.form.cleaned_data[bound.name] = bound.data if kept else bound.field.clean(bound.data)
            except ValidationError as refusal:
                self.form.add_error(bound.name, refusal)

    def read(self) -> Any:
        if not self.is_changed:
            return self.kept
        kept = self.words_kept
        words: dict[str, str] = dict(kept) if isinstance(kept, dict) else {self.main: kept} if kept else {}
        for tag, name in self.names.items():
            if leaves.is_as_shown(self.form[name]):
                continue
            if typed := self.form.cleaned_data.get(name):
                words[tag] = typed
            else:
                words.pop(tag, None)
        return words[self.main] if list(words) == [self.main] else words or None

    def rows(self) -> Rows:
        return [Row(self.bounds)]

    def words(self) -> list[str]:
        value = self.form[self.name].value()
        return [str(value)] if value and value != self.field.default else []

    def target(self, path: Sequence[str]) -> str:
        return self.names.get(path[0], self.name) if path else self.name


class TextsNode(Node):
    """Several texts, each in every language of its own, and some to spare; an empty one goes."""

    def __init__(
        self, form: NodeForm, path: tuple[str, ...], field: PartField, kept: Any, *, label: str
    ) -> None:  # fmt: skip
        super().__init__(form, path, field, kept)
        kept = kept or []
        count = min(field.most or 100, max(len(kept) + _SPARE_TEXTS, form.rows_typed(self.name)))
        one = field._replace(kind="text", is_optional=True, default=None)
        self.texts = [
            TextNode(
                form, (*path, str(place)), one, kept[place] if place < len(kept) else None,
                label=str(field.edit.row or field.edit.label) % {"number": place + 1}, is_required=False,
            )
            for place in range(count)
        ]  # fmt: skip

    @property
    def is_changed(self) -> bool:
        return any(text.is_changed for text in self.texts)

    @property
    def is_blank(self) -> bool:
        return all(text.is_blank for text in self.texts)

    def clean(self) -> None:
        for text in self.texts:
            text.clean()

    def read(self) -> Any:
        if not self.is_changed:
            return self.kept
        return [words for text in self.texts if (words := text.read())]

    def rows(self) -> Rows:
        return [row for text in self.texts for row in text.rows()]

    def words(self) -> list[str]:
        return [word for text in self.texts for word in text.words()]

    def target(self, path: Sequence[str]) -> str:
        place = int(path[0]) if path and path[0].isdecimal() else 0
        return self.texts[place].target(path[1:]) if place < len(self.texts) else ""
