"""Which backups were made, how old the last one is, and which were restored to see whether they are good.

What makes a backup cannot write here (`app_backup` reads everything and writes nothing): it is told afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.utils.translation import gettext as _

from merchants import texts
from merchants.errors import Invalid, NotFound
from merchants.models.backups import Backup

#: One a night, and some time for the dump itself: who is older is late.
HOURS_MAX: Final = 26
#: Rows are kept for two years.
_DAYS_KEPT: Final = 730


class BackupNotFound(NotFound):
    code: ClassVar[str] = "backup_not_found"


@dataclass(frozen=True, slots=True)
class BackupView:
    """A backup as the operator sees it."""

    name: str
    size_bytes: int
    made_at: datetime
    is_read: bool
    restored_at: datetime | None


def note(*, name: str, size_bytes: int, is_read: bool, now: datetime) -> None:
    """Note that a backup was made; the same name again is the same backup.

    :raises Invalid: it has no name, or nothing in it.
    """
    told = texts.line(name.rpartition("/")[2])
    if not 0 < len(told) <= 200:
        raise Invalid("A backup has a name of 1 to 200 characters.")
    if size_bytes <= 0:
        raise Invalid("A backup of no bytes is none.")
    Backup.objects.update_or_create(
        name=told, defaults={"size_bytes": size_bytes, "is_read": is_read},
        create_defaults={"size_bytes": size_bytes, "is_read": is_read, "made_at": now},
    )  # fmt: skip
    Backup.objects.filter(made_at__lt=now - timedelta(days=_DAYS_KEPT)).delete()


def note_restored(*, name: str, now: datetime) -> None:
    """Note that a backup was restored on another machine and proved itself there.

    :raises BackupNotFound: nobody has told of a backup of this name.
    """
    if not Backup.objects.filter(name=name.rpartition("/")[2]).update(restored_at=now):
        raise BackupNotFound(_("There is no such backup."))


def listed(*, limit: int = 30) -> list[BackupView]:
    """List the newest backups first."""
    return [
        BackupView(row.name, row.size_bytes, row.made_at, row.is_read, row.restored_at)
        for row in Backup.objects.order_by("-made_at", "-pk")[:limit]
    ]


def is_late(*, now: datetime) -> bool:
    """State whether the last backup is older than `HOURS_MAX`; where none was ever told of, none is late."""
    newest = Backup.objects.order_by("-made_at").values_list("made_at", flat=True).first()
    return newest is not None and newest < now - timedelta(hours=HOURS_MAX)


def last_restored() -> datetime | None:
    """Return when a backup was restored last, to see whether it is good."""
    rows = Backup.objects.filter(restored_at__isnull=False).order_by("-restored_at")
    return rows.values_list("restored_at", flat=True).first()
