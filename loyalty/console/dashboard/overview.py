"""The dashboard's page: the numbers of a period, what they look like over time, and what needs somebody."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from analytics import dashboard
from analytics.period_choices import NoSuchPeriod
from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.dashboard import addresses, alerts, charts, numbers
from loyalty.tenant import merchant_of
from merchants.permissions import Permission
from rewards.purchases import finding


@require_GET
@seat_required(Permission.VIEW_DASHBOARD)
def overview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one period; until the tenth sale, and unless a period is asked for, the way there instead."""
    merchant, now = merchant_of(request), now_of(request)
    try:
        found = dashboard.overview(
            merchant=merchant, period=request.GET.get("period", addresses.DEFAULT_PERIOD), now=now
        )
    except NoSuchPeriod:
        return redirect(request.path)
    sales = finding.count_up_to(merchant=merchant, most=alerts.SALES_TO_BEGIN_WITH)
    needs = alerts.attention(request, found)
    if not sales or (sales < alerts.SALES_TO_BEGIN_WITH and "period" not in request.GET):
        way = alerts.beginning(request, sales=sales)
        return screens.show(
            request, "console/dashboard/beginning.html", {**way, "found": found, "needs": needs, "has_sales": sales > 0}
        )
    chart = request.GET.get("chart", "points")
    chart = chart if chart in charts.CHARTS else "points"
    return screens.show(
        request,
        "console/dashboard/overview.html",
        {
            "found": found,
            "points_word": screens.points_word(request),
            "last_day": found.period.ends_on - timedelta(days=1),
            "stats": [numbers.stat(request, found, tile) for tile in found.tiles],
            "beside": [numbers.stat(request, found, tile) for tile in found.beside if tile.beside is None],
            "rolling": [
                numbers.choice_of(request, choice, found) for choice in found.choices if choice.key.startswith("last_")
            ],
            "calendar": numbers.calendar(found),
            "charts": charts.items(request, chart),
            "chart": charts.chart(merchant, found, chart, decimals=screens.decimals_of(request)),
            "before": numbers.before(found.previous),
            "cohorts": charts.cohorts(request),
            "needs": needs,
            "chart_key": chart,
        },
    )
