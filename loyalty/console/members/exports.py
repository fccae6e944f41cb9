"""Members as CSV: a whole segment in the order of the list, or those who were chosen in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET, require_POST

from analytics import member_list
from loyalty.console import screens, tables
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members.member_list import MemberFilter, tier_names
from loyalty.tenant import merchant_of, outside_tenant
from members import consent, directory
from members.directory import Member
from merchants import audit, periods, tenancy
from merchants.csv_cells import amount
from merchants.directory import Merchant
from merchants.permissions import Permission
from rewards import balances

#: As many as one can tick on the pages of a list and send in one form.
CHOSEN_MAX: Final = 1_000


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def export(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream the list as CSV, without contacts; who took it is on record."""
    return _download(request, "members", has_contacts=False)


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_CONTACTS)
def export_contacts(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream the list with contacts, and what each agreed to: whom a letter may be sent to, and whom not."""
    return _download(request, "members_with_contacts", has_contacts=True)


@require_POST
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def export_chosen(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream those who were ticked in the list as CSV, without contacts; who took it is on record."""
    return _download(request, "chosen_members", has_contacts=False, chosen=chosen_of(request))


def chosen_of(request: HttpRequest) -> list[str]:
    """Return the public ids that were ticked, each once, in their order."""
    return list(dict.fromkeys(each[:40] for each in request.POST.getlist("member")))[:CHOSEN_MAX]


def _download(
    request: HttpRequest, table: str, *, has_contacts: bool, chosen: Sequence[str] | None = None
) -> HttpResponseBase:
    merchant, now, asked = merchant_of(request), now_of(request), MemberFilter.of(request.GET)
    with tenancy.tenant(merchant):
        names, decimals = tier_names(request), screens.decimals_of(request)
        details = {"table": table}
        if chosen is None and asked.segment != "everyone":
            details["segment"] = asked.segment
        audit.record(merchant=merchant, action="data.exported", actor=actor_of(request), now=now, details=details)
        columns = _Columns(merchant, names, decimals, has_contacts)
        head = [columns.head()]
    rows = _listed(columns, asked, now) if chosen is None else _chosen(columns, chosen, now)
    return tables.download(merchant=merchant, name=table.replace("_", "-"), head=head, rows=rows, now=now)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What stands in the members' table, with heads in the language of whoever takes it."""

    merchant: Merchant
    tiers: dict[str, str]
    decimals: int
    has_contacts: bool

    def head(self) -> tables.Row:
        contacts = (_("Phone"), _("E-mail"), _("Birthday"), *(_CONSENTS[code] for code in consent.CODES))
        return (
            _("Member"), _("Member code"), _("Your own id"), pgettext("person", "Name"), _("Language"), _("Joined"),
            _("State"), _("Tier"), _("Spendable"), _("Pending"), _("Set aside"), _("Owed"), _("Purchases"),
            *((str(each) for each in contacts) if self.has_contacts else ()),
            _("Spend (%(currency)s)") % {"currency": self.merchant.currency}, _("Last visit"), _("Last score (0 to 10)"),
        )  # fmt: skip

    def row(
        self, member: Member, balance: balances.Balance | None, said: Mapping[str, consent.ConsentState],
        bought: member_list.Bought,
    ) -> tables.Row:  # fmt: skip
        points: tables.Row = (
            (self.tiers.get(balance.tier, balance.tier), *map(self._points, (
                balance.spendable, balance.pending, balance.held, balance.debt)), balance.purchases_count)
            if balance else ("", 0, 0, 0, 0, 0)
        )  # fmt: skip
        zone = self.merchant.tzinfo
        known: tables.Row = (member.public_id, member.code, member.external_id or "", member.name, member.language,
                 periods.local_day(member.joined_at, zone), member.state, *points)  # fmt: skip
        spent: tables.Row = (
            amount(bought.revenue_minor, self.merchant.currency),
            periods.local_day(bought.last_at, zone) if bought.last_at else None,
            bought.score,
        )
        if not self.has_contacts:
            return *known, *spent
        birthday = f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month else ""
        agreed = tuple(self._answer(said.get(code)) for code in consent.CODES)
        return *known, member.phone or "", member.email or "", birthday, *agreed, *spent

    def _points(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.decimals)

    def _answer(self, said: consent.ConsentState | None) -> str:
        """Yes or no with its day, as data: `yes 2026-11-30`; never asked is empty, and is no."""
        if said is None:
            return ""
        return f"{'yes' if said.is_granted else 'no'} {periods.local_day(said.at, self.merchant.tzinfo)}"


_CONSENTS = {
    "terms": gettext_lazy("Agreed: terms"), "privacy": gettext_lazy("Agreed: privacy notice"),
    "marketing_email": gettext_lazy("Agreed: offers by e-mail"), "marketing_sms": gettext_lazy("Agreed: offers by text message"),
    "marketing_push": gettext_lazy("Agreed: offers by notification"),
    "night_marketing": gettext_lazy("Agreed: offers at night"), "profiling": gettext_lazy("Agreed: offers by purchases"),
}  # fmt: skip


def _listed(columns: _Columns, asked: MemberFilter, now: datetime) -> Iterator[tables.Row]:
    """Walk the list page by page; whoever joins meanwhile comes before where it began."""
    merchant = columns.merchant
    after: member_list.Place | None = None
    while True:
        member_ids, after = member_list.page(
            merchant=merchant, segment=asked.segment, order=asked.order, rising=asked.rising, now=now,
            limit=tables.CHUNK, after=after,
        )  # fmt: skip
        known = directory.of_documents(merchant=merchant, member_ids=member_ids)
        yield from _rows(columns, [known[each] for each in member_ids], now)
        if after is None:
            return


def _chosen(columns: _Columns, chosen: Sequence[str], now: datetime) -> Iterator[tables.Row]:
    for at in range(0, len(chosen), tables.CHUNK):
        found = directory.here(merchant=columns.merchant, public_ids=chosen[at : at + tables.CHUNK])
        yield from _rows(columns, found, now)


def _rows(columns: _Columns, found: Sequence[Member], now: datetime) -> Iterator[tables.Row]:
    merchant, ids = columns.merchant, [member.pk for member in found]
    held = balances.now(merchant=merchant, member_ids=ids, now=now)
    said = consent.standing_of(merchant=merchant, member_ids=ids) if columns.has_contacts else {}
    bought = member_list.bought(merchant=merchant, member_ids=ids, now=now)
    for member in found:
        yield columns.row(member, held.get(member.pk), said.get(member.pk, {}), bought[member.pk])
