"""Reconciliation: every account proved anew from its entries, lots and documents, and each fault named.

What must agree, account by account:

- entries: numbered 1, 2, 3 … to the account's `seq`; each `balance_after` the running sum; the chain of hashes whole;
- cached columns = sums of the entries = sums of the lots (active: balance; pending: pending; held: held);
- each lot: what it held at first and every allocation since give what is left of it and what is held of it;
- the end of each lot: as its document promised, or later (`ends` says which lots that can be proved of);
- each entry: what it changed = what its allocations and the lots it made changed;
- open holds: together they hold exactly what the account holds;
- purchases that stand: as many as the account counts, each with a number of its own, the free ones accounted for;
- redemptions: captured and returned points = their entries; purchases: points earned and clawed back = their entries;
  undone claims: what they took back = their entries;
- stamp cards: what is on each = its entries; own rewards: the stamps each took = their entries, and one redemption took it;
- counters of limits: of stock by the redemptions not given back, of caps and stamps by what is left of purchases (no
  account is faulty, nor frozen, for these).

Set-based and by chunks of accounts; each chunk is one transaction and sees each account at one instant.

Inside: `inspecting` (the verbs), `thawing` (frozen accounts), `sums` (what must agree, in SQL),
`ends` (when points end), `limits` (counters).
"""

from rewards.verify.inspecting import LedgerFault as LedgerFault
from rewards.verify.inspecting import LedgerReport as LedgerReport
from rewards.verify.inspecting import freeze as freeze
from rewards.verify.inspecting import inspect as inspect
from rewards.verify.inspecting import verify as verify
from rewards.verify.inspecting import verify_members as verify_members
from rewards.verify.thawing import REASON_MAX as REASON_MAX
from rewards.verify.thawing import FrozenAccount as FrozenAccount
from rewards.verify.thawing import frozen as frozen
from rewards.verify.thawing import merchants_with_frozen as merchants_with_frozen
from rewards.verify.thawing import thaw as thaw
