"""Notes to the team: written here by owners and managers, read by everybody before work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import access, bell, screens
from loyalty.console.access import actor_of, now_of, seat_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.programme.differences import changes
from loyalty.tenant import merchant_of
from merchants import briefings as kept
from merchants import locations, periods
from merchants.briefings import BriefingReceipts, BriefingView
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from merchants.permissions import Permission, Role
from rewards import programmes, terms
from rewards.terms import TermsWording

#: So long after a version took effect telling the team of it is offered.
_OFFERED: Final = timedelta(days=14)
_CHANGES_MAX: Final = 12


class BriefingForm(forms.Form):
    """One text a language, for whom, and from when until when."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("For"), choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: for everybody on the team."),
    )  # fmt: skip
    places = forms.MultipleChoiceField(
        label=gettext_lazy("At the counters of"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: at all of them. Elsewhere everybody it is for reads it."),
    )  # fmt: skip
    first = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: from now on."),
    )  # fmt: skip
    last = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The last day. Empty: until you end it."),
    )  # fmt: skip
    version = forms.IntegerField(min_value=1, max_value=10**6, required=False, widget=forms.HiddenInput)

    def __init__(self, merchant: Merchant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        places: Any = self.fields["places"]
        places.choices = [(place.public_id, place.name) for place in locations.open_now(merchant)]
        if len(places.choices) < 2:
            del self.fields["places"]
        for code, name in sorted(LANGUAGES, key=lambda each: each[0] != merchant.language):
            self.fields[f"text_{code}"] = forms.CharField(
                label=name, required=False, max_length=kept.TEXT_MAX,
                widget=forms.Textarea(attrs={"rows": 6, "lang": code}),
            )  # fmt: skip

    @property
    def texts(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("text_")]


@require_http_methods(["GET", "POST"])
@seat_required(Permission.BRIEF_STAFF)
def briefings(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the notes with who has read them, and write one; `?version=` begins it with what that version changed."""
    merchant = merchant_of(request)
    number = request.GET.get("version", "")
    initial = _of_version(merchant, int(number)) if number.isdecimal() and len(number) < 7 else {}
    form = BriefingForm(merchant, request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid() and _written(request, form):
        return screens.to(request, "briefings", said=_("The team reads it before work."))
    names, untold = ActorNames(merchant), None if initial else untold_version(request)
    page = {
        "form": form, "untold": untold, "tell_url": f"{screens.url(request, 'briefings')}?version={untold}#write", "version": initial.get("version"), "is_open": form.is_bound or bool(initial),
        "rows": [_row(request, each, names) for each in kept.listed(merchant=merchant)],
    }  # fmt: skip
    return screens.show(request, "console/people/briefings.html", page, status=422 if form.is_bound else 200)


def _written(request: HttpRequest, form: BriefingForm) -> bool:
    """Write what was typed; False where it was refused, and the form says why."""
    merchant, read = merchant_of(request), form.cleaned_data
    first, last = read["first"], read["last"]
    starts_at = periods.start_of_day(first, merchant.tzinfo) if first else now_of(request)
    try:
        with transaction.atomic():
            kept.write(
                merchant=merchant, texts_by_language={code: read[f"text_{code}"] for code, _name in LANGUAGES},
                roles=read["roles"], places=read.get("places", []), starts_at=starts_at,
                ends_at=periods.start_of_day(last + timedelta(days=1), merchant.tzinfo) if last else None,
                version_number=read["version"], now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        name = (refusal.pointer or "").strip("/").replace("texts/", "text_").replace("ends_at", "last")
        form.add_error(name if name in form.fields else None, refusal.detail)
        return False
    return True


def untold_version(request: HttpRequest) -> int | None:
    """Return the number of the newest version, if it is young and no note has told the team of it."""
    merchant = merchant_of(request)
    newest = next(iter(programmes.published(merchant=merchant, limit=1)), None)
    if newest is None or newest.number == 1 or newest.effective_from < now_of(request) - _OFFERED:
        return None
    return None if kept.told_of_version(merchant=merchant, number=newest.number) else newest.number


def _of_version(merchant: Merchant, number: int) -> dict[str, Any]:
    """Return what a form begins with: what this version changed, in each language."""
    rows = programmes.published(merchant=merchant, before=number + 1, limit=2)
    if len(rows) < 2 or rows[0].number != number:
        return {}
    places = {place.public_id: place.name for place in locations.of(merchant)}
    found: dict[str, Any] = {"version": number}
    if rows[0].effective_from > rows[0].published_at:
        found["first"] = periods.local_day(rows[0].effective_from, merchant.tzinfo)
    for code, _name in LANGUAGES:
        with override(code):
            after, before = (
                TermsWording(terms.parse(row.document), code, for_staff=True, places=places) for row in rows
            )
            found[f"text_{code}"] = "\n".join(
                _sentence(change.label, change.before, change.after) for change in changes(before, after)[:_CHANGES_MAX]
            )[: kept.TEXT_MAX]
    return found


def _sentence(label: str, before: str, after: str) -> str:
    if before and after:
        return _("%(label)s: %(after)s (before: %(before)s)") % {"label": label, "before": before, "after": after}
    if after:
        return _("New – %(label)s: %(after)s") % {"label": label, "after": after}
    return _("No longer – %(label)s: %(before)s") % {"label": label, "before": before}


def _row(request: HttpRequest, each: BriefingReceipts, names: ActorNames) -> dict[str, Any]:
    view, now = each.briefing, now_of(request)
    is_over = view.ends_at is not None and view.ends_at <= now
    return {
        **_shown(request, view, names), "receipts": each, "is_over": is_over, "is_later": view.starts_at > now,
        # An end is the first moment after it.
        "last": view.ends_at - timedelta(seconds=1) if view.ends_at and not is_over else None,
        "roles": [str(Role(role).label) for role in view.roles], "languages": sorted(view.texts),
    }  # fmt: skip


def _shown(request: HttpRequest, view: BriefingView, names: ActorNames) -> dict[str, Any]:
    text, language = view.text((get_language() or "en").lower(), merchant_of(request).language)
    return {"view": view, "text": text, "language": language, "who": names[view.written_by]}


@require_POST
@seat_required(Permission.BRIEF_STAFF)
def end(request: HttpRequest, merchant_slug: str, briefing_id: str) -> HttpResponse:
    """End a note: nobody is shown it any more."""
    try:
        with transaction.atomic():
            kept.end(
                merchant=merchant_of(request), briefing_id=briefing_id, now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError:
        raise Http404 from None
    return screens.to(request, "briefings", said=_("Ended: nobody is shown this note any more."))


def unread_by(request: HttpRequest) -> list[BriefingView]:
    """List what the person of this page should read before work."""
    device = access.device_of(request)
    place = device.location.public_id if device is not None and device.location is not None else None
    return kept.unread(merchant=merchant_of(request), seat=seat_of(request), place=place, now=now_of(request))


@require_http_methods(["GET", "POST"])
@seat_required(None)
def briefing(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show what one has not read yet; a POST says that one of it is read, and goes on to work after the last."""
    merchant = merchant_of(request)
    if request.method == "POST":
        try:
            kept.read(
                merchant=merchant, briefing_id=request.POST.get("briefing", ""), seat=seat_of(request),
                now=now_of(request),
            )  # fmt: skip
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
        bell.forget(seat_of(request))
        left = unread_by(request)
        return redirect("console:briefing" if left else "console:start", merchant_slug=merchant_slug)
    names = ActorNames(merchant)
    page = {"rows": [_shown(request, view, names) for view in unread_by(request)]}
    return screens.show(request, "console/people/briefing.html", page)
