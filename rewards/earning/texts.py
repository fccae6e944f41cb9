"""The trace in words, for receipts and screens: one sentence a step, in the reader's language."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants import money, texts
from rewards.earning.basket import TraceLine
from rewards.earning.outcomes import OUTCOMES
from rewards.terms import Terms, counted, text

# Every code a step may have, and its sentence. `skipped` is told by its reason (WHY).
CODES: dict[str, Any] = {
    "no_programme_yet": _("No points: there was no programme yet."),
    "other_currency": _("No points: the programme does not count %(currency)s."),
    "nothing_paid": _("No points: the receipt has no goods that earn."),
    "nothing_earned": _("No points: no rule applied."),
    "goods_excluded": _("Left out: %(amount)s for what does not earn."),
    "gave": _("%(rule)s: +%(points)s"),
    "multiplied": _("%(rule)s: +%(points)s (×%(factor)s on %(of)s)"),
    "took_back": _("%(rule)s: −%(points)s, for what came back"),
    "tier": _("Your tier %(tier)s: ×%(factor)s"),
    "capped": _("%(rule)s: cut to the limit of %(most)s %(per)s"),
    "rounded": _("Rounded from %(exact)s to %(points)s"),
    "below_minimum_points": _("No points: fewer than %(needed)s"),
    "skipped": _("%(rule)s skipped: %(why)s"),
    **{code: said for outcome in OUTCOMES for code, said in outcome.texts.items()},
}
WHY: dict[str, Any] = {
    "stopped": _("%(by)s came first and stands alone"),
    "better_rule": _("%(by)s gives more"),
    "earlier_rule": _("%(by)s comes first"),
    "before_first_day": _("it starts on %(first_day)s"),
    "after_last_day": _("it ended on %(last_day)s"),
    "other_weekday": _("not on this weekday"),
    "other_hours": _("only at %(hours)s"),
    "other_location": _("not at this location"),
    "other_channel": _("not on this channel"),
    "other_tier": _("for another tier"),
    "paid_with_points": _("part was paid with points"),
    "needs_member": _("for members only"),
    "other_purchase_number": _("this is purchase number %(ordinal)s"),
    "no_birthday": _("no birthday on file"),
    "not_birthday": _("it is not your birthday"),
    "goods_missing": _("the goods it asks for are not in the basket"),
    "no_goods": _("no goods it counts"),
    "nothing_paid": _("nothing left to pay for"),
    "below_minimum_amount": _("%(amount)s is less than %(needed)s"),
    "not_below_amount": _("%(amount)s is not below %(below)s"),
    "below_minimum_quantity": _("too few pieces"),
    "nothing_to_multiply": _("nothing to multiply"),
}
PER: dict[str, Any] = {
    "order": _("per order"),
    "day": _("a day"),
    "week": _("a week"),
    "month": _("a month"),
    "quarter": _("a quarter"),
    "year": _("a year"),
    "ever": _("in all"),
}
PER_PROGRAMME = _("%(per)s for all members")


#: Sentences that speak to the member, and what staff read in their place.
FOR_STAFF: dict[str, Any] = {
    "tier": _("Member’s tier %(tier)s: ×%(factor)s"),
    "not_birthday": _("it is not the member’s birthday"),
}


def words(trace: Iterable[TraceLine], terms: Terms | None, language: str, *, for_staff: bool = False) -> list[str]:
    """State each step of a trace in a language; without terms (no programme yet) names are codes.

    Sentences speak to the member, `for_staff` about the member.
    """
    with translation.override(language):
        return [_sentence(step, terms, language, for_staff=for_staff) for step in trace]


def points_in_words(points: int, terms: Terms, language: str) -> str:
    """Print points with their name: `1 point`, `23.00 Stars`."""
    printed = money.format_number(points, language, decimals=terms.points.decimals)
    one = points == 10**terms.points.decimals
    return counted(printed, text(terms.points.singular if one else terms.points.plural, language), language)


def _names(terms: Terms | None, language: str) -> dict[str, str]:
    return {rule.code: text(rule.name, language) for rule in terms.earning.rules} if terms else {}


def _sentence(step: TraceLine, terms: Terms | None, language: str, *, for_staff: bool) -> str:
    spoken = FOR_STAFF if for_staff else {}
    data = step.data
    names = _names(terms, language)
    values = _figures(data, terms, language)
    values["rule"] = names.get(step.rule, step.rule) if step.rule else gettext("All rules together")
    points = abs(step.points) if step.code == "took_back" else step.points
    values["points"] = points_in_words(points, terms, language) if terms else str(points)
    for field in ("by", "of"):
        values[field] = names.get(str(data.get(field, "")), str(data.get(field, "")))
    if step.code == "tier" and terms is not None and terms.tiers is not None:
        tier = next((level for level in terms.tiers.levels if level.code == data.get("tier")), None)
        values["tier"] = text(tier.name, language) if tier else str(data.get("tier"))
    if "card" in data:
        cards = {card.code: text(card.name, language) for card in terms.stamps} if terms is not None else {}
        values["card"] = cards.get(str(data["card"]), str(data["card"]))
    if step.code == "skipped":
        why = str(data["why"])
        values["why"] = str(spoken.get(why) or WHY[why]) % values
    return str(spoken.get(step.code) or CODES[step.code]) % values


def _figures(data: Mapping[str, Any], terms: Terms | None, language: str) -> dict[str, str]:
    """The figures of a step as people read them: money with its currency, points with their name."""
    values = {name: str(value) for name, value in data.items()}
    for field in ("amount", "needed", "below"):
        minor = data.get(f"{field}_minor")
        if isinstance(minor, int) and terms is not None:
            values[field] = money.format_minor(minor, terms.currency, language)
    for field in ("most", "needed") if "card" not in data else ():
        # Of a card these are stamps.
        if isinstance(data.get(field), int) and terms is not None and data.get("why") is None:
            values[field] = points_in_words(int(data[field]), terms, language)
    if "hours" in data:
        values["hours"] = texts.listed(data["hours"], language)
    if "exact" in data and terms is not None:
        values["exact"] = _exact(str(data["exact"]), terms)
    if "factor" in data:
        values["factor"] = _factor(str(data["factor"]))
    if "per" in data:
        per = str(PER[str(data["per"])])
        values["per"] = str(PER_PROGRAMME) % {"per": per} if data.get("scope") == "programme" else per
    return values


def _exact(printed: str, terms: Terms) -> str:
    """Exact smallest units in whole points: 705.5 units of a programme with two decimals are 7.055 points."""
    if terms.points.decimals == 0 or "/" in printed:
        return printed
    if printed.startswith("-"):
        return "-" + _exact(printed[1:], terms)
    whole, _dot, part = printed.partition(".")
    whole = whole.rjust(terms.points.decimals + 1, "0")
    return f"{whole[: -terms.points.decimals]}.{whole[-terms.points.decimals :]}{part}"


def _factor(printed: str) -> str:
    over, slash, under = printed.partition("/")
    return f"{int(over) / int(under):g}" if slash else printed
