"""What the programme keeps of a person beside balance, ledger, purchases and redemptions, for the person themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from members import personal_data
from members.models import Member
from merchants.models.merchants import Merchant
from rewards.mechanics import MECHANICS
from rewards.models.accounts import Account, ExpiryNotice
from rewards.models.approvals import PointsRequestLine
from rewards.models.corrections import Merge, Transfer
from rewards.models.purchases import Claim, Unclaim


def of_member(*, merchant: Merchant, member: Member) -> Mapping[str, Any]:
    """Collect the member's rows of this layer, of memberships merged into theirs as well, newest first.

    Other people (a friend brought, whoever was given points) are not named: the data are theirs.
    """
    ids = [person.pk for person in personal_data.everybody(merchant, member)]
    accounts = list(Account.objects.filter(merchant=merchant, member_id__in=ids).values_list("pk", flat=True))
    of_account: dict[str, Any] = {"merchant": merchant, "account_id__in": accounts}
    of_people: dict[str, Any] = {"merchant": merchant, "member_id__in": ids}
    return {
        "expiry_notices": [
            {"day": row.day, "told_at": row.told_at}
            for row in ExpiryNotice.objects.filter(**of_account).order_by("-pk")
        ],
        "transfers": [
            {"way": "given" if row.giver_id in ids else "received", "points": row.points, "reason": row.reason,
             "refusal": row.refusal, "at": row.occurred_at}
            for row in Transfer.objects.filter(
                Q(giver_id__in=ids) | Q(receiver_id__in=ids), merchant=merchant
            ).order_by("-pk")
        ],
        "merges": [
            {"role": "kept" if row.target_id == member.pk else "ended", "at": row.merged_at, "points": row.points,
             "undone_at": row.unmerged_at}
            for row in Merge.objects.filter(Q(source_id__in=ids) | Q(target_id__in=ids), merchant=merchant)
            .order_by("-pk")
        ],
        "claims": [
            {"purchase": row.purchase.public_id, "at": row.occurred_at, "is_undone": row.is_undone}
            for row in Claim.objects.filter(**of_people).select_related("purchase").order_by("-pk")
        ],
        "claims_undone": [
            {"purchase": row.purchase.public_id, "at": row.occurred_at, "reason": row.reason}
            for row in Unclaim.objects.filter(**of_people).select_related("purchase").order_by("-pk")
        ],
        "points_requests": [
            {"points": row.points, "reason": row.request.reason, "state": row.request.state,
             "asked_at": row.request.asked_at, "decided_at": row.request.decided_at}
            for row in PointsRequestLine.objects.filter(**of_people).select_related("request").order_by("-pk")
        ],
        **{name: rows for mechanic in MECHANICS for name, rows in mechanic.personal_data(merchant, ids).items()},
    }  # fmt: skip
