"""Which rules meet in one purchase, and what happens then: pure, found by making such a purchase and evaluating it.

Two rules meet when their days, hours, goods, members and amounts have something in common.  The purchase that shows it is
made of that, so what is said of it is what the evaluation does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import lcm
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from msgspec import structs

from rewards.earning.basket import Basket, Evaluation, Facts, Line
from rewards.earning.chosen import Chosen
from rewards.earning.conditions import WEEKDAYS
from rewards.earning.evaluation import evaluate
from rewards.terms import Conditions, Goods, Phrasing, Rule, Terms, ratio

#: More rules than this are not compared: who has as many reads the simulator.
MOST_RULES: Final = 20
_AFTERNOON: Final = 15 * 60
_ZONE: Final = ZoneInfo("UTC")
#: As many rules are named with their figures.
_FIGURED: Final = 3
#: Why a rule that meets the others does not count after all.
_BEATEN: Final = ("stopped", "better_rule", "earlier_rule", "nothing_to_multiply")


@dataclass(frozen=True, slots=True)
class Meeting:
    """Rules that meet: when, in which purchase, and what it earns. `points` are whole smallest units."""

    rules: tuple[Rule, ...]
    when: Conditions
    basket: Basket
    facts: Facts
    points: int
    #: The codes that count.
    counting: tuple[str, ...]
    #: Those that do not: code, why, and by which rule.
    beaten: tuple[tuple[str, str, str], ...]
    #: Whether a limit cuts what they give.
    is_cut: bool


def meetings(terms: Terms, today: date) -> list[Meeting]:
    """List the largest sets of rules that meet in one purchase, each once, in the order of the rules."""
    found: dict[frozenset[str], Meeting] = {}
    for first in terms.earning.rules[:MOST_RULES]:
        rules, meeting = [first], None
        for other in terms.earning.rules[:MOST_RULES]:
            if other is not first and (wider := meet(terms, [*rules, other], today)) is not None:
                rules, meeting = [*rules, other], wider
        if meeting is not None:
            found.setdefault(frozenset(rule.code for rule in rules), meeting)
    return list(found.values())


def meetings_of(terms: Terms, code: str, today: date) -> list[Meeting]:
    """List the meetings of one rule with each of the others."""
    own = next((rule for rule in terms.earning.rules if rule.code == code), None)
    if own is None:
        return []
    others = [rule for rule in terms.earning.rules[:MOST_RULES] if rule.code != code]
    return [meeting for other in others if (meeting := meet(terms, [own, other], today)) is not None]


def meet(terms: Terms, rules: Sequence[Rule], today: date) -> Meeting | None:
    """Make a purchase to which all these rules apply and evaluate it; None where there is none."""
    rules = [rule for rule in terms.earning.rules if rule in rules]
    when = _common(rules)
    if when is None:
        return None
    at, ordinal = _moment(when, rules, today), _ordinal(rules)
    lines = _lines(terms, rules, when)
    if at is None or ordinal is None or not lines:
        return None
    basket = Basket(
        occurred_at=at, currency=terms.currency, total_minor=sum(line.amount_minor for line in lines), lines=lines,
        location=next(iter(when.locations), None), channel=next(iter(when.channels), None),
    )  # fmt: skip
    tier = next(iter(when.tiers), None)
    birthday = (at.month, at.day) if when.birthday is not None else None
    facts = Facts(tier=tier, ordinal=ordinal, birthday=birthday)
    return _evaluated(terms, rules, when, basket, facts)


def _evaluated(
    terms: Terms, rules: Sequence[Rule], when: Conditions, basket: Basket, facts: Facts
) -> Meeting | None:  # fmt: skip
    found: Evaluation = evaluate(terms, basket, facts, zone=_ZONE)
    codes = {rule.code for rule in rules}
    skipped = {step.rule: step.data for step in found.trace if step.code == "skipped" and step.rule in codes}
    if any(data["why"] not in _BEATEN for data in skipped.values()):
        return None
    beaten = tuple(
        (rule.code, skipped[rule.code]["why"], str(skipped[rule.code].get("by", "")))
        for rule in rules
        if rule.code in skipped
    )
    # Whoever beats a rule is one of those it meets: else it is beaten in any company.
    if any(by and by not in codes for _code, _why, by in beaten):
        return None
    return Meeting(
        tuple(rules), when, basket, facts, found.points, tuple(rule.code for rule in rules if rule.code not in skipped),
        beaten, any(step.code == "capped" for step in found.trace),
    )  # fmt: skip


# -- what they have in common -----------------------------------------------------------------------------------------


def _common(rules: Sequence[Rule]) -> Conditions | None:
    """Return the conditions that all of them ask for; None where they exclude each other."""
    whens = [rule.when for rule in rules]
    first = max((when.first_day for when in whens if when.first_day is not None), default=None)
    last = min((when.last_day for when in whens if when.last_day is not None), default=None)
    if first is not None and last is not None and last < first:
        return None
    common: dict[str, tuple[str, ...]] = {}
    for name in ("weekdays", "locations", "channels", "tiers"):
        asked = [getattr(when, name) for when in whens if getattr(when, name)]
        common[name] = tuple(each for each in (asked[0] if asked else ()) if all(each in other for other in asked))
        if asked and not common[name]:
            return None
    least = max((when.minimum_amount_minor for when in whens if when.minimum_amount_minor is not None), default=None)
    below = min((when.below_amount_minor for when in whens if when.below_amount_minor is not None), default=None)
    birthdays = [when.birthday for when in whens if when.birthday is not None]
    changes: dict[str, Any] = {
        **common, "first_day": first, "last_day": last, "minimum_amount_minor": least, "below_amount_minor": below,
        "minimum_quantity_milli": max((when.minimum_quantity_milli or 0 for when in whens), default=0) or None,
        # The narrowest: on the day it is the week and the month, too.
        "birthday": next((each for each in ("day", "week", "month") if each in birthdays), None),
        "without_points": any(when.without_points for when in whens),
    }  # fmt: skip
    return structs.replace(Conditions(), **changes)


def _moment(when: Conditions, rules: Sequence[Rule], today: date) -> datetime | None:
    """Find a time on a day that all of them allow, from today on where they leave it open."""
    day = max(today, when.first_day) if when.first_day is not None else today
    if when.last_day is not None and day > when.last_day:
        day = when.last_day
    ahead = [day + timedelta(days=days) for days in range(7)]
    back = [day - timedelta(days=days) for days in range(7)]
    allowed = [
        each
        for each in (*ahead, *back)
        if (when.first_day is None or each >= when.first_day)
        and (when.last_day is None or each <= when.last_day)
        and (not when.weekdays or WEEKDAYS[each.weekday()] in when.weekdays)
    ]
    # Where spans of hours have a time in common, the first such time begins one of them; else any afternoon will do.
    begins = [_minutes(each.start) for rule in rules for each in rule.when.hours]
    clock = next((each for each in (_AFTERNOON, *begins) if _all_open(rules, each)), None)
    if not allowed or clock is None:
        return None
    return datetime.combine(allowed[0], time(clock // 60, clock % 60), tzinfo=UTC)


def _all_open(rules: Sequence[Rule], clock: int) -> bool:
    return all(
        not rule.when.hours or any(_is_open(each.start, each.end, clock) for each in rule.when.hours) for rule in rules
    )


def _is_open(start: str, end: str, clock: int) -> bool:
    first, last = _minutes(start), _minutes(end)
    return first <= clock < last if first < last else clock >= first or clock < last


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _ordinal(rules: Sequence[Rule]) -> int | None:
    """Find a number of the member's purchase that all of them count."""
    numbers = {rule.when.nth_purchase for rule in rules if rule.when.nth_purchase is not None}
    every = lcm(*(rule.when.every_nth_purchase or 1 for rule in rules))
    if len(numbers) > 1:
        return None
    if numbers:
        number = numbers.pop()
        return number if number % every == 0 else None
    return every if every > 1 else 2


def _lines(terms: Terms, rules: Sequence[Rule], when: Conditions) -> tuple[Line, ...]:
    """Find lines of which each rule looks at one: the same one for all, where there is such."""
    minor = _amount(terms, rules, when)
    milli = max(
        [1000, when.minimum_quantity_milli or 0, *(rule.compile().per for rule in rules if rule.compile().by_quantity)]
    )
    if minor is None:
        return ()
    general = Chosen(None, terms.earning.excluding)
    asked = [goods for rule in rules for goods in (rule.only, rule.when.with_goods) if goods is not None]
    candidates = [*_some(asked), Line(id="1", amount_minor=minor)]
    candidates = [structs.replace(each, amount_minor=minor, quantity_milli=milli) for each in candidates]
    chosen = [Chosen(rule.only, rule.excluding) for rule in rules]
    chosen += [Chosen(rule.when.with_goods, None) for rule in rules if rule.when.with_goods is not None]
    candidates = [each for each in candidates if general.holds(each)]
    one = next((each for each in candidates if all(goods.holds(each) for goods in chosen)), None)
    if one is not None:
        return (one,)
    found: dict[Line, None] = {}
    for goods in chosen:
        own = next((each for each in candidates if goods.holds(each)), None)
        if own is None:
            return ()
        found[own] = None
    return tuple(structs.replace(each, id=str(place)) for place, each in enumerate(found, 1))


def _amount(terms: Terms, rules: Sequence[Rule], when: Conditions) -> int | None:
    """Find an amount of a size that this programme thinks in, as large as they ask and as small as they allow."""
    steps = [rule.compile().per for rule in terms.earning.rules if rule.compile().by_money]
    minor = max(max(steps, default=100) * 100, when.minimum_amount_minor or 0)
    if when.below_amount_minor is not None and minor >= when.below_amount_minor:
        minor = when.below_amount_minor - 1
    return None if minor < max(1, when.minimum_amount_minor or 0) else minor


def _some(asked: Iterable[Goods]) -> Iterator[Line]:
    for goods in asked:
        yield from (Line(id="1", amount_minor=0, category=each) for each in goods.categories[:3])
        yield from (Line(id="1", amount_minor=0, sku=each) for each in goods.skus[:3])
        yield from (Line(id="1", amount_minor=0, labels=(each,)) for each in goods.labels[:3])


# -- in words ---------------------------------------------------------------------------------------------------------


def said(meeting: Meeting, terms: Terms, say: Phrasing) -> str:
    """Say which rules meet, when, and what counts, with what the purchase earns."""
    is_short = len(meeting.rules) <= _FIGURED
    named = {rule.code: _named(rule, say, is_short=is_short) for rule in meeting.rules}
    sentences = [_what_counts(meeting, terms, named, say)]
    sentences += _stopped(meeting, named)
    if factor := _together(meeting, terms, say):
        sentences.append(factor)
    if meeting.is_cut:
        sentences.append(_("A limit cuts what they give."))
    earned = {"amount": say.money(meeting.basket.total_minor), "points": say.points(meeting.points)}
    sentences.append(_("A purchase of %(amount)s then earns %(points)s in all.") % earned)
    return capfirst(("" if _is_dense(say) else " ").join(sentences))


def _is_dense(say: Phrasing) -> bool:
    """Return whether the language puts no space between sentences."""
    return say.locale.language in ("zh", "ja")


def _what_counts(meeting: Meeting, terms: Terms, named: dict[str, str], say: Phrasing) -> str:
    counting = say.listed([named[code] for code in meeting.counting])
    by_stacking = [code for code, why, _by in meeting.beaten if why in ("better_rule", "earlier_rule")]
    if by_stacking:
        losers = say.listed([named[code] for code in by_stacking])
        words = (
            _("Only the first counts: %(rules)s comes before %(others)s.")
            if terms.earning.stacking == "first"
            else _("Only the best counts: %(rules)s wins over %(others)s.")
        )
        sentence = words % {"rules": counting, "others": losers}
    elif len(meeting.counting) == 2:
        sentence = _("%(rules)s both count.") % {"rules": counting}
    elif len(meeting.counting) > 2:
        sentence = _("%(rules)s all count.") % {"rules": counting}
    else:
        sentence = _("Only %(rules)s counts.") % {"rules": counting or say.listed([*named.values()])}
    when = list(dict.fromkeys(_when(meeting, say)))
    return (
        _("%(when)s: %(what)s") % {"when": ("，" if _is_dense(say) else ", ").join(when), "what": sentence}
        if when
        else sentence
    )


def _when(meeting: Meeting, say: Phrasing) -> Iterator[str]:
    """Give the conditions they have in common, and which goods each asks for."""
    yield from (phrase for _field, phrase in meeting.when.clauses(say))
    own = ("hours", "nth_purchase", "every_nth_purchase")
    for rule in meeting.rules:
        yield from (phrase for field, phrase in rule.clauses(say) if field in own)
    asked = [goods for rule in meeting.rules for goods in (rule.only, rule.when.with_goods) if goods is not None]
    if goods := list(dict.fromkeys(each.describe(say).says for each in asked)):
        yield _("with %(goods)s in the basket") % {"goods": say.listed(goods)}


def _stopped(meeting: Meeting, named: dict[str, str]) -> Iterator[str]:
    for code, why, by in meeting.beaten:
        if why == "stopped":
            yield _("%(rule)s stops the list, so %(other)s does not count.") % {"rule": named[by], "other": named[code]}
        elif why == "nothing_to_multiply":
            yield _("%(rule)s finds nothing to multiply here.") % {"rule": named[code]}


def _together(meeting: Meeting, terms: Terms, say: Phrasing) -> str:
    """Say what several factors come to, and what a tier's own makes of them."""
    counting = [rule for rule in meeting.rules if rule.code in meeting.counting]
    factors = [rule.compile() for rule in counting if rule.compile().factor is not None]
    if not factors:
        return ""
    factor = factor_of([(rate.factor or Fraction(1), rate.compounds) for rate in factors], Fraction(1))
    found = []
    if len(factors) > 1:
        together = say.listed([say.factor(rate.factor_written) for rate in factors])
        found.append(_("%(factors)s come to × %(factor)s.") % {"factors": together, "factor": say.ratio(factor)})
    levels = [level for level in (terms.tiers.levels if terms.tiers else ()) if ratio(level.multiplier) != 1]
    levels = [level for level in levels if not meeting.when.tiers or level.code in meeting.when.tiers]
    is_raised = any(rule.compile().by_tier for rule in counting if rule.compile().factor is None)
    if levels and is_raised:
        level = max(levels, key=lambda each: ratio(each.multiplier))
        whole = factor_of(
            [(rate.factor or Fraction(1), rate.compounds) for rate in factors], ratio(level.multiplier)
        )  # fmt: skip
        words = {
            "tier": say.text(level.name), "own": say.ratio(ratio(level.multiplier)), "factor": say.ratio(whole),
        }  # fmt: skip
        found.append(_("With the × %(own)s of %(tier)s it is × %(factor)s.") % words)
    return " ".join(found)


def factor_of(factors: Sequence[tuple[Fraction, bool]], tier: Fraction) -> Fraction:
    """State what factors come to with a tier's own: those that add first, then those that compound."""
    whole = tier + sum((factor - 1 for factor, compounds in factors if not compounds), Fraction(0))
    for factor, compounds in factors:
        if compounds:
            whole *= factor
    return whole


def _named(rule: Rule, say: Phrasing, *, is_short: bool) -> str:
    """Name a rule, with what it gives where there is room."""
    words = {"name": say.text(rule.name), "figure": rule.figure(say)}
    return _("“%(name)s” (%(figure)s)") % words if is_short else _("“%(name)s”") % words
