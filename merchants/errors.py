"""The one shape of a refusal: a code for programs, an HTTP status, a sentence for people.

Each module derives its own errors beside the verb that raises them; entry points translate them all alike.  Code and
status stand on the class and nowhere else: the API's catalogue, its OpenAPI file and its docs read them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

#: The HTTP status of each code, as the classes declare it: one code has one status, whoever raises it.
STATUSES: Final[dict[str, int]] = {}


class LoyaltyError(Exception):
    """A request was refused.  `detail` says what to do, in the caller's language."""

    code: ClassVar[str] = "refused"
    http: ClassVar[int] = 409

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = STATUSES.setdefault(cls.code, cls.http)
        if known != cls.http:
            raise TypeError(f"{cls.__name__}: {cls.code} is {known} elsewhere and {cls.http} here")

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


STATUSES[LoyaltyError.code] = LoyaltyError.http
