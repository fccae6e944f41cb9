"""How many of a limited reward are left: counted under the lock of the reward's own row, locked in id order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection

from rewards.models.redemptions import Redemption
from rewards.redemptions import offers
from rewards.versions import Timeline


@dataclass(slots=True)
class Shelf:
    """The locked counts, and how they changed."""

    counts: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)

    def claimed(self, reward: str) -> int:
        return self.counts.get(reward, 0) + self.changes.get(reward, 0)

    def claim(self, reward: str) -> None:
        self.changes[reward] = self.changes.get(reward, 0) + 1

    def put_back(self, reward: str) -> None:
        self.changes[reward] = self.changes.get(reward, 0) - 1

    def copy(self) -> Shelf:
        return Shelf(dict(self.counts), dict(self.changes))

    def write(self, merchant_id: int) -> None:
        """Write the counts that changed; their rows are locked."""
        if not self.changes:
            return
        with connection.cursor() as cursor:
            for reward, change in sorted(self.changes.items()):
                if not change:
                    continue
                if reward not in self.counts:
                    raise AssertionError(f"the stock of {reward} was changed without its lock")
                cursor.execute(
                    "UPDATE rewards_rewardstock SET claimed = claimed + %s WHERE merchant_id = %s AND reward = %s",
                    [change, merchant_id, reward],
                )


_LOCK = (
    "SELECT reward, claimed FROM rewards_rewardstock WHERE merchant_id = %s AND reward = ANY(%s) ORDER BY id FOR UPDATE"
)


def lock(merchant_id: int, rewards: Sequence[str]) -> Shelf:
    """This function will lock the counts of rewards, in id order, making the rows that are not there yet."""
    if not rewards:
        return Shelf()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [merchant_id, list(rewards)])
        counts = dict(cursor.fetchall())
        missing = sorted(set(rewards) - counts.keys())
        if missing:
            cursor.execute(
                "INSERT INTO rewards_rewardstock (merchant_id, reward, claimed) SELECT %s, r, 0 FROM unnest(%s) AS r "
                "ORDER BY r ON CONFLICT DO NOTHING",
                [merchant_id, missing],
            )
            cursor.execute(_LOCK, [merchant_id, list(rewards)])
            counts = dict(cursor.fetchall())
    return Shelf(counts)


def was_counted(timeline: Timeline, row: Redemption) -> bool:
    """This function will say whether a redemption was taken from a counted stock, by the terms it was made under."""
    if not row.reward or row.terms_version is None:
        return False
    reward = offers.reward_of(timeline.numbered(row.terms_version).terms, row.reward)
    return reward is not None and reward.stock is not None
