"""Asking before selling: what a purchase would earn.  The same fold as a sale's, thrown away instead of written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from django.db import transaction
from msgspec import Meta

from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards.earning import Evaluation
from rewards.parties import Input, MemberRef, Party
from rewards.points import AccountState
from rewards.purchases import quotes
from rewards.purchases.recording import evaluated
from rewards.sales.inputs import LINES_MAX, Instant, LineInput, PurchaseInput, RedemptionInput, Rounding, SignedMoney
from rewards.sales.sale import Sale
from rewards.sales.sources import TILL, SaleSource
from rewards.versions import Version


class QuoteInput(Input, frozen=True, kw_only=True):
    """A basket that may be sold, with or without a member."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", examples=["KRW"])]
    total_minor: SignedMoney
    occurred_at: Instant | None = None
    member: MemberRef | None = None
    location: Annotated[str, Meta(max_length=60, description="Code or id; the key's own when left out.")] | None = None
    channel: Annotated[str, Meta(max_length=30)] | None = None
    tax_minor: SignedMoney = 0
    rounding_minor: Rounding = 0
    lines: Annotated[tuple[LineInput, ...], Meta(max_length=LINES_MAX)] = ()
    redemptions: Annotated[tuple[RedemptionInput, ...], Meta(max_length=10)] = ()


@dataclass(frozen=True, slots=True)
class Quoted:
    """What it would earn, by which terms, and the token that pins both for a while."""

    sale: Sale
    evaluation: Evaluation
    version: Version | None
    token: str
    expires_at: datetime
    buyer: Party | None
    #: As it would stand after spending what the quote asks for, before earning.
    account: AccountState | None

    @property
    def points_paid_minor(self) -> int:
        """Return what the points of the quote pay of it, in minor units."""
        return self.sale.points_paid_minor


def quote(*, merchant: Merchant, asked: QuoteInput, now: datetime, actor: Actor, source: SaleSource = TILL) -> Quoted:
    """Say what a purchase would earn now and pin it; nothing is written, nothing stays locked.

    :raises LoyaltyError: whatever recording the same purchase would be refused for.
    """
    sold = PurchaseInput(
        external_id="quote",
        occurred_at=asked.occurred_at or now,
        currency=asked.currency,
        total_minor=asked.total_minor,
        member=asked.member,
        location=asked.location,
        channel=asked.channel,
        tax_minor=asked.tax_minor,
        rounding_minor=asked.rounding_minor,
        lines=asked.lines,
        redemptions=asked.redemptions,
    )
    with transaction.atomic():
        sale, buyer, evaluation, version = evaluated(merchant, sold, now=now, actor=actor, source=source)
        transaction.set_rollback(True)
    pinned = quotes.pin(
        merchant,
        sold,
        member=buyer.public_id if buyer else None,
        evaluation=evaluation,
        terms_version=version.number if version else None,
        now=now,
    )
    return Quoted(
        sale=sale,
        evaluation=evaluation,
        version=version,
        token=pinned.token(),
        expires_at=pinned.expires_at,
        buyer=buyer,
        account=buyer.account if buyer else None,
    )
