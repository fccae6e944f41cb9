"""The tables of merchants, a module for each subject.  Import the module, not this package."""

from merchants.models import audit as audit
from merchants.models import backups as backups
from merchants.models import briefings as briefings
from merchants.models import browsers as browsers
from merchants.models import keys as keys
from merchants.models import limits as limits
from merchants.models import logos as logos
from merchants.models import merchants as merchants
from merchants.models import messages as messages
from merchants.models import notices as notices
from merchants.models import notifications as notifications
from merchants.models import outbox as outbox
from merchants.models import people as people
from merchants.models import photos as photos
from merchants.models import ticks as ticks
from merchants.models import webhooks as webhooks
from merchants.models.people import User as User
