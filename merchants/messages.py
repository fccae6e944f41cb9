"""Mail and text messages: a row in the caller's transaction first, sent after it and outside of any tenant.

Two ways lead out, and both claim the row before they send: at once, on a thread of the process that wrote it (a code
must be there within a second, whatever Redis or the worker do), and the worker's sweep, which finds what is left.
A message may in a rare crash be sent twice; it is never lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connections, transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language

from merchants import directory, due, ids, sending_health, sms, tenancy
from merchants.contacts import Contact
from merchants.models.merchants import Merchant
from merchants.models.messages import OutgoingMessage

ATTEMPTS_MAX = 6
DAYS_KEPT = 30
#: Longer than any gateway is given: nobody else takes the row while it is being sent.
_CLAIM = timedelta(seconds=60)
#: Wait before the second try, the third, …
_BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))

_log = logging.getLogger(__name__)
_senders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sender")


@dataclass(frozen=True, slots=True)
class Letter:
    """What to say to whom.  `subject` and `html` are for mail only."""

    kind: str
    to: Contact
    text: str
    subject: str = ""
    html: str = ""


def can_reach(contact: Contact) -> bool:
    """State whether this installation has a way to such a contact: text messages need a gateway."""
    return contact.kind == "email" or sms.gateway() is not None


def queue(*, merchant: Merchant, letter: Letter, now: datetime, worth: timedelta = timedelta(days=2)) -> str:
    """Store a letter in the open tenant and have it sent as soon as the transaction has ended.

    After `worth` it is not sent any more.  Returns the message's public id.
    """
    public_id = ids.mint("msg")
    message = OutgoingMessage.objects.create(
        public_id=public_id,
        merchant=merchant,
        kind=letter.kind,
        channel="email" if letter.to.kind == "email" else "sms",
        recipient=letter.to.value,
        language=get_language() or "",
        subject=" ".join(letter.subject.split())[:200],
        text=letter.text,
        html=_as_html(merchant, letter),
        created_at=now,
        due_at=now,
        worthless_at=now + worth,
    )
    transaction.on_commit(partial(_send_at_once, merchant.pk, message.pk))
    return public_id


def _as_html(merchant: Merchant, letter: Letter) -> str:
    """A mail's words under the merchant's logo or name, in the language that is active; the plain words go beside them."""
    if letter.html or letter.to.kind != "email":
        return letter.html
    return render_to_string("email/letter.html", {"merchant": merchant, "letter": letter})


def send_without_merchant(letter: Letter) -> None:
    """Send a letter that belongs to no merchant (a sign-in code of staff) when the transaction ends.

    It is written nowhere: who does not get it asks for another.  It leaves on a thread, so that the answer takes as
    long for people we know as for people we do not.
    """
    message = OutgoingMessage(
        public_id=ids.mint("msg"),
        language=get_language() or "",
        kind=letter.kind,
        channel="email" if letter.to.kind == "email" else "sms",
        recipient=letter.to.value,
        subject=" ".join(letter.subject.split()),
        text=letter.text,
        html=letter.html,
    )
    if settings.MESSAGES_AT_ONCE == "inline":
        transaction.on_commit(partial(_hand_over, message))
    else:
        transaction.on_commit(partial(_senders.submit, _on_thread, partial(_hand_over, message)))


def send_due(*, merchant: Merchant | int, now: datetime, limit: int = 100) -> int:
    """Send what is due at a merchant and return how many messages left.

    Must run outside of any tenant: it opens a short one to claim each message and another to note the outcome.
    """
    sent = 0
    for _turn in range(limit):
        message = tenancy.attempt(merchant, partial(_claim, None, now))
        if message is None:
            break
        sent += _deliver(message, now)
    return sent


def send_one(*, merchant_id: int, message_id: int, now: datetime) -> bool:
    """Send one message if it is due and nobody else has it, and say whether it left."""
    message = tenancy.attempt(merchant_id, partial(_claim, message_id, now))
    return message is not None and _deliver(message, now)


def merchants_due(now: datetime) -> list[int]:
    """Return the ids of merchants with a message to send."""
    return due.merchants_with(OutgoingMessage, state="due", due_at__lte=now)


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Remove what left, or was given up, more than 30 days ago; returns how many."""
    old = OutgoingMessage.objects.filter(merchant=merchant, created_at__lt=now - timedelta(days=DAYS_KEPT))
    return old.exclude(state=OutgoingMessage.State.DUE).delete()[0]


def forget(*, merchant: Merchant, recipients: Iterable[str]) -> int:
    """Remove every message to these contacts, sent or not: they belonged to a member now erased."""
    return OutgoingMessage.objects.filter(merchant=merchant, recipient__in=list(recipients)).delete()[0]


def _send_at_once(merchant_id: int, message_id: int) -> None:
    how = settings.MESSAGES_AT_ONCE
    send = partial(send_one, merchant_id=merchant_id, message_id=message_id, now=timezone.now())
    if how == "inline":
        send()
    elif how == "thread":
        _senders.submit(_on_thread, send)


def _on_thread(send: Callable[[], object]) -> None:
    try:
        send()
    except Exception as error:  # the worker finds the row again; a thread has nobody to tell
        _log.warning("message_not_sent_at_once", extra={"kind_of_error": type(error).__name__})
    finally:
        connections.close_all()


def _claim(message_id: int | None, now: datetime) -> OutgoingMessage | None:
    waiting = OutgoingMessage.objects.select_for_update(skip_locked=True).filter(
        state=OutgoingMessage.State.DUE, due_at__lte=now
    )
    if message_id is not None:
        waiting = waiting.filter(pk=message_id)
    message = waiting.order_by("due_at", "pk").first()
    if message is None:
        return None
    message.due_at = now + _CLAIM
    message.attempts += 1
    message.save(update_fields=["due_at", "attempts"])
    return message


def _deliver(message: OutgoingMessage, now: datetime) -> bool:
    if now >= message.worthless_at:
        return _note(message, now, state="given_up", failure="too late")
    try:
        _hand_over(message)
    except Exception as error:  # whatever a mail server or a gateway can think of
        kind = type(error).__name__[:60]
        if message.attempts >= ATTEMPTS_MAX:
            return _note(message, now, state="given_up", failure=kind)
        return _note(message, now, state="due", failure=kind)
    return _note(message, now, state="sent", failure="")


def send_test(to: Contact, *, text: str, subject: str) -> str:
    """Send one message now and return the sentence that says why it could not leave, empty when it left."""
    channel = "email" if to.kind == "email" else "sms"
    try:
        _hand_over(OutgoingMessage(kind="test", channel=channel, recipient=to.value, subject=subject, text=text))
    except Exception as error:  # whatever a mail server or a gateway can think of
        return sending_health.why(error)
    return ""


def _hand_over(message: OutgoingMessage) -> None:
    """Give a message to the mail server or gateway, and note whether it takes messages."""
    try:
        _send(message)
    except Exception as error:
        sending_health.note_failure(message.channel, error, now=timezone.now())
        raise
    sending_health.note_sent(message.channel, now=timezone.now())


def _send(message: OutgoingMessage) -> None:
    if message.channel == OutgoingMessage.Channel.SMS:
        gateway = sms.gateway()
        if gateway is None:
            raise sms.NoGateway
        gateway.send(
            sms.TextMessage(
                id=message.public_id,
                kind=message.kind,
                merchant=_merchant_of(message),
                language=message.language,
                to=message.recipient,
                text=message.text,
            )
        )
        return
    mail = EmailMultiAlternatives(message.subject, message.text, to=[message.recipient])
    if message.merchant_id is not None:
        merchant = directory.get(message.merchant_id)
        # The address is the installation's, for whose host mail is signed; the name people read is their shop's.
        mail.from_email = formataddr((merchant.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
        mail.reply_to = [merchant.reply_to] if merchant.reply_to else []
    # Machines answer nobody: no out-of-office notes for a code.
    mail.extra_headers["Auto-Submitted"] = "auto-generated"
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    mail.send()


def _merchant_of(message: OutgoingMessage) -> str | None:
    return None if message.merchant_id is None else directory.get(message.merchant_id).public_id


def _note(message: OutgoingMessage, now: datetime, *, state: str, failure: str) -> bool:
    def write() -> None:
        change: dict[str, object] = {"state": state, "failure": failure}
        if state == "due":
            change["due_at"] = now + _BACK_OFF[min(message.attempts, len(_BACK_OFF)) - 1]
        else:
            change |= {"subject": "", "text": "", "html": ""}
        if state == "sent":
            change["sent_at"] = now
        OutgoingMessage.objects.filter(pk=message.pk).update(**change)

    tenancy.attempt(message.merchant_id, write)
    return state == "sent"
