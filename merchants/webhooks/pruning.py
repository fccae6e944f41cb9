"""Forgetting: delivered events and their log are operational rows with an end; the ledger is for ever, these are not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery


def prune(*, merchant: Merchant, now: datetime, limit: int = 5_000) -> int:
    """Remove, in the open tenant, what is older than `outbox_days_kept`, `limit` rows of each kind.

    Never what is still due or not yet relayed, and no event whose delivery is still kept.  Returns how many rows
    went; call it again in a new transaction until it returns 0.
    """
    before = now - timedelta(days=merchant.outbox_days_kept)
    old = WebhookDelivery.objects.filter(merchant=merchant, created_at__lt=before).exclude(
        state=WebhookDelivery.State.DUE
    )
    gone = _delete(WebhookDelivery, merchant, list(old.order_by("pk").values_list("pk", flat=True)[:limit]))
    kept = WebhookDelivery.objects.filter(merchant_id=OuterRef("merchant_id"), event_id=OuterRef("pk"))
    spent = OutboxEvent.objects.filter(merchant=merchant, recorded_at__lt=before, relayed_at__isnull=False).exclude(
        Exists(kept)
    )
    return gone + _delete(OutboxEvent, merchant, list(spent.order_by("pk").values_list("pk", flat=True)[:limit]))


def _delete(table: type[WebhookDelivery] | type[OutboxEvent], merchant: Merchant, rows: list[int]) -> int:
    if not rows:
        return 0
    doomed = table._base_manager.filter(merchant=merchant, pk__in=rows)
    # `_raw_delete`: nothing refers to these rows but what the database itself checks.
    return int(doomed._raw_delete("default"))
