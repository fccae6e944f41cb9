"""What `ledger verify` proves: each package says it of its own tables, as a tuple `CHECKS`; rewards/verify puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Of documents and their entries: both are put under one another and added up, never joined. How many entries a chunk has
# of a kind the planner cannot know, and where it guesses one, a join looks through all of them for each document.
OF_FAMILY: Final = "e.merchant_id = %(merchant)s AND e.account_id = ANY(%(family)s)"
#: Of `rewards_membership s`, through which members' documents find their points account.
IN_CHUNK: Final = "s.merchant_id = %(merchant)s AND s.account_id = ANY(%(accounts)s)"


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Sums that must agree: a query of two columns, the account that has a fault and a sentence about it.

    All checks are one statement and see one instant.  Its parameters: `merchant`; `accounts`, the chunk looked at;
    `family`, these and all accounts ever merged with them, where their entries are; `relatives`, the members of those.
    """

    name: str
    query: str
