"""Stamps of a member: their cards, what happened on them, and stamps given or taken by hand with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.member_cards import cards_of
from loyalty.console.members.enrolling import blame
from loyalty.console.members.member_page import member_or_404
from loyalty.console.programme.fields import with_look
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, stamp_adjustments
from rewards.stamp_adjustments import STAMPS_MAX, StampAdjustmentInput


class StampsForm(forms.Form):
    """Give stamps or take them, and say why; the id was minted when the form was shown."""

    external_id = forms.RegexField(regex=r"^sta_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    card = forms.ChoiceField(label=gettext_lazy("Stamp card"))
    way = with_look(
        forms.ChoiceField(
            label=gettext_lazy("What"), widget=forms.RadioSelect, initial="give",
            choices=[("give", gettext_lazy("give")), ("take", gettext_lazy("take"))],
        ),
        look="segments",
    )  # fmt: skip
    stamps = with_look(
        forms.IntegerField(label=gettext_lazy("Stamps"), min_value=1, max_value=STAMPS_MAX, initial=1),
        look="stepper",
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("The member can be shown it.")
    )

    def __init__(self, cards: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["card"].choices = cards  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@seat_required(Permission.ADJUST_POINTS)
def adjust(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Give stamps or take them; what is more than on the card takes an unused reward back, or is owed."""
    member, merchant, now = member_or_404(request, member_id), merchant_of(request), now_of(request)
    balance = balances.of_member(merchant=merchant, member_id=member.pk, now=now)
    cards = [(card.code, card.name) for card in cards_of(request, member, balance)]
    chosen = request.GET.get("card", "")
    form = StampsForm(
        cards, request.POST if request.method == "POST" else None,
        initial={"external_id": ids.mint("sta"), "card": chosen if chosen in dict(cards) else None},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        asked = StampAdjustmentInput(
            external_id=f"console:{read['external_id']}", stamp_card=read["card"], reason=read["reason"],
            stamps=-read["stamps"] if read["way"] == "take" else read["stamps"],
        )  # fmt: skip
        try:
            with transaction.atomic():
                outcome = stamp_adjustments.adjust(
                    merchant=merchant, member=member.public_id, asked=asked, now=now, actor=actor_of(request)
                )
        except LoyaltyError as refusal:
            blame(form, refusal)
        else:
            undo = screens.Undo(
                screens.url(request, "member_stamps_undo", member_id=member.public_id), {"adjustment": outcome.public_id}
            )  # fmt: skip
            return _back(request, member, _said(outcome.receipt), undo=undo)
    page = {"member": member, "form": form, "has_cards": bool(cards)}
    return screens.show(request, "console/members/stamps_adjust.html", page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.ADJUST_POINTS)
def undo(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Move the stamps of a correction (`adjustment`, its id) the other way, as a correction of its own."""
    member = member_or_404(request, member_id)
    try:
        with transaction.atomic():
            outcome = stamp_adjustments.undo(
                merchant=merchant_of(request), adjustment=request.POST.get("adjustment", "")[:40],
                reason=_("Adjustment undone"), now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return _back(request, member, "")
    return _back(request, member, _said(outcome.receipt))


def _back(request: HttpRequest, member: Member, said: str, *, undo: screens.Undo | None = None) -> HttpResponse:
    answer = screens.to(request, "member", said=said, undo=undo, member_id=member.public_id)
    answer["Location"] += "?show=stamps"
    return answer


def _said(receipt: Mapping[str, Any]) -> str:
    """Say what was done, and what is on the card then."""
    count = receipt["stamps"]
    done = (
        ngettext("%(count)d stamp given.", "%(count)d stamps given.", count)
        if count > 0
        else ngettext("%(count)d stamp taken.", "%(count)d stamps taken.", -count)
    )
    left = _("On the card: %(count)s.") % {"count": receipt["on_card"]}
    return f"{done % {'count': abs(count)}} {left}"
