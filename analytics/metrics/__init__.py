"""The numbers, one definition a file.  A new one is a new file and one line here."""

from __future__ import annotations

from typing import Final

from analytics.metrics import (
    average_order_value,
    churn,
    loyal_customer_rate,
    members_share,
    nps,
    points_redeemed,
    repeat_purchase_rate,
    repeat_share_of_all,
    retention,
    reward_cost,
)
from analytics.metrics.definition import Count as Count
from analytics.metrics.definition import Group as Group
from analytics.metrics.definition import Metric as Metric
from analytics.metrics.definition import Tally as Tally

METRICS: Final = (
    retention.METRIC,
    churn.METRIC,
    repeat_purchase_rate.METRIC,
    repeat_purchase_rate.BY_DAYS,
    repeat_share_of_all.METRIC,
    loyal_customer_rate.METRIC,
    loyal_customer_rate.BY_DAYS,
    average_order_value.METRIC,
    average_order_value.IN_MONEY,
    average_order_value.ABOVE_ZERO,
    nps.METRIC,
    members_share.METRIC,
    reward_cost.METRIC,
    points_redeemed.METRIC,
)
BY_KEY: Final = {metric.key: metric for metric in METRICS}
