"""The search above every page of the console: members, pages and parts of the programme by a few letters of their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.members.member_list import enrol_query
from loyalty.tenant import merchant_of
from members import directory, references, search_keys
from members.search_matches import FoundMember, Part
from merchants.permissions import Permission
from rewards import terms

#: The pages that are found by their name: route, name, icon.
PAGES: tuple[tuple[str, Any, str], ...] = (
    ("dashboard", _("Dashboard"), "dashboard"),
    ("counter", _("Counter"), "counter"),
    ("members", _("Members"), "people"),
    ("member_enrol", _("Enrol a member"), "plus"),
    ("member_missing", _("Missing points"), "receipt"),
    ("poster", _("Poster to join"), "flag"),
    ("programme", _("Programme"), "programme"),
    ("programme_review", _("Review and publish"), "programme"),
    ("programme_versions", _("Versions of the programme"), "history"),
    ("programme_source", _("Terms as JSON"), "code"),
    ("rewards", _("Rewards"), "gift"),
    ("reward_claims", _("Redeemed rewards"), "voucher"),
    ("dashboard_answers", _("Survey answers"), "smile"),
    ("keys", _("API keys"), "key"),
    ("webhooks", _("Webhooks"), "webhook"),
    ("till", _("Till simulator"), "code"),
    ("events", _("Events"), "activity"),
    ("errors", _("API errors"), "question"),
    ("team", _("Team and places"), "store"),
    ("approvals", _("Approvals"), "check-circle"),
    ("briefings", _("Notes to the team"), "mail"),
    ("notifications", _("Notifications"), "bell"),
    ("shortcuts", _("Keys"), "question"),
    ("settings_record", _("Audit log"), "history"),
    ("settings", _("Settings"), "settings"),
    ("privacy", _("Privacy"), "shield"),
)
_MEMBERS_MAX, _PARTS_MAX = 6, 6


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of what was found."""

    label: str
    href: str
    icon: str
    note: str = ""
    #: The label, and what stands beside it, with what was typed marked.
    parts: tuple[Part, ...] = ()
    beside: tuple[Part, ...] = ()


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def find(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Find members, pages and parts of the programme in force; without a text, list the pages."""
    typed = request.GET.get("q", "").strip()[:100]
    people, note = _people(request, typed)
    may_enrol = bool(typed) and screens.may_do(request, Permission.EDIT_MEMBERS)
    enrol = screens.url(request, "member_enrol") + "?" + enrol_query(typed) if may_enrol else ""
    page = {
        "typed": typed, "enrol": enrol, "people": people, "people_note": note, "pages": list(_pages(request, typed)),
        "parts": list(_parts(request, typed))[:_PARTS_MAX] if typed else [],
    }  # fmt: skip
    if getattr(request, "htmx", False):
        return render(request, "console/_hits.html", page)
    return screens.show(request, "console/find.html", page)


def _people(request: HttpRequest, typed: str) -> tuple[list[Hit], str]:
    if not search_keys.is_enough(typed):
        return [], ""
    try:
        found = directory.look_up(merchant=merchant_of(request), text=typed, limit=_MEMBERS_MAX, blocked_cards=True)
    except references.CardBlocked as refusal:
        return [], str(refusal)
    return [_person(request, each) for each in found], ""


def _person(request: HttpRequest, found: FoundMember) -> Hit:
    href = screens.url(request, "member", member_id=found.member.public_id)
    return Hit(str(found.member), href, "person", parts=found.name, beside=found.token or found.contact)


def _pages(request: HttpRequest, typed: str) -> Iterator[Hit]:
    for name, label, icon in PAGES:
        href = reverse(f"console:{name}", kwargs={"merchant_slug": merchant_of(request).slug})
        if _fits(str(label), typed) and _may_open(request, href):
            yield Hit(str(label), href, icon)


def _may_open(request: HttpRequest, href: str) -> bool:
    permission: Permission | None = resolve(href).func.permission  # type: ignore[attr-defined]
    return permission is None or screens.may_do(request, permission)


def _parts(request: HttpRequest, typed: str) -> Iterator[Hit]:
    """The rules, tiers, rewards and stamp cards of the terms in force whose name in any language fits."""
    version = screens.version_of(request)
    if version is None:
        return
    may_edit = screens.may_do(request, Permission.EDIT_PROGRAMME)
    promised, language = version.terms, get_language() or "en"
    programme, by_code = screens.url(request, "programme"), lambda part: {"code": part.code}
    kinds: tuple[tuple[Sequence[Any], Any, str, str, Callable[[Any], dict[str, str]]], ...] = (
        (promised.earning.rules, _("Rule"), "programme", "programme_rule", by_code),
        (
            promised.tiers.levels if promised.tiers else (),
            _("Tier"),
            "tier",
            "programme_part",
            lambda _part: {"part": "tiers"},
        ),
        (promised.rewards, _("Reward"), "gift", "reward_edit", by_code),
        (promised.stamps, _("Stamp card"), "stamp", "programme_stamp_card", by_code),
    )
    for parts, kind, icon, route, asked in kinds:
        for part in parts:
            names = part.name if isinstance(part.name, dict) else {"": part.name}
            if any(_fits(name, typed) for name in names.values()):
                href = f"{screens.url(request, route)}?{urlencode(asked(part))}" if may_edit else programme
                yield Hit(terms.text(part.name, language), href, icon, str(kind))


def _fits(name: str, typed: str) -> bool:
    return _plain(typed) in _plain(name)


def _plain(text: str) -> str:
    """Without case, accents and full-width forms; Hangul stays whole."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", "".join(sign for sign in decomposed if not unicodedata.combining(sign)))
