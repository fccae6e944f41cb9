"""Referrals: a friend brings a friend, and both are paid by the friend's first purchase.

- `qualify`, `undo` (`settling`): what a purchase does to a referral, and what its refund does; in memory;
- `rows`: read after the locks, written with everything else, moved when members merge;
- `referees_of`, `of_referee`, `refuse` (`listing`): for whoever shows them.
"""

from rewards.referrals.listing import BroughtBy as BroughtBy
from rewards.referrals.listing import NotWaiting as NotWaiting
from rewards.referrals.listing import Referee as Referee
from rewards.referrals.listing import of_referee as of_referee
from rewards.referrals.listing import personal_data as personal_data
from rewards.referrals.listing import referees_of as referees_of
from rewards.referrals.listing import refuse as refuse
from rewards.referrals.settling import OpenReferral as OpenReferral
from rewards.referrals.settling import Qualified as Qualified
from rewards.referrals.settling import SettledReferral as SettledReferral
from rewards.referrals.settling import qualify as qualify
from rewards.referrals.settling import undo as undo
