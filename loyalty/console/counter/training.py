"""Training at the counter: everything can be tried, a sale is evaluated, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.tenant import merchant_of
from merchants.permissions import Permission

_TRAINING = "counter_training"


def is_on(request: HttpRequest) -> bool:
    """State whether whoever is here practises at this merchant's counter in this browser."""
    return bool(request.session.get(_TRAINING) == merchant_of(request).public_id)


@require_POST
@seat_required(Permission.USE_COUNTER)
def turn(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Begin to practise (`training=on`), or end it."""
    if request.POST.get("training") == "on":
        request.session[_TRAINING] = merchant_of(request).public_id
    else:
        request.session.pop(_TRAINING, None)
    return screens.to(request, "counter")


def nothing_in_training(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a POST of a view do nothing while somebody practises, and say so. Put it inside `seat_required`."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST" or not is_on(request):
            return view(request, *args, **kwargs)
        notes.info(request, _("Training: nothing was recorded."))
        if "member_id" in kwargs:
            return screens.to(request, "counter_member", member_id=kwargs["member_id"])
        return screens.to(request, "counter")

    return inner
