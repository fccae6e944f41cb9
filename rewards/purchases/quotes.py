"""Quotes: what a purchase would earn and what could be redeemed, pinned to the terms for a while; writes nothing.

A quote is a signed token that names the basket, the member, the terms version, the points and what is earned beside them. A purchase that brings
it is recorded at exactly that, or refused: it is never silently priced again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.core import signing
from django.utils.translation import gettext as _

from merchants.errors import Conflict, Invalid
from merchants.models.merchants import Merchant
from rewards import documents
from rewards.earning import Evaluation
from rewards.parties import Party
from rewards.sales.inputs import PurchaseInput
from rewards.sales.sale import Sale

QUOTE_MINUTES = 15
_SALT = "rewards.quote"


class QuoteExpired(Conflict):
    code: ClassVar[str] = "quote_expired"


class QuoteChanged(Conflict):
    """Something moved since the quote (the terms, the tier, a cap): ask for a new one and show it."""

    code: ClassVar[str] = "quote_changed"


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a quote promises."""

    merchant_id: int
    member: str
    basket: str
    points: int
    terms_version: int
    expires_at: datetime
    #: What is earned beside points, by name.
    beside: Mapping[str, int]

    def token(self) -> str:
        claims = [
            self.merchant_id, self.member, self.basket, self.points, self.terms_version, self.expires_at.isoformat(),
            dict(self.beside),
        ]  # fmt: skip
        return signing.dumps(claims, salt=_SALT, compress=True)


def basket_print(sold: PurchaseInput) -> str:
    """Return a print of what is sold, without what a till only knows afterwards (ids, tenders, the moment)."""
    content = {
        "currency": sold.currency,
        "total_minor": sold.total_minor,
        "tax_minor": sold.tax_minor,
        "rounding_minor": sold.rounding_minor,
        "lines": sold.lines,
        "location": sold.location,
        "channel": sold.channel,
        "redemptions": sold.redemptions,
    }
    return documents.fingerprint(content).hex()[:32]


def pin(
    merchant: Merchant, sold: PurchaseInput, *, member: str | None, evaluation: Evaluation, terms_version: int | None,
    now: datetime,
) -> Pinned:  # fmt: skip
    """Return the promise of a quote made now."""
    return Pinned(
        merchant.pk, member or "", basket_print(sold), evaluation.points, terms_version or 0,
        now + timedelta(minutes=QUOTE_MINUTES), evaluation.outcomes,
    )  # fmt: skip


def read(token: str) -> Pinned:
    """:raises Invalid: not a token of ours."""
    try:
        merchant_id, member, basket, points, version, expires_at, beside = signing.loads(token, salt=_SALT)
        return Pinned(merchant_id, member, basket, points, version, datetime.fromisoformat(expires_at), beside)
    except (signing.BadSignature, ValueError, TypeError, IndexError):
        raise Invalid(_("This is not a quote of ours."), pointer="/quote") from None


def check(
    sold: PurchaseInput, sale: Sale, *, merchant: Merchant, buyer: Party | None, evaluation: Evaluation, now: datetime
) -> None:
    """Compare a purchase with the quote it brings.

    :raises QuoteExpired: its minutes are over.
    :raises QuoteChanged: it would earn something else than was promised.
    :raises Invalid: a quote for another basket, member or merchant.
    """
    pinned = read(sold.quote or "")
    if (pinned.merchant_id, pinned.member, pinned.basket) != (
        merchant.pk,
        buyer.public_id if buyer else "",
        basket_print(sold),
    ):
        raise Invalid(_("This quote is for another basket or member."), pointer="/quote")
    if now > pinned.expires_at:
        raise QuoteExpired(_("This quote has expired. Ask for a new one and show it."), pointer="/quote")
    if (pinned.points, pinned.terms_version) != (evaluation.points, sale.terms_version or 0):
        raise QuoteChanged(
            _("It would now earn %(points)d points. Ask for a new quote and show it.") % {"points": evaluation.points},
            pointer="/quote", points=evaluation.points, quoted=pinned.points,
        )  # fmt: skip
    if dict(pinned.beside) != dict(evaluation.outcomes):
        raise QuoteChanged(
            _("It would now earn something else beside points. Ask for a new quote and show it."), pointer="/quote"
        )
