"""Frozen accounts: which there are, and spending from one again once it agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext as _

from members import directory
from merchants import audit, due, texts
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid
from merchants.models.merchants import Merchant
from rewards.models.accounts import POINTS, Account
from rewards.verify.inspecting import verify_members

REASON_MAX = 200
#: How many are listed at once.
LISTED_MAX = 500


class ReasonMissing(Invalid):
    code: ClassVar[str] = "reason_missing"


class NotFrozen(Conflict):
    code: ClassVar[str] = "account_not_frozen"


class StillFaulty(Conflict):
    """Reconciliation still finds a fault in the account."""

    code: ClassVar[str] = "account_still_faulty"


@dataclass(frozen=True, slots=True)
class FrozenAccount:
    """A member's account that may not be spent from, and since when."""

    member: str
    frozen_at: datetime


def frozen(*, merchant: Merchant) -> list[FrozenAccount]:
    """List a merchant's frozen accounts in the open tenant, oldest first, by the members' public ids."""
    rows = Account.objects.filter(merchant=merchant, frozen_at__isnull=False).order_by("frozen_at", "pk")
    found = rows.values_list("member__public_id", "frozen_at")[:LISTED_MAX]
    return [FrozenAccount(member, since) for member, since in found if since is not None]


def merchants_with_frozen() -> list[int]:
    """Return the ids of merchants that have a frozen account, asked across all of them as the system role."""
    return due.merchants_with(Account, frozen_at__isnull=False)


def thaw(*, merchant: Merchant, public_id: str, reason: str, now: datetime, actor: Actor) -> None:
    """Let a member's frozen account be spent from again, with an audit record that keeps the reason.

    The tenant is open. The account's row is locked first, so that what is reconciled is what is thawed.

    :raises MemberNotFound, ReasonMissing, NotFrozen, StillFaulty: and the account stays as it is.
    """
    reason = texts.line(reason)
    if not 1 <= len(reason) <= REASON_MAX:
        raise ReasonMissing(_("Give a reason of 1 to %(max)s characters.") % {"max": REASON_MAX})
    member = directory.by_id(merchant=merchant, public_id=public_id)
    account = Account.objects.select_for_update().filter(merchant=merchant, member_id=member.pk, unit=POINTS).first()
    if account is None or account.frozen_at is None:
        raise NotFrozen(_("This account is not frozen."))
    report = verify_members(merchant=merchant, member_ids=[member.pk])
    if not report.agrees:
        fault = report.faults[0]
        raise StillFaulty(
            _("Reconciliation still finds a fault (%(check)s: %(detail)s). The account stays frozen.")
            % {"check": fault.check, "detail": fault.detail}
        )
    since, account.frozen_at = account.frozen_at, None
    account.save(update_fields=["frozen_at"])
    audit.record(
        merchant=merchant, action="account.thawed", actor=actor, now=now, subject=member.public_id,
        details={"reason": reason, "frozen_at": since.isoformat()},
    )  # fmt: skip
