"""A merge that is looked at and rolled back, so that what is shown and what is done cannot differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar, cast

from django.db import transaction

from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards.merging import verbs

T = TypeVar("T")


class _Seen(Exception, Generic[T]):
    """Carries what was seen out of a merge that is undone at once."""

    def __init__(self, value: T) -> None:
        super().__init__()
        self.value = value


def try_merge(*, merchant: Merchant, source: str, target: str, look: Callable[[], T], now: datetime, actor: Actor) -> T:
    """Return what `look` sees after `source` was merged into `target` (public ids), and change nothing.

    Locks as `merge` does.

    :raises LoyaltyError: as `merge`.
    """
    try:
        with transaction.atomic():
            verbs.merge(merchant=merchant, source=source, target=target, now=now, actor=actor)
            raise _Seen(look())
    except _Seen as seen:
        return cast(T, seen.value)
