"""What kind of field each field of a part is, as its type says: points, money, a text, one of several parts …"""

from __future__ import annotations

import copy
from datetime import date
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from rewards.terms.editing.vocabulary import Edit, edits_of
from rewards.terms.fields import Code, Milli, MinorAmount, PointsAmount

#: The figures that a type of its own tells.
_FIGURES: Final = {
    PointsAmount.__metadata__[0]: "points",  # type: ignore[attr-defined]
    MinorAmount.__metadata__[0]: "money",  # type: ignore[attr-defined]
    Milli.__metadata__[0]: "quantity",  # type: ignore[attr-defined]
}
_CODE: Final = Code.__metadata__[0]  # type: ignore[attr-defined]


class PartField(NamedTuple):
    """One field of a part. `kind` is one of

    `points`, `money`, `quantity`, `number`, `ratio`, `rate`: figures; `text`, `texts`: words in languages; `code`, `codes`: of
    what has one; `names`, `numbers`, `hours`, `line`, `day`; `choice`, `choices`, `switch`; `part`: another part, `ways`: one of
    several kinds of part, `rows`: several parts; `other`: what no form shows.
    """

    name: str
    kind: str
    edit: Edit
    is_optional: bool
    has_default: bool
    default: Any
    #: The kinds of part within; the values of a choice; the least and the most of a figure or a list.
    parts: tuple[type[Struct], ...] = ()
    values: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def is_required(self) -> bool:
        """Return whether the document cannot leave it out, nor leave it empty."""
        is_listed = self.kind in ("names", "numbers", "codes", "choices", "rows", "texts", "hours")
        if is_listed:
            return bool(self.least)
        return not self.has_default and not self.is_optional


@lru_cache
def part_fields(kind: type[Struct]) -> tuple[PartField, ...]:
    """List the fields of a kind of part, in the document's order."""
    edits = edits_of(kind)
    found = []
    for field in msgspec.structs.fields(kind):
        edit = edits.get(field.name, Edit(field.name))
        has_default = field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
        default: Any = None
        if field.default is not msgspec.NODEFAULT:
            default = _plain(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            default = _plain(field.default_factory())
        told, is_optional, parts, values, least, most = _kind_of(field.type)
        found.append(
            PartField(
                field.name, edit.kind or told, edit, is_optional, has_default, default, parts, values, least, most
            )
        )
    return tuple(found)


def defaults(kind: type[Struct]) -> dict[str, Any]:
    """Return what a part says when only its kind is told, as a document holds it."""
    found = {field.name: copy.deepcopy(field.default) for field in part_fields(kind) if field.has_default}
    tag, tag_field = kind.__struct_config__.tag, kind.__struct_config__.tag_field
    return {str(tag_field): tag, **found} if tag_field else found


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


_Told = tuple[str, bool, tuple[type[Struct], ...], tuple[str, ...], int | None, int | None]


def _kind_of(hint: Any) -> _Told:
    hint, metas = _unwrapped(hint)
    arguments = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) in (Union, UnionType):
        is_optional = len(arguments) < len(get_args(hint))
        if len(arguments) == 1:
            kind, _was, *more = _kind_of(arguments[0])
            return (kind, True, *more)  # type: ignore[return-value]
        plain = [_unwrapped(each)[0] for each in arguments]
        if all(isinstance(each, type) and issubclass(each, Struct) for each in plain):
            return "ways", is_optional, tuple(plain), (), None, None
        is_text = any(get_origin(each) is dict for each in plain)
        return "text" if is_text else "ratio", is_optional, (), (), None, None
    if get_origin(hint) is tuple:
        return _kind_of_list(arguments[0], metas)
    if get_origin(hint) is Literal:
        return "choice", False, (), tuple(str(each) for each in get_args(hint)), None, None
    if isinstance(hint, type) and issubclass(hint, Struct):
        return "part", False, (hint,), (), None, None
    if hint is int:
        kind = next((_FIGURES[meta] for meta in metas if meta in _FIGURES), "number")
        return kind, False, (), (), _of(metas, "ge"), _of(metas, "le")
    if hint is str:
        return "code" if _CODE in metas else "line", False, (), (), None, None
    kinds = {bool: "switch", date: "day"}
    return kinds.get(hint, "other"), False, (), (), None, None


def _kind_of_list(item: Any, metas: list[Meta]) -> _Told:
    kind, _is_optional, parts, values, _least, _most = _kind_of(item)
    many = {"part": "rows", "ways": "rows", "text": "texts", "choice": "choices", "code": "codes", "number": "numbers"}
    return many.get(kind, "names"), False, parts, values, _of(metas, "min_length"), _of(metas, "max_length")


def _unwrapped(hint: Any) -> tuple[Any, list[Meta]]:
    metas: list[Meta] = []
    while get_origin(hint) is Annotated:
        metas += [meta for meta in hint.__metadata__ if isinstance(meta, Meta)]
        hint = get_args(hint)[0]
    return hint, metas


def _of(metas: list[Meta], name: str) -> int | None:
    return next((value for meta in metas if (value := getattr(meta, name)) is not None), None)
