"""Which of Django's connections is for what."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    """Let only the `owner` connection change the schema; everything else use the default."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"
