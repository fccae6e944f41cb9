"""Purchases that gave no points: a member asks, staff look at the receipt and give the points or say why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet
from django.db.models.lookups import IsNull
from django.utils import translation
from django.utils.translation import gettext as _

from engagement.models import MissingPoints as MissingPoints
from members.models import Member
from merchants import audit, contacts, ids, messages, money, periods, texts
from merchants.actors import Actor
from merchants.database.sql_errors import constraint_of
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from rewards import adjustments, purchases
from rewards.parties import MemberRef
from rewards.purchases import finding

State = MissingPoints.State

#: Older receipts are for the counter: the paper has faded, and nobody remembers.
DAYS_BACK = 90
WAITING_MAX = 5
PAGE_MAX = 100
#: A sale made offline comes weeks later at most, and most answers have no such sale.
LOOKED_THROUGH_MAX = 300
#: A till's clock may be wrong; a sale later than this after the question is not the one she had the receipt of.
CLOCKS = timedelta(days=1)


class AskedBefore(Conflict):
    """The receipt is waiting, was given points, or is a purchase of this member already."""

    code: ClassVar[str] = "asked_before"


class TooManyWaiting(Conflict):
    code: ClassVar[str] = "too_many_waiting"


class ReportSettled(Conflict):
    """Somebody else gave or declined it meanwhile."""

    code: ClassVar[str] = "settled_already"


#: What the adjustment or the claim that answers a question is called by, before its id.
#: Staff answer in the console; the question names the document that answers it, and is answered once.
_OURS = "console:"


@dataclass(frozen=True, slots=True)
class PaidTwice:
    """A question whose points were given by hand, and the sale that came later and gave its own."""

    question: MissingPoints
    adjustment: str
    purchase: finding.PurchaseView


def ask(
    *, merchant: Merchant, member: Member, bought_on: date, amount_minor: int, receipt: str, now: datetime
) -> MissingPoints:
    """Keep a member's question about a purchase that gave nothing.  Locks the member.

    :raises Invalid: no amount, or a day to come or more than 90 days ago.
    :raises AskedBefore: about this receipt, or it counts already.
    :raises TooManyWaiting: five wait for an answer.
    """
    receipt, today = texts.line(receipt)[:60], periods.local_day(now, merchant.tzinfo)
    if amount_minor <= 0:
        raise Invalid(_("Type what was paid, more than nothing."), pointer="/amount")
    if not today - timedelta(days=DAYS_BACK) <= bought_on <= today:
        raise Invalid(_("Choose a day within the last %(days)d days.") % {"days": DAYS_BACK}, pointer="/bought_on")
    Member.objects.select_for_update(of=("self",), no_key=True).get(merchant=merchant, pk=member.pk)
    mine = MissingPoints.objects.filter(merchant=merchant, member=member)
    if mine.filter(state=State.WAITING).count() >= WAITING_MAX:
        raise TooManyWaiting(_("Five of your questions wait already. Please wait for an answer first."))
    known = finding.by_number(merchant=merchant, number=receipt) if receipt else []
    hers = [sale for sale in known if sale.member_id == member.pk]
    # With several tills that count alike the number alone does not say it: the day has to be the same as well.
    if any(
        each.external_id == receipt or periods.local_day(each.occurred_at, merchant.tzinfo) == bought_on
        for each in hers
    ):
        raise AskedBefore(_("This purchase is in your activity already."), pointer="/receipt")
    asked_before = mine.filter(bought_on=bought_on, amount_minor=amount_minor, receipt=receipt).exclude(
        state=State.DECLINED
    )
    if asked_before.exists():
        raise AskedBefore(_("You have asked about this purchase already."), pointer="/receipt")
    row = MissingPoints(
        merchant=merchant, public_id=ids.mint("mis"), member=member, bought_on=bought_on, amount_minor=amount_minor,
        receipt=receipt, asked_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "a_receipt_is_asked_about_once":
            raise
        raise AskedBefore(
            _("This receipt was asked about already. If it is yours, please bring it to the shop."), pointer="/receipt"
        ) from None
    return row


def of_member(*, merchant: Merchant, member: Member) -> Sequence[MissingPoints]:
    """List what a member asked, also under a membership that was merged into theirs; newest first."""
    theirs = MissingPoints.objects.filter(Q(member=member) | Q(member__merged_into=member), merchant=merchant)
    return list(theirs.order_by("-pk")[:PAGE_MAX])


def waiting(*, merchant: Merchant) -> Sequence[MissingPoints]:
    """List what waits for an answer, oldest first, a hundred at most."""
    rows = MissingPoints.objects.filter(merchant=merchant, state=State.WAITING).select_related("member")
    return list(rows.order_by("pk")[:PAGE_MAX])


def settled(*, merchant: Merchant, limit: int = 20) -> Sequence[MissingPoints]:
    """List what was answered last, newest first."""
    rows = MissingPoints.objects.filter(merchant=merchant).exclude(state=State.WAITING).select_related("member")
    return list(rows.order_by("-settled_at", "-pk")[:limit])


def listed(*, merchant: Merchant, limit: int, before_id: int | None = None) -> Sequence[MissingPoints]:
    """List all that was asked, newest first, those older than a row when it is given, a hundred at most."""
    rows = MissingPoints.objects.filter(merchant=merchant).select_related("member")
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return list(rows.order_by("-pk")[: min(limit, PAGE_MAX)])


def waiting_count(*, merchant: Merchant) -> int:
    """Count what waits for an answer."""
    return MissingPoints.objects.filter(merchant=merchant, state=State.WAITING).count()


def open_counts(*, merchant: Merchant) -> tuple[int, int]:
    """Count what waits for an answer, and the questions whose points came twice; one statement unless points were given."""
    rows = MissingPoints.objects.filter(merchant=merchant, state__in=(State.WAITING, State.ACCEPTED))
    states = dict(rows.values_list("state").annotate(count=Count("pk")).order_by())
    return states.get(State.WAITING, 0), paid_twice_count(merchant=merchant) if State.ACCEPTED in states else 0


def worth(*, merchant: Merchant, row: MissingPoints, now: datetime, actor: Actor) -> int:
    """State how many points a purchase of this amount would give the member today; writes nothing."""
    asked = purchases.QuoteInput(
        currency=merchant.currency, total_minor=row.amount_minor, member=MemberRef(id=row.member.public_id)
    )
    return purchases.quote(merchant=merchant, asked=asked, now=now, actor=actor).evaluation.points


def sold_as(*, merchant: Merchant, row: MissingPoints) -> Sequence[finding.PurchaseView]:
    """Find the purchases that a question may be about: those with its receipt number under any
    namespace of the merchant's keys, sold before it was asked; newest first, without those staff said are others."""
    known = finding.by_number(merchant=merchant, number=row.receipt) if row.receipt else []
    return [sale for sale in known if sale.occurred_at <= row.asked_at + CLOCKS and sale.id not in row.others]


def accept(
    *, merchant: Merchant, question: str, points: int, now: datetime, actor: Actor, others: Sequence[str] = ()
) -> MissingPoints:
    """Give points for a question (its public id), as an adjustment by whoever accepts it.

    `others` are purchases with the same number (public ids) of which they say that it is another receipt. However often
    it is pressed, the points are given once.  Locks the question, then what an adjustment locks.

    :raises NotFound: no such question.  :raises Settled: it was answered before.
    :raises AskedBefore: the purchase itself counts for somebody, or can still be claimed: its points would come twice.
    :raises Invalid: no points.  :raises LoyaltyError: whatever an adjustment is refused for; then nothing happened.
    """
    if points <= 0:
        raise Invalid(_("Give at least one point, or decline."), pointer="/points")
    row = _open(merchant, question)
    _check_counts_not(merchant, row, others, now=now)
    name = row.receipt or f"{row.bought_on:%Y-%m-%d}"
    asked = adjustments.AdjustmentInput(
        external_id=f"{_OURS}{ids.mint('adj')}",
        member=MemberRef(id=row.member.public_id),
        points=points,
        reason=_("Missing points, receipt %(receipt)s") % {"receipt": name},
    )
    outcome = adjustments.adjust(merchant=merchant, asked=asked, now=now, actor=actor).unless_refused()
    row.document = outcome.public_id
    return _settle(merchant, row, State.ACCEPTED, now=now, actor=actor, points=points)


def claim(*, merchant: Merchant, question: str, purchase: str, now: datetime, actor: Actor) -> MissingPoints:
    """Give the member the very purchase (its public id) the receipt is of, sold to nobody known.

    It earns as of its own day.  Locks the question, then what a claim locks.

    :raises NotFound: no such question, or the purchase has not its number.  :raises Settled: it was answered before.
    :raises LoyaltyError: whatever a claim is refused for; then nothing happened.
    """
    adjustments.check_role(actor)
    row = _open(merchant, question)
    if purchase not in {sale.public_id for sale in sold_as(merchant=merchant, row=row)}:
        raise NotFound(_("No purchase has this receipt number."))
    asked = purchases.ClaimInput(
        external_id=f"{_OURS}{ids.mint('clm')}",
        purchase=purchases.PurchaseRef(id=purchase),
        member=MemberRef(id=row.member.public_id),
    )
    outcome = purchases.claim(merchant=merchant, asked=asked, now=now, actor=actor)
    points, row.document = int(outcome.receipt["points_earned"]), outcome.public_id
    return _settle(merchant, row, State.ACCEPTED, now=now, actor=actor, points=points)


def undo_claim(*, merchant: Merchant, claim: str, reason: str, now: datetime, actor: Actor) -> None:
    """Undo a claim (its public id), and decline the question it had answered, if there was one.

    The reason is read by the member.  Locks what undoing a claim locks, then the question.

    :raises MayNotAdjust: a role that does not correct points.  :raises NotFound: no such claim.  :raises Invalid: no reason.
    """
    adjustments.check_role(actor)
    reason = texts.line(reason)[:200]
    undone = purchases.unclaim(merchant=merchant, claim=claim, reason=reason, now=now, actor=actor)
    rows = MissingPoints.objects.select_for_update(of=("self",)).select_related("member")
    row = rows.filter(merchant=merchant, document=undone.receipt["claim"], state=State.ACCEPTED).first()
    if row is not None:
        _settle(merchant, row, State.DECLINED, now=now, actor=actor, reason=reason)


def decline(*, merchant: Merchant, question: str, reason: str, now: datetime, actor: Actor) -> MissingPoints:
    """Decline a question, with a reason the member reads.  Locks the question.

    :raises NotFound: no such question.  :raises Settled: it was answered before.  :raises Invalid: no reason.
    """
    reason = texts.line(reason)[:200]
    if not reason:
        raise Invalid(_("Say why: the member reads it."), pointer="/reason")
    adjustments.check_role(actor)
    return _settle(merchant, _open(merchant, question), State.DECLINED, now=now, actor=actor, reason=reason)


def paid_twice(*, merchant: Merchant) -> Sequence[PaidTwice]:
    """List points given by hand for a receipt whose sale came later (the till was offline, or
    somebody claimed it) and gave points too, oldest first; until somebody takes the former back.
    """
    return _told_twice(merchant, _twice(merchant))


def paid_twice_count(*, merchant: Merchant) -> int:
    """Count the questions whose points came twice, without reading the sales themselves."""
    return _twice(merchant).count()


def take_back(*, merchant: Merchant, question: str, now: datetime, actor: Actor) -> None:
    """Take back what was given by hand for a question, because the sale itself has counted since.

    However often it is pressed, the points are taken once.  Locks what undoing an adjustment locks.

    :raises NotFound: it is not among those paid twice (any more).
    :raises LoyaltyError: whatever undoing an adjustment is refused for; then nothing happened.
    """
    for each in _told_twice(merchant, _twice(merchant).filter(public_id=question)):
        reason = _("The purchase itself has counted since, receipt %(receipt)s") % {"receipt": each.question.receipt}
        adjustments.undo(
            merchant=merchant, adjustment=each.adjustment, reason=reason, now=now, actor=actor
        ).unless_refused()
        return
    raise NotFound(_("There is nothing to take back."))


def note_other_receipt(*, merchant: Merchant, question: str, purchase: str, now: datetime, actor: Actor) -> None:
    """Note that a purchase (its public id) with the number of a question that was given points is
    another receipt: it does not count as paid twice any more.  Locks the question.

    :raises NotFound: no such question was given points, or no such purchase has its number.
    """
    adjustments.check_role(actor)
    rows = MissingPoints.objects.select_for_update(of=("self",)).select_related("member")
    row = rows.filter(merchant=merchant, public_id=question, state=State.ACCEPTED).first()
    apart = [sale.id for sale in sold_as(merchant=merchant, row=row) if sale.public_id == purchase] if row else []
    if row is None or not apart:
        raise NotFound(_("There is nothing to tell apart."))
    row.others = [*row.others, *apart]
    row.save(update_fields=["others"])
    audit.record(
        merchant=merchant, action="missing_points.told_apart", actor=actor, now=now, subject=row.member.public_id,
        details={"question": row.public_id, "purchase": purchase},
    )  # fmt: skip


def _twice(merchant: Merchant) -> QuerySet[MissingPoints]:
    """The questions whose points were given by hand and stand, and that a sale has given as well; oldest first."""
    rows = MissingPoints.objects.filter(merchant=merchant, state=State.ACCEPTED).exclude(receipt="")
    # Without its order: that belongs to which are looked through, not to the looking.
    lately = rows.order_by("-pk").values("pk")[:LOOKED_THROUGH_MAX]
    sold = finding.numbered(merchant=merchant, number=OuterRef("receipt")).filter(
        member__isnull=False, points_earned__gt=F("points_clawed_back"), occurred_at__lte=OuterRef("asked_at") + CLOCKS
    )
    by_hand = adjustments.standing(merchant=merchant).filter(public_id=OuterRef("document"))
    place = Func(OuterRef("others"), F("pk"), function="array_position", output_field=IntegerField())
    sold = sold.filter(IsNull(place, True))
    found = MissingPoints.objects.filter(Exists(sold), Exists(by_hand), merchant=merchant, pk__in=lately)
    return found.select_related("member").order_by("pk")


def _told_twice(merchant: Merchant, found: QuerySet[MissingPoints]) -> list[PaidTwice]:
    rows = list(found)
    return [
        PaidTwice(row, row.document, sale)
        for row in rows
        for sale in sold_as(merchant=merchant, row=row)
        if sale.member_id is not None and sale.points_kept > 0
    ]


def _check_counts_not(merchant: Merchant, row: MissingPoints, others: Sequence[str], *, now: datetime) -> None:
    """Note which purchases are others, and refuse while one is left that counts or can."""
    known = sold_as(merchant=merchant, row=row)
    row.others = [*row.others, *(sale.id for sale in known if sale.public_id in others)]
    left = [sale for sale in known if sale.public_id not in others]
    if any(sale.member_id is not None for sale in left):
        raise AskedBefore(_("A purchase with this receipt number counts for a member already."))
    if any(purchases.is_claimable(merchant=merchant, purchase=sale, now=now) for sale in left):
        raise AskedBefore(_("The till has this purchase, and it has no member yet: give them the purchase itself."))


def _open(merchant: Merchant, question: str) -> MissingPoints:
    rows = MissingPoints.objects.select_for_update(of=("self",)).select_related("member")
    row = rows.filter(merchant=merchant, public_id=question).first()
    if row is None:
        raise NotFound(_("There is no such question."))
    if row.state != State.WAITING:
        raise ReportSettled(_("Somebody has answered this already."))
    return row


def _settle(
    merchant: Merchant,
    row: MissingPoints,
    state: str,
    *,
    now: datetime,
    actor: Actor,
    points: int = 0,
    reason: str = "",
) -> MissingPoints:
    row.state, row.points, row.reason = state, points, reason
    row.settled_at, row.settled_by = now, str(actor)
    row.save(update_fields=["state", "points", "reason", "settled_at", "settled_by", "document", "others"])
    audit.record(
        merchant=merchant, action=f"missing_points.{state}", actor=actor, now=now, subject=row.member.public_id,
        details={"question": row.public_id, "points": points},
    )  # fmt: skip
    _write(merchant, row, now=now)
    return row


def _write(merchant: Merchant, row: MissingPoints, *, now: datetime) -> None:
    """Tell the member at the first contact that can be reached; who has none finds the answer in the portal."""
    member = row.member
    for contact in map(contacts.stored, filter(None, (member.email, member.phone))):
        if messages.can_reach(contact):
            break
    else:
        return
    language = member.language or merchant.language
    paid = money.format_minor(row.amount_minor, merchant.currency, language, digits=merchant.display_digits)
    words = {"merchant": merchant.name, "reason": row.reason, "amount": paid}
    with translation.override(language):
        text = (
            _("We looked at your purchase of %(amount)s at %(merchant)s: its points are on your account now.")
            if row.state == State.ACCEPTED
            else _(
                "We looked at your purchase of %(amount)s at %(merchant)s and could not give points for it: %(reason)s"
            )
        )
        letter = messages.Letter(
            "missing_points", contact, text % words, _("Your missing points at %(merchant)s") % words
        )
    messages.queue(merchant=merchant, letter=letter, now=now)
