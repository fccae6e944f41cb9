"""Who changed what: one append-only record for each act of staff, keys or the system that somebody may ask about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merchants.actors import Actor
from merchants.models.audit import AuditRecord
from merchants.models.merchants import Merchant


@dataclass(frozen=True, slots=True)
class Record:
    """One act: when, by whose hand (`staff:seat_…`), what (`key.revoked`), on what (a public id), and the particulars."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


def record(
    *,
    merchant: Merchant,
    action: str,
    actor: Actor,
    now: datetime,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """This function will write one audit record in the open tenant, in the transaction of the act itself.

    `action` is `noun.past_participle`; `details` hold ids, codes and numbers, never a secret and never personal data.
    """
    AuditRecord.objects.create(
        merchant=merchant, at=now, actor=str(actor), action=action, subject=subject, details=dict(details or {})
    )


def newest(*, merchant: Merchant, limit: int = 50, before_id: int | None = None, subject: str = "") -> list[Record]:
    """This function will list the newest records, those older than `before_id` when it is given."""
    rows = AuditRecord.objects.filter(merchant=merchant)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    if subject:
        rows = rows.filter(subject=subject)
    return [
        Record(row.pk, row.at, row.actor, row.action, row.subject, row.details) for row in rows.order_by("-id")[:limit]
    ]
