"""The dashboard's page: the numbers of a period, what they look like over time, and what needs somebody."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from analytics import dashboard
from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.dashboard import addresses, charts, needs, numbers
from loyalty.tenant import merchant_of
from merchants.permissions import Permission
from rewards.purchases import finding


@require_GET
@seat_required(Permission.VIEW_DASHBOARD)
def overview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one period; a merchant without sales or numbers yet is led to the next step instead."""
    merchant, now = merchant_of(request), now_of(request)
    try:
        found = dashboard.overview(
            merchant=merchant, period=request.GET.get("period", addresses.DEFAULT_PERIOD), now=now
        )
    except dashboard.NoSuchPeriod:
        return redirect(request.path)
    # A night passes before the first sale of some: what they need is the way there, not a page of dashes.
    if not found.tiles or not finding.has_any(merchant=merchant):
        return screens.show(request, "console/dashboard/beginning.html", needs.beginning(request))
    chart = request.GET.get("chart", "points")
    chart = chart if chart in charts.CHARTS else "points"
    return screens.show(
        request,
        "console/dashboard/overview.html",
        {
            "found": found,
            "last_day": found.period.ends_on - timedelta(days=1),
            "stats": [numbers.stat(request, found, tile) for tile in found.tiles],
            "beside": [numbers.stat(request, found, tile) for tile in found.beside],
            "rolling": [
                numbers.choice_of(request, choice, found) for choice in found.choices if choice.key.startswith("last_")
            ],
            "calendar": numbers.calendar(found),
            "charts": charts.items(request, chart),
            "chart": charts.chart(merchant, found, chart, decimals=screens.decimals_of(request)),
            "before": numbers.before(found.previous),
            "cohorts": charts.cohorts(merchant),
            "needs": needs.attention(request, found),
            "chart_key": chart,
        },
    )
