"""Print a link that signs a person in once, for the day on which no mail leaves."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from loyalty.accounts import sign_in_links
from merchants import contacts, users
from merchants.errors import LoyaltyError


class Command(BaseCommand):
    help = "Print a link that signs a person in once, within 10 minutes. Their second factor is still asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address they sign in with")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        try:
            user = users.find(contacts.read_email(email))
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None
        if user is None or not user.is_active:
            raise CommandError("Nobody signs in with this address.")
        address = reverse("sign_in_link", args=[sign_in_links.make(user)])
        self.stdout.write(f"{settings.PUBLIC_URL}{address}")
        self.stderr.write(f"Good once, for {sign_in_links.MINUTES_VALID} minutes. Hand it to this person only.")
