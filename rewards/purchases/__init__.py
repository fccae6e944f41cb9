"""Purchases: recorded, quoted, claimed by a member afterwards, and taken back by refunds.

- `record(...)`: one to a thousand sales; a sale is a batch of one, and any batch equals its items posted singly;
- `refund(...)`: whole, in part or line by line, also before its purchase has arrived;
- `quote(...)`: what a purchase would earn and what could be redeemed; writes nothing;
- `claim(...)`: a guest's purchase becomes a member's; `unclaim(...)`: it was the wrong one's.

Inside: `inputs` (what tills send), `reading` (everything a batch needs, after its locks), `recording` (the journey),
`folding` (one sale after the other), `items` (what it takes and gives), `claiming`, `unclaiming`, `refunding`, `sales`
(a purchase in memory), `returns` (what a refund does to it), `origins` (under whom it was before a merge), `telling`
(receipts and events), `writing` (one statement).
"""

from rewards.parties import MemberRef as MemberRef
from rewards.purchases.claiming import claim as claim
from rewards.purchases.claiming import is_claimable as is_claimable
from rewards.purchases.inputs import ClaimInput as ClaimInput
from rewards.purchases.inputs import LineInput as LineInput
from rewards.purchases.inputs import PurchaseInput as PurchaseInput
from rewards.purchases.inputs import PurchaseRef as PurchaseRef
from rewards.purchases.inputs import RefundInput as RefundInput
from rewards.purchases.inputs import RefundLine as RefundLine
from rewards.purchases.inputs import Tender as Tender
from rewards.purchases.items import Outcome as Outcome
from rewards.purchases.items import Source as Source
from rewards.purchases.quoting import Quoted as Quoted
from rewards.purchases.quoting import QuoteInput as QuoteInput
from rewards.purchases.quoting import quote as quote
from rewards.purchases.recording import record as record
from rewards.purchases.recording import record_in_turns as record_in_turns
from rewards.purchases.refunding import refund as refund
from rewards.purchases.unclaiming import unclaim as unclaim
from rewards.redemptions.inputs import RedemptionInput as RedemptionInput
