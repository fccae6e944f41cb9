"""The way for members to join by themselves: a link, and a poster to be printed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from merchants.permissions import Permission


@require_GET
@seat_required(Permission.EDIT_MEMBERS)
def poster(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the link to join as a page for the printer."""
    link = request.build_absolute_uri(reverse("portal:join", kwargs={"merchant_slug": merchant_slug}))
    return screens.show(request, "console/members/poster.html", {"link": link})
