"""Pages for the other parts of the programme: points, tiers, joining and friends, paying with points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.programme import editing
from loyalty.console.programme.forms.general import PayingForm, PointsForm, TransfersForm, WelcomeForm
from loyalty.console.programme.forms.notices import NoticesForm
from loyalty.console.programme.forms.tiers import TiersForm
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm, edited_draft
from merchants.permissions import Permission
from rewards.programmes import DraftMoved, InvalidProgramme


class _Page:
    """One part: its title, its form, what of the document it shows, and how it is put back."""

    def __init__(
        self,
        title: Any,
        note: Any,
        form: type[PartForm],
        shown: Callable[[Document], Any],
        put: Callable[[PartForm, Document], None],
        pointer: str,
        part: Callable[[EditedDraft], Document | None] = lambda edited: None,
    ) -> None:
        self.title, self.note, self.form, self.shown = title, note, form, shown
        self.put, self.pointer, self.part = put, pointer, part


def _put_whole(form: Any, document: Document) -> None:
    form.put(document)


def _put_tiers(form: PartForm, document: Document) -> None:
    document["tiers"] = form.written()


def _put_paying(form: PartForm, document: Document) -> None:
    document["pay_with_points"] = form.written()


def _put_transfers(form: PartForm, document: Document) -> None:
    document["transfers"] = form.written()


def _put_notices(form: PartForm, document: Document) -> None:
    document["notices"] = form.written()


def _points_shown(document: Document) -> Any:
    earning = {name: document["earning"][name] for name in ("stacking", "excluding", "kinds", "caps", "pending")}
    return [document["name"], document["points"], earning, document["payable_kinds"], document["expiry"]]


_PAGES = {
    "points": _Page(
        gettext_lazy("Points"), gettext_lazy("What holds for all rules: names, rounding, limits, and when points end."),
        PointsForm, _points_shown, _put_whole, "/points",
    ),
    "tiers": _Page(
        gettext_lazy("Tiers"), gettext_lazy("Who buys more gets more. The first tier is everybody's."),
        TiersForm, lambda document: document["tiers"], _put_tiers, "/tiers", lambda edited: edited.document["tiers"],
    ),
    "joining": _Page(
        gettext_lazy("Joining and friends"), gettext_lazy("Points for joining, and for bringing somebody."),
        WelcomeForm, lambda document: [document["welcome"], document["referral"]], _put_whole, "/referral",
    ),
    "paying": _Page(
        gettext_lazy("Paying with points"), gettext_lazy("Any amount, at one rate, beside the rewards."),
        PayingForm, lambda document: document["pay_with_points"], _put_paying, "/pay_with_points",
        lambda edited: edited.document["pay_with_points"],
    ),
    "transfers": _Page(
        gettext_lazy("Transfers"), gettext_lazy("Members give points to each other. The points keep their expiry."),
        TransfersForm, lambda document: document["transfers"], _put_transfers, "/transfers",
        lambda edited: edited.document["transfers"],
    ),
    "notices": _Page(
        gettext_lazy("Notices"), gettext_lazy("Texts that members read with the terms: company details, exceptions, contact."),
        NoticesForm, lambda document: document["notices"], _put_notices, "/notices",
        lambda edited: {"notices": edited.document["notices"]},
    ),
}  # fmt: skip


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def part(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the part that `?part=` names."""
    name = request.GET.get("part", "points")
    shown = _PAGES.get(name, _PAGES["points"])
    edited = edited_draft(request)
    form = shown.form(edited, shown.part(edited), request.POST if request.method == "POST" else None)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "title": shown.title, "note": shown.note, "part": name,
        "seen": request.POST.get("seen") or editing.seen(shown.shown(edited.document)),
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            editing.save(request, part=shown.shown, change=lambda document: shown.put(form, document))
        except InvalidProgramme as refusal:
            form.take_faults(refusal.faults, shown.pointer)
        except DraftMoved as refusal:
            page["moved"] = refusal.detail
            page["seen"] = editing.seen(shown.shown(edited_draft(request).document))
        else:
            return screens.to(request, "programme", said=_("Saved in the draft."))
    status = 422 if request.method == "POST" else 200
    return screens.show(request, "console/programme/part.html", page, status=status)
