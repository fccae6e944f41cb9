"""The programme in the member's words: what earns, what is given, what ends; all read from the terms document."""

from __future__ import annotations

from fractions import Fraction

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from loyalty.ui import formats
from loyalty.ui.voice import Voice, fixed_days, number, time
from rewards import terms
from rewards.terms import AnyReward, AnyRule, Conditions, Expiry, Goods, Inactivity, Level, Pending, Rolling


class Speaker(Voice):
    """Says the parts of one document to the member."""

    # -- earning ------------------------------------------------------------------------------------------------------

    def gives(self, rule: AnyRule) -> str:
        """Return what a rule gives: `1 point for every ₩100`."""
        if isinstance(rule, terms.Multiplier):
            return self.factor(rule.factor)
        points = self._rate(terms.ratio(rule.points))
        if isinstance(rule, terms.PerMoney):
            return _("%(points)s for every %(amount)s") % {
                "points": points,
                "amount": self.money(rule.per_amount_minor),
            }
        if isinstance(rule, terms.PerItem):
            pieces = Fraction(rule.per_quantity_milli, 1000)
            if pieces == 1:
                return _("%(points)s for each one") % {"points": points}
            return _("%(points)s for every %(pieces)s") % {"points": points, "pieces": number(pieces)}
        return _("%(points)s extra") % {"points": points}

    def conditions(self, rule: AnyRule) -> list[str]:
        """Return when a rule counts, a phrase each."""
        said = self._when(rule.when)
        if rule.only is not None:
            said.append(_("only for %(goods)s") % {"goods": self.goods(rule.only)})
        if rule.excluding is not None:
            said.append(_("not for %(goods)s") % {"goods": self.goods(rule.excluding)})
        if isinstance(rule, terms.Multiplier) and rule.of:
            said.append(_("on top of: %(rules)s") % {"rules": self.rule_names(rule.of)})
        said += [self.cap(cap) for cap in rule.caps]
        if rule.expiry is not None:
            said.append(self.expiry(rule.expiry))
        if not rule.qualifying:
            said.append(_("does not count towards the tier"))
        return said

    def general(self) -> list[str]:
        """Return what holds for all ways to earn."""
        said = []
        excluded = self.goods(self.terms.earning.excluding)
        if excluded:
            said.append(_("Nothing is earned for: %(goods)s.") % {"goods": excluded})
        said += [self.sentence(self.cap(cap)) for cap in self.terms.earning.caps]
        if self.terms.earning.pending is not None and (waiting := self.pending(self.terms.earning.pending)):
            said.append(waiting)
        if self.terms.points.minimum_points:
            said.append(
                _("An order that would earn less than %(points)s earns nothing.")
                % {"points": self.points(self.terms.points.minimum_points)}
            )
        return said

    def pending(self, pending: Pending) -> str:
        if pending.days:
            return ngettext(
                "Points can be spent after %(count)d day.", "Points can be spent after %(count)d days.", pending.days
            ) % {"count": pending.days}
        if pending.until is not None:
            return _("Points can be spent from %(day)s.") % {"day": formats.day(pending.until, "long")}
        return ""

    # -- ends ---------------------------------------------------------------------------------------------------------

    def expiry(self, expiry: Expiry) -> str:
        """Return when points end, as a phrase of its own."""
        if isinstance(expiry, terms.Fixed):
            words = {"days": fixed_days(expiry.last_days), "time": time(expiry.at_least_days, "day")}
            if expiry.at_least_days:
                return _("points end at the close of %(days)s, at the earliest %(time)s after they were earned") % words
            return _("points end at the close of %(days)s") % words
        if isinstance(expiry, terms.Inactivity):
            return self._inactivity(expiry) % {"time": time(expiry.count, expiry.unit)}
        if not isinstance(expiry, terms.Rolling):
            return _("points never end")
        said = self._rolling(expiry) % {"time": time(expiry.count, expiry.unit)}
        if expiry.activity_adds_months:
            return _("%(points_end)s; each month with a purchase makes them live longer") % {"points_end": said}
        return said

    def _inactivity(self, expiry: Inactivity) -> str:
        return {
            "month": _("points end after %(time)s without any activity, at the end of that month"),
            "quarter": _("points end after %(time)s without any activity, at the end of that quarter"),
            "half": _("points end after %(time)s without any activity, at the end of that half-year"),
            "year": _("points end after %(time)s without any activity, at the end of that year"),
        }.get(_rounded(expiry), _("points end after %(time)s without any activity"))

    def _rolling(self, expiry: Rolling) -> str:
        return {
            "month": _("points end %(time)s after they were earned, at the end of that month"),
            "quarter": _("points end %(time)s after they were earned, at the end of that quarter"),
            "half": _("points end %(time)s after they were earned, at the end of that half-year"),
            "year": _("points end %(time)s after they were earned, at the end of that year"),
        }.get(_rounded(expiry), _("points end %(time)s after they were earned"))

    def sentence(self, phrase: str) -> str:
        """Return a phrase as a sentence of its own: with a capital and a full stop, where the language has them."""
        return pgettext("a phrase made a sentence", "%(phrase)s.") % {"phrase": capfirst(phrase)}

    # -- tiers --------------------------------------------------------------------------------------------------------

    def threshold(self, level: Level) -> str:
        """Return what it takes to reach a tier."""
        basis = self.terms.tiers.basis if self.terms.tiers else ""
        if not level.threshold:
            return _("for everybody")
        if basis == "spend":
            return _("from %(amount)s spent") % {"amount": self.money(level.threshold)}
        if basis == "purchases":
            return ngettext("from %(count)d purchase", "from %(count)d purchases", level.threshold) % {
                "count": level.threshold
            }
        return _("from %(points)s earned") % {"points": self.points(level.threshold)}

    def benefits(self, level: Level) -> list[str]:
        said = []
        if terms.ratio(level.multiplier) != 1:
            said.append(_("points × %(factor)s") % {"factor": number(terms.ratio(level.multiplier))})
        said += [self.text(each) for each in level.benefits]
        if level.expiry is not None:
            said.append(self.expiry(level.expiry))
        return said

    def window(self) -> str:
        """Return over which time the tier counts."""
        tiers = self.terms.tiers
        if tiers is None:
            return ""
        if isinstance(tiers.window, terms.RollingWindow):
            months = tiers.window.months
            return ngettext("What counts is the last %(count)d month.", "What counts are the last %(count)d months.",
                            months) % {"count": months}  # fmt: skip
        if isinstance(tiers.window, terms.CalendarYear):
            return _("What counts is the calendar year; a tier is kept to the end of the next one.")
        return _("What counts is each year since you joined; a tier is kept to the end of the next such year.")

    def downgrade(self) -> str:
        tiers = self.terms.tiers
        if tiers is None:
            return ""
        said = {
            "none": _("A tier once reached is never lost."),
            "one_level": _("When you stop, you go down one tier at a time."),
            "by_value": _("When you stop, you go to the tier that fits what you did in that time."),
        }[tiers.downgrade]
        if tiers.grace_days and tiers.downgrade != "none":
            more = ngettext("You have %(count)d more day to make up for it.", "You have %(count)d more days to make up for it.",
                            tiers.grace_days) % {"count": tiers.grace_days}  # fmt: skip
            return formats.sentences([said, more])
        return said

    # -- rewards ------------------------------------------------------------------------------------------------------

    def reward(self, reward: AnyReward, *, stock_left: int | None = None) -> list[str]:
        """Return everything to know before taking a reward: what it is worth, for whom, how often, until when."""
        said = []
        if isinstance(reward, terms.Product):
            if reward.max_minor is not None:
                said.append(_("up to a price of %(amount)s") % {"amount": self.money(reward.max_minor)})
            if reward.goods is not None:
                said.append(_("only for %(goods)s") % {"goods": self.goods(reward.goods)})
        elif isinstance(reward, terms.Percentage):
            if reward.max_minor is not None:
                said.append(_("%(percent)d %% off, at most %(amount)s")
                            % {"percent": reward.percent, "amount": self.money(reward.max_minor)})  # fmt: skip
            else:
                said.append(_("%(percent)d %% off") % {"percent": reward.percent})
        least = getattr(reward, "minimum_total_minor", None)
        if least is not None:
            said.append(_("for orders from %(amount)s") % {"amount": self.money(least)})
        if reward.tiers:
            said.append(_("for %(tiers)s") % {"tiers": self.tier_names(reward.tiers)})
        if reward.per_member is not None:
            said.append(_limit(reward.per_member.count, reward.per_member.per))
        if reward.first_day is not None:
            said.append(_("from %(day)s") % {"day": formats.day(reward.first_day)})
        if reward.last_day is not None:
            said.append(_("until %(day)s") % {"day": formats.day(reward.last_day)})
        if stock_left is not None:
            said.append(ngettext("%(count)d left", "%(count)d left", stock_left) % {"count": stock_left})
        elif reward.stock is not None:
            said.append(_("as long as there are any"))
        return said

    def minutes(self, count: int) -> str:
        if count % 1440 == 0:
            return time(count // 1440, "days")
        if count % 60 == 0:
            return ngettext("%(count)d hour", "%(count)d hours", count // 60) % {"count": count // 60}
        return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}

    def paying(self) -> list[str]:
        """Return how points pay like money."""
        pay = self.terms.pay_with_points
        if pay is None:
            return []
        units, minor = self.paying_example(pay)
        said = [_("%(points)s pay %(amount)s.") % {"points": self.points(units), "amount": self.money(minor)}]
        if pay.minimum_points > 1:
            said.append(_("At least %(points)s at a time.") % {"points": self.points(pay.minimum_points)})
        if pay.step_points > 1:
            said.append(_("In steps of %(points)s.") % {"points": self.points(pay.step_points)})
        if pay.max_share_percent < 100:
            said.append(_("Up to %(percent)d %% of an order.") % {"percent": pay.max_share_percent})
        return said

    def referral(self) -> list[str]:
        """Return what bringing a friend gives."""
        promised = self.terms.referral
        if promised is None:
            return []
        said = []
        if promised.referrer_points:
            said.append(_("You get %(points)s.") % {"points": self.points(promised.referrer_points)})
        if promised.referee_points:
            said.append(_("Your friend gets %(points)s.") % {"points": self.points(promised.referee_points)})
        if promised.minimum_amount_minor:
            amount = self.money(promised.minimum_amount_minor)
            said.append(_("Both come with your friend's first purchase of at least %(amount)s.") % {"amount": amount})
        else:
            said.append(_("Both come with your friend's first purchase."))
        if promised.within_days:
            said.append(ngettext("It must come within %(count)d day of joining.", "It must come within %(count)d days of joining.",
                                 promised.within_days) % {"count": promised.within_days})  # fmt: skip
        if promised.max_referrals:
            said.append(ngettext("For up to %(count)d friend.", "For up to %(count)d friends.", promised.max_referrals)
                        % {"count": promised.max_referrals})  # fmt: skip
        return said

    # -- pieces -------------------------------------------------------------------------------------------------------

    def goods(self, goods: Goods) -> str:
        """Return the goods by name: tills write `gift_card`, people read "gift card"."""
        return super().goods(goods).replace("_", " ")

    def _rate(self, units: Fraction) -> str:
        """Points as a rule gives them, which need not be whole."""
        if units.denominator == 1:
            return self.points(int(units))
        return f"{number(units / 10**self.terms.points.decimals)} {self.text(self.terms.points.plural)}"

    def _when(self, when: Conditions) -> list[str]:
        said = self.clock(when)
        if when.tiers:
            said.append(_("for %(tiers)s") % {"tiers": self.tier_names(when.tiers)})
        if when.locations:
            said.append(_("at some of our shops"))
        if when.channels:
            said.append(_("on %(channels)s") % {"channels": formats.listed(when.channels)})
        if when.minimum_amount_minor is not None:
            said.append(_("for orders from %(amount)s") % {"amount": self.money(when.minimum_amount_minor)})
        if when.below_amount_minor is not None:
            said.append(_("for orders below %(amount)s") % {"amount": self.money(when.below_amount_minor)})
        if when.minimum_quantity_milli is not None:
            pieces = number(Fraction(when.minimum_quantity_milli, 1000))
            said.append(_("for at least %(pieces)s pieces") % {"pieces": pieces})
        if when.with_goods is not None:
            said.append(_("with %(goods)s") % {"goods": self.goods(when.with_goods)})
        if when.nth_purchase is not None:
            first = when.nth_purchase == 1
            said.append(_("on your first purchase") if first else
                        _("on your purchase number %(number)d") % {"number": when.nth_purchase})  # fmt: skip
        if when.every_nth_purchase is not None:
            said.append(_("on every %(number)d. purchase") % {"number": when.every_nth_purchase})
        if when.birthday is not None:
            said.append({"day": _("on your birthday"), "week": _("in the week of your birthday"),
                         "month": _("in the month of your birthday")}[when.birthday])  # fmt: skip
        if when.without_points:
            said.append(_("when nothing is paid with points"))
        return said


def _limit(count: int, per: str) -> str:
    words = {
        "day": ngettext("once a day", "%(count)d times a day", count),
        "week": ngettext("once a week", "%(count)d times a week", count),
        "month": ngettext("once a month", "%(count)d times a month", count),
        "quarter": ngettext("once a quarter", "%(count)d times a quarter", count),
        "year": ngettext("once a year", "%(count)d times a year", count),
        "ever": ngettext("once per member", "%(count)d times per member", count),
    }
    return words[per] % {"count": count}


def _rounded(expiry: Inactivity | Rolling) -> str:
    """To the end of which period an end is moved; empty when it is not."""
    return expiry.round_to or "" if expiry.round == "end" else ""
