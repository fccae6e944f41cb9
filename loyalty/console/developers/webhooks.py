"""Webhook endpoints: where events go, what came of each delivery, and sending again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of, outside_tenant
from members import directory
from merchants import outbox, tenancy
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from merchants.webhooks import addresses, delivering, endpoints, log, sending

STATES = {
    "delivered": (gettext_lazy("delivered"), "positive"),
    "due": (gettext_lazy("waiting"), "warning"),
    "given_up": (gettext_lazy("given up"), "negative"),
}


class EndpointForm(forms.Form):
    """Where events go, and which."""

    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=500, widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=gettext_lazy("https, on the public internet. It must answer with a 2xx within some seconds."),
    )  # fmt: skip
    description = forms.CharField(label=gettext_lazy("Description"), max_length=200, required=False)
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Which events"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=[(kind, kind) for kind in outbox.KINDS if kind != outbox.PING],
        help_text=gettext_lazy("None ticked: all of them, also those that come later."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


@require_http_methods(["GET", "POST"])
@outside_tenant
@seat_required(Permission.MANAGE_WEBHOOKS)
def webhooks(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the endpoints; a POST adds one and shows its secret, this once."""
    merchant = merchant_of(request)
    form = EndpointForm(request.POST if request.method == "POST" else None)
    target = _looked_up(form)
    with timezone.override(merchant.tzinfo):
        return tenancy.attempt(merchant, lambda: _endpoints_page(request, form, target))


def _looked_up(form: EndpointForm) -> addresses.Target | None:
    """Ask the network whether events may go there; it waits for others, so before the merchant's data is opened."""
    if not form.is_bound or not form.is_valid():
        return None
    try:
        return addresses.check(form.cleaned_data["url"])
    except addresses.AddressRefused as refusal:
        form.add_error("url", refusal.detail)
        return None


def _endpoints_page(request: HttpRequest, form: EndpointForm, target: addresses.Target | None) -> HttpResponse:
    merchant = merchant_of(request)
    made = None
    if target is not None:
        try:
            with transaction.atomic():
                made = endpoints.create(
                    merchant=merchant, target=target, actor=actor_of(request), now=now_of(request), **_wanted(form)
                )
        except LoyaltyError as refusal:
            name = (refusal.pointer or "/url").strip("/").split("/")[0]
            form.add_error(name if name in form.fields else None, refusal.detail)
        else:
            form = EndpointForm()
    page = {"endpoints": endpoints.listed(merchant=merchant), "form": form, "made": made}
    status = 422 if form.is_bound and made is None else 200
    return screens.show(request, "console/developers/webhooks.html", page, status=status)


@require_GET
@seat_required(Permission.MANAGE_WEBHOOKS)
def webhook(request: HttpRequest, merchant_slug: str, endpoint_id: str) -> HttpResponse:
    """Show an endpoint with its log, newest first."""
    return _endpoint_page(request, endpoint_id)


@require_POST
@outside_tenant
@seat_required(Permission.MANAGE_WEBHOOKS)
def change(request: HttpRequest, merchant_slug: str, endpoint_id: str) -> HttpResponse:
    """Edit, try, pause, take up again, send again or delete an endpoint, or make a new secret, as `act` says."""
    merchant = merchant_of(request)
    if request.POST.get("act") == "ping":
        return _tried(request, endpoint_id)
    form = EndpointForm(request.POST)
    target = _looked_up(form) if request.POST.get("act") == "edit" else None
    with timezone.override(merchant.tzinfo):
        return tenancy.attempt(merchant, lambda: _changed(request, endpoint_id, form, target))


def _tried(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Send a trial event, wait for the answer, and show both."""
    try:
        delivery_id = delivering.try_endpoint(
            merchant=merchant_of(request), endpoint_id=endpoint_id, clock=timezone.now
        )
    except endpoints.NoSuchEndpoint:
        raise Http404 from None
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "webhook", endpoint_id=endpoint_id)
    return screens.to(request, "webhook_delivery", delivery_id=delivery_id)


def _changed(
    request: HttpRequest, endpoint_id: str, form: EndpointForm, target: addresses.Target | None
) -> HttpResponse:
    merchant = merchant_of(request)
    common: dict[str, Any] = {"merchant": merchant, "endpoint_id": endpoint_id, "now": now_of(request)}
    acting = {**common, "actor": actor_of(request)}
    verbs: dict[str, tuple[Callable[[], Any], Any]] = {
        "disable": (lambda: endpoints.disable(reason=request.POST.get("reason", ""), **acting), _("The endpoint receives no more events.")),
        "enable": (lambda: endpoints.enable(**acting), _("Events are sent there again, from now on.")),
        "secret": (lambda: endpoints.rotate_secret(**acting), ""),
        "replay": (lambda: log.replay_since(since=_since(request), **acting), _("These events are sent again: %(count)s.")),
        "delete": (lambda: endpoints.delete(**acting), _("The endpoint is deleted.")),
        "edit": (lambda: endpoints.update(target=target, **_edited(form), **acting), _("Saved.")),
    }  # fmt: skip
    act = request.POST.get("act", "")
    try:
        if act not in verbs:
            endpoints.get(merchant=merchant, endpoint_id=endpoint_id)
            notes.error(request, _("There is no such choice."))
            return screens.to(request, "webhook", endpoint_id=endpoint_id)
        verb, said = verbs[act]
        with transaction.atomic():
            result = verb()
    except endpoints.NoSuchEndpoint:
        raise Http404 from None
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "webhook", endpoint_id=endpoint_id)
    except ValidationError as error:
        notes.error(request, " ".join(error.messages))
        return screens.to(request, "webhook", endpoint_id=endpoint_id)
    if act == "secret":
        return _endpoint_page(request, endpoint_id, secret=result.secret)
    if act == "delete":
        return screens.to(request, "webhooks", said=said)
    return screens.to(
        request, "webhook", said=said % {"count": result} if act == "replay" else said, endpoint_id=endpoint_id
    )


@require_POST
@seat_required(Permission.MANAGE_WEBHOOKS)
def retry(request: HttpRequest, merchant_slug: str, delivery_id: str) -> HttpResponse:
    """Send the event of one delivery to the same endpoint again."""
    try:
        with transaction.atomic():
            sent = log.replay(
                merchant=merchant_of(request), delivery_id=delivery_id, actor=actor_of(request), now=now_of(request)
            )
    except log.NoSuchDelivery:
        raise Http404 from None
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        endpoint_id = log.delivery(merchant=merchant_of(request), delivery_id=delivery_id).endpoint_id
        return screens.to(request, "webhook", endpoint_id=endpoint_id)
    return screens.to(request, "webhook", said=_("It is sent again now."), endpoint_id=sent.endpoint_id)


@require_GET
@seat_required(Permission.MANAGE_WEBHOOKS)
def delivery(request: HttpRequest, merchant_slug: str, delivery_id: str) -> HttpResponse:
    """Show one delivery: what was sent, what was answered."""
    merchant = merchant_of(request)
    try:
        found = log.delivery(merchant=merchant, delivery_id=delivery_id)
        event = log.event(merchant=merchant, event_id=found.event_id)
    except LoyaltyError:
        raise Http404 from None
    page = {
        "delivery": found, "event": event,
        "name": directory.names(merchant=merchant, public_ids=[found.member]).get(found.member) if found.member else "", "state": STATES[found.state], "is_trial": found.kind == outbox.PING,
        "sent": json.dumps(json.loads(_sent(event)), ensure_ascii=False, indent=2),
    }  # fmt: skip
    return screens.show(request, "console/developers/delivery.html", page)


def _sent(event: log.RecordedEvent) -> bytes:
    return sending.body(event_id=event.id, kind=event.kind, occurred_at=event.occurred_at, data=event.payload)


def _endpoint_page(request: HttpRequest, endpoint_id: str, *, secret: str = "") -> HttpResponse:
    merchant = merchant_of(request)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    try:
        endpoint = endpoints.get(merchant=merchant, endpoint_id=endpoint_id)
        rows = log.deliveries(
            merchant=merchant, endpoint_id=endpoint_id, state=state or None, limit=screens.PAGE + 1,
            before_id=screens.read_cursor(request, str),
        )  # fmt: skip
    except LoyaltyError:
        raise Http404 from None
    shown, following = screens.cut(rows, lambda row: row.id)
    names = directory.names(merchant=merchant, public_ids={row.member for row in shown if row.member})
    filters = [("", _("All")), *((key, label) for key, (label, _tone) in STATES.items())]
    initial = {"url": endpoint.url, "description": endpoint.description, "kinds": list(endpoint.kinds)}
    page = {
        "endpoint": endpoint,
        "is_resting": endpoint.resting_until is not None and endpoint.resting_until > now_of(request),
        "rows": [
            {
                "row": row,
                "state": STATES[row.state][0],
                "tone": STATES[row.state][1],
                "name": names.get(row.member or "", ""),
                "payload": json.dumps(row.payload, ensure_ascii=False, indent=2),
            }
            for row in shown
        ],
        "cursor": following,
        "filters": [{"label": label, "href": f"?state={key}", "is_current": key == state} for key, label in filters],
        "form": EndpointForm(initial=initial),
        "secret": secret,
        "since": timezone.localtime(now_of(request) - timedelta(days=1)),
    }
    return screens.show(request, "console/developers/webhook.html", page)


def _edited(form: EndpointForm) -> dict[str, Any]:
    if not form.is_valid():
        raise ValidationError([message for messages in form.errors.values() for message in messages])
    return _wanted(form)


def _wanted(form: EndpointForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("description", "kinds")}


def _since(request: HttpRequest) -> datetime:
    try:
        local = datetime.strptime(request.POST.get("since", ""), "%Y-%m-%dT%H:%M")  # noqa: DTZ007
    except ValueError:
        raise ValidationError(_("Say from when on events are sent again.")) from None
    return local.replace(tzinfo=merchant_of(request).tzinfo)
