"""What a merchant says about itself: name, colour, language, and the limits its people and tills work within."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from merchants import audit, contacts, texts
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.languages import LANGUAGES
from merchants.models.merchants import Merchant

#: Fields that may be changed, with the least and the most of those that are numbers.
LIMITS: Mapping[str, tuple[int, int]] = {
    "adjustment_points_max": (0, 10**12),
    "counter_stamps_max": (0, 1000),
    "occurred_at_days_back_max": (0, 3650),
    "occurred_at_minutes_ahead_max": (0, 1440),
    "claim_days_max": (0, 365),
    "daily_accruals_alert": (1, 10_000),
    "step_up_points_above": (0, 10**12),
    "till_word_points_max": (0, 10**12),
    "contact_cool_off_hours": (0, 720),
    "outbox_days_kept": (1, 3650),
    "expiry_notice_days": (0, 365),
    "churn_alert_percent": (0, 100),
    "answers_min": (1, 1000),
}

#: Fields that are yes or no.
FLAGS = frozenset({"is_live_code_needed", "may_static_code_spend"})


def update(*, merchant: Merchant, changes: Mapping[str, Any], now: datetime, actor: Actor) -> Merchant:
    """Change what is given (`name`, `brand_colour`, `language`, `reply_to`, FLAGS and LIMITS) and leave the rest.

    Whoever saves the settings has seen what spends points here (`spending_rule_seen_at`).

    Tells the audit record what changed, from what to what. Locks the merchant's row.

    :raises Invalid: a value cannot be meant; nothing changes.
    """
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    wanted = {name: read(name, value) for name, value in changes.items()}
    changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if row.spending_rule_seen_at is None and wanted.keys() & FLAGS:
        row.spending_rule_seen_at = merchant.spending_rule_seen_at = now
        row.save(update_fields=["spending_rule_seen_at"])
    if not changed:
        return row
    before = {name: getattr(row, name) for name in changed}
    for name, value in changed.items():
        setattr(row, name, value)
        setattr(merchant, name, value)
    row.save(update_fields=list(changed))
    audit.record(
        merchant=merchant, action="settings.changed", actor=actor, now=now, subject=merchant.public_id,
        details={name: [before[name], value] for name, value in changed.items()},
    )  # fmt: skip
    return row


def read(name: str, value: Any) -> Any:
    """Return a value as it is kept.

    :raises Invalid: it cannot be meant.
    """
    if name == "name":
        tidy = texts.line(str(value))
        if not 0 < len(tidy) <= 120:
            raise Invalid(_("A name has 1 to 120 characters."), pointer="/name")
        return tidy
    if name == "brand_colour":
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(value)):
            raise Invalid(_("A colour looks like #0b6e4f."), pointer="/brand_colour")
        return str(value).lower()
    if name == "language":
        if value not in dict(LANGUAGES):
            raise Invalid(_("The screens do not speak this language."), pointer="/language")
        return value
    if name == "reply_to":
        return contacts.read_email(str(value)).value if str(value).strip() else ""
    if name in FLAGS:
        if not isinstance(value, bool):
            raise Invalid(_("Yes or no."), pointer=f"/{name}")
        return value
    if name not in LIMITS:
        raise Invalid(_("This cannot be changed."), pointer=f"/{name}")
    least, most = LIMITS[name]
    if not isinstance(value, int) or not least <= value <= most:
        raise Invalid(_("From %(least)d to %(most)d.") % {"least": least, "most": most}, pointer=f"/{name}")
    return value
