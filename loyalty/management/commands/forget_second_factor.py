"""Whoever lost passkey, app and recovery codes signs in by code again and sets up a new second factor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from loyalty.accounts import second_factor
from merchants import contacts, users
from merchants.errors import LoyaltyError


class Command(BaseCommand):
    help = "Take away a person's second factors and end their sessions. Make sure that it is them who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = users.find(contacts.read_email(options["email"]))
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None
        if user is None:
            raise CommandError("Nobody signs in with this address.")
        with transaction.atomic():
            count = second_factor.forget(user)
        self.stdout.write(f"{count} forgotten. The next sign-in sets up a new one.")
