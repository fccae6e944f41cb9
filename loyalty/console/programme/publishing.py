"""Review and publish: what differs in words, what it means for usual sales, and the way back by older versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import structs

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.hands import Hands
from loyalty.console.programme.differences import PLACE, changes, facts
from loyalty.console.programme.fields import worn
from loyalty.console.programme.overview import newest_of, speaker_of, tabs
from loyalty.console.programme.shapes import Desk, desk_of
from loyalty.console.programme.trying import usual_amounts
from loyalty.console.programme.wording import Speaker
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import periods
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import earning, programmes, terms
from rewards.earning import Basket, Facts, Line
from rewards.programmes import InvalidProgramme
from rewards.terms import Terms

_VERSIONS_ON_A_PAGE = 20


class PublishForm(forms.Form):
    """When it takes effect, and a note for the list of versions."""

    start = worn(
        forms.ChoiceField(
            label=gettext_lazy("Takes effect"), widget=forms.RadioSelect, initial="now",
            choices=[("now", gettext_lazy("at once")), ("later", gettext_lazy("from a moment on"))],
        ),
        look="segments",
    )  # fmt: skip
    effective_from = forms.DateTimeField(
        label=gettext_lazy("From"), required=False, input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Only if it shall not take effect at once. The clock is the merchant's."),
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=500, required=False,
        help_text=gettext_lazy("Why, for whoever reads the list of versions."),
    )  # fmt: skip
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("start") == "later" and not read.get("effective_from") and "effective_from" not in self.errors:
            self.add_error("effective_from", _("Say from when."))
        return read


@dataclass(frozen=True, slots=True)
class Sale:
    """A worked example: what it earns by the programme in force (None: nothing is), and by the draft."""

    name: str
    before: int | None
    after: int
    expected: int | None = None

    @property
    def is_kept(self) -> bool:
        return self.expected is None or self.expected == self.after

    @property
    def difference(self) -> int | None:
        return None if self.before is None else self.after - self.before


@require_http_methods(["GET", "POST"])
@seat_required(Permission.PUBLISH_PROGRAMME)
def review(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show all that publishing would change; a POST publishes what was shown, or takes over what the examples earn."""
    desk = desk_of(request)
    if request.POST.get("act") == "promise":
        return _promise_anew(request, desk)
    initial = {"revision": desk.draft.revision, "start": "now"}
    form = PublishForm(request.POST if request.method == "POST" else None, initial=initial)
    form.use_required_attribute = False
    if request.method == "POST" and form.is_valid():
        done = _publish(request, desk, form)
        if done is not None:
            return done
    newest = newest_of(desk.merchant)
    speaker = Speaker(desk.terms, desk.language, desk.places)
    before = speaker_of(desk, newest)
    today = periods.local_day(now_of(request), desk.merchant.tzinfo)
    checked = programmes.check(merchant=desk.merchant, document=desk.document, today=today)
    sales = _sales(request, desk, before.terms if before else None)
    page = {
        "desk": desk,
        "newest": newest,
        "number": (newest.number if newest else 0) + 1,
        "changes": changes(before, speaker) if desk.draft.differs else [],
        "advice": checked.advice,
        "sales": sales,
        "broken": [sale for sale in sales if not sale.is_kept],
        "form": form,
    }
    return screens.show(request, "console/programme/review.html", page, status=422 if form.is_bound else 200)


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def versions(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what was published, newest first."""
    desk = desk_of(request)
    before = screens.read_cursor(request, int)
    rows = programmes.published(merchant=desk.merchant, before=before, limit=_VERSIONS_ON_A_PAGE + 1)
    shown, following = screens.cut(rows, lambda row: row.number, _VERSIONS_ON_A_PAGE)
    page = {
        "desk": desk,
        "tabs": tabs(request, "programme_versions"),
        "rows": shown,
        "hands": Hands(desk.merchant),
        "cursor": following,
        "in_force": screens.version_of(request),
    }
    return screens.show(request, "console/programme/versions.html", page)


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def version(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one version in words (`?number=`, else the newest), and how the draft or the next one differs."""
    desk = desk_of(request)
    number, other = _number(request.GET, "number"), _number(request.GET, "with")
    rows = programmes.published(merchant=desk.merchant, before=number + 1 if number else None, limit=2)
    shown = next(iter(rows), None)
    if shown is None or (number and shown.number != number):
        notes.error(request, _("There is no such version."))
        return screens.to(request, "programme_versions")
    speaker = Speaker(terms.parse(shown.document), desk.language, desk.places)
    earlier = rows[1] if len(rows) > 1 else None
    if other and other != shown.number:
        earlier = next(iter(programmes.published(merchant=desk.merchant, before=other + 1, limit=1)), None)
    newest = newest_of(desk.merchant)
    page = {
        "desk": desk,
        "shown": shown,
        "who": Hands(desk.merchant)[shown.published_by],
        "earlier": earlier,
        "others": [row for row in programmes.published(merchant=desk.merchant) if row.number != shown.number],
        "facts": [fact for fact in facts(speaker) if not fact.key.startswith(PLACE)],
        "changes": changes(speaker_of(desk, earlier), speaker) if earlier else [],
        "in_force": screens.version_of(request),
        "is_newest": newest is not None and newest.number == shown.number,
    }
    return screens.show(request, "console/programme/version.html", page)


@require_POST
@seat_required(Permission.PUBLISH_PROGRAMME)
def roll_back(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Publish an earlier version again, from now on."""
    number = _number(request.POST, "number") or 0
    try:
        with transaction.atomic():
            back = programmes.roll_back(
                merchant=merchant_of(request), number=number, now=now_of(request), actor=actor_of(request),
                note=request.POST.get("note", "")[:500],
            )  # fmt: skip
    except InvalidProgramme as refusal:
        notes.error(request, " ".join([refusal.detail, *(fault.detail for fault in refusal.faults)]))
        return screens.to(request, "programme_versions")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme_versions")
    said = _("Version %(old)d is in force again, as version %(new)d.") % {"old": number, "new": back.number}
    return screens.to(request, "programme_versions", said=said)


def _number(typed: Mapping[str, Any], name: str) -> int | None:
    text = str(typed.get(name, ""))
    return int(text) if text.isdecimal() and len(text) < 9 else None


def _publish(request: HttpRequest, desk: Desk, form: PublishForm) -> HttpResponse | None:
    read = form.cleaned_data
    if read["revision"] != desk.draft.revision:
        form.add_error(None, _("%(who)s changed the draft meanwhile. Please read what differs once more, then publish.")
                       % {"who": Hands(desk.merchant)[desk.draft.updated_by] or _("Somebody")})  # fmt: skip
        typed = request.POST.copy()
        typed["revision"] = str(desk.draft.revision)
        form.data = typed
        return None
    starts = read["effective_from"] if read["start"] == "later" else None
    try:
        with transaction.atomic():
            made = programmes.publish(
                merchant=desk.merchant, now=now_of(request), actor=actor_of(request), effective_from=starts,
                note=read["note"],
            )  # fmt: skip
    except InvalidProgramme as refusal:
        for fault in refusal.faults:
            form.add_error(None, fault.detail)
        return None
    except LoyaltyError as refusal:
        name = (refusal.pointer or "").lstrip("/")
        form.add_error(name if name in form.fields else None, refusal.detail)
        return None
    if made.effective_from > now_of(request) + timedelta(seconds=1):
        when = formats.moment(made.effective_from)
        return screens.to(request, "programme_versions", said=_("Version %(number)d takes effect on %(when)s.") % {
            "number": made.number, "when": when,
        })  # fmt: skip
    return screens.to(
        request, "programme_versions", said=_("Version %(number)d is in force now.") % {"number": made.number}
    )


def _promise_anew(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Let each worked example promise what it earns by the draft's rules: who edits by forms sees no other way on."""
    earned = {outcome.place: outcome.points for outcome in earning.check_examples(desk.terms)}
    examples = [
        {**example, "points": earned.get(place, example["points"])}
        for place, example in enumerate(desk.document.get("examples", ()))
    ]
    seen = _number(request.POST, "revision")
    try:
        with transaction.atomic():
            programmes.save_draft(
                merchant=desk.merchant, document={**desk.document, "examples": examples},
                revision=-1 if seen is None else seen, now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme_review")
    return screens.to(request, "programme_review", said=_("The examples promise what they earn by the new rules."))


def _sales(request: HttpRequest, desk: Desk, before: Terms | None) -> list[Sale]:
    """Usual sales on each tier, by what is in force and by the draft; then the examples the document carries."""
    found = []
    tiers: list[tuple[str | None, str]] = [*desk.tiers] or [(None, "")]
    at = timezone.localtime(now_of(request)).replace(hour=15, minute=0, second=0, microsecond=0)
    for code, name in (tiers[0], tiers[-1]) if len(tiers) > 1 else tiers:
        for minor in usual_amounts(desk.terms):
            basket = Basket(occurred_at=at, currency=desk.currency, total_minor=minor)
            amount = formats.money(minor, desk.currency, desk.merchant.display_digits)
            label = f"{amount} · {name}" if name else amount
            found.append(Sale(label, _points(before, basket, code, desk), _points(desk.terms, basket, code, desk) or 0))
    today = _examples_today(before, desk.terms)
    for outcome in earning.check_examples(desk.terms):
        name = desk.said(outcome.example.name)
        found.append(Sale(name, today.get(outcome.place), outcome.points, outcome.expected))
    return found


def _examples_today(before: Terms | None, draft: Terms) -> dict[int, int]:
    """What is in force gives for the draft's examples, by their place; those on a tier it does not know are left out."""
    if before is None:
        return {}
    known = {None, *(level.code for level in before.tiers.levels)} if before.tiers else {None}
    played = earning.check_examples(structs.replace(before, examples=draft.examples))
    return {outcome.place: outcome.points for outcome in played if outcome.example.tier in known}


def _points(promised: Terms | None, basket: Basket, tier: str | None, desk: Desk) -> int | None:
    if promised is None:
        return None
    known = {level.code for level in promised.tiers.levels} if promised.tiers else set()
    facts = Facts(tier=tier if tier in known else None, ordinal=2)
    line = Line(id="1", amount_minor=basket.total_minor)
    whole = Basket(
        occurred_at=basket.occurred_at, currency=basket.currency, total_minor=basket.total_minor, lines=(line,)
    )
    return earning.evaluate(promised, whole, facts, zone=desk.merchant.tzinfo).points
