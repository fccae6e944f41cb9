"""What all documents that move points share: the caller's id for them, telling a replay from a reuse, and refusals.

A document carries the caller's `external_id`, unique per merchant and kind, for ever, and the SHA-256 of what was sent
under it.  The same id with the same content answers what it answered before; with other content it is refused.

A refusal by a spending verb is an answer too: it is kept as a document without entries, so that the same request
answers the same for ever, although the balance may have grown meanwhile.  Such a verb therefore *returns* its refusal
(raising would undo the row); the entry point commits, and then calls `outcome.unless_refused()`.
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
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from merchants import keys, tenancy
from merchants.database import sql_errors, statements
from merchants.database.tenant_model import TenantModel
from merchants.errors import Conflict, LoyaltyError
from rewards.models.documents import Document

D = TypeVar("D", bound=Document)
Sent = msgspec.Struct | Mapping[str, Any]

CREATED = 201
#: What the console, the counter and the portal put before the ids they mint; nobody outside knows these.
_NAMED_HERE = tuple(f"{namespace}:" for namespace in sorted(keys.RESERVED_NAMESPACES))
_encode = msgspec.json.Encoder(order="sorted").encode


class ExternalIdReused(Conflict):
    """The id was used before for something else; what it did then still stands."""

    code: ClassVar[str] = "external_id_reused"


class Refused(LoyaltyError):
    """A refusal that was kept: asking again under the same id answers this again."""

    def __init__(self, *, code: str, http: int, detail: str, context: Mapping[str, Any]) -> None:
        super().__init__(detail, **context)
        self.code = code  # type: ignore[misc]
        self.http = http  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
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

    def unless_refused(self) -> DocumentOutcome:
        """Return the outcome itself, or raise the refusal it holds: call it after the commit.

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
    """Hash what was sent: SHA-256 of its canonical JSON, absent fields left out."""
    return hashlib.sha256(_encode(sent)).digest()


def number_given(external_id: str | None, namespaces: Iterable[str]) -> str:
    """Report the number a till gave a document; empty where this platform named it itself.

    `namespaces` are what the merchant's keys put before the ids they send: people know the number without it.
    """
    name = external_id or ""
    if name.startswith(_NAMED_HERE):
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
    """Find the document an id already names; None when the id is new.

    Call it after the account lock: two calls with one id for one member then find each other.

    :raises ExternalIdReused: the id was used before with other content.
    """
    document = model._default_manager.filter(merchant_id=merchant_id, external_id=external_id).first()
    if document is not None:
        check_same(bytes(document.fingerprint), sent)
    return document


def replayed(document: Document, *, member_id: int | None = None) -> DocumentOutcome:
    """Give the answer a document gave when it was written."""
    return DocumentOutcome(
        document.public_id, int(document.receipt.get("http", CREATED)), _public(document.receipt), True, member_id
    )


def written(document: Document, *, member_id: int | None = None) -> DocumentOutcome:
    """Give the first answer of a document just written."""
    return DocumentOutcome(
        document.public_id, int(document.receipt.get("http", CREATED)), _public(document.receipt), False, member_id
    )


def _public(receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in receipt.items() if name != "http"}


def refusal_receipt(error: LoyaltyError, **figures: Any) -> dict[str, Any]:
    """Make the receipt of a refusal that is kept: its code, sentence and figures, frozen."""
    return {
        **figures,
        "state": "refused",
        "refusal": {"code": error.code, "detail": error.detail, "context": dict(error.context)},
        "http": error.http,
    }


def narrowed(
    rows: QuerySet[D], *, public_id: str | None, external_id: str | None, before_id: int | None
) -> QuerySet[D]:
    """Narrow documents to those by an id, and to those before the last one of a page."""
    if public_id is not None:
        rows = rows.filter(public_id=public_id)
    if external_id is not None:
        rows = rows.filter(external_id=external_id)
    return rows if before_id is None else rows.filter(id__lt=before_id)


@dataclass(frozen=True, slots=True)
class Since:
    """From where a list of changes goes on: a mark of before, and the last row of the page before."""

    mark: int
    after: tuple[int, int] = (0, 0)


def mark() -> int:
    """Return a mark of this moment: whatever is not visible yet is changed by a transaction that is not before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        return int(cursor.fetchone()[0])


def read_changed(rows: QuerySet[D], since: Since, *, limit: int) -> list[D]:
    """Read documents written or changed since a mark, in the order of that (`xid`, then `id`)."""
    xid, last = max(since.mark, since.after[0]), since.after[1] if since.after[0] >= since.mark else 0
    later = rows.filter(xid__gte=str(xid)).filter(Q(xid__gt=str(xid)) | Q(pk__gt=last))
    with statements.in_index_order():
        return list(later.order_by("xid", "pk")[:limit])


def reserve(document: TenantModel) -> int:
    """Give a document that is not written yet its id, so that entries can name it."""
    sequence = f"{document._meta.db_table}_id_seq"
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [sequence])
        document.id = cursor.fetchone()[0]
    return int(document.id)


def insert(document: D) -> D:
    """Write a new document.

    :raises tenancy.RetryTransaction: somebody wrote the same external_id this very moment: the whole verb again finds it.
    """
    with retry_on_duplicate():
        document.save(force_insert=True)
    return document


def instant(moment: datetime) -> str:
    """Print an instant for a receipt: ISO 8601 in UTC."""
    return msgspec.json.encode(moment).decode().strip('"')


@contextmanager
def retry_on_duplicate(*, ending: str = "_external_id_unique") -> Iterator[None]:
    """Turn the collision of two documents with one external_id into another attempt.

    :raises tenancy.RetryTransaction: somebody wrote the same external_id this very moment: the whole verb again finds it.
    """
    try:
        yield
    except DatabaseError as error:
        if (sql_errors.constraint_of(error) or "").endswith(ending):
            raise tenancy.RetryTransaction from error
        raise
