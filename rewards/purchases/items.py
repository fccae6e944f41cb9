"""One sale on its way in, what its key says of where it comes from, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from merchants.errors import LoyaltyError
from rewards.parties import Key, MemberBlocked, MemberNotFound
from rewards.points import AccountState
from rewards.purchases.inputs import PurchaseInput
from rewards.purchases.reading import Buyer
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class Source:
    """What the caller's key says about where sales come from, and how far back they may lie."""

    location: str = ""
    terminal: str = ""
    channel: str = ""
    may_backfill: bool = False
    #: Backfills send no messages and no webhooks.
    is_silent: bool = False


#: A sale with no key behind it that says more: the counter's, or a test's.
TILL = Source()


@dataclass(frozen=True, slots=True)
class Outcome:
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
    key: Key | None = None
    location: str = ""


def present(buyer: Buyer | None) -> Buyer:
    """Return the buyer, or refuse whoever cannot buy.

    :raises MemberNotFound, MemberBlocked: nobody, somebody who left, or somebody the merchant has blocked.
    """
    if buyer is None or buyer.state in {"erased", "merged"}:
        raise MemberNotFound(_("No member is known by this."), pointer="/member")
    if buyer.state == "blocked":
        raise MemberBlocked(_("This membership is blocked. Nothing was recorded for it."), pointer="/member")
    return buyer
