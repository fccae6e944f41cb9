"""Purchases: recorded, quoted, claimed by a member afterwards, and taken back by refunds.

- `record(...)`: one to a thousand sales; a sale is a batch of one, and any batch equals its items posted singly;
- `refund(...)`: whole, in part or line by line, also before its purchase has arrived;
- `quote(...)`: what a purchase would earn and what could be redeemed; writes nothing;
- `claim(...)`: a guest's purchase becomes a member's; `unclaim(...)`: it was the wrong one's.

Inside: `inputs` (refunds, claims and how purchases are named), `recording` (accept, then `selling`: one sale after the other,
`drafting` each), `items` (what selling takes and gives), `quoting`, `claiming`, `unclaiming`, `refunding`, `locking`
(a purchase under the lock of its row), `writing` (its rows), `finding` and `listing` (for whoever shows them). What a sale
does is `rewards.sales.batch`, and what a mechanic does with it `rewards.mechanics`.
"""

from rewards.parties import MemberRef as MemberRef
from rewards.purchases.claiming import claim as claim
from rewards.purchases.claiming import is_claimable as is_claimable
from rewards.purchases.clocks import OutsideTheWindow as OutsideTheWindow
from rewards.purchases.inputs import ClaimInput as ClaimInput
from rewards.purchases.inputs import PurchaseRef as PurchaseRef
from rewards.purchases.inputs import RefundInput as RefundInput
from rewards.purchases.inputs import RefundLine as RefundLine
from rewards.purchases.items import ItemOutcome as ItemOutcome
from rewards.purchases.quoting import Quoted as Quoted
from rewards.purchases.quoting import QuoteInput as QuoteInput
from rewards.purchases.quoting import quote as quote
from rewards.purchases.recording import record as record
from rewards.purchases.recording import record_in_turns as record_in_turns
from rewards.purchases.refunding import refund as refund
from rewards.purchases.refunding import try_refund as try_refund
from rewards.purchases.unclaiming import unclaim as unclaim
from rewards.sales.inputs import LineInput as LineInput
from rewards.sales.inputs import PurchaseInput as PurchaseInput
from rewards.sales.inputs import RedemptionInput as RedemptionInput
from rewards.sales.inputs import SentAt as SentAt
from rewards.sales.inputs import Tender as Tender
from rewards.sales.sources import SaleSource as SaleSource
