"""Reading a body: JSON and nothing looser, then into the struct the call declares.

What the standard reader lets through and we do not: duplicate keys, NaN and Infinity, numbers of thousands of digits,
NUL and half surrogates, nesting beyond 32, a BOM, other encodings.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _

from loyalty.api.framework.problems import (
    MISSHAPEN,
    BodyMissing,
    BodyTooLarge,
    DuplicateKey,
    InvalidRequest,
    LengthRequired,
    MalformedJson,
    TooDeep,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from merchants import shapes

T = TypeVar("T")
DEPTH_MAX = 32
DIGITS_MAX = 40
_MEDIA_TYPE = re.compile(r"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?")


class _Duplicate(ValueError):
    """An object names a field twice."""


class _NumberTooLong(ValueError):
    """A number that no amount needs."""


def read(request: HttpRequest, kind: type[T], *, bytes_max: int) -> T:
    """Read the request's body as `kind`; raises InvalidRequest with every fault."""
    return convert(decode(request, bytes_max=bytes_max), kind)


def convert(value: object, kind: type[T]) -> T:
    """Read a decoded value as `kind`; raises InvalidRequest with every fault."""
    try:
        return shapes.read(value, kind)
    except shapes.Misshapen as refusal:
        raise InvalidRequest(str(MISSHAPEN), faults=refusal.faults) from None


def decode(request: HttpRequest, *, bytes_max: int) -> dict[str, Any]:
    """Decode the request's body as a JSON object, texts in NFC; raises RequestRefused."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        raise UnsupportedContentEncoding(_("Send the body without compression: no Content-Encoding."))
    if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
        # Ours reads bodies in chunks to their end and sets the length (loyalty/server); other servers may not.
        raise LengthRequired(_("Send the body with a Content-Length."))
    raw = _bytes_of(request, bytes_max)
    if not raw:
        raise BodyMissing(_("Send a JSON object as the body."))
    if not _MEDIA_TYPE.fullmatch(request.META.get("CONTENT_TYPE", "")):
        raise UnsupportedMediaType(_("Send the body as application/json in UTF-8."))
    if raw.startswith(codecs.BOM_UTF8):
        raise MalformedJson(_("The body begins with a byte order mark: send UTF-8 without one."))
    value = _parsed(raw)
    if not isinstance(value, dict):
        raise InvalidRequest(_("The body must be a JSON object."), pointer="")
    # The bracket count is a bound on the depth that costs nothing; only large bodies are walked.
    if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX and _is_deeper(value, DEPTH_MAX):
        raise TooDeep(_("The body is nested too deeply."))
    plain: dict[str, Any] = value
    if b"\\" in raw or not raw.isascii():
        plain = _with_plain_texts(value, "")
    return plain


def _bytes_of(request: HttpRequest, bytes_max: int) -> bytes:
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > bytes_max:
        raise _too_large(bytes_max)
    try:
        raw = request.body
    except RequestDataTooBig:
        raise _too_large(bytes_max) from None
    except UnreadablePostError:
        raise MalformedJson(_("The body ended before its announced length.")) from None
    if len(raw) > bytes_max:
        raise _too_large(bytes_max)
    return raw


def _too_large(bytes_max: int) -> BodyTooLarge:
    return BodyTooLarge(_("The body may have %(count)d bytes.") % {"count": bytes_max})


def _parsed(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw.decode("utf-8"))
    except _Duplicate as error:
        raise DuplicateKey(_("The field “%(name)s” is sent twice in one object.") % {"name": str(error)[:60]}) from None
    except _NumberTooLong:
        raise MalformedJson(_("A number is too long.")) from None
    except RecursionError:
        raise TooDeep(_("The body is nested too deeply.")) from None
    except UnicodeDecodeError:
        raise MalformedJson(_("The body is not UTF-8.")) from None
    except json.JSONDecodeError as error:
        detail = _("The body is not valid JSON (line %(line)d, column %(column)d).")
        raise MalformedJson(detail % {"line": error.lineno, "column": error.colno}) from None
    except ValueError:
        # NaN and Infinity, and Python's own limit on the digits of an integer.
        raise MalformedJson(_("A number is not a JSON number, or too long.")) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Duplicate(next(name for name, _value in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return found


def _fraction(text: str) -> Decimal:
    """A number with a point or an exponent, exactly; amounts and points are integers and refuse it later."""
    match = _NUMBER.fullmatch(text)
    if len(text) > DIGITS_MAX or match is None or len(match[2] or "") > 3:
        raise _NumberTooLong
    return Decimal(text)


def _no_constant(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_fraction, parse_constant=_no_constant)


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _depth in range(most):
        level = [
            child
            for each in level
            for child in (each.values() if type(each) is dict else each)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _with_plain_texts(value: Any, pointer: str) -> Any:
    """Names and values in NFC; NUL and half surrogates refused where they stand (PostgreSQL cannot keep either)."""
    if isinstance(value, str):
        if "\x00" in value or not _is_encodable(value):
            fault = shapes.ShapeFault(pointer, "bad_text", _("The text holds a NUL or half of a surrogate pair."))
            raise InvalidRequest(str(MISSHAPEN), faults=[fault])
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        found = {}
        for name, each in value.items():
            here = pointer + shapes.pointer_to(name)
            plain = _with_plain_texts(name, pointer)
            if plain in found:
                raise DuplicateKey(_("The field “%(name)s” is sent twice in one object.") % {"name": plain})
            found[plain] = _with_plain_texts(each, here)
        return found
    if isinstance(value, list):
        return [_with_plain_texts(each, pointer + shapes.pointer_to(place)) for place, each in enumerate(value)]
    return value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
