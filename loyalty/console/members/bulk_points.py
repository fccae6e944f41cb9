"""Points for those who were chosen in the list: say how many and why, see what that comes to, give, and undo."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notes
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from loyalty.console import approvals, screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members.exports import chosen_of
from loyalty.console.programme.fields import PointsField, with_look
from loyalty.tenant import merchant_of, outside_tenant
from loyalty.ui import filters
from members import directory
from members.directory import Member
from merchants import ids, tenancy
from merchants.permissions import Permission
from rewards import bulk_adjustments
from rewards.approvals import DAYS_VALID, AskedLine
from rewards.bulk_adjustments import BulkOutcome

#: So many names are shown before the points are given; the number of all stands above.
_NAMES_SHOWN = 12
_REFUSED_SHOWN = 5


class GiveForm(forms.Form):
    """How many points each is given, and why; the id of the whole was minted when the form was shown."""

    bulk = forms.RegexField(regex=r"^adj_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("The member can be shown it.")
    )

    def __init__(self, decimals: int, limit: int | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["points"] = with_look(PointsField(decimals, label=_("Points for each")), after=_("points"))
        self.limit = limit

    def clean_points(self) -> int:
        """Refuse what no single adjustment would be allowed."""
        points: int = self.cleaned_data["points"]
        if self.limit is not None and points > self.limit:
            raise forms.ValidationError(
                _("That is more than you may give a member in a day. Ask an owner."), code="above_your_limit"
            )
        return points


@require_POST
@outside_tenant
@seat_required(Permission.ADJUST_POINTS)
def give(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Ask how many points and why; show what it comes to; give them, each member's in a transaction of its own."""
    merchant = merchant_of(request)
    with tenancy.tenant(merchant):
        chosen = directory.here(merchant=merchant, public_ids=chosen_of(request)[: bulk_adjustments.MEMBERS_MAX])
        if not chosen:
            notes.error(request, _("Choose members in the list first."))
            return screens.to(request, "members")
        is_first = "bulk" not in request.POST
        form = GiveForm(
            screens.decimals_of(request), _limit(request), None if is_first else request.POST,
            initial={"bulk": ids.mint("adj")},
        )  # fmt: skip
        if request.POST.get("act") == "ask" and not form.is_valid() and _may_ask(form):
            return _ask(request, form, chosen)
        if not form.is_valid() or request.POST.get("act") != "give":
            return _asked(request, form, chosen)
    read = form.cleaned_data
    outcome = bulk_adjustments.give(
        merchant=merchant, bulk=read["bulk"], members=[member.public_id for member in chosen],
        points=read["points"], reason=read["reason"], now=now_of(request), actor=actor_of(request),
    )  # fmt: skip
    with tenancy.tenant(merchant):
        _say_refused(request, outcome, {member.public_id: str(member) for member in chosen})
        undo = screens.Undo(screens.url(request, "members_points_undo", bulk_id=read["bulk"]))
        said = _gave(request, read["points"], outcome.done) if outcome.done else ""
        return screens.to(request, "members_points_given", said=said, undo=undo, bulk_id=read["bulk"])


def _may_ask(form: GiveForm) -> bool:
    """State whether all that is wrong with the form is that an owner has to approve it."""
    return form.is_bound and list(form.errors) == ["points"] and form.has_error("points", "above_your_limit")


def _ask(request: HttpRequest, form: GiveForm, chosen: list[Member]) -> HttpResponse:
    points = form.fields["points"].clean(form.data["points"])
    return approvals.asked(
        request, [AskedLine(member.public_id, points) for member in chosen],
        request_id=request.POST.get("request", ""), reason=form.cleaned_data["reason"],
        back=screens.url(request, "members"),
    )  # fmt: skip


@require_GET
@seat_required(Permission.ADJUST_POINTS)
def given(request: HttpRequest, merchant_slug: str, bulk_id: str) -> HttpResponse:
    """Show whom points were given together, and whose were taken back."""
    merchant = merchant_of(request)
    made = bulk_adjustments.made_as(merchant=merchant, bulk=_known(bulk_id))
    if not made:
        raise Http404
    names = directory.names(merchant=merchant, public_ids=[row.member for row in made])
    standing = [row for row in made if row.is_standing]
    page = {
        "bulk": bulk_id, "made": [(row, names.get(row.member, row.member)) for row in made], "points": made[0].points,
        "reason": made[0].reason, "standing": len(standing), "total": sum(row.points for row in standing),
    }  # fmt: skip
    return screens.show(request, "console/members/points_given.html", page)


@require_POST
@outside_tenant
@seat_required(Permission.ADJUST_POINTS)
def undo(request: HttpRequest, merchant_slug: str, bulk_id: str) -> HttpResponse:
    """Take the points back from all who still have them, each in a transaction of its own."""
    merchant, limit = merchant_of(request), _limit(request)
    with tenancy.tenant(merchant):
        made = bulk_adjustments.made_as(merchant=merchant, bulk=_known(bulk_id))
        if limit is not None and any(abs(row.points) > limit for row in made):
            answer = screens.to(request, "approval_ask")
            answer["Location"] += f"?{urlencode({'bulk': bulk_id})}"
            return answer
    outcome = bulk_adjustments.undo(
        merchant=merchant, bulk=_known(bulk_id), reason=_("Adjustment undone"), now=now_of(request),
        actor=actor_of(request),
    )  # fmt: skip
    with tenancy.tenant(merchant):
        made = bulk_adjustments.made_as(merchant=merchant, bulk=bulk_id)
        if not made:
            raise Http404
        names = directory.names(merchant=merchant, public_ids=[row.member for row in made])
        _say_refused(request, outcome, {row.public_id: names.get(row.member, "") for row in made})
        return screens.to(request, "members_points_given", bulk_id=bulk_id)


def _asked(request: HttpRequest, form: GiveForm, chosen: list[Member]) -> HttpResponse:
    is_valid = form.is_bound and form.is_valid()
    page = {
        "form": form, "chosen": chosen, "shown": chosen[:_NAMES_SHOWN], "more": max(len(chosen) - _NAMES_SHOWN, 0),
        "limit": form.limit, "may_ask": _may_ask(form), "request_id": ids.mint("prq"), "days": DAYS_VALID, "total": len(chosen) * form.cleaned_data["points"] if is_valid else None,
    }  # fmt: skip
    status = 422 if form.is_bound and not is_valid else 200
    return screens.show(request, "console/members/points_give.html", page, status=status)


def _gave(request: HttpRequest, points: int, count: int) -> str:
    """Return what was done: +50 points each for 3 members."""
    said = ngettext("%(change)s points for %(count)d member.", "%(change)s points each for %(count)d members.", count)
    return said % {"change": filters.signed_points(points, screens.decimals_of(request)), "count": count}


def _say_refused(request: HttpRequest, outcome: BulkOutcome, names: dict[str, str]) -> None:
    if not outcome.refused:
        return
    shown = list(outcome.refused.items())[:_REFUSED_SHOWN]
    why = " ".join(f"{names.get(name, name)}: {detail}" for name, detail in shown)
    count = len(outcome.refused)
    said = ngettext("%(count)d member was left out.", "%(count)d members were left out.", count) % {"count": count}
    notes.warning(request, f"{said} {why}")


def _limit(request: HttpRequest) -> int | None:
    if screens.may_do(request, Permission.ADJUST_POINTS_WITHOUT_LIMIT):
        return None
    return merchant_of(request).adjustment_points_max


def _known(bulk_id: str) -> str:
    if not ids.is_id(bulk_id, "adj"):
        raise Http404
    return bulk_id
