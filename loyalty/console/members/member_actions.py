"""What staff may do about a member: adjust, refund, undo, reveal, block, cards, consents, correct what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from engagement import missing, surveys
from loyalty.console import approvals, screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members.enrolling import PersonForm, blame
from loyalty.console.members.member_page import member_or_404, page_of
from loyalty.console.programme.fields import PointsField, with_look
from loyalty.tenant import merchant_of
from loyalty.ui import filters
from members import blocking, cards, consent, registration, reveals
from members.directory import Member
from members.inputs import MemberChanges
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import adjustments, redemptions, referrals, safeguards
from rewards.adjustments import AboveYourLimit, AdjustmentInput
from rewards.approvals import DAYS_VALID, AskedLine
from rewards.parties import MemberRef


class AdjustForm(forms.Form):
    """Give points or take them, and say why; the id was minted when the form was shown."""

    external_id = forms.RegexField(regex=r"^[\x21-\x7e]+\Z", max_length=60, widget=forms.HiddenInput)
    way = with_look(
        forms.ChoiceField(
            label=gettext_lazy("What"), widget=forms.RadioSelect, initial="give",
            choices=[("give", gettext_lazy("give")), ("take", gettext_lazy("take"))],
        ),
        look="segments",
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("The member can be shown it.")
    )

    def __init__(self, decimals: int, *args: Any, may_make_debt: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        if may_make_debt:
            self.fields["allow_debt"] = with_look(
                forms.BooleanField(
                    label=_("Take more than there is"), required=False,
                    help_text=_("The rest becomes debt: the next points they earn pay it."),
                ),
                look="switch",
            )  # fmt: skip
        self.fields["points"] = with_look(PointsField(decimals, label=_("Points")), after=_("points"))


@require_http_methods(["GET", "POST"])
@seat_required(Permission.ADJUST_POINTS)
def adjust(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Correct a balance, with a reason, within what the role allows."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    decimals, may_ask = screens.decimals_of(request), False
    form = AdjustForm(
        decimals, request.POST if request.method == "POST" else None,
        initial={"external_id": ids.mint("adj"), "way": "give"},
        may_make_debt=screens.may_do(request, Permission.ADJUST_POINTS_WITHOUT_LIMIT),
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        sign = -1 if read["way"] == "take" else 1
        asked = AdjustmentInput(
            external_id=f"console:{read['external_id']}", member=MemberRef(id=member.public_id),
            points=sign * read["points"], reason=read["reason"],
            allow_debt=sign < 0 and bool(read.get("allow_debt")),
        )  # fmt: skip
        if request.POST.get("act") == "ask":
            return approvals.asked(
                request, [AskedLine(member.public_id, asked.points)], request_id=request.POST.get("request", ""),
                reason=asked.reason, back=screens.url(request, "member_adjust", member_id=member.public_id),
            )  # fmt: skip
        try:
            with transaction.atomic():
                outcome = adjustments.adjust(
                    merchant=merchant, asked=asked, now=now_of(request), actor=actor_of(request)
                )
            outcome.unless_refused()
        except LoyaltyError as refusal:
            blame(form, refusal)
            may_ask = isinstance(refusal, AboveYourLimit)
            # A refusal is kept under its id: the next try is a new one.
            typed = request.POST.copy()
            typed["external_id"] = ids.mint("adj")
            form.data = typed
        else:
            undo = screens.Undo(
                screens.url(request, "member_adjust_undo", member_id=member.public_id), {"adjustment": outcome.public_id}
            )  # fmt: skip
            return _back(request, member, _moved(request, asked.points, outcome.receipt["balance_after"]), undo=undo)
    limit = None if screens.may_do(request, Permission.ADJUST_POINTS_WITHOUT_LIMIT) else merchant.adjustment_points_max
    page = {
        "member": member, "form": form, "limit": limit, "may_ask": may_ask, "request_id": ids.mint("prq"),
        "days": DAYS_VALID,
    }  # fmt: skip
    return screens.show(request, "console/members/adjust.html", page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def undo_adjustment(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Move the points of an adjustment the other way, as an entry of its own."""
    member = member_or_404(request, member_id)
    reason = request.POST.get("reason", "").strip()[:200] or _("Adjustment undone")
    try:
        with transaction.atomic():
            outcome = adjustments.undo(
                merchant=merchant_of(request), adjustment=request.POST.get("adjustment", ""), reason=reason,
                now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
        outcome.unless_refused()
    except AboveYourLimit:
        answer = screens.to(request, "approval_ask")
        answer["Location"] += f"?{urlencode({'adjustment': request.POST.get('adjustment', '')})}"
        return answer
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return _back(request, member, "")
    said = _moved(request, outcome.receipt["points"], outcome.receipt["balance_after"])
    return _back(request, member, said)


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def unclaim(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Take a receipt that was added to the wrong member off them again, with its points."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    try:
        with transaction.atomic():
            missing.undo_claim(
                merchant=merchant, claim=request.POST.get("claim", "")[:40], reason=request.POST.get("reason", ""),
                now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return _back(request, member, "", part="purchases")
    said = _("The receipt is nobody's again, and its points are taken back. Whoever it belongs to can bring it.")
    return _back(request, member, said, part="purchases")


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def undo(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Undo a redemption of the member: release a hold, give back what was spent."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    name, minted = request.POST.get("redemption", ""), request.POST.get("external_id", "")
    found = redemptions.find(merchant=merchant, name=name, now=now_of(request)) if ids.is_id(name, "rdm") else None
    if found is None or found.member_id != member.pk or not ids.is_id(minted, "rev"):
        notes.error(request, _("Choose one of the member's redemptions."))
        return screens.to(request, "member", member_id=member.public_id)
    common: dict[str, Any] = {
        "merchant": merchant,
        "redemption": name,
        "now": now_of(request),
        "actor": actor_of(request),
    }
    try:
        with transaction.atomic():
            if found.is_open:
                redemptions.release(asked=redemptions.ReleaseInput(external_id=f"console:{minted}"), **common)
            else:
                reason = request.POST.get("reason", "")[:200]
                asked = redemptions.ReversalInput(external_id=f"console:{minted}", reason=reason)
                redemptions.reverse(asked=asked, **common)
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return _back(request, member, "", part="redemptions")
    return _back(request, member, _("Undone. Points returned; expiry unchanged."), part="redemptions")


@require_POST
@seat_required(Permission.REVEAL_CONTACTS)
def reveal(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Show the contacts whole, this once; the audit record says who looked."""
    member = member_or_404(request, member_id)
    shown = reveals.reveal(merchant=merchant_of(request), member=member, now=now_of(request), actor=actor_of(request))
    return page_of(request, member, shown=shown)


#: What undoes an act of `turn`: another act of it.
_OPPOSITES = {
    "block": "unblock", "unblock": "block", "stop_spending": "allow_spending", "allow_spending": "stop_spending",
    "block_card": "unblock_card",
}  # fmt: skip
#: What is done from the menu of the page, and not from its part about the person.
_ON_TOP = ("block", "unblock", "new_code", "stop_spending", "allow_spending")


@require_POST
@seat_required(Permission.EDIT_MEMBERS)
def turn(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Block the membership or open it again; replace its code; stop and allow spending; give, block or replace a card; note a consent or a follow-up - as `act` says."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    typed = request.POST
    common: dict[str, Any] = {
        "merchant": merchant, "member": member, "now": now_of(request), "actor": actor_of(request),
    }  # fmt: skip
    verbs: dict[str, tuple[Callable[[], object], str]] = {
        "block": (lambda: blocking.block(reason=typed.get("reason", ""), **common),
                  _("The membership is blocked: nothing is earned or spent until you open it again.")),
        "unblock": (lambda: blocking.unblock(**common), _("The membership is open again.")),
        "new_code": (lambda: safeguards.replace_code(**common),
                     _("The member has a new code. The old one is worth nothing now.")),
        "stop_spending": (lambda: safeguards.stop_spending(**common),
                          _("Spending is stopped. Points are collected as ever.")),
        "allow_spending": (lambda: safeguards.allow_spending(**common), _("Points can be spent again.")),
        "refuse_referral": (lambda: referrals.refuse(**common), _("No referral points are paid for this member.")),
        "give_card": (lambda: cards.issue(number=typed.get("number", ""), **common), _("The card is theirs now.")),
        "block_card": (
            lambda: cards.block(number=typed.get("number", ""), reason=typed.get("reason", "")[:200], **common),
            _("The card is blocked. You can undo this for %(minutes)d minutes.") % {"minutes": cards.UNDO_MINUTES}),
        "unblock_card": (lambda: cards.unblock(number=typed.get("number", ""), **common),
                         _("The card works again.")),
        "replace_card": (
            lambda: cards.replace(number=typed.get("number", ""), new_number=typed.get("new_number", ""), **common),
            _("The new card is theirs, and the old one is blocked.")),
        "consent": (
            lambda: consent.decide(code=typed.get("purpose", ""), is_granted=typed.get("answer") == "yes",
                                   source="console", **common),
            _("Noted.")),
        "follow_up": (
            lambda: surveys.follow_up(merchant=merchant, answer_id=typed.get("answer", "")[:40],
                                      now=common["now"], actor=common["actor"]),
            _("Noted.")),
    }  # fmt: skip
    act = typed.get("act", "")
    if act not in verbs:
        notes.error(request, _("There is no such choice."))
        return screens.to(request, "member", member_id=member.public_id)
    verb, said = verbs[act]
    try:
        with transaction.atomic():
            verb()
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        said = ""
    undo = _opposite(request, member, act)
    return _back(request, member, said, undo=undo, part="activity" if act in _ON_TOP else "person")


class ChangeForm(PersonForm):
    """What is known of a member; contacts that are masked stay when left empty."""

    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For your team; the member does not see it."),
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_MEMBERS)
def change(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Correct what is known of the member. Contacts are typed anew or left alone: they are not shown here."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    known = {
        "name": member.name, "language": member.language, "external_id": member.external_id or "", "note": member.note,
        "birthday": f"{member.birth_month:02d}-{member.birth_day:02d}" if member.birth_month and member.birth_day else "",
    }  # fmt: skip
    form = ChangeForm(request.POST if request.method == "POST" else None, initial=known)
    form.use_required_attribute = False
    masked = reveals.masked(member)
    for name in ("email", "phone"):
        hint = getattr(masked, name)
        form.fields[name].help_text = (
            _("Now %(contact)s. Leave empty to keep it.") % {"contact": hint} if hint else form.fields[name].help_text
        )
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        changed = {
            "name": read["name"], "note": read["note"], "birthday": read["birthday"] or None,
            "external_id": read["external_id"] or None,
            **{name: read[name] for name in ("language", "email", "phone") if read[name]},
        }  # fmt: skip
        try:
            changes = msgspec.convert(changed, MemberChanges)
            with transaction.atomic():
                registration.update(
                    merchant=merchant, member=member, changes=changes, actor=actor_of(request), now=now_of(request)
                )
        except LoyaltyError as refusal:
            blame(form, refusal)
        except msgspec.ValidationError:
            form.add_error(None, _("Something here cannot be stored. Check for stray signs."))
        else:
            return _back(request, member, _("Saved."), part="person")
    page = {"member": member, "form": form}
    return screens.show(request, "console/members/change.html", page, status=422 if form.is_bound else 200)


def _moved(request: HttpRequest, points: int, balance: int) -> str:
    """Return what a correction did: +500 points. New balance 9,952."""
    decimals = screens.decimals_of(request)
    return _("%(change)s points. New balance %(balance)s.") % {
        "change": filters.signed_points(points, decimals), "balance": filters.points(balance, decimals),
    }  # fmt: skip


def _opposite(request: HttpRequest, member: Member, act: str) -> screens.Undo | None:
    """Return the form that does the opposite of what `turn` just did."""
    if act not in _OPPOSITES:
        return None
    fields = {"act": _OPPOSITES[act]}
    if act == "unblock":
        fields["reason"] = _("Opened by mistake")
    if act == "block_card":
        fields["number"] = request.POST.get("number", "")[:64]
    return screens.Undo(screens.url(request, "member_turn", member_id=member.public_id), fields)


def _back(
    request: HttpRequest, member: Member, said: str, *, part: str = "activity", undo: screens.Undo | None = None
) -> HttpResponse:
    answer = screens.to(request, "member", said=said, undo=undo, member_id=member.public_id)
    answer["Location"] += f"?show={part}"
    return answer
