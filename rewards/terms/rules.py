"""Part of the terms: how a purchase earns. Rules that give points, and multipliers of what they gave.

Every condition of a rule must hold (and); rules are alternatives or add up, as `stacking` says. They are taken by
priority (highest first), then as written; a rule that applies and says `stop` is the last one looked at.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, NamedTuple

from django.utils.translation import gettext as _
from msgspec import Meta

from rewards.terms.caps import Cap, advise_caps, check_caps
from rewards.terms.conditions import Conditions
from rewards.terms.editing import rules as editing
from rewards.terms.expiry import Ending, Expiry, Pending
from rewards.terms.fields import (
    GOODS,
    Code,
    CodeList,
    KindList,
    Milli,
    MinorAmount,
    Ratio,
    Text,
    ratio,
)
from rewards.terms.goods import Goods, check_choice
from rewards.terms.parts import Part, Remark, Whole, percent
from rewards.terms.rewards import DEEP, PayWithPoints, Reward
from rewards.terms.wording import Description, Phrasing

Deduction = Literal["discounts", "tax", "points"]
#: Below this share of what is spent, what members are given back may change nothing.
SMALL_GIVE_BACK = Fraction(5, 1000)


class Rate(NamedTuple):
    """What the arithmetic needs of a rule: so many exact points for each `per` of what it counts, or a factor.

    It counts minor units of money, thousandths of pieces (`by_quantity`), or the order itself (`per_order`).
    """

    points: Fraction = Fraction(0)
    per: int = 1
    full_steps: bool = False
    by_quantity: bool = False
    per_order: bool = False
    by_tier: bool = False
    #: Of a multiplier; None of a rule that gives points.
    factor: Fraction | None = None
    #: The factor as the document writes it.
    factor_written: str = ""
    compounds: bool = False
    of: tuple[str, ...] = ()

    @property
    def by_money(self) -> bool:
        """Return whether it counts minor units of money."""
        return self.factor is None and not self.by_quantity and not self.per_order

    @property
    def of_one(self) -> Fraction:
        """State the exact points of one minor unit, thousandth or order; of one step where only full steps count."""
        return self.points if self.full_steps else self.points / self.per


class Rule(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all rules have. A kind owns `check`, `compile`, `advise` and `describe`."""

    kind: ClassVar[str] = ""
    names: ClassVar[str] = "rule"
    edits = editing.RULE
    not_edited = editing.RULE_NOT_EDITED
    editor = editing.RULE_EDITOR
    code: Code
    name: Text
    when: Conditions = Conditions()
    only: Annotated[Goods | None, Meta(description="Only lines of these goods.")] = None
    excluding: Annotated[Goods | None, Meta(description="No lines of these goods.")] = None
    net_of: Annotated[
        tuple[Deduction, ...],
        Meta(
            max_length=3,
            description="What is taken off the amount first: `discounts`, `tax`, what was paid with `points`. "
            "Empty is the gross amount, before discounts and with tax.",
        ),
    ] = ("discounts",)
    caps: Annotated[tuple[Cap, ...], Meta(max_length=10)] = ()
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    stop: Annotated[bool, Meta(description="When this rule applies, later rules are not looked at.")] = False
    pending: Annotated[Pending | None, Meta(description="Instead of the programme's own.")] = None
    expiry: Annotated[Expiry | None, Meta(description="Instead of the tier's and the programme's own.")] = None
    qualifying: Annotated[bool, Meta(description="Counts towards the tier.")] = True

    def compile(self) -> Rate:
        """Return what the arithmetic needs of this rule."""
        raise NotImplementedError

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find choices of goods, limits and deductions that contradict themselves."""
        yield from check_choice(self.only, self.excluding)
        yield from check_caps(self.caps)
        if len(set(self.net_of)) < len(self.net_of):
            yield Remark("/net_of", "twice", _("Each deduction is named once."))

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a rule that never applies, applies more often than its name says, or gives points nobody can spend."""
        earning = whole.part(Earning) or Earning()
        if self.only is not None and self.only.is_within(earning.excluding):
            detail = _("All its goods are excluded from the whole programme.")
            yield Remark("/only", "rule_never_matches", detail)
        if "birthday" in self.code and self.when.birthday is None:
            detail = _("Named for a birthday, but it applies every day.")
            yield Remark("/when", "no_birthday_condition", detail)
        yield from advise_caps(self.caps)
        pending, expiry = self.pending or earning.pending, self.expiry or whole.part(Ending)
        lives = expiry.life_days() if expiry is not None else None
        if pending is not None and pending.days and lives is not None and lives <= pending.days:
            yield Remark("", "expires_before_active", _("Its points end before they can be spent."))

    def describe(self, say: Phrasing) -> Description:
        """Say what the rule gives, when, and for staff how it counts."""
        return Description(
            key=f"rule {self.code}",
            title=say.text(self.name),
            says=self.figure(say),
            lines=tuple(phrase for _field, phrase in self.clauses(say)),
            details=tuple(self._counting(say)) if say.for_staff else (),
        )

    def figure(self, say: Phrasing) -> str:
        """Say what it gives: `1 point for every ₩100`."""
        raise NotImplementedError

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what the rule's sentence goes on with: the name of each field that is set, and its phrase."""
        yield from self.when.clauses(say)
        if self.only is not None:
            yield "only", _("only for %(goods)s") % {"goods": self.only.describe(say).says}
        if self.excluding is not None and (goods := self.excluding.describe(say).says):
            yield "excluding", _("not for %(goods)s") % {"goods": goods}
        if of := self.compile().of:
            yield "of", _("on top of: %(rules)s") % {"rules": say.names("rule", of)}
        yield from (("caps", cap.describe(say).says) for cap in self.caps)
        if self.expiry is not None:
            yield "expiry", self.expiry.describe(say).says
        if not self.qualifying:
            yield "qualifying", _("does not count towards the tier")

    def _counting(self, say: Phrasing) -> Iterator[str]:
        rate = self.compile()
        if self.stop:
            yield _("later rules are not looked at")
        if self.priority:
            yield _("priority %(number)d") % {"number": self.priority}
        if rate.full_steps:
            yield _("only full steps")
        if rate.factor is None and not rate.by_tier:
            yield _("not multiplied by the tier")
        deductions = {"discounts": _("discounts"), "tax": _("tax"), "points": _("what was paid with points")}
        taken = say.listed([deductions[each] for each in self.net_of])
        yield _("less %(deductions)s") % {"deductions": taken} if taken else _("of the gross amount")
        if self.pending is not None and (waits := self.pending.describe(say).says):
            yield waits

    def give_back(self, whole: Whole) -> Fraction | None:
        """State which share of the money spent comes back; None where that depends on what is bought."""
        return None

    @property
    def is_unconditional(self) -> bool:
        """Return whether it applies to every purchase of anything."""
        return self.only is None and self.excluding is None and self.when == Conditions()


def _check_points(points: Ratio) -> Iterator[Remark]:
    if ratio(points) == 0:
        yield Remark("/points", "zero", _("A rule gives more than 0 points."))


class PerMoney(Rule, frozen=True, kw_only=True, tag="per_money"):
    """Points for money spent: `points` for each `per_amount_minor`, in proportion or by full steps."""

    kind: ClassVar[str] = "per_money"
    edits = editing.PER_MONEY
    editor = editing.PER_MONEY_EDITOR
    points: Ratio
    per_amount_minor: MinorAmount
    full_steps: Annotated[bool, Meta(description="Only full steps count: 105 at 1 per full 10 gives 10.")] = False
    by_tier: Annotated[bool, Meta(description="Multiplied by the tier.")] = True

    def compile(self) -> Rate:
        """Count minor units."""
        points = ratio(self.points)
        return Rate(points=points, per=self.per_amount_minor, full_steps=self.full_steps, by_tier=self.by_tier)

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a rule that gives nothing."""
        yield from _check_points(self.points)
        yield from super().check(whole)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a rule that gives back half of what is spent, and more."""
        back = self.give_back(whole)
        if back is not None and back >= DEEP:
            detail = _("Members get %(percent)s of what they spend back.") % {"percent": percent(back)}
            yield Remark("/points", "deep_discount", detail)
        yield from super().advise(whole)

    def give_back(self, whole: Whole) -> Fraction | None:
        """State which share of the money spent comes back, at the best that points buy; None where they buy no money."""
        worths = [reward.minor_per_point() for reward in whole.every(Reward)]
        worths += [pay.minor_per_point() for pay in whole.every(PayWithPoints)]
        most = max((worth for worth in worths if worth is not None), default=None)
        return None if most is None else ratio(self.points) / self.per_amount_minor * most

    def figure(self, say: Phrasing) -> str:
        """Say what an amount gives."""
        figures = {"points": say.rate(ratio(self.points)), "amount": say.money(self.per_amount_minor)}
        return _("%(points)s for every %(amount)s") % figures


class PerOrder(Rule, frozen=True, kw_only=True, tag="per_order"):
    """Points for an order, if goods the rule looks at were paid for."""

    kind: ClassVar[str] = "per_order"
    edits = editing.PER_ORDER
    editor = editing.PER_ORDER_EDITOR
    points: Ratio
    by_tier: bool = True
    advise = Rule.advise

    def compile(self) -> Rate:
        """Count the order."""
        return Rate(points=ratio(self.points), per_order=True, by_tier=self.by_tier)

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a rule that gives nothing."""
        yield from _check_points(self.points)
        yield from super().check(whole)

    def figure(self, say: Phrasing) -> str:
        """Say what an order gives."""
        return _("%(points)s extra") % {"points": say.rate(ratio(self.points))}


class PerItem(Rule, frozen=True, kw_only=True, tag="per_item"):
    """Points for each piece (litre, kilogram) that was paid for."""

    kind: ClassVar[str] = "per_item"
    edits = editing.PER_ITEM
    editor = editing.PER_ITEM_EDITOR
    points: Ratio
    per_quantity_milli: Milli = 1000
    full_steps: bool = False
    by_tier: bool = True
    advise = Rule.advise

    def compile(self) -> Rate:
        """Count thousandths of pieces."""
        points, per = ratio(self.points), self.per_quantity_milli
        return Rate(points=points, per=per, full_steps=self.full_steps, by_quantity=True, by_tier=self.by_tier)

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a rule that gives nothing."""
        yield from _check_points(self.points)
        yield from super().check(whole)

    def figure(self, say: Phrasing) -> str:
        """Say what a piece gives."""
        figures = {"points": say.rate(ratio(self.points)), "pieces": say.thousandths(self.per_quantity_milli)}
        if self.per_quantity_milli == 1000:
            return _("%(points)s for each one") % figures
        return _("%(points)s for every %(pieces)s") % figures


class Multiplier(Rule, frozen=True, kw_only=True, tag="multiplier"):
    """Multiplies what rules gave for the lines it looks at.

    `add` adds (factor - 1) x what the rule gave before the tier: on a tier of 1.2, double is 2.2. `multiply` compounds:
    on a tier of 1.2, double is 2.4; those that compound come after those that add.
    """

    kind: ClassVar[str] = "multiplier"
    edits = editing.MULTIPLIER
    editor = editing.MULTIPLIER_EDITOR
    factor: Annotated[Ratio, Meta(description="More than 1: 2 doubles.")]
    mode: Literal["add", "multiply"] = "add"
    of: Annotated[CodeList, Meta(description="Codes of the rules it multiplies; empty is all.")] = ()
    advise = Rule.advise

    def compile(self) -> Rate:
        """Give the factor."""
        return Rate(
            factor=ratio(self.factor),
            factor_written=str(self.factor),
            compounds=self.mode == "multiply",
            of=self.of,
        )

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a factor that multiplies nothing."""
        if ratio(self.factor) <= 1:
            yield Remark("/factor", "not_above_one", _("A multiplier is more than 1."))
        giving = {rule.code for rule in whole.every(Rule) if rule.compile().factor is None}
        if not giving:
            detail = _("There is no rule that gives points, so nothing to multiply.")
            yield Remark("", "nothing_to_multiply", detail)
        for place, code in enumerate(self.of):
            if code not in giving:
                detail = _("There is no rule “%(code)s” that gives points.") % {"code": code}
                yield Remark(f"/of/{place}", "unknown_rule", detail)
        yield from super().check(whole)

    def figure(self, say: Phrasing) -> str:
        """Say the factor."""
        return say.factor(self.factor)


AnyRule = PerMoney | PerOrder | PerItem | Multiplier
BaseRule = PerMoney | PerOrder | PerItem


class Earning(Part, frozen=True, kw_only=True):
    """All the ways to earn."""

    edits = editing.EARNING
    not_edited = editing.EARNING_NOT_EDITED
    kinds: Annotated[
        KindList,
        Meta(
            description="Kinds of lines that earn and count for minimums and tiers. Tips, gift cards, deposits, delivery "
            "and fees do not, unless named."
        ),
    ] = (GOODS,)
    rules: Annotated[tuple[AnyRule, ...], Meta(max_length=200)] = ()
    stacking: Annotated[
        Literal["all", "best", "first"],
        Meta(
            description="Of the rules that give points, and then of the multipliers, that apply: `all` count; only the "
            "`best` (that gives most); only the `first`."
        ),
    ] = "all"
    excluding: Annotated[Goods, Meta(description="Goods that never earn: gift cards, tobacco, delivery …")] = Goods()
    caps: Annotated[tuple[Cap, ...], Meta(max_length=10, description="Over all rules together.")] = ()
    pending: Pending | None = None

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find kinds of lines and limits that stand here twice."""
        yield from check_caps(self.caps)
        yield from check_kinds(self.kinds, "/kinds")

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find rules that give almost nothing back, and rules behind one that always stops the list."""
        if not self.rules and not whole.codes("card"):
            yield Remark("/rules", "nothing_earns", _("No purchase earns anything."))
        yield from self._advise_small(whole)
        yield from self._advise_stopped(whole)

    def describe(self, say: Phrasing) -> Description:
        """Say each rule, and what holds for all of them."""
        said: dict[str, list[str]] = {}
        for field, phrase in self.clauses(say):
            said.setdefault(field, []).append(phrase)
        stacking = {
            "all": _("all rules that apply count"),
            "best": _("the best rule counts"),
            "first": _("the first rule counts"),
        }
        facts = {
            "excluded": (_("Never earns"), said.get("excluding", [])),
            "kinds": (_("Earns on a receipt"), said.get("kinds", [])),
            "caps": (_("Limits over all rules"), said.get("caps", [])),
            "pending": (_("When points can be spent"), said.get("pending", [])),
            "stacking": (_("Counting"), [stacking[self.stacking]] if say.for_staff else []),
        }
        return Description(
            title=_("Earning"),
            facts=tuple(
                Description(key=key, title=title, lines=tuple(filter(None, lines)))
                for key, (title, lines) in facts.items()
                if any(lines)
            ),
            parts=tuple(rule.describe(say) for rule in self.rules),
        )

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what holds for all rules: the name of each field that is set, and its phrase."""
        if goods := self.excluding.describe(say).says:
            yield "excluding", goods
        if self.kinds != (GOODS,):
            yield "kinds", say.kinds(self.kinds)
        yield from (("caps", cap.describe(say).says) for cap in self.caps)
        if self.pending is not None and (waits := self.pending.describe(say).says):
            yield "pending", waits

    def _advise_small(self, whole: Whole) -> Iterator[Remark]:
        backs = [(place, rule.give_back(whole)) for place, rule in enumerate(self.rules)]
        rates = [(place, back) for place, back in backs if back is not None]
        if rates and max(back for _place, back in rates) < SMALL_GIVE_BACK:
            place, back = max(rates, key=lambda rate: rate[1])
            detail = _("Members get %(percent)s of what they spend back; so little may change nobody's mind.")
            yield Remark(f"/rules/{place}/points", "give_back_small", detail % {"percent": percent(back, 2)})

    def _advise_stopped(self, whole: Whole) -> Iterator[Remark]:
        stopper: Rule | None = None
        for place, rule in enumerate(self.rules):
            if rule.compile().factor is None and rule.is_unconditional and rule.stop:
                stopper = stopper or rule
            elif stopper is not None and rule.priority <= stopper.priority:
                detail = _("“%(rule)s” always applies and stops the list before it.")
                yield Remark(f"/rules/{place}", "rule_never_matches", detail % {"rule": whole.said(stopper.name)})


def check_kinds(kinds: KindList, pointer: str) -> Iterator[Remark]:
    """Find kinds of lines that are named twice."""
    if len(set(kinds)) < len(kinds):
        yield Remark(pointer, "twice", _("Each kind is named once."))
