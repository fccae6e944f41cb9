"""Redemptions: points spent on a reward or as money, at once or after a hold.

- `redeem`, `hold`: a reward by its code, or any amount of points at the terms' rate (`spending`);
- `capture`, `release`, `reverse`, `expire_holds`: what becomes of them (`ending`);
- `Spendings`, `read_spendings`: spending in memory, folded over a batch (`folding`); `take`: on a purchase (`paying`);
- `restore`: gives points spent on a purchase back when it is refunded (`restoring`);
- `find`, `listed`, `usable`, `over`: redemptions as they stand (`finding`); `catalogue`: what can be redeemed now, what is missing
  (`offers`, `catalogues`).

An open hold and everything about it is guarded by its member's account lock: whoever changes a redemption holds it.
"""

from rewards.redemptions.answers import PartOfAReward as PartOfAReward
from rewards.redemptions.catalogues import Catalogue as Catalogue
from rewards.redemptions.catalogues import catalogue as catalogue
from rewards.redemptions.ending import AlreadyEnded as AlreadyEnded
from rewards.redemptions.ending import CaptureTooLarge as CaptureTooLarge
from rewards.redemptions.ending import HoldExpired as HoldExpired
from rewards.redemptions.ending import StillHeld as StillHeld
from rewards.redemptions.ending import capture as capture
from rewards.redemptions.ending import end_overdue as end_overdue
from rewards.redemptions.ending import expire_holds as expire_holds
from rewards.redemptions.ending import release as release
from rewards.redemptions.ending import reverse as reverse
from rewards.redemptions.finding import RedemptionNotFound as RedemptionNotFound
from rewards.redemptions.finding import View as View
from rewards.redemptions.finding import changed as changed
from rewards.redemptions.finding import find as find
from rewards.redemptions.finding import listed as listed
from rewards.redemptions.finding import over as over
from rewards.redemptions.finding import recorded as recorded
from rewards.redemptions.finding import usable as usable
from rewards.redemptions.folding import Spendings as Spendings
from rewards.redemptions.inputs import CaptureInput as CaptureInput
from rewards.redemptions.inputs import RedemptionRequest as RedemptionRequest
from rewards.redemptions.inputs import ReleaseInput as ReleaseInput
from rewards.redemptions.inputs import ReversalInput as ReversalInput
from rewards.redemptions.ledger_checks import CHECKS as CHECKS
from rewards.redemptions.offers import Offer as Offer
from rewards.redemptions.offers import OrderTotalRequired as OrderTotalRequired
from rewards.redemptions.offers import PayOffer as PayOffer
from rewards.redemptions.offers import UnknownReward as UnknownReward
from rewards.redemptions.paying import Taken as Taken
from rewards.redemptions.paying import take as take
from rewards.redemptions.reading import holding as holding
from rewards.redemptions.reading import read_spendings as read_spendings
from rewards.redemptions.restoring import restore as restore
from rewards.redemptions.spending import hold as hold
from rewards.redemptions.spending import redeem as redeem
from rewards.sales.inputs import RedemptionInput as RedemptionInput
