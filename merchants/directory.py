"""Finding merchants: by slug, by id, all of them.  The table holds no member data and has no tenant."""

from __future__ import annotations

from merchants.models.merchants import Merchant as Merchant


def find_by_slug(slug: str) -> Merchant | None:
    """Return the open merchant with this slug, or None."""
    return Merchant.objects.filter(slug=slug, closed_at__isnull=True).first()


def get(merchant_id: int) -> Merchant:
    """Return the merchant with this internal key, open or closed."""
    return Merchant.objects.get(pk=merchant_id)


def every(*, open_only: bool = False) -> list[Merchant]:
    """List the merchants of this installation, the first opened first; closed ones too unless `open_only`."""
    rows = Merchant.objects.order_by("pk")
    return list(rows.filter(closed_at__isnull=True) if open_only else rows)
