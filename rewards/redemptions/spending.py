"""Spending points at the till or in the portal: at once, or set aside for later."""

from __future__ import annotations

from datetime import datetime

import msgspec

from members import live_codes
from merchants import ids
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from rewards import documents, parties, versions
from rewards.documents import Outcome
from rewards.models.redemptions import Redemption
from rewards.parties import Party
from rewards.points import Book
from rewards.redemptions import offers
from rewards.redemptions.answers import check_shape
from rewards.redemptions.folding import Occasion, Spendings
from rewards.redemptions.inputs import RedemptionRequest
from rewards.redemptions.reading import read_spendings


def redeem(*, merchant: Merchant, asked: RedemptionRequest, now: datetime, actor: Actor, location: str = "") -> Outcome:
    """This function will spend a member's points at once: on a reward, or as money at the terms' rate.

    Points are integers of the programme's smallest unit. Locks the member's account, then the reward's stock. A refusal
    (409) is returned, kept for ever under the external id: call `outcome.unless_refused()` after the commit. `location`
    is the key's own, when the request names none.

    :raises ExternalIdReused: the id was used for something else.
    :raises MemberNotFound, UnknownReward, OrderTotalRequired, UnknownLocation, Invalid: it cannot be meant; nothing kept.
    """
    return _spend(merchant, asked, now=now, actor=actor, location=location, is_hold=False)


def hold(*, merchant: Merchant, asked: RedemptionRequest, now: datetime, actor: Actor, location: str = "") -> Outcome:
    """This function will set a member's points aside for a redemption until it is captured, released or timed out.

    The hold lasts `hold_minutes`, the reward's own when left out. Locks, refusals and errors are those of `redeem`.
    """
    return _spend(merchant, asked, now=now, actor=actor, location=location, is_hold=True)


def _spend(
    merchant: Merchant, asked: RedemptionRequest, *, now: datetime, actor: Actor, location: str, is_hold: bool
) -> Outcome:
    check_shape(_Ask(asked))
    sent = documents.fingerprint(msgspec.structs.replace(asked, hold=is_hold))
    place = parties.location_id(merchant, asked.location or location)
    book = Book(merchant.pk, now=now, actor=actor)
    party = parties.lock(merchant, book, [asked.member])[0]
    earlier = documents.known(Redemption, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id if party else None)
    party = parties.present(party)
    book.read_lots(everything=True)
    timeline = versions.timeline(merchant.pk)
    spendings = read_spendings(merchant, book, timeline, [_Ask(asked)])
    used_for = f"redemption:{asked.external_id}"
    occasion = Occasion(party.account, party.public_id, now, asked.order_total_minor, place)
    try:
        parties.check_not_blocked(party)
        shown = parties.live_code(merchant, asked.member, member_id=party.id, used_for=used_for, now=now, actor=actor)
        row = spendings.spend(
            book, occasion, _Ask(asked), external_id=asked.external_id, sent=sent, hold_minutes=asked.hold_minutes,
            is_hold=is_hold,
        )  # fmt: skip
    except LoyaltyError as error:
        if error.http != 409:
            raise
        row = _refused(
            spendings, asked, party, error, merchant_id=merchant.pk, sent=sent, place=place, now=now, actor=actor
        )
    else:
        if shown is not None:
            live_codes.use(merchant=merchant, member_id=party.id, shown=shown, used_for=used_for, now=now)
    spendings.write(book)
    book.write()
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
    now: datetime,
    actor: Actor,
) -> Redemption:
    """Keep a refusal: a cashier may have taken cash meanwhile, so the same request must answer the same for ever."""
    version = spendings.timeline.at(now)
    points = asked.points or 0
    if asked.reward is not None and version is not None:
        reward = offers.reward_of(version.terms, asked.reward)
        points = reward.price_points if reward is not None else 0
    row = Redemption(
        merchant_id=merchant_id, public_id=ids.mint("rdm"), external_id=asked.external_id,
        fingerprint=sent, actor=str(actor), occurred_at=now, recorded_at=now, state=Redemption.State.REFUSED,
        refusal=error.code, member_id=party.id, location_id=place, reward=asked.reward or "", points=points,
        order_total_minor=asked.order_total_minor, terms_version=version.number if version else None,
    )  # fmt: skip
    row.receipt = documents.refusal_receipt(
        error, id=row.public_id, external_id=row.external_id, member=party.public_id, reward=row.reward or None,
        points=points, balance_after=party.account.spendable,
    )  # fmt: skip
    return documents.insert(row)


class _Ask:
    """A request as an ask: never a hold to capture."""

    id: str | None = None
    code: str | None = None

    def __init__(self, asked: RedemptionRequest) -> None:
        self.reward = asked.reward
        self.points = asked.points
