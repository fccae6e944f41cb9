"""What the forms of the programme's parts are made of: a desk with the draft on it, texts in languages, and the pieces
that many parts share (expiry, pending, caps, goods)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField
from django.http import HttpRequest
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import DayField, ListField, PointsField, worn
from loyalty.tenant import merchant_of
from merchants import places
from merchants.models.merchants import LANGUAGES, Merchant
from rewards import programmes, terms
from rewards.programmes import Draft
from rewards.terms import Terms

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """The draft as it lies there, and what its forms refer to."""

    merchant: Merchant
    draft: Draft
    terms: Terms
    language: str
    places: Mapping[str, str]
    #: The draft with every default spelled out, however it was written.
    document: Document

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
        return [(r.code, self.said(r.name)) for r in self.terms.earning.rules if r.kind != "multiplier"]


def desk_of(request: HttpRequest) -> Desk:
    """Read the draft and what stands around it."""
    merchant = merchant_of(request)
    draft = programmes.draft(merchant=merchant)
    shops = {place.public_id: place.name for place in places.open_now(merchant)}
    promised = terms.parse(draft.document)
    return Desk(merchant, draft, promised, get_language() or merchant.language, shops, terms.document(promised))


def spelled(draft: Draft) -> Document:
    """Return the draft's document with every default spelled out: the one that forms show and change."""
    return terms.document(terms.parse(draft.document))


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that belong together; a folded one opens by itself when something in it is set or wrong."""

    title: str
    fields: list[BoundField]
    note: str = ""
    is_folded: bool = False
    is_open: bool = False


class PartForm(forms.Form):
    """A form over a part of the document: `initial` is the part, `written()` gives it back changed."""

    #: (title, note, names of fields, folded); drawn by console/programme/_sections.html.
    plan: ClassVar[Sequence[tuple[Any, Any, Sequence[str], bool]]] = ()

    def __init__(self, desk: Desk, part: Document | None, data: Any = None, **options: Any) -> None:
        self.desk, self.part = desk, dict(part or {})
        # A copy: what the fields show is not yet what the part holds.
        options.setdefault("initial", dict(self.part))
        super().__init__(data, **options)
        self.use_required_attribute = False
        self.build()
        # Forms inside this one, each with its prefix.
        self.inner: dict[str, PartForm] = {}
        self.furnish()

    def build(self) -> None:
        """Add the fields that depend on the desk."""

    def furnish(self) -> None:
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

    def add_text(self, name: str, label: str, *, required: bool = True, lines: int = 0, help_text: str = "") -> None:
        """A text in the merchant's language, and optional ones in the other languages of the screens."""
        kept = self.part.get(name)
        widget = forms.Textarea(attrs={"rows": lines}) if lines else forms.TextInput()
        field = forms.CharField(label=label, max_length=2000, required=required, widget=widget, help_text=help_text)
        self.fields[name] = field
        main = _tag(self.desk.merchant.language)
        self.initial[name] = kept if isinstance(kept, str) else _of_language(kept, main)
        for code, _name in LANGUAGES:
            tag = _tag(code)
            if tag == main:
                continue
            widget = forms.Textarea(attrs={"rows": lines}) if lines else forms.TextInput()
            title = _("%(label)s in %(language)s") % {
                "label": label, "language": get_language_info(code)["name_local"],
            }  # fmt: skip
            self.fields[f"{name}__{tag}"] = forms.CharField(label=title, max_length=2000, required=False, widget=widget)
            self.initial[f"{name}__{tag}"] = "" if isinstance(kept, str) else (kept or {}).get(tag, "")

    def text(self, name: str) -> Any:
        """Return the text as the document holds it: plain when there is one language, else by language."""
        kept = self.part.get(name)
        main = _tag(self.desk.merchant.language)
        others = {tag: words for tag in _tags() if tag != main and (words := self.cleaned_data.get(f"{name}__{tag}"))}
        known = {_tag(code) for code, _label in LANGUAGES}
        if isinstance(kept, dict):
            others |= {tag: words for tag, words in kept.items() if tag not in known}
        first = self.cleaned_data[name]
        if not first:
            return others or None
        return {main: first, **others} if others else first

    def translations_of(self, name: str) -> list[str]:
        return [field for field in self.fields if field.startswith(f"{name}__")]

    # -- drawing ------------------------------------------------------------------------------------------------------

    def sections(self) -> Iterator[Section]:
        """Give the fields in the order of `plan`; names that this form has not are passed over."""
        for title, note, names, is_folded in self.plan:
            fields = [self[name] for name in self._expanded(names)]
            if fields:
                is_open = any(bound.errors or ("__" not in bound.name and _is_set(bound)) for bound in fields)
                yield Section(title, fields, note, is_folded, is_open)

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
        self.fields["pending_days"] = worn(days, after=_("days"))
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
                self.desk.decimals, required=False, label=_("Limit %(number)d: at most") % number
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

    def add_goods(self, name: str, kept: Mapping[str, Any] | None, categories: str, skus: str) -> None:
        kept = kept or {}
        self.fields[f"{name}_categories"] = ListField(label=categories)
        self.fields[f"{name}_skus"] = ListField(label=skus)
        self.initial[f"{name}_categories"] = kept.get("categories", [])
        self.initial[f"{name}_skus"] = kept.get("skus", [])

    def goods(self, name: str) -> Document | None:
        categories, skus = self.cleaned_data[f"{name}_categories"], self.cleaned_data[f"{name}_skus"]
        return {"skus": skus, "categories": categories} if categories or skus else None


class ExpiryForm(PartForm):
    """When points end; empty where the part may leave it to the programme."""

    kind = forms.ChoiceField(required=False)
    count = forms.IntegerField(min_value=1, max_value=3660, required=False)
    unit = forms.ChoiceField(required=False)
    round_to = forms.ChoiceField(required=False)
    round = forms.ChoiceField(required=False)
    activity_adds_months = forms.IntegerField(min_value=0, max_value=120, required=False)
    last_days = ListField()
    at_least_days = forms.IntegerField(min_value=0, max_value=3660, required=False)

    def __init__(
        self, desk: Desk, part: Document | None, data: Any = None, *, may_inherit: bool, **options: Any
    ) -> None:
        self.may_inherit = may_inherit
        super().__init__(desk, part, data, **options)

    def build(self) -> None:
        kinds = [
            ("never", _("never")),
            ("rolling", _("a while after they were earned")),
            ("fixed", _("on fixed days")),
            ("inactivity", _("when the member has done nothing for a while")),
        ]
        inherit = [("", _("as the programme says"))] if self.may_inherit else []
        self._label("kind", _("Points end"), [*inherit, *kinds])
        self._label("count", _("After"))
        self._label("unit", _("Unit"), [("months", _("months")), ("days", _("days")), ("years", _("years"))])
        periods = [("month", _("month")), ("quarter", _("quarter")), ("half", _("half-year")), ("year", _("year"))]
        self._label("round_to", _("Moved to"), [("", _("not moved")), *periods])
        self._label("round", _("Which side"), [("end", _("end of it")), ("start", _("beginning of it"))])
        self._label("activity_adds_months", _("Each month with a purchase adds"))
        worn(self.fields["activity_adds_months"], after=_("months"))
        self._label("last_days", _("Last days"))
        self.fields["last_days"].help_text = _("12-31 is every year, 2027-03-31 is one day. Divide several by commas.")
        self._label("at_least_days", _("But not within"))
        worn(self.fields["at_least_days"], after=_("days of earning"))

    def _label(self, name: str, label: str, choices: Any = None) -> None:
        self.fields[name].label = label
        if choices is not None:
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("kind") in ("rolling", "inactivity") and not read.get("count") and "count" not in self.errors:
            self.add_error("count", _("Say after how long."))
        if read.get("kind") == "fixed" and not read.get("last_days"):
            self.add_error("last_days", _("Name at least one day."))
        return read

    def written(self) -> Document | None:
        read, kind = self.cleaned_data, self.cleaned_data["kind"]
        if not kind:
            return None
        if kind == "never":
            return {"kind": "never"}
        if kind == "fixed":
            return {"kind": kind, "last_days": read["last_days"], "at_least_days": read["at_least_days"] or 0}
        found: Document = {
            "kind": kind,
            "count": read["count"],
            "unit": read["unit"] or "months",
            "round_to": read["round_to"] or None,
            "round": read["round"] or "end",
        }
        if kind == "rolling":
            found["activity_adds_months"] = read["activity_adds_months"] or 0
        return found


def periods_of_limits() -> list[tuple[str, str]]:
    return [
        ("order", _("order")), ("day", _("day")), ("week", _("week")), ("month", _("month")),
        ("quarter", _("quarter")), ("year", _("year")), ("ever", _("ever")),
    ]  # fmt: skip


def _tag(code: str) -> str:
    """Django's zh-hant is the document's zh-Hant."""
    first, _dash, rest = code.partition("-")
    return f"{first}-{rest.title()}" if rest else first


def _tags() -> list[str]:
    return [_tag(code) for code, _name in LANGUAGES]


def _of_language(kept: Any, tag: str) -> str:
    return terms.text(kept, tag) if kept else ""


#: What these fields hold when nobody has set them.
_UNSET: dict[str, tuple[Any, ...]] = {
    "unit": ("", "months"), "round": ("", "end"), "net_of": (["discounts"],), "qualifying": (True,), "by_tier": (True,),
    "hold_minutes": (15,), "limit_per": ("ever",),
}  # fmt: skip


def _is_set(bound: BoundField) -> bool:
    value = bound.value()
    base = bound.name.rstrip("0123456789").rstrip("_")
    if base in ("cap_per", "cap_scope") or value in (None, "", [], (), False, 0, "0"):
        return False
    return value not in _UNSET.get(bound.name, ())
