"""Reading a query string as strictly as a body: unknown or repeated parameters are refused, numbers are plain digits."""

from __future__ import annotations

import re
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from django.http import HttpRequest
from django.utils.translation import gettext as _

from loyalty.api.framework.problems import InvalidQuery
from merchants import shapes, texts

T = TypeVar("T", bound=msgspec.Struct)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that takes no query parameter."""


def read(request: HttpRequest, kind: type[T]) -> T:
    """Read the query string as `kind`; raises InvalidQuery with every fault."""
    if not request.META.get("QUERY_STRING"):
        given: dict[str, Any] = {}
    else:
        types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        given = {}
        faults = []
        for name, values in request.GET.lists():
            if len(values) > 1:
                faults.append(_fault(name, "duplicate_key", _("This parameter is sent twice.")))
            elif not texts.is_plain(values[0]) or "\ufffd" in values[0]:
                faults.append(_fault(name, "bad_text", _("This parameter holds signs that cannot be.")))
            given[name] = _value(values[0], types.get(name))
        if faults:
            raise InvalidQuery(_("The query string has errors."), faults=faults)
    try:
        return shapes.read(given, kind)
    except shapes.Misshapen as refusal:
        raise InvalidQuery(_("The query string has errors."), faults=refusal.faults) from None


def _fault(name: str, code: str, detail: str) -> shapes.ShapeFault:
    return shapes.ShapeFault(shapes.pointer_to(name), code, detail)


def _value(text: str, kind: Any) -> Any:
    kinds = _plain_kinds(kind)
    if int in kinds and _INTEGER.fullmatch(text):
        return int(text)
    if bool in kinds and text in {"true", "false"}:
        return text == "true"
    return text


def _plain_kinds(kind: Any) -> list[Any]:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        return [each for part in get_args(kind) for each in _plain_kinds(part)]
    return [kind]
