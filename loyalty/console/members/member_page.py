"""One member: what they hold and when it ends, their tier, and everything that happened, each with its why."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib import messages as notes
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from engagement import surveys
from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.member_cards import cards_of, own_rewards_of
from loyalty.console.members import activity, entry_texts
from loyalty.console.members.member_list import tier_names
from loyalty.console.rewards import STATES
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from loyalty.ui.consent_form import document_named
from members import cards, claim_states, consent, directory, reveals
from members.directory import Member
from merchants import ids, keys
from merchants.directory import Merchant
from merchants.permissions import Permission
from rewards import balances, documents, redemptions, referrals, stamps, terms, tiers, versions
from rewards.merging import listing
from rewards.purchases import finding
from rewards.tiers import TierProgress

_ANSWERS_SHOWN = 10
REFERRALS = {
    "open": gettext_lazy("waits for the first purchase"),
    "qualified": gettext_lazy("paid"),
    "undone": gettext_lazy("undone: the purchase was given back"),
    "refused": gettext_lazy("refused: nobody is paid"),
}
PARTS = ("activity", "purchases", "redemptions", "points", "stamps", "person")


def member_or_404(request: HttpRequest, member_id: str) -> Member:
    """Find the member of the page; somebody merged is answered by the one they were merged into."""
    try:
        return directory.get(merchant=merchant_of(request), public_id=member_id)
    except directory.MemberNotFound:
        raise Http404 from None


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def member(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Show the member; `?show=` chooses which part of their story."""
    found = member_or_404(request, member_id)
    if found.public_id != member_id:
        notes.info(request, _("That membership was merged into this one."))
        return screens.to(request, "member", member_id=found.public_id)
    return page_of(request, found)


def page_of(
    request: HttpRequest, found: Member, *, shown: reveals.VisibleContacts | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    """Draw the member's page, with contacts whole if they were just revealed, or a form that failed."""
    merchant, now = merchant_of(request), now_of(request)
    part = more.pop("part", None) or request.GET.get("show", "activity")
    part = part if part in PARTS else "activity"
    balance = balances.of_member(merchant=merchant, member_id=found.pk, now=now)
    place = tiers.of_member(
        merchant=merchant,
        member_id=found.pk,
        joined_at=found.joined_at,
        now=now,
        timeline=screens.timeline_of(request),
        balance=balance,
    )
    version = screens.version_of(request)
    pay = version.terms.pay_with_points if version else None
    page: dict[str, Any] = {
        "member": found,
        "contacts": shown or reveals.masked(found),
        "claim_state": claim_states.of(found, now=now),
        "is_revealed": shown is not None,
        "balance": balance,
        "worth": terms.worth_minor(pay, balance.spendable) if pay and balance else None,
        "soon": balance.expiring[:3] if balance else (),
        "standing": standing_words(request, place) if place else None,
        "code": ids.grouped(found.code),
        "part": part,
        "mint": {"adjust": ids.mint("adj")},
        "limit": merchant.adjustment_points_max
        if not screens.may_do(request, Permission.ADJUST_POINTS_WITHOUT_LIMIT)
        else None,
        "merges": listing.into(merchant=merchant, member_id=found.pk),
        **_PARTS[part](request, merchant, found, now),
        **more,
    }
    page["tabs"] = _tabs(request, found, part, page.get("has_stamps"))
    return screens.show(request, "console/members/member.html", page, status=status)


def standing_words(request: HttpRequest, place: TierProgress) -> dict[str, Any]:
    """The tier, the way up, and what it takes to stay, as figures for the page."""
    names, at, basis = tier_names(request), place.standing, place.tiers.basis
    total = None
    if at.next_level is not None:
        total = next(level.threshold for level in place.tiers.levels if level.code == at.next_level)
    return {
        "name": names.get(at.level, at.level),
        "since": at.since,
        "value": at.value,
        "total": total,
        "missing": at.missing,
        "next": names.get(at.next_level or "", at.next_level),
        "drops_to": names.get(at.drops_to or "", at.drops_to),
        "drops_on": at.drops_on,
        "keep_missing": at.keep_missing,
        "basis": basis,
        "window_first": at.window_first,
    }


def _tabs(request: HttpRequest, found: Member, current: str, has_stamps: bool | None) -> list[dict[str, Any]]:
    path = screens.url(request, "member", member_id=found.public_id)
    labels = {"activity": _("Activity"), "purchases": _("Purchases"), "redemptions": _("Redemptions"),
              "points": _("Points and expiry"), "stamps": _("Stamps"), "person": _("Person")}  # fmt: skip
    if has_stamps is None:
        has_stamps = current == "stamps" or _has_stamps(request, found)
    shown = [part for part in PARTS if part != "stamps" or has_stamps or _has_cards(request)]
    return [{"label": labels[part], "href": f"{path}?show={part}", "is_current": part == current} for part in shown]


def _has_cards(request: HttpRequest) -> bool:
    version = screens.version_of(request)
    return version is not None and bool(version.terms.stamps)


def _has_stamps(request: HttpRequest, found: Member) -> bool:
    """Stamps have a place where the programme has cards, or had them while the member collected."""
    return _has_cards(request) or bool(stamps.entries_of(merchant=merchant_of(request), member_id=found.pk, limit=1))


# -- the parts --------------------------------------------------------------------------------------------------------


def _activity(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    shown = activity.page(request, merchant, found)
    path = screens.url(request, "member", member_id=found.public_id)
    sorts = {"": _("All"), **activity.OF_POINTS}
    sorts |= {name: label for name, (label, _streams) in activity.BESIDE_POINTS.items()}
    if not shown.has_stamps and not _has_cards(request):
        del sorts["stamps"]
    return {
        "moved": shown.rows, "months": shown.months, "cursor": shown.cursor, "only": shown.only,
        "has_stamps": shown.has_stamps,
        "sorts": [
            {"label": label, "href": f"{path}?only={sort}" if sort else path, "is_current": sort == shown.only}
            for sort, label in sorts.items()
        ],
        "may_undo": shown.undoable,
        "birthday": _birthday(found),
        "cards": [card for card in cards.of(found) if card.blocked_at is None],
    }  # fmt: skip


def _birthday(found: Member) -> str:
    # A leap year: everybody's day is in it.
    return formats.day_and_month(date(2000, found.birth_month, found.birth_day or 1)) if found.birth_month else ""


def _purchases(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    before = screens.read_cursor(request, tuple[datetime, int])
    rows = finding.of_member(merchant=merchant, member_id=found.pk, limit=screens.PAGE + 1, before=before)
    shown, following = screens.cut(rows, lambda row: (row.occurred_at, row.id))
    namespaces = keys.namespaces(merchant)
    numbered = [(row, documents.number_given(row.external_id, namespaces)) for row in shown]
    return {"purchases": numbered, "cursor": following}


def _redemptions(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    before = screens.read_cursor(request, int)
    rows = redemptions.listed(merchant=merchant, member_id=found.pk, now=now, limit=screens.PAGE + 1, before_id=before)
    shown, following = screens.cut(rows, lambda row: row.id)
    names = screens.reward_names(request)
    return {
        "redemptions": [
            {"row": row, "name": names.get(row.reward, row.reward) or _("Paid with points"),
             "state": STATES[row.state][0], "tone": STATES[row.state][1],
             "ends_by": "release" if row.is_open else "reverse" if row.state == "captured" else "",
             "mint": ids.mint("rev")}
            for row in shown
        ],
        "cursor": following,
    }  # fmt: skip


def _points(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    return {"lots": balances.lots(merchant=merchant, member_id=found.pk, now=now)}


def _stamps(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    before = screens.read_cursor(request, int)
    rows = stamps.entries_of(merchant=merchant, member_id=found.pk, limit=screens.PAGE + 1, before_id=before)
    shown, following = screens.cut(rows, lambda entry: entry.id)
    language, names = get_language() or "en", ActorNames(merchant)
    # The newest terms that knew a card say what it is called.
    cards = {
        card.code: terms.text(card.name, language)
        for version in versions.timeline(merchant.pk).versions
        for card in version.terms.stamps
    }
    balance = balances.of_member(merchant=merchant, member_id=found.pk, now=now)
    return {
        "cards": cards_of(request, found, balance),
        "own": own_rewards_of(request, found),
        "entries": [
            {
                "entry": entry, "title": entry_texts.STAMP_ENTRIES[entry.kind][0], "icon": entry_texts.STAMP_ENTRIES[entry.kind][1],
                "card": cards.get(entry.card, entry.card), "who": names[entry.actor] if entry.kind == "by_hand" else "",
            }
            for entry in shown
        ],
        "cursor": following,
    }  # fmt: skip


def _person(request: HttpRequest, merchant: Merchant, found: Member, now: datetime) -> dict[str, Any]:
    said = consent.standing(merchant=merchant, member=found)
    boxes = [
        {
            "wording": box,
            "said": said.get(box.code),
            "is_granted": (said.get(box.code) or _NO).is_granted,
            "document": document_named(said[box.code].document).get("text", "") if box.code in said else "",
        }
        for box in consent.wordings(merchant)
    ]
    said_of_us = surveys.answers(merchant=merchant, member=found.public_id, limit=_ANSWERS_SHOWN).answers
    brought = referrals.of_referee(merchant=merchant, member_id=found.pk)
    page = {"brought": brought, "brought_state": REFERRALS[brought.state] if brought else ""}
    return {
        **page,
        "birthday": _birthday(found),
        "cards": [(card, cards.may_unblock(card, now)) for card in cards.of(found)],
        "boxes": boxes,
        "answers": said_of_us,
    }


class _NO:
    is_granted = False


_PARTS = {
    "activity": _activity, "purchases": _purchases, "redemptions": _redemptions, "points": _points, "stamps": _stamps,
    "person": _person,
}  # fmt: skip
