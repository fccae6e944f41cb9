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

from loyalty.api.catalogue import KINDS
from merchants.errors import LoyaltyError
from merchants.shapes import Fault

MEDIA_TYPE = "application/problem+json"


class Refused(LoyaltyError):
    """A refusal by the door itself, before any verb was asked."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, pointer=pointer)
        self.code = code  # type: ignore[misc]
        self.http = KINDS[code].status  # type: ignore[misc]
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


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
    status: int | None = None,
    faults: Sequence[Fault] = (),
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """This function will make the answer to a refused call."""
    return HttpResponse(
        msgspec.json.encode(
            document(code, detail=detail, request_id=request_id, status=status, faults=faults, context=context)
        ),
        status=status or KINDS[code].status,
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def document(
    code: str,
    *,
    detail: str,
    request_id: str,
    status: int | None = None,
    faults: Sequence[Fault] = (),
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """This function will make the problem document alone, as batches carry one for each refused item."""
    kind = KINDS.get(code)
    return {
        **(context or {}),
        "type": f"{settings.PUBLIC_URL}/api/docs/problems/{code}",
        "title": str(kind.title) if kind else _("Refused"),
        "status": status or (kind.status if kind else 409),
        "code": code,
        "detail": detail,
        "request_id": request_id,
        "errors": [{"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in faults],
    }


def of_refusal(refusal: LoyaltyError) -> dict[str, Any]:
    """This function will read a refusal as the arguments of `response` and `document`."""
    faults = tuple(getattr(refusal, "faults", ()))
    if not faults and refusal.pointer is not None:
        faults = (Fault(refusal.pointer, refusal.code, refusal.detail),)
    return {
        "detail": refusal.detail,
        "status": refusal.http,
        "faults": faults,
        "context": refusal.context,
    }


MISSHAPEN = gettext_lazy("The request cannot be read as this call needs it; every reason is listed in errors.")
