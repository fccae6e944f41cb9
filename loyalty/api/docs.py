"""What developers read: the OpenAPI file, the reference made from it, and a page for each refusal."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from loyalty.api import openapi
from loyalty.api.catalogue import KINDS


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI file as this installation runs it."""
    return HttpResponse(openapi.written(), content_type="application/json")


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The reference, with every call to try out."""
    return render(request, "api/reference.html")


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """All codes, by status."""
    kinds = sorted(KINDS.items(), key=lambda item: (item[1].status, item[0]))
    return render(request, "api/problems.html", {"kinds": kinds})


@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What one code means and what to do."""
    kind = KINDS.get(code)
    if kind is None:
        raise Http404
    return render(request, "api/problem.html", {"code": code, "kind": kind})
