"""Which documents somebody agrees to who joins now: the terms in force and the privacy notice in force, by version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from members import privacy
from merchants import privacy_notices
from merchants.models.merchants import Merchant
from rewards import versions


def in_force(*, merchant: Merchant, now: datetime) -> Mapping[str, str]:
    """Name the documents that are shown now, by the consent they belong to: `terms:4`, `privacy:2`."""
    version = versions.timeline(merchant.pk).at(now)
    notice = privacy_notices.newest(merchant)
    return {
        "terms": f"terms:{version.number if version else 0}",
        "privacy": privacy.document_of(notice.number if notice else 0),
    }
