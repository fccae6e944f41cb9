"""`manage.py reseal`: after SECRET_KEY was changed, seal anew what the older key sealed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from loyalty.accounts import second_factor
from merchants import directory, sealing, tenancy
from merchants.webhooks import endpoints


class Command(BaseCommand):
    help = "Seal webhook secrets and authenticators with the present SECRET_KEY; then its fallbacks can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        webhooks, lost = 0, []
        for merchant in directory.every():
            try:
                with tenancy.tenant(merchant):
                    webhooks += endpoints.reseal(merchant=merchant)
            except sealing.CannotUnseal as error:
                lost.append(f"{merchant.slug}: {error}")
        try:
            with transaction.atomic():
                authenticators = second_factor.reseal()
        except sealing.CannotUnseal as error:
            authenticators = 0
            lost.append(str(error))
        self.stdout.write(f"Sealed anew: webhook endpoints: {webhooks}, authenticators: {authenticators}.")
        if lost:
            raise CommandError(
                "These stay as they are; put the key that sealed them into SECRET_KEY_FALLBACKS:\n" + "\n".join(lost)
            )
