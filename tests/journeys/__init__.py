"""Random stories of purchases and points: played against the ledger's laws, and against what an earlier code answered."""
