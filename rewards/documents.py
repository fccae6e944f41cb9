"""What all documents that move points share: the caller's id for them, telling a replay from a reuse, and refusals.

A document carries the caller's `external_id`, unique per merchant and kind, for ever, and the SHA-256 of what was sent
under it.  The same id with the same content answers what it answered before; with other content it is refused.

A refusal by a spending verb is an answer too: it is kept as a document without entries, so that the same request
answers the same for ever, although the balance may have grown meanwhile.  Such a verb therefore *returns* its refusal
(raising would undo the row); the door commits, and then calls `outcome.unless_refused()`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from merchants import tenancy
from merchants.errors import Conflict, LoyaltyError
from merchants.models.merchants import TenantModel
from rewards.models.documents import Document

D = TypeVar("D", bound=Document)
Sent = msgspec.Struct | Mapping[str, Any]

CREATED = 201
#: What the console, the counter, the portal and the verbs put before the ids they make up; nobody outside knows these.
_NAMED_HERE = ("console:", "counter:", "counter-undo:", "missing:", "portal:", "undo:")
_encode = msgspec.json.Encoder(order="sorted").encode


class ExternalIdReused(Conflict):
    """The id was used before for something else; what it did then still stands."""

    code: ClassVar[str] = "external_id_reused"


class ExternalIdMissing(LoyaltyError):
    """A call that moves points names itself, so that it can be sent again."""

    code: ClassVar[str] = "external_id_required"
    http: ClassVar[int] = 400


class Refused(LoyaltyError):
    """A refusal that was kept: asking again under the same id answers this again."""

    def __init__(self, *, code: str, http: int, detail: str, context: Mapping[str, Any]) -> None:
        super().__init__(detail, **context)
        self.code = code  # type: ignore[misc]
        self.http = http  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a verb: the document's public id, HTTP status and frozen receipt, and whether it was a replay."""

    public_id: str
    http: int
    receipt: Mapping[str, Any]
    is_replay: bool = False
    #: Internal id of the member whose account moved (after a merge: the one it was merged into), for the answer's `now`.
    member_id: int | None = field(default=None, compare=False)

    @property
    def is_refused(self) -> bool:
        return "refusal" in self.receipt

    def unless_refused(self) -> Outcome:
        """This function will return the outcome itself, or raise the refusal it holds: call it after the commit.

        :raises Refused: with the code, sentence and figures of the first answer.
        """
        refusal = self.receipt.get("refusal")
        if refusal is None:
            return self
        raise Refused(
            code=refusal["code"], http=self.http, detail=refusal["detail"],
            context={**refusal.get("context", {}), "id": self.public_id},
        )  # fmt: skip


def fingerprint(sent: Sent) -> bytes:
    """This function will hash what was sent: SHA-256 of its canonical JSON, absent fields left out."""
    return hashlib.sha256(_encode(sent)).digest()


def natural_key(kind: str, *parts: object) -> str:
    """This function will name a document that nobody outside named, such as a redemption inside a purchase.

    The space in it keeps it apart from every id a caller can send.
    """
    return " ".join((kind, *(str(part) for part in parts)))


def number_given(external_id: str | None, namespaces: Iterable[str]) -> str:
    """This function will tell the number a till gave a document; empty where this platform named it itself.

    `namespaces` are what the merchant's keys put before the ids they send: people know the number without it.
    """
    name = external_id or ""
    if " " in name or name.startswith(_NAMED_HERE):
        return ""
    return next((name.removeprefix(f"{each}:") for each in namespaces if name.startswith(f"{each}:")), name)


def check_same(known: bytes, sent: bytes) -> None:
    """:raises ExternalIdReused: the id was used before with other content."""
    if known != sent:
        raise ExternalIdReused(
            _("This external_id was used before with other content. What was recorded then still stands."),
            pointer="/external_id",
        )


def known(model: type[D], *, merchant_id: int, external_id: str, sent: bytes) -> D | None:
    """This function will find the document an id already names; None when the id is new.

    Call it after the account lock: two calls with one id for one member then find each other.

    :raises ExternalIdReused: the id was used before with other content.
    """
    document = model._default_manager.filter(merchant_id=merchant_id, external_id=external_id).first()
    if document is not None:
        check_same(bytes(document.fingerprint), sent)
    return document


def replayed(document: Document, *, member_id: int | None = None) -> Outcome:
    """This function will give the answer a document gave when it was written."""
    return Outcome(
        document.public_id, int(document.receipt.get("http", CREATED)), _public(document.receipt), True, member_id
    )


def written(document: Document, *, member_id: int | None = None) -> Outcome:
    """This function will give the first answer of a document just written."""
    return Outcome(
        document.public_id, int(document.receipt.get("http", CREATED)), _public(document.receipt), False, member_id
    )


def _public(receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in receipt.items() if name != "http"}


def refusal_receipt(error: LoyaltyError, **figures: Any) -> dict[str, Any]:
    """This function will make the receipt of a refusal that is kept: its code, sentence and figures, frozen."""
    return {
        **figures,
        "state": "refused",
        "refusal": {"code": error.code, "detail": error.detail, "context": dict(error.context)},
        "http": error.http,
    }


def reserve(document: TenantModel) -> int:
    """This function will give a document that is not written yet its id, so that entries can name it."""
    sequence = f"{document._meta.db_table}_id_seq"
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [sequence])
        document.id = cursor.fetchone()[0]
    return int(document.id)


def insert(document: D) -> D:
    """This function will write a new document.

    :raises tenancy.Again: somebody wrote the same external_id this very moment: the whole verb again finds it.
    """
    with twins_try_again():
        document.save(force_insert=True)
    return document


def instant(moment: datetime) -> str:
    """This function will print an instant for a receipt: ISO 8601 in UTC."""
    return msgspec.json.encode(moment).decode().strip('"')


@contextmanager
def twins_try_again(*, ending: str = "_external_id_unique") -> Iterator[None]:
    """This function will turn the collision of two documents with one external_id into another attempt.

    :raises tenancy.Again: somebody wrote the same external_id this very moment: the whole verb again finds it.
    """
    try:
        yield
    except DatabaseError as error:
        if (tenancy.constraint_of(error) or "").endswith(ending):
            raise tenancy.Again from error
        raise
