"""An item as a sale that has earned nothing yet."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from merchants import periods
from merchants.ids import mint
from merchants.models.merchants import Merchant
from rewards.parties import Party
from rewards.purchases.items import Item
from rewards.sales.reading import Existing
from rewards.sales.sale import Sale, SaleLocation, checked_lines
from rewards.sales.sources import SaleSource
from rewards.terms import GOODS
from rewards.versions import Version


def drafted(
    item: Item, *, merchant: Merchant, source: SaleSource, shop: SaleLocation | None, buyer: Party | None,
    existing: Existing | None, ids: Iterator[int], version: Version | None,
) -> Sale:  # fmt: skip
    """Return the sale; a refund that came first has its place (`existing`), any other takes the next of the `ids`.

    :raises TotalsDisagree, Invalid: its lines do not add up, or one of them cannot be meant.
    """
    sold, occurred_at = item.sold, item.moment.occurred_at
    lines = checked_lines(sold)
    costs = [line.cost_minor for line in lines if line.cost_minor is not None]
    return Sale(
        id=existing.id if existing else next(ids),
        public_id=existing.public_id if existing else mint("pur"),
        external_id=sold.external_id,
        fingerprint=item.fingerprint,
        occurred_at=occurred_at,
        local_day=periods.local_day(occurred_at, merchant.tzinfo),
        currency=sold.currency,
        total_minor=sold.total_minor,
        tax_minor=sold.tax_minor,
        cost_minor=sum(costs) if len(costs) == len(lines) else None,
        terminal=sold.terminal or source.terminal,
        channel=sold.channel or source.channel,
        tenders=[{"kind": tender.kind, "amount_minor": tender.amount_minor} for tender in sold.tenders],
        lines=lines,
        rounding_minor=sold.rounding_minor,
        has_returns=any(line.is_return for line in lines),
        is_time_unknown=item.moment.is_unknown,
        payable_kinds=version.terms.payable_kinds if version is not None else (GOODS,),
        zone=merchant.tzinfo,
        location_zone=ZoneInfo(shop.zone) if shop is not None else merchant.tzinfo,
        member_id=buyer.id if buyer else None,
        location_id=shop.id if shop else None,
        location_public_id=shop.public_id if shop else None,
        was_announced=existing is not None,
    )
