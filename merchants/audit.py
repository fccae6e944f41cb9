"""Who changed what: one append-only record for each act of staff, keys or the system that somebody may ask about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

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
    """Write one audit record in the open tenant, in the transaction of the act itself.

    `action` is `noun.past_participle`; `details` hold ids, codes and numbers, never a secret and never personal data.
    """
    AuditRecord.objects.create(
        merchant=merchant, at=now, actor=str(actor), action=action, subject=subject, details=dict(details or {})
    )


def newest(
    *,
    merchant: Merchant,
    limit: int = 50,
    before_id: int | None = None,
    subject: str = "",
    actor: str = "",
    actions: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Record]:
    """List the newest records, those older than `before_id` when it is given.

    `actor` is one hand, or all of a kind (`key:`); `actions` are beginnings (`member.`); `until` is not included.
    """
    rows = AuditRecord.objects.filter(merchant=merchant)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    if subject:
        rows = rows.filter(subject=subject)
    if actor:
        rows = rows.filter(actor__startswith=actor) if actor.endswith(":") else rows.filter(actor=actor)
    if actions:
        rows = rows.filter(reduce(or_, (Q(action__startswith=beginning) for beginning in actions)))
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    return [
        Record(row.pk, row.at, row.actor, row.action, row.subject, row.details) for row in rows.order_by("-id")[:limit]
    ]
