"""The members behind a number, and every table as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics import alerts, exports, metrics
from analytics.members_behind import members_behind
from analytics.period_choices import parse_period
from loyalty.console import screens, tables
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.dashboard import addresses, answers, asked
from loyalty.tenant import merchant_of, outside_tenant
from merchants import audit, cursors, tenancy
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.permissions import Permission

_TABLES: Final = ("shown", "numbers", "days", "months", "cohorts", "members", "answers")


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def members(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the members behind a number, or behind something that needs attention."""
    merchant, behind = merchant_of(request), _asked(request)
    try:
        page = members_behind(merchant=merchant, **behind, now=now_of(request), after=screens.read_cursor(request, str))
        period = parse_period(behind["period"], merchant=merchant, now=now_of(request))
    except LoyaltyError:
        raise Http404 from None
    groups = () if behind["metric"] == "insight" else metrics.BY_KEY[behind["metric"]].groups
    tabs = [
        {
            "label": group.title,
            "href": "?" + addresses.query(metric=behind["metric"], group=group.key, period=behind["period"]),
            "is_current": group.key == behind["which"],
        }
        for group in groups
    ]
    title = _("Needs attention") if behind["metric"] == "insight" else metrics.BY_KEY[behind["metric"]].title
    return screens.show(
        request,
        "console/dashboard/members.html",
        {
            "page": page,
            "number": title,
            "tabs": tabs if len(tabs) > 1 else [],
            "last_day": period.end - timedelta(days=1),
            "period": period if behind["metric"] != "insight" else None,
            "cursor": cursors.write(page.next) if page.next else None,
            "export": addresses.export(request, "members", **{**behind, "group": behind["which"]}),
            "why": alerts.BY_KIND[behind["which"]].detail if behind["metric"] == "insight" else "",
            "is_nps": behind["metric"] == "nps",
            "is_alert": behind["metric"] == "insight",
            "has_stakes": behind["metric"] == "insight" and alerts.BY_KIND[behind["which"]].unit == "points",
            "has_figures": any(row.purchases is not None for row in page.members),
            "has_days": any(row.last_day is not None for row in page.members),
        },
    )


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def export(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream one table as CSV; who took it is on record."""
    merchant, now, table = merchant_of(request), now_of(request), request.GET.get("table", "numbers")
    if table not in _TABLES:
        raise Http404
    with tenancy.tenant(merchant):
        try:
            rows = _rows(request, merchant, table)
            first = list(islice(rows, 1))
            if table == "members":
                # Asked once before the answer begins, so that a wrong address is a page that does not exist.
                members_behind(merchant=merchant, **_asked(request), now=now, limit=1)
        except LoyaltyError:
            raise Http404 from None
        audit.record(
            merchant=merchant, action="data.exported", actor=actor_of(request), now=now, details={"table": table}
        )
    return tables.download(merchant=merchant, name=table, head=first, rows=rows, now=now)


def _rows(request: HttpRequest, merchant: Merchant, table: str) -> Iterator[tables.Row]:
    if table == "shown":
        wanted = asked.read(request)
        return exports.board_rows(
            merchant=merchant, period=wanted.period, now=now_of(request), location=wanted.location_id,
            names={place.pk: place.name for place in wanted.locations}, rewards=screens.reward_names(request),
        )  # fmt: skip
    if table == "numbers":
        return exports.metric_rows(merchant=merchant)
    if table == "cohorts":
        return exports.cohort_rows(merchant=merchant)
    if table == "answers":
        return exports.answer_rows(merchant=merchant, narrowed=answers.narrowed(request))
    if table == "members":
        return exports.member_rows(merchant=merchant, **_asked(request), now=now_of(request))
    period = request.GET.get("period", addresses.DEFAULT_PERIOD)
    window = parse_period(period, merchant=merchant, now=now_of(request))
    return exports.series_rows(
        merchant=merchant, grain="day" if table == "days" else "month", first=window.first, end=window.end
    )


def _asked(request: HttpRequest) -> dict[str, Any]:
    """What a list of members is behind: a metric's group in a period, or an insight."""
    metric = request.GET.get("metric", "insight")
    default = alerts.ALERTS[0].kind if metric == "insight" else ""
    return {
        "metric": metric,
        "which": request.GET.get("group", default),
        "period": request.GET.get("period", addresses.DEFAULT_PERIOD),
    }
