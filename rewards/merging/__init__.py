"""Merging two memberships of one person, and undoing it.

Points travel as entries of both accounts, lot by lot with their expiry; no entry ever changes account.  The member who
was merged stays as a forwarding row that always points one hop; purchases, cards and missing contacts move over, and
the tier is rated again.  What moved is kept on the merge, so that undoing gives back what is still there.

Inside: `verbs` (the two journeys), `trying` (one that is rolled back), `lots`, `people` and `records` (what moves and comes back), `answers`.
"""

from rewards.merging.answers import Merged as Merged
from rewards.merging.answers import MergedAlready as MergedAlready
from rewards.merging.answers import MergedFurther as MergedFurther
from rewards.merging.answers import MergeNotFound as MergeNotFound
from rewards.merging.answers import OpenHolds as OpenHolds
from rewards.merging.trying import try_merge as try_merge
from rewards.merging.verbs import merge as merge
from rewards.merging.verbs import unmerge as unmerge
