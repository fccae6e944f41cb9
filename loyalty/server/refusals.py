"""Answers that are given on the event loop, without a thread: a body that did not come, or too many who wait."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import trans_real

from loyalty.api.framework import problems
from loyalty.operations import metrics
from loyalty.server import bodies, routes
from loyalty.server.threads import Overdue, PoolBusy

_RETRY_SECONDS: Final = "2"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is one of the API's problems; pages show the same sentence as plain text."""

    status: int
    code: str
    sentence: Promise | str
    may_retry: bool = False
    #: Whether the rest of the body may still be on its way, so that this connection cannot go on.
    closes: bool = False


TOO_LATE: Final = Refusal(
    408, "request_timeout", _("The body did not come in time. Send the whole request again."), closes=True
)
BROKEN: Final = Refusal(400, "body_cut_off", _("The body ended before its announced length."), closes=True)
NEEDS_LENGTH: Final = Refusal(411, "length_required", _("Send the body with a Content-Length."), closes=True)
BUSY: Final = Refusal(
    503, "busy", _("Too many requests wait already. This one was not begun; try again in a moment."), may_retry=True
)
NO_ANSWER: Final = Refusal(503, "unavailable", _("Try again in a moment, with the same external_id."), may_retry=True)
NO_ANSWER_FOR_A_PAGE: Final = Refusal(
    503, "unavailable", _("This takes too long at the moment. Try again in a moment."), may_retry=True
)
FAILED: Final = Refusal(500, "internal_error", _("Something went wrong here"))

_OF: Final[Mapping[type[Exception], Refusal]] = {
    bodies.BodyOverdue: TOO_LATE,
    bodies.BodyBroken: BROKEN,
    bodies.TooManyHeldBytes: BUSY,
    PoolBusy: BUSY,
    Overdue: NO_ANSWER,
}


def of(error: Exception, path: str) -> Refusal:
    """Choose the refusal for what went wrong before or around the call."""
    refusal = _OF.get(type(error), FAILED)
    if refusal is NO_ANSWER and not path.startswith(routes.API):
        return NO_ANSWER_FOR_A_PAGE
    return refusal


def answer(
    refusal: Refusal, *, path: str, method: str, headers: Mapping[str, str]
) -> tuple[list[tuple[str, str]], bytes]:
    """Write a refusal in the caller's language: a problem document for the API, a plain sentence for a page."""
    request_id = uuid.uuid4().hex
    metrics.refused_early(refusal.code)
    with translation.override(_language(headers.get("accept-language", ""))):
        if path.startswith(routes.API):
            found = problems.response(
                refusal.code, detail=str(refusal.sentence), request_id=request_id, status=refusal.status
            )
            kind, body = problems.MEDIA_TYPE, found.content
        else:
            kind, body = "text/plain; charset=utf-8", f"{refusal.sentence}\n".encode()
    written = [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("x-request-id", request_id),
        ("x-content-type-options", "nosniff"),
    ]
    if refusal.may_retry:
        written.append(("retry-after", _RETRY_SECONDS))
    if refusal.closes:
        written.append(("connection", "close"))
    return written, body


def _language(accepted: str) -> str:
    for code, _weight in trans_real.parse_accept_lang_header(accepted):
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
