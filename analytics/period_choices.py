"""The periods one can ask for: reading their keys, listing those with numbers, and saying why one has none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, cast

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import figures, metrics, windows
from analytics.answers import NoNumbers, PeriodChoice, Reason
from analytics.models import MetricRun, MetricValue
from analytics.windows import CalendarKind, RollingKind, Window
from merchants import periods
from merchants.errors import Invalid
from merchants.models.merchants import Merchant

#: Days of a period of one's own choice.
CUSTOM_DAYS_MAX: Final = 3653
_KINDS: Final = ("days_30", "days_90", "days_365", *windows.CALENDAR_KINDS)


class NoSuchPeriod(Invalid):
    code: ClassVar[str] = "no_such_period"


def choices(*, merchant: Merchant, now: datetime) -> tuple[PeriodChoice, ...]:
    """List the periods that have numbers: the last days first, then months, quarters and years."""
    return offered(held(merchant), today=periods.local_day(now, merchant.tzinfo))


def held(merchant: Merchant) -> list[Window]:
    """Read the windows that have numbers: of each kind the newest first."""
    rows = MetricValue.objects.filter(merchant=merchant, metric=metrics.METRICS[0].key, period_kind__in=_KINDS)
    found = [
        Window(cast(windows.Kind, kind), first, end, first, until)
        for kind, first, end, until in rows.values_list("period_kind", "starts_on", "ends_on", "counted_until")
    ]
    return sorted(found, key=lambda window: (_KINDS.index(window.kind), -window.first.toordinal()))


def offered(windows_held: Sequence[Window], *, today: date) -> tuple[PeriodChoice, ...]:
    """Shape the windows that have numbers as periods to choose from."""
    found = []
    last_rolling: dict[str, date] = {}
    for window in windows_held:
        # Of the last days, the window before the last one is kept for comparing only.
        if window.kind.startswith("days_") and last_rolling.setdefault(window.kind, window.first) != window.first:
            continue
        found.append(choice_of(window, today))
    return tuple(found)


def parse_period(
    key: str, *, merchant: Merchant, now: datetime, windows_held: Sequence[Window] | None = None
) -> Window:
    """Read a period's key: `last_30`, `last_90`, `last_365`, `2026-10`, `2026-Q3`, `2026`, `2026-10-05..2026-11-01`.

    A last-days window is the newest one computed, so that a page shown before the night's run is not empty; of a running
    period, what the last run counted.  Without `windows_held` it is asked what is kept.

    :raises NoSuchPeriod: anything else.
    """
    today = periods.local_day(now, merchant.tzinfo)
    if ".." in key:
        return _custom(key, today)
    rolling = key in ("last_30", "last_90", "last_365")
    window = _calendar(key, today) if not rolling else None
    kept = held(merchant) if windows_held is None else windows_held
    if window is None:
        kind = cast(RollingKind, "days_" + key.removeprefix("last_"))
        return windows.rolling_window(kind, max((each.end for each in kept if each.kind == kind), default=today))
    counted = [each.until for each in kept if (each.kind, each.first) == (window.kind, window.first)]
    return replace(window, until=max(counted)) if counted else window


def _custom(key: str, today: date) -> Window:
    days = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})", key, re.ASCII)
    try:
        first, last = (date.fromisoformat(day) for day in (days.groups() if days else ("", "")))
    except ValueError:
        raise NoSuchPeriod(_("There is no such day."), pointer="/period") from None
    if not date(1900, 1, 1) <= first <= last <= first + timedelta(days=CUSTOM_DAYS_MAX):
        raise NoSuchPeriod(_("The last day comes after the first, ten years at most."), pointer="/period")
    if first >= today:
        raise NoSuchPeriod(_("The numbers end yesterday: choose an earlier first day."), pointer="/period")
    return windows.custom_window(first, last, today=today)


def _calendar(key: str, today: date) -> Window:
    if match := re.fullmatch(r"([0-9]{4})(?:-(?:(0[1-9]|1[0-2])|Q([1-4])))?", key, re.ASCII):
        year = int(match[1])
        if 2 <= year <= 9998:
            kind: CalendarKind = "month" if match[2] else "quarter" if match[3] else "year"
            month = int(match[2]) if match[2] else int(match[3]) * 3 if match[3] else 1
            return windows.calendar_window(kind, date(year, month, 1), today=today)
    raise NoSuchPeriod(
        _("A period is last_30, last_90, last_365, a month (2026-10), a quarter (2026-Q3) or a year (2026)."),
        pointer="/period",
    )


def choice_of(window: Window, today: date) -> PeriodChoice:
    """Shape a window as one that can be chosen."""
    return PeriodChoice(window.label, _label(window), window.first, window.end, window.is_running(today))


def _label(window: Window) -> str:
    if window.kind == "custom":
        first, last = date_format(window.first), date_format(window.end - timedelta(days=1))
        return _("%(first)s – %(last)s") % {"first": first, "last": last}
    if window.kind.startswith("days_"):
        days = int(window.kind.removeprefix("days_"))
        return ngettext("Last %(count)d day", "Last %(count)d days", days) % {"count": days}
    # Months, quarters and years are named by their ISO labels: the same in every language.
    if window.kind.endswith("_part"):
        days = (window.end - window.first).days
        text = ngettext("the first day of %(period)s", "the first %(count)d days of %(period)s", days)
        return text % {"count": days, "period": window.label}
    return window.label


def why_empty(*, merchant: Merchant, window: Window, offered: tuple[PeriodChoice, ...], now: datetime) -> NoNumbers:
    """Say why a period has no numbers, and which periods nearby have some."""
    today = periods.local_day(now, merchant.tzinfo)
    first_day = figures.first_day_of_anything(merchant)
    shape = re.sub(r"[0-9]", "0", window.label)
    alike = [choice for choice in offered if re.sub(r"[0-9]", "0", choice.key) == shape]
    nearest = min(
        alike or offered, key=lambda choice: abs(choice.starts_on.toordinal() - window.first.toordinal()), default=None
    )
    reason: Reason
    if window.first > today:
        reason, detail = "not_begun", _("This period has not begun.")
    elif not MetricRun.objects.filter(merchant=merchant, finished_at__isnull=False).exists():
        reason, detail = "not_computed_yet", _("Numbers are computed every night; the first night is still to come.")
    elif window.first == today:
        reason, detail = (
            "not_begun",
            _("This period began today. Its first numbers come with its first whole day, tonight."),
        )
    elif first_day is None:
        reason, detail = "nothing_yet", _("There is no purchase and no answer yet.")
    elif window.end <= first_day:
        reason = "before_first_day"
        detail = _("As of last night, your first purchase or answer was on %(day)s.") % {"day": date_format(first_day)}
    else:
        reason = "not_computed_yet"
        detail = _("Sales of this period arrived after its numbers were last computed. They are computed tonight.")
    return NoNumbers(reason, detail, first_day, nearest)
