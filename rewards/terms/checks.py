"""What a document may not say although its form is right: codes twice, tiers out of order, references to nothing."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

from django.utils.translation import gettext as _

from merchants import money
from rewards.terms.document import Terms
from rewards.terms.examples import Example
from rewards.terms.expiry import Expiry, Fixed, Pending
from rewards.terms.fields import ratio, yearly
from rewards.terms.rules import AnyRule, Cap, Conditions, Goods, Multiplier
from rewards.terms.tiers import RollingWindow

Found = tuple[str, str, str]


class Coded(Protocol):
    """Something with a code."""

    @property
    def code(self) -> str: ...


def contradictions(terms: Terms) -> Iterator[Found]:
    """This function will find every contradiction in terms as (pointer, code, detail)."""
    if terms.currency not in money.currencies():
        yield "/currency", "unknown_currency", _("%(code)s is not a currency.") % {"code": terms.currency}
    yield from _tiers(terms)
    yield from _rules(terms)
    yield from _expiry(terms.expiry, "/expiry")
    yield from _pending(terms.earning.pending, "/earning/pending")
    yield from _caps(terms.earning.caps, "/earning/caps")
    yield from _rewards(terms)
    yield from _awards(terms)
    yield from _examples(terms)


def _twice(items: Sequence[Coded], pointer: str) -> Iterator[Found]:
    seen: set[str] = set()
    for place, item in enumerate(items):
        if item.code in seen:
            yield f"{pointer}/{place}/code", "code_twice", _("The code “%(code)s” is used twice.") % {"code": item.code}
        seen.add(item.code)


def _levels(terms: Terms) -> frozenset[str]:
    return frozenset(level.code for level in terms.tiers.levels) if terms.tiers else frozenset()


def _known_tiers(codes: tuple[str, ...], terms: Terms, pointer: str) -> Iterator[Found]:
    for place, code in enumerate(codes):
        if code not in _levels(terms):
            yield f"{pointer}/{place}", "unknown_tier", _("There is no tier “%(code)s”.") % {"code": code}


def _tiers(terms: Terms) -> Iterator[Found]:
    if terms.tiers is None:
        return
    levels = terms.tiers.levels
    yield from _twice(levels, "/tiers/levels")
    if levels[0].threshold != 0:
        yield (
            "/tiers/levels/0/threshold",
            "first_level_not_zero",
            _("The first tier is everybody's: its threshold is 0."),
        )
    for place, (lower, upper) in enumerate(itertools.pairwise(levels), 1):
        if upper.threshold <= lower.threshold:
            where = f"/tiers/levels/{place}/threshold"
            yield where, "levels_not_ascending", _("Each tier needs a higher threshold than the one before.")
    shortest = terms.tiers.window.months * 28 if isinstance(terms.tiers.window, RollingWindow) else 365
    if terms.tiers.grace_days >= shortest:
        yield "/tiers/grace_days", "too_long", _("The grace must end before the next window does.")
    for place, level in enumerate(levels):
        if ratio(level.multiplier) == 0:
            yield f"/tiers/levels/{place}/multiplier", "zero", _("A tier cannot multiply by 0.")
        yield from _expiry(level.expiry, f"/tiers/levels/{place}/expiry")


def _rules(terms: Terms) -> Iterator[Found]:
    rules = terms.earning.rules
    yield from _twice(rules, "/earning/rules")
    giving = {rule.code for rule in rules if not isinstance(rule, Multiplier)}
    for place, rule in enumerate(rules):
        here = f"/earning/rules/{place}"
        yield from _amounts(rule, giving, here)
        yield from _conditions(rule.when, terms, f"{here}/when")
        yield from _goods(rule.only, rule.excluding, here)
        yield from _caps(rule.caps, f"{here}/caps")
        yield from _pending(rule.pending, f"{here}/pending")
        yield from _expiry(rule.expiry, f"{here}/expiry")
        if len(set(rule.net_of)) < len(rule.net_of):
            yield f"{here}/net_of", "twice", _("Each deduction is named once.")


def _amounts(rule: AnyRule, giving: set[str], here: str) -> Iterator[Found]:
    if not isinstance(rule, Multiplier):
        if ratio(rule.points) == 0:
            yield f"{here}/points", "zero", _("A rule gives more than 0 points.")
        return
    if ratio(rule.factor) <= 1:
        yield f"{here}/factor", "not_above_one", _("A multiplier is more than 1.")
    if not giving:
        yield here, "nothing_to_multiply", _("There is no rule that gives points, so nothing to multiply.")
    for place, code in enumerate(rule.of):
        if code not in giving:
            yield (
                f"{here}/of/{place}",
                "unknown_rule",
                _("There is no rule “%(code)s” that gives points.") % {"code": code},
            )


def _conditions(when: Conditions, terms: Terms, here: str) -> Iterator[Found]:
    yield from _days(when.first_day, when.last_day, here)
    yield from _known_tiers(when.tiers, terms, f"{here}/tiers")
    for place, hours in enumerate(when.hours):
        if hours.start == hours.end or hours.start == "24:00":
            yield f"{here}/hours/{place}", "empty_hours", _("From and to are the same time.")
    least, below = when.minimum_amount_minor, when.below_amount_minor
    if least is not None and below is not None and below <= least:
        yield f"{here}/below_amount_minor", "never", _("No amount is at least the one and below the other.")
    if when.nth_purchase is not None and when.every_nth_purchase is not None:
        yield f"{here}/every_nth_purchase", "conflict", _("Either the n-th purchase or every n-th, not both.")
    if when.with_goods is not None and not (when.with_goods.skus or when.with_goods.categories):
        yield f"{here}/with_goods", "empty", _("Name at least one SKU or category.")


def _days(first_day: date | None, last_day: date | None, here: str) -> Iterator[Found]:
    if first_day is not None and last_day is not None and last_day < first_day:
        yield f"{here}/last_day", "days_reversed", _("The last day is before the first.")


def _goods(only: Goods | None, excluding: Goods | None, here: str) -> Iterator[Found]:
    if only is not None and not (only.skus or only.categories):
        yield f"{here}/only", "empty", _("Name at least one SKU or category, or leave it out.")
    if only is None or excluding is None:
        return
    for field in ("skus", "categories"):
        for place, name in enumerate(getattr(excluding, field)):
            if name in getattr(only, field):
                where = f"{here}/excluding/{field}/{place}"
                yield where, "conflict", _("“%(name)s” is both looked for and excluded.") % {"name": name}


def _caps(caps: tuple[Cap, ...], here: str) -> Iterator[Found]:
    seen: set[tuple[str, str]] = set()
    for place, cap in enumerate(caps):
        if cap.per == "order" and cap.scope == "programme":
            yield f"{here}/{place}/scope", "conflict", _("An order belongs to one member.")
        if (cap.per, cap.scope) in seen:
            yield f"{here}/{place}", "twice", _("There is a cap for this period already.")
        seen.add((cap.per, cap.scope))


def _pending(pending: Pending | None, here: str) -> Iterator[Found]:
    if pending is not None and (pending.days is None) == (pending.until is None):
        yield here, "one_of", _("Either a number of days or a day, not both.")


def _expiry(expiry: Expiry | None, here: str) -> Iterator[Found]:
    if not isinstance(expiry, Fixed):
        return
    for place, text in enumerate(expiry.last_days):
        try:
            real = yearly(text) is not None if len(text) == 5 else bool(date.fromisoformat(text))
        except ValueError:
            real = False
        if not real:
            yield f"{here}/last_days/{place}", "no_such_day", _("There is no day %(day)s.") % {"day": text}


def _rewards(terms: Terms) -> Iterator[Found]:
    yield from _twice(terms.rewards, "/rewards")
    for place, reward in enumerate(terms.rewards):
        yield from _known_tiers(reward.tiers, terms, f"/rewards/{place}/tiers")
        yield from _days(reward.first_day, reward.last_day, f"/rewards/{place}")
    pay = terms.pay_with_points
    if pay is None:
        return
    if pay.maximum_points is not None and pay.maximum_points < pay.minimum_points:
        yield "/pay_with_points/maximum_points", "reversed", _("The most is less than the least.")
    if pay.minimum_points % pay.step_points and pay.minimum_points != 1:
        yield "/pay_with_points/minimum_points", "not_a_step", _("The least is not a multiple of the step.")
    if pay.maximum_points is not None and pay.maximum_points < pay.step_points:
        yield "/pay_with_points/maximum_points", "not_a_step", _("The most is less than one step.")


def _awards(terms: Terms) -> Iterator[Found]:
    if terms.welcome is not None:
        yield from _pending(terms.welcome.pending, "/welcome/pending")
        yield from _expiry(terms.welcome.expiry, "/welcome/expiry")
    if terms.referral is not None:
        yield from _pending(terms.referral.pending, "/referral/pending")
        yield from _expiry(terms.referral.expiry, "/referral/expiry")
        if terms.referral.referrer_points is None and terms.referral.referee_points is None:
            yield "/referral", "empty", _("Points for the referrer, for the referee, or for both.")


def _examples(terms: Terms) -> Iterator[Found]:
    for place, example in enumerate(terms.examples):
        yield from _example(example, terms, f"/examples/{place}")


def _example(example: Example, terms: Terms, here: str) -> Iterator[Found]:
    total = sum(line.amount_minor for line in example.lines)
    if example.tier is not None and example.tier not in _levels(terms):
        yield f"{here}/tier", "unknown_tier", _("There is no tier “%(code)s”.") % {"code": example.tier}
    if example.birthday is not None and yearly(example.birthday) is None:
        yield f"{here}/birthday", "no_such_day", _("There is no day %(day)s.") % {"day": example.birthday}
    for field in ("points_paid_minor", "refund_minor"):
        if getattr(example, field) > total:
            yield f"{here}/{field}", "above_total", _("More than the lines come to.")
    for number, line in enumerate(example.lines):
        if line.tax_minor > line.amount_minor:
            yield f"{here}/lines/{number}/tax_minor", "above_amount", _("More tax than amount.")
    try:
        datetime.fromisoformat(example.local_time)
    except ValueError:
        yield (
            f"{here}/local_time",
            "no_such_day",
            _("There is no such time as %(time)s.") % {"time": example.local_time},
        )
