"""Saving one part of the draft: two people who edit different parts do not disturb each other, and two who edit the
same one are told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from msgspec import json

from loyalty.console.access import actor_of, now_of
from loyalty.console.actor_names import ActorNames
from loyalty.console.programme.shapes import Document, spelled
from loyalty.tenant import merchant_of
from rewards import programmes
from rewards.programmes import Draft, DraftMoved


def seen(part: Any) -> str:
    """Return the print of a part as it was shown; the form sends it back."""
    return hashlib.sha256(json.encode(part, order="sorted")).hexdigest()[:20]


def save(
    request: HttpRequest,
    *,
    part: Callable[[Document], Any],
    change: Callable[[Document], None],
    shown: str | None = None,
) -> Draft:
    """Change the newest draft, if the part is still the one that was shown (`shown`, or `seen` in the form).

    :raises DraftMoved: somebody changed this very part; what was typed is not lost, the form is shown again.
    :raises InvalidProgramme: the terms forbid it.
    """
    merchant = merchant_of(request)
    latest = programmes.draft(merchant=merchant)
    document = spelled(latest)
    if (shown or request.POST.get("seen")) != seen(part(document)):
        raise moved(latest, ActorNames(merchant))
    change(document)
    with transaction.atomic():
        return programmes.save_draft(
            merchant=merchant, document=document, revision=latest.revision, now=now_of(request), actor=actor_of(request)
        )


def moved(latest: Draft, actor_names: ActorNames) -> DraftMoved:
    return DraftMoved(
        _(
            "%(who)s changed this while you were typing. Your words are still here: look at theirs, then save again to put yours in their place."
        )
        % {"who": actor_names[latest.updated_by] or _("Somebody")},
        revision=latest.revision,
    )
