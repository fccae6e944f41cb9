"""Why points moved, told to the member: one line for what it was, and the reasons under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from loyalty.ui import formats
from rewards import earning, terms
from rewards.balances import EntryView
from rewards.purchases.finding import PurchaseView
from rewards.versions import Timeline, Version

_TITLES: dict[tuple[str, str], Any] = {
    ("accrue", "purchase"): gettext_lazy("Purchase"),
    ("accrue", "member"): gettext_lazy("Welcome"),
    ("accrue", "referral"): gettext_lazy("A friend joined"),
    ("accrue", "adjustment"): gettext_lazy("A correction"),
    ("claw_back", "referral"): gettext_lazy("Referral undone"),
    ("claw_back", "adjustment"): gettext_lazy("A correction"),
    ("claw_back", "unclaim"): gettext_lazy("A receipt that was added by mistake"),
    ("claw_back", "purchase"): gettext_lazy("You brought something back"),
    ("accrue", "refund"): gettext_lazy("A return that was undone"),
    ("accrue", "unclaim"): gettext_lazy("A receipt that was added by mistake"),
    ("transfer_out", "merge"): gettext_lazy("Moved to your other membership"),
    ("transfer_in", "merge"): gettext_lazy("From your other membership"),
}
_KINDS: dict[str, Any] = {
    "accrue": gettext_lazy("Earned"), "activate": gettext_lazy("Ready to spend"), "settle": gettext_lazy("Debt paid"),
    "redeem": gettext_lazy("Redeemed"), "hold": gettext_lazy("Set aside"), "capture": gettext_lazy("Redeemed"),
    "release": gettext_lazy("Given back"), "reverse": gettext_lazy("Given back"),
    "claw_back": gettext_lazy("A purchase was refunded"), "expire": gettext_lazy("Ended"),
    "adjust": gettext_lazy("A correction"), "transfer_out": gettext_lazy("Given away"),
    "transfer_in": gettext_lazy("Received"),
}  # fmt: skip
_ICONS = {
    "accrue": "basket", "activate": "check", "settle": "check", "redeem": "gift", "hold": "lock", "capture": "gift",
    "release": "undo", "reverse": "undo", "claw_back": "undo", "expire": "clock", "adjust": "edit",
    "transfer_out": "send", "transfer_in": "points",
}  # fmt: skip
#: Steps that gave nothing are for the till and the console.
_TOLD = frozenset({"gave", "multiplied", "took_back", "tier", "capped", "no_programme_yet", "nothing_earned", "nothing_paid",
                   "goods_excluded", "below_minimum_points"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry as its member reads it; points in the smallest unit. `change` is what can be spent more or less."""

    entry: EntryView
    title: str
    why: Sequence[str]
    icon: str
    change: int
    pending: int
    store: str
    paid_minor: int | None
    #: What a member can spend is the balance less what is held, so it is told only where nothing is on hold.
    after: int | None


@dataclass(frozen=True, slots=True)
class Month:
    """The entries of one calendar month, under its first day."""

    first: date
    moved: Sequence[HistoryRow]


def told(
    entries: Sequence[EntryView], *, timeline: Timeline, purchases: Mapping[str, PurchaseView], language: str
) -> list[HistoryRow]:
    """Return each entry in words; a reward set aside and then taken is one thing to whoever took it, and one entry."""
    found = [_told(entry, timeline, purchases.get(entry.document_id or ""), language) for entry in entries]
    by_kind = {kind: {each.entry.document_id: each for each in found if each.entry.kind == kind}
               for kind in ("hold", "capture")}  # fmt: skip
    # A hold whose end is on another page, or of which only a part was taken, stays an entry of its own.
    whole = {
        name: hold
        for name, hold in by_kind["hold"].items()
        if name in by_kind["capture"] and by_kind["capture"][name].entry.held_change == -hold.entry.held_change
    }
    rows: list[HistoryRow] = []
    for each in found:
        hold = whole.get(each.entry.document_id)
        if hold is not None and each.entry.kind == "capture":
            rows.append(replace(each, change=hold.change, why=()))
        elif hold is None or each.entry.kind != "hold":
            rows.append(each)
    return rows


def by_month(moved: Sequence[HistoryRow]) -> list[Month]:
    """Group entries by the merchant's month, in the order given."""
    groups: list[tuple[date, list[HistoryRow]]] = []
    for each in moved:
        first = localtime(each.entry.occurred_at).date().replace(day=1)
        if not groups or groups[-1][0] != first:
            groups.append((first, []))
        groups[-1][1].append(each)
    return [Month(first, rows) for first, rows in groups]


def _told(entry: EntryView, timeline: Timeline, purchase: PurchaseView | None, language: str) -> HistoryRow:
    version = _version(timeline, entry.terms_version)
    title = str(_TITLES.get((entry.kind, entry.document_kind)) or _KINDS.get(entry.kind, entry.kind))
    names = _names(version, language)
    reward = (
        next((names[code] for code in entry.rules if code in names), "") if entry.document_kind == "redemption" else ""
    )
    if reward:
        title = _("%(what)s: %(reward)s") % {"what": title, "reward": reward}
    is_sale = purchase is not None and entry.kind == "accrue"
    return HistoryRow(
        entry=entry,
        title=title,
        why=_why(entry, version, purchase, names, language),
        icon=_icon(entry),
        change=entry.balance_change - entry.held_change,
        pending=entry.pending_change if entry.kind == "accrue" else 0,
        store=purchase.location if purchase else "",
        paid_minor=purchase.total_minor if is_sale and purchase else None,
        after=None if entry.held_change else entry.balance_after,
    )


def _why(
    entry: EntryView, version: Version | None, purchase: PurchaseView | None, names: Mapping[str, str], language: str
) -> list[str]:
    found: list[str] = []
    if purchase is not None and entry.kind == "accrue":
        steps = [step for step in purchase.trace if step.code in _TOLD]
        found += earning.words(steps, version.terms if version else None, language)
    elif entry.document_kind not in {"redemption", "member", "referral"}:
        named = [names[code] for code in entry.rules if code in names]
        found += [formats.listed(named)] if named else []
    if entry.kind == "expire":
        found.append(_("They were not spent in time."))
    if entry.kind == "capture":
        found.append(_("Out of the points set aside."))
    if entry.kind == "hold":
        found.append(_("Waiting for you at the till."))
    if entry.kind == "claw_back" and entry.debt_change > 0:
        found.append(_("Some were spent already; the next points you earn make up for them."))
    if entry.document_kind in {"adjustment", "unclaim"} and entry.reason:
        found.append(pgettext("what staff wrote", "“%(words)s”") % {"words": entry.reason})
    return found


def _icon(entry: EntryView) -> str:
    if entry.kind == "accrue" and entry.document_kind != "purchase":
        return {"member": "smile", "referral": "people", "adjustment": "edit"}.get(entry.document_kind, "points")
    return _ICONS.get(entry.kind, "points")


def _version(timeline: Timeline, number: int | None) -> Version | None:
    return next((version for version in timeline.versions if version.number == number), None)


def _names(version: Version | None, language: str) -> dict[str, str]:
    if version is None:
        return {}
    parts = (*version.terms.earning.rules, *version.terms.rewards)
    return {each.code: terms.text(each.name, language) for each in parts}
