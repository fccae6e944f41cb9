"""Sales taken in one after the other, each finding accounts and mechanics as the last one left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from rewards import documents
from rewards.mechanics import MECHANICS
from rewards.parties import Party, UnknownLocation, present_buyer
from rewards.purchases import drafting, quotes, writing
from rewards.purchases.items import Item, ItemOutcome
from rewards.sales import early_refunds, events
from rewards.sales.batch import Batch
from rewards.sales.sale import Sale, SaleLocation
from rewards.sales.sources import SaleSource


class Selling:
    """The sales of one transaction: its batch, what became of each so far, and what is to be written."""

    def __init__(
        self, merchant: Merchant, items: Sequence[Item], *, now: datetime, actor: Actor, source: SaleSource
    ) -> None:
        """Lock the accounts of everybody named, and read what the sales need."""
        self.merchant = merchant
        self.source = source
        self.sales: list[Sale] = []
        self.in_batch: dict[str, tuple[bytes, ItemOutcome]] = {}
        self.batch = Batch(
            merchant, MECHANICS, now=now, actor=actor, source=source, sold=[item.sold for item in items],
            moments=[item.moment.occurred_at for item in items],
        )  # fmt: skip
        self.batch.people.lock(list(dict.fromkeys(item.key for item in items if item.key is not None)))
        self.batch.read(
            external_ids=[item.sold.external_id for item in items],
            locations=list({item.location for item in items if item.location}),
        )
        self.ids = iter(self.batch.found.purchase_ids)
        announced = [name for name, row in self.batch.found.existing.items() if row.state == "announced"]
        if announced:
            early_refunds.lock(merchant.pk, announced)

    def take(self, item: Item) -> ItemOutcome:
        """Take one sale in: a replay, a refusal that changes nothing, or a new purchase."""
        buyer = self.batch.people.by_key.get(item.key) if item.key else None
        mark = self.batch.mark(buyer, item.sold)
        try:
            return self._replayed(item) or self._sold(item)
        except LoyaltyError as error:
            self.batch.go_back(buyer, mark)
            return ItemOutcome(item.sold.external_id, error=error)

    def _replayed(self, item: Item) -> ItemOutcome | None:
        external_id = item.sold.external_id
        if external_id in self.in_batch:
            fingerprint, first = self.in_batch[external_id]
            documents.check_same(fingerprint, item.fingerprint)
            return replace(first, is_replay=True)
        existing = self.batch.found.existing.get(external_id)
        if existing is None or existing.state == "announced":
            return None
        documents.check_same(existing.fingerprint, item.fingerprint)
        buyer = self._buyer(item, may_lack=True)
        return ItemOutcome(
            external_id, existing.public_id, existing.receipt, is_replay=True,
            account=buyer.account if buyer else None, version=self.batch.timeline.at(self.batch.now),
        )  # fmt: skip

    def draft(self, item: Item) -> tuple[Sale, Party | None]:
        """Return the item as a sale that has earned nothing yet, and its buyer; or refuse it."""
        # Only here, after replays: a sale that was recorded answers the same for ever, however late it is asked again.
        if item.moment.error is not None:
            raise item.moment.error
        shop = self._shop(item)
        buyer = self._buyer(item)
        sale = drafting.drafted(
            item, merchant=self.merchant, source=self.source, shop=shop, buyer=buyer, ids=self.ids,
            existing=self.batch.found.existing.get(item.sold.external_id),
            version=self.batch.timeline.at(item.moment.occurred_at),
        )  # fmt: skip
        return sale, buyer

    def _sold(self, item: Item) -> ItemOutcome:
        sold, batch = item.sold, self.batch
        sale, buyer = self.draft(item)
        batch.take_first(sale, buyer, sold)
        evaluation = batch.evaluate(sale, buyer)
        if sold.quote is not None:
            quotes.check(sold, sale, merchant=self.merchant, buyer=buyer, evaluation=evaluation, now=batch.now)
        if buyer is not None:
            buyer.account.check_maximum(evaluation.points)
        # From here on nothing refuses: the item is part of the batch.
        refunds = batch.sell(sale, buyer, evaluation)
        self.sales.append(sale)
        sale.receipt = events.receipt(sale, buyer, evaluation, batch.receipt(sale), now=batch.now)
        sale.receipt |= item.moment.told(sold)
        if buyer is None and sold.member is not None:
            sale.receipt["is_card_unknown"] = True
        batch.tell(events.recorded(sale, buyer), *refunds)
        account, version = (buyer.account if buyer else None), batch.timeline.at(sale.occurred_at)
        outcome = ItemOutcome(sale.external_id, sale.public_id, sale.receipt, account=account, version=version)
        self.in_batch[sale.external_id] = (item.fingerprint, outcome)
        return outcome

    def _shop(self, item: Item) -> SaleLocation | None:
        if not item.location:
            return None
        shop = self.batch.found.shops.get(item.location)
        if shop is None:
            raise UnknownLocation(
                _("There is no location %(location)s.") % {"location": item.location}, pointer="/location"
            )
        return shop

    def _buyer(self, item: Item, *, may_lack: bool = False) -> Party | None:
        if item.sold.member is None:
            return None
        buyer = self.batch.people.by_key.get(item.key) if item.key else None
        if buyer is None and item.sold.member.card is not None and not item.sold.redemptions:
            # It is paid: kept without a member, it can be claimed; refused for a card's text, it would be lost.
            return None
        return buyer if may_lack else present_buyer(buyer)

    def write(self) -> None:
        """Write everything that the sales changed.

        :raises RetryTransaction: a twin of one of them was recorded, or announced by a refund, since they were read.
        """
        out = self.batch.writing()
        writing.add_sales(out, self.sales)
        self.batch.write(out)
