"""People who work here, the devices at the counter, and the way from `/console/` to a merchant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages as notes
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import access, briefings, screens
from loyalty.console.access import actor_of, now_of, seat_of, seat_required
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from merchants import browsers, contacts, counter_devices, locations, messages, seats
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.permissions import Permission, Role, may
from merchants.seats import Seat

#: Where each role arrives: the first page it may open.
START_PAGES: list[tuple[Permission, str]] = [
    (Permission.VIEW_DASHBOARD, "console:dashboard"),
    (Permission.MANAGE_CASHIERS, "console:team"),
    (Permission.USE_COUNTER, "console:counter"),
]


class InviteForm(forms.Form):
    """A person by e-mail or phone; for a cashier, a name and a PIN are enough."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.CASHIER)
    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=120, required=False)
    contact = forms.CharField(
        label=gettext_lazy("E-mail or phone"),
        max_length=254,
        required=False,
        help_text=gettext_lazy("The person signs in with it. A cashier may do without."),
    )
    pin = forms.CharField(
        label=gettext_lazy("PIN"),
        max_length=8,
        required=False,
        widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("4 to 8 digits, to sign on at a counter device"),
    )

    def __init__(self, actor_role: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may(actor_role, Permission.MANAGE_SEATS):
            self.fields["role"].choices = [(Role.CASHIER.value, Role.CASHIER.label)]  # type: ignore[attr-defined]


@require_GET
@never_cache
@login_required
def workplaces(request: HttpRequest) -> HttpResponse:
    """Lead to the one merchant somebody works at, or let them choose."""
    assert request.user.is_authenticated
    places = seats.workplaces(seats.held(request.user))
    if len(places) == 1:
        return redirect("console:start", merchant_slug=places[0].merchant.slug)
    return render(request, "console/people/workplaces.html", {"places": places})


@require_GET
@seat_required(None)
def start(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Lead to the notes one has not read yet, else to the first page the role may open."""
    if briefings.unread_by(request):
        return redirect("console:briefing", merchant_slug=merchant_slug)
    for permission, name in START_PAGES:
        if may(actor_of(request).role, permission):
            return redirect(name, merchant_slug=merchant_slug)
    return redirect("console:me", merchant_slug=merchant_slug)


@require_http_methods(["GET", "POST"])
@seat_required(None)
def me(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say who one is here and where one is signed in; a POST signs one browser out, or all others, as `act` says."""
    here, user = seat_of(request), seat_of(request).user
    if access.device_of(request) is not None or user is None:
        return screens.show(request, "console/people/me.html", {"seat": here, "device": access.device_of(request)})
    key = request.session.session_key
    if request.method == "POST":
        common: dict[str, Any] = {
            "merchant": merchant_of(request), "seat": here, "now": now_of(request), "actor": actor_of(request)
        }  # fmt: skip
        try:
            if request.POST.get("act") == "others":
                browsers.end_others(session_key=key, **common)
                update_session_auth_hash(request, user)
                notes.success(request, _("You are signed out in every other browser."))
            else:
                browsers.end_own(browser_id=request.POST.get("browser", ""), **common)
                notes.success(request, _("This browser is signed out."))
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
        return redirect("console:me", merchant_slug=merchant_slug)
    held = browsers.of_person(user=user, session_key=key, now=now_of(request))
    return screens.show(request, "console/people/me.html", {"seat": here, "browsers": held})


@require_GET
@seat_required(Permission.MANAGE_CASHIERS)
def team(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    return _team(request, InviteForm(actor_of(request).role))


@require_POST
@seat_required(Permission.MANAGE_CASHIERS)
def invite(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Seat a person and write to them."""
    merchant = merchant_of(request)
    form = InviteForm(actor_of(request).role, request.POST)
    if not form.is_valid():
        return _team(request, form, status=422)
    typed = form.cleaned_data
    try:
        with transaction.atomic():
            contact = contacts.read(typed["contact"], country=merchant.country) if typed["contact"] else None
            seat = seats.give(
                merchant=merchant,
                role=typed["role"],
                contact=contact,
                name=typed["name"],
                pin=typed["pin"],
                now=now_of(request),
                actor=actor_of(request),
            )
            if contact is not None and messages.can_reach(contact):
                letter = _invitation(merchant, seat, contact)
                messages.queue(merchant=merchant, letter=letter, now=now_of(request))
    except LoyaltyError as refusal:
        form.add_error(_field_of(refusal, form), refusal.detail)
        return _team(request, form, status=422)
    notes.success(request, _("%(name)s is on the team now.") % {"name": seat})
    return redirect("console:team", merchant_slug=merchant_slug)


@require_http_methods(["GET", "POST"])
@seat_required(Permission.MANAGE_CASHIERS)
def seat(request: HttpRequest, merchant_slug: str, seat_id: str) -> HttpResponse:
    """Show one person's seat; a POST changes the role, sets a PIN or takes the seat away, as `act` says."""
    merchant = merchant_of(request)
    try:
        shown = seats.get(merchant=merchant, seat_id=seat_id)
    except LoyaltyError:
        raise Http404 from None
    if shown.revoked_at is not None:
        raise Http404
    if request.method == "POST":
        verbs: dict[str, Callable[[], object]] = {
            "role": lambda: seats.change_role(**_on(request, seat_id), role=request.POST.get("role", "")),
            "pin": lambda: seats.set_pin(**_on(request, seat_id), pin=request.POST.get("pin", "")),
            "revoke": lambda: seats.revoke(**_on(request, seat_id)),
            "sign_out": lambda: _sign_out(request, shown),
        }
        verb = verbs.get(request.POST.get("act", ""))
        if verb is None:
            notes.error(request, _("There is no such choice."))
            return redirect("console:seat", merchant_slug=merchant_slug, seat_id=seat_id)
        try:
            with transaction.atomic():
                verb()
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
            return redirect("console:seat", merchant_slug=merchant_slug, seat_id=seat_id)
        notes.success(request, _("Done. It counts from now on."))
        if request.POST.get("act") == "sign_out":
            return redirect("console:seat", merchant_slug=merchant_slug, seat_id=seat_id)
        return redirect("console:team", merchant_slug=merchant_slug)
    roles = [(value, label) for value, label in Role.choices if value == Role.CASHIER or _may_seat(request)]
    may_change = shown.role == Role.CASHIER or _may_seat(request)
    page: dict[str, Any] = {"seat_shown": shown, "roles": roles, "may_change": may_change}
    if may_change:
        page["browsers"] = browsers.of_seat(seat=shown, session_key=request.session.session_key, now=now_of(request))
    return screens.show(request, "console/people/seat.html", page)


@require_POST
@seat_required(Permission.OPEN_COUNTER_DEVICES)
def open_device(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Make this browser the counter: it gets its secret, and the manager is signed out of it."""
    merchant = merchant_of(request)
    code = request.POST.get("location", "")
    location = next((place for place in locations.open_now(merchant) if place.code == code), None)
    try:
        with transaction.atomic():
            opened = counter_devices.open_device(
                merchant=merchant,
                name=request.POST.get("name", ""),
                location=location,
                now=now_of(request),
                actor=actor_of(request),
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return redirect("console:team", merchant_slug=merchant_slug)
    logout(request)
    response = redirect("console:counter_sign_on", merchant_slug=merchant_slug)
    access.make_device(response, request, opened)
    return response


@require_POST
@seat_required(Permission.OPEN_COUNTER_DEVICES)
def close_device(request: HttpRequest, merchant_slug: str, device_id: str) -> HttpResponse:
    try:
        with transaction.atomic():
            counter_devices.close(
                merchant=merchant_of(request), device_id=device_id, now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError:
        raise Http404 from None
    notes.success(request, _("The device is closed."))
    return redirect("console:team", merchant_slug=merchant_slug)


@never_cache
@require_http_methods(["GET", "POST"])
def counter_sign_on(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a cashier's PIN, on an opened device only; to any other browser the page does not exist."""
    merchant = merchant_of(request)
    device = access.present_device(request)
    if device is None:
        raise Http404
    error, cashiers = "", counter_devices.cashiers(merchant)
    # Who mistyped does not say again who they are, and nobody chooses from one.
    chosen = request.POST.get("seat", "") or (cashiers[0].public_id if len(cashiers) == 1 else "")
    if request.method == "POST":
        found = counter_devices.sign_on(
            merchant=merchant, device=device, seat_id=request.POST.get("seat", ""), pin=request.POST.get("pin", ""),
            now=now_of(request),
        )  # fmt: skip
        if found is not None:
            access.begin_shift(request, device, found)
            return redirect("console:start", merchant_slug=merchant_slug)
        error = _("This is not the PIN. After five wrong ones wait some minutes, or ask a manager for a new PIN.")
    page = {"device": device, "cashiers": cashiers, "chosen": chosen, "error": error}
    answer = render(request, "console/people/sign_on.html", page, status=422 if error else 200)
    offline.forget_counter_pages(answer)
    return answer


@require_POST
def counter_sign_off(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """End the shift in this browser; the device stays open for the next cashier."""
    if access.present_device(request) is None:
        raise Http404
    access.end_shift(request)
    return redirect("console:counter_sign_on", merchant_slug=merchant_slug)


def _team(request: HttpRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    merchant = merchant_of(request)
    page = {
        "form": form,
        "seats_here": [
            (held, Role(held.role).label, seats.is_pin_locked(held, now_of(request)))
            for held in seats.of_merchant(merchant)
        ],
        "devices": counter_devices.of_merchant(merchant),
        "locations": locations.open_now(merchant),
    }
    return screens.show(request, "console/people/team.html", page, status=status)


def _on(request: HttpRequest, seat_id: str) -> dict[str, Any]:
    return {
        "merchant": merchant_of(request),
        "seat_id": seat_id,
        "now": now_of(request),
        "actor": actor_of(request),
    }


def _sign_out(request: HttpRequest, shown: Seat) -> None:
    """Sign one browser of the seat out, or all.

    :raises PermissionDenied: who may not change the seat does not end its sessions either.
    """
    if not (shown.role == Role.CASHIER or _may_seat(request)):
        raise PermissionDenied
    common: dict[str, Any] = {
        "merchant": merchant_of(request), "seat": shown, "now": now_of(request), "actor": actor_of(request)
    }  # fmt: skip
    if request.POST.get("browser"):
        browsers.end_at_seat(browser_id=request.POST["browser"], **common)
    else:
        browsers.end_all_at_seat(**common)


def _may_seat(request: HttpRequest) -> bool:
    return may(actor_of(request).role, Permission.MANAGE_SEATS)


def _field_of(refusal: LoyaltyError, form: forms.Form) -> str | None:
    if refusal.code == "contact_unreadable":
        return "contact"
    name = (refusal.pointer or "").lstrip("/")
    return name if name in form.fields else None


def _invitation(merchant: Merchant, seat: Seat, contact: contacts.Contact) -> messages.Letter:
    words = {
        "merchant": merchant.name,
        "role": Role(seat.role).label,
        "url": settings.PUBLIC_URL + reverse("console:start", kwargs={"merchant_slug": merchant.slug}),
    }
    text = (
        _("You can work at %(merchant)s as %(role)s now. Sign in here with this address or number:\n\n%(url)s") % words
    )
    return messages.Letter("seat_invitation", contact, text, _("Your access at %(merchant)s") % words)
