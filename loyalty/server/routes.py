"""Which pool a request belongs to, whose turn it takes there, and how much body it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_KIB: Final = 1024
API: Final = "/api/v1/"
HEALTH: Final = "/healthz"
_BATCHES: Final = frozenset({"/api/v1/purchases/batch", "/api/v1/members/batch"})
_PROBES: Final = frozenset({"/readyz", "/metrics"})

#: What one call of the API may send; each call has its own limit within it (loyalty/api/framework/operations.py).
CALL_BYTES_MAX: Final = 1024 * _KIB
BATCH_BYTES_MAX: Final = 5 * 1024 * _KIB
#: A form of somebody with a session, and one of anybody: sign-in, joining, a survey.
FORM_BYTES_MAX: Final = 1024 * _KIB
ANONYMOUS_FORM_BYTES_MAX: Final = 64 * _KIB
#: A file sent with a form, by somebody with a session.
UPLOAD_BYTES_MAX: Final = 5 * 1024 * _KIB


class PoolName(StrEnum):
    """The threads a request is served by."""

    API = "api"
    BATCH = "batch"
    PAGES = "pages"
    PROBES = "probes"


@dataclass(frozen=True, slots=True)
class Route:
    """`bytes_max` of None: the body is never looked at."""

    pool: PoolName
    bytes_max: int | None
    may_be_chunked: bool = False


_NO_BODY: Final = {pool: Route(pool, None) for pool in PoolName}
_CALL: Final = Route(PoolName.API, CALL_BYTES_MAX, may_be_chunked=True)
_BATCH: Final = Route(PoolName.BATCH, BATCH_BYTES_MAX, may_be_chunked=True)


def route(path: str, headers: Mapping[str, str]) -> Route:
    """Choose by the path and the headers; `headers` have lower-case names.

    A call without a key is refused whatever it sends, so its body is not waited for.
    """
    if path.startswith(API):
        if path in _BATCHES:
            return _BATCH if "authorization" in headers else _NO_BODY[PoolName.API]
        return _CALL if "authorization" in headers else _NO_BODY[PoolName.API]
    if path in _PROBES:
        return _NO_BODY[PoolName.PROBES]
    return Route(PoolName.PAGES, _form_bytes_max(headers))


def _form_bytes_max(headers: Mapping[str, str]) -> int:
    if "sessionid=" not in headers.get("cookie", ""):
        return ANONYMOUS_FORM_BYTES_MAX
    return UPLOAD_BYTES_MAX if headers.get("content-type", "").startswith("multipart/") else FORM_BYTES_MAX


def merchant_of_page(path: str) -> str:
    """Return the merchant's slug in the path of a page, or nothing: the pages of one merchant share their turns."""
    parts = path.split("/", 3)
    return parts[2] if len(parts) > 3 else ""
