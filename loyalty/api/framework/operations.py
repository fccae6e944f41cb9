"""What a call is: declared once beside its handler, read by the frame that runs it and by the OpenAPI file.

class MemberView(ApiView):
    @operation(id="get_member", tag="Members", summary="Read a member", scope="members:read", answers={200: MemberOut})
    def get(self, call: Call, member_id: str) -> Answer:
        return Answer(shown(directory.get(merchant=call.merchant, public_id=member_id)))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from loyalty.api.framework.queries import Nothing
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.keys import SCOPES, Key, Merchant

KIB = 1024
Out = TypeVar("Out", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address: who may call it, what it reads, what it answers.

    `own_ids` are the places of the caller's document ids in the body: the key's namespace is put before each. When
    `external_id` is among them, the header Idempotency-Key can stand in for it, and a call that moves points is refused
    without either.
    `refusals` are the codes a caller should expect beyond those every call may answer.
    """

    id: str
    tag: str
    summary: str
    #: The right a key needs; None for what any key may ask.
    scope: str | None
    answers: Mapping[int, Any]
    description: str = ""
    query: type[msgspec.Struct] = Nothing
    body: Any = None
    #: What the OpenAPI file says of the body, where the frame reads it more loosely than its items are read.
    described_body: Any = None
    own_ids: tuple[tuple[str, ...], ...] = ()
    #: Whether a call without an id is refused.
    requires_id: bool = True
    #: In a batch, the list whose items carry the ids, and the operation that one of them would be.
    items: str = ""
    one: str | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    query_examples: Mapping[str, Any] = field(default_factory=dict)
    answer_example: Any = None
    refusals: tuple[str, ...] = ()
    bytes_max: int = 256 * KIB
    #: What must leave the machine first (a name to look up), before the merchant's data is opened: `call.found`.
    outside: Callable[[Any], Any] | None = None
    #: Whether the verb opens the merchant's data by itself, in several transactions.
    opens_data_itself: bool = False

    def __post_init__(self) -> None:
        if self.scope is not None and self.scope not in SCOPES:
            raise ValueError(f"{self.id}: no such scope: {self.scope}")

    @property
    def takes_id(self) -> bool:
        return ("external_id",) in self.own_ids and not self.items


@dataclass(frozen=True, slots=True)
class Call:
    """One call in progress: whose data is open, who asks, when, and what was sent."""

    key: Key
    now: datetime
    request_id: str
    query: Any
    body: Any
    #: The JSON object as it was sent (texts in NFC, ids in the key's namespace), for what must know absent from null.
    sent: Mapping[str, Any]
    #: What the operation's `outside` found.
    found: Any = None

    @property
    def merchant(self) -> Merchant:
        return self.key.merchant

    @property
    def actor(self) -> Actor:
        return self.key.actor

    def own_id(self, external_id: str | None) -> str | None:
        """Write a stored id the way this caller sent it, without the key's namespace."""
        if external_id and self.key.id_namespace:
            return external_id.removeprefix(namespace(self.key))
        return external_id


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What a handler says: a struct, the status, and whether this is the answer to an earlier sending.

    A `refusal` is a verb's answer that was kept as a document: it is said after the commit, not instead of it.
    """

    body: Any = None
    status: int = 200
    is_replay: bool = False
    refusal: LoyaltyError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., ApiAnswer]


def operation(**declaration: Any) -> Callable[[Handler], Callable[..., Any]]:
    """Declare a handler as an operation; `views.ApiView` runs it."""
    declared = Operation(**declaration)

    def declare(handler: Handler) -> Callable[..., Any]:
        def method(view: Any, request: Any, **path: str) -> Any:
            return view.run(declared, handler, path)

        method.operation = declared  # type: ignore[attr-defined]
        method.__name__ = handler.__name__
        method.__doc__ = handler.__doc__
        return method

    return declare


def namespace(key: Key) -> str:
    """Write what is put before each document id this key sends."""
    return f"{key.id_namespace}:" if key.id_namespace else ""


def shown(kind: type[Out], view: object) -> Out:
    """Translate what a verb returns for the outside: the fields they have in common."""
    return msgspec.convert(view, kind, from_attributes=True)
