"""The terms document as a whole: what one published version of a programme says."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from msgspec import Meta, structs

from merchants import money
from rewards.terms.editing import document as editing
from rewards.terms.examples import Example
from rewards.terms.expiry import Ending, Expiry, Never, Pending
from rewards.terms.fields import GOODS, KindList, MinorAmount, PointsAmount, Text
from rewards.terms.parts import Part, Remark, Whole
from rewards.terms.rewards import AnyReward, PayWithPoints
from rewards.terms.rules import Earning, check_kinds
from rewards.terms.stamps import StampCard
from rewards.terms.tiers import Tiers
from rewards.terms.wording import Description, Phrasing

Mode = Literal["floor", "half_up", "half_even", "ceil"]


class Rounding(Part, frozen=True, kw_only=True):
    """How points are rounded, once, at the end."""

    edits = editing.ROUNDING
    mode: Mode = "floor"
    scope: Annotated[
        Literal["order", "line"], Meta(description="The whole order at once, or each line's points and then the sum.")
    ] = "order"


class Points(Part, frozen=True, kw_only=True):
    """The points themselves."""

    edits = editing.POINTS
    singular: Text = "point"
    plural: Text = "points"
    decimals: Annotated[int, Meta(ge=0, le=2, description="With 2, the smallest unit is 0.01 point.")] = 0
    rounding: Rounding = Rounding()
    minimum_points: Annotated[PointsAmount | None, Meta(description="An order that would earn less earns nothing.")] = (
        None
    )

    def describe(self, say: Phrasing) -> Description:
        """Say what a point is called, and for staff how points are rounded."""
        called = (say.text(self.singular), say.text(self.plural))
        rounded = {
            ("floor", "order"): _("rounded down once an order"),
            ("floor", "line"): _("rounded down on each line"),
            ("half_up", "order"): _("rounded to the nearest once an order"),
            ("half_up", "line"): _("rounded to the nearest on each line"),
            ("half_even", "order"): _("rounded to the nearest once an order, halves to even"),
            ("half_even", "line"): _("rounded to the nearest on each line, halves to even"),
            ("ceil", "order"): _("rounded up once an order"),
            ("ceil", "line"): _("rounded up on each line"),
        }[self.rounding.mode, self.rounding.scope]
        decimals = ngettext("%(count)d decimal", "%(count)d decimals", self.decimals) % {"count": self.decimals}
        facts = []
        if say.for_staff:
            facts.append(Description(key="called", title=_("A point is called"), lines=called))
            lines = (rounded, decimals) if self.decimals else (rounded,)
            facts.append(Description(key="rounding", title=_("Rounding"), lines=lines))
        if self.minimum_points:
            least = _("An order that would earn less than %(points)s earns nothing.")
            lines = (least % {"points": say.points(self.minimum_points)},)
            facts.append(Description(key="minimum", title=_("Small orders"), lines=lines))
        return Description(title=_("Points"), facts=tuple(facts))


class Welcome(Part, frozen=True, kw_only=True):
    """Points for joining."""

    edits = editing.WELCOME
    editor = editing.WELCOME_EDITOR
    points: PointsAmount
    pending: Pending | None = None
    expiry: Expiry | None = None
    qualifying: bool = False

    def describe(self, say: Phrasing) -> Description:
        """Say how many."""
        return Description(title=_("For joining"), says=say.points(self.points))


class ReferralTerms(Part, frozen=True, kw_only=True):
    """Points for bringing somebody, when that person first buys."""

    edits = editing.REFERRAL
    editor = editing.REFERRAL_EDITOR
    referrer_points: PointsAmount | None = None
    referee_points: PointsAmount | None = None
    minimum_amount_minor: Annotated[
        MinorAmount | None, Meta(description="The first purchase must come to this, net.")
    ] = None
    max_referrals: Annotated[
        Annotated[int, Meta(ge=1, le=10**6)] | None, Meta(description="Paid per referrer, ever.")
    ] = None
    within_days: Annotated[
        Annotated[int, Meta(ge=1, le=3660)] | None,
        Meta(description="The first purchase must come so soon after joining."),
    ] = None
    pending: Annotated[Pending | None, Meta(description="For example until returns are over.")] = None
    expiry: Expiry | None = None
    qualifying: bool = False

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a referral that gives nobody anything."""
        if self.referrer_points is None and self.referee_points is None:
            yield Remark("", "empty", _("Points for the referrer, for the referee, or for both."))

    def describe(self, say: Phrasing) -> Description:
        """Say what bringing a friend gives, a sentence each."""
        return Description(
            title=_("For bringing a friend"),
            lines=(*self._gifts(say), *(phrase for _field, phrase in self.clauses(say))),
        )

    def _gifts(self, say: Phrasing) -> Iterator[str]:
        if self.referrer_points:
            points = {"points": say.points(self.referrer_points)}
            yield say.to_reader(
                member=_("You get %(points)s.") % points, staff=_("The referrer gets %(points)s.") % points
            )
        if self.referee_points:
            points = {"points": say.points(self.referee_points)}
            yield say.to_reader(
                member=_("Your friend gets %(points)s.") % points, staff=_("The friend gets %(points)s.") % points
            )

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield with which purchase, how soon and for how many friends it is paid: the name of each field, and its sentence."""
        if self.minimum_amount_minor:
            amount = {"amount": say.money(self.minimum_amount_minor)}
            both = say.to_reader(
                member=_("Both come with your friend's first purchase of at least %(amount)s.") % amount,
                staff=_("Both come with the friend's first purchase of at least %(amount)s.") % amount,
            )
        else:
            both = say.to_reader(
                member=_("Both come with your friend's first purchase."),
                staff=_("Both come with the friend's first purchase."),
            )
        yield "minimum_amount_minor", both
        if self.within_days:
            words = ngettext(
                "It must come within %(count)d day of joining.",
                "It must come within %(count)d days of joining.",
                self.within_days,
            )
            yield "within_days", words % {"count": self.within_days}
        if self.max_referrals:
            words = ngettext("For up to %(count)d friend.", "For up to %(count)d friends.", self.max_referrals)
            yield "max_referrals", words % {"count": self.max_referrals}

    def invite(self, say: Phrasing) -> tuple[str, ...]:
        """Say what a friend's invitation gives to whoever joins by it, and to the friend, a sentence each."""
        amount = {"amount": say.money(self.minimum_amount_minor or 0)}
        yours = {"points": say.points(self.referee_points or 0), **amount}
        theirs = {"points": say.points(self.referrer_points or 0), **amount}
        has_least = bool(self.minimum_amount_minor)
        said = []
        if self.referee_points and has_least:
            said.append(_("%(points)s are yours with your first purchase of at least %(amount)s.") % yours)
        elif self.referee_points:
            said.append(_("%(points)s are yours with your first purchase.") % yours)
        if self.referrer_points and self.referee_points:
            said.append(_("Your friend then gets %(points)s.") % theirs)
        elif self.referrer_points and has_least:
            said.append(_("Your friend gets %(points)s with your first purchase of at least %(amount)s.") % theirs)
        elif self.referrer_points:
            said.append(_("Your friend gets %(points)s with your first purchase.") % theirs)
        return (*said, *(phrase for field, phrase in self.clauses(say) if field == "within_days"))


class TransferTerms(Part, frozen=True, kw_only=True):
    """Members may give points to each other; the points keep their expiry. Left out, they may not."""

    edits = editing.TRANSFERS
    editor = editing.TRANSFERS_EDITOR
    minimum_points: Annotated[PointsAmount, Meta(description="In one transfer.")] = 1
    maximum_points: Annotated[PointsAmount | None, Meta(description="In one transfer.")] = None
    given_per_month: Annotated[
        PointsAmount | None, Meta(description="The most one member may give in a calendar month.")
    ] = None
    received_per_month: Annotated[
        PointsAmount | None, Meta(description="The most one member may be given in a calendar month.")
    ] = None

    def describe(self, say: Phrasing) -> Description:
        """Say how many points members may give to each other."""
        lines = tuple(phrase for _field, phrase in self.clauses(say))
        return Description(title=_("Transfers between members"), lines=lines)

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield the name of each limit, and its phrase."""
        for field, words in (
            ("minimum_points", _("at least %(points)s at once")),
            ("maximum_points", _("at most %(points)s at once")),
            ("given_per_month", _("a member gives at most %(points)s a month")),
            ("received_per_month", _("a member receives at most %(points)s a month")),
        ):
            if (points := getattr(self, field)) is not None:
                yield field, words % {"points": say.points(points)}


class TermsNotice(Part, frozen=True, kw_only=True):
    """Words for members, shown with the terms."""

    listed_as: ClassVar[Any] = gettext_lazy("Notices")
    edits = editing.NOTICE
    editor = editing.NOTICE_EDITOR
    title: Text
    body: Text

    def describe(self, say: Phrasing) -> Description:
        """Say the notice."""
        return Description(title=say.text(self.title), says=say.text(self.body))


class Terms(Part, frozen=True, kw_only=True, dict=True):
    """A loyalty programme: what a purchase is worth, what tiers there are, what points buy, when they end."""

    edits = editing.TERMS
    not_edited = editing.TERMS_NOT_EDITED
    # dict=True: rewards.earning keeps the compiled rules on the document they belong to; they are no field of it.
    format: Literal[1] = 1
    name: Annotated[Text, Meta(description="The programme's name.", examples=["Star Rewards"])]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO code; all money below.", examples=["KRW"])]
    points: Points = Points()
    earning: Earning = Earning()
    expiry: Annotated[Expiry, Meta(description="When points end, unless a rule or tier says otherwise.")] = Never()
    tiers: Tiers | None = None
    rewards: Annotated[tuple[AnyReward, ...], Meta(max_length=500)] = ()
    pay_with_points: PayWithPoints | None = None
    payable_kinds: Annotated[
        KindList,
        Meta(
            description="Kinds of lines that points can pay, and that percentages and the minimum totals of rewards look "
            "at."
        ),
    ] = (GOODS,)
    stamps: Annotated[tuple[StampCard, ...], Meta(max_length=20)] = ()
    welcome: Welcome | None = None
    referral: ReferralTerms | None = None
    transfers: TransferTerms | None = None
    notices: Annotated[tuple[TermsNotice, ...], Meta(max_length=50)] = ()
    examples: Annotated[tuple[Example, ...], Meta(max_length=100)] = ()

    def whole(self, today: date | None = None) -> Whole:
        """Return the document as its parts ask about it."""
        return Whole(self, currency=self.currency, decimals=self.points.decimals, today=today)

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a currency that does not exist, and kinds of lines named twice."""
        if self.currency not in money.currencies():
            yield Remark("/currency", "unknown_currency", _("%(code)s is not a currency.") % {"code": self.currency})
        yield from check_kinds(self.payable_kinds, "/payable_kinds")

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find points that buy nothing."""
        if self.earning.rules and not self.rewards and self.pay_with_points is None:
            yield Remark("/rewards", "nothing_to_buy", _("Points buy nothing yet."))

    def describe(self, say: Phrasing) -> Description:
        """Describe every part the document holds, by the name of its field, in the document's order."""
        found = []
        for field in self.__struct_fields__:
            described = _described(getattr(self, field), say)
            if described != Description():
                found.append(structs.replace(described, key=field))
        return Description(title=say.text(self.name), facts=self._facts(say), parts=tuple(found))

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what can be paid with points, and when they end: the name of each field, and its phrase."""
        if self.payable_kinds != (GOODS,):
            yield "payable_kinds", say.kinds(self.payable_kinds)
        yield "expiry", self.expiry.describe(say).says

    def _facts(self, say: Phrasing) -> tuple[Description, ...]:
        facts = [Description(key="name", title=_("Name"), says=say.text(self.name))]
        if self.payable_kinds != (GOODS,):
            title, kinds = _("Can be paid with points"), say.kinds(self.payable_kinds)
            facts.append(Description(key="payable_kinds", title=title, says=kinds))
        return tuple(facts)


def _described(value: object, say: Phrasing) -> Description:
    """Describe a field of the document: a part, or a list of parts under the title they share."""
    if isinstance(value, Ending):
        return structs.replace(value.describe(say), title=_("When points end"))
    if isinstance(value, Part):
        return value.describe(say)
    parts = [each for each in value if isinstance(each, Part)] if isinstance(value, tuple) else []
    said = [each.describe(say) for each in parts if each.listed_as]
    if not said:
        return Description()
    keyed = [structs.replace(each, key=each.key or f"{place}") for place, each in enumerate(said)]
    return Description(title=str(parts[0].listed_as), parts=tuple(keyed))
