"""What a document may say but probably should not: warnings for the merchant before publishing, never refusals."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from merchants import money
from rewards.terms.document import Terms
from rewards.terms.expiry import Expiry, Fixed, Inactivity, Pending, Rolling, last_end_day
from rewards.terms.fields import ratio, text
from rewards.terms.rewards import Discount, Percentage
from rewards.terms.rules import AnyRule, Cap, Multiplier, PerMoney

DEEP_PERCENT = 50
SMALL_GIVE_BACK = Fraction(5, 1000)


@dataclass(frozen=True, slots=True)
class Advice:
    """One warning: where (JSON pointer), which (code), and a sentence."""

    pointer: str
    code: str
    detail: str


def warnings(terms: Terms, *, today: date | None = None) -> tuple[Advice, ...]:
    """This function will warn of what is allowed but likely a mistake; with `today`, also of what is over already."""
    found = [*_discounts(terms), *_give_back(terms), *_rules(terms), *_tiers(terms), *_lifetimes(terms)]
    if today is not None:
        found.extend(_over(terms, today))
    return tuple(Advice(*each) for each in found)


Found = tuple[str, str, str]


def _discounts(terms: Terms) -> Iterator[Found]:
    for place, reward in enumerate(terms.rewards):
        if isinstance(reward, Percentage) and reward.percent >= DEEP_PERCENT:
            off = _percent(Fraction(reward.percent, 100), 0)
            detail = _("%(percent)s off can make the goods look worth less; it is a deep discount.") % {"percent": off}
            yield f"/rewards/{place}/percent", "deep_discount", detail


def _value_of_unit(terms: Terms) -> Fraction | None:
    """The most money (minor) that one smallest unit of points buys: paying with points, or a money-off reward."""
    values = [Fraction(r.amount_minor, r.price_points) for r in terms.rewards if isinstance(r, Discount)]
    if terms.pay_with_points is not None:
        values.append(Fraction(terms.pay_with_points.amount_minor, terms.pay_with_points.points))
    return max(values, default=None)


def _give_back(terms: Terms) -> Iterator[Found]:
    value = _value_of_unit(terms)
    rates = [
        (place, ratio(rule.points) / rule.per_amount_minor * value)
        for place, rule in enumerate(terms.earning.rules)
        if isinstance(rule, PerMoney) and value is not None
    ]
    for place, back in rates:
        if back >= Fraction(DEEP_PERCENT, 100):
            detail = _("Members get %(percent)s of what they spend back.") % {"percent": _percent(back, 0)}
            yield f"/earning/rules/{place}/points", "deep_discount", detail
    if rates and max(back for _place, back in rates) < SMALL_GIVE_BACK:
        place, back = max(rates, key=lambda rate: rate[1])
        detail = _("Members get %(percent)s of what they spend back; so little may change nobody's mind.")
        yield f"/earning/rules/{place}/points", "give_back_small", detail % {"percent": _percent(back, 2)}
    if not terms.earning.rules:
        yield "/earning/rules", "nothing_earns", _("No purchase earns anything.")
    if terms.earning.rules and not terms.rewards and terms.pay_with_points is None:
        yield "/rewards", "nothing_to_buy", _("Points buy nothing yet.")


def _rules(terms: Terms) -> Iterator[Found]:
    never = terms.earning.excluding
    stopped = ""
    for place, rule in enumerate(terms.earning.rules):
        here = f"/earning/rules/{place}"
        only = rule.only
        if only is not None and set(only.skus) <= set(never.skus) and set(only.categories) <= set(never.categories):
            yield f"{here}/only", "rule_never_matches", _("All its goods are excluded from the whole programme.")
        if "birthday" in rule.code and rule.when.birthday is None:
            yield f"{here}/when", "no_birthday_condition", _("Named for a birthday, but it applies every day.")
        if rule.kind != "multiplier" and _is_unconditional(rule) and rule.stop:
            stopped = stopped or rule.code
        elif stopped and rule.priority <= _priority(terms, stopped):
            name = text(next(each.name for each in terms.earning.rules if each.code == stopped), get_language() or "en")
            detail = _("“%(rule)s” always applies and stops the list before it.") % {"rule": name}
            yield here, "rule_never_matches", detail
        yield from _tight_caps(rule.caps, here)


def _priority(terms: Terms, code: str) -> int:
    return next(rule.priority for rule in terms.earning.rules if rule.code == code)


def _is_unconditional(rule: AnyRule) -> bool:
    return rule.only is None and rule.excluding is None and rule.when == type(rule.when)()


def _tight_caps(caps: tuple[Cap, ...], here: str) -> Iterator[Found]:
    order = ("order", "day", "week", "month", "quarter", "year", "ever")
    for place, cap in enumerate(caps):
        for other in caps:
            if other.scope == cap.scope and order.index(other.per) > order.index(cap.per) and other.points < cap.points:
                yield f"{here}/caps/{place}", "cap_never_cuts", _lower(other.per)


def _lower(per: str) -> str:
    return {
        "day": _("The limit per day is lower, so this one never cuts."),
        "week": _("The limit per week is lower, so this one never cuts."),
        "month": _("The limit per month is lower, so this one never cuts."),
        "quarter": _("The limit per quarter is lower, so this one never cuts."),
        "year": _("The limit per year is lower, so this one never cuts."),
        "ever": _("The limit for all time is lower, so this one never cuts."),
    }[per]


def _tiers(terms: Terms) -> Iterator[Found]:
    if terms.tiers is None or len(terms.tiers.levels) < 2:
        return
    if terms.tiers.basis == "qualifying_points":
        sources = [rule for rule in terms.earning.rules if rule.qualifying and not isinstance(rule, Multiplier)]
        if not sources:
            yield "/tiers", "tier_unreachable", _("No rule gives points that count towards a tier.")
            return
        ceiling = _yearly_ceiling(terms)
        for place, level in enumerate(terms.tiers.levels):
            if ceiling is not None and level.threshold > ceiling:
                detail = _("The programme's limits allow %(most)s points in the window; the tier needs %(needed)s.")
                figures = {"most": _points(ceiling, terms), "needed": _points(level.threshold, terms)}
                yield f"/tiers/levels/{place}/threshold", "tier_unreachable", detail % figures
    reached = {level.code for level in terms.tiers.levels[:1]}
    for level in terms.tiers.levels[1:]:
        entry = [r for r in terms.earning.rules if not r.when.tiers or reached & set(r.when.tiers)]
        if terms.earning.rules and not entry and terms.tiers.basis == "qualifying_points":
            where = f"/tiers/levels/{terms.tiers.levels.index(level)}"
            yield where, "tier_unreachable", _("No rule gives points to members on the tiers below.")
        else:
            reached.add(level.code)


def _yearly_ceiling(terms: Terms) -> int | None:
    """The most points the programme-wide caps for one member allow in twelve months (window of a year or less)."""
    times = {"day": 366, "week": 54, "month": 13, "quarter": 5, "year": 2, "ever": 1}
    window = terms.tiers.window if terms.tiers else None
    if getattr(window, "months", 12) > 12:
        times = {"ever": 1}
    caps = [c.points * times[c.per] for c in terms.earning.caps if c.scope == "member" and c.per in times]
    return min(caps, default=None)


def _lifetimes(terms: Terms) -> Iterator[Found]:
    for place, rule in enumerate(terms.earning.rules):
        pending = rule.pending or terms.earning.pending
        if _dies_pending(rule.expiry or terms.expiry, pending):
            yield f"/earning/rules/{place}", "expires_before_active", _("Its points end before they can be spent.")
    if isinstance(terms.expiry, Fixed) and all(len(day) == 10 for day in terms.expiry.last_days):
        yield "/expiry/last_days", "expiry_runs_out", _("After the last of these days points never end.")


def _dies_pending(expiry: Expiry, pending: Pending | None) -> bool:
    if pending is None or not pending.days or not isinstance(expiry, (Rolling, Inactivity)):
        return False
    earned = date(2026, 1, 1)
    end_day = last_end_day(expiry, earned)
    return end_day is not None and end_day <= earned + timedelta(days=pending.days)


def _over(terms: Terms, today: date) -> Iterator[Found]:
    for place, rule in enumerate(terms.earning.rules):
        if rule.when.last_day is not None and rule.when.last_day < today:
            yield f"/earning/rules/{place}/when/last_day", "rule_never_matches", _("Its last day is past.")
    for place, reward in enumerate(terms.rewards):
        if reward.last_day is not None and reward.last_day < today:
            yield f"/rewards/{place}/last_day", "reward_over", _("Its last day is past.")


def _percent(share: Fraction, decimals: int) -> str:
    figure = money.format_number(round(share * 100 * 10**decimals), get_language() or "en", decimals=decimals)
    return _("%(number)s%%") % {"number": figure}


def _points(units: int, terms: Terms) -> str:
    return money.format_number(units, get_language() or "en", decimals=terms.points.decimals)
