"""The second floor's tables, one shelf a noun.  Name the shelf (rewards.models.ledger), never this cupboard."""

from rewards.models import accounts as accounts
from rewards.models import catalogue as catalogue
from rewards.models import corrections as corrections
from rewards.models import ledger as ledger
from rewards.models import limits as limits
from rewards.models import programmes as programmes
from rewards.models import purchases as purchases
from rewards.models import redemptions as redemptions
from rewards.models import referrals as referrals
