"""What this app forgets in time."""

from __future__ import annotations

from typing import Final

from members import codes, contact_changes, live_codes
from merchants.due import Turn

PRUNED: Final[tuple[Turn, ...]] = (codes.prune, contact_changes.prune, live_codes.prune)
