"""What is said of a sale: the receipt its till keeps, and the events others hear."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from merchants.outbox import Event
from rewards.earning import Evaluation
from rewards.purchases.reading import Buyer
from rewards.purchases.returns import Asked, Effect
from rewards.purchases.sales import Sale


def receipt(
    sale: Sale, buyer: Buyer | None, evaluation: Evaluation, spent: list[dict[str, Any]], *, now: datetime
) -> dict[str, Any]:
    """This function will write the receipt that is frozen on the sale's row and answered again to every replay."""
    account = buyer.account if buyer else None
    written: dict[str, Any] = {
        "id": sale.public_id,
        "external_id": sale.external_id,
        "member": buyer.public_id if buyer else None,
        "occurred_at": sale.occurred_at,
        "recorded_at": now,
        "total_minor": sale.total_minor,
        "currency": sale.currency,
        "points_earned": sale.points_earned,
        "points_pending": sum(g.points for g in evaluation.grants if g.active_at > now) if buyer else 0,
        "lots": [
            {"points": grant.points, "active_at": grant.active_at, "expires_at": grant.expires_at}
            for grant in evaluation.grants
        ]
        if buyer
        else [],
        "qualifying_points": sale.qualifying_points,
        "points_unclaimed": 0 if buyer else evaluation.points,
        "trace": evaluation.trace,
        "terms_version": sale.terms_version,
        "balance_after": account.spendable if account else None,
        "tier_after": (account.tier or None) if account else None,
    }
    if spent:
        written["redemptions"] = spent
    if sale.points_clawed_back or sale.refunded_minor:
        written["refunded_minor"] = sale.refunded_minor
        written["points_clawed_back"] = sale.points_clawed_back
    return written


def recorded(sale: Sale, buyer: Buyer | None) -> Event:
    """This function will say that a sale was recorded, and what it earned."""
    account = buyer.account if buyer else None
    payload = {
        "purchase": sale.public_id,
        "external_id": sale.external_id,
        "member": buyer.public_id if buyer else None,
        "currency": sale.currency,
        "total_minor": sale.total_minor,
        "points_earned": sale.points_earned,
        "location": sale.location_public_id,
        "channel": sale.channel or None,
        "points_pending": sale.receipt["points_pending"],
        "qualifying_points": sale.qualifying_points,
        "points_paid_minor": sale.points_paid_minor,
        "balance": account.balance if account else None,
        "seq": (account.seq or None) if account else None,
        "tier": (account.tier or None) if account else None,
        "ordinal": sale.ordinal,
        "terms_version": sale.terms_version,
    }
    return Event("purchase.recorded", payload, sale.occurred_at)


def refunded(sale: Sale, buyer: Buyer | None, settled: Iterable[tuple[Asked, Effect, int]]) -> list[Event]:
    """This function will tell of the refunds that had waited for this sale, each with what it restored."""
    told = []
    for asked, effect, restored in settled:
        payload = {
            "refund": asked.public_id,
            "purchase": sale.public_id,
            "purchase_external_id": sale.external_id,
            "member": buyer.public_id if buyer else None,
            "currency": sale.currency,
            "amount_minor": effect.refunded_minor,
            "points_clawed_back": effect.points_clawed_back,
            "points_restored": restored,
            "debt_made": effect.debt_made,
        }
        told.append(Event("purchase.refunded", payload, asked.occurred_at))
    return told
