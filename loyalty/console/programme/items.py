"""The page of one of a list: a rule, a stamp card, a reward. Add, edit, try, move, take away.

Each list says in an `ItemList` where it lies in the document, which form and which page edit one of it, and what is said; the
views here serve them all. Another mechanic that has a list adds its declaration to `LISTS`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.programme import editing, trying
from loyalty.console.programme.forms.rewards import REWARD_KINDS, RewardForm
from loyalty.console.programme.forms.rules import RULE_KINDS, RuleForm
from loyalty.console.programme.forms.stamps import StampCardForm
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm, edited_draft
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import terms
from rewards.programmes import DraftMoved, InvalidProgramme
from rewards.redemptions import listing
from rewards.terms import Rule, TermsWording


def _nothing(document: Document, code: str) -> None:
    """Leave the rest of the document as it is."""


def _no_facts(edited: EditedDraft, known: Document | None) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ItemList:
    """One list of the document, each item of which has a code and a page."""

    #: Where it lies, as a JSON pointer.
    pointer: str
    #: Makes the form of an item: draft, what is kept (None: a new one), what was typed, kind.
    form: Callable[[EditedDraft, Document | None, Any, str], PartForm]
    template: str
    #: The page one comes back to.
    back: str
    #: What is said where an item is not there any more, and when one was taken out.
    gone: Any
    removed: Any
    #: The kinds that can be added, the usual one first; none where all are of one kind.
    kinds: Mapping[str, Any] = field(default_factory=dict)
    #: What the form that removes calls the code.
    code_name: str = "code"
    #: Whether a basket can be tried on it, and of which category the first trial is.
    is_tried: bool = False
    category: Callable[[Document | None], str] = lambda known: ""
    #: What of the rest of the document goes along with an item.
    forget: Callable[[Document, str], None] = _nothing
    #: What the page says besides.
    facts: Callable[[EditedDraft, Document | None], dict[str, Any]] = _no_facts

    def of(self, document: Document) -> list[Document]:
        """Return the list itself, to be read or changed."""
        found: Any = document
        for name in self.pointer.strip("/").split("/"):
            found = found[name]
        listed: list[Document] = found
        return listed

    def item(self, document: Document, code: str) -> Document | None:
        return next((each for each in self.of(document) if each["code"] == code), None) if code else None

    def place(self, document: Document, code: str) -> int:
        """Return where an item stands; behind the last when it is new."""
        codes = [each["code"] for each in self.of(document)]
        return codes.index(code) if code in codes else len(codes)

    def put(self, document: Document, item: Document) -> None:
        """Put an item in the place of the one of its code, else behind the last."""
        place = self.place(document, item["code"])
        self.of(document)[place : place + 1] = [item]


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def edit(request: HttpRequest, merchant_slug: str, of: str) -> HttpResponse:
    """Edit the item `?code=`, or add one of `?kind=`; `act=try` tries what is typed and saves nothing."""
    items = LISTS[of]
    edited = edited_draft(request, with_goods=True)
    code = request.GET.get("code", "")
    known = items.item(edited.document, code)
    if code and known is None:
        notes.error(request, items.gone)
        return screens.to(request, items.back)
    kind = (known or {}).get("kind") or request.GET.get("kind", "")
    kind = kind if kind in items.kinds else next(iter(items.kinds), "")
    form = items.form(edited, known, request.POST if request.method == "POST" else None, kind)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "kind": kind, "kind_name": items.kinds.get(kind, ""), "known": known,
        "seen": request.POST.get("seen") or editing.seen(known), "to_open": request.GET.get("open", ""),
        **items.facts(edited, known),
    }  # fmt: skip
    if request.method == "POST":
        is_trial = items.is_tried and request.POST.get("act") == "try"
        if form.is_valid():
            if is_trial:
                return _tried(request, items, edited, form, page)
            saved = _saved(request, items, edited, form, page)
            if saved is not None:
                return saved
        elif is_trial and getattr(request, "htmx", False):
            page |= trying.simulator(request, edited)
            page |= {"trial": None, "decimals": edited.decimals, "is_incomplete": True}
            return render(request, "console/programme/_trial.html", page)
    document = _with(items, edited, form) if form.is_bound and not form.errors and form.is_valid() else None
    _say(form, items, edited, document, code)
    if items.is_tried:
        page |= trying.simulator(request, edited, document, category=items.category(known))
    return screens.show(request, items.template, page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def change(request: HttpRequest, merchant_slug: str, of: str) -> HttpResponse:
    """Take an item out of the draft, or move it `up` or `down`, as `act` says."""
    items = LISTS[of]
    code, act = request.POST.get(items.code_name, ""), request.POST.get("act") or "remove"
    edited = edited_draft(request)
    known = items.item(edited.document, code)
    if known is None or act not in ("up", "down", "remove"):
        notes.error(request, items.gone)
        return screens.to(request, items.back)

    def apply(document: Document) -> None:
        listed, place = items.of(document), items.place(document, code)
        if act == "remove":
            del listed[place]
            items.forget(document, code)
            return
        other = place + (-1 if act == "up" else 1)
        if 0 <= other < len(listed):
            listed[place], listed[other] = listed[other], listed[place]

    def part(document: Document) -> Any:
        if act == "remove":
            return items.item(document, code)
        return [each["code"] for each in items.of(document)]

    try:
        editing.save(request, part=part, change=apply, shown=editing.seen(part(edited.document)))
    except InvalidProgramme as refusal:
        # Something else needs it: a multiplier its rules, a stamp card its reward.
        notes.error(request, " ".join(fault.detail for fault in refusal.faults))
        return screens.to(request, items.back)
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, items.back)
    return screens.to(request, items.back, said=items.removed if act == "remove" else _("Moved."))


def _saved(
    request: HttpRequest, items: ItemList, edited: EditedDraft, form: PartForm, page: dict[str, Any]
) -> HttpResponse | None:
    written = form.written() or {}
    code = written["code"]
    try:
        editing.save(
            request, part=lambda document: items.item(document, code),
            change=lambda document: items.put(document, written),
        )  # fmt: skip
    except InvalidProgramme as refusal:
        form.take_faults(refusal.faults, f"{items.pointer}/{items.place(edited.document, code)}")
        return None
    except DraftMoved as refusal:
        page["moved"] = refusal.detail
        page["seen"] = editing.seen(items.item(edited_draft(request).document, code))
        return None
    return screens.to(request, items.back, said=_("Saved in the draft."))


def _tried(
    request: HttpRequest, items: ItemList, edited: EditedDraft, form: PartForm, page: dict[str, Any]
) -> HttpResponse:
    """Try the draft with the item as typed in it."""
    document = _with(items, edited, form)
    _say(form, items, edited, document, (form.written() or {})["code"])
    page |= trying.simulator(request, edited, document)
    if getattr(request, "htmx", False):
        return render(request, "console/programme/_trial.html", {**page, "decimals": edited.decimals})
    return screens.show(request, items.template, page)


def _with(items: ItemList, edited: EditedDraft, form: PartForm) -> Document:
    document = copy.deepcopy(edited.document)
    items.put(document, form.written() or {})
    return document


def _say(form: PartForm, items: ItemList, edited: EditedDraft, document: Document | None, code: str) -> None:
    if form.phrases is not None:
        form.phrases = _phrases(items, edited, document, code)


def _phrases(items: ItemList, edited: EditedDraft, document: Document | None, code: str) -> dict[str, list[str]]:
    """Return what the terms say of an item, by the name of the field; nothing of one that cannot be read."""
    promised = edited.terms
    if document is not None:
        try:
            promised = terms.parse(document)
        except terms.InvalidTerms:
            return {}
    wording = TermsWording(promised, edited.language, for_staff=True, places=edited.places)
    found: dict[str, list[str]] = {}
    for pointer, part in promised.whole().parts:
        if pointer.rpartition("/")[0] == items.pointer and getattr(part, "code", "") == code and isinstance(part, Rule):
            for name, phrase in part.clauses(wording):
                found.setdefault(name, []).append(phrase)
    return found


def _rule_form(edited: EditedDraft, known: Document | None, data: Any, kind: str) -> PartForm:
    return RuleForm(edited, known, data, kind=kind)


def _card_form(edited: EditedDraft, known: Document | None, data: Any, kind: str) -> PartForm:
    return StampCardForm(edited, known, data)


def _reward_form(edited: EditedDraft, known: Document | None, data: Any, kind: str) -> PartForm:
    return RewardForm(edited, known, data, kind=kind)


def _category(card: Document | None) -> str:
    """The goods that the first trial is about: what the card looks at."""
    only = card["only"] if card else None
    return next(iter(only["categories"]), "") if only else ""


def _forget_card(document: Document, code: str) -> None:
    """A worked example that promises stamps of a card that is gone could never hold."""
    for example in document["examples"]:
        example["expect"] = {
            name: number for name, number in example["expect"].items() if not f"{name}:".startswith(f"stamps:{code}:")
        }


def _claimed(edited: EditedDraft, known: Document | None) -> dict[str, Any]:
    if known is None:
        return {"claimed": 0}
    code = known["code"]
    return {"claimed": listing.claimed(merchant=edited.merchant, rewards=[code]).get(code, 0)}


#: The lists of the document, by the word their addresses have.
LISTS: Final[dict[str, ItemList]] = {
    "rule": ItemList(
        "/earning/rules", _rule_form, "console/programme/rule.html", "programme",
        gettext_lazy("This rule is not in the draft any more."),
        gettext_lazy("The rule is out of the draft. Discard the draft to have it back."),
        kinds=RULE_KINDS, code_name="rule", is_tried=True,
    ),
    "card": ItemList(
        "/stamps", _card_form, "console/programme/stamp_card.html", "programme",
        gettext_lazy("This stamp card is not in the draft any more."),
        gettext_lazy("The stamp card is out of the draft. Discard the draft to have it back."),
        code_name="card", is_tried=True, category=_category, forget=_forget_card,
    ),
    "reward": ItemList(
        "/rewards", _reward_form, "console/rewards/reward.html", "rewards",
        gettext_lazy("This reward is not in the draft any more."),
        gettext_lazy("The reward is out of the draft. Members see it until you publish."),
        kinds=REWARD_KINDS, facts=_claimed,
    ),
}  # fmt: skip
