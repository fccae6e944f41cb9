"""The one shape of a refusal: a code for programs, a sentence for people.

Each room derives its own errors beside the verb that raises them; doors translate them all alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LoyaltyError(Exception):
    """A request was refused.  `detail` says what to do, in the caller's language."""

    code: ClassVar[str] = "refused"
    http: ClassVar[int] = 409

    def __init__(self, detail: str, *, pointer: str | None = None, **context: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        #: Where in the request the trouble is, as an RFC 6901 pointer, when it is in one place.
        self.pointer = pointer
        #: Further members of the problem document, such as the current balance.
        self.context: Mapping[str, Any] = context


class NotFound(LoyaltyError):
    code = "not_found"
    http = 404


class Invalid(LoyaltyError):
    """The request is well-formed and cannot be meant: nothing was changed."""

    code = "invalid"
    http = 422


class Forbidden(LoyaltyError):
    code = "forbidden"
    http = 403


class Conflict(LoyaltyError):
    code = "conflict"
    http = 409
