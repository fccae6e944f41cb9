"""What a page may ask of the device: nothing, but the counter, which may read a card with the camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

HEADER: Final = "Permissions-Policy"
_REST: Final = "microphone=(), geolocation=(), payment=(), usb=()"
NOTHING: Final = f"camera=(), {_REST}"
WITH_CAMERA: Final = f"camera=(self), {_REST}"


class PermissionsPolicyMiddleware:
    """Say on every page that it asks nothing of the device, unless its view has said otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault(HEADER, NOTHING)
        return response
