"""Points spent on a purchase, taken before it earns.  The rules are the redemptions' own; this is the seam."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from merchants.errors import Invalid
from rewards.points import AccountState, Book
from rewards.purchases.inputs import RedemptionInput


class Spendings:
    """The redemptions of a batch."""

    def take(self, book: Book, account: AccountState, **kw: Any) -> list[Any]:
        raise Invalid(_("Points can not be spent here yet."), pointer="/redemptions")

    def write(self, book: Book) -> None:
        pass


def read_spendings(book: Book, asks: Sequence[Sequence[RedemptionInput]]) -> Spendings:
    return Spendings()


def restore(
    book: Book,
    account: AccountState,
    *,
    purchase_id: int,
    refund_id: int,
    occurred_at: datetime,
    share: tuple[int, int],
) -> int:
    return 0
