"""Sales in memory, and the one transaction in which they are changed: below every mechanic, above the ledger.

- `inputs` (a sale as a till sends it), `sale` (a sale as it stands), `returns` (what a refund does to it),
  `early_refunds` (of refunds that came before it), `stored` (a sale as it was written);
- `protocol` (what a mechanic is), `batch` (lock, read once, change in memory, write once), `events` (what is told of it).
"""
