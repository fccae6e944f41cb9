"""Sales that show what a draft changes: usual ones, and for each rule that differs one that the rule is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from msgspec import structs

from loyalty.console.programme.shapes import EditedDraft
from loyalty.console.programme.trying import usual_amounts
from loyalty.ui import formats
from rewards import earning
from rewards.earning import Basket, Facts, Line
from rewards.terms import Conditions, Goods, Terms, TermsWording
from rewards.terms.rules import Rule

#: As many rules as a draft may change before a table of sales says nothing any more.
_RULES_SHOWN = 10
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class SampleSale:
    """A worked example: what it earns by the programme in force (None: nothing is), and by the draft."""

    name: str
    before: int | None
    after: int
    expected: int | None = None
    #: Of all it promises (points, and whatever else it names), what does not come out, in words.
    broken: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        return not self.broken

    @property
    def difference(self) -> int | None:
        return None if self.before is None else self.after - self.before


def sales(edited: EditedDraft, before: Terms | None, now: datetime) -> list[SampleSale]:
    """Return sales that rules which differ are about, usual sales on each tier, then the document's own examples."""
    at = now.astimezone(edited.merchant.tzinfo).replace(hour=15, minute=0, second=0, microsecond=0)
    return [*_of_changed_rules(edited, before, at), *_usual(edited, before, at), *_examples(edited, before)]


def _of_changed_rules(edited: EditedDraft, before: Terms | None, at: datetime) -> Iterator[SampleSale]:
    was = {rule.code: rule for rule in before.earning.rules} if before else {}
    now = {rule.code: rule for rule in edited.terms.earning.rules}
    differ = [rule for code, rule in {**was, **now}.items() if was.get(code) != now.get(code)]
    for rule in differ[:_RULES_SHOWN]:
        yield _sale_of(rule, edited, before, at)


def _sale_of(rule: Rule, edited: EditedDraft, before: Terms | None, at: datetime) -> SampleSale:
    """Return a sale that meets all conditions of the rule."""
    when, said = rule.when, []
    say = TermsWording(edited.terms, edited.language, for_staff=True, places=edited.places)
    minor = _amount(when, usual_amounts(edited.terms)[-1])
    said.append(formats.money(minor, edited.currency, edited.merchant.display_digits))
    line = _line_of(rule, minor)
    for goods in (line.sku, line.category, *line.labels):
        if goods:
            said.append(goods)
    moment = moment_of(when, at, edited.merchant.tzinfo)
    if when.weekdays or when.hours or when.first_day:
        said.append(formats.locale().days["format"]["abbreviated"][moment.weekday()])
        said.append(f"{moment:%H:%M}")
    tier = when.tiers[0] if when.tiers else (edited.tiers[0][0] if edited.tiers else None)
    if when.tiers:
        said.append(say.names("tier", when.tiers[:1]))
    ordinal = when.nth_purchase or when.every_nth_purchase or 2
    if when.nth_purchase or when.every_nth_purchase:
        said.append(_("purchase number %(number)d") % {"number": ordinal})
    if when.birthday:
        said.append(_("on the birthday"))
    if when.channels:
        said.append(when.channels[0])
    lines = [line]
    if when.with_goods is not None and not _belongs(line, when.with_goods):
        beside = _line(when.with_goods, 0, "2")
        lines.append(beside)
        said.extend(each for each in (beside.sku, beside.category, *beside.labels) if each)
    basket = Basket(
        occurred_at=moment, currency=edited.currency, total_minor=minor, lines=tuple(lines),
        location=when.locations[0] if when.locations else next(iter(edited.places), None),
        channel=when.channels[0] if when.channels else None,
    )  # fmt: skip
    facts = Facts(tier=tier, ordinal=ordinal, birthday=(moment.month, moment.day) if when.birthday else None)
    name = _("%(rule)s: %(sale)s") % {"rule": edited.said(rule.name), "sale": formats.side_by_side(said)}
    after = _points(edited.terms, basket, facts, edited)
    return SampleSale(name, _points(before, basket, facts, edited), after or 0)


def _amount(when: Conditions, usual: int) -> int:
    minor = max(usual, when.minimum_amount_minor or 0)
    return minor if when.below_amount_minor is None else max(0, min(minor, when.below_amount_minor - 1))


def _line_of(rule: Rule, minor: int) -> Line:
    quantity = max(1000, rule.when.minimum_quantity_milli or 0, getattr(rule, "per_quantity_milli", 0) or 0)
    goods = rule.only or rule.when.with_goods or Goods()
    return _line(goods, minor, "1", quantity)


def _line(goods: Goods, minor: int, name: str, quantity: int = 1000) -> Line:
    return Line(id=name, amount_minor=minor, quantity_milli=quantity, **_as_line(_first(goods)))


def _first(goods: Goods) -> dict[str, tuple[str, ...]]:
    """Return the first of what is named: a line with one of them belongs."""
    for field in ("categories", "skus", "labels"):
        names = getattr(goods, field)
        if names:
            return {field: names[:1]}
    return {}


def _as_line(named: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    if "categories" in named:
        return {"category": named["categories"][0]}
    if "skus" in named:
        return {"sku": named["skus"][0]}
    return {"labels": named["labels"]} if "labels" in named else {}


def _belongs(line: Line, goods: Goods) -> bool:
    return line.category in goods.categories or line.sku in goods.skus or bool({*line.labels} & {*goods.labels})


def moment_of(when: Conditions, at: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment from the day of `at` on that the days and hours of a rule allow."""
    day = at.date()
    if when.first_day is not None:
        day = max(day, when.first_day)
    if when.last_day is not None:
        day = min(day, when.last_day)
    days = [day + timedelta(days=ahead) for ahead in range(7)]
    if when.last_day is not None and days[-1] > when.last_day:
        days = [day - timedelta(days=back) for back in range(7)]
    allowed: list[date] = [each for each in days if not when.weekdays or _WEEKDAYS[each.weekday()] in when.weekdays]
    clock = time(15)
    if when.hours and not any(_is_within(each.start, each.end, "15:00") for each in when.hours):
        clock = time.fromisoformat(when.hours[0].start)
    return datetime.combine(next(iter(allowed), day), clock, tzinfo=zone)


def _is_within(start: str, end: str, clock: str) -> bool:
    return start <= clock < end if start <= end else clock >= start or clock < end


def _usual(edited: EditedDraft, before: Terms | None, at: datetime) -> Iterator[SampleSale]:
    tiers: list[tuple[str | None, str]] = [*edited.tiers] or [(None, "")]
    for code, name in (tiers[0], tiers[-1]) if len(tiers) > 1 else tiers:
        for minor in usual_amounts(edited.terms):
            line = Line(id="1", amount_minor=minor)
            basket = Basket(occurred_at=at, currency=edited.currency, total_minor=minor, lines=(line,))
            amount = formats.money(minor, edited.currency, edited.merchant.display_digits)
            label = f"{amount} · {name}" if name else amount
            facts = Facts(tier=code, ordinal=2)
            yield SampleSale(
                label, _points(before, basket, facts, edited), _points(edited.terms, basket, facts, edited) or 0
            )


def _examples(edited: EditedDraft, before: Terms | None) -> Iterator[SampleSale]:
    today = _examples_today(before, edited.terms)
    for outcome in earning.check_examples(edited.terms):
        name = edited.said(outcome.example.name)
        broken = tuple(
            formats.points(each.expected, edited.decimals) if each.name == "points" else f"{each.expected} {each.name}"
            for each in outcome.differences
        )
        yield SampleSale(name, today.get(outcome.place), outcome.points, outcome.expected, broken)


def _examples_today(before: Terms | None, draft: Terms) -> dict[int, int]:
    """Return what is in force gives for the draft's examples, by their place; those on a tier it does not know are left out."""
    if before is None:
        return {}
    known = {None, *(level.code for level in before.tiers.levels)} if before.tiers else {None}
    played = earning.check_examples(structs.replace(before, examples=draft.examples))
    return {outcome.place: outcome.points for outcome in played if outcome.example.tier in known}


def _points(promised: Terms | None, basket: Basket, facts: Facts, edited: EditedDraft) -> int | None:
    if promised is None:
        return None
    known = {level.code for level in promised.tiers.levels} if promised.tiers else set()
    if facts.tier not in known:
        facts = structs.replace(facts, tier=None)
    return earning.evaluate(promised, basket, facts, zone=edited.merchant.tzinfo).points
