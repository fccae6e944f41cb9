"""One sale on its way in, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from merchants.errors import LoyaltyError
from rewards.parties import Key
from rewards.points import AccountState
from rewards.purchases.clocks import SaleTime
from rewards.sales.inputs import PurchaseInput
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What came of one item: its receipt (frozen on the row at first writing), or why it was refused."""

    external_id: str
    public_id: str = ""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    is_replay: bool = False
    error: LoyaltyError | None = None
    #: The buyer's account as it stands after the batch, for the answer's `now`.
    account: AccountState | None = None
    version: Version | None = None


@dataclass(slots=True)
class Item:
    """One sale on its way in, with what can be said of it without asking the database."""

    position: int
    sold: PurchaseInput
    fingerprint: bytes
    moment: SaleTime
    key: Key | None = None
    #: Why the card that was sent can be nobody's.
    unreadable_card: LoyaltyError | None = None
    location: str = ""
