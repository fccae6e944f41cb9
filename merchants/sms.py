"""Ways to send a text message; the operator chooses one by the settings, and none is one of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Protocol

import urllib3
from django.conf import settings

from merchants import dev_outbox

_SECONDS_MAX = 10.0


class NoGateway(Exception):
    """A text message was asked for where no gateway is configured."""


class GatewayRefused(Exception):
    """The gateway answered with something else than success."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One text message.  `id` is the same for every try; `merchant` is a public id, None for staff's sign-in codes.

    `to` is a number in E.164, `kind` says why it is sent (contact_code, sign_in_code, …), `language` is that of the text.
    """

    id: str
    kind: str
    merchant: str | None
    language: str
    to: str
    text: str


class SmsGateway(Protocol):
    def send(self, message: TextMessage) -> None:
        """Hand one message over or raise."""


class OutboxSms:
    """Keeps messages on this machine, for a developer to read."""

    def send(self, message: TextMessage) -> None:
        dev_outbox.keep(channel="sms", to=message.to, subject="", text=message.text)


class WebhookSms:
    """Posts a message as JSON to the operator's own address, which speaks to the provider of the country.

    A message whose answer was lost is posted again, with the same `id` and `Idempotency-Key`.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(total=_SECONDS_MAX), retries=urllib3.Retry(0, redirect=0), maxsize=2
        )

    def send(self, message: TextMessage) -> None:
        answer = self._pool.request(
            "POST",
            self._url,
            body=json.dumps(asdict(message)).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self._token}",
                "Idempotency-Key": message.id,
            },
            redirect=False,
        )
        if not 200 <= answer.status < 300:
            raise GatewayRefused(answer.status)


def gateway() -> SmsGateway | None:
    """Return the way to send text messages, or None if the operator has configured none."""
    if settings.SMS_WEBHOOK_URL:
        return WebhookSms(settings.SMS_WEBHOOK_URL, settings.SMS_WEBHOOK_TOKEN)
    return OutboxSms() if settings.DEV_OUTBOX else None
