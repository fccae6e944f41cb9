"""API keys: issued and shown once, rotated with an overlap, revoked at once."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of
from merchants import keys as verbs
from merchants import locations, opening, periods
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.keys import SCOPES, TILL_SCOPES, ApiKey, Issued
from merchants.permissions import Permission

STATES: dict[str, Any] = {
    "live": gettext_lazy("live"), "ending": gettext_lazy("ending"), "ended": gettext_lazy("ended"),
}  # fmt: skip


class KeyForm(forms.Form):
    """A new key: for whom, what it may do, where it stands, until when."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("For example: POS in Mapo, accounting export")
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"), choices=list(SCOPES.items()), widget=forms.CheckboxSelectMultiple,
        initial=list(TILL_SCOPES), help_text=gettext_lazy("Ticked is what a till needs, and no more."),
    )  # fmt: skip
    terminal = forms.CharField(
        label=gettext_lazy("Terminal"), max_length=60, required=False,
        help_text=gettext_lazy("Written beside each sale that does not name one."),
    )  # fmt: skip
    numbering = forms.ChoiceField(
        label=gettext_lazy("Receipt numbers"), required=False, initial="location", choices=[
            ("location", gettext_lazy("Each location counts for itself")),
            ("own", gettext_lazy("This till counts for itself: use the prefix below")),
            ("shared", gettext_lazy("One series for the whole business: no prefix")),
        ],
        help_text=gettext_lazy("Two tills that both count from 1 need a prefix, or the second sale with a number is refused. "
            "We put it before each number; the till does not change, and staff find a sale by the number on its receipt. "
            "With a prefix, a refund at another location names the purchase by our id."),
    )  # fmt: skip
    id_namespace = forms.CharField(
        label=gettext_lazy("Prefix of this till"), max_length=40, required=False,
        help_text=gettext_lazy("For example mapo-2: letters, digits, dots and dashes."),
    )  # fmt: skip
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"], help_text=gettext_lazy("Empty: until it is revoked."),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, today: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.today = today
        self.places = {place.code: place for place in locations.open_now(merchant)}
        choices = [("", _("any location")), *((code, place.name) for code, place in self.places.items())]
        self.fields["location"] = forms.ChoiceField(label=_("Location"), choices=choices, required=False)

    def clean_expires_on(self) -> Any:
        day = self.cleaned_data["expires_on"]
        if day is not None and day < self.today:
            raise forms.ValidationError(_("This day is past."))
        return day

    def clean(self) -> dict[str, Any]:
        """Choose what is put before the till's numbers: the location's code unless something else is asked for."""
        read: dict[str, Any] = super().clean() or {}
        own, numbering = read.get("id_namespace", ""), read.get("numbering") or "location"
        if own:
            numbering = "own"
        elif numbering == "own":
            self.add_error("id_namespace", _("Type the prefix, or choose another way of numbering."))
        place = read.get("location", "")
        read["id_namespace"] = {"own": own, "location": place, "shared": ""}[numbering]
        if read["id_namespace"] and not verbs.is_namespace(read["id_namespace"]):
            self.add_error(
                "id_namespace",
                _("Letters, digits, dots and dashes, at most 40; a few words are taken, such as console."),
            )
        return read


@require_http_methods(["GET", "POST"])
@seat_required(Permission.MANAGE_KEYS)
def keys(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List the keys; a POST issues one and shows its secret, this once."""
    merchant, now = merchant_of(request), now_of(request)
    today = periods.local_day(now, merchant.tzinfo)
    form = KeyForm(merchant, today, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        ends = None
        if read["expires_on"]:
            ends = datetime.combine(read["expires_on"] + timedelta(days=1), time(), tzinfo=merchant.tzinfo)
        try:
            with transaction.atomic():
                issued = verbs.issue(
                    merchant=merchant, name=read["name"], scopes=read["scopes"], terminal=read["terminal"],
                    location=form.places.get(read["location"]), expires_at=ends, id_namespace=read["id_namespace"], actor=actor_of(request), now=now,
                )  # fmt: skip
        except LoyaltyError as refusal:
            form.add_error("scopes" if refusal.pointer == "/scopes" else None, refusal.detail)
        else:
            return _page(request, KeyForm(merchant, today), issued=issued)
    return _page(request, form, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.MANAGE_KEYS)
def change(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Rotate a key (the new one is shown this once) or revoke it, as `act` says."""
    merchant, now = merchant_of(request), now_of(request)
    common: dict[str, Any] = {
        "merchant": merchant, "public_id": request.POST.get("key", ""), "actor": actor_of(request), "now": now,
    }  # fmt: skip
    act, hours = request.POST.get("act", ""), request.POST.get("overlap_hours", "24")
    issued: Issued | None = None
    try:
        with transaction.atomic():
            if act == "rotate":
                overlap = timedelta(hours=min(int(hours), 720) if hours.isdecimal() and len(hours) < 5 else 24)
                issued = verbs.rotate(overlap=overlap, **common)
            elif act == "revoke":
                verbs.revoke(**common)
            else:
                notes.error(request, _("There is no such choice."))
                return screens.to(request, "keys")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "keys")
    if issued is None:
        return screens.to(request, "keys", said=_("The key is revoked. Whoever uses it is refused from now on."))
    today = periods.local_day(now, merchant.tzinfo)
    return _page(request, KeyForm(merchant, today), issued=issued, is_rotated=True)


def _page(
    request: HttpRequest, form: KeyForm, *, issued: Issued | None = None, is_rotated: bool = False, status: int = 200
) -> HttpResponse:
    rows = rows_of(request)
    page = {
        "rows": rows, "live": [row for row in rows if row["state"] in ("live", "ending")],
        "ended": [row for row in rows if row["state"] == "ended"], "form": form, "issued": issued,
        "is_rotated": is_rotated, "may_backfill": issued is not None and "purchases:backfill" in issued.key.scopes, "sandbox": opening.sandbox_of(merchant_of(request)),
    }  # fmt: skip
    return screens.show(request, "console/developers/keys.html", page, status=status)


def rows_of(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the keys as the page shows them, the newest first, 200 at most."""
    names = {place.code: place.name for place in locations.of(merchant_of(request))}
    return [
        {
            "key": key,
            "place": names.get(key.location_code, key.location_code),
            "state": _state(key, now_of(request)),
            "scopes": [SCOPES.get(scope, scope) for scope in key.scopes],
        }
        for key in verbs.of(merchant_of(request))[:200]
    ]


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return "ended"
    return "ending" if key.expires_at is not None else "live"
