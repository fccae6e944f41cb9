"""The numbers the dashboard shows, by period; the cohorts; and the members behind a number."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from analytics import dashboard
from analytics.answers import CohortRow, Dashboard, MemberBehind
from loyalty.api import pages
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.pages import PageQuery
from loyalty.api.views import ApiView

Period = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=10,
        pattern=r"^[0-9A-Za-z_-]*\Z",
        description="last_30, last_90, last_365, a month (2026-10), a quarter (2026-Q3) or a year (2026).",
    ),
]


class MetricsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which period."""

    period: Period = "last_30"


class CohortQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back."""

    months: Annotated[int, Meta(ge=1, le=60)] = 18


class CohortList(msgspec.Struct, frozen=True, kw_only=True):
    """One row a month of joining: which share of its members bought k months later."""

    data: list[CohortRow]


class SegmentQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which members: those of a metric's group, or (metric `insight`) those who need attention."""

    metric: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,60}\Z")]
    group: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,60}\Z")]
    period: Period = "last_30"


class SegmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """The members behind a number, in the order of joining."""

    title: str
    total: int
    data: list[MemberBehind]
    next_cursor: str | None


class Metrics(ApiView):
    @operation(
        id="get_metrics",
        tag="Numbers",
        summary="The numbers of a period",
        description="Each with its definition, n, interval, the period before, and when it was computed. Nothing is "
        "computed by asking.",
        scope="metrics:read",
        query=MetricsQuery,
        query_examples={"period": "last_30"},
        answers={200: Dashboard},
        refusals=("no_such_period",),
    )
    def get(self, call: Call) -> Answer:
        return Answer(dashboard.overview(merchant=call.merchant, period=call.query.period, now=call.now))


class Cohorts(ApiView):
    @operation(
        id="get_cohorts",
        tag="Numbers",
        summary="Who comes back, by month of joining",
        scope="metrics:read",
        query=CohortQuery,
        query_examples={"months": 18},
        answers={200: CohortList},
    )
    def get(self, call: Call) -> Answer:
        return Answer(CohortList(data=list(dashboard.cohorts(merchant=call.merchant, months=call.query.months))))


class Segments(ApiView):
    @operation(
        id="list_segment",
        tag="Numbers",
        summary="The members behind a number",
        scope="metrics:read",
        query=SegmentQuery,
        query_examples={"metric": "insight", "group": "regulars_slipping"},
        answers={200: SegmentPage},
        refusals=("not_found", "no_such_period"),
    )
    def get(self, call: Call) -> Answer:
        query: SegmentQuery = call.query
        found = dashboard.members_behind(
            merchant=call.merchant,
            metric=query.metric,
            period=query.period,
            which=query.group,
            now=call.now,
            after=query.after(pages.Name),
            limit=query.limit,
        )
        following = pages.cursor_of(found.next) if found.next is not None else None
        return Answer(
            SegmentPage(title=found.title, total=found.total, data=list(found.members), next_cursor=following)
        )
