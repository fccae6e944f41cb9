"""Finding merchants: by slug, by host, by id.  The table holds no member data and has no tenant."""

from __future__ import annotations

from django.core.exceptions import ObjectDoesNotExist

from merchants.models.merchants import Merchant as Merchant
from merchants.models.merchants import MerchantHost


def find_by_slug(slug: str) -> Merchant | None:
    return Merchant.objects.filter(slug=slug, closed_at__isnull=True).first()


def find_by_host(host: str) -> Merchant | None:
    try:
        return MerchantHost.objects.select_related("merchant").get(host=host.lower()).merchant
    except ObjectDoesNotExist:
        return None


def get(merchant_id: int) -> Merchant:
    return Merchant.objects.get(pk=merchant_id)
