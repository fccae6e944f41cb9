"""Whether mail and text messages leave: the last one that did, the last that could not, and why, in one sentence.

Kept in the clock's table, since it belongs to the installation: people sign in by what is sent here, so an operator
has to see at once that nothing leaves, on `/readyz`, in the metrics and in the log.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import transaction
from django.db.models import F, Q

from merchants.models.ticks import Tick

CHANNELS: Final = ("email", "sms")
#: How old the note about the last message that left may get before it is written again.
_NOTED: Final = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def note_sent(channel: str, *, now: datetime) -> None:
    """Note that a message left, at most once a minute unless the one before could not."""
    name = _name(channel)
    is_news = Q(finished_at__isnull=True) | Q(finished_at__lt=now - _NOTED) | Q(failed_at__gte=F("finished_at"))
    try:
        with transaction.atomic():
            known = Tick.objects.filter(name=name)
            if not known.filter(is_news).update(finished_at=now) and not known.exists():
                Tick.objects.get_or_create(name=name, defaults={"started_at": now, "finished_at": now})
    except DatabaseTrouble:
        _log.warning("sending_not_noted")


def note_failure(channel: str, error: Exception, *, now: datetime) -> None:
    """Write down and log why a message could not leave; a refused recipient says nothing about the server."""
    sentence = why(error)
    _log.warning("message_not_sent", extra={"channel": channel, "why": sentence})
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return
    try:
        with transaction.atomic():
            Tick.objects.update_or_create(
                name=_name(channel),
                defaults={"failed_at": now, "failure": type(error).__name__[:200]},
                create_defaults={"started_at": now, "failed_at": now, "failure": type(error).__name__[:200]},
            )
    except DatabaseTrouble:
        _log.warning("sending_not_noted")


def failing() -> list[str]:
    """List the channels whose last message could not leave; what was never tried does not fail. One statement."""
    failed = Q(failed_at__isnull=False) & (Q(finished_at__isnull=True) | Q(failed_at__gt=F("finished_at")))
    rows = Tick.objects.filter(failed, name__in=[_name(channel) for channel in CHANNELS])
    found = set(rows.values_list("name", flat=True))
    return [channel for channel in CHANNELS if _name(channel) in found]


def is_failing(channel: str) -> bool:
    """Return whether the last message of a channel could not leave; what was never tried does not fail."""
    return channel in failing()


def _name(channel: str) -> str:
    return f"send.{channel}"


def why(error: Exception) -> str:
    """Return one sentence for the operator: what the mail server or the gateway did, and which setting it is about."""
    server = f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{server} does not accept EMAIL_HOST_USER and EMAIL_HOST_PASSWORD."
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"{server} refuses the sender DEFAULT_FROM_EMAIL."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"{server} refuses the recipient."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{server} shows a certificate that is not valid for this name."
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError):
        return (
            f"{server} does not speak TLS in the way EMAIL_USE_TLS (STARTTLS) or EMAIL_USE_SSL (TLS at once) asks for."
        )
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"{server} closes the connection: is it a port for TLS at once (EMAIL_USE_SSL)?"
    if isinstance(error, socket.gaierror):
        return f"There is no host named {settings.EMAIL_HOST} (EMAIL_HOST)."
    if isinstance(error, ConnectionRefusedError):
        return f"{server} refuses the connection."
    if isinstance(error, TimeoutError):
        return f"{server} did not answer within {settings.EMAIL_TIMEOUT} seconds."
    return f"{type(error).__name__}: {error}".rstrip(": ")
