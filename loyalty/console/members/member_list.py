"""The list of members: found while somebody types, narrowed to a segment, put in order, with the columns one chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST

from analytics import member_list
from analytics.member_list import Order, Place, Segment
from engagement import missing
from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.tenant import merchant_of
from members import directory, search_matches
from members.directory import FoundMember
from merchants import cursors, periods
from merchants.directory import Merchant
from merchants.permissions import Permission
from rewards import balances, bulk_acts, terms

_TYPED_MAX: Final = 100
_YEAR: Final = 365 * 24 * 3600
_COOKIE: Final = "member_columns"

SEGMENTS: Final[Mapping[Segment, Any]] = {
    "everyone": gettext_lazy("Everyone"), "active": gettext_lazy("Active"), "new": gettext_lazy("New this month"),
    "slipping": gettext_lazy("Slipping away"), "birthday": gettext_lazy("Birthday soon"),
    "unhappy": gettext_lazy("Unhappy"), "expiring": gettext_lazy("Points expire soon"),
}  # fmt: skip
#: What each segment means, in a sentence.
MEANINGS: Final[Mapping[Segment, Any]] = {
    "active": gettext_lazy("Bought within 90 days."),
    "new": gettext_lazy("Joined since the first of this month."),
    "slipping": gettext_lazy("Bought on four days or more within a year, and have been away for twice as long as usual."),
    "birthday": gettext_lazy("Today or within the next 14 days."),
    "unhappy": gettext_lazy("Scored 0 to 6 within 30 days, and nobody has noted a follow-up."),
    "expiring": gettext_lazy("Points expire by the end of this month."),
}  # fmt: skip
ORDERS: Final[Mapping[Order, Any]] = {
    "joined": gettext_lazy("Joined"), "name": pgettext_lazy("person", "Name"), "visit": gettext_lazy("Last visit"),
    "spend": gettext_lazy("Spend"), "points": gettext_lazy("Points"),
}  # fmt: skip
COLUMNS: Final[Mapping[str, Any]] = {
    "contact": gettext_lazy("Contact"), "joined": ORDERS["joined"], "visit": ORDERS["visit"],
    "months": gettext_lazy("12 months"), "visits": gettext_lazy("Visits"), "spend": ORDERS["spend"],
    "points": ORDERS["points"], "pending": gettext_lazy("Pending"), "tier": gettext_lazy("Tier"),
    "nps": gettext_lazy("NPS"),
}  # fmt: skip
_HIDDEN_AT_FIRST: Final = frozenset({"joined"})


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members, in which order."""

    segment: Segment = "everyone"
    order: Order = "joined"
    rising: bool = False

    @classmethod
    def of(cls, said: QueryDict) -> MemberFilter:
        """Read an address; what it does not say, or says wrongly, is as usual."""
        segment, order = said.get("show", ""), said.get("by", "")
        known: Order = order if order in member_list.ORDERS else "joined"
        way = said.get("way", "")
        return cls(
            segment if segment in member_list.SEGMENTS else "everyone",
            known,
            way == "up" if way in {"up", "down"} else member_list.is_rising(known),
        )

    def query(self) -> str:
        """Write it for an address; what is as usual is left out."""
        said: dict[str, str] = {"show": self.segment} if self.segment != "everyone" else {}
        if self.order != "joined":
            said["by"] = self.order
        if self.rising != member_list.is_rising(self.order):
            said["way"] = "up" if self.rising else "down"
        return "?" + urlencode(said)

    def by(self, order: Order) -> MemberFilter:
        """Put in another order; in the order it has, the other way."""
        return replace(
            self, order=order, rising=not self.rising if order == self.order else member_list.is_rising(order)
        )  # fmt: skip


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def members(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the members of a segment in an order; with `?q=` those it fits, at most twenty."""
    merchant, now, typed, asked = merchant_of(request), now_of(request), _typed(request), MemberFilter.of(request.GET)
    page: dict[str, Any] = {
        "typed": typed, "asked": asked, "here": asked.query(), "columns": columns_of(request),
        "missing_count": missing.waiting_count(merchant=merchant),
    }  # fmt: skip
    if typed:
        found = directory.look_up(merchant=merchant, text=typed, blocked_cards=True)
        page |= {"rows": rows_of(request, found), "is_full": len(found) >= directory.SEARCH_MAX,
                 "enrol_query": enrol_query(typed)}  # fmt: skip
    else:
        counted = member_list.counts(merchant=merchant, now=now)
        page |= _listed(request, merchant, asked, now, counted[asked.segment])
        page["counted"] = _shown(counted[asked.segment])
    page |= _heads(page)
    if getattr(request, "htmx", False) and request.headers.get("HX-Target") == "found":
        return render(request, "console/members/_found.html", {**screens.frame(request), **page})
    if typed:
        counted = member_list.counts(merchant=merchant, now=now)
    page |= {"segments": _segments(asked, counted), "total": _shown(counted["everyone"]),
             "at_work": bulk_acts.at_work(merchant=merchant), "column_choices": _column_choices(page["columns"])}  # fmt: skip
    return screens.show(request, "console/members/list.html", page)


@require_POST
@seat_required(Permission.SEE_MEMBERS)
def columns(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Keep in this browser which columns are shown, and go back to the list as it was."""
    chosen = [name for name in COLUMNS if name in request.POST.getlist("column")]
    here = MemberFilter.of(QueryDict(request.POST.get("here", "").removeprefix("?"))).query()
    answer = redirect(screens.url(request, "members") + here)
    answer.set_cookie(
        _COOKIE, ".".join(chosen) or "-", max_age=_YEAR, secure=request.is_secure(), httponly=True, samesite="Lax",
        path=screens.url(request, "members"),
    )  # fmt: skip
    return answer


def columns_of(request: HttpRequest) -> list[str]:
    """Return the columns this browser shows, in their order; without a choice the usual ones."""
    kept = request.COOKIES.get(_COOKIE)
    chosen = set(kept.split(".")) if kept is not None else COLUMNS.keys() - _HIDDEN_AT_FIRST
    return [name for name in COLUMNS if name in chosen]


def rows_of(request: HttpRequest, found: Sequence[FoundMember]) -> list[dict[str, Any]]:
    """Return members with what they hold and bought: three statements for all of them."""
    merchant, now = merchant_of(request), now_of(request)
    member_ids = [each.member.pk for each in found]
    held = balances.now(merchant=merchant, member_ids=member_ids, now=now)
    bought = member_list.bought(merchant=merchant, member_ids=member_ids, now=now)
    names, today = tier_names(request), periods.local_day(now, merchant.tzinfo)
    rows = []
    for each in found:
        balance, sums = held.get(each.member.pk), bought[each.member.pk]
        rows.append({
            "found": each, "member": each.member, "balance": balance, "bought": sums,
            "tier": names.get(balance.tier, balance.tier) if balance else "",
            "is_of_today": sums.last_at is not None and periods.local_day(sums.last_at, merchant.tzinfo) == today,
        })  # fmt: skip
    return rows


def tier_names(request: HttpRequest) -> dict[str, str]:
    """Return what the tiers in force are called, by code."""
    version = screens.version_of(request)
    levels = version.terms.tiers.levels if version and version.terms.tiers else ()
    return {level.code: terms.text(level.name, get_language() or "en") for level in levels}


def enrol_query(typed: str) -> str:
    """Write what was typed into the address of the enrolment, as the field that it looks like."""
    if "@" in typed:
        return urlencode({"email": typed})
    has_digits, has_letters = any(map(str.isdigit, typed)), any(map(str.isalpha, typed))
    return urlencode({"phone" if has_digits and not has_letters else "name": typed})


def _typed(request: HttpRequest) -> str:
    return request.GET.get("q", "").strip()[:_TYPED_MAX]


def _listed(
    request: HttpRequest, merchant: Merchant, asked: MemberFilter, now: datetime, counted: int
) -> dict[str, Any]:
    after = screens.read_cursor(request, tuple[str, int, int])
    place = Place(*after) if after is not None else None
    member_ids, following = member_list.page(
        merchant=merchant, segment=asked.segment, order=asked.order, rising=asked.rising, now=now, limit=screens.PAGE,
        after=place, counted=counted,
    )  # fmt: skip
    known = directory.of_documents(merchant=merchant, member_ids=member_ids)
    seen = place.seen if place is not None else 0
    found = [search_matches.unmarked(known[each]) for each in member_ids]
    return {
        "rows": rows_of(request, found),
        "cursor": cursors.write((following.key, following.member_id, following.seen)) if following else None,
        "first_number": seen + 1, "last_number": seen + len(member_ids), "is_first": place is None,
        "as_of": member_list.order_as_of(merchant=merchant, order=asked.order),
    }  # fmt: skip


def _segments(asked: MemberFilter, counted: Mapping[Segment, int]) -> list[dict[str, Any]]:
    return [
        {
            "label": label, "count": _shown(counted[name]), "is_current": name == asked.segment,
            "href": replace(asked, segment=name).query(), "meaning": MEANINGS.get(name, ""),
        }
        for name, label in SEGMENTS.items()
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many there are; of more than are counted it is said that there are more."""

    number: int
    is_more: bool


def _shown(counted: int) -> SegmentCount:
    return SegmentCount(min(counted, member_list.COUNTED_MAX), counted > member_list.COUNTED_MAX)


def _heads(page: Mapping[str, Any]) -> dict[str, Any]:
    """The heads of the table, and what it can be put in order by."""
    asked: MemberFilter = page["asked"]

    def head(name: str, label: Any) -> dict[str, Any]:
        is_order = name in ORDERS and not page["typed"]
        return {
            "name": name, "label": label, "is_number": name not in {"name", "contact", "tier", "visit"},
            "href": asked.by(name).query() if is_order else "",  # type: ignore[arg-type]
            "sorted": ("ascending" if asked.rising else "descending") if is_order and name == asked.order else "",
        }  # fmt: skip

    return {
        "name_head": head("name", gettext_lazy("Member")),
        "heads": [head(name, COLUMNS[name]) for name in page["columns"]],
        "orders": [head(name, label) for name, label in ORDERS.items()],
    }


def _column_choices(shown: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": name, "label": label, "is_shown": name in shown} for name, label in COLUMNS.items()]
