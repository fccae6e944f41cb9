"""Eighteen months of one shop, invented by dice with a seed: who joins when, who buys what, who brings something back.

Nothing here knows the database.  The same seed and the same last day tell the same story.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from loyalty.demo.people import Person, make_person
from loyalty.demo.shops import Article, DemoShop, Habit

MONTHS = 18
#: Answers to the survey are asked for every half year.
SURVEY_DAYS = 182


@dataclass(frozen=True, slots=True)
class DemoLine:
    sku: str
    category: str
    quantity: Decimal
    minor: int
    tax_minor: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One purchase; `member` is the person's number, None for a guest."""

    number: int
    at: datetime
    member: int | None
    location: str
    lines: tuple[DemoLine, ...]

    @property
    def total_minor(self) -> int:
        return sum(line.minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class Return:
    """A purchase brought back: whole, or its first line only."""

    visit: int
    at: datetime
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Joining:
    person: Person
    at: datetime
    habit: Habit
    location: str
    referred_by: int | None


@dataclass(frozen=True, slots=True)
class Opinion:
    member: int
    at: datetime
    score: int
    comment: str


@dataclass(slots=True)
class Story:
    """Everything that happened, each list in the order of time."""

    first_day: date
    end_day: date
    joinings: list[Joining] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    opinions: list[Opinion] = field(default_factory=list)


def tell(shop: DemoShop, *, today: date, seed: int) -> Story:
    """Invent the months up to yesterday."""
    dice = Random(f"{shop.slug} {seed}")  # noqa: S311 - a story, not a secret
    zone = ZoneInfo(shop.zone)
    month = today.year * 12 + today.month - 1 - MONTHS
    story = Story(date(month // 12, month % 12 + 1, 1), today)
    _join(story, shop, dice, zone)
    baskets = _Baskets(shop, dice)
    for joining in story.joinings:
        _shop_on(story, shop, joining, baskets, dice, zone)
    for day in _days(story.first_day, story.end_day):
        for _guest in range(_poisson(dice, shop.guests_a_day * _weight(shop, day))):
            story.visits.append(baskets.visit(_moment(dice, shop, day, zone), None))
    story.visits.sort(key=lambda visit: visit.at)
    for visit in story.visits:
        if dice.random() < shop.refund_chance and visit.total_minor:
            at = visit.at + timedelta(hours=dice.uniform(1, 24 * 9))
            if at < _start(story.end_day, zone):
                story.returns.append(Return(visit.number, at, dice.random() < 0.6 or len(visit.lines) == 1))
    story.returns.sort(key=lambda back: back.at)
    story.opinions.sort(key=lambda opinion: opinion.at)
    return story


def _join(story: Story, shop: DemoShop, dice: Random, zone: ZoneInfo) -> None:
    """A third joins in the first two months; then the programme spreads by word of mouth, faster before the holidays."""
    days = list(_days(story.first_day, story.end_day))
    weights = [(3.2 if n < 60 else 1.0 + n / len(days)) * _weight(shop, day) for n, day in enumerate(days)]
    chosen = sorted(dice.choices(range(len(days)), weights=weights, k=shop.members - 1))
    moments = sorted(_moment(dice, shop, days[n], zone) for n in chosen)
    # The named member was there from the first morning, and comes often.
    first = datetime.combine(days[0], time(11, 5), tzinfo=zone).astimezone(UTC)
    named, address = shop.named
    star = Person(1, named, address, None, "04-15", True)
    story.joinings.append(Joining(star, first, shop.habits[0], shop.locations[0][0], None))
    for number, at in enumerate((max(moment, first + timedelta(minutes=1)) for moment in moments), start=2):
        habit = dice.choices(shop.habits, weights=[h.share for h in shop.habits])[0]
        friend = dice.choice(story.joinings).person.number if dice.random() < 0.14 else None
        location = _location(shop, dice)
        story.joinings.append(Joining(make_person(dice, shop.where, number), at, habit, location, friend))


def _shop_on(story: Story, shop: DemoShop, joining: Joining, baskets: _Baskets, dice: Random, zone: ZoneInfo) -> None:
    """Walk a member through the days: mostly a first purchase at joining, then by habit, until they stay away."""
    member, habit = joining.person.number, joining.habit
    joined_on = joining.at.astimezone(zone).date()
    visits: list[datetime] = []
    if dice.random() < 0.92:
        visits.append(joining.at + timedelta(minutes=2))
    stays_away = member != 1
    asked_on = joined_on + timedelta(days=dice.randint(30, SURVEY_DAYS))
    for day in _days(joined_on + timedelta(days=1), story.end_day):
        if stays_away and dice.random() < habit.leaving / 30:
            break
        if dice.random() < habit.visits_a_week / 7 * _weight(shop, day):
            visits.append(_moment(dice, shop, day, zone))
        if day == asked_on:
            asked_on = day + timedelta(days=SURVEY_DAYS)
            if dice.random() < 0.45:
                story.opinions.append(_opinion(shop, member, habit, _moment(dice, shop, day, zone), dice))
    end = _start(story.end_day, zone)
    story.visits += [baskets.visit(at, member) for at in visits if at < end]


def _opinion(shop: DemoShop, member: int, habit: Habit, at: datetime, dice: Random) -> Opinion:
    mood = dice.choices(("detractor", "passive", "promoter"), weights=habit.mood)[0]
    score = {
        "detractor": dice.choice((2, 3, 4, 5, 6, 6)),
        "passive": dice.choice((7, 8)),
        "promoter": dice.choice((9, 10)),
    }
    comment = dice.choice(shop.comments[mood]) if dice.random() < 0.5 else ""
    return Opinion(member, at, score[mood], comment)


class _Baskets:
    """Fills baskets; counts the receipts."""

    def __init__(self, shop: DemoShop, dice: Random) -> None:
        self.shop = shop
        self.dice = dice
        self.articles = list(accumulate(article.weight for article in shop.articles))
        self.receipts = 0

    def visit(self, at: datetime, member: int | None) -> Visit:
        self.receipts += 1
        lines: dict[str, DemoLine] = {}
        for _line in range(self.dice.choices((1, 2, 3, 4), weights=self.shop.lines_weights)[0]):
            article = self.article()
            lines.setdefault(article.sku, self.line(article))
        # A cup of one's own comes with a drink, never alone.
        if all(line.minor == 0 for line in lines.values()):
            lines[self.shop.articles[0].sku] = self.line(self.shop.articles[0])
        return Visit(self.receipts, at, member, _location(self.shop, self.dice), tuple(lines.values()))

    def article(self) -> Article:
        place = bisect.bisect_right(self.articles, self.dice.random() * self.articles[-1])
        return self.shop.articles[min(place, len(self.shop.articles) - 1)]

    def line(self, article: Article) -> DemoLine:
        quantity = 2 if article.minor and self.dice.random() < 0.08 else 1
        minor = article.minor * quantity
        tax = (
            0
            if article.category == "gift_card"
            else round(minor * self.shop.tax_per_mille / (1000 + self.shop.tax_per_mille))
        )
        return DemoLine(
            article.sku, article.category, Decimal(quantity), minor, tax, round(minor * self.shop.cost_share)
        )


# -- time ---------------------------------------------------------------------------------------------------------


def _weight(shop: DemoShop, day: date) -> float:
    return shop.weekdays[day.weekday()] * shop.months[day.month - 1]


def _moment(dice: Random, shop: DemoShop, day: date, zone: ZoneInfo) -> datetime:
    hour = dice.choices(range(24), weights=shop.hours[day.weekday() >= 5])[0]
    local = datetime.combine(day, time(hour, dice.randrange(60), dice.randrange(60)), tzinfo=zone)
    return local.astimezone(UTC)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _location(shop: DemoShop, dice: Random) -> str:
    return shop.locations[0 if dice.random() < 0.7 else 1][0]


def _days(first: date, end: date) -> Iterator[date]:
    for n in range((end - first).days):
        yield first + timedelta(days=n)


def _poisson(dice: Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count
