"""Why points moved, in words: one sentence for each ledger entry, and the steps of the purchase behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.ui import formats
from rewards import documents, earning, terms
from rewards.balances import EntryView
from rewards.purchases.finding import PurchaseView
from rewards.versions import Timeline

_TITLES: dict[tuple[str, str], Any] = {
    ("accrue", "purchase"): gettext_lazy("Purchase"),
    ("accrue", "member"): gettext_lazy("Welcome"),
    ("accrue", "referral"): gettext_lazy("For bringing a friend"),
    ("claw_back", "purchase"): gettext_lazy("Taken back for what came back"),
    ("accrue", "refund"): gettext_lazy("Given back: a return was undone"),
    ("accrue", "unclaim"): gettext_lazy("Given back: a receipt was taken off"),
    ("claw_back", "refund"): gettext_lazy("Taken back by a refund"),
    ("claw_back", "referral"): gettext_lazy("Referral undone"),
    ("claw_back", "unclaim"): gettext_lazy("Receipt taken off again"),
    ("reverse", "redemption"): gettext_lazy("Redemption undone"),
    ("redeem", "redemption"): gettext_lazy("Redeemed"),
    ("accrue", "adjustment"): gettext_lazy("Adjusted"),
    ("adjust", "adjustment"): gettext_lazy("Adjusted"),
    ("transfer_out", "merge"): gettext_lazy("Moved by a merge"),
    ("transfer_in", "merge"): gettext_lazy("Came by a merge"),
    ("transfer_out", "transfer"): gettext_lazy("Given to another member"),
    ("transfer_in", "transfer"): gettext_lazy("Given by another member"),
}
_KINDS: dict[str, Any] = {
    "accrue": gettext_lazy("Earned"), "activate": gettext_lazy("Became spendable"), "settle": gettext_lazy("Debt paid"),
    "redeem": gettext_lazy("Redeemed"), "hold": gettext_lazy("Set aside"), "capture": gettext_lazy("Redeemed from a hold"),
    "release": gettext_lazy("Hold released"), "reverse": gettext_lazy("Undone"),
    "claw_back": gettext_lazy("Taken back"), "expire": gettext_lazy("Expired"), "adjust": gettext_lazy("Adjusted"),
    "transfer_out": gettext_lazy("Given away"), "transfer_in": gettext_lazy("Received"),
}  # fmt: skip
_ICONS = {
    "accrue": "points", "activate": "clock", "settle": "check", "redeem": "gift", "hold": "lock", "capture": "gift",
    "release": "undo", "reverse": "undo", "claw_back": "minus", "expire": "clock", "adjust": "edit",
    "transfer_out": "send", "transfer_in": "points",
}  # fmt: skip


#: What changed a stamp card, and its picture.
STAMP_ENTRIES: dict[str, tuple[Any, str]] = {
    "sale": (gettext_lazy("Purchase"), "basket"),
    "refund": (gettext_lazy("Refund"), "undo"),
    "unclaim": (gettext_lazy("A receipt that was added by mistake"), "undo"),
    "filled": (gettext_lazy("The card was full: it became a reward"), "gift"),
    "revoked": (gettext_lazy("The reward was taken back: its stamps are on the card again"), "undo"),
    "by_hand": (gettext_lazy("By hand"), "edit"),
    "ended": (gettext_lazy("Ended without a new one"), "clock"),
    "merge": (gettext_lazy("Another membership was merged"), "people"),
    "left": (gettext_lazy("The member left"), "sign-out"),
}
#: What somebody agrees to, as a list names it.
CONSENTS: dict[str, Any] = {
    "terms": gettext_lazy("Membership terms"), "privacy": gettext_lazy("Privacy notice"),
    "marketing_email": gettext_lazy("Offers by e-mail"), "marketing_sms": gettext_lazy("Offers by text message"),
    "marketing_push": gettext_lazy("Offers by notification"), "night_marketing": gettext_lazy("Offers at night"),
    "profiling": gettext_lazy("Offers by purchases"),
}  # fmt: skip


#: What happens by itself.
_BY_TIME = frozenset({"activate", "expire", "settle"})
_GOODS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as people read it: what it is, why, and what moved where."""

    entry: EntryView
    title: str
    #: The money of a purchase, or the name of a reward; empty for the rest.
    about: str
    #: What was bought, as far as it fits a line.
    goods: str
    #: Who did it; empty where nobody did.
    who: str
    why: Sequence[str]
    passed_over: Sequence[str]
    icon: str
    change: int
    beside: Sequence[tuple[str, int]]
    #: The number the till gave what moved the points; empty when it has none.
    number: str


def told(
    entries: Sequence[EntryView], *, timeline: Timeline, purchases: Mapping[str, PurchaseView], language: str,
    actors: Mapping[str, str], namespaces: Sequence[str],
) -> list[EntryRow]:  # fmt: skip
    """Return each entry in words; `namespaces` are those of the merchant's keys."""
    return [
        _told(entry, timeline, purchases, language, actors, documents.number_given(entry.external_id, namespaces))
        for entry in entries
    ]


def with_askers(rows: Sequence[EntryRow], askers: Mapping[str, str], actors: Mapping[str, str]) -> list[EntryRow]:
    """Say beside each entry whose adjustment somebody asked for (`askers`, by its public id) who that was."""
    return [
        replace(row, why=[*row.why, _("asked for by %(who)s") % {"who": actors[askers[row.entry.document_id or ""]]}])
        if row.entry.document_id in askers
        else row
        for row in rows
    ]


def _told(
    entry: EntryView,
    timeline: Timeline,
    purchases: Mapping[str, PurchaseView],
    language: str,
    actors: Mapping[str, str],
    number: str,
) -> EntryRow:
    title = _TITLES.get((entry.kind, entry.document_kind)) or _KINDS.get(entry.kind, entry.kind)
    change, beside = _amounts(entry)
    why, passed_over = _why(entry, timeline, purchases, language, actors)
    purchase = purchases.get(entry.document_id or "")
    about, icon = _about(entry, timeline, purchase, language), _ICONS.get(entry.kind, "points")
    if entry.kind == "accrue" and entry.document_kind == "purchase":
        icon = "receipt"
    who = "" if entry.kind in _BY_TIME else actors[entry.actor]
    return EntryRow(
        entry, str(title), about, _goods(purchase), who, why, passed_over, icon, change, beside, number
    )  # fmt: skip


def _goods(purchase: PurchaseView | None) -> str:
    """Return what a purchase was of, its first lines by what the till calls them."""
    if purchase is None:
        return ""
    named = [(line.sku or line.category, line.quantity_milli) for line in purchase.lines if line.sku or line.category]
    shown = [
        name if count == 1000 else f"{formats.thousandths(count)} × {name}" for name, count in named[:_GOODS_SHOWN]
    ]
    return ", ".join(shown) + (" …" if len(named) > _GOODS_SHOWN else "")


def _about(entry: EntryView, timeline: Timeline, purchase: PurchaseView | None, language: str) -> str:
    if purchase is not None:
        return formats.money(purchase.total_minor, purchase.currency)
    if entry.document_kind != "redemption":
        return ""
    if not entry.rules:
        return _("Paid with points")
    # A reward keeps its name where it was taken, also when newer terms have it no more.
    for version in reversed(timeline.versions):
        names = {each.code: terms.text(each.name, language) for each in version.terms.rewards}
        if entry.rules[0] in names:
            return names[entry.rules[0]]
    return ""


def _amounts(entry: EntryView) -> tuple[int, list[tuple[str, int]]]:
    """What became spendable or stopped being so, and beside it what moved between the other pots."""
    spendable = entry.balance_change - entry.held_change
    pots = ((_("pending"), entry.pending_change), (_("held"), entry.held_change), (_("debt"), entry.debt_change))
    return spendable, [(name, change) for name, change in pots if change]


def _why(
    entry: EntryView,
    timeline: Timeline,
    purchases: Mapping[str, PurchaseView],
    language: str,
    actors: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    found: list[str] = []
    passed_over: list[str] = []
    version = None
    if entry.terms_version is not None and any(each.number == entry.terms_version for each in timeline.versions):
        version = timeline.numbered(entry.terms_version)
    purchase = purchases.get(entry.document_id or "")
    if purchase is not None and entry.kind in {"accrue", "claw_back"} and version is not None:
        for step, words in zip(
            purchase.trace, earning.words(purchase.trace, version.terms, language, for_staff=True), strict=True
        ):
            (passed_over if step.code == "skipped" else found).append(words)
    elif entry.rules and version is not None:
        names = {
            each.code: terms.text(each.name, language)
            for each in (*version.terms.earning.rules, *version.terms.rewards)
        }
        named = [names[code] for code in entry.rules if code in names]
        if named:
            found.append(formats.listed(named))
    if entry.kind == "expire":
        found.append(_("Their time was over."))
    if entry.kind == "claw_back" and entry.debt_change:
        found.append(_("What was spent already became debt; the next points pay it."))
    if entry.reason and entry.reason != "unmerge":
        found.append(_("“%(reason)s”") % {"reason": entry.reason})
    if entry.document_kind in {"adjustment", "unclaim"}:
        found.append(_("by %(who)s") % {"who": actors[entry.actor]})
    return found, passed_over
