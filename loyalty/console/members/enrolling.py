"""Finding members: newest first, or by any part of a name, e-mail or number, or by code or card; and enrolling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language, gettext_lazy, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from engagement import missing
from loyalty.console import screens, tables
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.tenant import merchant_of, outside_tenant
from members import consent, directory, reveals
from members.inputs import NewMember
from merchants import audit, locations, periods, tenancy
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES
from merchants.permissions import Permission
from rewards import balances, enrolment, terms


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def members(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List members, newest first; with `?q=` those it fits, at most twenty."""
    merchant, typed = merchant_of(request), request.GET.get("q", "").strip()[:100]
    following = None
    if typed:
        found = directory.search(merchant=merchant, text=typed, blocked_cards=True)
    else:
        after = screens.read_cursor(request, tuple[datetime, int])
        rows = directory.page(merchant=merchant, limit=screens.PAGE + 1, after=after)
        shown, following = screens.cut(rows, lambda member: (member.joined_at, member.pk))
        found = list(shown)
    page = {"missing_count": missing.waiting_count(merchant=merchant), "rows": _rows(request, found), "cursor": following, "typed": typed,
            "is_full": len(found) >= directory.SEARCH_MAX and bool(typed)}  # fmt: skip
    if getattr(request, "htmx", False) and request.headers.get("HX-Target") == "found":
        return render(request, "console/members/_found.html", {**screens.frame(request), **page})
    return screens.show(request, "console/members/list.html", page)


def _rows(request: HttpRequest, found: list[Any]) -> list[dict[str, Any]]:
    """The members with what they hold: one statement for all of them."""
    merchant = merchant_of(request)
    held = balances.now(merchant=merchant, member_ids=[member.pk for member in found], now=now_of(request))
    names = tier_names(request)
    return [
        {
            "member": member,
            "contacts": reveals.masked(member),
            "balance": held.get(member.pk),
            "tier": names.get(held[member.pk].tier, held[member.pk].tier) if member.pk in held else "",
        }
        for member in found
    ]


def tier_names(request: HttpRequest) -> dict[str, str]:
    version = screens.version_of(request)
    levels = version.terms.tiers.levels if version and version.terms.tiers else ()
    return {level.code: terms.text(level.name, get_language() or "en") for level in levels}


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_DATA)
def export(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream all members as CSV, newest first, without their contacts; who took it is on record."""
    return _download(request, "members", has_contacts=False)


@require_GET
@outside_tenant
@seat_required(Permission.EXPORT_CONTACTS)
def export_contacts(request: HttpRequest, merchant_slug: str) -> HttpResponseBase:
    """Stream all members with contacts, and what each agreed to: whom a letter may be sent to, and whom not."""
    return _download(request, "members_with_contacts", has_contacts=True)


def _download(request: HttpRequest, table: str, *, has_contacts: bool) -> HttpResponseBase:
    merchant, now = merchant_of(request), now_of(request)
    with tenancy.tenant(merchant):
        names, decimals = tier_names(request), screens.decimals_of(request)
        details = {"table": table}
        audit.record(merchant=merchant, action="data.exported", actor=actor_of(request), now=now, details=details)
        columns = _Columns(merchant, names, decimals, has_contacts)
        head = [columns.head()]
    name = table.replace("_", "-")
    return tables.download(merchant=merchant, name=name, head=head, rows=_exported(columns, now), now=now)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What stands in the members' table, with heads in the language of whoever takes it."""

    merchant: Merchant
    tiers: dict[str, str]
    decimals: int
    has_contacts: bool

    def head(self) -> tables.Row:
        contacts = (_("Phone"), _("E-mail"), _("Birthday"), *(_CONSENTS[code] for code in consent.CODES))
        return (
            _("Member"), _("Member code"), _("Your own id"), pgettext("person", "Name"), _("Language"), _("Joined"),
            _("State"), _("Tier"), _("Spendable"), _("Pending"), _("Set aside"), _("Owed"), _("Purchases"),
            *((str(each) for each in contacts) if self.has_contacts else ()),
        )  # fmt: skip

    def row(
        self, member: Any, balance: balances.Balance | None, said: Mapping[str, consent.ConsentState]
    ) -> tables.Row:
        points = (
            (self.tiers.get(balance.tier, balance.tier), *map(self._points, (
                balance.spendable, balance.pending, balance.held, balance.debt)), balance.purchases_count)
            if balance else ("", 0, 0, 0, 0, 0)
        )  # fmt: skip
        joined = periods.local_day(member.joined_at, self.merchant.tzinfo)
        known = (member.public_id, member.code, member.external_id or "", member.name, member.language, joined,
                 member.state, *points)  # fmt: skip
        if not self.has_contacts:
            return known
        birthday = f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month else ""
        agreed = tuple(self._answer(said.get(code)) for code in consent.CODES)
        return (*known, member.phone or "", member.email or "", birthday, *agreed)

    def _points(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.decimals)

    def _answer(self, said: consent.ConsentState | None) -> str:
        """Yes or no with its day, as data: `yes 2026-11-30`; never asked is empty, and is no."""
        if said is None:
            return ""
        return f"{'yes' if said.is_granted else 'no'} {periods.local_day(said.at, self.merchant.tzinfo)}"


_CONSENTS = {
    "terms": gettext_lazy("Agreed: terms"), "privacy": gettext_lazy("Agreed: privacy notice"),
    "marketing_email": gettext_lazy("Agreed: offers by e-mail"), "marketing_sms": gettext_lazy("Agreed: offers by text message"),
    "marketing_push": gettext_lazy("Agreed: offers by notification"),
    "night_marketing": gettext_lazy("Agreed: offers at night"), "profiling": gettext_lazy("Agreed: offers by purchases"),
}  # fmt: skip


def _exported(columns: _Columns, now: datetime) -> Iterator[tables.Row]:
    """Walk the list page by page; whoever joins meanwhile is newer than where it began."""
    merchant = columns.merchant
    after: tuple[datetime, int] | None = None
    while found := directory.page(merchant=merchant, limit=tables.CHUNK, after=after):
        ids = [member.pk for member in found]
        held = balances.now(merchant=merchant, member_ids=ids, now=now)
        said = consent.standing_of(merchant=merchant, member_ids=ids) if columns.has_contacts else {}
        for member in found:
            yield columns.row(member, held.get(member.pk), said.get(member.pk, {}))
        after = (found[-1].joined_at, found[-1].pk)


class PersonForm(forms.Form):
    """Who somebody is; all of it may be left out."""

    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=200, required=False)
    phone = forms.CharField(
        label=gettext_lazy("Phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )
    birthday = forms.RegexField(
        label=gettext_lazy("Birthday"), regex=r"^([0-9]{4}|[0-9]{1,2}[-./][0-9]{1,2})\Z", required=False,
        help_text=gettext_lazy("Month and day: 02-29"),
        error_messages={"invalid": gettext_lazy("Type month and day, such as 02-29.")},
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=[("", gettext_lazy("not known")), *LANGUAGES], required=False
    )
    external_id = forms.RegexField(
        label=gettext_lazy("Your own id"), regex=r"^[\x21-\x7e]+\Z", max_length=255, required=False,
        help_text=gettext_lazy("From your till or CRM; letters, digits and signs, no spaces."),
    )  # fmt: skip


class EnrolForm(PersonForm):
    """Somebody joins: who they are, a card, where, who brought them, what they agreed to."""

    card = forms.CharField(label=gettext_lazy("Card number"), max_length=64, required=False)
    referred_by = forms.CharField(
        label=gettext_lazy("Brought by"), max_length=20, required=False,
        help_text=gettext_lazy("The friend's code: JOIN-7K4M-92A"),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        choices = [("", _("not said")), *((place.code, place.name) for place in locations.open_now(merchant))]
        self.fields["location"] = forms.ChoiceField(label=_("Where"), choices=choices, required=False)
        self.boxes = consent.wordings(merchant)
        self.fields["consents"] = forms.MultipleChoiceField(
            label=_("Agreed to"), required=False, widget=forms.CheckboxSelectMultiple,
            choices=[(box.code, box.text) for box in self.boxes],
            help_text=_("Tick only what the person said yes to; terms and privacy notice are needed to join."),
        )  # fmt: skip


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_MEMBERS)
def enrol(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Make somebody a member."""
    merchant = merchant_of(request)
    form = EnrolForm(merchant, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            consent.refuse_without_required(merchant=merchant, granted=form.cleaned_data["consents"])
            details = msgspec.convert(new_details(form.cleaned_data), NewMember)
            with transaction.atomic():
                joined = enrolment.enrol(
                    merchant=merchant, details=details, source="console", actor=actor_of(request), now=now_of(request)
                )
        except LoyaltyError as refusal:
            blame(form, refusal)
        except msgspec.ValidationError:
            form.add_error(None, _("Something here cannot be stored. Check for stray signs."))
        else:
            return screens.to(
                request, "member", said=_("%(name)s is a member now.") % {"name": joined.member},
                member_id=joined.member.public_id,
            )  # fmt: skip
    page = {"form": form}
    return screens.show(request, "console/members/enrol.html", page, status=422 if form.is_bound else 200)


def new_details(read: dict[str, Any]) -> dict[str, Any]:
    """What was typed; what was left empty is left out."""
    found: dict[str, Any] = {name: value for name, value in read.items() if value not in ("", None, [])}
    if "consents" in found:
        found["consents"] = tuple(found["consents"])
    return found


def blame(form: forms.Form, refusal: LoyaltyError) -> None:
    """Put a refusal beside the field it is about."""
    name = (refusal.pointer or "").strip("/").split("/")[0]
    form.add_error(name if name in form.fields else None, refusal.detail)
