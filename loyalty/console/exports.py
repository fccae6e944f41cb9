"""Every list of the console as a file: the rows of the page, all of them, narrowed as the page is.

Who may open the page and may take data out takes it, and that is on record. Lists of members have files of their own
(`members/exports.py`), and so have numbers, answers and the members behind a number (`dashboard/members_of_number.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from engagement import missing
from engagement.missing import MissingPoints
from loyalty.console import audit_log, screens, tables
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.developers import keys as keys_page
from loyalty.console.developers import webhooks as webhooks_page
from loyalty.console.members import activity, entry_texts
from loyalty.console.members.member_page import member_or_404
from loyalty.console.rewards import STATES
from loyalty.console.tables import Row, moment
from loyalty.tenant import merchant_of, outside_tenant
from loyalty.ui import formats
from members import directory
from merchants import audit, keys, outbox, seats, tenancy
from merchants.csv_cells import amount
from merchants.errors import LoyaltyError
from merchants.permissions import Permission, Role
from merchants.webhooks import endpoints, log
from rewards import documents, redemptions, stamps
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView
from rewards.redemptions import listing
from rewards.redemptions.listing import ListedRedemption

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Export:
    """One list: who may see its page, the heads of its file, and its rows; the two are asked while a tenant is open."""

    permission: Permission
    head: Callable[[HttpRequest], Row]
    rows: Callable[[HttpRequest], Iterator[Row]]


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def export(request: HttpRequest, merchant_slug: str, table: str) -> HttpResponseBase:
    """Stream a list as CSV, narrowed as its page is by the same words of the address; who took it is on record."""
    merchant, now, wanted = merchant_of(request), now_of(request), EXPORTS.get(table)
    if wanted is None:
        raise Http404
    if not screens.may_do(request, wanted.permission):
        raise PermissionDenied
    with tenancy.tenant(merchant):
        head, rows = [wanted.head(request)], wanted.rows(request)
        audit.record(
            merchant=merchant, action="data.exported", actor=actor_of(request), now=now, details={"table": table}
        )
    return tables.download(merchant=merchant, name=table.replace("_", "-"), head=head, rows=rows, now=now)


def _points(request: HttpRequest, units: int | None) -> Decimal | None:
    return None if units is None else Decimal(units).scaleb(-screens.decimals_of(request))


def _currency(request: HttpRequest, words: str) -> str:
    return f"{words} ({merchant_of(request).currency})"


# -- rewards taken, missing points -------------------------------------------------------------------------------------


def _claims_head(request: HttpRequest) -> Row:
    return (
        _("When"), _("Reward"), _("Member"), pgettext("person", "Name"), _("State"), _("Points"),
        _currency(request, _("Amount")), _("Location"), _("Code"), _("Id"),
    )  # fmt: skip


def _claims(request: HttpRequest) -> Iterator[Row]:
    merchant, now, names = merchant_of(request), now_of(request), screens.reward_names(request)
    wanted = request.GET.get("reward", "")[:60]

    def read(last: tuple[datetime, int] | None) -> list[ListedRedemption]:
        return listing.listed(merchant=merchant, now=now, reward=wanted, limit=_PAGE, before=last)

    for page in tables.pages(read, lambda row: (row.occurred_at, row.id)):
        for row in page:
            yield (
                moment(row.occurred_at), names.get(row.reward, row.reward) or _("Paid with points"), row.member,
                row.member_name, str(STATES[row.state][0]), _points(request, row.points),
                amount(row.amount_minor, merchant.currency), row.location, row.code, row.public_id,
            )  # fmt: skip


def _missing_head(request: HttpRequest) -> Row:
    return (
        _("Asked"), _("Member"), pgettext("person", "Name"), _("Bought on"), _currency(request, _("Amount")),
        _("Receipt"), _("State"), _("Points"), _("Reason"), _("Settled"), _("Who"),
    )  # fmt: skip


def _missing(request: HttpRequest) -> Iterator[Row]:
    merchant, actors = merchant_of(request), ActorNames(merchant_of(request))

    def read(last: int | None) -> Any:
        return missing.listed(merchant=merchant, limit=_PAGE, before_id=last)

    for page in tables.pages(read, lambda row: row.pk):
        for row in page:
            yield (
                moment(row.asked_at), row.member.public_id, row.member.name, row.bought_on,
                amount(row.amount_minor, merchant.currency), row.receipt, str(MissingPoints.State(row.state).label),
                _points(request, row.points), row.reason, moment(row.settled_at),
                actors[row.settled_by] if row.settled_by else "",
            )  # fmt: skip


# -- one member -------------------------------------------------------------------------------------------------------


def _activity_head(request: HttpRequest) -> Row:
    return (
        _("When"), _("What"), _("About"), _("Details"), _("Location"), _("Who"), _("Points"), _("Balance after"),
        _("Number"), _("Why"),
    )  # fmt: skip


def _activity(request: HttpRequest) -> Iterator[Row]:
    member, merchant = member_or_404(request, request.GET.get("member", "")[:40]), merchant_of(request)

    def rows() -> Iterator[Row]:
        for page in activity.all_pages(request, merchant, member):
            for row in page:
                yield (
                    moment(row.at), row.title, row.about, row.goods, row.where, row.who, _points(request, row.change),
                    _points(request, row.balance_after), row.number, " ".join(row.why),
                )  # fmt: skip

    return rows()


def _purchases_head(request: HttpRequest) -> Row:
    return (
        _("When"), _("Number"), _("Location"), _("Goods"), _currency(request, _("Total")),
        _currency(request, _("Refunded")), _("Points earned"), _("Points taken back"), _("Id"),
    )  # fmt: skip


def _purchases(request: HttpRequest) -> Iterator[Row]:
    member, merchant = member_or_404(request, request.GET.get("member", "")[:40]), merchant_of(request)
    namespaces = keys.namespaces(merchant)

    def read(last: tuple[datetime, int] | None) -> list[PurchaseView]:
        return finding.of_member(merchant=merchant, member_id=member.pk, limit=_PAGE, before=last)

    def rows() -> Iterator[Row]:
        for page in tables.pages(read, lambda row: (row.occurred_at, row.id)):
            for row in page:
                goods = [
                    f"{formats.thousandths(line.quantity_milli)} × {line.sku or line.line_id}" for line in row.lines
                ]
                yield (
                    moment(row.occurred_at), documents.number_given(row.external_id, namespaces), row.location,
                    "; ".join(goods), amount(row.total_minor, row.currency),
                    amount(row.total_minor - row.left_minor, row.currency),
                    _points(request, row.points_kept + row.points_clawed_back), _points(request, row.points_clawed_back),
                    row.public_id,
                )  # fmt: skip

    return rows()


def _redemptions_head(request: HttpRequest) -> Row:
    return _("When"), _("Reward"), _("State"), _("Points"), _("Id")


def _redemptions(request: HttpRequest) -> Iterator[Row]:
    member, merchant = member_or_404(request, request.GET.get("member", "")[:40]), merchant_of(request)
    now, names = now_of(request), screens.reward_names(request)

    def read(last: int | None) -> list[redemptions.View]:
        return redemptions.listed(merchant=merchant, member_id=member.pk, now=now, limit=_PAGE, before_id=last)

    def rows() -> Iterator[Row]:
        for page in tables.pages(read, lambda row: row.id):
            for row in page:
                yield (
                    moment(row.occurred_at), names.get(row.reward, row.reward) or _("Paid with points"),
                    str(STATES[row.state][0]), _points(request, row.points), row.public_id,
                )  # fmt: skip

    return rows()


def _stamps_head(request: HttpRequest) -> Row:
    return _("When"), _("Stamp card"), _("What"), _("Stamps"), _("On the card"), _("Reason"), _("Who")


def _stamps(request: HttpRequest) -> Iterator[Row]:
    member, merchant = member_or_404(request, request.GET.get("member", "")[:40]), merchant_of(request)
    actors = ActorNames(merchant)

    def read(last: int | None) -> list[stamps.StampEntryView]:
        return stamps.entries_of(merchant=merchant, member_id=member.pk, limit=_PAGE, before_id=last)

    def rows() -> Iterator[Row]:
        for page in tables.pages(read, lambda row: row.id):
            for row in page:
                title = str(entry_texts.STAMP_ENTRIES[row.kind][0])
                yield (
                    moment(row.occurred_at),
                    row.card,
                    title,
                    row.stamps,
                    row.stamps_after,
                    row.reason,
                    actors[row.actor],
                )

    return rows()


# -- who did what, who works here, keys -------------------------------------------------------------------------------


def _record_head(request: HttpRequest) -> Row:
    return _("When"), _("Who"), _("What"), _("About"), _("Details"), _("Action"), _("Id")


def _record(request: HttpRequest) -> Iterator[Row]:
    for page in audit_log.pages_of(request, limit=tables.CHUNK):
        for each in page:
            row = each["row"]
            yield (
                moment(row.at), each["who"], str(each["what"]), each["subject"], "; ".join(each["details"]), row.action,
                row.subject,
            )  # fmt: skip


def _team_head(request: HttpRequest) -> Row:
    contacts = (_("E-mail"), _("Phone")) if screens.may_do(request, Permission.EXPORT_CONTACTS) else ()
    return pgettext("person", "Name"), _("Role"), *contacts, _("Since"), _("Id")


def _team(request: HttpRequest) -> Iterator[Row]:
    has_contacts = screens.may_do(request, Permission.EXPORT_CONTACTS)
    for seat in seats.of_merchant(merchant_of(request)):
        user = seat.user
        contacts: Row = ((user.email or "", user.phone or "") if user else ("", "")) if has_contacts else ()
        yield str(seat), str(Role(seat.role).label), *contacts, moment(seat.created_at), seat.public_id


def _keys_head(request: HttpRequest) -> Row:
    return (
        pgettext("person", "Name"), _("Key"), _("Rights"), _("Location"), _("Till"), _("State"), _("Made"), _("Last used"),
        _("Ends"), _("Id"),
    )  # fmt: skip


def _keys(request: HttpRequest) -> Iterator[Row]:
    for each in keys_page.rows_of(request):
        key = each["key"]
        yield (
            key.name, key.prefix, formats.listed([str(scope) for scope in each["scopes"]]), each["place"], key.terminal,
            str(keys_page.STATES[each["state"]]), moment(key.created_at), moment(key.last_used_at),
            moment(key.revoked_at or key.expires_at), key.public_id,
        )  # fmt: skip


# -- events and their deliveries --------------------------------------------------------------------------------------


def _events_head(request: HttpRequest) -> Row:
    return (
        _("Recorded"),
        _("Happened"),
        _("Event"),
        _("Member"),
        pgettext("person", "Name"),
        pgettext("webhook", "Content"),
        _("Id"),
    )


def _events(request: HttpRequest) -> Iterator[Row]:
    merchant, kind = merchant_of(request), request.GET.get("kind", "")
    kinds = [kind] if kind in outbox.KINDS else []

    def read(last: str | None) -> list[log.RecordedEvent]:
        try:
            return log.events(merchant=merchant, kinds=kinds, limit=_PAGE, before_id=last)
        except log.NoSuchEvent:
            # Forgotten while somebody reads: all that is older is forgotten as well.
            return []

    for page in tables.pages(read, lambda row: row.id):
        members = {row.id: log.member_of(row.payload) or "" for row in page}
        names = directory.names(merchant=merchant, public_ids=set(members.values()))
        for row in page:
            yield (
                moment(row.recorded_at), moment(row.occurred_at), row.kind, members[row.id],
                names.get(members[row.id], ""), json.dumps(row.payload, ensure_ascii=False), row.id,
            )  # fmt: skip


def _deliveries_head(request: HttpRequest) -> Row:
    return (
        _("When"), _("Event"), _("Member"), pgettext("person", "Name"), _("State"), _("Tries"), _("Last try"), _("Answer"),
        _("Milliseconds"), _("What was answered"), _("Address"), pgettext("webhook", "Content"), _("Event id"), _("Id"),
    )  # fmt: skip


def _deliveries(request: HttpRequest) -> Iterator[Row]:
    merchant, state = merchant_of(request), request.GET.get("state", "")
    endpoint = request.GET.get("endpoint", "")[:40] or None
    if endpoint is not None:
        try:
            endpoints.get(merchant=merchant, endpoint_id=endpoint)
        except LoyaltyError:
            raise Http404 from None

    def read(last: str | None) -> list[log.Delivery]:
        try:
            return log.deliveries(
                merchant=merchant, endpoint_id=endpoint, state=state if state in webhooks_page.STATES else None,
                limit=_PAGE, before_id=last,
            )  # fmt: skip
        except log.NoSuchDelivery:
            return []

    def rows() -> Iterator[Row]:
        for page in tables.pages(read, lambda row: row.id):
            names = directory.names(merchant=merchant, public_ids={row.member for row in page if row.member})
            for row in page:
                yield (
                    moment(row.created_at), row.kind, row.member or "", names.get(row.member or "", ""),
                    str(webhooks_page.STATES[row.state][0]), row.attempts, moment(row.last_attempt_at),
                    row.last_answer_code, row.last_duration_ms, row.last_answer, row.url,
                    json.dumps(row.payload, ensure_ascii=False), row.event_id, row.id,
                )  # fmt: skip

    return rows()


EXPORTS: Final[dict[str, Export]] = {
    "claims": Export(Permission.SEE_MEMBERS, _claims_head, _claims),
    "missing_points": Export(Permission.ADJUST_POINTS, _missing_head, _missing),
    "activity": Export(Permission.SEE_MEMBERS, _activity_head, _activity),
    "purchases": Export(Permission.SEE_MEMBERS, _purchases_head, _purchases),
    "redemptions": Export(Permission.SEE_MEMBERS, _redemptions_head, _redemptions),
    "stamps": Export(Permission.SEE_MEMBERS, _stamps_head, _stamps),
    "audit_log": Export(Permission.VIEW_AUDIT, _record_head, _record),
    "team": Export(Permission.MANAGE_CASHIERS, _team_head, _team),
    "keys": Export(Permission.MANAGE_KEYS, _keys_head, _keys),
    "events": Export(Permission.MANAGE_WEBHOOKS, _events_head, _events),
    "deliveries": Export(Permission.MANAGE_WEBHOOKS, _deliveries_head, _deliveries),
}
