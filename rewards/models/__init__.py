"""The tables of rewards, a module for each subject.  Import `rewards.models.ledger`, not `rewards.models`."""

from rewards.models import accounts as accounts
from rewards.models import approvals as approvals
from rewards.models import bulk as bulk
from rewards.models import corrections as corrections
from rewards.models import counters as counters
from rewards.models import ledger as ledger
from rewards.models import own_rewards as own_rewards
from rewards.models import programmes as programmes
from rewards.models import purchases as purchases
from rewards.models import redemptions as redemptions
from rewards.models import referrals as referrals
from rewards.models import stamps as stamps
