"""What the dashboard is made of, shaped and frozen: numbers with all that is needed to judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Change = Literal["up", "down", "same"]
Grain = Literal["week", "month", "quarter", "year"]
Reason = Literal["not_begun", "not_computed_yet", "nothing_yet", "before_first_day"]


@dataclass(frozen=True, slots=True)
class PeriodChoice:
    """A period one can choose: `key` goes into addresses, `label` is for people."""

    key: str
    label: str
    starts_on: date
    ends_on: date  # exclusive
    is_running: bool


@dataclass(frozen=True, slots=True)
class SparkPoint:
    starts_on: date
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """Members behind a number that can be listed; `count` is None where it is only known by listing."""

    key: str
    title: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with all that is needed to judge it.

    `value`, `low`, `high`, `previous` and `delta` are in the unit people read: percent for shares, points of NPS,
    and minor units (with a fraction) for money.  `delta` is a plain difference to the period before.
    """

    metric: str
    title: str
    unit: Literal["percent", "money", "score"]
    value: Decimal | None
    low: Decimal | None
    high: Decimal | None
    n: int
    previous: Decimal | None
    delta: Decimal | None
    change: Change | None
    is_good: bool | None
    is_alarming: bool
    alert_above: Decimal | None
    alert_reason: str
    window: str
    formula: str
    explanation: str
    source: str
    definition: int
    parts: Mapping[str, int]
    groups: tuple[GroupInfo, ...]
    #: The metric that this is another definition of; the two are shown together.
    beside: str | None
    #: Instead of a value: it would rest on fewer answers than the merchant's settings ask for.
    too_few: str
    #: The number looks back to before the first sale: so it counts from then on only.
    counts_since: date | None
    #: A running period is counted, and compared with the one before, up to here (exclusive).
    counted_until: date
    spark: tuple[SparkPoint, ...]
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """The sums of one day or month; days without anything are there with zeros."""

    starts_on: date
    purchases: int = 0
    guest_purchases: int = 0
    revenue_minor: int = 0
    guest_revenue_minor: int = 0
    points_paid_minor: int = 0
    free_purchases: int = 0
    active_members: int = 0
    enrolments: int = 0
    points_issued: int = 0
    points_redeemed: int = 0
    points_expired: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    grain: Literal["day", "month"]
    points: tuple[SeriesPoint, ...]
    totals: SeriesPoint


@dataclass(frozen=True, slots=True)
class CohortRow:
    """Members who joined, or first bought, in one month; `shares[k]` is the percentage that bought k months later."""

    joined_month: date
    members: int
    active: tuple[int, ...]
    shares: tuple[Decimal, ...]
    revenue_minor: tuple[int, ...]
    is_small: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """The liability as of `computed_at`: points owed, and what they cost at the terms' rate if all are redeemed.

    `outstanding` is `spendable`, `pending` and `held` together.
    """

    outstanding: int
    spendable: int
    pending: int
    held: int
    debt: int
    cost_minor: int | None
    rate: str | None
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs somebody: a sentence, and the list behind it (`members_behind("insight", …, kind)`)."""

    kind: str
    title: str
    detail: str
    members: int
    amount: int
    unit: Literal["money", "points", "answers", "purchases"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """When the numbers were computed, and whether the night before failed since."""

    computed_at: datetime | None
    is_failing: bool


@dataclass(frozen=True, slots=True)
class TodaySoFar:
    """What happened on the merchant's day up to `counted_at`, counted from the tables.

    `revenue_minor` is net of today's refunds of today's purchases; `points_paid_minor` is the part of it that points paid.
    """

    day: date
    purchases: int
    revenue_minor: int
    points_paid_minor: int
    new_members: int
    rewards: int
    counted_at: datetime
    #: Revenue of each hour of the merchant's day, 0 to 23, by when it was sold.
    revenue_by_hour: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NoNumbers:
    """Why a period has none, in one word and one sentence; the first day of anything, and a period that has some."""

    reason: Reason
    detail: str
    first_day: date | None
    nearest: PeriodChoice | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    period: PeriodChoice
    previous: PeriodChoice
    choices: tuple[PeriodChoice, ...]
    tiles: tuple[Tile, ...]
    beside: tuple[Tile, ...]  # numbers that stand beside the six
    series: Series
    liability: Owed | None
    attention: tuple[Attention, ...]
    freshness: Freshness
    today: TodaySoFar
    #: Why there are no tiles; None where there are.
    empty: NoNumbers | None


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """What was sold, who bought and what was redeemed in one period; sums of days.

    Money in minor units, net of refunds.  Of one location nobody joins: `joined` is None there.
    """

    revenue_minor: int
    guest_revenue_minor: int
    purchases: int
    active_members: int
    joined: int | None
    reward_cost_minor: int
    rewards: int
    rewards_without_price: int

    @property
    def members_revenue_minor(self) -> int:
        return self.revenue_minor - self.guest_revenue_minor

    @property
    def members_share(self) -> Decimal | None:
        """Return the members' share of sales, 0 to 1; None where nothing was sold."""
        return Decimal(self.members_revenue_minor) / self.revenue_minor if self.revenue_minor > 0 else None

    @property
    def reward_cost_share(self) -> Decimal | None:
        """Return what rewards cost, of what was sold; None where nothing was sold."""
        return Decimal(self.reward_cost_minor) / self.revenue_minor if self.revenue_minor > 0 else None


@dataclass(frozen=True, slots=True)
class SalesBar:
    """Sales of the days [starts_on, ends_on), and what members bought on as many days of the period before."""

    starts_on: date
    ends_on: date
    members_minor: int
    guests_minor: int
    members_before_minor: int


@dataclass(frozen=True, slots=True)
class LocationSums:
    """One location's part of a period; id 0 holds the sales that name none."""

    location_id: int
    revenue_minor: int
    members_revenue_minor: int
    active_members: int


@dataclass(frozen=True, slots=True)
class RewardSums:
    """What was redeemed of one reward in a period; an empty code is amounts paid with points."""

    reward: str
    redemptions: int
    cost_minor: int
    without_price: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the dashboard shows of one period, of all locations or of one.

    `tiles` are of all locations always; `members` have joined, and `purchases` were counted, up to the last night.  `first_day` is None as long as no night has computed anything.
    """

    choices: tuple[PeriodChoice, ...]
    period: PeriodChoice
    previous: PeriodChoice
    sums: PeriodSums
    before: PeriodSums
    grain: Grain
    bars: tuple[SalesBar, ...]
    tiles: Mapping[str, Tile]
    locations: tuple[LocationSums, ...]
    rewards: tuple[RewardSums, ...]
    cohorts: tuple[CohortRow, ...]
    members: int
    purchases: int
    liability: Owed | None
    attention: tuple[Attention, ...]
    freshness: Freshness
    today: TodaySoFar
    first_day: date | None


@dataclass(frozen=True, slots=True)
class MemberBehind:
    """One member behind a number, by public id; the figures are of the window that was asked for.

    Where the number is not about purchases (survey answers, points) there are none, and `last_day` is the answer's.
    Behind what needs attention `at_stake` says how much.  `contact` is masked, and empty where there is none.
    """

    id: str
    name: str
    purchases: int | None
    revenue_minor: int | None
    last_day: date | None
    at_stake: int | None
    contact: str


@dataclass(frozen=True, slots=True)
class MembersPage:
    title: str
    members: tuple[MemberBehind, ...]
    total: int
    next: str | None
