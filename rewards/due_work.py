"""What falls due in this app by the clock, what it forgets in time, and what the operator is told of it."""

from __future__ import annotations

from functools import partial
from typing import Final

from merchants import due
from merchants.due import DueWork, Trouble, Turn, WaitingRows
from rewards import bulk_acts, expiry, redemptions, tiers
from rewards.mechanics import MECHANICS

DUE_WORK: Final = (
    DueWork(name="holds", seconds=15, merchants=expiry.merchants_with_holds_due, turn=redemptions.expire_holds),
    DueWork(name="lots", seconds=30, merchants=expiry.merchants_due, turn=expiry.settle_due),
    *(
        DueWork(
            name=mechanic.key,
            seconds=mechanic.ends.seconds,
            merchants=partial(expiry.merchants_with_members_due, mechanic),
            turn=partial(expiry.settle_members_due, mechanic),
        )
        for mechanic in MECHANICS
        if mechanic.ends is not None
    ),
    DueWork(name="bulk", seconds=2, merchants=bulk_acts.merchants_due, turn=bulk_acts.work, opens_tenants=True),
    DueWork(name="ending", seconds=15 * 60, merchants=lambda now: due.open_merchants(), turn=expiry.announce),
    DueWork(name="tiers", seconds=5 * 60, merchants=lambda now: due.open_merchants(), turn=tiers.requalify_due),
)
PRUNED: Final[tuple[Turn, ...]] = (expiry.forget_notices, bulk_acts.prune)
WAITING: Final = (
    WaitingRows(
        "lots_to_expire",
        "SELECT count(*), min(expires_at) FROM rewards_lot WHERE remaining > 0 AND held < remaining AND expires_at <= now()",
    ),
)
TROUBLES: Final = (
    Trouble("frozen_accounts", "SELECT count(*) FROM rewards_account WHERE frozen_at IS NOT NULL"),
    # Of the last reconciliation that is through, or of the one under way.
    Trouble("ledger_faults", "SELECT coalesce(sum(faults), 0) FROM rewards_inspection"),
)
