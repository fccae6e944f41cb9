"""The merchant's own settings: name, colour, language, limits, locations; and who changed what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.members.enrolling import blame
from loyalty.console.programme.fields import PointsField, with_look
from loyalty.tenant import merchant_of
from loyalty.ui import colour
from merchants import locations, logos, pictures, privacy_notices, profile
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from merchants.permissions import Permission


class SettingsForm(forms.Form):
    """What the merchant says about itself, and its limits."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    brand_colour = forms.RegexField(
        label=gettext_lazy("Brand colour"), regex=r"^#[0-9a-fA-F]{6}\Z",
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text=gettext_lazy("Any colour; the screens keep text readable on it."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=LANGUAGES,
        help_text=gettext_lazy("Of letters to members who chose none, and of the programme's own texts."),
    )  # fmt: skip
    reply_to = forms.EmailField(
        label=gettext_lazy("Answers to e-mails go to"), required=False, max_length=254,
        help_text=gettext_lazy("E-mails come under your shop's name. Left empty, members cannot answer."),
    )  # fmt: skip

    is_live_code_needed = forms.BooleanField(
        label=gettext_lazy("Spend points only with the moving code"), required=False,
        help_text=gettext_lazy("At tills and at the counter. Cards, phone numbers and names then only collect."),
    )  # fmt: skip
    may_static_code_spend = forms.BooleanField(
        label=gettext_lazy("The member code spends points too"), required=False,
        help_text=gettext_lazy("Anybody who has a picture of the code can then spend the points. Better leave this off."),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, decimals: int, *args: Any, **kwargs: Any) -> None:
        named = ("name", "brand_colour", "language", "reply_to", *profile.FLAGS, *profile.LIMITS)
        known = {name: getattr(merchant, name) for name in named}
        super().__init__(*args, **{**kwargs, "initial": known})
        self.use_required_attribute = False
        self.fields["adjustment_points_max"] = with_look(
            PointsField(decimals, minimum=0, label=_("A manager may adjust")), after=_("points")
        )
        self.fields["adjustment_points_max"].help_text = _("Of one member in a day, all together. No limit for owners.")
        self.fields["step_up_points_above"] = with_look(
            PointsField(decimals, minimum=0, label=_("Ask for a code when a member spends more than")),
            after=_("points"),
        )
        self.fields["step_up_points_above"].help_text = _("Spent in a day by a member in the portal. 0: always.")
        self.fields["till_word_points_max"] = with_look(
            PointsField(decimals, minimum=0, label=_("Tills may spend without the moving code")),
            after=_("points a day"),
        )
        self.fields["till_word_points_max"].help_text = _(
            "Of one member, found by card, phone or your own id. Above it the till asks for the moving code. 0: always."
        )
        for name, label, after, hint in (
            ("contact_cool_off_hours", _("Ask for a code after a contact was changed, for"), _("hours"), _("For every redemption in the portal.")),
            (
                "counter_stamps_max", _("A cashier may give by hand"), _("stamps a day"),
                _("To one member at the counter, without an amount. No limit for managers."),
            ),
            ("occurred_at_days_back_max", _("Sales may come late by"), _("days"), _("Of tills that were offline.")),
            ("occurred_at_minutes_ahead_max", _("… or be ahead by"), _("minutes"), _("Of tills whose clock is wrong.")),
            (
                "claim_days_max", _("A receipt can be claimed for"), _("days"),
                _("By a member, for a sale that named nobody. 0 for never."),
            ),
            ("daily_accruals_alert", _("Flag a member after"), _("purchases a day"), _("On the dashboard, under what needs attention.")),
            ("outbox_days_kept", _("Keep delivered events for"), _("days"), ""),
            (
                "expiry_notice_days", _("Announce points that end"), _("days ahead"),
                _("To your own systems, by the event points.expiring. 0 announces nothing."),
            ),
            (
                "churn_alert_percent", _("Warn of a churn rate above"), _("percent"),
                _("0: above what your members' own pauses explain, and never below 7 percent."),
            ),
            (
                "answers_min", _("Show a score from"), _("answers"),
                _("Fewer answers say too little: the dashboard says so instead of showing a score."),
            ),
        ):  # fmt: skip
            least, most = profile.LIMITS[name]
            field = forms.IntegerField(label=label, min_value=least, max_value=most, help_text=hint)
            self.fields[name] = with_look(field, after=after)

    def limits(self) -> list[Any]:
        return [self[name] for name in profile.LIMITS if name != "till_word_points_max"]


@require_http_methods(["GET", "POST"])
@seat_required(Permission.MANAGE_SETTINGS)
def settings(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the settings and save them."""
    merchant = merchant_of(request)
    form = SettingsForm(merchant, screens.decimals_of(request), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                profile.update(
                    merchant=merchant, changes=form.cleaned_data, now=now_of(request), actor=actor_of(request)
                )
        except LoyaltyError as refusal:
            blame(form, refusal)
        else:
            return screens.to(request, "settings", said=_("Saved."))
    page = {"form": form, "notice": privacy_notices.newest(merchant), "places": locations.of(merchant)[:200], "brand": _brand(request, merchant),
            "preview_url": screens.url(request, "settings_preview"),
            "picture_kilobytes": pictures.BYTES_MAX // 1024, "picture_side": pictures.SIDE_MAX}  # fmt: skip
    return screens.show(request, "console/settings/settings.html", page, status=422 if form.is_bound else 200)


@require_GET
@seat_required(Permission.MANAGE_SETTINGS)
def preview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show what a colour looks like before it is saved."""
    return render(request, "console/settings/_preview.html", {"brand": _brand(request, merchant_of(request))})


@require_POST
@seat_required(Permission.MANAGE_SETTINGS)
def change_logo(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Put the picture that was chosen in the place of the logo, or take it away, as `act` says."""
    common: dict[str, Any] = {"merchant": merchant_of(request), "now": now_of(request), "actor": actor_of(request)}
    chosen = request.FILES.get("logo")
    try:
        if request.POST.get("act") == "remove":
            with transaction.atomic():
                logos.remove(**common)
            return screens.to(
                request, "settings", said=_("The logo is gone; the first letter of the name stands there again.")
            )
        # One byte too many is enough to know that it is too large.
        content = chosen.read(pictures.BYTES_MAX + 1) if chosen else b""
        with transaction.atomic():
            logos.change(content=content, **common)
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "settings")
    return screens.to(request, "settings", said=_("Members and staff see the logo from now on."))


@require_POST
@seat_required(Permission.MANAGE_SETTINGS)
def change_place(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Open, rename, close or reopen a location, as `act` says."""
    typed = request.POST
    common: dict[str, Any] = {"merchant": merchant_of(request), "now": now_of(request), "actor": actor_of(request)}
    named = {"location_id": typed.get("place", ""), **common}
    words: dict[str, Any] = {"name": typed.get("name", ""), "zone": typed.get("zone", "").strip()}
    verbs: dict[str, tuple[Callable[[], object], str]] = {
        "open": (lambda: locations.open_place(code=typed.get("code", "").strip(), **words, **common), _("The location is open.")),
        "rename": (lambda: locations.rename(**words, **named), _("Saved.")),
        "close": (lambda: locations.close(**named), _("The location is closed; its history stays.")),
        "reopen": (lambda: locations.reopen(**named), _("The location is open again.")),
    }  # fmt: skip
    if typed.get("act", "") not in verbs:
        notes.error(request, _("There is no such choice."))
        return screens.to(request, "settings")
    verb, said = verbs[typed["act"]]
    try:
        with transaction.atomic():
            verb()
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "settings")
    return screens.to(request, "settings", said=said)


def _brand(request: HttpRequest, merchant: Merchant) -> str:
    asked = request.GET.get("brand") or request.GET.get("brand_colour") or merchant.brand_colour
    try:
        colour.parse(asked)
    except colour.NotAColour:
        return merchant.brand_colour.lstrip("#")
    return asked.lstrip("#")
