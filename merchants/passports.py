"""Where a person has a membership, and nothing else about it; the table is read here only."""

from __future__ import annotations

from datetime import datetime

from merchants.models.merchants import Merchant
from merchants.models.people import Passport, User


def issue(*, user: User, merchant: Merchant, now: datetime) -> None:
    """Note that the person is a member at the merchant; a second time changes nothing."""
    Passport.objects.get_or_create(user=user, merchant=merchant, defaults={"created_at": now})


def withdraw(*, user: User, merchant: Merchant) -> None:
    """Forget that the person was a member at the merchant."""
    Passport.objects.filter(user=user, merchant=merchant).delete()


def merchants_of(user: User) -> list[Merchant]:
    """List the open merchants at which the person is a member, by name."""
    passports = Passport.objects.filter(user=user, merchant__closed_at__isnull=True).select_related("merchant")
    return sorted((passport.merchant for passport in passports), key=lambda merchant: merchant.name)
