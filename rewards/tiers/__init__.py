"""Tiers: dated periods, rated at each purchase and refund, and again when a window ends.

- `rating`: the arithmetic, pure; `sums`: what counts, read by member and day; `held`: the periods, and how they change;
- `rate`, `hold_points` (`changing`): rate an account by the terms in force, and lengthen what a tier holds;
- `requalify_due`, `requalify` (`clock`): rate again whom time or new terms have made due;
- `of_member` (`outlook`): where a member stands, for whoever shows it.
"""

from rewards.tiers.changing import hold_points as hold_points
from rewards.tiers.changing import rate as rate
from rewards.tiers.changing import window_first as window_first
from rewards.tiers.clock import due_accounts as due_accounts
from rewards.tiers.clock import requalify as requalify
from rewards.tiers.clock import requalify_due as requalify_due
from rewards.tiers.held import TierChange as TierChange
from rewards.tiers.held import TierSpan as TierSpan
from rewards.tiers.held import held_at as held_at
from rewards.tiers.held import held_then as held_then
from rewards.tiers.outlook import TierProgress as TierProgress
from rewards.tiers.outlook import of_member as of_member
