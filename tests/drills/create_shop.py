"""Run inside the stack's settings: makes the shop the drill happens in and prints what the drill needs to know."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()  # before anything with tables is imported

from members.inputs import NewMember  # noqa: E402
from merchants import tenancy  # noqa: E402
from merchants.actors import SYSTEM  # noqa: E402
from merchants.webhooks import addresses, endpoints  # noqa: E402
from rewards import enrolment, programmes, terms  # noqa: E402
from tests.till import issue_key, open_shop  # noqa: E402


def programme() -> dict[str, Any]:
    """The café's terms without its daily cap, with points that pay and a card of five visits."""
    document = json.loads(json.dumps(terms.templates()["cafe"]))
    document["earning"].pop("caps", None)
    document.pop("examples", None)
    document["stamps"] = [
        {"code": "visits", "name": "Visits", "sizes": [5], "reward": document["rewards"][0]["code"]}
    ]  # fmt: skip
    document["pay_with_points"] = {"points": 1, "amount_minor": 5, "minimum_points": 10}
    return document


def main(members: int, receiver_url: str, *further_urls: str) -> None:
    now = datetime.now(UTC)
    shop = open_shop("drill", till_word_points_max=10**9)
    codes = [f"member-{number}" for number in range(members)]
    with tenancy.tenant(shop):
        programmes.save_draft(merchant=shop, document=programme(), revision=None, now=now, actor=SYSTEM)
        programmes.publish(merchant=shop, now=now, actor=SYSTEM, effective_from=now - timedelta(days=60))
        endpoint, *_further = [
            endpoints.create(merchant=shop, target=addresses.check(url), actor=SYSTEM, now=now)
            for url in (receiver_url, *further_urls)
        ]
        for code in codes:
            enrolment.enrol(merchant=shop, details=NewMember(external_id=code), source="import", actor=SYSTEM, now=now)
    # A key that may backfill would sell silently, without events.
    key = issue_key(shop, "purchases:write", "refunds:write", "redemptions:write", "members:write")
    json.dump(
        {
            "merchant": shop.pk,
            "key": key.secret,
            "endpoint": endpoint.endpoint.id,
            "webhook_secret": endpoint.secret,
            "members": codes,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
