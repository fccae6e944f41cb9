"""What is sent to a page may have a few megabytes: more is refused before anybody reads it, or writes it to a disk.

Django counts the fields of a form and spools files of any size, and it does so before a view asks who is there. The API
measures its bodies itself (loyalty/api/framework/bodies.py).
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat


class BodyLimit:
    """Answers 413 when the body says it is longer than it may be; one without a length is read as none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        # The server in front says how much it has read at most (loyalty/server/routes.py).
        most = request.META.get("loyalty.body_bytes_max") or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length.isdecimal() and int(length) <= most:
            return self.get_response(request)
        return render(request, "errors/413.html", {"most": filesizeformat(most)}, status=413)
