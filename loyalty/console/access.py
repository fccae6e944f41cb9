"""Who may open a page of the console: one decorator on every view.

It finds the person's seat at the merchant of the page, asks for a second factor where the role needs one, and sets
`request.seat` and `request.actor`.  To somebody without a seat the merchant does not exist: the same 404 as for a slug
nobody has.  A cashier who signed on with a PIN sits on an opened device, and can use the counter only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from loyalty.accounts import browsers, second_factor
from loyalty.tenant import merchant_of
from merchants import counter_devices, seats, tenancy
from merchants.actors import Actor
from merchants.counter_devices import CounterDevice
from merchants.permissions import NEEDS_SECOND_FACTOR, Permission, may
from merchants.seats import Seat, Workplace

View = Callable[..., HttpResponseBase]

_SHIFT = "counter_shift"
_DEVICE_COOKIE_DAYS = 400


@dataclass(frozen=True, slots=True)
class ConsoleAccess:
    """Somebody's place in the console: the seat; the counter device if they came in by a PIN, else where they work."""

    seat: Seat
    actor: Actor
    device: CounterDevice | None = None
    workplaces: Sequence[Workplace] = ()


def seat_required(permission: Permission | None) -> Callable[[View], View]:
    """Let those pass whose role includes `permission` (None: anybody with a seat here).

    Sets `request.seat`, `request.actor`, `request.workplaces`, and `request.counter_device` (None but at a counter opened
    on a device).
    Put it outermost but for `require_POST` and the like, so that nothing is answered before it.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            place = _place_on_shift(request) if permission in _AT_THE_COUNTER else None
            if place is None:
                found = _place_of_user(request)
                if not isinstance(found, ConsoleAccess):
                    return found
                place = found
            if permission is not None and not may(place.actor.role, permission):
                raise PermissionDenied
            # After what may be refused: a refusal is rolled back, and the session would remember what is not there.
            if place.device is None and not browsers.note(request, place.seat, now=now_of(request)):
                return _to_sign_in(request)
            request.seat = place.seat  # type: ignore[attr-defined]
            request.actor = place.actor  # type: ignore[attr-defined]
            request.counter_device = place.device  # type: ignore[attr-defined]
            request.workplaces = place.workplaces  # type: ignore[attr-defined]
            response = view(request, *args, **kwargs)
            patch_cache_control(response, private=True, no_store=True)
            return response

        inner.permission = permission  # type: ignore[attr-defined]
        return inner

    return decorate


#: What a PIN opens.  None is the page that only says who one is.
_AT_THE_COUNTER = frozenset({Permission.USE_COUNTER, None})


def seat_of(request: HttpRequest) -> Seat:
    return cast(Seat, request.seat)  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> Actor:
    return cast(Actor, request.actor)  # type: ignore[attr-defined]


def workplaces_of(request: HttpRequest) -> Sequence[Workplace]:
    """Return the merchants this person may change to, by name; at a counter's PIN there are none."""
    return cast("Sequence[Workplace]", request.workplaces)  # type: ignore[attr-defined]


def device_of(request: HttpRequest) -> CounterDevice | None:
    """Return the counter device of this page, whose location a sale at it gets; None on a person's own phone."""
    return cast("CounterDevice | None", request.counter_device)  # type: ignore[attr-defined]


def now_of(request: HttpRequest) -> datetime:
    """Return the one moment at which this request happens; only entry points ask the clock."""
    if not hasattr(request, "now"):
        request.now = timezone.now()  # type: ignore[attr-defined]
    return cast(datetime, request.now)  # type: ignore[attr-defined]


def present_device(request: HttpRequest) -> CounterDevice | None:
    """Return the open counter device that this browser is, by the secret in its cookie."""
    merchant = merchant_of(request)
    device_id, _dot, secret = request.COOKIES.get(_cookie_name(request), "").partition(".")
    if not secret:
        return None

    def recognise() -> CounterDevice | None:
        return counter_devices.recognise(merchant=merchant, device_id=device_id, secret=secret, now=now_of(request))

    match = request.resolver_match
    # A view that opens its own tenants has none open yet.
    is_outside = match is not None and getattr(match.func, "outside_tenant", False)
    return tenancy.attempt(merchant, recognise) if is_outside else recognise()


def make_device(response: HttpResponse, request: HttpRequest, opened: counter_devices.OpenedDevice) -> None:
    """Give this browser the secret that makes it the counter."""
    response.set_cookie(
        _cookie_name(request),
        f"{opened.device.public_id}.{opened.secret}",
        max_age=_DEVICE_COOKIE_DAYS * 86400,
        path=f"/console/{merchant_of(request).slug}/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def begin_shift(request: HttpRequest, device: CounterDevice, seat: Seat) -> None:
    """Note in the session who works at this device now, under a new session id; call it last."""
    request.session.cycle_key()
    request.session[_SHIFT] = {
        "merchant": merchant_of(request).public_id,
        "device": device.public_id,
        "seat": seat.public_id,
        "since": now_of(request).isoformat(),
    }


def end_shift(request: HttpRequest) -> None:
    request.session.pop(_SHIFT, None)
    request.session.cycle_key()


def _place_on_shift(request: HttpRequest) -> ConsoleAccess | None:
    shift = request.session.get(_SHIFT)
    merchant = merchant_of(request)
    if shift is None or shift["merchant"] != merchant.public_id:
        return None
    device = present_device(request)
    if device is None or device.public_id != shift["device"]:
        return None
    since = datetime.fromisoformat(shift["since"])
    seat = counter_devices.on_shift(merchant=merchant, seat_id=shift["seat"], since=since, now=now_of(request))
    return ConsoleAccess(seat, counter_devices.as_cashier(seat), device) if seat else None


def _place_of_user(request: HttpRequest) -> ConsoleAccess | HttpResponse:
    merchant = merchant_of(request)
    user = request.user
    if not user.is_authenticated:
        if present_device(request) is not None:
            return _go(request, reverse("console:counter_sign_on", kwargs={"merchant_slug": merchant.slug}))
        return _to_sign_in(request)
    held = seats.held(user)
    seat = next((each for each in held if each.merchant_id == merchant.pk), None)
    if seat is None:
        # The page that says "nothing here" must not say whose nothing it is.
        del request.merchant  # type: ignore[attr-defined]
        raise Http404
    if seat.role in NEEDS_SECOND_FACTOR:
        way = second_factor.ask(request, user)
        if way is not None:
            return _go(request, way["Location"])
    return ConsoleAccess(seat, seats.actor_of(seat), workplaces=seats.workplaces(held))


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    url = reverse(settings.LOGIN_URL)
    if request.method == "GET":
        url = f"{url}?{urlencode({'next': request.get_full_path()})}"
    return _go(request, url)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    # htmx would follow a plain redirect and put the sign-in page into a corner of this one.
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def _cookie_name(request: HttpRequest) -> str:
    return f"counter_{merchant_of(request).public_id}"
