"""Stamp cards of members: what each has on its open card, what fills it, and what time and refunds take off it.

- `cards`: the cards in memory, and every way they change; `rows`: how they are read and written;
- `outlook`: where a member stands, for whoever shows it; `history`: what happened on their cards;
- `ledger_checks`, `personal_data`: what is proved of them, and what a person may have of them.
"""

from rewards.stamps.cards import Cards as Cards
from rewards.stamps.cards import Promised as Promised
from rewards.stamps.cards import StampChange as StampChange
from rewards.stamps.cards import StampMovement as StampMovement
from rewards.stamps.history import StampEntryView as StampEntryView
from rewards.stamps.history import entries_of as entries_of
from rewards.stamps.history import owned_reward as owned_reward
from rewards.stamps.outlook import CardOutlook as CardOutlook
from rewards.stamps.outlook import OwnRewardOutlook as OwnRewardOutlook
from rewards.stamps.outlook import cards_of as cards_of
from rewards.stamps.outlook import own_rewards_of as own_rewards_of
from rewards.stamps.personal_data import personal_data as personal_data
from rewards.stamps.rows import MEMBERS_DUE as MEMBERS_DUE
from rewards.stamps.rows import MERCHANTS_DUE as MERCHANTS_DUE
