"""How many stamps a purchase earns, card by card: exact, from the basket and what is known of the member's day.

The names of what is earned: `stamps:coffee`, the stamps; `stamps:coffee:rest`, by how much what is carried over changes
(thousandths of pieces, or minor units); `stamps:coffee:2026-01-07`, what is used of the day's limit.  All add up.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from merchants import periods
from rewards.earning.basket import Line, TraceLine, lines_of, points_shares, towards_zero
from rewards.earning.chosen import Chosen
from rewards.earning.conditions import WEEKDAYS, Moment
from rewards.terms import Terms
from rewards.terms.stamps import StampBonus, StampCard

KEY: Final = "stamps"
TEXTS: Final[dict[str, Any]] = {
    "stamped": _("%(card)s: stamps +%(stamps)s"),
    "stamps_taken_back": _("%(card)s: stamps −%(stamps)s, for what came back"),
    "stamps_cut": _("%(card)s: cut to the limit of %(most)s"),
}


class Earned(NamedTuple):
    """What is earned, or taken back, on one card: stamps, what is carried over, and uses of the days' limits by name."""

    stamps: int = 0
    rest: int = 0
    days: Mapping[str, int] = {}


def name_of(card: str) -> str:
    """Name the stamps of a card."""
    return f"{KEY}:{card}"


def rest_of(card: str) -> str:
    """Name what of a card is carried over."""
    return f"{KEY}:{card}:rest"


def day_of(card: str, day: date) -> str:
    """Name what is used of a card's limit per day."""
    return f"{KEY}:{card}:{day.isoformat()}"


def by_card(outcomes: Mapping[str, int]) -> dict[str, Earned]:
    """Sort what an evaluation says of stamps by card; of a difference of two evaluations too."""
    found: dict[str, Earned] = {}
    for name, number in outcomes.items():
        key, _colon, rest = name.partition(":")
        if key != KEY or not number:
            continue
        card, _colon, what = rest.partition(":")
        on = found.get(card, Earned())
        if not what:
            found[card] = on._replace(stamps=number)
        elif what == "rest":
            found[card] = on._replace(rest=number)
        else:
            found[card] = on._replace(days={**on.days, name: number})
    return found


class ReadyCard:
    """A card made ready for arithmetic, once: its goods as sets, its rate as figures."""

    __slots__ = ("card", "chosen", "kinds", "name", "never", "rate")

    def __init__(self, card: StampCard, terms: Terms) -> None:
        self.card = card
        self.name = name_of(card.code)
        self.rate = card.gives.compile()
        self.chosen = Chosen(card.only, card.excluding)
        self.kinds = frozenset(terms.earning.kinds)
        self.never = Chosen(None, terms.earning.excluding)

    def holds(self, line: Line) -> bool:
        """State whether a line may give stamps."""
        return line.kind in self.kinds and self.never.holds(line) and self.chosen.holds(line)


def ready(cards: Sequence[StampCard], terms: Terms) -> tuple[ReadyCard, ...]:
    """Make the cards of a document ready."""
    return tuple(ReadyCard(card, terms) for card in cards)


def earned(cards: Sequence[ReadyCard], moment: Moment, trace: list[TraceLine]) -> Mapping[str, int]:
    """State what a basket earns on each card; nothing where nothing is known of the member's cards (absent is not zero)."""
    known = moment.facts.more.get(KEY)
    if known is None:
        return {}
    found: dict[str, int] = {}
    for card in cards:
        if card.card.refusal(moment) is None:
            found |= _on(card, moment, known, trace)
    return found


def _on(ready_card: ReadyCard, moment: Moment, known: Mapping[str, int], trace: list[TraceLine]) -> dict[str, int]:
    card, rate, name = ready_card.card, ready_card.rate, ready_card.name
    shares = points_shares(moment.basket)
    # What was free gives no stamp: nobody pays for a drink that a full card, a discount or points paid.
    paid = {
        line.id: line.amount_minor - (shares[line.id] if line.amount_minor > 0 else 0)
        for line in lines_of(moment.basket)
    }
    lines = [line for line in lines_of(moment.basket) if paid[line.id] and ready_card.holds(line)]
    amount = sum(paid[line.id] for line in lines)
    sign = -1 if amount < 0 else 1
    if not lines or (card.minimum_amount_minor is not None and amount * sign < card.minimum_amount_minor):
        return {}
    rest = 0
    if rate.per == 0:
        stamps = 1 if amount > 0 else 0
    else:
        counted = amount
        if rate.by_quantity:
            counted = sum(line.quantity_milli if paid[line.id] > 0 else -line.quantity_milli for line in lines)
        if rate.carries:
            before = known.get(rest_of(card.code), 0)
            stamps, after = divmod(before + counted, rate.per)
            rest = after - before
        else:
            stamps = towards_zero(counted, rate.per)
    stamps *= max((bonus.factor for bonus in card.bonuses if _applies(bonus, moment)), default=1)
    used = day_of(card.code, moment.day)
    stamps = _limited(ready_card, stamps, known.get(used, 0), trace)
    if stamps:
        code = "stamped" if stamps > 0 else "stamps_taken_back"
        trace.append(TraceLine(code=code, data={"card": card.code, "stamps": abs(stamps)}))
    found = {name: stamps, rest_of(card.code): rest}
    return {**found, used: stamps} if card.most_per_day is not None and stamps > 0 else found


def _applies(bonus: StampBonus, moment: Moment) -> bool:
    if bonus.first_day is not None and moment.day < bonus.first_day:
        return False
    if bonus.last_day is not None and moment.day > bonus.last_day:
        return False
    is_on_day = not bonus.weekdays or WEEKDAYS[moment.local.weekday()] in bonus.weekdays
    return is_on_day and bonus.refusal(moment) is None


def _limited(ready_card: ReadyCard, stamps: int, used: int, trace: list[TraceLine]) -> int:
    """Cut to the limits of the order and of the day; below zero, to the most that one order takes back."""
    card = ready_card.card
    limits = [most for most in (card.most_per_order, card.most_per_day) if most is not None]
    if stamps > 0 and card.most_per_day is not None:
        limits.append(max(0, card.most_per_day - used))
    most = min(limits, default=abs(stamps))
    if abs(stamps) <= most:
        return stamps
    trace.append(TraceLine(code="stamps_cut", data={"card": card.code, "most": most}))
    return most if stamps > 0 else -most


class Fill(NamedTuple):
    """One card that is full: the stamps it takes, and those beyond them that are lost where they may not begin the next."""

    size: int
    lost: int


def fills(card: StampCard, stamps: int, *, filled_before: int = 0) -> list[Fill]:
    """List the cards that so many stamps on the open card fill, one after the other.

    `filled_before`: how many the member has filled already, which decides the size of the next ones.
    """
    found: list[Fill] = []
    while stamps >= (size := size_of(card, filled_before + len(found))):
        found.append(Fill(size, 0 if card.starts_next else stamps - size))
        stamps -= sum(found[-1])
    return found


def filled(card: StampCard, stamps: int, *, filled_before: int = 0) -> tuple[int, int]:
    """State how many cards so many stamps on the open card fill, and how many are left on the next."""
    found = fills(card, stamps, filled_before=filled_before)
    return len(found), stamps - sum(sum(each) for each in found)


def size_of(card: StampCard, filled_before: int) -> int:
    """State how many stamps the next card takes of a member who has filled so many."""
    return card.sizes[min(filled_before, len(card.sizes) - 1)]


def last_day_of_stamps(card: StampCard, latest_stamp: date) -> date | None:
    """Find the last day of stamps whose latest came on a day; None where they do not end."""
    return None if card.life is None else periods.shift(latest_stamp, card.life.count, card.life.unit)


def last_day_of_reward(card: StampCard, filled_on: date) -> date | None:
    """Find the last day to take the reward of a card filled on a day; None where there is none."""
    return None if card.reward_days is None else filled_on + timedelta(days=card.reward_days)
