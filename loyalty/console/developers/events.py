"""What happened, as webhooks and the API tell it: each event with its payload."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.tenant import merchant_of
from members import directory
from merchants import outbox
from merchants.permissions import Permission
from merchants.webhooks import log
from merchants.webhooks.log import NoSuchEvent, RecordedEvent


@require_GET
@seat_required(Permission.MANAGE_WEBHOOKS)
def events(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the events that are kept, newest first; `?kind=` narrows them to one kind."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in outbox.KINDS else ""
    before = screens.read_cursor(request, str)
    try:
        rows = _rows(request, kind, before)
    except NoSuchEvent:
        # Events go 30 days after they were delivered: a page that is gone begins at the newest again.
        rows = _rows(request, kind, None)
    shown, following = screens.cut(rows, lambda event: event.id)
    names = directory.names(merchant=merchant_of(request), public_ids={_member_of(event) for event in shown})
    page: dict[str, Any] = {
        "events": [
            {
                "event": event,
                "payload": _pretty(event),
                "member": _member_of(event),
                "name": names.get(_member_of(event)),
            }
            for event in shown
        ],
        "kind": kind,
        "kinds": [each for each in outbox.KINDS if each != outbox.PING],
        "cursor": following,
    }
    return screens.show(request, "console/developers/events.html", page)


def _rows(request: HttpRequest, kind: str, before: str | None) -> list[RecordedEvent]:
    return log.events(
        merchant=merchant_of(request), kinds=[kind] if kind else [], limit=screens.PAGE + 1, before_id=before
    )


def _member_of(event: RecordedEvent) -> str:
    found = event.payload.get("member")
    return found if isinstance(found, str) else ""


def _pretty(event: RecordedEvent) -> str:
    return json.dumps(event.payload, indent=2, ensure_ascii=False)
