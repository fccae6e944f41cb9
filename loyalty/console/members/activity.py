"""Everything that happened to a member in one list: points, and beside them stamps, tiers, answers, consents, contacts.

Points come in the order of the ledger and each of the others in its own; the list takes the newest of all again and again.
A page begins where each of them was left, so that it is a bounded piece of an index of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from engagement import member_events
from engagement.member_events import BEFORE_ALL, STREAMS, Mark, MemberEvent, Stream
from loyalty.console import screens
from loyalty.console.actor_names import ActorNames
from loyalty.console.members import entry_texts
from loyalty.console.members.entry_texts import EntryRow
from loyalty.ui import formats
from members import consent
from members.directory import Member
from merchants import contacts, cursors, locations
from merchants.directory import Merchant
from rewards import approvals, balances, month_sums, terms
from rewards.balances import EntryView
from rewards.month_sums import MonthSums
from rewards.purchases import finding

#: What points are narrowed to (`balances.ledger`), and what else there is.
OF_POINTS: Final[Mapping[str, Any]] = {
    "earned": gettext_lazy("Earned"), "spent": gettext_lazy("Spent"), "expired": gettext_lazy("Expired"),
    "adjusted": gettext_lazy("Adjusted"),
}  # fmt: skip
BESIDE_POINTS: Final[Mapping[str, tuple[Any, tuple[Stream, ...]]]] = {
    "stamps": (gettext_lazy("Stamps"), ("stamps",)),
    "tiers": (gettext_lazy("Tier"), ("tiers",)),
    "answers": (gettext_lazy("Survey answers"), ("answers",)),
    "details": (gettext_lazy("Consents and contacts"), ("consents", "contacts")),
}
_COMMENT_SHOWN: Final = 60
#: Until the event says when.
NEVER: Final = datetime.min.replace(tzinfo=UTC)
_TIERS: Final[Mapping[str, Any]] = {
    "upgrade": gettext_lazy("New tier"), "downgrade": gettext_lazy("Lower tier"),
    "requalified": gettext_lazy("Tier kept"), "grace": gettext_lazy("Tier kept for a while"),
    "refund": gettext_lazy("Tier after a refund"), "unclaim": gettext_lazy("Tier after a receipt was taken off"),
    "merge": gettext_lazy("Tier after a merge"), "manual": gettext_lazy("Tier set by hand"),
}  # fmt: skip
_SOURCES: Final[Mapping[str, Any]] = {
    "portal": gettext_lazy("Member portal"), "counter": gettext_lazy("Counter"), "console": gettext_lazy("Console"),
    "api": gettext_lazy("API"), "import": gettext_lazy("Import"),
}  # fmt: skip
_CONTACTS: Final[Mapping[str, Any]] = {"email": gettext_lazy("E-mail changed"), "phone": gettext_lazy("Phone changed")}


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One event as people read it, in the columns of the list; what the list shows when it is opened comes last."""

    at: datetime
    icon: str
    title: str
    about: str = ""
    #: In the small print behind it: what was bought, or what somebody said.
    goods: str = ""
    where: str = ""
    who: str = ""
    #: Points, in the smallest unit; None where no points are meant.
    change: int | None = None
    balance_after: int | None = None
    number: str = ""
    why: Sequence[str] = ()
    passed_over: Sequence[str] = ()
    beside: Sequence[tuple[str, int]] = ()
    terms_version: int | None = None
    #: The public id of the adjustment that moved the points, if one did.
    adjustment: str = ""


@dataclass(frozen=True, slots=True)
class ActivityMonth:
    """The rows of one month on a page, and the sums of the whole month."""

    first: date
    sums: MonthSums
    rows: list[ActivityRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of the list; `has_stamps` says whether there was ever a stamp."""

    rows: Sequence[ActivityRow]
    months: Sequence[ActivityMonth]
    cursor: str | None
    only: str
    has_stamps: bool
    #: The adjustments among the rows that can be undone, by public id.
    undoable: frozenset[str]


#: Where each stream goes on: the ledger below this entry, and the others in the order of STREAMS.
_Place = tuple[int, Mark, Mark, Mark, Mark, Mark]
_START: Final[_Place] = (BEFORE_ALL.id, BEFORE_ALL, BEFORE_ALL, BEFORE_ALL, BEFORE_ALL, BEFORE_ALL)


def page(request: HttpRequest, merchant: Merchant, member: Member) -> ActivityPage:
    """Read the next page of what happened, narrowed by `?only=`, with the sums of its months; at most six statements."""
    place: _Place = screens.read_cursor(request, _Place) or _START
    only = _only(request)
    taken, following, has_stamps = _read(merchant, member, place, only)
    texts = _Texts(request, merchant)
    rows = texts.rows(taken)
    return ActivityPage(
        rows, _by_month(merchant, member, rows), cursors.write(following) if following else None, only, has_stamps,
        texts.undoable,
    )  # fmt: skip


def all_pages(request: HttpRequest, merchant: Merchant, member: Member) -> Iterator[list[ActivityRow]]:
    """Walk all of it page by page, narrowed by `?only=`."""
    place: _Place | None = _START
    texts, only = _Texts(request, merchant), _only(request)
    while place is not None:
        taken, place, _has_stamps = _read(merchant, member, place, only)
        yield texts.rows(taken)


def _only(request: HttpRequest) -> str:
    only = request.GET.get("only", "")
    return only if only in OF_POINTS or only in BESIDE_POINTS else ""


def _read(
    merchant: Merchant, member: Member, place: _Place, only: str
) -> tuple[list[EntryView | MemberEvent], _Place | None, bool]:
    """Read a page from a place on: what happened, where the next begins, and whether there was ever a stamp."""
    events = member_events.newest(
        merchant=merchant, member_id=member.pk, before=dict(zip(STREAMS, place[1:], strict=True)),
        limit=screens.PAGE + 1,
    )  # fmt: skip
    shown = BESIDE_POINTS[only][1] if only in BESIDE_POINTS else () if only else STREAMS
    entries = (
        []
        if only in BESIDE_POINTS
        else balances.ledger(
            merchant=merchant, member_id=member.pk, limit=screens.PAGE + 1, before_seq=place[0], only=only
        )
    )
    taken, following = _newest(entries, [events[stream] if stream in shown else [] for stream in STREAMS], place)
    return taken, following, bool(events["stamps"]) or place[1] != BEFORE_ALL


def _newest(
    entries: Sequence[EntryView], streams: Sequence[Sequence[MemberEvent]], place: _Place
) -> tuple[list[EntryView | MemberEvent], _Place | None]:
    """Take a page from the heads of all, the newest first, each in its own order; and where the next page begins."""
    waiting: list[list[EntryView | MemberEvent]] = [[*entries]]
    waiting += [[*stream] for stream in streams]
    seq, marks, taken = place[0], list(place[1:]), list[EntryView | MemberEvent]()
    while len(taken) < screens.PAGE and any(waiting):
        # Of two at once the points come first: what followed from them stands below.
        first = max((at for at, rows in enumerate(waiting) if rows), key=lambda at: (_moment(waiting[at][0]), -at))
        row = waiting[first].pop(0)
        if isinstance(row, EntryView):
            seq = row.seq
        else:
            marks[first - 1] = row.mark
        taken.append(row)
    return taken, (seq, marks[0], marks[1], marks[2], marks[3], marks[4]) if any(waiting) else None


def _moment(row: EntryView | MemberEvent) -> datetime:
    return row.occurred_at if isinstance(row, EntryView) else row.at


def _by_month(merchant: Merchant, member: Member, rows: Sequence[ActivityRow]) -> list[ActivityMonth]:
    if not rows:
        return []
    firsts = [timezone.localtime(row.at, merchant.tzinfo).date().replace(day=1) for row in rows]
    sums = month_sums.of_member(merchant=merchant, member_id=member.pk, first=min(firsts), last=max(firsts))
    months: list[ActivityMonth] = []
    for first, row in zip(firsts, rows, strict=True):
        if not months or months[-1].first != first:
            months.append(ActivityMonth(first, sums.get(first, MonthSums())))
        months[-1].rows.append(row)
    return months


class _Texts:
    """Puts entries and events into words, with what a page of them needs read once."""

    def __init__(self, request: HttpRequest, merchant: Merchant) -> None:
        self.merchant, self.language = merchant, get_language() or "en"
        self.timeline, self.actors = screens.timeline_of(request), ActorNames(merchant)
        places = locations.of(merchant)
        self.by_code = {place.code: place.name for place in places}
        self.by_id = {place.pk: place.name for place in places}
        self.tiers, self.cards = dict[str, str](), dict[str, str]()
        #: The adjustments among the rows that can be undone, by public id.
        self.undoable = frozenset[str]()
        # The newest terms that knew a tier or a card say what it is called.
        for version in self.timeline.versions:
            levels = version.terms.tiers.levels if version.terms.tiers else ()
            self.tiers |= {level.code: terms.text(level.name, self.language) for level in levels}
            self.cards |= {card.code: terms.text(card.name, self.language) for card in version.terms.stamps}

    def rows(self, taken: Sequence[EntryView | MemberEvent]) -> list[ActivityRow]:
        entries = [row for row in taken if isinstance(row, EntryView)]
        wanted = [row.document_id for row in entries if row.document_kind == "purchase" and row.document_id]
        purchases = (
            finding.among(merchant=self.merchant, public_ids=wanted, has_refunds=False) if wanted else {}
        )  # fmt: skip
        told = entry_texts.told(
            entries, timeline=self.timeline, purchases=purchases, language=self.language, actors=self.actors,
            namespaces=self.actors.namespaces,
        )  # fmt: skip
        given = [row.document_id for row in entries if row.document_kind == "adjustment" and row.document_id]
        facts = approvals.facts_of(merchant=self.merchant, adjustment_ids=given)
        self.undoable = frozenset(public_id for public_id, each in facts.items() if each.is_undoable)
        askers = {public_id: each.asked_by for public_id, each in facts.items() if each.asked_by}
        told = entry_texts.with_askers(told, askers, self.actors)
        of_points = iter(told)
        return [self._points(next(of_points)) if isinstance(row, EntryView) else self._event(row) for row in taken]

    def _points(self, row: EntryRow) -> ActivityRow:
        entry = row.entry
        place = entry.location or ""
        return ActivityRow(
            at=entry.occurred_at, icon=row.icon, title=row.title, about=row.about, goods=row.goods,
            # The ledger names a place by the till's code; people know it by its name.
            where=self.by_code.get(place, place), who=row.who, change=row.change, balance_after=entry.balance_after,
            number=row.number if entry.document_kind != "adjustment" else "", why=row.why,
            passed_over=row.passed_over, beside=row.beside, terms_version=entry.terms_version,
            adjustment=(entry.document_id or "") if entry.document_kind == "adjustment" else "",
        )  # fmt: skip

    def _event(self, event: MemberEvent) -> ActivityRow:
        by_stream: dict[Stream, Callable[[Mapping[str, Any]], ActivityRow]] = {
            "stamps": self._stamps, "tiers": self._tier, "answers": self._answer, "consents": self._consent,
            "contacts": self._contact,
        }  # fmt: skip
        row = by_stream[event.stream](event.told)
        who = self.actors[event.actor] if event.actor else ""
        where = self.by_id.get(event.location_id, "") if event.location_id else row.where
        return replace(row, at=event.at, who=who, where=where)

    def _stamps(self, told: Mapping[str, Any]) -> ActivityRow:
        count = told["stamps"]
        said = ngettext("%(count)s stamp", "%(count)s stamps", abs(count)) % {"count": formats.signed(count)}
        left = _("%(count)s on the card") % {"count": formats.number(told["stamps_after"])}
        return ActivityRow(
            NEVER, "stamp", said, self.cards.get(told["card"], told["card"]),
            f"{entry_texts.STAMP_ENTRIES[told['kind']][0]} · {left}", why=_quoted(told["reason"]),
        )  # fmt: skip

    def _tier(self, told: Mapping[str, Any]) -> ActivityRow:
        title = str(_TIERS.get(told["reason"], _("Tier")))
        return ActivityRow(NEVER, "tier", title, self.tiers.get(told["tier"], told["tier"]))

    def _answer(self, told: Mapping[str, Any]) -> ActivityRow:
        about = _("%(score)d of 10") % {"score": told["score"]}
        comment = told["comment"]
        short = comment if len(comment) <= _COMMENT_SHOWN else f"{comment[:_COMMENT_SHOWN]}…"
        return ActivityRow(
            NEVER, "smile", _("Survey answer"), about, short, why=_quoted(comment) if short != comment else ()
        )  # fmt: skip

    def _consent(self, told: Mapping[str, Any]) -> ActivityRow:
        code = consent.code_of(told["purpose"], told["channel"])
        title = _("Agreed") if told["is_granted"] else _("Withdrew")
        about = str(entry_texts.CONSENTS.get(code, _("Told of the new privacy notice")))
        return ActivityRow(NEVER, "check-circle", title, about, where=str(_SOURCES.get(told["source"], told["source"])))

    def _contact(self, told: Mapping[str, Any]) -> ActivityRow:
        old, new = (contacts.stored(told[name]).masked if told[name] else "–" for name in ("old", "new"))
        why = (_("The member took it back."),) if told["is_undone"] else ()
        icon = "mail" if told["kind"] == "email" else "phone"
        return ActivityRow(NEVER, icon, str(_CONTACTS[told["kind"]]), f"{old} → {new}", why=why)


def _quoted(text: str) -> tuple[str, ...]:
    return (_("“%(reason)s”") % {"reason": text},) if text else ()
