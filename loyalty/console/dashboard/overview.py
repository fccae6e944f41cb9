"""The dashboard's page: what a period brought and cost, what it looks like over time, and what needs somebody."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics import board as boards
from analytics import today
from analytics.answers import Board, TodaySoFar
from analytics.period_choices import NoSuchPeriod, parse_period, why_empty
from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.dashboard import addresses, alerts, asked, charts, first_steps, numbers
from loyalty.console.dashboard.asked import Asked
from loyalty.tenant import merchant_of
from merchants.directory import Merchant
from merchants.permissions import Permission
from rewards.purchases import finding


@require_GET
@seat_required(Permission.VIEW_DASHBOARD)
def overview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one period, of all shops or of one; until the tenth sale the first steps stand above it."""
    merchant, now, wanted = merchant_of(request), now_of(request), asked.read(request)
    try:
        board = boards.read(
            merchant=merchant, period=wanted.period, now=now, location=wanted.location_id, basis=wanted.basis,
            by_location=len(wanted.locations) > 1,
        )  # fmt: skip
    except NoSuchPeriod as refusal:
        notes.error(request, refusal.detail)
        return redirect(request.path)
    most = first_steps.SALES_TO_BEGIN_WITH
    sales = most if board.purchases >= most else finding.count_up_to(merchant=merchant, most=most)
    page: dict[str, Any] = {
        "board": board,
        "asked": wanted,
        "rolling": asked.rolling(request, board.period.key),
        "calendar": asked.calendar(board.choices, board.period.key),
        "is_own": ".." in board.period.key,
        "own_days": asked.own_days(board),
        "shops": asked.shops(wanted),
        "before": numbers.before(board.previous),
        "needs": alerts.findings(request, board),
        "headline": _headline(board),
        "chart": charts.sales(request, board),
        "kpis": [numbers.kpi(request, board, board.tiles[key]) for key in numbers.KPIS if key in board.tiles],
        "shop_rows": _shop_rows(wanted, board),
        "reward_rows": _reward_rows(request, board),
        "cohorts": charts.cohorts(request, board, wanted),
        "points_word": screens.points_word(request),
        "exports": _exports(request, wanted, board),
        **_live(merchant, board.today, wanted),
    }
    if not board.tiles and board.freshness.computed_at is not None:
        window = parse_period(wanted.period, merchant=merchant, now=now)
        page["empty"] = why_empty(merchant=merchant, window=window, offered=board.choices, now=now)
    if sales < most:
        page |= first_steps.steps(request, sales=sales)
    return screens.show(request, "console/dashboard/overview.html", page)


@require_GET
@seat_required(Permission.VIEW_DASHBOARD)
def live(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show today's trade alone; the dashboard asks for it every half a minute."""
    merchant, now, wanted = merchant_of(request), now_of(request), asked.read(request)
    counted = today.so_far(merchant=merchant, now=now, location=wanted.location_id)
    return screens.show(request, "console/dashboard/_today.html", _live(merchant, counted, wanted))


def _live(merchant: Merchant, counted: TodaySoFar, wanted: Asked) -> dict[str, Any]:
    """Today's numbers, with the hours in which anything can have been sold: an hour before the first sale to the last."""
    hours = counted.revenue_by_hour
    local = counted.counted_at.astimezone(merchant.tzinfo).hour
    sold = [hour for hour, minor in enumerate(hours) if minor]
    first = min([*sold, local, 8])
    return {
        "today": counted,
        "hours": hours[first : max([*sold, local, 20]) + 1],
        "live_query": addresses.query(shop=wanted.location.public_id) if wanted.location else "",
    }


def _headline(board: Board) -> dict[str, Any]:
    """Changes against the period before; of what was nothing then, none."""
    sums, earlier = board.sums, board.before
    return {
        "share": sums.members_share,
        "sales": numbers.relative(sums.members_revenue_minor, earlier.members_revenue_minor),
        "active": numbers.difference(sums.active_members, earlier.active_members) if earlier.active_members else None,
        "cost_share": sums.reward_cost_share,
        "cost": numbers.in_points(sums.reward_cost_share, earlier.reward_cost_share, good="down"),
    }


def _shop_rows(wanted: Asked, board: Board) -> list[dict[str, Any]]:
    """Each shop's part of the period; none where there is only one."""
    if len(wanted.locations) < 2:
        return []
    names = {place.pk: place for place in wanted.locations}
    rows = []
    for each in board.locations:
        place = names.get(each.location_id)
        share = each.members_revenue_minor / each.revenue_minor if each.revenue_minor > 0 else None
        rows.append({
            "name": place.name if place else _("Without a shop"),
            "shop": place.public_id if place else "",
            "sums": each,
            "share": share,
            "is_current": wanted.location is not None and each.location_id == wanted.location.pk,
        })  # fmt: skip
    return rows


def _reward_rows(request: HttpRequest, board: Board) -> list[dict[str, Any]]:
    if not board.rewards:
        return []
    names = screens.reward_names(request)
    return [
        {
            "name": names.get(each.reward, each.reward) if each.reward else _("Paid with points"),
            "sums": each,
            "has_price": each.redemptions > each.without_price,
        }
        for each in board.rewards
    ]


def _exports(request: HttpRequest, wanted: Asked, board: Board) -> list[dict[str, str]]:
    if not screens.may_do(request, Permission.EXPORT_DATA):
        return []
    period, shop = board.period.key, wanted.location.public_id if wanted.location else ""
    by = "months" if (board.period.ends_on - board.period.starts_on).days > 100 else "days"
    return [
        {"label": _("What is shown"), "href": addresses.export(request, "shown", period=period, shop=shop)},
        {"label": _("All numbers"), "href": addresses.export(request, "numbers")},
        {"label": _("Series"), "href": addresses.export(request, by, period=period)},
        {"label": _("Cohorts"), "href": addresses.export(request, "cohorts")},
    ]
