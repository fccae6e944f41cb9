"""What developers read: the first sale, the OpenAPI file, the reference made from it, a page for each refusal."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from loyalty import problem_catalogue
from loyalty.api.framework import markdown, openapi
from loyalty.problem_catalogue import KINDS, status_of
from loyalty.ui import samples
from merchants import money

_ABROAD = re.compile(r"\[([^\]]+)\]\((https://[^)\s]+)\)")
_WEBHOOKS = settings.BASE_DIR / "docs" / "webhooks.md"
_QUICKSTART = settings.BASE_DIR / "docs" / "pos-quickstart.md"


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI file as this installation runs it, with its own address, which clients begin their calls with; its
    examples in the currency of a shop that asks for that."""
    currency = _currency(request)
    written = openapi.written() if currency == samples.PLAIN else _written(currency)
    ours = written.replace('"url": "/"', f'"url": "{settings.PUBLIC_URL}"', 1)
    return HttpResponse(ours, content_type="application/json")


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The reference, with every call to try out."""
    return render(request, "api/reference.html", {"currency": _currency(request)})


@require_safe
def quickstart(request: HttpRequest) -> HttpResponse:
    """The guide for till developers, its calls with the address at which it is read, in the shop's currency."""
    return _page(request, _QUICKSTART, "Quickstart")


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """The guide to what is sent to whom listens."""
    return _page(request, _WEBHOOKS, "Webhooks")


def _page(request: HttpRequest, file: Path, title: str) -> HttpResponse:
    address, currency = request.build_absolute_uri("/").rstrip("/"), _currency(request)
    page = {"guide": _guide(file, address, currency), "title": title, "currency": currency}
    return render(request, "api/quickstart.html", page)


def _currency(request: HttpRequest) -> str:
    asked = request.GET.get("currency", "")
    return asked if asked in money.currencies() else samples.PLAIN


@lru_cache(maxsize=4)
def _written(currency: str) -> str:
    document = samples.in_currency(json.loads(openapi.written()), currency)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@lru_cache(maxsize=8)
def _guide(file: Path, address: str, currency: str) -> SafeString:
    text = file.read_text(encoding="utf-8").replace("http://localhost:8000", address)
    text = samples.guide(text, currency)
    # Our pages lead to no other site.
    text = _ABROAD.sub(r"\1 (`\2`)", text)
    return markdown.html(
        text,
        links={
            "openapi.json": reverse("api:schema"),
            "webhooks.md": reverse("api:webhooks"),
            "../merchants/events": reverse("api:docs"),
        },
    )


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """All codes, by status."""
    return render(request, "api/problems.html", {"kinds": problem_catalogue.in_order()})


@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What one code means and what to do."""
    kind = KINDS.get(code)
    if kind is None:
        raise Http404
    return render(request, "api/problem.html", {"code": code, "kind": kind, "status": status_of(code)})
