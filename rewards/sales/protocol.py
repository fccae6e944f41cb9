"""What a mechanic is to the journeys: the questions they ask each one, in the order of a sale.

A mechanic itself has no state: `begin` opens one of its states for one transaction, which keeps what it locked, read and
decided.  Every method of a state has an empty default, so that a mechanic says only what it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from rewards.counters import CounterName
from rewards.earning import Evaluation
from rewards.ledger_checks import LedgerCheck
from rewards.parties import Party
from rewards.sales.figures import QualifyingSums
from rewards.sales.inputs import PurchaseInput
from rewards.sales.sale import Sale


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What a mechanic reads after the locks: scalar sub-selects by name, and the PostgreSQL types of their placeholders.

    `has_counters`: and members' own counters, those that its states name.

    The texts are constants, since the connection remembers the plan of each combination. Names begin with the
    mechanic's key.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    has_counters: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """How the clock finds whom time has changed something for: every so many `seconds`, by two queries.

    `merchants` selects merchants' ids across all of them, `members` those of one (`merchant`, `limit`); both by `now`.
    What is done for a member is the state's `settle_time`.
    """

    seconds: int
    merchants: str
    members: str


class Contributions:
    """What a mechanic brings besides its part in a transaction; nothing by default."""

    #: What `ledger verify` proves of its rows.
    checks: tuple[LedgerCheck, ...] = ()
    #: What ends by the clock.
    ends: Ends | None = None

    def personal_data(self, merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return its rows in the file of a person with these memberships, newest first, by names of their own."""
        return {}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a sale that had been recorded: a refund, or a claim that is undone (`kind`).

    `before` and `after` are its evaluations; None where there was no programme, and `after` where nothing is the buyer's
    any more. `was` and `left` are what it counted towards tiers. `counted_minor`: what is left of it of the kinds that
    count for minimums. `is_early`: a refund that came before its sale: mechanics apply what it left, and only what was
    taken first is given back.
    """

    kind: str
    occurred_at: datetime
    before: Evaluation | None
    after: Evaluation | None
    was: QualifyingSums
    left: QualifyingSums
    counted_minor: int
    reason: str = ""
    is_early: bool = False


class State:
    """What a mechanic knows and decides in one transaction."""

    #: All open lots of the buyers are read, not only those that are due.
    needs_all_lots = False

    def accounts(self) -> Iterable[int]:
        """Name further accounts to be locked with the buyer's of a sale that is undone; the sale is locked."""
        return ()

    def counters(self) -> Iterable[CounterName]:
        """Name the counters it decides by; accounts are locked. Asked again when the terms have grown.

        Shared ones are locked, all mechanics' together; members' own are read, those of everybody whose account is locked.
        """
        return ()

    def values(self) -> Mapping[str, Any]:
        """Return the values of the placeholders in `Read.parts`."""
        return {}

    def load(self, found: Mapping[str, Any]) -> None:
        """Take in what was read, by the names in `Read.parts`.

        It may lock further accounts without waiting, and raise RetryTransaction when what it knew no longer holds.
        """

    def is_asked(self, sold: PurchaseInput) -> bool:
        """State whether the sale asks this mechanic for something that `before` takes, and may have to go back."""
        return False

    def before(self, sale: Sale, buyer: Party | None, sold: PurchaseInput) -> None:
        """Take what is taken before anything is earned, and note on the sale what it pays; it may refuse."""

    def mark(self, buyer: Party | None) -> Any:
        """Return what `go_back` needs to undo everything that follows, for this buyer."""

    def go_back(self, buyer: Party | None, mark: Any) -> None:
        """Become again what `mark` saw: the sale was refused."""

    def facts(self, sale: Sale, buyer: Party) -> Mapping[str, Any]:
        """Return, as fields of `earning.Facts`, what the evaluation of a sale has to know; it is kept with the sale."""
        return {}

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        """Do what the sale brings about, by what refunds that came first have left of it; never refuses."""

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        """Take back what a part of the sale had brought about; return what the receipt says of it. Never refuses."""
        return {}

    def joined(self, member: Party) -> None:
        """Begin for somebody who has just joined; their account is empty."""

    def given(self, member: Party) -> None:
        """Look at what a member was given besides sales, once it is theirs."""

    def settle_time(self, member: Party) -> None:
        """Do what time has done to what a member has, before it is counted on; all their open lots are read."""

    def merged(self, source: Party, target: Party) -> Mapping[str, Any]:
        """Let what was the source's be the target's, at once; return what moved, by names of this mechanic's own.

        Purchases have moved already, and both accounts have all their lots read.
        """
        return {}

    def unmerged(self, source: Party, target: Party, moved: Mapping[str, Any]) -> None:
        """Let what `merged` moved be the source's again, as far as nobody changed it since; purchases are back."""

    def left(self, member: Party) -> None:
        """Give up what is open for a member who leaves for good; what is left of their points lapses afterwards."""

    def add_to(self, writing: Writing) -> None:
        """Let the rows that changed go out with everything else."""

    def receipt(self, sale: Sale) -> Mapping[str, Any]:
        """Return what the sale's receipt says of this mechanic."""
        return {}
