"""Spending points at the till or in the portal: at once, or set aside for later."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.utils.translation import gettext as _

from members import live_codes
from merchants import ids
from merchants.actors import Actor
from merchants.errors import Invalid, LoyaltyError
from merchants.models.merchants import Merchant
from rewards import authority, dating, documents, parties, tiers, versions
from rewards.documents import DocumentOutcome
from rewards.models.redemptions import Redemption
from rewards.parties import Party
from rewards.points import Book
from rewards.redemptions import offers
from rewards.redemptions.answers import check_shape
from rewards.redemptions.folding import Spendings
from rewards.redemptions.inputs import RedemptionRequest
from rewards.redemptions.occasions import Occasion
from rewards.redemptions.reading import read_spendings


def redeem(
    *,
    merchant: Merchant,
    asked: RedemptionRequest,
    now: datetime,
    actor: Actor,
    location: str = "",
    is_silent: bool = False,
) -> DocumentOutcome:
    """Spend a member's points at once: on a reward, or as money at the terms' rate.

    Points are integers of the programme's smallest unit. Locks the member's account, then the reward's stock. A refusal
    (409) is returned, kept for ever under the external id: call `outcome.unless_refused()` after the commit. `location`
    is the key's own, when the request names none. Dated back (`occurred_at`), it goes by terms and tier of then and takes
    points that could be spent at every instant since. `is_silent`: others hear nothing of it.

    :raises ExternalIdReused: the id was used for something else.
    :raises StaticCodeEarnsOnly, LiveCodeNeeded, TillLimitReached: the till named the member by something that does not
        spend here, or not so much in a day; nothing kept.
    :raises MemberNotFound, UnknownReward, OrderTotalRequired, UnknownLocation, Invalid: it cannot be meant; nothing kept.
    """
    return _spend(merchant, asked, now=now, actor=actor, location=location, is_hold=False, is_silent=is_silent)


def hold(
    *,
    merchant: Merchant,
    asked: RedemptionRequest,
    now: datetime,
    actor: Actor,
    location: str = "",
    is_silent: bool = False,
) -> DocumentOutcome:
    """Set a member's points aside for a redemption until it is captured, released or timed out.

    The hold lasts `hold_minutes`, the reward's own when left out. Locks, refusals and errors are those of `redeem`; it is
    of now, and never dated back.
    """
    return _spend(merchant, asked, now=now, actor=actor, location=location, is_hold=True, is_silent=is_silent)


def _spend(
    merchant: Merchant,
    asked: RedemptionRequest,
    *,
    now: datetime,
    actor: Actor,
    location: str,
    is_hold: bool,
    is_silent: bool,
) -> DocumentOutcome:
    check_shape(_Ask(asked))
    if is_hold and asked.occurred_at is not None:
        raise Invalid(_("Points are set aside from now on: a hold cannot be dated back."), pointer="/occurred_at")
    sent = documents.fingerprint(msgspec.structs.replace(asked, hold=is_hold))
    place = parties.location_id(merchant, asked.location or location)
    book = Book(merchant.pk, now=now, actor=actor, is_silent=is_silent)
    party = parties.lock(merchant, book, [asked.member])[0]
    earlier = documents.known(Redemption, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id if party else None)
    at = dating.moment_of(merchant, asked.occurred_at, now=now)
    party = parties.present(party)
    book.read_lots(everything=True)
    timeline = versions.timeline(merchant.pk)
    spendings = read_spendings(merchant, book, timeline, [_Ask(asked)])
    used_for = f"redemption:{asked.external_id}"
    try:
        parties.check_not_blocked(party)
        authority.check_not_stopped(party.is_spending_stopped)
        by = authority.of(merchant, asked.member, member_id=party.id, used_for=used_for, now=now, actor=actor)
        occasion = Occasion(
            party.account, party.public_id, at, asked.order_total_minor, place, is_at_tills_word=by.is_at_tills_word,
            within=book.spendable_since(party.account, at) if at < now else None,
            tier_then=tiers.held_then(party.account, at, merchant_id=merchant.pk) if at < now else None,
        )  # fmt: skip
        row = spendings.spend(
            book, occasion, _Ask(asked), external_id=asked.external_id, sent=sent, hold_minutes=asked.hold_minutes,
            is_hold=is_hold,
        )  # fmt: skip
    except LoyaltyError as error:
        if error.http != 409:
            raise
        row = _refused(
            spendings, asked, party, error, merchant_id=merchant.pk, sent=sent, place=place, at=at, now=now, actor=actor
        )
    else:
        if by.shown is not None:
            live_codes.use(merchant=merchant, member_id=party.id, shown=by.shown, used_for=used_for, now=now)
    spendings.write(book, is_silent=is_silent)
    return documents.written(row, member_id=party.id)


def _refused(
    spendings: Spendings,
    asked: RedemptionRequest,
    party: Party,
    error: LoyaltyError,
    *,
    merchant_id: int,
    sent: bytes,
    place: int | None,
    at: datetime,
    now: datetime,
    actor: Actor,
) -> Redemption:
    """Keep a refusal: a cashier may have taken cash meanwhile, so the same request must answer the same for ever."""
    version = spendings.timeline.at(at)
    points = asked.points or 0
    if asked.reward is not None and version is not None:
        reward = offers.reward_of(version.terms, asked.reward)
        points = reward.price_points if reward is not None else 0
    row = Redemption(
        merchant_id=merchant_id, public_id=ids.mint("rdm"), external_id=asked.external_id,
        fingerprint=sent, actor=str(actor), occurred_at=at, recorded_at=now, state=Redemption.State.REFUSED,
        refusal=error.code, member_id=party.id, location_id=place, reward=asked.reward or "", points=points,
        order_total_minor=asked.order_total_minor, terms_version=version.number if version else None,
    )  # fmt: skip
    row.receipt = documents.refusal_receipt(
        error, id=row.public_id, external_id=row.external_id, member=party.public_id, reward=row.reward or None,
        points=points, balance_after=party.account.spendable,
    )  # fmt: skip
    spendings.new.append(row)
    return row


class _Ask:
    """A request as an ask: never a hold to capture."""

    id: str | None = None
    code: str | None = None

    def __init__(self, asked: RedemptionRequest) -> None:
        self.reward = asked.reward
        self.own_reward = asked.own_reward
        self.points = asked.points
