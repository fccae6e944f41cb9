"""What would have left the machine, kept in a file for a newcomer without a mail server; only with DEV_OUTBOX."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

_SHOWN_MAX = 50
_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    at: datetime
    channel: str
    to: str
    subject: str
    text: str


class OutboxEmailBackend(BaseEmailBackend):
    """Django's mail goes into the outbox too."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for recipient in message.recipients():
                keep(channel="email", to=recipient, subject=str(message.subject), text=str(message.body))
        return len(email_messages)


def keep(*, channel: str, to: str, subject: str, text: str) -> None:
    """Add one message; each is one short write at the end of the file, so processes may share it."""
    line = {"at": timezone.now().isoformat(), "channel": channel, "to": to, "subject": subject, "text": text}
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    if path.exists() and path.stat().st_size > _BYTES_MAX:
        flags |= os.O_TRUNC
    with os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0) as file:
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def newest() -> list[Kept]:
    """Return the last 50 messages, the newest first."""
    try:
        lines = _path().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    kept = (json.loads(line) for line in reversed(lines[-_SHOWN_MAX:]))
    return [Kept(**{**message, "at": datetime.fromisoformat(message["at"])}) for message in kept]


def _path() -> Path:
    return Path(settings.DATA_DIR) / "dev-outbox.jsonl"
