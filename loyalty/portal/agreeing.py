"""The privacy notice, open to everybody; and agreeing to it again, or having read it, when it has changed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from loyalty.portal import screens
from loyalty.portal.session import actor_of, member_of, member_required, now_of, present_member
from loyalty.tenant import merchant_of
from loyalty.ui import prose
from loyalty.ui.consent_form import consent_form, document_named
from members import consent
from members import privacy as notices
from merchants import privacy_notices
from merchants.errors import LoyaltyError
from rewards import agreements


@require_GET
def privacy(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the notice in force, or with `?version=` an older one: what somebody agreed to stays readable."""
    merchant, asked = merchant_of(request), request.GET.get("version", "")
    if asked and not (asked.isascii() and asked.isdecimal() and len(asked) <= 6):
        raise Http404
    number = int(asked) if asked else None
    found = notices.notice(merchant=merchant, language=screens.language(), number=number)
    if found is None:
        raise Http404
    newest = privacy_notices.newest(merchant)
    page = {
        "frame": "portal/base.html" if present_member(request) is not None else "portal/base_guest.html",
        "notice": found,
        "standard_since": notices.STANDARD_SINCE,
        "text": prose.html(found.text),
        "is_old": newest is not None and newest.number != found.number,
    }
    return screens.show(request, "portal/privacy.html", page)


@require_http_methods(["GET", "POST"])
@member_required
def agree(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Ask for what is missing, box by box, or note that the changed notice was read; nothing is blocked meanwhile."""
    merchant, member, now = merchant_of(request), member_of(request), now_of(request)
    pending = consent.pending_notice(merchant=merchant, member=member)
    if not pending:
        return redirect("portal:home", merchant_slug=merchant_slug)
    documents = agreements.in_force(merchant=merchant, now=now)
    said = consent.standing(merchant=merchant, member=member)
    missing = [box for box in consent.wordings(merchant)
               if box.is_required and (box.code == "privacy" or not (box.code in said and said[box.code].is_granted))]  # fmt: skip
    posted = request.POST if request.method == "POST" else None
    boxes = consent_form(merchant, missing if pending == "ask" else [], posted, documents)
    if posted is not None and boxes.is_valid():
        common: dict[str, Any] = {"merchant": merchant, "member": member, "now": now, "actor": actor_of(request)}
        try:
            with transaction.atomic():
                if pending == "ask":
                    consent.record_answers(granted=boxes.granted, documents=documents, source="portal", **common)
                else:
                    consent.note_informed(document=documents["privacy"], **common)
        except LoyaltyError as refusal:
            boxes.add_error(None, refusal.detail)
        else:
            notes.success(request, _("Noted. Thank you."))
            return redirect("portal:home", merchant_slug=merchant_slug)
    if boxes.is_bound:
        boxes.show_anew()
    page = {"boxes": boxes, "pending": pending, "is_new": "privacy" not in said}
    return screens.show(request, "portal/agree.html", page, status=422 if boxes.is_bound else 200)


@require_GET
@member_required
def history(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show everything the member ever agreed to or withdrew, with the words they saw."""
    events = consent.history(merchant=merchant_of(request), member=member_of(request))
    page = {"events": [{"past": each, "document": document_named(each.document)} for each in events]}
    return screens.show(request, "portal/consents.html", page)
