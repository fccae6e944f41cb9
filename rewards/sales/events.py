"""What is said of a sale: the receipt its till keeps, and the events others hear."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from merchants.outbox import Event
from rewards.earning import Evaluation
from rewards.parties import Party
from rewards.sales.returns import Effect, RefundAsked
from rewards.sales.sale import Sale


def receipt(
    sale: Sale, buyer: Party | None, evaluation: Evaluation, told: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Write the receipt that is frozen on the sale's row and answered again to every replay; `told` by the mechanics."""
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
        "tier_after": (account.membership.tier or None) if account else None,
    }
    if evaluation.points < 0 and buyer:
        written["points_taken_back"] = -evaluation.points
        written["debt_made"] = sale.debt_made
    if sale.rounding_minor:
        written["rounding_minor"] = sale.rounding_minor
    written |= told
    if sale.points_clawed_back or sale.refunded_minor:
        written["refunded_minor"] = sale.refunded_minor
        written["points_clawed_back"] = sale.points_clawed_back
    return written


def recorded(sale: Sale, buyer: Party | None) -> Event:
    """State that a sale was recorded, and what it earned."""
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
        "tier": (account.membership.tier or None) if account else None,
        "ordinal": sale.ordinal,
        "terms_version": sale.terms_version,
    }
    return Event("purchase.recorded", payload, sale.occurred_at)


def refunded(sale: Sale, asked: RefundAsked, effect: Effect, told: Mapping[str, Any], buyer: Party | None) -> Event:
    """State that a refund took effect on a sale, at once or when the sale it had waited for arrived."""
    account = buyer.account if buyer else None
    payload = {
        "refund": asked.public_id,
        "external_id": asked.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": buyer.public_id if buyer else None,
        "currency": sale.currency,
        "amount_minor": effect.refunded_minor,
        "pay_out_minor": effect.pay_out_minor,
        "pay_outs": effect.pay_outs,
        "refunded_minor": sale.refunded_minor,
        "points_clawed_back": effect.points_clawed_back,
        "points_restored": told.get("points_restored", 0),
        "debt_made": effect.debt_made,
        "balance": account.balance if account else None,
        "seq": (account.seq or None) if account else None,
        "tier": (account.membership.tier or None) if account else None,
    }
    return Event("purchase.refunded", payload, asked.occurred_at)
