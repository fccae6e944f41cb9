"""What falls due in this app by the clock."""

from __future__ import annotations

from typing import Final

from engagement import erasure
from merchants import due
from merchants.due import DueWork

DUE_WORK: Final = (
    DueWork(name="leaving", seconds=15 * 60, merchants=lambda now: due.open_merchants(), turn=erasure.leave_due),
)
