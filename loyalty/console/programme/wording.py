"""The terms document in sentences: what each rule, tier and reward says, and what differs between two documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.console.programme.fields import written_ratio
from loyalty.ui import formats
from rewards import earning, terms
from rewards.terms import (
    AnyReward,
    AnyRule,
    Cap,
    Conditions,
    Discount,
    Expiry,
    Fixed,
    Goods,
    Inactivity,
    Multiplier,
    Pending,
    Percentage,
    PerItem,
    PerMoney,
    Product,
    Rolling,
    Terms,
)

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the document says."""

    key: str
    section: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: what it was (empty when new) and what it becomes (empty when it goes)."""

    kind: Literal["added", "removed", "changed"]
    section: str
    label: str
    before: str
    after: str


class Speaker:
    """Says parts of one document in one language; `places` names the shops by their public ids."""

    def __init__(self, promised: Terms, language: str, places: Mapping[str, str] | None = None) -> None:
        self.terms, self.language, self.places = promised, language, places or {}

    # -- rules --------------------------------------------------------------------------------------------------------

    def figure(self, rule: AnyRule) -> str:
        """Return what a rule gives, short: 1 per ₩100."""
        if isinstance(rule, Multiplier):
            return f"× {_number(terms.ratio(rule.factor))}"
        points = _number(terms.ratio(rule.points) / 10**self.terms.points.decimals)
        if isinstance(rule, PerMoney):
            return _("%(points)s per %(amount)s") % {"points": points, "amount": self.money(rule.per_amount_minor)}
        if isinstance(rule, PerItem):
            quantity = _number(Fraction(rule.per_quantity_milli, 1000))
            return _("+%(points)s each") % {"points": points} if quantity == "1" else _("+%(points)s per %(quantity)s") % {
                "points": points, "quantity": quantity,
            }  # fmt: skip
        return f"+{points}"

    def conditions(self, rule: AnyRule) -> str:
        """Return when a rule applies, in one line; "always" if nothing narrows it."""
        parts = self._when(rule.when)
        if rule.only is not None:
            parts.append(_("only %(goods)s") % {"goods": self.goods(rule.only)})
        if rule.excluding is not None:
            parts.append(_("not %(goods)s") % {"goods": self.goods(rule.excluding)})
        if isinstance(rule, Multiplier) and rule.of:
            names = {each.code: self.text(each.name) for each in self.terms.earning.rules}
            parts.append(_("of %(rules)s") % {"rules": ", ".join(names.get(code, code) for code in rule.of)})
        parts += [self.cap(cap) for cap in rule.caps]
        return " · ".join(parts) or _("always")

    def details(self, rule: AnyRule) -> str:
        """Return what else a rule says, empty when it is all as usual."""
        parts = []
        if rule.stop:
            parts.append(_("later rules are not looked at"))
        if rule.priority:
            parts.append(_("priority %(number)d") % {"number": rule.priority})
        if not rule.qualifying:
            parts.append(_("does not count towards the tier"))
        if getattr(rule, "full_steps", False):
            parts.append(_("only full steps"))
        if getattr(rule, "by_tier", True) is False:
            parts.append(_("not multiplied by the tier"))
        deductions = {"discounts": _("discounts"), "tax": _("tax"), "points": _("what was paid with points")}
        taken = ", ".join(deductions[each] for each in rule.net_of)
        parts.append(_("less %(deductions)s") % {"deductions": taken} if taken else _("of the gross amount"))
        if rule.pending is not None:
            parts.append(self.pending(rule.pending))
        if rule.expiry is not None:
            parts.append(_("points end %(when)s") % {"when": self.expiry(rule.expiry)})
        return " · ".join(parts)

    def _when(self, when: Conditions) -> list[str]:
        parts = []
        if when.first_day or when.last_day:
            first = formats.day(when.first_day) if when.first_day else "…"
            last = formats.day(when.last_day) if when.last_day else "…"
            parts.append(f"{first} – {last}")
        if when.weekdays:
            names = formats.locale().days["format"]["abbreviated"]
            parts.append(", ".join(names[_WEEKDAYS.index(day)] for day in when.weekdays))
        parts += [f"{hours.start}–{hours.end}" for hours in when.hours]
        if when.tiers:
            parts.append(_("for %(tiers)s") % {"tiers": self.tier_names(when.tiers)})
        if when.locations:
            parts.append(_("at %(places)s") % {"places": ", ".join(self.places.get(x, x) for x in when.locations)})
        if when.channels:
            parts.append(_("on %(channels)s") % {"channels": ", ".join(when.channels)})
        if when.minimum_amount_minor is not None:
            parts.append(_("from %(amount)s") % {"amount": self.money(when.minimum_amount_minor)})
        if when.below_amount_minor is not None:
            parts.append(_("below %(amount)s") % {"amount": self.money(when.below_amount_minor)})
        if when.minimum_quantity_milli is not None:
            pieces = _number(Fraction(when.minimum_quantity_milli, 1000))
            parts.append(_("at least %(pieces)s pieces") % {"pieces": pieces})
        if when.with_goods is not None:
            parts.append(_("with %(goods)s in the basket") % {"goods": self.goods(when.with_goods)})
        if when.nth_purchase is not None:
            first_one = when.nth_purchase == 1
            parts.append(
                _("first purchase") if first_one else _("purchase number %(number)d") % {"number": when.nth_purchase}
            )
        if when.every_nth_purchase is not None:
            parts.append(_("every %(number)d purchases") % {"number": when.every_nth_purchase})
        if when.birthday is not None:
            words = {
                "day": _("on the birthday"),
                "week": _("in the birthday week"),
                "month": _("in the birthday month"),
            }
            parts.append(words[when.birthday])
        if when.without_points:
            parts.append(_("nothing paid with points"))
        return parts

    # -- pieces -------------------------------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        return terms.text(value, self.language)

    def money(self, minor: int) -> str:
        return formats.money(minor, self.terms.currency)

    def points(self, units: int) -> str:
        return earning.points_in_words(units, self.terms, self.language)

    def goods(self, goods: Goods) -> str:
        return ", ".join((*goods.categories, *goods.skus))

    def tier_names(self, codes: tuple[str, ...]) -> str:
        levels = self.terms.tiers.levels if self.terms.tiers else ()
        names = {level.code: self.text(level.name) for level in levels}
        return ", ".join(names.get(code, code) for code in codes)

    def cap(self, cap: Cap) -> str:
        words = {
            "order": _("at most %(points)s an order"), "day": _("at most %(points)s a day"),
            "week": _("at most %(points)s a week"), "month": _("at most %(points)s a month"),
            "quarter": _("at most %(points)s a quarter"), "year": _("at most %(points)s a year"),
            "ever": _("at most %(points)s in all"),
        }  # fmt: skip
        said = words[cap.per] % {"points": formats.points(cap.points, self.terms.points.decimals)}
        return _("%(limit)s, all members together") % {"limit": said} if cap.scope == "programme" else said

    def expiry(self, expiry: Expiry) -> str:
        if isinstance(expiry, Fixed):
            days = ", ".join(expiry.last_days)
            if expiry.at_least_days:
                return _("on %(days)s, at least %(least)d days after earning") % {
                    "days": days,
                    "least": expiry.at_least_days,
                }
            return _("on %(days)s") % {"days": days}
        if not isinstance(expiry, (Rolling, Inactivity)):
            return _("never")
        after = _count(expiry.count, expiry.unit)
        said = (
            _("%(time)s after they were earned") % {"time": after}
            if isinstance(expiry, Rolling)
            else _("after %(time)s without a purchase") % {"time": after}
        )
        if expiry.round_to:
            ends = {
                "month": _("to the end of the month"), "quarter": _("to the end of the quarter"),
                "half": _("to the end of the half-year"), "year": _("to the end of the year"),
            }  # fmt: skip
            starts = {
                "month": _("to the beginning of the month"), "quarter": _("to the beginning of the quarter"),
                "half": _("to the beginning of the half-year"), "year": _("to the beginning of the year"),
            }  # fmt: skip
            said += ", " + (ends if expiry.round == "end" else starts)[expiry.round_to]
        if isinstance(expiry, Rolling) and expiry.activity_adds_months:
            said += ", " + _("each active month adds %(months)s") % {
                "months": _count(expiry.activity_adds_months, "months")
            }
        return said

    def pending(self, pending: Pending | None) -> str:
        if pending is None or pending.days == 0:
            return _("spendable at once")
        if pending.days is not None:
            return _("spendable after %(time)s") % {"time": _count(pending.days, "days")}
        return (
            _("spendable from %(day)s") % {"day": formats.day(pending.until)}
            if pending.until
            else _("spendable at once")
        )

    @property
    def expiry_said(self) -> str:
        return self.expiry(self.terms.expiry)

    @property
    def pending_said(self) -> str:
        return self.pending(self.terms.earning.pending)

    # -- the parts ----------------------------------------------------------------------------------------------------

    def threshold(self, value: int) -> str:
        basis = self.terms.tiers.basis if self.terms.tiers else ""
        if basis == "spend":
            return self.money(value)
        if basis == "purchases":
            return ngettext("%(count)d purchase", "%(count)d purchases", value) % {"count": value}
        return self.points(value)

    def ladder(self) -> str:
        """Return what counts for the tiers, over which window, and what happens when it ends."""
        tiers = self.terms.tiers
        if tiers is None:
            return _("no tiers")
        basis = {"qualifying_points": _("points earned"), "spend": _("money spent"), "purchases": _("purchases")}
        windows = {
            "calendar_year": _("in the calendar year"),
            "anniversary": _("in a year from joining"),
            "rolling": _("in the last %(months)s") % {"months": _count(getattr(tiers.window, "months", 12), "months")},
        }
        ends = {
            "none": _("a tier is kept for good"),
            "one_level": _("one tier down when it is not earned again"),
            "by_value": _("down to what the value says when it is not earned again"),
        }
        parts = [f"{basis[tiers.basis]} {windows[type(tiers.window).kind]}", ends[tiers.downgrade]]
        if tiers.grace_days:
            parts.append(_("%(time)s of grace") % {"time": _count(tiers.grace_days, "days")})
        return " · ".join(parts)

    def reward(self, reward: AnyReward) -> str:
        """Return what a reward is and who can have it, without its price."""
        parts = []
        if isinstance(reward, Discount):
            parts.append(_("%(amount)s off") % {"amount": self.money(reward.amount_minor)})
        if isinstance(reward, Percentage):
            parts.append(_("%(percent)s off") % {"percent": formats.percent(Decimal(reward.percent) / 100, 0)})
        if isinstance(reward, (Percentage, Product)) and reward.max_minor is not None:
            parts.append(_("up to %(amount)s") % {"amount": self.money(reward.max_minor)})
        if isinstance(reward, Product) and reward.goods is not None:
            parts.append(self.goods(reward.goods))
        least = getattr(reward, "minimum_total_minor", None)
        if least is not None:
            parts.append(_("on orders from %(amount)s") % {"amount": self.money(least)})
        if reward.tiers:
            parts.append(_("for %(tiers)s") % {"tiers": self.tier_names(reward.tiers)})
        if reward.per_member is not None:
            parts.append(_taking(reward.per_member.count, reward.per_member.per))
        if reward.first_day or reward.last_day:
            first = formats.day(reward.first_day) if reward.first_day else "…"
            last = formats.day(reward.last_day) if reward.last_day else "…"
            parts.append(f"{first} – {last}")
        return " · ".join(parts)

    def paying(self) -> str:
        pay = self.terms.pay_with_points
        if pay is None:
            return _("points cannot pay")
        parts = [
            _("%(points)s are worth %(amount)s")
            % {"points": self.points(pay.points), "amount": self.money(pay.amount_minor)}
        ]
        if pay.minimum_points > 1:
            parts.append(_("from %(points)s") % {"points": self.points(pay.minimum_points)})
        if pay.maximum_points is not None:
            parts.append(_("up to %(points)s") % {"points": self.points(pay.maximum_points)})
        if pay.step_points > 1:
            parts.append(
                _("in steps of %(points)s") % {"points": formats.points(pay.step_points, self.terms.points.decimals)}
            )
        if pay.max_share_percent < 100:
            parts.append(
                _("at most %(percent)s of an order")
                % {"percent": formats.percent(Decimal(pay.max_share_percent) / 100, 0)}
            )
        return " · ".join(parts)

    def welcome(self) -> str:
        promised = self.terms.welcome
        return self.points(promised.points) if promised else _("nothing")

    def referral(self) -> str:
        promised = self.terms.referral
        if promised is None:
            return _("nothing")
        parts = []
        if promised.referrer_points:
            parts.append(_("%(points)s for who brings") % {"points": self.points(promised.referrer_points)})
        if promised.referee_points:
            parts.append(_("%(points)s for who comes") % {"points": self.points(promised.referee_points)})
        if promised.minimum_amount_minor:
            parts.append(_("first purchase from %(amount)s") % {"amount": self.money(promised.minimum_amount_minor)})
        if promised.within_days:
            parts.append(_("within %(time)s") % {"time": _count(promised.within_days, "days")})
        if promised.max_referrals:
            friends = ngettext("%(count)d friend at most", "%(count)d friends at most", promised.max_referrals)
            parts.append(friends % {"count": promised.max_referrals})
        return " · ".join(parts)

    def counting(self) -> str:
        """Return how points are rounded and stacked."""
        points = self.terms.points
        modes = {"floor": _("rounded down"), "half_up": _("rounded to the nearest"),
                 "half_even": _("rounded to the nearest, halves to even"), "ceil": _("rounded up")}  # fmt: skip
        scopes = {"order": _("once an order"), "line": _("on each line")}
        stacking = {"all": _("all rules that apply count"), "best": _("the best rule counts"),
                    "first": _("the first rule counts")}  # fmt: skip
        parts = [
            f"{modes[points.rounding.mode]} {scopes[points.rounding.scope]}",
            stacking[self.terms.earning.stacking],
        ]
        if points.decimals:
            decimals = ngettext("%(count)d decimal", "%(count)d decimals", points.decimals)
            parts.append(decimals % {"count": points.decimals})
        if points.minimum_points:
            parts.append(_("nothing below %(points)s") % {"points": self.points(points.minimum_points)})
        return " · ".join(parts)

    def excluded(self) -> str:
        return self.goods(self.terms.earning.excluding) or _("nothing")

    # -- all of it ----------------------------------------------------------------------------------------------------

    def facts(self) -> list[Fact]:
        """Return everything the document says, one fact each, with keys that stay the same between versions."""
        promised, rules, tiers, rewards = self.terms, _("Earning"), _("Tiers"), _("Rewards")
        general = _("Programme")
        found = [
            Fact("name", general, _("Name"), self.text(promised.name)),
            Fact("called", general, _("A point is called"),
                 f"{self.text(promised.points.singular)}, {self.text(promised.points.plural)}"),
            Fact("counting", general, _("Counting"), self.counting()),
            Fact("excluded", general, _("Never earns"), self.excluded()),
            Fact("caps", general, _("Limits over all rules"),
                 " · ".join(self.cap(cap) for cap in promised.earning.caps) or _("none")),
            Fact("pending", general, _("Points are"), self.pending(promised.earning.pending)),
            Fact("expiry", general, _("Points end"), self.expiry(promised.expiry)),
            Fact("welcome", general, _("For joining"), self.welcome()),
            Fact("referral", general, _("For bringing a friend"), self.referral()),
            Fact("paying", general, _("Paying with points"), self.paying()),
        ]  # fmt: skip
        for place, rule in enumerate(promised.earning.rules):
            text = f"{self.figure(rule)} · {self.conditions(rule)} · {self.details(rule)}"
            found.append(Fact(f"rule {rule.code}", rules, self.text(rule.name), text))
            found.append(Fact(f"place of rule {rule.code}", rules, _("Place of %(rule)s") % {"rule": self.text(rule.name)},
                              str(place + 1)))  # fmt: skip
        found.append(Fact("ladder", tiers, _("How tiers are earned"), self.ladder()))
        for level in promised.tiers.levels if promised.tiers else ():
            parts = [_("from %(value)s") % {"value": self.threshold(level.threshold)}]
            if terms.ratio(level.multiplier) != 1:
                parts.append(f"× {_number(terms.ratio(level.multiplier))}")
            parts += [self.text(benefit) for benefit in level.benefits]
            found.append(Fact(f"tier {level.code}", tiers, self.text(level.name), " · ".join(parts)))
        for reward in promised.rewards:
            parts = [self.points(reward.price_points), self.reward(reward)]
            if reward.stock is not None:
                parts.append(_("%(count)s in all") % {"count": formats.number(reward.stock)})
            if reward.description:
                parts.append(self.text(reward.description))
            text = " · ".join(part for part in parts if part)
            found.append(Fact(f"reward {reward.code}", rewards, self.text(reward.name), text))
        for place, notice in enumerate(promised.notices):
            found.append(Fact(f"notice {place}", _("Notices"), self.text(notice.title), self.text(notice.body)))
        return found


def changes(before: Speaker | None, after: Speaker) -> list[Change]:
    """Return what differs between two documents, in the order of the new one; all of it when there was none before."""
    was = {fact.key: fact for fact in before.facts()} if before else {}
    now = after.facts()
    found = []
    for fact in now:
        earlier = was.pop(fact.key, None)
        if fact.key.startswith("place of ") and (earlier is None or not _is_reordered(before, after)):
            continue
        if earlier is None:
            found.append(Change("added", fact.section, fact.label, "", fact.text))
        elif (earlier.text, earlier.label) != (fact.text, fact.label):
            old = earlier.text if earlier.label == fact.label else f"{earlier.label}: {earlier.text}"
            found.append(Change("changed", fact.section, fact.label, old, fact.text))
    for fact in was.values():
        if not fact.key.startswith("place of "):
            found.append(Change("removed", fact.section, fact.label, fact.text, ""))
    if not found and before is not None and before.terms != after.terms:
        # Something that is not told in this language, such as a translation.
        found.append(Change("changed", _("Programme"), _("Details"), "", _("texts in other languages, or details")))
    return found


def _is_reordered(before: Speaker | None, after: Speaker) -> bool:
    """A rule that came or went moves the others without anybody having reordered them."""
    if before is None:
        return False
    old = [rule.code for rule in before.terms.earning.rules]
    new = [rule.code for rule in after.terms.earning.rules]
    return [code for code in old if code in new] != [code for code in new if code in old]


def _taking(count: int, per: str) -> str:
    words = {
        "day": ngettext("%(count)d a day for each member", "%(count)d a day for each member", count),
        "week": ngettext("%(count)d a week for each member", "%(count)d a week for each member", count),
        "month": ngettext("%(count)d a month for each member", "%(count)d a month for each member", count),
        "quarter": ngettext("%(count)d a quarter for each member", "%(count)d a quarter for each member", count),
        "year": ngettext("%(count)d a year for each member", "%(count)d a year for each member", count),
        "ever": ngettext("%(count)d for each member", "%(count)d for each member", count),
    }
    return words[per] % {"count": count}


def _count(count: int, unit: str) -> str:
    words = {
        "days": ngettext("%(count)d day", "%(count)d days", count),
        "months": ngettext("%(count)d month", "%(count)d months", count),
        "years": ngettext("%(count)d year", "%(count)d years", count),
    }
    return words[unit] % {"count": count}


def _number(value: Fraction) -> str:
    """A ratio as people read it: 1,000, 1.5 or 1/3."""
    written = written_ratio(value)
    if "/" in written:
        return written
    return formats.number(Decimal(written), len(written.partition(".")[2]))
