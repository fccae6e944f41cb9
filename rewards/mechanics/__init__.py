"""What a programme may do besides points, in the order of effect: a literal tuple, no discovery.

First what is taken before anything is earned, then limits, then what a sale brings about; tiers after all that may count
towards them.
"""

from typing import Final

from rewards.mechanics import limits, redemptions, referrals, stamps, tiers
from rewards.sales.batch import Mechanic

MECHANICS: Final[tuple[Mechanic, ...]] = (
    redemptions.MECHANIC,
    limits.MECHANIC,
    stamps.MECHANIC,
    referrals.MECHANIC,
    tiers.MECHANIC,
)
