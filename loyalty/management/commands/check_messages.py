"""Send a test message now and say in one sentence what came of it: mail is the only way in for most people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from merchants import contacts, messages
from merchants.errors import LoyaltyError

SUBJECT = "Test message"
TEXT = "This is a test message of your loyalty installation. It leaves as sign-in codes do."


class Command(BaseCommand):
    help = "Send a test message to an address or a telephone number and say why when it cannot leave."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True, metavar="CONTACT", help="an e-mail address, or a phone as +82…")

    def handle(self, *args: Any, to: str, **options: Any) -> None:
        try:
            contact = contacts.read(to, country=settings.COUNTRY)
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None
        if sentence := messages.send_test(contact, subject=SUBJECT, text=TEXT):
            raise CommandError(sentence)
        way = settings.EMAIL_BACKEND.rpartition(".")[0] if contact.kind == "email" else "the gateway for text messages"
        if settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend" and contact.kind == "email":
            way = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        self.stdout.write(f"Accepted by {way} at {timezone.now():%H:%M:%S} UTC. Look whether it arrives.")
