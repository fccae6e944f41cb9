"""Reconciliation: every account proved anew from its entries, lots and documents, and each fault named.

What must agree, account by account:

- entries: numbered 1, 2, 3 … to the account's `seq`; each `balance_after` the running sum; the chain of hashes whole;
- cached columns = sums of the entries = sums of the lots (active: balance; pending: pending; held: held);
- each lot: what it held at first and every allocation since give what is left of it and what is held of it;
- each entry: what it changed = what its allocations and the lots it made changed;
- open holds: together they hold exactly what the account holds;
- redemptions: captured and returned points = their entries; purchases: points earned and clawed back = their entries;
  undone claims: what they took back = their entries.

Set-based and by chunks of accounts; each chunk is one transaction and sees each account at one instant.

Inside: `inspecting` (the verbs), `sums` (what must agree, in SQL).
"""

from rewards.verify.inspecting import Fault as Fault
from rewards.verify.inspecting import Report as Report
from rewards.verify.inspecting import freeze as freeze
from rewards.verify.inspecting import inspect as inspect
from rewards.verify.inspecting import thaw as thaw
from rewards.verify.inspecting import verify as verify
from rewards.verify.inspecting import verify_members as verify_members
