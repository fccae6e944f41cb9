"""The only writer of the points ledger.

- `lots`: what accounts are made of;
- `state`: accounts in memory, and the pure movements of their lots;
- `book`: opening accounts under their lock, settling what time has done to them, and writing everything at once;
- `rows`: what of that goes into which table;
- `telling`: what others are told of the entries, in the same transaction;
- `chain`: the hash that ties each entry to the one before it.

A journey opens a `Book` on every account it will touch, makes its movements, and calls `book.write()` once.
"""

from rewards.points.account import AccountFrozen as AccountFrozen
from rewards.points.account import InsufficientPoints as InsufficientPoints
from rewards.points.account import TooManyPoints as TooManyPoints
from rewards.points.book import Book as Book
from rewards.points.lots import Cause as Cause
from rewards.points.lots import LotState as LotState
from rewards.points.state import AccountState as AccountState
