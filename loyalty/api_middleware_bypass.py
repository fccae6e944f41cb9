"""API calls bypass the middleware of pages: they need no session, cookie, message or page header.

Measured: the rest of the chain cost a call as much as everything the endpoint itself does.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation
from django.utils.translation import gettext as _

from loyalty.api.framework import problems

_CALLS = "/api/v1/"


class ApiMiddlewareBypass:
    """Answers calls of the API straight from its views, in the caller's language; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(_CALLS):
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            # The same as everywhere else, where it is CommonMiddleware that asks.
            return problems.response(
                "unknown_host",
                detail=_("This installation does not answer to that Host."),
                request_id=getattr(request, "request_id", ""),
                status=problems.HostUnknown.http,
            )
        match = request.resolver_match = resolve(request.path_info)
        wanted = request.META.get("HTTP_ACCEPT_LANGUAGE")
        language = translation.get_language_from_request(request) if wanted else settings.LANGUAGE_CODE
        with translation.override(language):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        response.headers["Content-Language"] = language
        return response
