"""The terms document in the merchant's words: what each rule, tier and reward says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.ui import formats
from loyalty.ui.voice import Voice, fixed_days, number, time
from rewards import terms
from rewards.terms import (
    AnyReward,
    AnyRule,
    Conditions,
    Discount,
    Expiry,
    Fixed,
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


class Speaker(Voice):
    """Says parts of one document to the merchant; `places` names the shops by their public ids."""

    def __init__(self, promised: Terms, language: str, places: Mapping[str, str] | None = None) -> None:
        super().__init__(promised, language)
        self.places = places or {}

    # -- rules --------------------------------------------------------------------------------------------------------

    def figure(self, rule: AnyRule) -> str:
        """Return what a rule gives, short: 1 per ₩100."""
        if isinstance(rule, Multiplier):
            return self.factor(rule.factor)
        points = number(terms.ratio(rule.points) / 10**self.terms.points.decimals)
        if isinstance(rule, PerMoney):
            return _("%(points)s per %(amount)s") % {"points": points, "amount": self.money(rule.per_amount_minor)}
        if isinstance(rule, PerItem):
            quantity = number(Fraction(rule.per_quantity_milli, 1000))
            return _("+%(points)s each") % {"points": points} if quantity == "1" else _("+%(points)s per %(quantity)s") % {
                "points": points, "quantity": quantity,
            }  # fmt: skip
        return _("+%(points)s") % {"points": points}

    def conditions(self, rule: AnyRule) -> str:
        """Return when a rule applies, in one line; "always" if nothing narrows it."""
        parts = self._when(rule.when)
        if rule.only is not None:
            parts.append(_("only %(goods)s") % {"goods": self.goods(rule.only)})
        if rule.excluding is not None:
            parts.append(_("not %(goods)s") % {"goods": self.goods(rule.excluding)})
        if isinstance(rule, Multiplier) and rule.of:
            parts.append(_("of %(rules)s") % {"rules": self.rule_names(rule.of)})
        parts += [self.cap(cap) for cap in rule.caps]
        return formats.beside(parts) or _("always")

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
        taken = formats.listed([deductions[each] for each in rule.net_of])
        parts.append(_("less %(deductions)s") % {"deductions": taken} if taken else _("of the gross amount"))
        if rule.pending is not None:
            parts.append(self.pending(rule.pending))
        if rule.expiry is not None:
            parts.append(_("points end %(when)s") % {"when": self.expiry(rule.expiry)})
        return formats.beside(parts)

    def _when(self, when: Conditions) -> list[str]:
        parts = self.clock(when)
        if when.tiers:
            parts.append(_("for %(tiers)s") % {"tiers": self.tier_names(when.tiers)})
        if when.locations:
            parts.append(
                _("at %(places)s") % {"places": formats.listed([self.places.get(x, x) for x in when.locations])}
            )
        if when.channels:
            parts.append(_("on %(channels)s") % {"channels": formats.listed(when.channels)})
        if when.minimum_amount_minor is not None:
            parts.append(_("from %(amount)s") % {"amount": self.money(when.minimum_amount_minor)})
        if when.below_amount_minor is not None:
            parts.append(_("below %(amount)s") % {"amount": self.money(when.below_amount_minor)})
        if when.minimum_quantity_milli is not None:
            pieces = Fraction(when.minimum_quantity_milli, 1000)
            parts.append(_("at least %(pieces)s pieces") % {"pieces": number(pieces)})
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

    def expiry(self, expiry: Expiry) -> str:
        """Return when points end, after "Points end"."""
        if isinstance(expiry, Fixed):
            parts = [_("on %(days)s") % {"days": fixed_days(expiry.last_days)}]
            if expiry.at_least_days:
                parts.append(
                    ngettext("at least %(count)d day after earning", "at least %(count)d days after earning",
                             expiry.at_least_days) % {"count": expiry.at_least_days}
                )  # fmt: skip
            return formats.beside(parts)
        if not isinstance(expiry, (Rolling, Inactivity)):
            return _("never")
        after = time(expiry.count, expiry.unit)
        is_rolling = isinstance(expiry, Rolling)
        parts = [
            _("%(time)s after they were earned") % {"time": after}
            if is_rolling
            else _("after %(time)s without a purchase") % {"time": after},
            *self.moved_to(expiry.round_to, expiry.round),
        ]
        if isinstance(expiry, Rolling) and expiry.activity_adds_months:
            longer = time(expiry.activity_adds_months, "months")
            parts.append(_("each active month adds %(months)s") % {"months": longer})
        return formats.beside(parts)

    def pending(self, pending: Pending | None) -> str:
        if pending is None or pending.days == 0:
            return _("spendable at once")
        if pending.days is not None:
            return _("spendable after %(time)s") % {"time": time(pending.days, "days")}
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
        counted = {
            ("qualifying_points", "calendar_year"): _("points earned in the calendar year"),
            ("qualifying_points", "anniversary"): _("points earned in a year from joining"),
            ("qualifying_points", "rolling"): _("points earned in the last %(months)s"),
            ("spend", "calendar_year"): _("money spent in the calendar year"),
            ("spend", "anniversary"): _("money spent in a year from joining"),
            ("spend", "rolling"): _("money spent in the last %(months)s"),
            ("purchases", "calendar_year"): _("purchases in the calendar year"),
            ("purchases", "anniversary"): _("purchases in a year from joining"),
            ("purchases", "rolling"): _("purchases in the last %(months)s"),
        }
        months = time(getattr(tiers.window, "months", 12), "months")
        ends = {
            "none": _("a tier is kept for good"),
            "one_level": _("one tier down when it is not earned again"),
            "by_value": _("down to what the value says when it is not earned again"),
        }
        parts = [counted[tiers.basis, type(tiers.window).kind] % {"months": months}, ends[tiers.downgrade]]
        if tiers.grace_days:
            parts.append(_("%(time)s of grace") % {"time": time(tiers.grace_days, "days")})
        return formats.beside(parts)

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
        parts += formats.span(reward.first_day, reward.last_day)
        return formats.beside(parts)

    def paying(self) -> str:
        pay = self.terms.pay_with_points
        if pay is None:
            return _("points cannot pay")
        units, minor = self.paying_example(pay)
        parts = [_("%(points)s pay %(amount)s") % {"points": self.points(units), "amount": self.money(minor)}]
        if pay.minimum_points > 1:
            parts.append(_("from %(points)s on") % {"points": self.points(pay.minimum_points)})
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
        return formats.beside(parts)

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
            parts.append(_("within %(time)s") % {"time": time(promised.within_days, "days")})
        if promised.max_referrals:
            friends = ngettext("%(count)d friend at most", "%(count)d friends at most", promised.max_referrals)
            parts.append(friends % {"count": promised.max_referrals})
        return formats.beside(parts)

    def counting(self) -> str:
        """Return how points are rounded and stacked."""
        points = self.terms.points
        rounded = {
            ("floor", "order"): _("rounded down once an order"),
            ("floor", "line"): _("rounded down on each line"),
            ("half_up", "order"): _("rounded to the nearest once an order"),
            ("half_up", "line"): _("rounded to the nearest on each line"),
            ("half_even", "order"): _("rounded to the nearest once an order, halves to even"),
            ("half_even", "line"): _("rounded to the nearest on each line, halves to even"),
            ("ceil", "order"): _("rounded up once an order"),
            ("ceil", "line"): _("rounded up on each line"),
        }
        stacking = {
            "all": _("all rules that apply count"), "best": _("the best rule counts"), "first": _("the first rule counts"),
        }  # fmt: skip
        parts = [rounded[points.rounding.mode, points.rounding.scope], stacking[self.terms.earning.stacking]]
        if points.decimals:
            decimals = ngettext("%(count)d decimal", "%(count)d decimals", points.decimals)
            parts.append(decimals % {"count": points.decimals})
        if points.minimum_points:
            parts.append(_("nothing below %(points)s") % {"points": self.points(points.minimum_points)})
        return formats.beside(parts)

    def excluded(self) -> str:
        return self.goods(self.terms.earning.excluding) or _("nothing")


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
