"""Reading a terms document: every structural and semantic error at once, each at its JSON pointer (RFC 6901)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from rewards.terms.checks import contradictions
from rewards.terms.document import Terms


@dataclass(frozen=True, slots=True)
class Fault:
    """One error: where (JSON pointer), which (code), and a sentence for the person who writes the document."""

    pointer: str
    code: str
    detail: str


class InvalidTerms(ValueError):
    """The document is not a programme; `errors` names every fault."""

    def __init__(self, errors: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in errors[:5]))
        self.errors = errors


def parse(document: object) -> Terms:
    """This function will read a document (JSON already decoded) as Terms; raises InvalidTerms with every fault."""
    try:
        terms = msgspec.convert(document, Terms, strict=True)
    except (msgspec.ValidationError, RecursionError):
        raise InvalidTerms(tuple(_faults(document, Terms, ""))) from None
    faults = (*_unprintable(document, ""), *(Fault(*found) for found in contradictions(terms)))
    if faults:
        raise InvalidTerms(faults)
    return terms


def document(terms: Terms) -> dict[str, Any]:
    """This function will write terms as a JSON-ready document with every default spelled out, fit to be kept for ever."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(terms))
    return written


def pointer_to(*parts: str | int) -> str:
    """This function will join the parts of a path to a JSON pointer, escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _faults(value: object, kind: Any, pointer: str) -> Iterator[Fault]:
    """msgspec stops at the first error; this walks on, field by field, and asks msgspec only about the leaves."""
    try:
        msgspec.convert(value, kind, strict=True)
        return
    except RecursionError:
        yield Fault(pointer, "too_deep", "The document is nested too deeply.")
        return
    except msgspec.ValidationError as error:
        refusal = error
    found: list[Fault] = []
    struct = _struct_for(value, kind)
    if struct is not None and isinstance(value, dict):
        found = list(_field_faults(value, struct, pointer))
    elif isinstance(value, (list, tuple)) and (item := _item_of(kind)) is not None:
        for place, each in enumerate(value):
            found.extend(_faults(each, item, pointer + pointer_to(place)))
    yield from found or [_leaf(pointer, str(refusal))]


def _field_faults(value: dict[Any, Any], struct: type[msgspec.Struct], pointer: str) -> Iterator[Fault]:
    tag_field = struct.__struct_config__.tag_field
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name in value:
        if name not in fields and name != tag_field:
            here = pointer + pointer_to(str(name))
            yield Fault(here, "unknown_field", f"There is no field `{name}` here.")
    for name, field in fields.items():
        if name in value:
            yield from _faults(value[name], field.type, pointer + pointer_to(name))
        elif field.required:
            yield Fault(pointer + pointer_to(name), "missing", f"`{name}` is needed.")


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


def _item_of(kind: Any) -> Any:
    return next((get_args(each)[0] for each in _alternatives(kind) if get_origin(each) is tuple), None)


_CODES = (
    ("missing", r"missing required field"),
    ("unknown_field", r"unknown field"),
    ("unknown_choice", r"^Invalid (enum )?value"),
    ("bad_form", r"matching regex|^Invalid (RFC|ISO)|^Invalid date"),
    ("out_of_range", r"(<=?|>=?|length|of length)"),
    ("wrong_type", r"^Expected"),
)


def _leaf(pointer: str, message: str) -> Fault:
    path = re.search(r" - at `(?:key in )?\$(.*)`$", message)
    detail = re.sub(r" - at `.*`$", "", message)
    code = next((code for code, sign in _CODES if re.search(sign, detail)), "invalid")
    if code == "missing" and (named := re.search(r"field `(.+)`", detail)):
        pointer += pointer_to(named[1])
    elif path:
        pointer += pointer_to(*re.findall(r"[^.\[\]]+", path[1].replace("[...]", "")))
    if "matching regex" in detail:
        detail = "This is not in the form that is needed here; the schema shows it"
    return Fault(pointer, code, detail.rstrip(".") + ".")


def _unprintable(value: object, pointer: str) -> Iterator[Fault]:
    """NUL and lone surrogates are legal in JSON and refused by PostgreSQL."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            yield Fault(pointer, "bad_form", "The text holds a sign that cannot be stored.")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _unprintable(each, pointer + pointer_to(name))
    elif isinstance(value, (list, tuple)):
        for place, each in enumerate(value):
            yield from _unprintable(each, pointer + pointer_to(place))
