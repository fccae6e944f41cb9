"""A page for each stamp card: add, edit, try, take away."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.programme import editing, trying
from loyalty.console.programme.forms.stamps import StampCardForm
from loyalty.console.programme.shapes import Document, EditedDraft, edited_draft
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards.programmes import DraftMoved, InvalidProgramme


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def card(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the stamp card `?code=`, or add one; `act=try` tries what is typed and saves nothing."""
    edited = edited_draft(request)
    code = request.GET.get("code", "")
    known = _card(edited.document, code)
    if code and known is None:
        notes.error(request, _("This stamp card is not in the draft any more."))
        return screens.to(request, "programme")
    form = StampCardForm(edited, known, request.POST if request.method == "POST" else None)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "known": known, "seen": request.POST.get("seen") or editing.seen(known),
    }  # fmt: skip
    if request.method == "POST":
        is_trial = request.POST.get("act") == "try"
        if form.is_valid():
            if is_trial:
                return _tried(request, edited, form, page)
            saved = _saved(request, edited, form, page)
            if saved is not None:
                return saved
        elif is_trial and getattr(request, "htmx", False):
            page |= trying.simulator(request, edited)
            page |= {"trial": None, "decimals": edited.decimals, "is_incomplete": True}
            return render(request, "console/programme/_trial.html", page)
    document = _with(edited, form) if form.is_bound and not form.errors and form.is_valid() else None
    page |= trying.simulator(request, edited, document, category=_category(known))
    return screens.show(request, "console/programme/stamp_card.html", page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def remove(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a stamp card out of the draft."""
    code = request.POST.get("card", "")

    def change(document: Document) -> None:
        document["stamps"] = [each for each in document["stamps"] if each["code"] != code]
        # A worked example that promises stamps of a card that is gone could never hold.
        for example in document["examples"]:
            kept = {name: number for name, number in example["expect"].items() if not _is_of(name, code)}
            example["expect"] = kept

    edited = edited_draft(request)
    known = _card(edited.document, code)
    if known is None:
        notes.error(request, _("This stamp card is not in the draft any more."))
        return screens.to(request, "programme")
    try:
        editing.save(request, part=lambda document: _card(document, code), change=change, shown=editing.seen(known))
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme")
    return screens.to(
        request, "programme", said=_("The stamp card is out of the draft. Discard the draft to have it back.")
    )


def _saved(request: HttpRequest, edited: EditedDraft, form: StampCardForm, page: dict[str, Any]) -> HttpResponse | None:
    written = form.written()
    code = written["code"]

    def change(document: Document) -> None:
        places = [place for place, each in enumerate(document["stamps"]) if each["code"] == code]
        if places:
            document["stamps"][places[0]] = written
        else:
            document["stamps"].append(written)

    try:
        editing.save(request, part=lambda document: _card(document, code), change=change)
    except InvalidProgramme as refusal:
        codes = [each["code"] for each in edited.document["stamps"]]
        place = codes.index(code) if code in codes else len(codes)
        form.take_faults(refusal.faults, f"/stamps/{place}")
        return None
    except DraftMoved as refusal:
        page["moved"] = refusal.detail
        page["seen"] = editing.seen(_card(edited_draft(request).document, code))
        return None
    return screens.to(request, "programme", said=_("Saved in the draft."))


def _tried(request: HttpRequest, edited: EditedDraft, form: StampCardForm, page: dict[str, Any]) -> HttpResponse:
    """Try the draft with the card as typed in it."""
    page |= trying.simulator(request, edited, _with(edited, form))
    if getattr(request, "htmx", False):
        return render(request, "console/programme/_trial.html", {**page, "decimals": edited.decimals})
    return screens.show(request, "console/programme/stamp_card.html", page)


def _with(edited: EditedDraft, form: StampCardForm) -> Document:
    document, written = copy.deepcopy(edited.document), form.written()
    cards = [each for each in document["stamps"] if each["code"] != written["code"]]
    document["stamps"] = [*cards, written]
    return document


def _card(document: Document, code: str) -> Document | None:
    return next((each for each in document["stamps"] if each["code"] == code), None) if code else None


def _category(card: Document | None) -> str:
    """The goods that the first trial is about: what the card looks at."""
    only = card["only"] if card else None
    return next(iter(only["categories"]), "") if only else ""


def _is_of(name: str, card: str) -> bool:
    return name == f"stamps:{card}" or name.startswith(f"stamps:{card}:")
