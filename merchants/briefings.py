"""Short notes to the team: written by owners and managers, read before work, with a receipt for each reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from merchants import audit, ids, seats, texts
from merchants.actors import Actor
from merchants.errors import Forbidden, Invalid, NotFound
from merchants.languages import LANGUAGES
from merchants.models.briefings import Briefing, BriefingRead
from merchants.models.merchants import Merchant
from merchants.models.people import Seat
from merchants.permissions import Permission, Role, may

TEXT_MAX: Final = 2_000


class BriefingNotFound(NotFound):
    code: ClassVar[str] = "briefing_not_found"


class MayNotBrief(Forbidden):
    code: ClassVar[str] = "may_not_brief"


@dataclass(frozen=True, slots=True)
class BriefingView:
    """A note as its readers see it."""

    public_id: str
    texts: Mapping[str, str]
    written_by: str
    written_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    roles: Sequence[str]
    places: Sequence[str]
    version_number: int | None

    def text(self, language: str, fallback: str) -> tuple[str, str]:
        """Return the text for a reader of `language`, and the language it is in."""
        found = next((each for each in (language, fallback, *self.texts) if each in self.texts), fallback)
        return self.texts.get(found, ""), found


@dataclass(frozen=True, slots=True)
class BriefingReceipts:
    """A note with who has read it (name and when, in that order) and who has not."""

    briefing: BriefingView
    read: Sequence[tuple[str, datetime]]
    unread: Sequence[str]

    @property
    def total(self) -> int:
        return len(self.read) + len(self.unread)


def write(
    *,
    merchant: Merchant,
    texts_by_language: Mapping[str, str],
    roles: Sequence[str],
    places: Sequence[str],
    starts_at: datetime,
    ends_at: datetime | None,
    now: datetime,
    actor: Actor,
    version_number: int | None = None,
) -> str:
    """Write a note and return its public id; no role and no place chosen means all of them.

    :raises MayNotBrief: by role.
    :raises Invalid: no text, an unknown language or role, or an end before the beginning.
    """
    _refuse_unless_writer(actor)
    read = {language: texts.paragraph(text) for language, text in texts_by_language.items() if text.strip()}
    if not read:
        raise Invalid(_("Write the note in one language at least."), pointer="/texts")
    for language, text in read.items():
        if language not in dict(LANGUAGES) or len(text) > TEXT_MAX:
            raise Invalid(_("A note has at most 2,000 characters."), pointer=f"/texts/{language}")
    if not set(roles) <= set(Role.values):
        raise Invalid(_("There is no such role."), pointer="/roles")
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise Invalid(_("It ends before anybody can read it."), pointer="/ends_at")
    row = Briefing.objects.create(
        merchant=merchant, public_id=ids.mint("brf"), texts=read, roles=sorted(roles), places=sorted(places),
        starts_at=starts_at, ends_at=ends_at, written_by=str(actor), written_at=now, version_number=version_number,
    )  # fmt: skip
    _note(row, "briefing.written", now, actor)
    return row.public_id


def end(*, merchant: Merchant, briefing_id: str, now: datetime, actor: Actor) -> None:
    """End a note: nobody is shown it any more, who has read it stays known. Locks its row.

    :raises MayNotBrief, BriefingNotFound: nothing changed; so for one that has ended.
    """
    _refuse_unless_writer(actor)
    rows = Briefing.objects.select_for_update().filter(_not_over(now), merchant=merchant, public_id=briefing_id)
    row = rows.first()
    if row is None:
        raise BriefingNotFound(_("There is no such note, or it has ended."))
    row.starts_at, row.ends_at = min(row.starts_at, now), now
    row.save(update_fields=["starts_at", "ends_at"])
    _note(row, "briefing.ended", now, actor)


def unread(*, merchant: Merchant, seat: Seat, place: str | None, now: datetime) -> list[BriefingView]:
    """List what somebody should read now and has not, the oldest first; one statement.

    `place` is the location (public id) of the counter they work at, None elsewhere: then no note is left out by place.
    """
    mine = BriefingRead.objects.filter(merchant=merchant, briefing=OuterRef("pk"), seat=seat.public_id)
    rows = Briefing.objects.filter(_not_over(now), ~Exists(mine), merchant=merchant, starts_at__lte=now)
    shown = rows.exclude(written_by=f"staff:{seat.public_id}").order_by("id")[:50]
    return [
        _view(row)
        for row in shown
        if (not row.roles or seat.role in row.roles) and (place is None or not row.places or place in row.places)
    ]


def read(*, merchant: Merchant, briefing_id: str, seat: Seat, now: datetime) -> None:
    """Note that somebody has read it; the first time counts.

    :raises BriefingNotFound: there is no such note for them.
    """
    row = Briefing.objects.filter(merchant=merchant, public_id=briefing_id, starts_at__lte=now).first()
    if row is None or (row.roles and seat.role not in row.roles):
        raise BriefingNotFound(_("There is no such note, or it has ended."))
    BriefingRead.objects.get_or_create(merchant=merchant, briefing=row, seat=seat.public_id, defaults={"read_at": now})


def listed(*, merchant: Merchant, limit: int = 30) -> list[BriefingReceipts]:
    """List the newest notes with who has read them; whoever wrote one needs not read it. Three statements."""
    rows = list(Briefing.objects.filter(merchant=merchant).order_by("-id")[:limit])
    receipts: dict[int, dict[str, datetime]] = defaultdict(dict)
    for receipt in BriefingRead.objects.filter(merchant=merchant, briefing__in=[row.pk for row in rows]).order_by("id"):
        receipts[receipt.briefing_id][receipt.seat] = receipt.read_at
    team = seats.of_merchant(merchant)
    found = []
    for row in rows:
        when = receipts[row.pk]
        meant = [
            seat
            for seat in team
            if (not row.roles or seat.role in row.roles) and row.written_by != f"staff:{seat.public_id}"
        ]
        done = sorted((when[seat.public_id], str(seat)) for seat in meant if seat.public_id in when)
        left = [str(seat) for seat in meant if seat.public_id not in when]
        found.append(BriefingReceipts(_view(row), [(name, at) for at, name in done], left))
    return found


def told_of_version(*, merchant: Merchant, number: int) -> bool:
    """State whether a note has told the team of this version of the programme."""
    return Briefing.objects.filter(merchant=merchant, version_number=number).exists()


def _not_over(now: datetime) -> Q:
    return Q(ends_at__isnull=True) | Q(ends_at__gt=now)


def _refuse_unless_writer(actor: Actor) -> None:
    if actor.kind != "staff" or not may(actor.role, Permission.BRIEF_STAFF):
        raise MayNotBrief(_("Only owners and managers write to the team."))


def _view(row: Briefing) -> BriefingView:
    return BriefingView(
        row.public_id, row.texts, row.written_by, row.written_at, row.starts_at, row.ends_at, row.roles, row.places,
        row.version_number,
    )  # fmt: skip


def _note(row: Briefing, action: str, now: datetime, actor: Actor) -> None:
    details = {"languages": sorted(row.texts), "roles": row.roles}
    audit.record(merchant=row.merchant, action=action, actor=actor, now=now, subject=row.public_id, details=details)
