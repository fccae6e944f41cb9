"""The numbers the dashboard shows, by period; the cohorts; and the members behind a number."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from analytics import dashboard
from analytics.answers import CohortRow, Dashboard, MemberBehind
from analytics.members_behind import members_behind
from loyalty.api.framework import pages
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.views import ApiView
from merchants import cursors

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
    """How far back, and what begins a cohort."""

    months: Annotated[int, Meta(ge=1, le=60)] = 18
    by: Annotated[
        Literal["joined", "first_purchase"],
        Meta(description="Cohorts of one month of joining, or of the first purchase."),
    ] = "joined"


class CohortList(msgspec.Struct, frozen=True, kw_only=True):
    """One row a month: of those who joined (or first bought) in it, which share bought k months later."""

    data: list[CohortRow]


class SegmentQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which members: those of a metric's group, or (metric `insight`) those who need attention."""

    metric: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,60}\Z")]
    group: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,60}\Z")]
    period: Period = "last_30"


class SegmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """The members behind a number in the order of joining; behind an insight, whom most is at stake with first."""

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
        "computed by asking, but today's trade so far, which is counted from the tables. A period without numbers says why in "
        "`empty`; a running one is compared with as many days of the one before.",
        scope="metrics:read",
        query=MetricsQuery,
        query_examples={"period": "last_30"},
        answers={200: Dashboard},
        refusals=("no_such_period",),
    )
    def get(self, call: Call) -> ApiAnswer:
        return ApiAnswer(dashboard.overview(merchant=call.merchant, period=call.query.period, now=call.now))


class Cohorts(ApiView):
    @operation(
        id="get_cohorts",
        tag="Numbers",
        summary="Who comes back, by month of joining or of the first purchase",
        scope="metrics:read",
        query=CohortQuery,
        query_examples={"months": 18},
        answers={200: CohortList},
    )
    def get(self, call: Call) -> ApiAnswer:
        found = dashboard.cohorts(merchant=call.merchant, months=call.query.months, basis=call.query.by)
        return ApiAnswer(CohortList(data=list(found)))


class Segments(ApiView):
    @operation(
        id="list_segment_members",
        tag="Numbers",
        summary="List the members behind a number",
        description="A segment is a group of members that a number counts: `metric` and `group` are the `metric` and a "
        "`groups[].key` of `GET /metrics`. Behind what needs attention the metric is `insight`, and the group its `kind`.",
        scope="metrics:read",
        query=SegmentQuery,
        query_examples={"metric": "insight", "group": "regulars_slipping"},
        answers={200: SegmentPage},
        refusals=("not_found", "no_such_period"),
    )
    def get(self, call: Call) -> ApiAnswer:
        query: SegmentQuery = call.query
        found = members_behind(
            merchant=call.merchant,
            metric=query.metric,
            period=query.period,
            which=query.group,
            now=call.now,
            after=query.after(pages.Name),
            limit=query.limit,
        )
        following = cursors.write(found.next) if found.next is not None else None
        return ApiAnswer(
            SegmentPage(title=found.title, total=found.total, data=list(found.members), next_cursor=following)
        )
