"""Referrals in a sale: the referee's first purchase pays both sides; a refund that leaves too little of it takes it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from merchants.tenancy import RetryTransaction
from rewards import referrals
from rewards.earning import Evaluation
from rewards.parties import Party
from rewards.referrals import OpenReferral, Qualified, SettledReferral, rows
from rewards.referrals.rows import ACCOUNTS_SQL, MEMBERS_SQL
from rewards.sales import returns
from rewards.sales.batch import Batch
from rewards.sales.protocol import Change, Contributions, Read, State
from rewards.sales.reading import instant
from rewards.sales.sale import Sale
from rewards.versions import Version


class ReferralsState(State):
    """The open referrals of the buyers, or the referral that a sale being undone had qualified."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        #: By the referee's account.
        self.open: dict[int, OpenReferral] = {}
        #: How many referrals have paid, by the referrer's account.
        self.paid_before: dict[int, int] = {}
        #: Referrals whose referrer is blocked, erased or merged.
        self.not_paid: set[int] = set()
        #: What the sale that is undone had qualified.
        self.paid: Qualified | None = None
        self.settled: list[SettledReferral] = []
        self.was_read = False
        #: A sale of which nothing is left: what an earlier refund of it had undone is open again.
        self.reopened_by: int | None = None

    def accounts(self) -> Iterable[int]:
        sale = self.batch.undone
        if sale is None or sale.member_id is None:
            return ()
        self.paid = rows.paid_by(self.batch.merchant.pk, sale.id)
        return (self.paid.referrer_id, self.paid.referee_id) if self.paid else ()

    def values(self) -> Mapping[str, Any]:
        undone = self.batch.undone
        may_pay = any(version.terms.referral is not None for version, _moment, _zone in self.batch.occasions())
        buyers = list(self.batch.people.by_account.values()) if may_pay and undone is None else []
        return {
            "referrals_referees": [buyer.id for buyer in buyers],
            "referrals_newcomers": [buyer.id for buyer in buyers if buyer.account.membership.purchases_count == 0],
            "referrals_sale": undone.id if undone is not None else None,
        }

    def load(self, found: Mapping[str, Any]) -> None:
        self.was_read = True
        paid = Qualified(*found["referrals_paid"]) if found["referrals_paid"] else None
        # The purchase's own lock keeps another refund from undoing the referral between these two looks; a merge may
        # have brought its points elsewhere.
        if paid != self.paid:
            raise RetryTransaction
        for identity, public_id, referrer_id, referee_id, referrer, referee, created_at, again in (
            found["referrals_open"] or []
        ):
            self.open[referee_id] = OpenReferral(
                identity, public_id, referrer_id, referee_id, referrer, referee, instant(created_at), is_reopened=again
            )
        if self.open:
            self._lock_referrers()

    def _lock_referrers(self) -> None:
        """The first purchases of referred members pay their referrers too: lock those accounts as well."""
        wanted = {referral.referrer_id for referral in self.open.values()}
        missing = sorted(wanted - self.batch.people.by_account.keys())
        if missing:
            self.batch.people.lock_more(missing)
        self.paid_before = rows.paid_before(self.batch.merchant.pk, sorted(wanted))
        opened = [referral.id for referral in self.open.values()]
        self.not_paid = rows.not_paid(self.batch.merchant.pk, opened)

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        """By what refunds that came first have left of it."""
        if buyer is None or not sale.is_purchase:
            return
        account, version = buyer.account, self.batch.timeline.at(sale.occurred_at)
        referral = self.open.pop(account.id, None)
        if referral is None or version is None:
            return
        paid = self.paid_before.get(referral.referrer_id, 0)
        settled = referrals.qualify(
            self.batch.book, referral, paid=None if referral.id in self.not_paid else paid, version=version,
            purchase_id=sale.id, purchase_public_id=sale.public_id, net_minor=returns.counted(sale, version.terms),
            occurred_at=sale.occurred_at, zone=self.batch.zone,
        )  # fmt: skip
        if settled is None:
            if referral.is_reopened or not account.membership.purchases_count:
                # Still open for the next of this batch, as it would be for the next posted alone.
                self.open[account.id] = referral
            return
        self.settled.append(settled)
        self.paid_before[referral.referrer_id] = paid + 1
        self.batch.tell(*settled.events)
        if version.terms.referral is not None and version.terms.referral.qualifying:
            sides = (settled.referrer_id, settled.referrer_points), (settled.referee_id, settled.referee_points)
            for account_id, points in sides:
                if points:
                    side = self.batch.book.accounts[account_id]
                    self.batch.count(side, sale.local_day, points, ("referral", settled.referral_id))

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        if buyer is None or change.is_early or not self.was_read:
            return {}
        is_gone = not change.left.purchases
        if self.paid is None:
            self.reopened_by = sale.id if is_gone else None
            return {}
        version = self.batch.timeline.numbered(sale.terms_version) if sale.terms_version else None
        is_open_again = is_gone and self.paid.referrer_id != self.paid.referee_id
        settled = referrals.undo(
            self.batch.book, self.paid, net_minor=change.counted_minor, version=version, purchase_id=sale.id,
            occurred_at=change.occurred_at, state="open" if is_open_again else "undone",
        )  # fmt: skip
        if settled is not None:
            self.settled.append(settled)
            self.batch.tell(*settled.events)
            self.batch.uncount(("referral", settled.referral_id))
        return {}

    def merged(self, source: Party, target: Party) -> Mapping[str, Any]:
        return rows.move(self.batch.merchant.pk, source=source.id, target=target.id, now=self.batch.now)

    def unmerged(self, source: Party, target: Party, moved: Mapping[str, Any]) -> None:
        rows.give_back(self.batch.merchant.pk, source=source.id, target=target.id, moved=moved)

    def add_to(self, writing: Writing) -> None:
        rows.add_to(writing, self.settled)
        if self.reopened_by is not None:
            rows.add_reopened_to(writing, self.reopened_by)


class ReferralsMechanic(Contributions):
    """A friend brings a friend."""

    key: Final = "referrals"
    for_guests: Final = False
    read: Final = Read(
        parts={
            "referrals_open": f"""(SELECT jsonb_agg(jsonb_build_array(r.id, r.public_id, {ACCOUNTS_SQL}, {MEMBERS_SQL},
                r.created_at, r.undone_at IS NOT NULL)) FROM rewards_referral r
                WHERE r.merchant_id = %(merchant)s AND r.referee_id = ANY(%(referrals_referees)s) AND r.state = 'open'
                    AND (r.referee_id = ANY(%(referrals_newcomers)s) OR r.undone_at IS NOT NULL))""",
            "referrals_paid": f"(SELECT jsonb_build_array({rows.PAID_SQL}) FROM rewards_referral r "
            "WHERE %(referrals_sale)s IS NOT NULL AND r.merchant_id = %(merchant)s AND r.purchase_id = %(referrals_sale)s "
            "AND r.state = 'qualified')",
        },
        types={"referrals_referees": "bigint[]", "referrals_newcomers": "bigint[]", "referrals_sale": "bigint"},
    )

    def personal_data(self, merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
        return {"referrals": referrals.personal_data(merchant, member_ids)}

    def is_used(self, version: Version) -> bool:
        return version.terms.referral is not None

    def begin(self, batch: Batch) -> State:
        return ReferralsState(batch)


MECHANIC: Final = ReferralsMechanic()
