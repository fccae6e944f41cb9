"""People with stamps, for tests of screens: drinks are sold as a till does, and cards fill by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from members.models import Member
from merchants import ids, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards import programmes, purchases, stamps, terms

LATTE = 5200


def publish(shop: Merchant, template: str = "cafe-stamps", *, days_ago: int = 60, **changes: Any) -> None:
    """Publish a template of ours in the shop's currency; its card has no days on which stamps count more.

    `changes` are of the card.
    """
    document = terms.templates(shop.currency)[template]
    document["stamps"][0] |= {"bonuses": [], "most_per_order": 50, **changes}
    # Those that promise more on some days, or a limit, are no promise of ours.
    document["examples"] = []
    now = datetime.now(UTC)
    with tenancy.tenant(shop):
        programmes.save_draft(merchant=shop, document=document, revision=None, now=now, actor=SYSTEM)
        programmes.publish(merchant=shop, now=now, actor=SYSTEM, effective_from=now - timedelta(days=days_ago))


def drinks(shop: Merchant, member: Member, count: int, *, days_ago: int = 1, name: str = "") -> str:
    """Sell so many lattes to the member; returns the sale's id."""
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(
        external_id=name or f"drinks-{ids.mint('pur')}",
        occurred_at=now - timedelta(days=days_ago),
        currency=shop.currency,
        total_minor=count * LATTE,
        member=purchases.MemberRef(id=member.public_id),
        location="main",
        lines=(
            purchases.LineInput(sku="LATTE", category="coffee", quantity=Decimal(count), amount_minor=count * LATTE),
        ),
    )
    with tenancy.tenant(shop):
        (outcome,) = purchases.record(
            merchant=shop, items=[sold], now=now, actor=SYSTEM,
            source=purchases.SaleSource(may_backfill=True, is_silent=True),
        )  # fmt: skip
    if outcome.error is not None:
        raise outcome.error
    return str(outcome.public_id)


def stands(shop: Merchant, member: Member) -> tuple[int, int]:
    """On the first card, and how many rewards are the member's own."""
    asked: dict[str, Any] = {"merchant": shop, "member_id": member.pk, "now": datetime.now(UTC)}
    with tenancy.tenant(shop):
        return stamps.cards_of(**asked)[0].stamps, len(stamps.own_rewards_of(**asked))
