"""Where a list on a page goes on, as its address says (`?cursor=`)."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest

from merchants import cursors


def read_cursor(request: HttpRequest, kind: Any) -> Any:
    """Return the sort key in `?cursor=`, None without one; an address that was tampered with is no page."""
    text = request.GET.get("cursor", "")
    if not text:
        return None
    try:
        return cursors.read(text, kind)
    except cursors.NotACursor:
        raise Http404 from None
