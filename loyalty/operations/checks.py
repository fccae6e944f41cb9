"""What `manage.py check --deploy` says beyond Django's own checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from loyalty.operations.health import database_findings


@register(Tags.security, deploy=True)
def production_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse settings that are only for tests, and roles that are one and the same."""
    found: list[CheckMessage] = []
    if settings.DATABASE_MAY_FORGET:
        found.append(Error("DATABASE_MAY_FORGET is only for tests: unset it.", id="loyalty.E001"))
    users = {alias: settings.DATABASES[alias]["USER"] for alias in ("default", "owner", "system")}
    if len(set(users.values())) != len(users):
        found.append(
            Error(
                "DATABASE_URL, DATABASE_OWNER_URL and DATABASE_SYSTEM_URL must name three roles.",
                hint="app_web serves, app_owner migrates, app_system finds due work.",
                id="loyalty.E002",
            )
        )
    if not settings.PUBLIC_URL.startswith("https://"):
        found.append(checks.Warning("PUBLIC_URL is not an https:// address.", id="loyalty.W001"))
    return found


@register(Tags.database, deploy=True)
def production_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Ask the database itself; only with `--database default`."""
    if "default" not in (databases or ()):
        return []
    return [Error(found.sentence, id=f"loyalty.{found.name}") for found in database_findings() if not found.is_right]
