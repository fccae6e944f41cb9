"""Whose page this is: one middleware that opens the merchant's data for console and portal pages.

The API opens its tenant from the key (loyalty/api), the worker from the task's argument (loyalty/worker).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from loyalty import VERSION
from merchants import directory, tenancy
from merchants.directory import Merchant
from rewards import versions


class TenantMiddleware:
    """Views under a `slug` of a merchant run inside that merchant's tenant, the whole view once more on a deadlock.

    A view marked `@outside_tenant` (a streamed answer, a page that sends mail) opens its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        slug = kwargs.get("merchant_slug")
        if slug is None:
            return None
        merchant = directory.find_by_slug(slug)
        if merchant is None:
            raise Http404
        request.merchant = merchant  # type: ignore[attr-defined]
        if getattr(view, "outside_tenant", False):
            return None
        # Days and times on the page are the merchant's.
        with timezone.override(merchant.tzinfo):
            return tenancy.attempt(merchant, lambda: _answered(request, lambda: view(request, *args, **kwargs)))


def _answered(request: HttpRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Answer, and render a lazy template while the tenant is still open; a page that only reads asks once for the terms."""
    with versions.asked_once() if request.method in ("GET", "HEAD") else nullcontext():
        response = view()
        render = getattr(response, "render", None)
        return render() if callable(render) else response


def outside_tenant(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    view.outside_tenant = True  # type: ignore[attr-defined]
    return view


def merchant_of(request: HttpRequest) -> Merchant:
    merchant: Merchant = request.merchant  # type: ignore[attr-defined]
    return merchant


def context(request: HttpRequest) -> dict[str, Any]:
    return {"merchant": getattr(request, "merchant", None), "product_version": VERSION}
