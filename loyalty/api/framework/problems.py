"""Saying no, the same way everywhere: `application/problem+json` (RFC 9457) with a code from one list.

The list is also the error catalogue at /api/docs/problems/: what each code means and what a till should do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.problem_catalogue import KINDS
from merchants.errors import LoyaltyError
from merchants.shapes import ShapeFault

MEDIA_TYPE = "application/problem+json"


class RequestRefused(LoyaltyError):
    """A refusal by the framework itself, before any verb was asked."""

    code = "invalid_request"
    http = 400

    def __init__(
        self,
        detail: str,
        *,
        pointer: str | None = None,
        faults: Sequence[ShapeFault] = (),
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(detail, pointer=pointer, **context)
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


class MalformedJson(RequestRefused):
    code = "malformed_json"


class DuplicateKey(RequestRefused):
    code = "duplicate_key"


class TooDeep(RequestRefused):
    code = "too_deep"


class BodyMissing(RequestRefused):
    code = "body_missing"


class InvalidRequest(RequestRefused):
    code = "invalid_request"


class InvalidQuery(RequestRefused):
    code = "invalid_query"


class InvalidCursor(RequestRefused):
    code = "invalid_cursor"


class IdMissing(RequestRefused):
    code = "external_id_required"


class IdsDiffer(RequestRefused):
    code = "external_id_mismatch"


class BodyTooLarge(RequestRefused):
    code = "body_too_large"
    http = 413


class BodyTooLate(RequestRefused):
    code = "request_timeout"
    http = 408


class BodyCutOff(RequestRefused):
    code = "body_cut_off"


class LengthRequired(RequestRefused):
    code = "length_required"
    http = 411


class UnsupportedContentEncoding(RequestRefused):
    code = "unsupported_content_encoding"
    http = 415


class HostUnknown(RequestRefused):
    code = "unknown_host"


class UnsupportedMediaType(RequestRefused):
    code = "unsupported_media_type"
    http = 415


class KeyMissing(RequestRefused):
    code = "key_missing"
    http = 401


class ScopeMissing(RequestRefused):
    code = "scope_missing"
    http = 403


class RateLimited(RequestRefused):
    code = "rate_limited"
    http = 429


class RouteUnknown(RequestRefused):
    code = "route_not_found"
    http = 404


class MethodRefused(RequestRefused):
    code = "method_not_allowed"
    http = 405


class TooManyAtOnce(RequestRefused):
    code = "busy"
    http = 503


class Unavailable(RequestRefused):
    code = "unavailable"
    http = 503


class InternalError(RequestRefused):
    code = "internal_error"
    http = 500


class ProblemError(msgspec.Struct, frozen=True, kw_only=True):
    """One error inside a problem: an RFC 6901 pointer into what was sent, a code and a sentence."""

    pointer: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal (RFC 9457). `code` is for programs and never changes; `detail` is for people. Some codes add fields."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[ProblemError] = []


def response(
    code: str,
    *,
    detail: str,
    request_id: str,
    status: int,
    faults: Sequence[ShapeFault] = (),
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Make the answer to a refused call."""
    return HttpResponse(
        msgspec.json.encode(
            document(code, detail=detail, request_id=request_id, status=status, faults=faults, context=context)
        ),
        status=status,
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def document(
    code: str,
    *,
    detail: str,
    request_id: str,
    status: int,
    faults: Sequence[ShapeFault] = (),
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the problem document alone, as batches carry one for each refused item."""
    kind = KINDS.get(code)
    return {
        **(context or {}),
        "type": f"{settings.PUBLIC_URL}/api/docs/problems/{code}",
        "title": str(kind.title) if kind else _("Refused"),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        "errors": [{"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in faults],
    }


def of_refusal(refusal: LoyaltyError) -> dict[str, Any]:
    """Read a refusal as the arguments of `response` and `document`."""
    faults = tuple(getattr(refusal, "faults", ()))
    if not faults and refusal.pointer is not None:
        faults = (ShapeFault(refusal.pointer, refusal.code, refusal.detail),)
    return {
        "detail": refusal.detail,
        "status": refusal.http,
        "faults": faults,
        "context": refusal.context,
    }


MISSHAPEN = gettext_lazy("The request cannot be read as this call needs it; every reason is listed in errors.")
