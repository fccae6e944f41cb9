"""Points or stamps for all members of a list: chosen as they are now, seen before, given by the worker, stopped, undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages as notes
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analytics import member_list
from loyalty.console import screens, tables
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.members.enrolling import blame
from loyalty.console.members.member_list import SEGMENTS, MemberFilter
from loyalty.console.programme.fields import PointsField, with_look
from loyalty.tenant import merchant_of, outside_tenant
from merchants import audit, ids, tenancy
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import bulk_acts, terms
from rewards.bulk_acts import BulkGift, BulkProgress, BulkRefusal
from rewards.stamp_adjustments import STAMPS_MAX

_READ_AT_ONCE: Final = 2_000
_NAMES_SHOWN: Final = 12
_REFUSALS_SHOWN: Final = 20
STATES: Final[dict[str, tuple[Any, str]]] = {
    "chosen": (gettext_lazy("not started"), "outline"), "running": (gettext_lazy("at work"), "info"),
    "stopped": (gettext_lazy("stopped"), "warning"), "done": (gettext_lazy("done"), "positive"),
    "undoing": (gettext_lazy("being undone"), "info"), "undone": (gettext_lazy("undone"), "outline"),
}  # fmt: skip


class GiftForm(forms.Form):
    """What each is given, and why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("The member can be shown it.")
    )

    def __init__(self, decimals: int, limit: int | None, cards: list[tuple[str, str]], *args: Any) -> None:
        super().__init__(*args)
        self.use_required_attribute = False
        self.limit = limit
        self.fields["points"] = with_look(
            PointsField(decimals, label=_("Points for each"), required=not cards), after=_("points")
        )
        if cards:
            self.fields["card"] = forms.ChoiceField(
                label=_("Or stamps on"), required=False, choices=[("", _("no stamps")), *cards]
            )
            self.fields["stamps"] = with_look(
                forms.IntegerField(label=_("Stamps for each"), min_value=1, max_value=STAMPS_MAX, required=False),
                look="stepper",
            )

    def clean_points(self) -> int | None:
        """Refuse what no single adjustment would be allowed."""
        points: int | None = self.cleaned_data["points"]
        if points and self.limit is not None and points > self.limit:
            raise forms.ValidationError(_("That is more than you may give a member in a day. Ask the owner."))
        return points

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        has_stamps = bool(read.get("card")) or bool(read.get("stamps"))
        if "points" not in self.errors and bool(read.get("points")) == has_stamps:
            self.add_error("points", _("Give points, or choose a card and say how many stamps."))
        elif has_stamps and not (read.get("card") and read.get("stamps")):
            self.add_error("stamps", _("Choose the card, and say how many stamps."))
        return read

    def gift(self) -> BulkGift:
        """Return what the domain is asked for; call it on a valid form."""
        read = self.cleaned_data
        return BulkGift(read["reason"], read.get("points") or 0, read.get("card") or "", read.get("stamps") or 0)


@require_POST
@outside_tenant
@seat_required(Permission.ADJUST_POINTS)
def choose(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Write down who is in the list (`here`, its address) at this moment, and go on to what they are given."""
    merchant, now = merchant_of(request), now_of(request)
    asked = MemberFilter.of(QueryDict(request.POST.get("here", "").removeprefix("?")))
    try:
        chosen = bulk_acts.choose(
            merchant=merchant, segment=asked.segment, pages=_pages(merchant, asked, now), now=now,
            actor=actor_of(request),
        )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, str(refusal.detail))
        return screens.to(request, "members")
    return screens.to(request, "members_bulk", act_id=chosen)


@require_http_methods(["GET", "POST"])
@seat_required(Permission.ADJUST_POINTS)
def act(request: HttpRequest, merchant_slug: str, act_id: str) -> HttpResponse:
    """Ask what all get, show what it comes to, start it; then show how far it is, and what came of it."""
    merchant = merchant_of(request)
    progress = _found(request, act_id)
    page: dict[str, Any] = {"act": progress, **_told(request, progress)}
    if progress.state != "chosen":
        if getattr(request, "htmx", False):
            return render(request, "console/members/_bulk_progress.html", {**screens.frame(request), **page})
        shown = bulk_acts.refusals(merchant=merchant, public_id=act_id, limit=_REFUSALS_SHOWN + 1)
        page |= {"refusals": shown[:_REFUSALS_SHOWN], "has_more": len(shown) > _REFUSALS_SHOWN}
        return screens.show(request, "console/members/bulk.html", page)
    form = GiftForm(
        screens.decimals_of(request), _limit(request), _cards(request),
        request.POST if request.method == "POST" else None,
    )  # fmt: skip
    page |= {
        "form": form, "limit": form.limit,
        "shown": bulk_acts.first_members(merchant=merchant, public_id=act_id, limit=_NAMES_SHOWN),
        "more": max(progress.members - _NAMES_SHOWN, 0),
    }  # fmt: skip
    if form.is_bound and form.is_valid():
        gift = form.gift()
        if request.POST.get("act") == "give":
            try:
                bulk_acts.start(
                    merchant=merchant, public_id=act_id, gift=gift, now=now_of(request), actor=actor_of(request)
                )
            except LoyaltyError as refusal:
                blame(form, refusal)
            else:
                return screens.to(request, "members_bulk", act_id=act_id)
        else:
            page |= {
                "gift": gift,
                "total": gift.points * progress.members,
                "stamps_total": gift.stamps * progress.members,
            }
    status = 422 if form.is_bound and form.errors else 200
    return screens.show(request, "console/members/bulk_choose.html", page, status=status)


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def turn(request: HttpRequest, merchant_slug: str, act_id: str) -> HttpResponse:
    """Stop the act, go on with it, or undo it, as `act` says."""
    verbs = {"stop": bulk_acts.stop, "resume": bulk_acts.resume, "undo": bulk_acts.undo}
    verb = verbs.get(request.POST.get("act", ""))
    if verb is None:
        notes.error(request, _("There is no such choice."))
        return screens.to(request, "members_bulk", act_id=_known(act_id))
    try:
        verb(merchant=merchant_of(request), public_id=_known(act_id), now=now_of(request), actor=actor_of(request))
    except bulk_acts.BulkNotFound:
        raise Http404 from None
    except LoyaltyError as refusal:
        notes.error(request, str(refusal.detail))
    return screens.to(request, "members_bulk", act_id=act_id)


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def refusals(request: HttpRequest, merchant_slug: str, act_id: str) -> HttpResponseBase:
    """Stream who was left out and why as CSV; who took it is on record."""
    merchant, now = merchant_of(request), now_of(request)
    with tenancy.tenant(merchant):
        _found(request, act_id)
        audit.record(
            merchant=merchant, action="data.exported", actor=actor_of(request), now=now,
            details={"table": "members_left_out"},
        )  # fmt: skip
        head: list[tables.Row] = [(_("Member"), _("Member code"), _("Name"), _("Why"))]
    return tables.download(
        merchant=merchant, name="members-left-out", head=head, rows=_refused(merchant, act_id), now=now
    )


def _refused(merchant: Merchant, act_id: str) -> Iterator[tables.Row]:
    after = 0
    while True:
        rows: list[BulkRefusal] = bulk_acts.refusals(
            merchant=merchant, public_id=act_id, limit=tables.CHUNK, after=after
        )
        for row in rows:
            yield row.member, row.code, row.name, row.detail
        if len(rows) < tables.CHUNK:
            return
        after = rows[-1].id


def _pages(merchant: Merchant, asked: MemberFilter, now: datetime) -> Iterator[list[int]]:
    """Walk the list as it is now, the latest to join first; whoever joins meanwhile comes before where it began."""
    with tenancy.tenant(merchant):
        counted = member_list.counts(merchant=merchant, now=now)[asked.segment]
    after: member_list.Place | None = None
    while True:
        with tenancy.tenant(merchant):
            member_ids, after = member_list.page(
                merchant=merchant, segment=asked.segment, order="joined", rising=False, now=now, limit=_READ_AT_ONCE,
                after=after, counted=counted,
            )  # fmt: skip
        yield member_ids
        if after is None:
            return


def _told(request: HttpRequest, progress: BulkProgress) -> dict[str, Any]:
    state, tone = STATES[progress.state]
    return {
        "state": state, "tone": tone, "segment": SEGMENTS.get(progress.segment, ""),  # type: ignore[call-overload]
        "card": dict(_cards(request)).get(progress.gift.card, progress.gift.card),
        "who": ActorNames(merchant_of(request))[f"staff:{progress.seat}"],
        "points_total": progress.gift.points * progress.given, "stamps_given": progress.gift.stamps * progress.given,
    }  # fmt: skip


def _cards(request: HttpRequest) -> list[tuple[str, str]]:
    version, language = screens.version_of(request), get_language() or "en"
    return [(card.code, terms.text(card.name, language)) for card in version.terms.stamps] if version else []


def _limit(request: HttpRequest) -> int | None:
    if screens.may_do(request, Permission.ADJUST_POINTS_WITHOUT_LIMIT):
        return None
    return merchant_of(request).adjustment_points_max


def _found(request: HttpRequest, act_id: str) -> BulkProgress:
    try:
        return bulk_acts.find(merchant=merchant_of(request), public_id=_known(act_id))
    except bulk_acts.BulkNotFound:
        raise Http404 from None


def _known(act_id: str) -> str:
    if not ids.is_id(act_id, "blk"):
        raise Http404
    return act_id
