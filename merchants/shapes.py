"""Reading JSON-like values as typed structs, strictly, and naming every fault at its place (RFC 6901 pointers).

msgspec reads; it stops at the first fault and words it for programmers. When it refuses, this module goes on, field by
field, so that the caller hears everything at once, in their own language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from merchants import texts

T = TypeVar("T")
#: A number with a point is read as a Decimal before it comes here; a text that looks like one is a text.
_AS_THEY_ARE = (Decimal,)
FAULTS_MAX = 50


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """One error: where (JSON pointer), which (code for machines), and a sentence for people."""

    pointer: str
    code: str
    detail: str


class Misshapen(ValueError):
    """The value cannot be read as what it should be; `faults` names every reason, fifty at most."""

    def __init__(self, faults: tuple[ShapeFault, ...]) -> None:
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults[:5]))
        self.faults = faults


def learn() -> int:
    """Have msgspec look at every struct there is, once, and say how many: before threads begin.

    It looks at a struct when the first value is read as one, and a second thread that reads another meanwhile follows a
    null pointer: the process dies with all its requests.  So a process with threads learns before it serves.
    """
    waiting, learned = list(msgspec.Struct.__subclasses__()), 0
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        msgspec.json.Decoder(kind)
        learned += 1
    return learned


def read(value: object, kind: type[T]) -> T:
    """Read a decoded JSON value as `kind`, converting nothing; raises Misshapen."""
    try:
        return msgspec.convert(value, kind, strict=True, builtin_types=_AS_THEY_ARE)
    except (msgspec.ValidationError, RecursionError):
        faults = []
        for fault in _faults(value, kind, ""):
            faults.append(fault)
            if len(faults) == FAULTS_MAX:
                break
        raise Misshapen(tuple(faults)) from None


def pointer_to(*parts: str | int) -> str:
    """Join the parts of a path to a JSON pointer, escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _faults(value: object, kind: Any, pointer: str) -> Iterator[ShapeFault]:
    try:
        msgspec.convert(value, kind, strict=True, builtin_types=_AS_THEY_ARE)
        return
    except RecursionError:
        yield ShapeFault(pointer, "too_deep", _("This is nested too deeply."))
        return
    except msgspec.ValidationError as error:
        refusal = error
    found = False
    for fault in _inner_faults(value, kind, pointer):
        found = True
        yield fault
    if not found:
        yield _leaf(pointer, str(refusal), value if isinstance(value, Decimal) and value.is_finite() else None)


def _inner_faults(value: object, kind: Any, pointer: str) -> Iterator[ShapeFault]:
    struct = _struct_for(value, kind)
    if struct is not None and isinstance(value, dict):
        yield from _field_faults(value, struct, pointer)
    elif isinstance(value, list | tuple) and (item := _part_of(kind, (list, tuple), 0)) is not None:
        for place, each in enumerate(value):
            yield from _faults(each, item, pointer + pointer_to(place))
    elif isinstance(value, dict) and (item := _part_of(kind, (dict,), 1)) is not None:
        for name, each in value.items():
            yield from _faults(each, item, pointer + pointer_to(str(name)))


def _field_faults(value: dict[Any, Any], struct: type[msgspec.Struct], pointer: str) -> Iterator[ShapeFault]:
    tag_field = struct.__struct_config__.tag_field
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name in value:
        if name not in fields and name != tag_field and struct.__struct_config__.forbid_unknown_fields:
            here = pointer + pointer_to(str(name))
            yield ShapeFault(here, "unknown_field", _("There is no field “%(name)s” here.") % {"name": str(name)[:60]})
    for name, field in fields.items():
        if name in value:
            yield from _faults(value[name], field.type, pointer + pointer_to(name))
        elif field.required:
            yield _missing(pointer, name)


def _missing(pointer: str, name: str) -> ShapeFault:
    return ShapeFault(pointer + pointer_to(name), "missing", _("“%(name)s” is needed.") % {"name": name})


def _alternatives(kind: Any) -> list[Any]:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        return [each for part in get_args(kind) for each in _alternatives(part)]
    return [kind]


def _struct_for(value: object, kind: Any) -> type[msgspec.Struct] | None:
    structs = [each for each in _alternatives(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    tagged = [each for each in structs if each.__struct_config__.tag_field is not None]
    if not tagged:
        return structs[0] if structs else None
    tag = value.get(tagged[0].__struct_config__.tag_field) if isinstance(value, dict) else None
    return next((each for each in tagged if each.__struct_config__.tag == tag), None)


def _part_of(kind: Any, containers: tuple[type, ...], place: int) -> Any:
    for each in _alternatives(kind):
        if get_origin(each) in containers:
            return get_args(each)[place]
    return None


_WORDS: dict[str, Any] = {
    "int": gettext_lazy("a whole number"),
    "float": gettext_lazy("a number"),
    "decimal": gettext_lazy("a number"),
    "str": gettext_lazy("a text"),
    "bool": gettext_lazy("true or false"),
    "array": gettext_lazy("a list"),
    "object": gettext_lazy("an object"),
    "null": gettext_lazy("nothing (null)"),
    "datetime": gettext_lazy("an instant such as 2026-03-04T10:15:00Z"),
    "date": gettext_lazy("a day such as 2026-03-04"),
}


def _leaf(pointer: str, message: str, value: Decimal | None = None) -> ShapeFault:
    path = re.search(r" - at `(?:key in )?\$(.*)`$", message)
    plain = re.sub(r" - at `.*`$", "", message)
    if path:
        pointer += pointer_to(*re.findall(r"[^.\[\]]+", path[1].replace("[...]", "")))
    if named := re.fullmatch(r"Object missing required field `(.+)`", plain):
        return _missing(pointer, named[1])
    if named := re.fullmatch(r"Object contains unknown field `(.+)`", plain):
        detail = _("There is no field “%(name)s” here.") % {"name": named[1]}
        return ShapeFault(pointer + pointer_to(named[1]), "unknown_field", detail)
    if re.match(r"^Expected `int.*`, got `(decimal|float)`", plain) and value is not None and value == int(value):
        detail = _("Write %(whole)d: a whole number has no point.") % {"whole": int(value)}
        return ShapeFault(pointer, "wrong_type", detail)
    for form, code, detail in _sentences():
        if found := re.search(form, plain):
            return ShapeFault(pointer, code, detail % {name: _said(text) for name, text in found.groupdict().items()})
    return ShapeFault(pointer, "invalid", _("This cannot be read."))


def _said(text: str) -> str:
    kinds = [str(_WORDS.get(part, part)) for part in text.split(" | ")]
    return texts.listed(kinds, get_language() or "en", style="or")


def _forms() -> tuple[tuple[str, str], ...]:
    """What a text of a form looks like, by the form: nobody at a till reads regular expressions."""
    return (
        (r"^[\x21-\x7e]+\Z", _("Only letters, digits and signs of ASCII, without spaces.")),
        (r"^[A-Z]{3}\Z", _("A currency has three capitals, such as KRW.")),
        (r"^([0-9]{4}|[0-9]{1,2}[-./][0-9]{1,2})\Z", _("A birthday is month and day, such as 02-29.")),
        (r"^(en|ko|zh-hant)\Z", _("A language is en, ko or zh-hant.")),
        (r"^[a-z][a-z0-9_]{0,39}\Z", _("A name has small letters, digits and underscores, and begins with a letter.")),
    )


def _sentences() -> tuple[tuple[str, str, str], ...]:
    """What msgspec says, by its form; the code for programs; and the sentence for people."""
    return (
        (r"^Expected `(?P<wanted>.+)`, got `(?P<got>.+)`", "wrong_type", _("Expected %(wanted)s, got %(got)s.")),
        (r"`str` of length >= (?P<least>\d+)", "wrong_length", _("It needs %(least)s characters or more.")),
        (r"`str` of length <= (?P<most>\d+)", "wrong_length", _("It may have %(most)s characters at most.")),
        (r"of length >= (?P<least>\d+)", "wrong_length", _("It needs %(least)s entries or more.")),
        (r"of length <= (?P<most>\d+)", "wrong_length", _("It may have %(most)s entries at most.")),
        (r">= (?P<least>-?[\d.]+)$", "out_of_range", _("It must be %(least)s or more.")),
        (r"<= (?P<most>-?[\d.]+)$", "out_of_range", _("It must be %(most)s or less.")),
        (r"> (?P<above>-?[\d.]+)$", "out_of_range", _("It must be more than %(above)s.")),
        (r"< (?P<below>-?[\d.]+)$", "out_of_range", _("It must be less than %(below)s.")),
        (r"out of range", "out_of_range", _("The number is too large.")),
        *((rf"matching regex {re.escape(repr(form))}", "bad_form", sentence) for form, sentence in _forms()),
        (r"matching regex", "bad_form", _("It does not have the right form.")),
        (
            r"^Invalid (?:enum )?value '?(?P<value>.*?)'?$",
            "unknown_choice",
            _("“%(value)s” is not one of the choices."),
        ),
        (r"timezone component", "bad_form", _("The time needs its offset, such as Z or +09:00.")),
        (r"^Invalid (?:RFC3339|ISO|date|time)", "bad_form", _("This is not an instant or day (ISO 8601).")),
    )
