"""Tiers in a sale: the tier held then is a fact of its evaluation, and what it counts may raise the member, or lower them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from merchants import periods
from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from rewards import tiers
from rewards.earning import Evaluation
from rewards.parties import Party
from rewards.points import AccountState
from rewards.sales.batch import Batch
from rewards.sales.figures import NOTHING, QualifyingSums
from rewards.sales.protocol import Change, Contributions, Read, State
from rewards.sales.reading import instant, maybe_instant
from rewards.sales.sale import Sale
from rewards.tiers import TierChange, TierSpan, held, sums
from rewards.tiers.sums import Extra
from rewards.versions import Version

#: What counts, by account and day.
Daily = dict[int, dict[date, QualifyingSums]]


class TiersState(State):
    """The tiers of everybody in the transaction, what counts towards them, and how both changed."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.held: dict[int, list[TierSpan]] = {}
        #: The current window as read, with what this transaction adds.
        self.qualifying: Daily = {}
        #: What this transaction adds and the database has not seen.
        self.unwritten: Daily = {}
        self.reread = sums.Reread(batch.merchant.pk, self.unwritten)
        self.changes: list[TierChange] = []
        self.extras: list[Extra] = []
        self.dropped: list[tuple[str, int]] = []

    def values(self) -> Mapping[str, Any]:
        buyers = list(self.batch.people.by_account.values()) if self.batch.moments else []
        earliest = min(self.batch.moments, default=self.batch.now)
        older = [
            buyer.id for buyer in buyers
            if (since := buyer.account.membership.tier_since) is not None and earliest < since
        ]  # fmt: skip
        version = self.batch.timeline.at(self.batch.now)
        rated = buyers if version is not None and version.terms.tiers is not None else []
        today = periods.local_day(self.batch.now, self.batch.zone)
        firsts = [tiers.window_first(version, today, self._joined_on(buyer)) for buyer in rated if version is not None]
        return {
            "tiers_held_by": older,
            "tiers_earliest": earliest,
            "tiers_members": [buyer.id for buyer in rated],
            "tiers_since": min(firsts, default=today),
        }

    def load(self, found: Mapping[str, Any]) -> None:
        for member_id, tier, held_from, held_to in found["tiers_held"] or []:
            span = TierSpan(tier, instant(held_from), maybe_instant(held_to))
            self.held.setdefault(member_id, []).append(span)
        for member_id, day, points, spend_minor, purchases in found["tiers_daily"] or []:
            account = self.batch.book.of_member(member_id)
            _grow(self.qualifying, account, date.fromisoformat(day), QualifyingSums(points, spend_minor, purchases))

    def facts(self, sale: Sale, buyer: Party) -> Mapping[str, Any]:
        spans = self.held.get(buyer.id, ())
        return {"tier": tiers.held_at(spans, buyer.account.membership, sale.occurred_at) or None}

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        if buyer is None:
            return
        self._count_others(buyer.account)
        grown = sale.counts
        self._grow(buyer.account, sale.local_day, grown)
        # A figure that shrinks is looked at as after a refund: the whole window, and down as well as up.
        is_smaller = grown.points < 0 or grown.spend_minor < 0
        self._rate(buyer.account, changed_on=None if is_smaller else sale.local_day)
        tiers.hold_points(self.batch.book, buyer.account, self._version(), zone=self.batch.zone)

    def _count_others(self, buyer: AccountState) -> None:
        """Of what was given besides the sale, everybody else is rated first; the buyer is rated with the sale."""
        for one in self.batch.counted:
            self.extras.append(
                Extra(one.account.member_id, one.day, one.points, one.document_kind, one.document_id)
            )  # fmt: skip
            self._grow(one.account, one.day, QualifyingSums(points=one.points))
            if one.account is not buyer:
                self._rate(one.account, changed_on=None)
                tiers.hold_points(self.batch.book, one.account, self._version(), zone=self.batch.zone)
        self.batch.counted.clear()

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        if buyer is None or change.is_early:
            return {}
        self._grow(buyer.account, sale.local_day, change.left.minus(change.was))
        changed = [buyer.account]
        if self._drop_others():
            changed = list(self.batch.book.accounts.values())
        for account in changed:
            if self._rate(account, changed_on=None, reason=change.kind):
                tiers.hold_points(self.batch.book, account, self._version(), zone=self.batch.zone)
        return {}

    def _drop_others(self) -> bool:
        """Count no more what documents that were undone let count, and say whether that was anything."""
        was_any = False
        accounts = {account.member_id: account for account in self.batch.book.accounts.values()}
        for document in self.batch.uncounted:
            extras = sums.counted_by(self.batch.merchant.pk, document)
            if extras:
                was_any = True
                self.dropped.append(document)
            for extra in extras:
                if extra.member_id in accounts:
                    self._grow(accounts[extra.member_id], extra.day, QualifyingSums(points=-extra.points))
        self.batch.uncounted.clear()
        return was_any

    def _grow(self, account: AccountState, day: date, grown: QualifyingSums) -> None:
        for daily in (self.qualifying, self.unwritten):
            _grow(daily, account, day, grown)

    def _rate(self, account: AccountState, *, changed_on: date | None, reason: str = "") -> bool:
        """Rate the account by the terms in force now, and say whether its tier changed."""
        version = self._version()
        if version is None or version.terms.tiers is None:
            return False
        buyer = self.batch.people.by_account[account.id]
        change = tiers.rate(
            account, version, self.qualifying.get(account.id, {}), joined_on=self._joined_on(buyer),
            changed_on=changed_on, reread=self.reread, now=self.batch.now, zone=self.batch.zone, reason=reason,
        )  # fmt: skip
        if change is None:
            return False
        self.changes.append(change)
        spans = self.held.setdefault(buyer.id, [])
        if not spans:
            spans.append(TierSpan(change.before, datetime.min.replace(tzinfo=UTC), change.at))
        spans.append(TierSpan(change.tier, change.at, None))
        self.batch.tell(change.event(buyer.public_id))
        return True

    def _version(self) -> Version | None:
        return self.batch.timeline.at(self.batch.now)

    def _joined_on(self, buyer: Party) -> date:
        return periods.local_day(buyer.joined_at, self.batch.zone)

    def joined(self, member: Party) -> None:
        """Everybody starts with the first tier, held since joining so that older sales find it."""
        version = self._version()
        if version is None or version.terms.tiers is None:
            return
        first = version.terms.tiers.levels[0].code
        self.changes.append(TierChange(member.id, "", first, member.joined_at, "entry", None, None, version.number))
        membership = member.account.membership
        membership.tier, membership.tier_since = first, member.joined_at
        # Rated, as far as anybody can be who has bought nothing: the first sale need not look back.
        membership.rated_version, membership.is_changed = version.number, True

    def given(self, member: Party) -> None:
        if not self.batch.counted:
            return
        self._count_others(member.account)
        self._rate(member.account, changed_on=None)
        tiers.hold_points(self.batch.book, member.account, self._version(), zone=self.batch.zone)

    def merged(self, source: Party, target: Party) -> Mapping[str, Any]:
        moved = sums.move_extras(self.batch.merchant.pk, source=source.id, target=target.id)
        self._rate_anew(target)
        return {"qualifying": moved}

    def unmerged(self, source: Party, target: Party, moved: Mapping[str, Any]) -> None:
        sums.move_extras(self.batch.merchant.pk, source=target.id, target=source.id, only=moved["qualifying"])
        self._rate_anew(source)
        self._rate_anew(target)

    def _rate_anew(self, member: Party) -> None:
        """By the purchases they have now."""
        self._rate(member.account, changed_on=None, reason="merge")
        tiers.hold_points(self.batch.book, member.account, self._version(), zone=self.batch.zone)

    def add_to(self, writing: Writing) -> None:
        held.add_to(writing, self.changes)
        sums.add_extras_to(writing, self.extras)
        sums.add_dropped_to(writing, self.dropped)


def _grow(daily: Daily, account: AccountState, day: date, grown: QualifyingSums) -> None:
    days = daily.setdefault(account.id, {})
    days[day] = days.get(day, NOTHING).plus(grown)


class TiersMechanic(Contributions):
    """Tiers that members reach and lose by what they buy."""

    key: Final = "tiers"
    for_guests: Final = False
    read: Final = Read(
        parts={
            "tiers_held": """(SELECT jsonb_agg(jsonb_build_array(t.member_id, t.tier, t.held_from, t.held_to)
                ORDER BY t.held_from, t.id) FROM rewards_tierperiod t
                WHERE t.merchant_id = %(merchant)s AND t.member_id = ANY(%(tiers_held_by)s)
                AND (t.held_to IS NULL OR t.held_to > %(tiers_earliest)s))""",
            "tiers_daily": f"""(SELECT jsonb_agg(jsonb_build_array(q.member_id, q.day, q.points, q.spend, q.purchases))
                FROM ({sums.DAILY_SQL}) AS q)""",
        },
        types={
            "tiers_held_by": "bigint[]", "tiers_earliest": "timestamptz", "tiers_members": "bigint[]",
            "tiers_since": "date",
        },
    )  # fmt: skip

    def personal_data(self, merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
        return {
            "tiers_held": held.personal_data(merchant, member_ids),
            "qualifying_points_without_purchase": sums.personal_data(merchant, member_ids),
        }

    def is_used(self, version: Version) -> bool:
        return version.terms.tiers is not None

    def begin(self, batch: Batch) -> State:
        return TiersState(batch)


MECHANIC: Final = TiersMechanic()
