"""Addresses of the dashboard: the members behind a number, a table as CSV, this page with another choice."""

from __future__ import annotations

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from analytics.answers import GroupInfo
from loyalty.tenant import merchant_of

DEFAULT_PERIOD = "last_90"


def behind(request: HttpRequest, metric: str, group: GroupInfo, period: str) -> str:
    path = reverse("console:dashboard_members", args=[merchant_of(request).slug])
    return f"{path}?{query(metric=metric, group=group.key, period=period)}"


def export(request: HttpRequest, table: str, **parameters: str) -> str:
    path = reverse("console:dashboard_export", args=[merchant_of(request).slug])
    wanted = {name: value for name, value in parameters.items() if name in ("metric", "group", "period", "shop")}
    return f"{path}?{query(table=table, **wanted)}"


def query(**parameters: str) -> str:
    query = QueryDict(mutable=True)
    query.update(parameters)
    return query.urlencode()


def kept(request: HttpRequest, **changed: str) -> str:
    """Return this page's parameters with some changed; another period takes the place of days of one's own choice."""
    query = request.GET.copy()
    dropped = ["cursor"] + (["from", "to", "bar"] if "period" in changed else [])
    for name in dropped:
        query.pop(name, None)
    for name, value in changed.items():
        query[name] = value
    return query.urlencode()
