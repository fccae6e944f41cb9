"""The counter's first page: find a member by phone, code, card or name, hand over a reward by its code, or enrol."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.counter import shift
from loyalty.tenant import merchant_of
from members import directory, live_codes, reveals
from members.inputs import NewMember, Reference
from members.models import Member
from merchants import contacts, ids
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, earning, enrolment, redemptions, terms
from rewards.purchases import finding

#: Enough to choose from, too few to read the list of members through.
FOUND_MAX = 6
#: Less than this finds nothing: a cashier looks for somebody who stands there.
TYPED_MIN = 3
_CODE_SIGNS = 12


@require_GET
@seat_required(Permission.USE_COUNTER)
def counter(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a scan or a few letters: one member leads on at once, a reward's code to its hand-over."""
    merchant, typed = merchant_of(request), request.GET.get("q", "").strip()[:100]
    found: list[Member] = []
    if typed:
        held = _redemption(request, typed)
        if held is not None:
            return screens.to(request, "counter_reward", redemption_id=held.public_id)
        shown = live_codes.read(merchant=merchant, text=typed)
        if shown is not None:
            return _shown(request, typed, shown)
        if len(typed) >= TYPED_MIN:
            found = directory.search(merchant=merchant, text=typed, limit=FOUND_MAX)
        if len(found) == 1:
            return screens.to(request, "counter_member", member_id=found[0].public_id)
    recent = _recent(request)
    page = {
        "typed": typed,
        "typed_in_url": quote(typed),
        "is_too_short": bool(typed) and len(typed) < TYPED_MIN,
        "found": [{"member": each, "contacts": reveals.masked(each), "code": ids.grouped(each.code)} for each in found],
        "recent": recent,
        "last": _undoable(request, recent),
        "place": shift.place_of(request),
        "places": shift.choices(request),
    }
    return shift.show(request, "console/counter/desk.html", page)


@require_POST
@seat_required(Permission.USE_COUNTER)
def place(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Choose where this phone stands, for those without an opened device; whoever stands there is not asked for again."""
    shift.choose(request, request.POST.get("place", "")[:40])
    waiting = request.POST.get("member", "")[:40]
    if waiting.replace("_", "").isalnum():
        return screens.to(request, "counter_member", member_id=waiting)
    return screens.to(request, "counter")


class JoinForm(forms.Form):
    """Two fields and a yes: who joins, and how to reach them."""

    contact = forms.CharField(
        label=gettext_lazy("Phone or e-mail"), max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    agrees = forms.BooleanField(
        label=gettext_lazy("They have read the terms and agree"),
        error_messages={"required": gettext_lazy("Show them the terms first: nobody joins without agreeing.")},
    )

    def __init__(self, country: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.country = country

    def clean_contact(self) -> Contact:
        try:
            return contacts.read(self.cleaned_data["contact"], country=self.country)
        except LoyaltyError as refusal:
            raise forms.ValidationError(refusal.detail) from None


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
def enrol(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Enrol somebody; who is a member already is led to, so that a second press does no harm."""
    merchant = merchant_of(request)
    form = JoinForm(
        merchant.country, request.POST if request.method == "POST" else None,
        initial={"contact": request.GET.get("contact", "")[:100]},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        contact: Contact = form.cleaned_data["contact"]
        place_here = shift.place_of(request)
        reach: dict[str, Any] = {contact.kind: contact.value}
        details = NewMember(
            name=form.cleaned_data["name"],
            consents=("terms",),
            location=place_here.code if place_here else None,
            **reach,
        )
        try:
            with transaction.atomic():
                enrolled = enrolment.enrol(
                    merchant=merchant, details=details, source="counter", actor=actor_of(request), now=now_of(request)
                )
        except directory.ContactTaken:
            known = next(iter(directory.search(merchant=merchant, text=contact.value, limit=2)), None)
            if known is not None:
                notes.info(request, _("This is a member already."))
                return screens.to(request, "counter_member", member_id=known.public_id)
            form.add_error("contact", _("Another membership has this contact."))
        except LoyaltyError as refusal:
            form.add_error(None, refusal.detail)
        else:
            said = _("Welcome! %(points)s given for joining.") % {"points": in_points(request, enrolled.points_given)}
            said = said if enrolled.points_given else _("Welcome! They can collect from now on.")
            return screens.to(request, "counter_member", said=said, member_id=enrolled.member.public_id)
    page = {"form": form}
    return shift.show(request, "console/counter/enrol.html", page, status=422 if form.is_bound else 200)


def member_or_404(request: HttpRequest, member_id: str) -> Member:
    try:
        return directory.get(merchant=merchant_of(request), public_id=member_id)
    except directory.MemberNotFound:
        raise Http404 from None


def person(request: HttpRequest, member: Member) -> dict[str, Any]:
    """What the cashier needs to see of a member: enough to be sure who it is, and what they have."""
    balance = balances.of_member(merchant=merchant_of(request), member_id=member.pk, now=now_of(request))
    version = screens.version_of(request)
    promised = version.terms if version else None
    levels = promised.tiers.levels if promised and promised.tiers else ()
    names = {level.code: terms.text(level.name, get_language() or "en") for level in levels}
    pay = promised.pay_with_points if promised else None
    return {
        "member": member,
        "contacts": reveals.masked(member),
        "code": ids.grouped(member.code),
        "balance": balance,
        "tier": names.get(balance.tier, "") if balance else "",
        "worth": terms.worth_minor(pay, balance.spendable) if pay and balance and balance.spendable > 0 else None,
        "terms": promised,
    }


def reward_name(request: HttpRequest, code: str) -> str:
    """Return a reward's name by the newest terms that knew it."""
    return screens.reward_names(request).get(code, code) or _("Paid with points")


def _shown(request: HttpRequest, typed: str, shown: live_codes.Shown) -> HttpResponse:
    """Lead on with a moving code: to the member, or back to where it was asked for; an old one is refused in words."""
    try:
        live_codes.check(shown, within=live_codes.FIND_WITHIN, now=now_of(request))
        member = directory.get_by(merchant=merchant_of(request), reference=Reference(code=shown.member_code))
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "counter")
    shift.note_shown(request, member.public_id, typed)
    onward = "counter_rewards" if request.GET.get("then") == "rewards" else "counter_member"
    return screens.to(request, onward, member_id=member.public_id)


def _redemption(request: HttpRequest, typed: str) -> redemptions.View | None:
    plain = ids.normalise(typed)
    if len(plain) != _CODE_SIGNS or any(sign not in ids.SIGNS for sign in plain):
        return None
    return redemptions.find(merchant=merchant_of(request), name=plain, now=now_of(request))


def _recent(request: HttpRequest) -> list[dict[str, Any]]:
    """What this cashier did lately, newest first, as rows that lead to each."""
    merchant, deeds = merchant_of(request), shift.lately(request)
    sold = finding.among(merchant=merchant, public_ids=deeds)
    members = {row.pk: row for row in Member.objects.filter(
        merchant=merchant, pk__in={sale.member_id for sale in sold.values() if sale.member_id})}  # fmt: skip
    rows: list[dict[str, Any]] = []
    for public_id in deeds:
        sale = sold.get(public_id)
        if sale is not None:
            buyer = members.get(sale.member_id or 0)
            rows.append(
                {"sale": sale, "who": buyer.name or ids.grouped(buyer.code) if buyer else "", "at": sale.occurred_at}
            )
        elif ids.is_id(public_id, "rdm"):
            view = redemptions.find(merchant=merchant, name=public_id, now=now_of(request))
            if view is not None:
                rows.append(
                    {"taken": view, "name": reward_name(request, view.reward), "at": view.ended_at or view.occurred_at}
                )
    return rows


def _undoable(request: HttpRequest, recent: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest of what this cashier did, while it can still be undone: one press takes it back."""
    if not recent:
        return None
    newest = recent[0]
    sale, taken = newest.get("sale"), newest.get("taken")
    if sale is not None and sale.left_minor > 0 and shift.may_undo(request, sale.public_id, newest["at"]):
        return newest
    if taken is not None and taken.state == "captured" and shift.may_undo(request, taken.public_id, newest["at"]):
        return {**newest, "minted": ids.mint("rev")}
    return None


def in_points(request: HttpRequest, units: int) -> str:
    """Return points under the programme's own name for them."""
    version = screens.version_of(request)
    return earning.points_in_words(units, version.terms, get_language() or "en") if version else str(units)
