"""Today so far: counted from the tables, also before the first night and on a restored installation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics import runs, today
from analytics.models import MetricRun
from members.models import Member
from merchants import tenancy
from tests import builders

pytestmark = pytest.mark.usefixtures("committed")


def counted(cafe, now):
    with tenancy.tenant(cafe.merchant):
        found = today.so_far(merchant=cafe.merchant, now=now)
    return found.purchases, found.revenue_minor, found.points_paid_minor, found.new_members, found.rewards


def test_two_sales_a_member_and_a_reward_are_there_at_once():
    """Mina joins, spends 12,300 and 50,000, brings 300 back and takes a coffee; tomorrow begins with nothing."""
    cafe = builders.cafe()
    now = cafe.now
    # Runs of days before move the mark from which today's sales are looked for.
    runs.run(cafe.merchant, now=now - timedelta(days=2))
    assert counted(cafe, now) == (0, 0, 0, 0, 0)
    [mina] = cafe.cast("Mina")
    with tenancy.tenant(cafe.merchant):
        Member.objects.filter(merchant=cafe.merchant).update(joined_at=now)
    mina.buys(12_300, external_id="r1")
    mina.buys(50_000, external_id="r2")
    mina.returns("r1", 300)
    assert counted(cafe, now) == (2, 62_000, 0, 1, 0)
    mina.redeems(reward="coffee")
    assert counted(cafe, now) == (2, 62_000, 0, 1, 1)

    # A run as of an earlier day has looked by now, and says an earlier start.
    runs.run(cafe.merchant, now=now - timedelta(days=40), is_as_of=True)
    assert counted(cafe, now) == (2, 62_000, 0, 1, 1)

    # Marks of another cluster say nothing: a dump was restored, and its night is still to come.
    with tenancy.tenant(cafe.merchant):
        MetricRun.objects.filter(merchant=cafe.merchant).update(cluster="another", seen_through=2**60)
    assert counted(cafe, now) == (2, 62_000, 0, 1, 1)
    assert counted(cafe, now + timedelta(days=1)) == (0, 0, 0, 0, 0)
