"""What falls due in this app by the clock, what it forgets in time, and what the operator is told of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings

from merchants import browsers, messages
from merchants.due import DueWork, Trouble, Turn, WaitingRows
from merchants.models.merchants import Merchant
from merchants.webhooks import pruning, relay

#: Short, so that the other ticks have their turn on a worker of two processes while very many events wait.
SECONDS_OF_WEBHOOKS: Final = 6.0


def _relay(*, merchant: Merchant, now: datetime) -> int:
    return relay.relay(merchant_id=merchant.pk, now=now)


DUE_WORK: Final = (
    DueWork(
        name="relay",
        seconds=2,
        merchants=lambda now: relay.merchants_due(),
        turn=_relay,
        seconds_max=SECONDS_OF_WEBHOOKS,
        places=settings.WEBHOOK_DELIVERERS,
    ),
    DueWork(name="messages", seconds=5, merchants=messages.merchants_due, turn=messages.send_due, opens_tenants=True),
)
PRUNED: Final[tuple[Turn, ...]] = (pruning.prune, messages.prune, browsers.prune)
WAITING: Final = (
    WaitingRows(
        "outbox_events", "SELECT count(*), min(recorded_at) FROM merchants_outboxevent WHERE relayed_at IS NULL"
    ),
    WaitingRows(
        "webhook_deliveries",
        "SELECT count(*), min(due_at) FROM merchants_webhookdelivery WHERE state = 'due' AND due_at <= now()",
    ),
)
TROUBLES: Final = (
    Trouble(
        "webhooks_given_up",
        "SELECT count(*) FROM merchants_webhookdelivery WHERE state = 'given_up' AND created_at > now() - interval '1 day'",
    ),
    Trouble(
        "messages_given_up",
        "SELECT count(*) FROM merchants_outgoingmessage WHERE state = 'given_up' AND created_at > now() - interval '1 day'",
    ),
)
