"""The three headers by which a receiver knows a delivery is ours, whole and recent (Standard Webhooks 1.0.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_PREFIX = "whsec_"


def mint_secret() -> str:
    """This function will make a new signing secret, 256 random bits."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(*, message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """This function will sign a body with every secret in force: two of them while a receiver changes over.

    `at` is the moment of this attempt: receivers refuse what is older than five minutes.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX))
