"""Review and publish: what differs in words, what it means for usual sales, and the way back by older versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.programme import review_samples
from loyalty.console.programme.differences import PLACE, changes, facts
from loyalty.console.programme.fields import with_look
from loyalty.console.programme.overview import newest_of, speaker_of, tabs
from loyalty.console.programme.shapes import EditedDraft, edited_draft
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import periods
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import earning, programmes, terms
from rewards.programmes import InvalidProgramme
from rewards.terms import TermsWording

_VERSIONS_ON_A_PAGE = 20


class PublishForm(forms.Form):
    """When it takes effect, and a note for the list of versions."""

    start = with_look(
        forms.ChoiceField(
            label=gettext_lazy("Takes effect"), widget=forms.RadioSelect, initial="now",
            choices=[("now", gettext_lazy("at once")), ("later", gettext_lazy("from a moment on"))],
        ),
        look="segments",
    )  # fmt: skip
    effective_from = forms.DateTimeField(
        label=gettext_lazy("From"), required=False, input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Your shop's time zone."),
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


@require_http_methods(["GET", "POST"])
@seat_required(Permission.PUBLISH_PROGRAMME)
def review(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show all that publishing would change; a POST publishes what was shown, or takes over what the examples earn."""
    edited = edited_draft(request)
    if request.POST.get("act") == "promise":
        return _promise_anew(request, edited)
    initial = {"revision": edited.draft.revision, "start": "now"}
    form = PublishForm(request.POST if request.method == "POST" else None, initial=initial)
    form.use_required_attribute = False
    if request.method == "POST" and form.is_valid():
        done = _publish(request, edited, form)
        if done is not None:
            return done
    newest = newest_of(edited.merchant)
    speaker = TermsWording(edited.terms, edited.language, for_staff=True, places=edited.places)
    before = speaker_of(edited, newest)
    today = periods.local_day(now_of(request), edited.merchant.tzinfo)
    checked = programmes.check(merchant=edited.merchant, document=edited.document, today=today)
    sales = review_samples.sales(edited, before.terms if before else None, now_of(request))
    page = {
        "edited": edited,
        "newest": newest,
        "number": (newest.number if newest else 0) + 1,
        "changes": changes(before, speaker) if edited.draft.differs else [],
        "advice": checked.advice,
        "sales": sales,
        "differing": [sale for sale in sales if not sale.is_same],
        "same": [sale for sale in sales if sale.is_same],
        "broken": [sale for sale in sales if not sale.is_kept],
        "form": form,
    }
    return screens.show(request, "console/programme/review.html", page, status=422 if form.is_bound else 200)


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def versions(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what was published, newest first."""
    edited = edited_draft(request)
    before = screens.read_cursor(request, int)
    rows = programmes.published(merchant=edited.merchant, before=before, limit=_VERSIONS_ON_A_PAGE + 1)
    shown, following = screens.cut(rows, lambda row: row.number, _VERSIONS_ON_A_PAGE)
    page = {
        "edited": edited,
        "tabs": tabs(request, "programme_versions"),
        "rows": shown,
        "actor_names": ActorNames(edited.merchant),
        "cursor": following,
        "in_force": screens.version_of(request),
    }
    return screens.show(request, "console/programme/versions.html", page)


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def version(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show one version in words (`?number=`, else the newest), and how the draft or the next one differs."""
    edited = edited_draft(request)
    number, other = _number(request.GET, "number"), _number(request.GET, "with")
    rows = programmes.published(merchant=edited.merchant, before=number + 1 if number else None, limit=2)
    shown = next(iter(rows), None)
    if shown is None or (number and shown.number != number):
        notes.error(request, _("There is no such version."))
        return screens.to(request, "programme_versions")
    speaker = TermsWording(terms.parse(shown.document), edited.language, for_staff=True, places=edited.places)
    earlier = rows[1] if len(rows) > 1 else None
    if other and other != shown.number:
        earlier = next(iter(programmes.published(merchant=edited.merchant, before=other + 1, limit=1)), None)
    newest = newest_of(edited.merchant)
    page = {
        "edited": edited,
        "shown": shown,
        "who": ActorNames(edited.merchant)[shown.published_by],
        "earlier": earlier,
        "others": [row for row in programmes.published(merchant=edited.merchant) if row.number != shown.number],
        "facts": [fact for fact in facts(speaker) if not fact.key.startswith(PLACE)],
        "changes": changes(speaker_of(edited, earlier), speaker) if earlier else [],
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


def _publish(request: HttpRequest, edited: EditedDraft, form: PublishForm) -> HttpResponse | None:
    read = form.cleaned_data
    if read["revision"] != edited.draft.revision:
        form.add_error(None, _("%(who)s changed the draft meanwhile. Please read what differs once more, then publish.")
                       % {"who": ActorNames(edited.merchant)[edited.draft.updated_by] or _("Somebody")})  # fmt: skip
        typed = request.POST.copy()
        typed["revision"] = str(edited.draft.revision)
        form.data = typed
        return None
    starts = read["effective_from"] if read["start"] == "later" else None
    try:
        with transaction.atomic():
            made = programmes.publish(
                merchant=edited.merchant, now=now_of(request), actor=actor_of(request), effective_from=starts,
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
    if made.number == 1:
        # The first time, the dashboard says what comes next.
        return screens.to(request, "dashboard", said=_("Your programme is live. Members earn points from now on."))
    return screens.to(
        request, "programme_versions", said=_("Version %(number)d is in force now.") % {"number": made.number}
    )


def _promise_anew(request: HttpRequest, edited: EditedDraft) -> HttpResponse:
    """Let each worked example promise what it earns by the draft's rules: who edits by forms sees no other way on."""
    examples = [
        {
            **example,
            "points": outcome.points,
            "expect": {name: outcome.evaluation.outcomes.get(name, 0) for name in outcome.example.expect},
        }
        for example, outcome in zip(edited.document["examples"], earning.check_examples(edited.terms), strict=True)
    ]
    seen = _number(request.POST, "revision")
    try:
        with transaction.atomic():
            programmes.save_draft(
                merchant=edited.merchant, document={**edited.document, "examples": examples},
                revision=-1 if seen is None else seen, now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme_review")
    return screens.to(request, "programme_review", said=_("The examples promise what they earn by the new rules."))
