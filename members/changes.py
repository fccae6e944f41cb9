"""When a member last changed, in anything that others are shown of them: what `changed_since` asks for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models.functions import Greatest

from members.models import Member


def touch(*, merchant_id: int, member_ids: Collection[int], now: datetime) -> None:
    """Note that something shown of these members changed now; the time never goes back. Locks the members."""
    Member.objects.filter(merchant_id=merchant_id, pk__in=member_ids).update(changed_at=Greatest("changed_at", now))
