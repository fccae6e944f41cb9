"""What a café's tables hold, told by meaning: the one place of the stories that knows tables and columns.

When a table or column gets another name or form, only this module follows: what it returns stays what it was.
Rows are named as people would name them (a purchase by the till's number, a lot by its owner and entry), never by ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from members.models import Member, UsedLiveCode
from merchants.models.audit import AuditRecord
from merchants.models.merchants import Location
from merchants.models.outbox import OutboxEvent
from rewards.models.accounts import Account, ExpiryNotice, Membership, QualifyingGrant, TierPeriod
from rewards.models.corrections import Adjustment, Merge, Transfer
from rewards.models.counters import Counter
from rewards.models.ledger import Allocation, Entry, Lot
from rewards.models.purchases import Claim, Purchase, PurchaseLine, Refund, Unclaim
from rewards.models.redemptions import Capture, Redemption, Release, Reversal
from rewards.models.referrals import Referral

#: Drawn, computed from ids, or told elsewhere.
_LEFT_OUT = frozenset({
    "id", "merchant", "public_id", "fingerprint", "xid", "hash", "chain", "code", "external_id", "moved", "entry",
    # Came after the recordings: no story has a stamp card.
    "own_reward",
})  # fmt: skip
#: What columns point to that are not called by its kind.
_KINDS = {
    "referrer": "member", "referee": "member", "undoes": "adjustment", "giver": "member", "receiver": "member",
    "source": "member", "target": "member",
}  # fmt: skip


_FACTS: dict[str, Any] = {
    "tier": None, "ordinal": 1, "birthday": None, "joined_on": None, "caps": {}, "guest": False,
}  # fmt: skip


@dataclass
class Names:
    """What rows are called: by public id, and by kind and internal id."""

    public: dict[str, str] = field(default_factory=dict)
    inner: dict[tuple[str, int], str] = field(default_factory=dict)

    def of(self, kind: str, identity: int | None) -> str | None:
        return None if identity is None else self.inner.get((kind, identity), f"{kind}?")


def freeze(member_id: int, at: Any) -> None:
    """Set or clear what reconciliation sets on an account in which it finds a fault."""
    Account.objects.filter(member_id=member_id).update(frozen_at=at)


def names(people: Mapping[int, str]) -> Names:
    """Name every row that answers, events or other rows may point to; the tenant is open."""
    found = Names()
    told: list[tuple[str, type[Model], Callable[[Any], str]]] = [
        ("member", Member, lambda row: people.get(row.id, "?")),
        ("location", Location, lambda row: row.code),
        ("account", Account, lambda row: people.get(row.member_id, "?")),
        ("purchase", Purchase, lambda row: row.external_id),
        ("refund", Refund, lambda row: row.external_id),
        ("claim", Claim, lambda row: row.external_id),
        ("unclaim", Unclaim, lambda row: f"of {found.of('claim', row.claim_id)}"),
        ("redemption", Redemption, lambda row: _inner(found, row)),
        ("capture", Capture, lambda row: _inner(found, row)),
        ("release", Release, lambda row: row.external_id),
        ("reversal", Reversal, lambda row: row.external_id),
        ("adjustment", Adjustment, lambda row: row.external_id or f"undoing {found.of('adjustment', row.undoes_id)}"),
        ("transfer", Transfer, lambda row: row.external_id),
        ("referral", Referral, lambda row: ""),
        ("merge", Merge, lambda row: ""),
    ]
    for kind, model, name in told:
        for place, row in enumerate(model._default_manager.order_by("pk"), start=1):
            text = f"{kind}{place}" if kind in {"referral", "merge"} else name(row)
            found.inner[kind, row.pk] = text
            if hasattr(row, "public_id"):
                found.public[row.public_id] = text
    return found


def _inner(found: Names, row: Redemption | Capture) -> str:
    """A redemption or capture made by a purchase has no number of its own but its place there."""
    return row.external_id or f"{found.of('purchase', row.purchase_id)}/{row.purchase_position}"


def picture(people: Mapping[int, str]) -> dict[str, Any]:
    """Return every row that journeys write, by its kind; the tenant is open."""
    found = names(people)
    lots = _lots(found)
    return {
        "members": {found.inner["member", row.pk]: [row.state, found.of("member", row.merged_into_id)]
                    for row in Member.objects.order_by("pk")},
        "accounts": {found.inner["account", row.pk]: _account(row) for row in Account.objects.order_by("pk")},
        "tiers held": [_tier_held(found, row) for row in TierPeriod.objects.order_by("member_id", "held_from", "pk")],
        "counts towards tiers": sorted(([found.of("member", row.member_id), str(row.local_day), row.points,
                                         found.of(row.document_kind, row.document_id) or ""]
                                        for row in QualifyingGrant.objects.all()), key=repr),
        "purchases": {row.external_id: _purchase(found, row) for row in Purchase.objects.order_by("external_id")},
        "lines": [_row(found, row) for row in sorted(
            PurchaseLine.objects.all(), key=lambda row: (found.of("purchase", row.purchase_id), row.position))],
        **{name: {found.inner[kind, row.pk]: _row(found, row) for row in model._default_manager.order_by("pk")}
           for name, kind, model in (
               ("refunds", "refund", Refund), ("claims", "claim", Claim), ("unclaims", "unclaim", Unclaim),
               ("redemptions", "redemption", Redemption), ("captures", "capture", Capture),
               ("releases", "release", Release), ("reversals", "reversal", Reversal),
               ("adjustments", "adjustment", Adjustment), ("transfers", "transfer", Transfer),
               ("referrals", "referral", Referral), ("merges", "merge", Merge))},
        "merges moved": [_moved(found, lots, row) for row in Merge.objects.order_by("pk")],
        "entries": _entries(found, lots),
        "lots": {lots[row.pk]: _row(found, row) for row in Lot.objects.order_by("pk")},
        "limits used": _limits(found),
        "notices of expiry": sorted([found.of("account", row.account_id), str(row.day), row.told_at]
                                    for row in ExpiryNotice.objects.all()),
        "moving codes spent": sorted([found.of("member", row.member_id), row.minute, row.used_for]
                                     for row in UsedLiveCode.objects.all()),
        "events": [[row.kind, row.payload, row.occurred_at, row.recorded_at] for row in OutboxEvent.objects.order_by("pk")],
        "audit": [[row.action, row.actor, row.subject, row.details, row.at] for row in AuditRecord.objects.order_by("pk")],
    }  # fmt: skip


def _row(found: Names, row: Model) -> dict[str, Any]:
    """Every column but those of _LEFT_OUT; what points to another row says its name."""
    told: dict[str, Any] = {}
    for column in row._meta.concrete_fields:
        if column.name in _LEFT_OUT:
            continue
        value = getattr(row, column.attname)
        kind = column.name.removesuffix("_id")
        if column.is_relation or column.name in {"purchase_id", "location_id"}:
            value = found.of(_KINDS.get(kind, kind), value)
        told[kind] = value
    return told


def _purchase(found: Names, row: Purchase) -> dict[str, Any]:
    """What an evaluation knew, with what is left out of it because it says nothing."""
    told = _row(found, row)
    if told["facts"].get("facts"):
        told["facts"] = {**told["facts"], "facts": {**_FACTS, **told["facts"]["facts"]}}
    return told


def _tier_held(found: Names, row: TierPeriod) -> dict[str, Any]:
    told = _row(found, row)
    return {"account": told.pop("member"), **told}


def _account(row: Account) -> dict[str, Any]:
    membership = Membership.objects.get(member_id=row.member_id)
    sums = ("balance", "held", "pending", "debt", "seq", "closed_at", "frozen_at")
    kept = ("purchases_count", "free_ordinals", "tier", "tier_since", "standing", "rated_version", "requalifies_at",
            "last_activity_at")  # fmt: skip
    return {name: getattr(row, name) for name in sums} | {name: getattr(membership, name) for name in kept}


def _lots(found: Names) -> dict[int, str]:
    """Name lots by owner, the entry that made them, and their place among those it made: soonest to end first."""
    made: dict[tuple[int, int], list[Lot]] = defaultdict(list)
    for row in Lot.objects.select_related("entry").order_by("pk"):
        made[row.account_id, row.entry.seq].append(row)
    return {
        row.pk: f"{found.of('account', account)}/{seq}.{place}"
        for (account, seq), rows in made.items()
        for place, row in enumerate(
            sorted(rows, key=lambda row: (str(row.expires_at), str(row.active_at), row.amount, row.pk))
        )
    }


def _entries(found: Names, lots: Mapping[int, str]) -> dict[str, list[dict[str, Any]]]:
    allocated: dict[int, list[list[Any]]] = defaultdict(list)
    for part in Allocation.objects.order_by("pk"):
        allocated[part.entry_id].append([lots[part.lot_id], part.remaining_change, part.held_change])
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in Entry.objects.order_by("account_id", "seq"):
        document = lots.get(row.document_id, "lot?") if row.document_kind == "lot" else None
        shown = {
            **_row(found, row),
            "document": document or found.of(row.document_kind, row.document_id),
            "allocations": sorted(allocated[row.pk]),
        }
        told[str(found.of("account", row.account_id))].append(shown)
    return dict(told)


def _limits(found: Names) -> dict[str, int]:
    """How much of each limit is used: caps by whose they are, rewards of which there are only so many."""
    used: dict[str, int] = {}
    for row in Counter.objects.all():
        kind, rest = row.key.split(":", 1)
        whose = found.of("member", row.scope_id) if row.scope_id else "all"
        used[f"stock of {rest}" if kind == "stock" else f"{whose} {row.scope}:{rest}"] = row.used
    return {key: n for key, n in sorted(used.items()) if n}


def _moved(found: Names, lots: Mapping[int, str], row: Merge) -> dict[str, Any]:
    """What a merge moved, by name."""
    moved = row.moved
    return {
        "lots": sorted([lots[lot], seq] for lot, seq in moved.get("lots", ())),
        "purchases": sorted(str(found.of("purchase", each)) for each in moved.get("purchases", ())),
        "brought": sorted(str(found.of("referral", each)) for each in moved.get("brought", ())),
        "came": sorted(str(found.of("referral", each)) for each in moved.get("came", ())),
        "qualifying": len(moved.get("qualifying", ())),
        "shift": moved.get("shift"),
    }
