"""The three headers by which a receiver knows a delivery is ours, whole and recent (Standard Webhooks 1.0.0)."""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def mint_secret() -> str:
    """Return a new signing secret, 256 random bits."""
    return "whsec_" + base64.b64encode(random.token_bytes(32)).decode()


def headers(*, message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Sign a body with every secret in force: two of them while a receiver changes over.

    `at` is the moment of this attempt: receivers refuse what is older than five minutes.
    """
    # The library takes the clock's digits as UTC, whatever zone the moment has.
    moment, text = at.astimezone(UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in secrets),
    }
