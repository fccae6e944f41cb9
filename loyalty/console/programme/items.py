"""The page of one of a list: a rule, a stamp card, a reward. Add, edit, try, move, take away.

Each list says in an `ItemList` where it lies in the document and what is said of it; the form is made of what its parts say of
their fields (`rewards.terms.editing`), and the views here serve them all. Another mechanic that has a list adds its
declaration to `LISTS`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from msgspec import Struct

from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.programme import editing, trying
from loyalty.console.programme.forms.part import PartForm, phrases_of
from loyalty.console.programme.shapes import Document, EditedDraft, edited_draft
from merchants import periods, photos
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import terms
from rewards.earning import together
from rewards.programmes import DraftMoved, InvalidProgramme
from rewards.redemptions import listing
from rewards.terms import Part, Terms, TermsWording
from rewards.terms.editing.kinds import part_fields
from rewards.terms.editing.vocabulary import editor_of

#: As many of the other rules a rule is told together with.
_MEETINGS: Final = 6


def _nothing(document: Document, code: str) -> None:
    """Leave the rest of the document as it is."""


def _no_facts(edited: EditedDraft, known: Document | None) -> dict[str, Any]:
    return {}


def _alone(edited: EditedDraft, promised: Terms, code: str, today: date) -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemList:
    """One list of the document, each item of which has a code and a page."""

    #: Where it lies, as a JSON pointer; the kinds of its items follow from the type there.
    pointer: str
    title: Any
    #: The title of an item that is not there yet, and what adds one.
    new: Any
    add: Any
    #: What is said where an item is not there any more, and when one was taken out; what taking one out means.
    gone: Any
    removed: Any
    warned: Any
    #: The names of the addresses that edit and change an item, and of the page one comes back to.
    edit_url: str
    change_url: str
    back: str = "programme"
    icon: str
    #: What is said of an item besides its kind.
    note: Any = ""
    #: The list on the overview: what it is, and what is said while it is empty. Without one it has a page of its own.
    about: Any = ""
    empty: Any = ""
    invites: Any = ""
    #: What the form that changes calls the code.
    code_name: str = "code"
    #: Whether its order counts, so that items can be moved.
    is_ordered: bool = False
    #: Whether a basket can be tried on it, and of which category the first trial is.
    is_tried: bool = False
    trial_note: Any = ""
    category: Callable[[Document | None], str] = lambda known: ""
    #: What of the rest of the document goes along with an item.
    forget: Callable[[Document, str], None] = _nothing
    #: What is said of an item together with the others of its list, by a document.
    beside: Callable[[EditedDraft, Terms, str, date], list[str]] = _alone
    #: What stands below the form of an item that is there, by its template.
    below: str = ""
    #: What the page says besides.
    facts: Callable[[EditedDraft, Document | None], dict[str, Any]] = _no_facts

    @property
    def kinds(self) -> dict[str, type[Struct]]:
        """Return the kinds of its items by tag, in the order of the terms; one without a tag is of the empty one."""
        kinds: tuple[type[Struct], ...] = (Terms,)
        for name in self.pointer.strip("/").split("/"):
            kinds = next(field.parts for field in part_fields(kinds[0]) if field.name == name)
        return {str(kind.__struct_config__.tag or ""): kind for kind in kinds}

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Return the kinds that can be added, by tag and title; none where all are of one kind."""
        return [(tag, str(editor_of(kind).title)) for tag, kind in self.kinds.items() if tag]

    def of(self, document: Document) -> list[Document]:
        """Return the list itself, to be read or changed."""
        found: Any = document
        for name in self.pointer.strip("/").split("/"):
            found = found[name]
        listed: list[Document] = found
        return listed

    def parts(self, promised: Terms) -> tuple[Part, ...]:
        """Return the items as parts."""
        found: Any = promised
        for name in self.pointer.strip("/").split("/"):
            found = getattr(found, name)
        parts: tuple[Part, ...] = found
        return parts

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
    tag = (known or {}).get("kind") or request.GET.get("kind", "")
    tag = tag if tag in items.kinds else next(iter(items.kinds))
    form = PartForm(
        edited, items.kinds[tag], known, request.POST if request.method == "POST" else None,
        pointer=f"{items.pointer}/{items.place(edited.document, code)}", to_open=request.GET.get("open", ""),
        taken=[each["code"] for each in items.of(edited.document)],
    )  # fmt: skip
    page: dict[str, Any] = {
        "edited": edited, "items": items, "form": form, "back": screens.url(request, items.back), "known": known, "kind_name": editor_of(items.kinds[tag]).title,
        "seen": request.POST.get("seen") or editing.seen(known), **items.facts(edited, known),
    }  # fmt: skip
    if request.method == "POST":
        is_trial = request.POST.get("act") == "try"
        if form.is_valid():
            if is_trial:
                return _tried(request, items, edited, form, page)
            saved = _saved(request, items, edited, form, page)
            if saved is not None:
                return saved
        elif is_trial and not items.is_tried:
            return HttpResponse(status=204)
        elif is_trial and getattr(request, "htmx", False):
            page |= trying.simulator(request, edited)
            page |= {"trial": None, "decimals": edited.decimals, "is_incomplete": True}
            return render(request, "console/programme/_trial.html", page)
    document = _with(items, edited, form) if form.is_bound and not form.errors and form.is_valid() else None
    form.phrases = phrases_of(edited, document)
    if items.is_tried:
        page |= trying.simulator(request, edited, document, category=items.category(known))
        page["beside"] = _beside(request, items, edited, document, code)
    return screens.show(request, "console/programme/item.html", page, status=422 if form.is_bound else 200)


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
    written = form.written()
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
    form.phrases = phrases_of(edited, document)
    if items.is_tried:
        page |= trying.simulator(request, edited, document)
        page["beside"] = _beside(request, items, edited, document, form.written()["code"])
    if getattr(request, "htmx", False):
        template = "_trial.html" if items.is_tried else "_said.html"
        return render(request, f"console/programme/{template}", {**page, "decimals": edited.decimals})
    return screens.show(request, "console/programme/item.html", page)


def _with(items: ItemList, edited: EditedDraft, form: PartForm) -> Document:
    document = copy.deepcopy(edited.document)
    items.put(document, form.written())
    return document


def _beside(
    request: HttpRequest, items: ItemList, edited: EditedDraft, document: Document | None, code: str
) -> list[str]:  # fmt: skip
    """Say what comes of the item together with the others, as far as the document can be read."""
    try:
        promised = edited.terms if document is None else terms.parse(document)
    except terms.InvalidTerms:
        return []
    return items.beside(edited, promised, code, periods.local_day(now_of(request), edited.merchant.tzinfo))


def _with_other_rules(edited: EditedDraft, promised: Terms, code: str, today: date) -> list[str]:
    wording = TermsWording(promised, edited.language, for_staff=True, places=edited.places)
    met = together.meetings_of(promised, code, today)
    return [together.said(meeting, promised, wording) for meeting in met[:_MEETINGS]]


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


def _of_a_reward(edited: EditedDraft, known: Document | None) -> dict[str, Any]:
    if known is None:
        return {"claimed": 0}
    code, say = known["code"], TermsWording(edited.terms, edited.language)
    return {
        "claimed": listing.claimed(merchant=edited.merchant, rewards=[code]).get(code, 0),
        "figure": next((each.on_ticket(say) for each in edited.terms.rewards if each.code == code), ""),
        "has_photo": photos.shown(edited.merchant, photos.of_reward(code)) is not None,
    }


def _of_a_card(edited: EditedDraft, known: Document | None) -> dict[str, Any]:
    return {"needs_reward": not edited.terms.rewards}


#: The lists of the document, by the word their addresses have.
LISTS: Final[dict[str, ItemList]] = {
    "rule": ItemList(
        pointer="/earning/rules", title=gettext_lazy("Earning rules"), new=gettext_lazy("New rule"),
        add=gettext_lazy("Add a rule"), icon="sparkle", edit_url="programme_rule", change_url="programme_rules",
        empty=gettext_lazy("No rules yet"),
        invites=gettext_lazy("Without a rule no purchase earns points. Add the first one below."),
        gone=gettext_lazy("This rule is not in the draft any more."),
        removed=gettext_lazy("The rule is out of the draft. Discard the draft to have it back."),
        warned=gettext_lazy("It goes from the draft only; what is live stays until you publish."),
        code_name="rule", is_ordered=True, is_tried=True, beside=_with_other_rules,
        trial_note=gettext_lazy("The whole draft with this rule in it. Nothing is saved."),
    ),
    "card": ItemList(
        pointer="/stamps", title=gettext_lazy("Stamp cards"), new=gettext_lazy("New stamp card"),
        add=gettext_lazy("Add a stamp card"), icon="stamp", edit_url="programme_stamp_card",
        change_url="programme_stamp_card_remove", note=gettext_lazy("A full card brings a reward."),
        about=gettext_lazy("So many stamps bring a reward."), empty=gettext_lazy("No stamp cards yet"),
        invites=gettext_lazy("Members collect stamps for visits, pieces or money spent, beside points or instead of them."),
        gone=gettext_lazy("This stamp card is not in the draft any more."),
        removed=gettext_lazy("The stamp card is out of the draft. Discard the draft to have it back."),
        warned=gettext_lazy("It goes from the draft only; what is live stays until you publish. Members keep their stamps and cannot fill the card any more."),
        code_name="card", is_tried=True, category=_category, forget=_forget_card, facts=_of_a_card,
        trial_note=gettext_lazy("The whole draft with this card in it. Nothing is saved."),
    ),
    "reward": ItemList(
        pointer="/rewards", title=gettext_lazy("Rewards"), new=gettext_lazy("New reward"),
        add=gettext_lazy("Add a reward"), icon="gift", edit_url="reward_edit", change_url="reward_remove", back="rewards",
        gone=gettext_lazy("This reward is not in the draft any more."),
        removed=gettext_lazy("The reward is out of the draft. Members see it until you publish."),
        warned="", facts=_of_a_reward, below="console/rewards/_photo.html",
    ),
}  # fmt: skip
