"""The periods one can ask for: reading their keys, listing those with numbers, and saying why one has none."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
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

_KINDS: Final = ("days_30", "days_90", "days_365", *windows.CALENDAR_KINDS)


class NoSuchPeriod(Invalid):
    code: ClassVar[str] = "no_such_period"


def choices(*, merchant: Merchant, now: datetime) -> tuple[PeriodChoice, ...]:
    """List the periods that have numbers: the last days first, then months, quarters and years."""
    today = periods.local_day(now, merchant.tzinfo)
    held = MetricValue.objects.filter(merchant=merchant, metric=metrics.METRICS[0].key, period_kind__in=_KINDS)
    rows = sorted(
        held.values_list("period_kind", "starts_on", "ends_on", "counted_until"),
        key=lambda r: (_KINDS.index(r[0]), -r[1].toordinal()),
    )
    found = []
    last_rolling: dict[str, date] = {}
    for kind, first, end, until in rows:
        # Of the last days, the window before the last one is kept for comparing only.
        if kind.startswith("days_") and last_rolling.setdefault(kind, first) != first:
            continue
        found.append(choice_of(Window(cast(windows.Kind, kind), first, end, first, until), today))
    return tuple(found)


def parse_period(key: str, *, merchant: Merchant, now: datetime) -> Window:
    """Read a period's key: `last_30`, `last_90`, `last_365`, `2026-10`, `2026-Q3`, `2026`.

    A last-days window is the newest one computed, so that a page shown before the night's run is not empty; of a running
    period, what the last run counted.

    :raises NoSuchPeriod: anything else.
    """
    rows = MetricValue.objects.filter(merchant=merchant)
    if key in ("last_30", "last_90", "last_365"):
        kind = cast(RollingKind, "days_" + key.removeprefix("last_"))
        newest = rows.filter(period_kind=kind).order_by("-ends_on").values("ends_on")[:1]
        return windows.rolling_window(kind, newest[0]["ends_on"] if newest else periods.local_day(now, merchant.tzinfo))
    window = _calendar(key, periods.local_day(now, merchant.tzinfo))
    counted = rows.filter(period_kind=window.kind, starts_on=window.first).order_by("-counted_until")
    until = counted.values_list("counted_until", flat=True).first()
    return window if until is None else replace(window, until=until)


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
