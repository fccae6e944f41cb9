"""Photos of rewards, which members look at.  They show at once; no publishing is needed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of
from merchants import photos, pictures
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import programmes


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def change(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Put the photo that was chosen in the place of the one of reward `?code=`, or take it away, as `act` says."""
    merchant, code = merchant_of(request), request.GET.get("code", "")
    if not _is_known(request, code):
        notes.error(request, _("This reward is not in the draft any more."))
        return screens.to(request, "rewards")
    common: dict[str, Any] = {
        "merchant": merchant, "subject": photos.of_reward(code), "now": now_of(request), "actor": actor_of(request),
    }  # fmt: skip
    chosen = request.FILES.get("photo")
    try:
        with transaction.atomic():
            if request.POST.get("act") == "remove":
                photos.remove(**common)
                said = _("The photo is gone.")
            else:
                # One byte too many is enough to know that it is too large.
                photos.change(file=chosen.read(pictures.PHOTO_BYTES_MAX + 1) if chosen else b"", **common)
                said = _("Members see the photo from now on.")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, said)
    return redirect(f"{screens.url(request, 'reward_edit')}?code={quote(code)}")


def _is_known(request: HttpRequest, code: str) -> bool:
    """Return whether the draft or the terms in force have the reward."""
    version = screens.version_of(request)
    known = {each["code"] for each in programmes.draft(merchant=merchant_of(request)).document.get("rewards", ())}
    return code in known or (version is not None and code in {each.code for each in version.terms.rewards})
