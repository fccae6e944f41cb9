"""The fold: sales taken in one after the other, each finding accounts, caps, tiers and referrals as the last left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _

from members import live_codes
from merchants import ids, periods
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from merchants.statements import Writing
from rewards import documents, earning, parties, redemptions, referrals, tiers
from rewards.earning import Evaluation, Facts
from rewards.parties import UnknownLocation
from rewards.points import AccountState, Book, Cause
from rewards.purchases import quotes, reading, returns, telling, writing
from rewards.purchases.items import Item, Outcome, Source, present
from rewards.purchases.reading import Buyer, Context
from rewards.purchases.sales import Sale, Shop, check_moment, checked_lines


class Fold:
    """The state a batch folds over: accounts, cap buckets, tiers and referrals as each item leaves them."""

    def __init__(self, merchant: Merchant, book: Book, context: Context, *, actor: Actor, source: Source) -> None:
        self.merchant = merchant
        self.book = book
        self.context = context
        self.actor = actor
        self.source = source
        self.zone = merchant.tzinfo
        self.sales: list[Sale] = []
        self.events: list[Event] = []
        self.tier_changes: list[tiers.Change] = []
        #: What this batch adds to the days that count towards tiers, and the database has not seen.
        self.unwritten: dict[int, dict[date, tiers.Sums]] = {}
        self.reread = tiers.Reread(merchant.pk, self.unwritten)
        self.waited: list[writing.Waiting] = []
        #: The refunds that waited for the item being folded, for its events.
        self.settled_now: list[tuple[returns.Asked, returns.Effect, int]] = []
        #: What counts towards tiers besides the sales of this batch.
        self.extras: list[tiers.Extra] = []
        self.caps_changed: set[tuple[int, str]] = set()
        self.settled_referrals: list[referrals.Settled] = []
        self.spendings = redemptions.Spendings()
        self.referrals_paid: dict[int, int] = {}
        self.in_batch: dict[str, tuple[bytes, Outcome]] = {}
        self.ids = iter(context.purchase_ids)

    @classmethod
    def open(cls, merchant: Merchant, items: Sequence[Item], *, now: datetime, actor: Actor, source: Source) -> Fold:
        book = Book(merchant.pk, now=now, actor=actor, is_silent=source.is_silent)
        keys = list(dict.fromkeys(item.key for item in items if item.key is not None))
        buyers = reading.lock_buyers(book, keys)
        asks = [ask for item in items for ask in item.sold.redemptions]
        context = reading.read(
            merchant,
            book,
            buyers,
            external_ids=[item.sold.external_id for item in items],
            locations=list({item.location for item in items if item.location}),
            moments=[item.sold.occurred_at for item in items],
            needs_all_lots=bool(asks),
        )
        announced = [external_id for external_id, row in context.existing.items() if row.state == "announced"]
        if announced:
            writing.lock_announced(merchant.pk, announced)
        fold = cls(merchant, book, context, actor=actor, source=source)
        if context.referrals:
            fold.lock_referrers()
        if asks:
            fold.spendings = redemptions.read_spendings(merchant, book, context.timeline, asks)
        return fold

    def lock_referrers(self) -> None:
        """The first purchases of referred members pay their referrers too: lock those accounts as well."""
        wanted = {referral.referrer_id for referral in self.context.referrals.values()}
        missing = sorted(wanted - self.book.accounts.keys())
        if missing:
            self.book.lock_more(missing)
        self.referrals_paid = referrals.paid_before(self.merchant.pk, sorted(wanted))

    # -- one item -------------------------------------------------------------------------------------------------

    def take(self, item: Item) -> Outcome:
        """Fold one item in: a replay, a refusal that changes nothing, or a new purchase."""
        may_turn_back = bool(item.sold.redemptions or item.sold.quote)
        buyer = self.context.buyers.get(item.key) if item.key and may_turn_back else None
        mark = self.spendings.mark(buyer.account) if buyer else None
        try:
            return self._replayed(item) or self._sell(item)
        except LoyaltyError as error:
            if buyer is not None and mark is not None:
                self.spendings.go_back(buyer.account, mark)
            return Outcome(item.sold.external_id, error=error)

    def _replayed(self, item: Item) -> Outcome | None:
        external_id = item.sold.external_id
        if external_id in self.in_batch:
            fingerprint, first = self.in_batch[external_id]
            documents.check_same(fingerprint, item.fingerprint)
            return replace(first, is_replay=True)
        existing = self.context.existing.get(external_id)
        if existing is None or existing.state == "announced":
            return None
        documents.check_same(existing.fingerprint, item.fingerprint)
        buyer = self._buyer(item, may_lack=True)
        return Outcome(
            external_id, existing.public_id, existing.receipt, is_replay=True,
            account=buyer.account if buyer else None, version=self.context.timeline.at(self.book.now),
        )  # fmt: skip

    def draft(self, item: Item) -> tuple[Sale, Buyer | None]:
        """Return the item as a sale that has earned nothing yet, and its buyer; or refuse it."""
        sold = item.sold
        # Only here, after replays: a sale that was recorded answers the same for ever, however late it is asked again.
        check_moment(self.merchant, sold.occurred_at, now=self.book.now, may_backfill=self.source.may_backfill)
        shop = self._shop(item)
        buyer = self._buyer(item)
        lines = checked_lines(sold)
        existing = self.context.existing.get(sold.external_id)
        sale = Sale(
            id=existing.id if existing else next(self.ids),
            public_id=existing.public_id if existing else ids.mint("pur"),
            external_id=sold.external_id,
            fingerprint=item.fingerprint,
            occurred_at=sold.occurred_at,
            local_day=periods.local_day(sold.occurred_at, self.zone),
            currency=sold.currency,
            total_minor=sold.total_minor,
            tax_minor=sold.tax_minor,
            cost_minor=sum(line.cost_minor or 0 for line in lines)
            if all(x.cost_minor is not None for x in lines)
            else None,
            terminal=sold.terminal or self.source.terminal,
            channel=sold.channel or self.source.channel,
            tenders=[{"kind": tender.kind, "amount_minor": tender.amount_minor} for tender in sold.tenders],
            lines=lines,
            zone=self.zone,
            location_zone=reading.location_zone(self.merchant, shop),
            member_id=buyer.id if buyer else None,
            location_id=shop.id if shop else None,
            location_public_id=shop.public_id if shop else None,
            was_announced=existing is not None,
        )
        return sale, buyer

    def _sell(self, item: Item) -> Outcome:
        sold = item.sold
        sale, buyer = self.draft(item)
        spent, shown = self.spend(sale, buyer, item)
        evaluation = self.earn(sale, buyer)
        if sold.quote is not None:
            quotes.check(sold, sale, merchant=self.merchant, buyer=buyer, evaluation=evaluation, now=self.book.now)
        if buyer is not None:
            buyer.account.check_room(evaluation.points)
        if shown is not None and buyer is not None:
            live_codes.use(
                merchant=self.merchant, member_id=buyer.id, shown=shown, used_for=_used_for(item), now=self.book.now
            )
        self.credit(sale, buyer, evaluation)
        # From here on nothing refuses: the item is part of the batch.
        self.sales.append(sale)
        sale.receipt = telling.receipt(sale, buyer, evaluation, spent, now=self.book.now)
        if not self.source.is_silent:
            self.events += [telling.recorded(sale, buyer), *telling.refunded(sale, buyer, self.settled_now)]
            self.settled_now = []
        version = self.context.timeline.at(sale.occurred_at)
        outcome = Outcome(
            sale.external_id, sale.public_id, sale.receipt, account=buyer.account if buyer else None, version=version
        )
        self.in_batch[sale.external_id] = (item.fingerprint, outcome)
        return outcome

    def _shop(self, item: Item) -> Shop | None:
        if not item.location:
            return None
        shop = self.context.shops.get(item.location)
        if shop is None:
            raise UnknownLocation(
                _("There is no location %(location)s.") % {"location": item.location}, pointer="/location"
            )
        return shop

    def _buyer(self, item: Item, *, may_lack: bool = False) -> Buyer | None:
        if item.sold.member is None:
            return None
        buyer = self.context.buyers.get(item.key) if item.key else None
        return buyer if may_lack else present(buyer)

    def spend(
        self, sale: Sale, buyer: Buyer | None, item: Item
    ) -> tuple[list[dict[str, Any]], live_codes.Shown | None]:
        """Take the redemptions first: what they pay earns nothing where the terms say so.

        Returns with them the moving code they were taken with, to be noted as used once nothing refuses any more.
        """
        if not item.sold.redemptions or buyer is None:
            return [], None
        ref, shown = item.sold.member, None
        # A hold was made on the member's own phone, and its code is shown from there.
        if ref is not None and any(ask.id is None and ask.code is None for ask in item.sold.redemptions):
            shown = parties.live_code(
                self.merchant, ref, member_id=buyer.id, used_for=_used_for(item), now=self.book.now, actor=self.actor
            )
        taken = redemptions.take(
            self.spendings,
            self.book,
            buyer.account,
            asks=item.sold.redemptions,
            purchase_id=sale.id,
            total_minor=sale.total_minor,
            location_id=sale.location_id,
            occurred_at=sale.occurred_at,
            member_public_id=buyer.public_id,
        )
        sale.points_paid_minor = min(sale.total_minor, sum(one.amount_minor or 0 for one in taken if one.is_payment))
        return [one.summary() for one in taken], shown

    def _facts(self, sale: Sale, buyer: Buyer | None) -> Facts:
        if buyer is None:
            return Facts(guest=True)
        account = buyer.account
        version = self.context.timeline.at(sale.occurred_at)
        caps = {}
        if version is not None:
            for key in earning.cap_keys(version.terms, sale.occurred_at, self.zone):
                whose = account.id if key.scope == "member" else 0
                caps[str(key)] = self.context.caps.get((whose, str(key)), 0)
        return Facts(
            tier=tiers.held_at(self.context.tier_periods.get(account.id, ()), account, sale.occurred_at) or None,
            ordinal=account.purchases_count + 1,
            birthday=buyer.birthday,
            joined_on=periods.local_day(buyer.joined_at, self.zone),
            caps=caps,
        )

    def earn(self, sale: Sale, buyer: Buyer | None) -> Evaluation:
        facts = self._facts(sale, buyer)
        sale.facts = facts
        version = self.context.timeline.at(sale.occurred_at)
        if version is None:
            return earning.NO_PROGRAMME_YET
        sale.terms_version = version.number
        # A guest's sale may have been refunded in part before it is claimed.
        basket = returns.net(sale) if sale.refunded_minor else sale.basket()
        return earning.evaluate(version.terms, basket, facts, zone=self.zone, location_zone=sale.location_zone)

    def credit(self, sale: Sale, buyer: Buyer | None, evaluation: Evaluation) -> None:
        """Grant the points, fill the caps, move the tier, qualify the referral; then settle refunds that came first."""
        if buyer is None:
            if sale.was_announced:
                self._settle_waiting(sale, None)
            return
        account, now, actor = buyer.account, self.book.now, self.book.actor
        account.purchases_count += 1
        account.is_changed = True
        sale.ordinal = account.purchases_count
        version = self.context.timeline.at(sale.occurred_at)
        if version is not None and version.has_sliding:
            expiry = earning.plan(version.terms).expiry(account.tier or None)
            account.extend(at=sale.occurred_at, expiry=expiry, zone=self.zone)
        account.note_activity(sale.occurred_at)
        for grant in evaluation.grants:
            account.accrue(
                Cause(
                    "purchase", sale.id, sale.occurred_at, rules=grant.rules, terms_version=sale.terms_version,
                    location_id=sale.location_id,
                ),
                points=grant.points,
                active_at=grant.active_at,
                expires_at=grant.expires_at,
                is_sliding=grant.sliding,
                purchase_id=sale.id,
                now=now,
                actor=actor,
            )  # fmt: skip
        sale.points_earned = evaluation.points
        sale.qualifying_points = evaluation.qualifying_points
        sale.qualifying_minor = evaluation.eligible_minor
        self._use_caps(account, evaluation, sign=1)
        if sale.was_announced:
            self._settle_waiting(sale, account)
        # By what refunds that came first have left of it.
        self._qualify_referral(sale, account)
        grown = tiers.Sums(
            sale.qualifying_points, sale.qualifying_minor, int(sale.net_minor > 0 or not sale.total_minor)
        )
        self._grow(account, sale.local_day, grown)
        self._rate(account, buyer.public_id, buyer.joined_at, changed_on=sale.local_day)

    def _use_caps(self, account: AccountState, evaluation: Evaluation, *, sign: int) -> None:
        for key, points in evaluation.cap_uses:
            whose = 0 if key.startswith("programme:") else account.id
            self.context.caps[whose, key] = max(0, self.context.caps.get((whose, key), 0) + sign * points)
            self.caps_changed.add((whose, key))

    def _qualify_referral(self, sale: Sale, account: AccountState) -> None:
        referral = self.context.referrals.pop(account.id, None)
        version = self.context.timeline.at(sale.occurred_at)
        if referral is None or version is None:
            return
        settled = referrals.qualify(
            self.book, referral, paid=self.referrals_paid.get(referral.referrer_id, 0), version=version,
            purchase_id=sale.id, purchase_public_id=sale.public_id, net_minor=sale.net_minor,
            occurred_at=sale.occurred_at, zone=self.zone,
        )  # fmt: skip
        if settled is not None:
            self.settled_referrals.append(settled)
            self.referrals_paid[referral.referrer_id] = self.referrals_paid.get(referral.referrer_id, 0) + 1
            self.events += settled.events
            if version.terms.referral is not None and version.terms.referral.qualifying:
                self._count_referral(settled, sale)

    def _count_referral(self, settled: referrals.Settled, sale: Sale) -> None:
        """The terms let a referral's points count towards the tiers of both; the buyer is rated with the sale."""
        sides = (settled.referrer_id, settled.referrer_points), (settled.referee_id, settled.referee_points)
        for account, points in ((self.book.accounts[account_id], points) for account_id, points in sides if points):
            extra = tiers.Extra(account.member_id, sale.local_day, points, "referral", settled.referral_id)
            self.extras.append(extra)
            self._grow(account, sale.local_day, tiers.Sums(points=points))
            if account.id == settled.referrer_id:
                public_id, joined_at = tiers.people(self.merchant.pk, [account.id])[account.id]
                self._rate(account, public_id, joined_at, changed_on=None)

    def _grow(self, account: AccountState, day: date, grown: tiers.Sums) -> None:
        for daily in (self.context.qualifying, self.unwritten):
            days = daily.setdefault(account.id, {})
            days[day] = days.get(day, tiers.NOTHING).plus(grown)

    def _settle_waiting(self, sale: Sale, account: AccountState | None) -> None:
        """Apply, in the order they came, the refunds that arrived before this purchase did."""
        if account is not None:
            self.book.read_rest(account)
        for asked in writing.waiting_refunds(self.merchant.pk, sale.id):
            try:
                effect = returns.apply(
                    sale, asked, account, self.context.timeline, now=self.book.now, actor=self.book.actor
                )
            except returns.RefundTooLarge as refusal:
                self.waited.append(writing.Waiting(asked, None, refusal.code))
                continue
            restored = self._restored(sale, asked, account)
            self.waited.append(writing.Waiting(asked, effect, restored=restored))
            self.settled_now.append((asked, effect, restored))
            for key, points in effect.caps_back:
                whose = 0 if key.startswith("programme:") or account is None else account.id
                self.context.caps[whose, key] = max(0, self.context.caps.get((whose, key), 0) - points)
                self.caps_changed.add((whose, key))

    def _restored(self, sale: Sale, asked: returns.Asked, account: AccountState | None) -> int:
        if account is None or not (self.spendings.new or self.spendings.changed):
            return 0
        return redemptions.restore(
            self.book, account, merchant=self.merchant, timeline=self.context.timeline, purchase_id=sale.id,
            refunded_minor=sale.refunded_minor, total_minor=sale.total_minor, occurred_at=asked.occurred_at,
            spendings=self.spendings,
        )  # fmt: skip

    def _rate(self, account: AccountState, public_id: str, joined_at: datetime, *, changed_on: date | None) -> None:
        version = self.context.timeline.at(self.book.now)
        if version is None or version.terms.tiers is None:
            return
        change = tiers.rate(
            account, version, self.context.qualifying.get(account.id, {}),
            joined_on=periods.local_day(joined_at, self.zone), changed_on=changed_on, reread=self.reread,
            now=self.book.now, zone=self.zone,
        )  # fmt: skip
        if change is not None:
            self.tier_changes.append(change)
            held = self.context.tier_periods.setdefault(account.id, [])
            if not held:
                held.append(tiers.Period(change.before, datetime.min.replace(tzinfo=UTC), change.at))
            held.append(tiers.Period(change.tier, change.at, None))
            self.events.append(change.event(public_id))

    def write(self) -> None:
        """Write everything the batch changed: purchases, ledger and events in one statement; then what hangs on them.

        :raises Again: a twin of one of the sales was recorded, or announced by a refund, since the context was read.
        """
        out = Writing(merchant_id=self.merchant.pk, actor=str(self.actor), now=self.book.now)
        if self.sales:
            caps = {whose: self.context.caps[whose] for whose in sorted(self.caps_changed)}
            writing.write(out, self.sales, caps=caps)
        # Time may have activated or lapsed lots even though nothing was sold.
        self.book.add_to(out, events=[] if self.source.is_silent else self.events)
        with documents.twins_try_again():
            out.run()
        writing.write_settled(self.merchant.pk, self.waited)
        tiers.write(self.merchant.pk, self.tier_changes, now=self.book.now)
        tiers.add(self.merchant.pk, self.extras)
        self.spendings.write(self.book, is_silent=self.source.is_silent)
        referrals.write(self.merchant.pk, self.settled_referrals, now=self.book.now)


def _used_for(item: Item) -> str:
    return f"purchase:{item.sold.external_id}"
