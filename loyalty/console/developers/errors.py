"""Every refusal a call of the API can get: its code, what it means, and what to do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from loyalty import problem_catalogue
from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.problem_catalogue import Kind
from merchants.permissions import Permission


@require_GET
@seat_required(Permission.MANAGE_WEBHOOKS)
def errors(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the refusals by status; those that all words of `?q=` stand in."""
    typed = request.GET.get("q", "").strip()[:100]
    words = typed.casefold().split()
    found = [each for each in problem_catalogue.in_order() if all(word in _text(each) for word in words)]
    page = {"errors": found, "typed": typed}
    return screens.show(request, "console/developers/errors.html", page)


def _text(each: tuple[int, str, Kind]) -> str:
    status, code, kind = each
    return f"{status} {code} {code.replace('_', ' ')} {kind.title} {kind.meaning} {kind.remedy}".casefold()
