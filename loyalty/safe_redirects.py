"""Addresses that only take forms, opened like pages: reloaded, or from the history, they lead back to their page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve


class SafeRedirects:
    """Answers a browser that opens a form's address with the page above it; a program hears "not allowed" as before."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Who opens a page says so; `*/*` is what programs send.
        if (
            response.status_code != 405
            or request.method != "GET"
            or "text/html" not in request.headers.get("Accept", "")
        ):
            return response
        for above in _above(request.path_info):
            try:
                resolve(above)
            except Resolver404:
                continue
            return HttpResponseRedirect(request.path.removesuffix(request.path_info) + above)
        return response


def _above(path: str) -> Iterator[str]:
    """The addresses above one, nearest first: `/m/cafe/me/details` stands below `/m/cafe/me`."""
    while (path := path.rstrip("/").rpartition("/")[0]) != "":
        yield path
        yield f"{path}/"
    yield "/"
