"""What developers read: the first sale, the OpenAPI file, the reference made from it, a page for each refusal."""

from __future__ import annotations

import re
from functools import lru_cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from loyalty.api import markdown, openapi
from loyalty.api.catalogue import KINDS

_ABROAD = re.compile(r"\[([^\]]+)\]\((https://[^)\s]+)\)")
_QUICKSTART = settings.BASE_DIR / "docs" / "pos-quickstart.md"


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI file as this installation runs it."""
    return HttpResponse(openapi.written(), content_type="application/json")


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The reference, with every call to try out."""
    return render(request, "api/reference.html")


@require_safe
def quickstart(request: HttpRequest) -> HttpResponse:
    """The guide for till developers, its calls with the address at which it is read."""
    return render(request, "api/quickstart.html", {"guide": _guide(request.build_absolute_uri("/").rstrip("/"))})


@lru_cache(maxsize=8)
def _guide(address: str) -> SafeString:
    text = _QUICKSTART.read_text(encoding="utf-8").replace("http://localhost:8000", address)
    # Our pages name other houses and lead to none of them.
    text = _ABROAD.sub(r"\1 (`\2`)", text)
    return markdown.html(text, links={"openapi.json": reverse("api:schema")})


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
