"""The operator's pages of the back office: is everything well, and merchants opened, closed and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages as notes
from django.db import DatabaseError, InterfaceError, connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.operations import health
from loyalty.worker.schedule import SCHEDULE, TROUBLES, WAITING
from merchants import backups, contacts, directory, money, opening, ticks
from merchants.actors import Actor
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from rewards import verify

REASON_MAX = 200


class OpenForm(forms.Form):
    """What `manage.py open_merchant` asks for."""

    name = forms.CharField(label=gettext_lazy("Name of the shop"), max_length=80)
    owner = forms.EmailField(
        label=gettext_lazy("E-mail of the owner"), help_text=gettext_lazy("Signs in first, and invites the others.")
    )
    country = forms.ChoiceField(label=gettext_lazy("Country"), initial="KR")
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), initial="KRW", help_text=gettext_lazy("It cannot be changed later.")
    )
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), initial="Asia/Seoul")
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    slug = forms.SlugField(
        label=gettext_lazy("Address"), required=False,
        help_text=gettext_lazy("Its part of the addresses. Left empty, it is made of the name."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("country", contacts.COUNTRIES), ("currency", money.currencies()), ("zone", available_timezones())
        ):  # fmt: skip
            self.fields[name].choices = [(each, each) for each in sorted(choices)]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class TickLine:
    """One thing the worker does by the clock: when it last went well, and whether it is late or fails."""

    name: str
    finished_at: datetime | None
    failure: str
    is_late: bool
    is_failing: bool


def show_health(request: HttpRequest, around: dict[str, Any]) -> HttpResponse:
    """Show what `/readyz` and `/metrics` know: checks, what the clock does, what waits and what was given up."""
    now = timezone.now()
    page = {
        "title": _("Health"), "findings": health.findings(now=now), "ticks": list(_ticks(now)),
        "waiting": _counted(WAITING), "troubles": _counted(TROUBLES), "now": now, "frozen": _with_frozen_accounts(),
        "sent": [report for report in ticks.report() if report.name.startswith("send.")],
    }  # fmt: skip
    return render(request, "admin/health.html", {**around, **page})


def show_backups(request: HttpRequest, around: dict[str, Any]) -> HttpResponse:
    """Show which backups were noted, how old the last one is, and how one is made."""
    now, rows = timezone.now(), backups.listed()
    page = {
        "title": _("Backups"), "rows": rows, "newest": rows[0] if rows else None, "is_late": backups.is_late(now=now),
        "last_restored": backups.last_restored(), "hours_max": backups.HOURS_MAX, "now": now,
    }  # fmt: skip
    return render(request, "admin/backups.html", {**around, **page})


def _with_frozen_accounts() -> list[Merchant]:
    """Return the merchants that have a frozen account; none while the database is away."""
    try:
        ids = set(verify.merchants_with_frozen())
    except (DatabaseError, InterfaceError):
        connections["system"].close()
        return []
    return [merchant for merchant in directory.every() if merchant.pk in ids] if ids else []


def _ticks(now: datetime) -> Iterator[TickLine]:
    reports = {report.name: report for report in ticks.report()}
    for line in SCHEDULE:
        report = reports.pop(line.task, None)
        is_late = line.is_late(report.age_seconds(now) if report else None)
        failing = report is not None and report.is_failing
        yield TickLine(
            line.task, report.finished_at if report else None, report.failure if report and failing else "", is_late, failing
        )  # fmt: skip
    for report in reports.values():
        if report.is_failing:
            yield TickLine(report.name, report.finished_at, report.failure, False, True)


def _counted(kinds: Any) -> list[tuple[str, int, datetime | None]]:
    """Return each kind with how many there are, and since when the oldest; nothing while the database is away."""
    found: list[tuple[str, int, datetime | None]] = []
    system = connections["system"]
    try:
        with system.cursor() as cursor:
            for kind in kinds:
                cursor.execute(kind.query)
                count, *since = cursor.fetchone()
                found.append((kind.name, int(count), since[0] if since else None))
    except (DatabaseError, InterfaceError):
        system.close()
    return found


def open_merchant(request: HttpRequest, around: dict[str, Any]) -> HttpResponse:
    """Open a merchant with a first owner, as the command does."""
    form = OpenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        merchant = _opened(request, form)
        if merchant is not None:
            console = request.build_absolute_uri(reverse("console:start", kwargs={"merchant_slug": merchant.slug}))
            said = _("%(name)s is open. %(owner)s signs in at %(address)s by a code sent to that address.")
            values = {"name": merchant.name, "owner": form.cleaned_data["owner"], "address": console}
            notes.success(request, said % values)
            return redirect("admin:merchants_merchant_changelist")
    page = {**around, "title": _("Open a merchant"), "form": form}
    return render(request, "admin/open_merchant.html", page, status=422 if form.is_bound else 200)


def _opened(request: HttpRequest, form: OpenForm) -> Merchant | None:
    read = form.cleaned_data
    try:
        return opening.open_merchant(
            name=read["name"], slug=read["slug"] or opening.free_slug(read["name"]),
            owner=contacts.read_email(read["owner"]), currency=read["currency"], zone=read["zone"],
            country=read["country"], language=read["language"], now=timezone.now(), actor=operator_of(request),
        )  # fmt: skip
    except LoyaltyError as refusal:
        field = (refusal.pointer or "").strip("/")
        form.add_error(field if field in form.fields else None, refusal.detail)
    return None


def turn(request: HttpRequest, merchant: Merchant) -> None:
    """Close a merchant, or open it again, as `act` says, and say what that did."""
    reason = request.POST.get("reason", "").strip()[:REASON_MAX]
    asked: dict[str, Any] = {
        "merchant": merchant, "reason": reason, "now": timezone.now(), "actor": operator_of(request)
    }  # fmt: skip
    if not reason:
        notes.error(request, _("Say why: it stands in the shop's audit log."))
    elif request.POST.get("act") == "close":
        opening.close(**asked)
        notes.success(request, _("%(name)s is closed: its keys are refused, and nobody signs in.") % {"name": merchant})
    else:
        opening.reopen(**asked)
        notes.success(request, _("%(name)s is open again.") % {"name": merchant})


def operator_of(request: HttpRequest) -> Actor:
    """Return who acts in the audit log: the operator, by the number of their account."""
    return Actor("system", f"operator_{request.user.pk}")
