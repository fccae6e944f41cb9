"""Sales that show what a draft changes: usual ones, and for each rule that differs one that the rule is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import structs

from loyalty.console.programme.shapes import EditedDraft
from loyalty.console.programme.trying import usual_amounts
from loyalty.ui import formats
from rewards import earning
from rewards.earning import Basket, BrokenPromise, Evaluation, Facts, Line, stamps
from rewards.terms import Conditions, Goods, Terms, TermsWording
from rewards.terms.rules import Rule

#: As many rules as a draft may change before a table of sales says nothing any more.
_RULES_SHOWN = 10
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class SampleStamps:
    """What a sale puts on one stamp card: today (None: there is no such card), and by the draft."""

    name: str
    before: int | None
    after: int


@dataclass(frozen=True, slots=True)
class SampleSale:
    """A worked example: what it earns by the programme in force (None: nothing is), and by the draft."""

    name: str
    before: int | None
    after: int
    expected: int | None = None
    #: Of all it promises (points, and whatever else it names), what does not come out, in words.
    broken: tuple[str, ...] = ()
    stamps: tuple[SampleStamps, ...] = ()

    @property
    def is_kept(self) -> bool:
        return not self.broken

    @property
    def is_same(self) -> bool:
        """Return whether it earns what it earns today, and all that it promises."""
        is_known = self.before is not None and all(each.before == each.after for each in self.stamps)
        return is_known and self.before == self.after and self.is_kept

    @property
    def difference(self) -> int | None:
        return None if self.before is None else self.after - self.before


def sales(edited: EditedDraft, before: Terms | None, now: datetime) -> list[SampleSale]:
    """Return sales that rules which differ are about, usual sales on each tier, then the document's own examples."""
    at = now.astimezone(edited.merchant.tzinfo).replace(hour=15, minute=0, second=0, microsecond=0)
    return [
        *_of_changed_rules(edited, before, at), *_of_changed_cards(edited, before, at), *_usual(edited, before, at),
        *_examples(edited, before),
    ]  # fmt: skip


def _of_changed_cards(edited: EditedDraft, before: Terms | None, at: datetime) -> Iterator[SampleSale]:
    """Give for each stamp card that differs a sale of what it looks at: so much of it that it gives a stamp."""
    was = {card.code: card for card in before.stamps} if before else {}
    now = {card.code: card for card in edited.terms.stamps}
    for code, card in {**was, **now}.items():
        if was.get(code) == now.get(code):
            continue
        rate = card.gives.compile()
        minor = max(usual_amounts(edited.terms)[0], card.minimum_amount_minor or 0, 0 if rate.by_quantity else rate.per)
        line = _line(card.only or Goods(), minor, "1", max(1000, rate.per) if rate.by_quantity else 1000)
        named = [line.sku, line.category, *line.labels]
        said = [
            formats.money(minor, edited.currency, edited.merchant.display_digits),
            *(each for each in named if each),
        ]
        tier = card.tiers[0] if card.tiers else (edited.tiers[0][0] if edited.tiers else None)
        basket = Basket(occurred_at=at, currency=edited.currency, total_minor=minor, lines=(line,))
        name = _("%(rule)s: %(sale)s") % {"rule": edited.said(card.name), "sale": formats.side_by_side(said)}
        yield _sample(name, basket, Facts(tier=tier, ordinal=2), edited, before)


def _sample(name: str, basket: Basket, facts: Facts, edited: EditedDraft, before: Terms | None) -> SampleSale:
    then, now = _evaluated(before, basket, facts, edited), _evaluated(edited.terms, basket, facts, edited)
    return SampleSale(
        name, None if then is None else then.points, now.points if now is not None else 0,
        stamps=_stamps(edited, before, then, now),
    )  # fmt: skip


def _stamps(
    edited: EditedDraft, before: Terms | None, then: Evaluation | None, now: Evaluation | None
) -> tuple[SampleStamps, ...]:
    """List the cards that get stamps, today or by the draft."""
    was, becomes = (stamps.by_card(each.outcomes) if each is not None else {} for each in (then, now))
    names = {card.code: card.name for card in (*(before.stamps if before else ()), *edited.terms.stamps)}
    known = {card.code for card in before.stamps} if before else set()
    return tuple(
        SampleStamps(edited.said(name), was[code].stamps if code in was else 0 if code in known else None, becomes[code].stamps if code in becomes else 0)
        for code, name in names.items()
        if code in was or code in becomes
    )  # fmt: skip


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
    return _sample(name, basket, facts, edited, before)


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
            yield _sample(label, basket, facts, edited, before)


def _examples(edited: EditedDraft, before: Terms | None) -> Iterator[SampleSale]:
    today = _examples_today(before, edited.terms)
    for outcome in earning.check_examples(edited.terms):
        name = edited.said(outcome.example.name)
        broken = tuple(_promised(each, edited) for each in outcome.differences)
        then = today.get(outcome.place)
        yield SampleSale(
            name, None if then is None else then.points, outcome.points, outcome.expected, broken,
            _stamps(edited, before, then, outcome.evaluation),
        )  # fmt: skip


def _promised(each: BrokenPromise, edited: EditedDraft) -> str:
    """Say what an example promised: points as they are printed, stamps by the name of their card."""
    if each.name == "points":
        return formats.points(each.expected, edited.decimals)
    for card in edited.terms.stamps:
        if each.name == stamps.name_of(card.code):
            count = ngettext("%(count)d stamp", "%(count)d stamps", each.expected) % {"count": each.expected}
            return formats.side_by_side([count, edited.said(card.name)])
    return f"{each.expected} {each.name}"


def _examples_today(before: Terms | None, draft: Terms) -> dict[int, Evaluation]:
    """Return what is in force gives for the draft's examples, by their place; those on a tier it does not know are left out."""
    if before is None:
        return {}
    known = {None, *(level.code for level in before.tiers.levels)} if before.tiers else {None}
    played = earning.check_examples(structs.replace(before, examples=draft.examples))
    return {outcome.place: outcome.evaluation for outcome in played if outcome.example.tier in known}


def _evaluated(promised: Terms | None, basket: Basket, facts: Facts, edited: EditedDraft) -> Evaluation | None:
    if promised is None:
        return None
    known = {level.code for level in promised.tiers.levels} if promised.tiers else set()
    facts = structs.replace(facts, tier=facts.tier if facts.tier in known else None, more=earning.nothing_yet())
    return earning.evaluate(promised, basket, facts, zone=edited.merchant.tzinfo)
