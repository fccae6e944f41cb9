"""Whether counters of limits say what the documents do: stock by redemptions, caps by what is left of each purchase.

Caps and stamps are recomputed: each purchase is evaluated again as far as it is left, with the facts and terms it was sold by, and
what that uses of each cap is added up. A refund may shift points from one rule to another, and the caps of rules are only
ever given back to: where a purchase of a cap's period had a refund, its counter may say less than that sum, never more.

Looked at while tills go on selling. A difference counts when a second look finds the very same figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection

from merchants.models.merchants import Merchant
from rewards import counters, earning, versions
from rewards.counters import CounterKey, CounterName
from rewards.earning import stamps
from rewards.redemptions import offers
from rewards.sales import returns, stored
from rewards.sales.sale import Sale
from rewards.versions import Timeline, Version

#: So many purchases are in memory at once.
PAGE = 1_000


class LimitDifference(NamedTuple):
    """A counter, what it says, and what the documents come to."""

    counter: CounterKey
    used: int
    counted: int

    def __str__(self) -> str:
        return f"{self.counter.key} says {self.used} {self.counter.unit} and the documents come to {self.counted}"


@dataclass(slots=True)
class CapUses:
    """What purchases use of caps, and where a refund may have left less than that."""

    counted: dict[CounterKey, int] = field(default_factory=lambda: defaultdict(int))
    refunded: set[CounterKey] = field(default_factory=set)

    def differences(self, said: dict[CounterKey, int]) -> set[LimitDifference]:
        """Compare with what the counters say."""
        found = (
            LimitDifference(key, said.get(key, 0), self.counted.get(key, 0))
            for key in said.keys() | self.counted.keys()
        )
        return {
            each for each in found
            if each.used > each.counted or (each.used < each.counted and each.counter not in self.refunded)
        }  # fmt: skip


def stock_differences(merchant: Merchant) -> list[LimitDifference]:
    """Compare how many of each reward are taken with the redemptions that were not given back; the tenant is open."""
    while True:
        timeline = versions.timeline(merchant.pk)
        promised = [
            (version.number, reward.code)
            for version in timeline.versions
            for reward in version.terms.rewards
            if offers.was_counted(timeline, reward.code, version.number)
        ]
        values: dict[str, Any] = {
            "merchant": merchant.pk, "versions": [number for number, _code in promised],
            "rewards": [code for _number, code in promised],
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_STOCK, values)
            found = [LimitDifference(counters.of_stock(code), used, taken) for code, used, taken in cursor.fetchall()]
        # Of a reward that new terms began to count meanwhile, this knew nothing.
        if not found or versions.timeline(merchant.pk).newest == timeline.newest:
            return found


def has_caps(timeline: Timeline) -> bool:
    """State whether any terms had caps that are counted, or stamp cards."""
    return any(_is_counted(version) for version in timeline.versions)


def _is_counted(version: Version) -> bool:
    return version.has_counted_caps or bool(version.terms.stamps)


def member_differences(merchant: Merchant, accounts: Sequence[int], shared: CapUses) -> set[LimitDifference]:
    """Compare the caps of these accounts' members with their purchases; the tenant is open.

    Their purchases' uses of what all members share are added to `shared`.
    """
    timeline = versions.timeline(merchant.pk)
    members, said = _members(merchant.pk, accounts)
    uses = CapUses()
    for sale in _purchases(merchant, members, timeline):
        _add(sale, timeline, uses, shared)
    return uses.differences(said)


def shared_differences(merchant: Merchant, shared: CapUses) -> set[LimitDifference]:
    """Compare the caps that all members share with what all their purchases use; the tenant is open."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID_OF_ALL, [merchant.pk])
        return shared.differences({CounterKey(*row): used for *row, used in cursor.fetchall()})


def _members(merchant_id: int, accounts: Sequence[int]) -> tuple[list[int], dict[CounterKey, int]]:
    """Who these accounts are of, but for those who were merged (theirs stand still), and what their counters say."""
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [merchant_id, list(accounts)])
        members = [member_id for (member_id,) in cursor.fetchall()]
        cursor.execute(_SAID, [merchant_id, members])
        said = {CounterKey(*row): used for *row, used in cursor.fetchall()}
        cursor.execute(_STAMPS, [merchant_id, members])
        return members, said | {
            counters.of_stamps(stamps.name_of(card)).of(member_id): stamped for member_id, card, stamped in cursor
        }


def _purchases(merchant: Merchant, members: Sequence[int], timeline: Timeline) -> Iterator[Sale]:
    capped = [version.number for version in timeline.versions if _is_counted(version)]
    with connection.cursor() as cursor:
        cursor.execute(_PURCHASES, [merchant.pk, list(members), capped])
        ids = [purchase_id for (purchase_id,) in cursor.fetchall()]
    for first in range(0, len(ids), PAGE):
        yield from stored.load_many(merchant, ids[first : first + PAGE])


def _add(sale: Sale, timeline: Timeline, uses: CapUses, shared: CapUses) -> None:
    assert sale.terms_version is not None
    if sale.member_id is None or sale.facts is None:
        return
    promised = timeline.numbered(sale.terms_version).terms
    worth = earning.evaluate(
        promised, returns.net(sale), sale.facts, zone=sale.zone, location_zone=sale.location_zone
    )  # fmt: skip

    def place(name: CounterName) -> tuple[CapUses, CounterKey]:
        assert sale.member_id is not None
        return (shared if name.scope == counters.PROGRAMME else uses), name.of(sale.member_id)

    for cap, points in worth.cap_uses:
        where, counter = place(counters.of_cap(cap))
        where.counted[counter] += points
    # What the entries of cards say of a purchase, refunds and claims that were undone included.
    for card, on in stamps.by_card(worth.outcomes).items():
        for name, number in {stamps.name_of(card): on.stamps, **on.days}.items():
            uses.counted[counters.of_stamps(name).of(sale.member_id)] += number
    if sale.refunded_minor or sale.refunded_unnamed_minor or any(line.refunded_minor for line in sale.lines):
        for key in earning.cap_keys(promised, sale.occurred_at, sale.zone):
            where, counter = place(counters.of_cap(str(key)))
            where.refunded.add(counter)


_STOCK = """
    WITH taken (key, n) AS (
        SELECT 'stock:' || r.reward, count(*) FROM rewards_redemption r
        JOIN unnest(%(versions)s::int[], %(rewards)s::text[]) AS w (version, reward)
            ON w.version = r.terms_version AND w.reward = r.reward
        WHERE r.merchant_id = %(merchant)s AND r.state IN ('held', 'captured') GROUP BY 1
    ), said (key, n) AS (
        SELECT key, used FROM rewards_counter WHERE merchant_id = %(merchant)s AND scope = 'programme' AND scope_id = 0
            AND starts_with(key, 'stock:')
    )
    SELECT substr(key, 7), coalesce(s.n, 0), coalesce(t.n, 0) FROM said s FULL JOIN taken t USING (key)
    WHERE coalesce(s.n, 0) <> coalesce(t.n, 0) ORDER BY 1
"""
_MEMBERS = """
    SELECT s.member_id FROM rewards_membership s JOIN members_member m ON m.merchant_id = s.merchant_id AND m.id = s.member_id
    WHERE s.merchant_id = %s AND s.account_id = ANY(%s) AND m.merged_into_id IS NULL
"""
_COLUMNS = "SELECT scope, scope_id, key, unit, used FROM rewards_counter WHERE merchant_id = %s AND "
_SAID = (
    f"{_COLUMNS} scope = 'member' AND scope_id = ANY(%s) AND (starts_with(key, 'cap:') OR starts_with(key, 'stamps:'))"
)
_SAID_OF_ALL = f"{_COLUMNS} scope = 'programme' AND scope_id = 0 AND starts_with(key, 'cap:')"
_PURCHASES = """
    SELECT p.id FROM rewards_purchase p WHERE p.merchant_id = %s AND p.member_id = ANY(%s)
        AND p.terms_version = ANY(%s) AND p.state = 'recorded' ORDER BY p.id
"""
# By whose the purchase is: a merge moves it, and not the entries.
_STAMPS = """
    SELECT p.member_id, e.card, sum(e.stamps)::bigint FROM rewards_purchase p JOIN rewards_stampentry e
        ON e.merchant_id = p.merchant_id AND e.purchase_id = p.id AND e.kind IN ('sale', 'refund', 'unclaim')
    WHERE p.merchant_id = %s AND p.member_id = ANY(%s) GROUP BY 1, 2
"""
