"""Two memberships of one person made one: find the other, see what comes together, confirm; and undone again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members import merge_preview
from loyalty.console.members.member_list import tier_names
from loyalty.console.members.member_page import member_or_404
from loyalty.tenant import merchant_of
from members import directory, reveals
from members.directory import Member
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances
from rewards import merging as verbs
from rewards.merging import listing


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_MEMBERS)
def merge(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Choose who is merged into this member (`?q=`), show what it would make (`?other=`), and do it on POST."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    page: dict[str, Any] = {"member": member, "typed": request.GET.get("q", "").strip()[:100]}
    other_id = request.POST.get("other", "") if request.method == "POST" else request.GET.get("other", "")
    if not other_id:
        return screens.show(request, "console/members/merge.html", page | _found(request, member, page["typed"]))
    try:
        other = directory.get(merchant=merchant, public_id=other_id)
    except LoyaltyError:
        notes.error(request, _("There is no such member."))
        return screens.show(request, "console/members/merge.html", page, status=422)
    if other.pk == member.pk:
        notes.error(request, _("This is the same member."))
        return screens.show(request, "console/members/merge.html", page, status=422)
    if request.method == "POST":
        try:
            with transaction.atomic():
                done = verbs.merge(
                    merchant=merchant, source=other.public_id, target=member.public_id, now=now_of(request),
                    actor=actor_of(request),
                )  # fmt: skip
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
        else:
            said = _("%(name)s was merged into this member.") % {"name": other}
            undo = screens.Undo(
                screens.url(request, "member_unmerge", member_id=member.public_id), {"merge": done.public_id}
            )
            return screens.to(request, "member", said=said, undo=undo, member_id=member.public_id)
    page["preview"] = merge_preview.preview(request, source=other, target=member)
    status = 422 if request.method == "POST" else 200
    return screens.show(request, "console/members/merge.html", page, status=status)


def _found(request: HttpRequest, member: Member, typed: str) -> dict[str, Any]:
    """Whom a text fits, this member left out; without one, those who are called the same."""
    merchant, text = merchant_of(request), typed or member.name
    found = directory.look_up(merchant=merchant, text=text, blocked_cards=True) if text else []
    others = [each for each in found if each.member.pk != member.pk]
    held = balances.now(merchant=merchant, member_ids=[each.member.pk for each in others], now=now_of(request))
    tiers = tier_names(request)
    return {
        "found": [
            {
                "found": each, "member": each.member, "code": ids.grouped(each.member.code), "contacts": reveals.masked(each.member),
                "balance": held.get(each.member.pk),
                "tier": tiers.get(held[each.member.pk].tier, "") if each.member.pk in held else "",
            }
            for each in others
        ]
    }  # fmt: skip


@require_POST
@seat_required(Permission.EDIT_MEMBERS)
def unmerge(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Undo a merge into this member."""
    member, merchant = member_or_404(request, member_id), merchant_of(request)
    named = request.POST.get("merge", "")
    if named not in {each.public_id for each in listing.into(merchant=merchant, member_id=member.pk, limit=200)}:
        notes.error(request, _("There is no such merge."))
        return screens.to(request, "member", member_id=member.public_id)
    try:
        with transaction.atomic():
            undone = verbs.unmerge(merchant=merchant, merge=named, now=now_of(request), actor=actor_of(request))
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "member", member_id=member.public_id)
    return screens.to(
        request, "member", said=_("The merge is undone; this is the member it gave back."), member_id=undone.source
    )
