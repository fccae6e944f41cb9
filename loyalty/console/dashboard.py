"""The dashboard: the six numbers of a period with what it takes to trust them, the members behind each, and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from analytics import attention, dashboard, exports, metrics
from analytics.dashboard import Dashboard, GroupInfo, PeriodChoice, SeriesPoint, Tile
from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of, outside_tenant
from loyalty.ui import formats
from merchants import audit, keys, money, tenancy
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from merchants.permissions import Permission
from merchants.webhooks import endpoints
from rewards import programmes
from rewards.purchases import finding

DEFAULT_PERIOD: Final = "last_90"
COHORT_MONTHS: Final = 12
SHOWN_FROM: Final = 5
#: The series one can look at: a name, and the figures it draws.
CHARTS: Final[dict[str, tuple[Any, tuple[tuple[str, Any], ...]]]] = {
    "points": (
        gettext_lazy("Points"),
        (("points_issued", gettext_lazy("Earned")), ("points_redeemed", gettext_lazy("Redeemed")),
         ("points_expired", gettext_lazy("Expired"))),
    ),
    "sales": (
        gettext_lazy("Sales"),
        (("purchases", gettext_lazy("Purchases")), ("guest_purchases", gettext_lazy("Without a member"))),
    ),
    "revenue": (
        gettext_lazy("Revenue"),
        (("revenue_minor", gettext_lazy("Revenue")), ("guest_revenue_minor", gettext_lazy("Without a member"))),
    ),
    "members": (
        gettext_lazy("Members"),
        (("active_members", gettext_lazy("Members who bought")), ("enrolments", gettext_lazy("Joined"))),
    ),
}  # fmt: skip
_TABLES: Final = ("numbers", "days", "months", "cohorts", "members")


@require_GET
@seat_required(Permission.VIEW_DASHBOARD)
def overview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one period; a merchant without numbers yet is led to the next step instead."""
    merchant, now = merchant_of(request), now_of(request)
    try:
        found = dashboard.overview(merchant=merchant, period=request.GET.get("period", DEFAULT_PERIOD), now=now)
    except dashboard.NoSuchPeriod:
        return redirect(request.path)
    if not found.tiles:
        return screens.show(request, "console/dashboard/beginning.html", _beginning(request))
    chart = request.GET.get("chart", "points")
    chart = chart if chart in CHARTS else "points"
    return screens.show(
        request,
        "console/dashboard/overview.html",
        {
            "found": found,
            "last_day": found.period.ends_on - timedelta(days=1),
            "stats": [_stat(request, found, tile) for tile in found.tiles],
            "beside": [_stat(request, found, tile) for tile in found.beside],
            "rolling": [_choice(request, choice, found) for choice in found.choices if choice.key.startswith("last_")],
            "calendar": _calendar(found),
            "charts": _chart_items(request, chart),
            "chart": _chart(merchant, found, chart),
            "cohorts": _cohorts(merchant),
            "needs": _needs(request, found),
            "chart_key": chart,
        },
    )


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def members(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the members behind a number, or behind something that needs attention."""
    merchant, asked = merchant_of(request), _asked(request)
    try:
        page = dashboard.members_behind(
            merchant=merchant, **asked, now=now_of(request), after=screens.read_cursor(request, str)
        )
        period = dashboard.parse_period(asked["period"], merchant=merchant, now=now_of(request))
    except LoyaltyError:
        raise Http404 from None
    groups = () if asked["metric"] == "insight" else metrics.BY_KEY[asked["metric"]].groups
    tabs = [
        {
            "label": group.title,
            "href": "?" + _query(metric=asked["metric"], group=group.key, period=asked["period"]),
            "is_current": group.key == asked["which"],
        }
        for group in groups
    ]
    title = _("Needs attention") if asked["metric"] == "insight" else metrics.BY_KEY[asked["metric"]].title
    return screens.show(
        request,
        "console/dashboard/members.html",
        {
            "page": page,
            "number": title,
            "tabs": tabs if len(tabs) > 1 else [],
            "last_day": period.end - timedelta(days=1),
            "period": period if asked["metric"] != "insight" else None,
            "cursor": screens.cursor_of(page.next) if page.next else None,
            "export": _export_url(request, "members", **{**asked, "group": asked["which"]}),
            "has_figures": asked["which"] not in ("points_expiring", "detractors_waiting"),
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
                dashboard.members_behind(merchant=merchant, **_asked(request), now=now, limit=1)
        except LoyaltyError:
            raise Http404 from None
        audit.record(
            merchant=merchant, action="data.exported", actor=actor_of(request), now=now, details={"table": table}
        )
    response = StreamingHttpResponse(
        exports.lines(_in_tenants(merchant, first, rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{merchant.slug}-{table}-{now:%Y-%m-%d}.csv"'
    return response


def _in_tenants(
    merchant: Merchant, first: list[tuple[exports.Cell, ...]], rows: Iterator[tuple[exports.Cell, ...]]
) -> Iterator[tuple[exports.Cell, ...]]:
    """A stream opens the merchant's data for each chunk, not for as long as somebody's line is slow."""
    yield from first
    while True:
        with tenancy.tenant(merchant):
            chunk = list(islice(rows, dashboard.PAGE_MAX))
        yield from chunk
        if len(chunk) < dashboard.PAGE_MAX:
            return


def _rows(request: HttpRequest, merchant: Merchant, table: str) -> Iterator[tuple[exports.Cell, ...]]:
    if table == "numbers":
        return exports.metric_rows(merchant=merchant)
    if table == "cohorts":
        return exports.cohort_rows(merchant=merchant)
    if table == "members":
        return exports.member_rows(merchant=merchant, **_asked(request), now=now_of(request))
    period = request.GET.get("period", DEFAULT_PERIOD)
    window = dashboard.parse_period(period, merchant=merchant, now=now_of(request))
    return exports.series_rows(
        merchant=merchant, grain="day" if table == "days" else "month", first=window.first, end=window.end
    )


def _asked(request: HttpRequest) -> dict[str, Any]:
    """What a list of members is behind: a metric's group in a period, or an insight."""
    metric = request.GET.get("metric", "insight")
    default = attention.KINDS[0] if metric == "insight" else ""
    return {
        "metric": metric,
        "which": request.GET.get("group", default),
        "period": request.GET.get("period", DEFAULT_PERIOD),
    }


# -- the page's parts -------------------------------------------------------------------------------------------------


def _stat(request: HttpRequest, found: Dashboard, tile: Tile) -> dict[str, Any]:
    """A tile as the `stat` component wants it, in the reader's language."""
    merchant = merchant_of(request)
    spread = None
    if tile.value is not None and tile.low is not None and tile.high is not None:
        spread = max(tile.value - tile.low, tile.high - tile.value)
    written = _written(merchant, tile)
    delta = None
    if tile.delta is not None:
        size = abs(tile.delta)
        delta = _("%(points)s pt") % {"points": formats.number(size, 1)} if tile.unit == "percent" else written(size)
    group = tile.groups[0] if tile.groups and screens.may_do(request, Permission.SEE_MEMBERS) else None
    return {
        "label": tile.title,
        "value": "–" if tile.value is None else written(tile.value),
        "unit": "%" if tile.unit == "percent" and tile.value is not None else "",
        "delta": delta,
        "trend": {"up": "up", "down": "down"}.get(tile.change or "", "flat"),
        "good": tile.is_good,
        "against": _("vs %(period)s") % {"period": _before(found.previous)},
        "definition": tile.explanation,
        "formula": tile.formula,
        "window": tile.window,
        "n": tile.n,
        "interval": None if spread is None else _interval(merchant, tile, spread),
        "computed_at": tile.computed_at,
        "spark": [None if point.value is None else float(point.value) for point in tile.spark],
        "spark_label": _("The last %(count)d months") % {"count": len(tile.spark)},
        "href": _behind_url(request, tile.metric, group, found.period.key) if group else "",
    }


def _before(previous: PeriodChoice) -> str:
    if previous.key.startswith("last_"):
        days = (previous.ends_on - previous.starts_on).days
        return ngettext("the %(count)d day before", "the %(count)d days before", days) % {"count": days}
    return previous.label


def _written(merchant: Merchant, tile: Tile) -> Any:
    if tile.unit == "money":
        return lambda value: formats.money(round(value), merchant.currency, merchant.display_digits)
    decimals = 1 if tile.unit == "percent" else 0
    return lambda value: formats.number(value, decimals)


def _interval(merchant: Merchant, tile: Tile, spread: Decimal) -> str:
    written: str = _written(merchant, tile)(spread)
    return written


def _choice(request: HttpRequest, choice: PeriodChoice, found: Dashboard) -> dict[str, Any]:
    return {
        "label": choice.label,
        "href": "?" + _kept(request, period=choice.key),
        "is_current": choice.key == found.period.key,
    }


def _calendar(found: Dashboard) -> list[dict[str, Any]]:
    """Months, quarters and years, in groups, for the select."""
    kinds: dict[str, list[dict[str, Any]]] = {_("Month"): [], _("Quarter"): [], _("Year"): []}
    names = list(kinds)
    for choice in found.choices:
        if choice.key.startswith("last_"):
            continue
        kind = names[2] if len(choice.key) == 4 else names[1] if "Q" in choice.key else names[0]
        label = formats.month(choice.starts_on) if kind == names[0] else choice.label
        if choice.is_running:
            label = _("%(period)s (so far)") % {"period": label}
        kinds[kind].append({"key": choice.key, "label": label, "is_current": choice.key == found.period.key})
    return [{"name": name, "items": items} for name, items in kinds.items() if items]


def _chart_items(request: HttpRequest, chart: str) -> list[dict[str, Any]]:
    return [
        {"label": title, "href": "?" + _kept(request, chart=key) + "#series", "is_current": key == chart}
        for key, (title, _lines) in CHARTS.items()
    ]


def _chart(merchant: Merchant, found: Dashboard, chart: str) -> dict[str, Any]:
    title, lines = CHARTS[chart]
    points = found.series.points
    divisor = 10 ** money.exponent(merchant.currency) if chart == "revenue" else 1
    labelled = formats.month if found.series.grain == "month" else formats.day_and_month
    return {
        "title": title,
        "labels": [labelled(point.starts_on) for point in points],
        "series": [
            {"label": label, "values": [_figure(point, name, divisor) for point in points]} for name, label in lines
        ],
        "grain": found.series.grain,
        "totals": found.series.totals,
    }


def _figure(point: SeriesPoint, name: str, divisor: int) -> int | float:
    value: int = getattr(point, name)
    return value if divisor == 1 else value / divisor


def _cohorts(merchant: Merchant) -> dict[str, Any]:
    rows = dashboard.cohorts(merchant=merchant, months=COHORT_MONTHS)
    width = max((len(row.shares) - 1 for row in rows), default=0)
    width = min(width, COHORT_MONTHS)
    return {
        "columns": [_("M%(number)d") % {"number": number} for number in range(1, width + 1)],
        "rows": [
            {
                "label": formats.month(row.joined_month) + (" *" if row.is_small else ""),
                "size": row.members,
                "shares": [
                    float(row.shares[after]) / 100 if after < len(row.shares) else None for after in range(1, width + 1)
                ],
            }
            for row in rows
        ],
        # Of a handful nothing can be said; of a few, with care.
        "smallest": SHOWN_FROM,
        "has_small": any(row.is_small for row in rows),
        "judged_from": dashboard.COHORT_MIN,
    }


def _needs(request: HttpRequest, found: Dashboard) -> list[dict[str, Any]]:
    """What somebody should look at: people first, then numbers, then what is broken."""
    needs: list[dict[str, Any]] = []
    merchant = merchant_of(request)
    sees = screens.may_do(request, Permission.SEE_MEMBERS)
    icons = {"regulars_slipping": ("people", "warning"), "points_expiring": ("clock", "info")}
    for item in found.attention:
        icon, tone = icons.get(item.kind, ("smile", "negative"))
        href = (
            reverse("console:dashboard_members", args=[merchant.slug]) + "?" + _query(metric="insight", group=item.kind)
        )
        needs.append(
            {"title": item.title, "text": item.detail, "icon": icon, "tone": tone, "href": href if sees else ""}
        )
    for tile in found.tiles:
        if tile.is_alarming:
            title = _("%(number)s is above %(limit)s %%") % {"number": tile.title, "limit": tile.alert_above}
            group = tile.groups[0] if tile.groups and sees else None
            href = _behind_url(request, tile.metric, group, found.period.key) if group else ""
            needs.append({"title": title, "text": tile.window, "icon": "alert", "tone": "warning", "href": href})
    if screens.may_do(request, Permission.MANAGE_WEBHOOKS):
        for endpoint in endpoints.listed(merchant=merchant):
            if endpoint.failing_since is not None and endpoint.disabled_at is None:
                since = formats.ago(endpoint.failing_since, now_of(request))
                needs.append({
                    "title": _("A webhook endpoint does not answer"),
                    "text": _("%(url)s, since %(when)s") % {"url": endpoint.url, "when": since},
                    "icon": "webhook",
                    "tone": "negative",
                    "href": reverse("console:webhook", args=[merchant.slug, endpoint.id]),
                })  # fmt: skip
    return needs


def _beginning(request: HttpRequest) -> dict[str, Any]:
    """The way from an empty house to the first numbers: programme, key, first sale."""
    merchant = merchant_of(request)
    slug = {"merchant_slug": merchant.slug}
    has_programme = bool(programmes.published(merchant=merchant, limit=1))
    has_key = any(key.revoked_at is None for key in keys.of(merchant))
    has_sale = finding.has_any(merchant=merchant)
    may_programme = screens.may_do(request, Permission.PUBLISH_PROGRAMME)
    steps = [
        {
            "title": _("Publish a programme"),
            "text": _("Choose what a purchase earns and what points buy. Start from a template."),
            "is_done": has_programme,
            "href": reverse("console:programme", kwargs=slug) if may_programme else "",
            "action": _("Set up the programme"),
        },
        {
            "title": _("Connect a till, or use the counter"),
            "text": _("A POS needs an API key. Without a POS, a phone at the counter is enough."),
            "is_done": has_key or has_sale,
            "href": reverse("console:keys", kwargs=slug) if screens.may_do(request, Permission.MANAGE_KEYS) else "",
            "action": _("Make an API key"),
        },
        {
            "title": _("Record the first sale"),
            "text": _("The till simulator sends one for you, so that you see what your till will get."),
            "is_done": has_sale,
            "href": reverse("console:till", kwargs=slug) if screens.may_do(request, Permission.MANAGE_KEYS) else "",
            "action": _("Open the till simulator"),
        },
        {
            "title": _("Read your numbers"),
            "text": _("They are computed every night, from the first sale on."),
            "is_done": False,
            "href": "",
            "action": "",
        },
    ]
    following = next((place for place, step in enumerate(steps) if not step["is_done"]), 0)
    return {"steps": steps, "following": following}


# -- addresses --------------------------------------------------------------------------------------------------------


def _behind_url(request: HttpRequest, metric: str, group: GroupInfo, period: str) -> str:
    path = reverse("console:dashboard_members", args=[merchant_of(request).slug])
    return f"{path}?{_query(metric=metric, group=group.key, period=period)}"


def _export_url(request: HttpRequest, table: str, **parameters: str) -> str:
    path = reverse("console:dashboard_export", args=[merchant_of(request).slug])
    wanted = {name: value for name, value in parameters.items() if name in ("metric", "group", "period")}
    return f"{path}?{_query(table=table, **wanted)}"


def _query(**parameters: str) -> str:
    query = QueryDict(mutable=True)
    query.update(parameters)
    return query.urlencode()


def _kept(request: HttpRequest, **changed: str) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    for name, value in changed.items():
        query[name] = value
    return query.urlencode()
