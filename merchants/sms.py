"""Ways to send a text message; the operator chooses one by the settings, and none is one of them."""

from __future__ import annotations

import json
from typing import Protocol

import urllib3
from django.conf import settings

from merchants import dev_outbox

_SECONDS_MAX = 10.0


class NoGateway(Exception):
    """A text message was asked for where no gateway is configured."""


class GatewayRefused(Exception):
    """The gateway answered with something else than success."""


class SmsGateway(Protocol):
    def send(self, *, to: str, text: str) -> None:
        """This function will hand one message over (`to` in E.164) or raise."""


class OutboxSms:
    """Keeps messages on this machine, for a developer to read."""

    def send(self, *, to: str, text: str) -> None:
        dev_outbox.keep(channel="sms", to=to, subject="", text=text)


class WebhookSms:
    """Posts `{"to", "text"}` as JSON to the operator's own address, which speaks to the provider of the country."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(total=_SECONDS_MAX), retries=urllib3.Retry(0, redirect=0), maxsize=2
        )

    def send(self, *, to: str, text: str) -> None:
        answer = self._pool.request(
            "POST",
            self._url,
            body=json.dumps({"to": to, "text": text}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
            redirect=False,
        )
        if not 200 <= answer.status < 300:
            raise GatewayRefused(answer.status)


def gateway() -> SmsGateway | None:
    """This function will return the way to send text messages, or None if the operator has configured none."""
    if settings.SMS_WEBHOOK_URL:
        return WebhookSms(settings.SMS_WEBHOOK_URL, settings.SMS_WEBHOOK_TOKEN)
    return OutboxSms() if settings.DEV_OUTBOX else None
