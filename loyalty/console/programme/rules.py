"""A page for each earning rule: add, edit, try, move, take away."""

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
from loyalty.console.programme.forms.rules import RULE_KINDS, RuleForm
from loyalty.console.programme.shapes import Document, EditedDraft, edited_draft
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import terms
from rewards.programmes import DraftMoved, InvalidProgramme
from rewards.terms import TermsWording


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def rule(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the rule `?code=`, or add one of `?kind=`; `act=try` tries what is typed and saves nothing."""
    edited = edited_draft(request, with_goods=True)
    code = request.GET.get("code", "")
    known = _rule(edited.document, code)
    if code and known is None:
        notes.error(request, _("This rule is not in the draft any more."))
        return screens.to(request, "programme")
    kind = known["kind"] if known else request.GET.get("kind", "per_money")
    kind = kind if kind in RULE_KINDS else "per_money"
    form = RuleForm(edited, known, request.POST if request.method == "POST" else None, kind=kind)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "kind": kind, "kind_name": RULE_KINDS[kind], "known": known,
        "seen": request.POST.get("seen") or editing.seen(known),
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
    form.phrases = _phrases(edited, document, code)
    page["to_open"] = request.GET.get("open", "")
    page |= trying.simulator(request, edited, document)
    return screens.show(request, "console/programme/rule.html", page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def change_rules(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Move a rule up or down, or take it away, as `act` says."""
    code, act = request.POST.get("rule", ""), request.POST.get("act", "")

    def change(document: Document) -> None:
        rules = document["earning"]["rules"]
        place = next(place for place, each in enumerate(rules) if each["code"] == code)
        if act == "remove":
            del rules[place]
            return
        other = place + (-1 if act == "up" else 1)
        if 0 <= other < len(rules):
            rules[place], rules[other] = rules[other], rules[place]

    edited = edited_draft(request)
    if _rule(edited.document, code) is None or act not in ("up", "down", "remove"):
        notes.error(request, _("This rule is not in the draft any more."))
        return screens.to(request, "programme")
    try:
        editing.save(request, part=_codes, change=change, shown=editing.seen(_codes(edited.document)))
    except InvalidProgramme as refusal:
        notes.error(request, " ".join(fault.detail for fault in refusal.faults))
        return screens.to(request, "programme")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme")
    said = _("The rule is out of the draft. Discard the draft to have it back.") if act == "remove" else _("Moved.")
    return screens.to(request, "programme", said=said)


def _saved(request: HttpRequest, edited: EditedDraft, form: RuleForm, page: dict[str, Any]) -> HttpResponse | None:
    written = form.written()
    code = written["code"]

    def change(document: Document) -> None:
        rules = document["earning"]["rules"]
        places = [place for place, each in enumerate(rules) if each["code"] == code]
        if places:
            rules[places[0]] = written
        else:
            rules.append(written)

    try:
        editing.save(request, part=lambda document: _rule(document, code), change=change)
    except InvalidProgramme as refusal:
        place = next((n for n, each in enumerate(edited.document["earning"]["rules"]) if each["code"] == code), None)
        place = len(edited.document["earning"]["rules"]) if place is None else place
        form.take_faults(refusal.faults, f"/earning/rules/{place}")
        return None
    except DraftMoved as refusal:
        page["moved"] = refusal.detail
        page["seen"] = editing.seen(_rule(edited_draft(request).document, code))
        return None
    return screens.to(request, "programme", said=_("Saved in the draft."))


def _tried(request: HttpRequest, edited: EditedDraft, form: RuleForm, page: dict[str, Any]) -> HttpResponse:
    """Try the draft with the rule as typed in it."""
    document = _with(edited, form)
    form.phrases = _phrases(edited, document, form.written()["code"])
    page |= trying.simulator(request, edited, document)
    if getattr(request, "htmx", False):
        return render(request, "console/programme/_trial.html", {**page, "decimals": edited.decimals})
    return screens.show(request, "console/programme/rule.html", page)


def _with(edited: EditedDraft, form: RuleForm) -> Document:
    document, written = copy.deepcopy(edited.document), form.written()
    rules = [each for each in document["earning"]["rules"] if each["code"] != written["code"]]
    document["earning"]["rules"] = [*rules, written]
    return document


def _phrases(edited: EditedDraft, document: Document | None, code: str) -> dict[str, list[str]]:
    """Return what the terms say of a rule, by the name of the field; nothing of a rule that cannot be read."""
    promised = edited.terms
    if document is not None:
        try:
            promised = terms.parse(document)
        except InvalidProgramme:
            return {}
    found: dict[str, list[str]] = {}
    wording = TermsWording(promised, edited.language, for_staff=True, places=edited.places)
    for rule in promised.earning.rules:
        if rule.code == code:
            for field, phrase in rule.clauses(wording):
                found.setdefault(field, []).append(phrase)
    return found


def _codes(document: Document) -> list[str]:
    return [each["code"] for each in document["earning"]["rules"]]


def _rule(document: Document, code: str) -> Document | None:
    return next((each for each in document["earning"]["rules"] if each["code"] == code), None) if code else None
