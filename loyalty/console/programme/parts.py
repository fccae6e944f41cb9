"""The pages for the other parts of the programme: points, tiers, joining and friends, paying with points, and what comes next.

Which fields a page has, and what it is called, the terms say (`rewards.terms.editing.document.PAGES`).
"""

from __future__ import annotations

import copy
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.programme import editing
from loyalty.console.programme.forms.part import DocumentForm, phrases_of, shown_of
from loyalty.console.programme.shapes import edited_draft
from merchants.permissions import Permission
from rewards.programmes import DraftMoved, InvalidProgramme
from rewards.terms.editing.document import PAGES


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def part(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the part that `?part=` names; `act=try` answers what is typed in words and saves nothing."""
    shown = PAGES.get(request.GET.get("part", ""), PAGES["points"])
    edited = edited_draft(request, with_goods=True)
    form = DocumentForm(edited, shown, request.POST if request.method == "POST" else None)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "title": shown.title, "note": shown.note,
        "seen": request.POST.get("seen") or editing.seen(shown_of(shown, edited.document)),
    }  # fmt: skip
    if request.method == "POST":
        document = copy.deepcopy(edited.document)
        if form.is_valid():
            form.put(document)
        form.phrases = phrases_of(edited, document) if not form.errors else {}
        if request.POST.get("act") == "try":
            return render(request, "console/programme/_said.html", page)
    else:
        form.phrases = phrases_of(edited)
    if request.method == "POST" and not form.errors:
        try:
            editing.save(request, part=lambda document: shown_of(shown, document), change=form.put)
        except InvalidProgramme as refusal:
            form.take_faults(refusal.faults, "")
        except DraftMoved as refusal:
            page["moved"] = refusal.detail
            page["seen"] = editing.seen(shown_of(shown, edited_draft(request).document))
        else:
            return screens.to(request, "programme", said=_("Saved in the draft."))
    status = 422 if request.method == "POST" else 200
    return screens.show(request, "console/programme/part.html", page, status=status)
