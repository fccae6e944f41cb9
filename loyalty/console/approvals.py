"""Four eyes: who may not move so many points alone asks here; owners approve or decline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages as notes
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import bell, screens
from loyalty.console.access import actor_of, now_of, seat_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.tenant import merchant_of, outside_tenant
from merchants import ids, tenancy
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import adjustments, bulk_adjustments
from rewards import approvals as requests
from rewards.approvals import ApprovalOutcome, AskedLine, PointsRequestView

#: Each state in words, and the tone of its chip.
STATES: Final[dict[str, tuple[Any, str]]] = {
    "waiting": (gettext_lazy("waiting"), "info"),
    "approved": (gettext_lazy("approved"), "positive"),
    "declined": (gettext_lazy("declined"), "negative"),
    "withdrawn": (gettext_lazy("taken back"), ""),
    "lapsed": (gettext_lazy("lapsed"), "warning"),
}
_NAMES_SHOWN = 3


class AskForm(forms.Form):
    """Why an owner should do it; the id was minted when the form was shown."""

    request = forms.RegexField(regex=r"^prq_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=requests.REASON_MAX,
        help_text=gettext_lazy("The owner reads it. The member can be shown it."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


@require_GET
@seat_required(Permission.ADJUST_POINTS)
def approvals(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what waits for an answer, and what was answered; who may not answer sees their own requests."""
    merchant, now, actor = merchant_of(request), now_of(request), actor_of(request)
    names = ActorNames(merchant)
    may_answer = requests.may_approve(actor)
    rows = [
        _row(each, names, may_answer=may_answer, me=str(actor))
        for each in requests.listed(merchant=merchant, now=now, actor=actor)
    ]
    waiting = [row for row in rows if row["view"].state == "waiting"]
    page = {
        "waiting": waiting, "answered": [row for row in rows if row["view"].state != "waiting"],
        "for_me": sum(row["may_answer"] for row in waiting), "may_answer": may_answer, "days": requests.DAYS_VALID,
        "limit": merchant.adjustment_points_max, "reason_max": requests.REASON_MAX,
    }  # fmt: skip
    return screens.show(request, "console/people/approvals.html", page)


def _row(view: PointsRequestView, names: ActorNames, *, may_answer: bool, me: str) -> dict[str, Any]:
    words, tone = STATES[view.state]
    is_mine = view.asked_by == me
    return {
        "view": view, "state": words, "tone": tone, "who": names[view.asked_by],
        "decided_by": names[view.decided_by] if view.decided_by else "", "is_mine": is_mine,
        "may_answer": may_answer and not is_mine and (view.state == "waiting" or view.is_unfinished),
        "shown": view.lines[:_NAMES_SHOWN], "more": max(len(view.lines) - _NAMES_SHOWN, 0),
        "each": view.lines[0].points, "is_undoing": bool(view.lines[0].undoes),
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
@seat_required(Permission.ADJUST_POINTS)
def ask(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Ask an owner to undo an adjustment (`?adjustment=`), or all that one act gave (`?bulk=`)."""
    merchant = merchant_of(request)
    undone = _to_undo(request)
    if not undone:
        notes.error(request, _("This adjustment has been undone already."))
        return screens.to(request, "approvals")
    form = AskForm(
        request.POST if request.method == "POST" else None,
        initial={"request": ids.mint("prq"), "reason": _("Adjustment undone")},
    )
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        lines = [AskedLine(undoes=each) for each in undone]
        return asked(
            request, lines, request_id=read["request"], reason=read["reason"], back=screens.url(request, "approvals")
        )
    page = {"form": form, "count": len(undone), "days": requests.DAYS_VALID, "limit": merchant.adjustment_points_max}
    return screens.show(request, "console/people/approval_ask.html", page, status=422 if form.is_bound else 200)


def _to_undo(request: HttpRequest) -> list[str]:
    """Return the adjustments that the address names and that stand."""
    merchant, bulk, one = merchant_of(request), request.GET.get("bulk", ""), request.GET.get("adjustment", "")
    if ids.is_id(bulk, "adj"):
        return [row.public_id for row in bulk_adjustments.made_as(merchant=merchant, bulk=bulk) if row.is_standing]
    return sorted(adjustments.undoable(merchant=merchant, public_ids=[one])) if ids.is_id(one, "adj") else []


def asked(request: HttpRequest, lines: Sequence[AskedLine], *, request_id: str, reason: str, back: str) -> HttpResponse:
    """Keep a request of the person who reads the page, and go to where it waits; a refusal is said at `back`."""
    try:
        requests.ask(
            merchant=merchant_of(request), request_id=request_id, lines=lines, reason=reason, now=now_of(request),
            actor=actor_of(request),
        )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return redirect(back)
    said = _("An owner was asked. You see the answer here within %(days)d days.") % {"days": requests.DAYS_VALID}
    return screens.to(request, "approvals", said=said)


@require_POST
@outside_tenant
@seat_required(Permission.ADJUST_POINTS)
def answer(request: HttpRequest, merchant_slug: str, request_id: str) -> HttpResponse:
    """Approve a request, decline it, or withdraw one's own, as `act` says."""
    merchant = merchant_of(request)
    common: dict[str, Any] = {
        "merchant": merchant, "request_id": request_id, "now": now_of(request), "actor": actor_of(request)
    }  # fmt: skip
    act, reason = request.POST.get("act", ""), request.POST.get("reason", "")
    try:
        if act == "approve":
            _say_approved(request, requests.approve(**common))
        elif act == "decline":
            tenancy.attempt(merchant, lambda: requests.decline(reason=reason, **common))
            notes.success(request, _("Declined. The person who asked sees your reason."))
        elif act == "withdraw":
            tenancy.attempt(merchant, lambda: requests.withdraw(**common))
            notes.success(request, _("Your request is withdrawn."))
        else:
            notes.error(request, _("There is no such choice."))
    except requests.RequestNotFound:
        raise Http404 from None
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    bell.forget(seat_of(request))
    return screens.to(request, "approvals")


def _say_approved(request: HttpRequest, outcome: ApprovalOutcome) -> None:
    if outcome.refused:
        count = len(outcome.refused)
        said = ngettext("%(count)d member was left out.", "%(count)d members were left out.", count) % {"count": count}
        notes.warning(request, f"{said} {' '.join(dict.fromkeys(outcome.refused.values()))}")
        return
    count = outcome.done
    said = ngettext(
        "Approved: the points of %(count)d member moved.", "Approved: the points of %(count)d members moved.", count
    )
    notes.success(request, said % {"count": count})
