"""What the forms of the programme's parts are made of: the draft and what stands around it, texts in languages, and the pieces
that many parts share (expiry, pending, caps, goods)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField
from django.http import HttpRequest
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from loyalty.console.access import now_of
from loyalty.console.programme.fields import (
    ChosenNames,
    DayField,
    ListField,
    PointsField,
    of_language,
    tag_of,
    tagged,
    tags,
    with_look,
)
from loyalty.tenant import merchant_of
from merchants import locations
from merchants.directory import Merchant
from merchants.languages import LANGUAGES
from rewards import programmes, terms
from rewards.programmes import Draft
from rewards.purchases import goods_seen
from rewards.purchases.goods_seen import GoodsSeen
from rewards.terms import Terms

Document = dict[str, Any]
_NOTHING_SEEN = GoodsSeen()


@dataclass(frozen=True, slots=True)
class EditedDraft:
    """The draft as it lies there, and what its forms refer to."""

    merchant: Merchant
    draft: Draft
    terms: Terms
    language: str
    places: Mapping[str, str]
    #: The draft with every default spelled out, however it was written.
    document: Document
    #: What was lately sold, where a form lets one choose goods.
    goods: GoodsSeen = _NOTHING_SEEN

    @property
    def decimals(self) -> int:
        return self.terms.points.decimals

    @property
    def currency(self) -> str:
        return self.terms.currency

    def said(self, text: Any) -> str:
        return terms.text(text, self.language)

    @property
    def tiers(self) -> list[tuple[str, str]]:
        levels = self.terms.tiers.levels if self.terms.tiers else ()
        return [(level.code, self.said(level.name)) for level in levels]

    @property
    def giving_rules(self) -> list[tuple[str, str]]:
        return [(r.code, self.said(r.name)) for r in self.terms.earning.rules if r.compile().factor is None]


def edited_draft(request: HttpRequest, *, with_goods: bool = False) -> EditedDraft:
    """Read the draft and what stands around it; `with_goods` what was lately sold, too."""
    merchant = merchant_of(request)
    draft = programmes.draft(merchant=merchant)
    shops = {place.public_id: place.name for place in locations.open_now(merchant)}
    promised = terms.parse(draft.document)
    language, goods = (
        get_language() or merchant.language,
        goods_seen.seen(merchant, now=now_of(request)) if with_goods else _NOTHING_SEEN,
    )
    return EditedDraft(merchant, draft, promised, language, shops, terms.document(promised), goods)


def spelled(draft: Draft) -> Document:
    """Return the draft's document with every default spelled out: the one that forms show and change."""
    return terms.document(terms.parse(draft.document))


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that belong together; a folded one opens by itself when something in it is set or wrong."""

    title: str
    key: str
    #: What stands in one row: a field, or some that are read together (from and until, the three of a limit).
    rows: list[list[BoundField]]
    note: str = ""
    is_folded: bool = False
    is_open: bool = False
    #: What is set in it, in words.
    says: str = ""


class PartForm(forms.Form):
    """A form over a part of the document: `initial` is the part, `written()` gives it back changed."""

    #: (title, note, names of fields, folded); drawn by console/programme/_sections.html.
    plan: ClassVar[Sequence[tuple[Any, Any, Sequence[str], bool]]] = ()
    #: Names of fields that are read together and stand in one row.
    together: ClassVar[Sequence[tuple[str, ...]]] = (
        ("first_day", "last_day"),
        ("pending_days", "pending_until"),
        ("minimum_amount_minor", "below_amount_minor"),
        ("limit_count", "limit_per"),
    )

    #: What the terms say of the part, by the name of the field; None where the form says it of its fields.
    phrases: Mapping[str, Sequence[str]] | None = None

    def __init__(self, edited: EditedDraft, part: Document | None, data: Any = None, **options: Any) -> None:
        self.edited, self.part = edited, dict(part or {})
        #: Texts of choices of goods, which lie deeper in the part than its other texts.
        self.named_goods: Document = {}
        # A copy: what the fields show is not yet what the part holds.
        options.setdefault("initial", dict(self.part))
        super().__init__(data, **options)
        self.use_required_attribute = False
        #: What the document holds for each text of the form, by the name of its field.
        self.texts: dict[str, Any] = {}
        self.build()
        # Forms inside this one, each with its prefix.
        self.inner: dict[str, PartForm] = {}
        self.set_choices()

    def build(self) -> None:
        """Add the fields that depend on the edited."""

    def set_choices(self) -> None:
        """Add the forms inside."""

    def written(self) -> Document | None:
        """Return the part as the document shall hold it; call it on a valid form."""
        raise NotImplementedError

    def is_valid(self) -> bool:
        own = super().is_valid()
        return all(form.is_valid() for form in self.inner.values()) and own

    def take_faults(self, faults: Sequence[Any], pointer: str) -> None:
        """Put what the terms say about the part beside the fields it is about."""
        for fault in faults:
            path = fault.pointer.removeprefix(pointer) if fault.pointer.startswith(pointer) else ""
            names = [part for part in path.split("/") if part]
            target = next(
                (
                    (form, name)
                    for form in (self, *self.inner.values())
                    for name in reversed(names)
                    if name in form.fields
                ),
                None,
            )
            if target is not None:
                target[0].add_error(target[1], fault.detail)
            else:
                self.add_error(None, fault.detail if path or not fault.pointer else f"{fault.pointer}: {fault.detail}")

    # -- texts in several languages -----------------------------------------------------------------------------------

    def add_text(
        self, name: str, label: str, *, required: bool = True, lines: int = 0, help_text: str = "", kept: Any = None
    ) -> None:
        """Add a text in the merchant's language, and optional ones in the other languages of the screens.

        `kept` is what the document holds; left out, it is the part's own `name`.
        """
        if kept is None:
            kept = self.named_goods[name] if name in self.named_goods else self.part.get(name)
        kept = self.texts[name] = tagged(kept)
        widget = forms.Textarea(attrs={"rows": lines}) if lines else forms.TextInput()
        field = forms.CharField(label=label, max_length=2000, required=required, widget=widget, help_text=help_text)
        self.fields[name] = field
        main = tag_of(self.edited.merchant.language)
        if isinstance(kept, dict) and not required:
            self.initial[name] = kept.get(main, "")
        else:
            self.initial[name] = of_language(kept, main)
        for code, _name in LANGUAGES:
            tag = tag_of(code)
            if tag == main:
                continue
            written = {"lang": code}
            widget = forms.Textarea(attrs={"rows": lines, **written}) if lines else forms.TextInput(attrs=written)
            title = _("%(label)s in %(language)s") % {
                "label": label, "language": get_language_info(code)["name_local"],
            }  # fmt: skip
            self.fields[f"{name}__{tag}"] = forms.CharField(label=title, max_length=2000, required=False, widget=widget)
            self.initial[f"{name}__{tag}"] = kept.get(tag, "") if isinstance(kept, dict) else ""

    def text(self, name: str) -> Any:
        """Return the text as the document holds it: plain when there is one language, else by language."""
        kept = self.texts[name]
        main = tag_of(self.edited.merchant.language)
        others = {tag: words for tag in tags() if tag != main and (words := self.cleaned_data.get(f"{name}__{tag}"))}
        if isinstance(kept, dict):
            others |= {tag: words for tag, words in kept.items() if tag not in tags()}
        first = self.cleaned_data[name]
        if not first:
            return others or None
        return {main: first, **others} if others else first

    def translations_of(self, name: str) -> list[str]:
        return [field for field in self.fields if field.startswith(f"{name}__")]

    @property
    def names(self) -> list[BoundField]:
        """The part's name in each language of the screens, the merchant's own first."""
        return [self[name] for name in ("name", *self.translations_of("name"))]

    # -- drawing ------------------------------------------------------------------------------------------------------

    def sections(self) -> Iterator[Section]:
        """Give the fields in the order of `plan`; names that this form has not are passed over.

        What is folded says what is set in it, and opens by itself where something is wrong.
        """
        for title, note, names, is_folded in self.plan:
            fields = [self[name] for name in self._expanded(names)]
            if fields:
                is_open = any(bound.errors for bound in fields)
                yield Section(
                    title, names[0].rstrip("*_"), self._in_rows(fields), note, is_folded, is_open,
                    self.says(names[0], fields),
                )  # fmt: skip

    def says(self, key: str, fields: Sequence[BoundField]) -> str:
        """Return in words what is set in these fields; `key` is the first name of theirs in the plan."""
        return " · ".join(filter(None, (_in_words(bound) for bound in fields if "__" not in bound.name)))

    def _in_rows(self, fields: Sequence[BoundField]) -> list[list[BoundField]]:
        """Put fields of `together`, and those whose names end in one number, side by side."""
        rows: list[list[BoundField]] = []
        last: object = None
        for bound in fields:
            numbered = re.search(r"_[0-9]+$", bound.name)
            row = next((names for names in self.together if bound.name in names), numbered and numbered.group())
            if rows and row and row == last:
                rows[-1].append(bound)
            else:
                rows.append([bound])
            last = row
        return rows

    def _expanded(self, names: Sequence[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            if name.endswith("__*"):
                found += self.translations_of(name.removesuffix("__*"))
            elif name.endswith("*"):
                found += [field for field in self.fields if field.startswith(name[:-1])]
            elif name in self.fields:
                found.append(name)
        return found

    # -- pieces that several parts have -------------------------------------------------------------------------------

    def add_pending(self, kept: Mapping[str, Any] | None, label: str) -> None:
        kept = kept or {}
        days = forms.IntegerField(label=label, min_value=0, max_value=3660, required=False)
        self.fields["pending_days"] = with_look(days, after=_("days"))
        self.fields["pending_until"] = DayField(label=_("… or pending until"))
        self.initial["pending_days"], self.initial["pending_until"] = kept.get("days"), kept.get("until")

    def pending(self) -> Document | None:
        days, until = self.cleaned_data.get("pending_days"), self.cleaned_data.get("pending_until")
        if days is not None:
            return {"days": days, "until": until} if until else {"days": days}
        return {"until": until} if until else None

    def add_caps(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """A row for each limit, and one to spare."""
        self.cap_count = min(10, len(kept) + 1)
        if self.is_bound:
            named = [name for name in self.data if name.startswith(self.add_prefix("cap_points_"))]
            self.cap_count = min(10, max(self.cap_count, len(named)))
        for place in range(self.cap_count):
            cap = kept[place] if place < len(kept) else {}
            number = {"number": place + 1}
            self.fields[f"cap_points_{place}"] = PointsField(
                self.edited.decimals, required=False, label=_("Limit %(number)d: at most") % number
            )
            self.fields[f"cap_per_{place}"] = forms.ChoiceField(
                label=_("Limit %(number)d: per") % number, choices=periods_of_limits(), required=False
            )
            self.fields[f"cap_scope_{place}"] = forms.ChoiceField(
                label=_("Limit %(number)d: for") % number,
                choices=[("member", _("each member")), ("programme", _("all members together"))],
                required=False,
            )
            self.initial[f"cap_points_{place}"] = cap.get("points")
            self.initial[f"cap_per_{place}"] = cap.get("per", "day")
            self.initial[f"cap_scope_{place}"] = cap.get("scope", "member")

    def caps(self) -> list[Document]:
        read = self.cleaned_data
        return [
            {
                "points": read[f"cap_points_{place}"],
                "per": read.get(f"cap_per_{place}") or "day",
                "scope": read.get(f"cap_scope_{place}") or "member",
            }
            for place in range(self.cap_count)
            if read.get(f"cap_points_{place}") is not None
        ]

    def add_goods(self, name: str, kept: Mapping[str, Any] | None, categories: str, skus: str, labels: str) -> None:
        kept = kept or {}
        self.named_goods[f"{name}_name"] = kept.get("name")
        self.add_text(
            f"{name}_name", _("What members read for these goods"), required=False,
            help_text=_("In their words: “coffee and tea”. Without it they read no codes."),
        )  # fmt: skip
        for field, label in (("categories", categories), ("skus", skus), ("labels", labels)):
            widget = ChosenNames(getattr(self.edited.goods, field))
            self.fields[f"{name}_{field}"] = ListField(label=label, widget=widget)
            self.initial[f"{name}_{field}"] = kept.get(field, [])

    def goods(self, name: str) -> Document | None:
        found = {field: self.cleaned_data[f"{name}_{field}"] for field in ("skus", "categories", "labels")}
        if not any(found.values()):
            return None
        words = self.text(f"{name}_name")
        return {**({"name": words} if words else {}), **found}


def periods_of_limits() -> list[tuple[str, str]]:
    return [
        ("order", _("order")), ("day", _("day")), ("week", _("week")), ("month", _("month")),
        ("quarter", _("quarter")), ("year", _("year")), ("ever", _("ever")),
    ]  # fmt: skip


#: What these fields hold when nobody has set them.
_UNSET: dict[str, tuple[Any, ...]] = {
    "unit": ("", "months"), "round": ("", "end"), "net_of": (["discounts"],), "qualifying": (True,), "by_tier": (True,),
    "hold_minutes": (15,), "limit_per": ("ever",), "life_unit": ("", "months"), "starts_next": (True,),
}  # fmt: skip


def _is_set(bound: BoundField) -> bool:
    value = bound.value()
    base = bound.name.rstrip("0123456789").rstrip("_")
    if base in ("cap_per", "cap_scope") or value in (None, "", [], (), False, 0, "0"):
        return False
    return value not in _UNSET.get(bound.name, ())


def _in_words(bound: BoundField) -> str:
    """Return what a field holds as people read it: the names of what is chosen, a figure with its unit, or what is switched on."""
    if not _is_set(bound):
        return ""
    field, value = bound.field, bound.value()
    if isinstance(field, forms.BooleanField):
        return str(bound.label)
    if isinstance(field, forms.ChoiceField):
        chosen = [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
        choices: Any = field.choices
        return ", ".join(str(label) for code, label in choices if str(code) in chosen)
    shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(field.prepare_value(value))
    return " ".join(filter(None, (getattr(field, "before", ""), shown, str(getattr(field, "after", "")))))
