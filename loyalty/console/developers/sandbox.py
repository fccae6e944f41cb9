"""A test shop beside the real one: same settings, same programme, keys that read lk_test_, and nothing real."""

from __future__ import annotations

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of, outside_tenant
from merchants import contacts, opening, seats, tenancy
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import programmes


@require_POST
@outside_tenant
@seat_required(Permission.MANAGE_KEYS)
def open_one(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Open it, publish there what is published here, and go there."""
    merchant, now, actor = merchant_of(request), now_of(request), actor_of(request)
    user = request.user
    assert user.is_authenticated
    try:
        owner = contacts.read(user.email or user.phone or "", country=merchant.country)
        sandbox = opening.open_sandbox(merchant=merchant, owner=owner, now=now, actor=actor)
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "keys")
    with tenancy.tenant(merchant):
        versions = programmes.published(merchant=merchant, limit=1)
    if versions:
        seat = seats.find(merchant=sandbox, user=user)
        assert seat is not None
        there = seats.actor_of(seat)
        with tenancy.tenant(sandbox):
            document = versions[0].document
            programmes.save_draft(merchant=sandbox, document=document, revision=None, now=now, actor=there)
            programmes.publish(merchant=sandbox, now=now, actor=there)
    notes.success(request, _("This is your test shop. Nothing here is real; try what you like."))
    return redirect("console:keys", merchant_slug=sandbox.slug)
