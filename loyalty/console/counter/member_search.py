"""The counter's first page: find a member by phone, code, card or name, hand over a reward by its code, or enrol."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, device_of, now_of, seat_required
from loyalty.console.counter import shift
from loyalty.console.counter.training import nothing_in_training
from loyalty.tenant import merchant_of
from loyalty.ui.consent_form import consent_form
from members import claim_states, consent, contact_release, directory, live_codes, registration, reveals, search_keys
from members.directory import FoundMember, Member
from members.inputs import NewMember, Reference
from merchants import contacts, ids, periods
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import agreements, balances, earning, enrolment, redemptions, terms
from rewards.purchases import finding

#: Enough to choose from, too few to read the list of members through.
FOUND_MAX = 6
_CODE_SIGNS = 12
_KINDS = ("phone", "email")


@require_GET
@seat_required(Permission.USE_COUNTER)
def counter(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a scan or a few letters: one member leads on at once, a reward's code to its hand-over."""
    merchant, typed = merchant_of(request), request.GET.get("q", "").strip()[:100]
    found: list[FoundMember] = []
    refusal: LoyaltyError | None = None
    is_enough = search_keys.is_enough(typed)
    # While somebody types, what is found is shown; only the whole of it, sent, leads on.
    is_typing = getattr(request, "htmx", False) and request.headers.get("HX-Target") == "found"
    if typed and not is_typing:
        held = _redemption(request, typed)
        if held is not None:
            return screens.to(request, "counter_reward", redemption_id=held.public_id)
        shown = live_codes.read(merchant=merchant, text=typed)
        if shown is not None:
            return _shown(request, typed, shown)
    try:
        found = directory.look_up(merchant=merchant, text=typed, limit=FOUND_MAX) if is_enough else []
    except directory.CardBlocked as refused:
        refusal = refused
    if len(found) == 1 and not is_typing:
        return screens.to(request, "counter_member", member_id=found[0].member.public_id)
    today = None if is_typing else _today(request)
    page = {
        "typed": typed,
        "is_typing": is_typing,
        "is_too_short": bool(typed) and not is_enough,
        "refusal": refusal,
        "found": [{"found": each, "code": ids.grouped(each.member.code)} for each in found],
        "last": _last(request, today) if today is not None else None,
        "place": shift.place_of(request),
        "places": shift.choices(request),
        "today": today,
        "new_member": _as_new_member(typed),
    }
    if is_typing:
        return shift.show(request, "console/counter/_found.html", page)
    return shift.show(request, "console/counter/desk.html", page, status=refusal.http if refusal else 200)


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
    """Three fields: who joins, and how to reach them; what they agree to is a form of its own."""

    contact = forms.CharField(
        label=gettext_lazy("Phone or e-mail"), max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    referred_by = forms.CharField(
        label=gettext_lazy("A friend's code"), max_length=20, required=False,
        help_text=gettext_lazy("From the friend's phone: JOIN-7K4M-92A"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )  # fmt: skip

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
@nothing_in_training
def enrol(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Enrol somebody; who is a member already is led to, so that a second press does no harm."""
    merchant = merchant_of(request)
    form = JoinForm(
        merchant.country, request.POST if request.method == "POST" else None,
        initial={"contact": request.GET.get("contact", "")[:100], "name": request.GET.get("name", "")[:100]},
    )  # fmt: skip
    posted = request.POST if request.method == "POST" else None
    documents = agreements.in_force(merchant=merchant, now=now_of(request))
    boxes = consent_form(merchant, consent.wordings(merchant), posted, documents)
    # Both are asked, so that every fault is shown at once.
    if posted is not None and all([form.is_valid(), boxes.is_valid()]):
        contact: Contact = form.cleaned_data["contact"]
        place_here = shift.place_of(request)
        reach: dict[str, Any] = {contact.kind: contact.value}
        details = NewMember(
            name=form.cleaned_data["name"],
            consents=boxes.granted,  # type: ignore[arg-type]
            location=place_here.code if place_here else None,
            referred_by=form.cleaned_data["referred_by"] or None,
            **reach,
        )
        try:
            with transaction.atomic():
                enrolled = enrolment.enrol(
                    merchant=merchant, details=details, source="counter", actor=actor_of(request), now=now_of(request),
                    documents=documents,
                )  # fmt: skip
        except registration.ContactTaken:
            known = directory.find(merchant=merchant, reference=Reference(**reach))
            if known is not None:
                notes.info(request, _("This is a member already."))
                _name_referrer(request, known, form.cleaned_data["referred_by"])
                return screens.to(request, "counter_member", member_id=known.public_id)
            form.add_error("contact", _("Another membership has this contact."))
        except LoyaltyError as refusal:
            form.add_error("referred_by" if refusal.pointer == "/referred_by" else None, refusal.detail)
        else:
            if enrolled.referral == "refused":
                notes.warning(request, _("Their mailbox is a member's already: nobody is paid for bringing them."))
            said = _("Welcome! %(points)s given for joining.") % {"points": in_points(request, enrolled.points_given)}
            said = said if enrolled.points_given else _("Welcome! They can collect from now on.")
            return screens.to(request, "counter_member", said=said, member_id=enrolled.member.public_id)
    if boxes.is_bound:
        boxes.show_anew()
    page = {"form": form, "boxes": boxes}
    return shift.show(request, "console/counter/enrol.html", page, status=422 if form.is_bound else 200)


def _name_referrer(request: HttpRequest, member: Member, code: str) -> None:
    """Say what becomes of a friend's code that was typed for somebody who is a member already."""
    if not code:
        return
    try:
        with transaction.atomic():
            enrolment.name_referrer(
                merchant=merchant_of(request), member=member, code=code, now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.warning(request, refusal.detail)
    else:
        notes.info(request, _("Noted who brought them."))


@require_POST
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def release(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Free a contact that belongs to somebody else now (`kind`), and lead to their enrolment."""
    found, kind = member_or_404(request, member_id), request.POST.get("kind", "")
    value = getattr(found, kind) if kind in _KINDS else None
    if value is None:
        return screens.to(request, "counter_member", member_id=found.public_id)
    try:
        with transaction.atomic():
            contact_release.release_in_person(
                merchant=merchant_of(request), member=found, contact=contacts.stored(value), now=now_of(request),
                actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "counter_member", member_id=found.public_id)
    notes.success(request, _("It is free now. The other membership keeps its points. Enrol them here."))
    answer = screens.to(request, "counter_enrol")
    answer["Location"] += f"?contact={quote(value)}"
    return answer


def releasable(request: HttpRequest, member: Member) -> list[dict[str, str]]:
    """List the member's contacts, masked, that may be somebody else's by now, as nobody signs in with them."""
    now, shown = now_of(request), reveals.masked(member)
    return [
        {"kind": kind, "contact": getattr(shown, kind)}
        for kind in _KINDS
        if (value := getattr(member, kind))
        and claim_states.may_be_somebody_else(member, contacts.stored(value), now=now)
    ]


def member_or_404(request: HttpRequest, member_id: str) -> Member:
    try:
        return directory.get(merchant=merchant_of(request), public_id=member_id)
    except directory.MemberNotFound:
        raise Http404 from None


def buyer_or_404(request: HttpRequest, member_id: int | None) -> Member:
    """Find whom a sale or a redemption names by their internal key; somebody merged is answered by their successor."""
    try:
        return directory.of_document(merchant=merchant_of(request), member_id=member_id or 0)
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


def _shown(request: HttpRequest, typed: str, shown: live_codes.ScannedCode) -> HttpResponse:
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


def _as_new_member(typed: str) -> str:
    """Return the query of the enrolment that carries over what was typed: a number or an address, else a name."""
    if not typed:
        return ""
    is_contact = "@" in typed or not any(sign.isalpha() for sign in typed)
    return urlencode({"contact" if is_contact else "name": typed})


def _today(request: HttpRequest) -> dict[str, Any]:
    """What was sold today at this counter, by everybody at this device, or by this person where there is none."""
    merchant, device = merchant_of(request), device_of(request)
    day = periods.local_day(now_of(request), merchant.tzinfo)
    sold = finding.of_day(
        merchant=merchant, day=day, terminal=device.public_id if device else "", actor=str(actor_of(request))
    )
    buyers = directory.of_documents(
        merchant=merchant, member_ids={sale.member_id for sale in sold.newest if sale.member_id}
    )
    rows = []
    for sale in sold.newest:
        buyer = buyers.get(sale.member_id or 0)
        rows.append({"sale": sale, "who": buyer.name or ids.grouped(buyer.code) if buyer else ""})
    return {"count": sold.count, "total_minor": sold.total_minor, "rows": rows}


def _last(request: HttpRequest, today: dict[str, Any]) -> dict[str, Any] | None:
    """The newest of what this cashier did, while it can still be undone: one press takes it back."""
    for public_id in shift.recent_ids(request)[:1]:
        if ids.is_id(public_id, "pur"):
            return _last_sale(request, public_id, today)
        if ids.is_id(public_id, "rdm"):
            view = redemptions.find(merchant=merchant_of(request), name=public_id, now=now_of(request))
            at = (view.ended_at or view.occurred_at) if view else None
            if (
                view is not None
                and view.state == "captured"
                and shift.may_undo(request, public_id, at or now_of(request))
            ):
                return {"taken": view, "name": reward_name(request, view.reward), "at": at, "minted": ids.mint("rev")}
    return None


def _last_sale(request: HttpRequest, public_id: str, today: dict[str, Any]) -> dict[str, Any] | None:
    known = next((row for row in today["rows"] if row["sale"].public_id == public_id), None)
    sale = known["sale"] if known else finding.find(merchant=merchant_of(request), public_id=public_id)
    if sale is None or sale.left_minor <= 0 or not shift.may_undo(request, public_id, sale.recorded_at):
        return None
    if known is None:
        buyer = directory.of_documents(merchant=merchant_of(request), member_ids={sale.member_id or 0}).get(
            sale.member_id or 0
        )
        known = {"who": buyer.name or ids.grouped(buyer.code) if buyer else ""}
    return {"sale": sale, "who": known["who"], "at": sale.occurred_at, "minted": ids.mint("ref")}


def in_points(request: HttpRequest, units: int) -> str:
    """Return points under the programme's own name for them."""
    version = screens.version_of(request)
    return earning.points_in_words(units, version.terms, get_language() or "en") if version else str(units)
