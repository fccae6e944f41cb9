"""Who changed what: the audit record in people's words, to be searched by hand, by kind and by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.console import screens, tables
from loyalty.console.access import seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members import directory
from merchants import audit, periods
from merchants.audit import Record
from merchants.directory import Merchant
from merchants.permissions import Permission, Role
from rewards import corrections

#: What each kind of record is called; a test holds that no action is missing.
ACTIONS: dict[str, Any] = {
    "programme.published": gettext_lazy("published the programme"),
    "programme.draft_saved": gettext_lazy("edited the draft of the programme"),
    "points.adjusted": gettext_lazy("adjusted points"),
    "points.requested": gettext_lazy("asked for approval of points"),
    "points.request_approved": gettext_lazy("approved a request for points"),
    "points.request_declined": gettext_lazy("declined a request for points"),
    "points.request_withdrawn": gettext_lazy("withdrew a request for points"),
    "stamps.adjusted": gettext_lazy("corrected stamps"),
    "bulk.started": gettext_lazy("began to give all of a list points or stamps"),
    "bulk.stopped": gettext_lazy("stopped giving to all of a list"),
    "bulk.resumed": gettext_lazy("went on giving to all of a list"),
    "bulk.undone": gettext_lazy("undid what all of a list were given"),
    "points.transferred": gettext_lazy("transferred points to another member"),
    "purchase.refunded": gettext_lazy("refunded a purchase"),
    "purchase.refund_announced": gettext_lazy("announced a refund of a purchase that has not arrived"),
    "redemption.reversed": gettext_lazy("reversed a redemption"),
    "redemption.released": gettext_lazy("released points that were held"),
    "purchase.claimed": gettext_lazy("added a receipt to a member"),
    "purchase.unclaimed": gettext_lazy("took a receipt off a member again"),
    "member.enrolled": gettext_lazy("enrolled a member"),
    "member.updated": gettext_lazy("changed a member"),
    "member.revealed": gettext_lazy("looked at a member's contacts"),
    "member.blocked": gettext_lazy("blocked a member"),
    "member.unblocked": gettext_lazy("opened a member again"),
    "member.contact_released": gettext_lazy("freed a contact that is somebody else's now"),
    "member.leaving": gettext_lazy("asked to leave"),
    "member.stays": gettext_lazy("stays after all"),
    "member.contact_restored": gettext_lazy("took a change of contact back"),
    "missing_points.accepted": gettext_lazy("gave missing points"),
    "missing_points.declined": gettext_lazy("declined missing points"),
    "missing_points.told_apart": gettext_lazy("told two receipts with one number apart"),
    "member.merged": gettext_lazy("merged two members"),
    "member.unmerged": gettext_lazy("undid a merge"),
    "card.issued": gettext_lazy("gave a card"),
    "member.code_replaced": gettext_lazy("gave a member a new code"),
    "member.spending_stopped": gettext_lazy("stopped a member's spending"),
    "member.spending_allowed": gettext_lazy("allowed a member's spending again"),
    "member.referrer_named": gettext_lazy("noted who brought a member"),
    "referral.refused": gettext_lazy("refused to pay for bringing a member"),
    "card.blocked": gettext_lazy("blocked a card"),
    "card.unblocked": gettext_lazy("unblocked a card"),
    "counter_device.opened": gettext_lazy("opened the counter on a device"),
    "counter_device.closed": gettext_lazy("closed the counter on a device"),
    "key.issued": gettext_lazy("made an API key"),
    "key.rotated": gettext_lazy("rotated an API key"),
    "key.revoked": gettext_lazy("revoked an API key"),
    "webhook.created": gettext_lazy("added a webhook endpoint"),
    "webhook.updated": gettext_lazy("changed a webhook endpoint"),
    "webhook.disabled": gettext_lazy("paused a webhook endpoint"),
    "webhook.enabled": gettext_lazy("took a webhook endpoint up again"),
    "webhook.deleted": gettext_lazy("deleted a webhook endpoint"),
    "webhook.secret_rotated": gettext_lazy("made a new webhook secret"),
    "webhook.replayed": gettext_lazy("sent an event again"),
    "settings.changed": gettext_lazy("changed the settings"),
    "privacy_notice.published": gettext_lazy("published a privacy notice"),
    "location.opened": gettext_lazy("opened a location"),
    "merchant.opened": gettext_lazy("opened the shop"),
    "merchant.closed": gettext_lazy("closed the shop"),
    "merchant.reopened": gettext_lazy("opened the shop again"),
    "location.changed": gettext_lazy("changed a location"),
    "location.closed": gettext_lazy("closed a location"),
    "location.reopened": gettext_lazy("opened a location again"),
    "account.frozen": gettext_lazy("froze an account that does not add up"),
    "account.thawed": gettext_lazy("let a frozen account be spent from again"),
    "member.erased": gettext_lazy("erased a member"),
    "webhook.replayed_since": gettext_lazy("sent earlier events again"),
    "seat.given": gettext_lazy("invited somebody to the team"),
    "seat.role_changed": gettext_lazy("changed somebody's role"),
    "seat.revoked": gettext_lazy("removed somebody's access"),
    "seat.signed_out": gettext_lazy("signed somebody’s browsers out"),
    "seat.pin_set": gettext_lazy("set a PIN"),
    "briefing.written": gettext_lazy("wrote a note to the team"),
    "briefing.ended": gettext_lazy("ended a note to the team"),
    "logo.changed": gettext_lazy("changed the logo"),
    "logo.removed": gettext_lazy("removed the logo"),
    "photo.changed": gettext_lazy("changed the photo of a reward"),
    "photo.removed": gettext_lazy("removed the photo of a reward"),
    "data.exported": gettext_lazy("exported CSV"),
}
#: What belongs together when somebody searches.
GROUPS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "programme": (gettext_lazy("Programme"), ("programme.", "photo.")),
    "members": (
        gettext_lazy("Members and points"),
        (
            "member.",
            "card.",
            "points.",
            "bulk.",
            "stamps.",
            "purchase.",
            "account.",
            "redemption.",
            "referral.",
            "missing_points.",
        ),
    ),
    "links": (gettext_lazy("API keys and webhooks"), ("key.", "webhook.")),
    "team": (gettext_lazy("Team"), ("seat.", "counter_device.", "briefing.")),
    "settings": (gettext_lazy("Settings"), ("settings.", "location.", "logo.", "merchant.", "privacy_notice.")),
    "exports": (gettext_lazy("Exports"), ("data.",)),
}
#: What the particulars are called; ids and marks of machines are left out.
_DETAILS: Final[dict[str, Any]] = {
    "name": gettext_lazy("name"), "zone": gettext_lazy("time zone"), "language": gettext_lazy("language"),
    "brand_colour": gettext_lazy("brand colour"), "points": gettext_lazy("points"), "balance": gettext_lazy("balance"),
    "amount_minor": gettext_lazy("amount"), "left_minor": gettext_lazy("left of the purchase"),
    "debt_made": gettext_lazy("debt made"), "parts": gettext_lazy("what was edited"), "to": gettext_lazy("to"),
    "members": gettext_lazy("members"), "card": gettext_lazy("card"), "stamps": gettext_lazy("stamps"), "reason": gettext_lazy("reason"),
    "role": gettext_lazy("role"), "was": gettext_lazy("before"), "scopes": gettext_lazy("rights"),
    "number": gettext_lazy("version"), "asks_again": gettext_lazy("members are asked again"),
    "prefix": gettext_lazy("key"), "table": gettext_lazy("table"), "effective_from": gettext_lazy("takes effect"),
    "rolled_back_to": gettext_lazy("back to version"), "ends_at": gettext_lazy("ends"), "code": gettext_lazy("code"),
    "adjustment_points_max": gettext_lazy("points a manager may adjust"),
    "counter_stamps_max": gettext_lazy("stamps a cashier may give by hand"),
    "occurred_at_days_back_max": gettext_lazy("days a sale may come late"),
    "occurred_at_minutes_ahead_max": gettext_lazy("minutes a sale may be ahead"),
    "daily_accruals_alert": gettext_lazy("purchases a day before a flag"), "url": gettext_lazy("address"),
    "claim_days_max": gettext_lazy("days a receipt can be claimed"),
    "expiry_notice_days": gettext_lazy("days ahead that ending points are announced"),
    "churn_alert_percent": gettext_lazy("percent of churn before a warning"),
    "answers_min": gettext_lazy("answers before a score is shown"),
    "outbox_days_kept": gettext_lazy("days events are kept"), "events": gettext_lazy("events"),
    "browsers": gettext_lazy("browsers"), "asked_by": gettext_lazy("asked for by"),
    "changed": gettext_lazy("changed"), "checks": gettext_lazy("what did not add up"), "since": gettext_lazy("since"),
}  # fmt: skip
_WORDS: Final[dict[str, Any]] = {
    "name": gettext_lazy("name"), "email": gettext_lazy("e-mail"), "phone": gettext_lazy("phone"),
    "birthday": gettext_lazy("birthday"), "language": gettext_lazy("language"), "attributes": gettext_lazy("attributes"),
    "external_id": gettext_lazy("external id"),
}  # fmt: skip
_LISTS: Final = ("scopes", "changed", "events", "checks", "parts")
_POINTS: Final = ("points", "balance", "debt_made")
_MONEY: Final = ("amount_minor", "left_minor")
#: Parts of a terms document, in the words of their pages.
_PARTS: Final[dict[str, Any]] = {
    "name": gettext_lazy("name"), "points": gettext_lazy("points"), "earning": gettext_lazy("earning rules"),
    "expiry": gettext_lazy("expiry"), "tiers": gettext_lazy("tiers"), "rewards": gettext_lazy("rewards"),
    "pay_with_points": gettext_lazy("paying with points"), "payable_kinds": gettext_lazy("what points can pay"),
    "welcome": gettext_lazy("welcome points"), "referral": gettext_lazy("referrals"),
    "transfers": gettext_lazy("transfers between members"), "notices": gettext_lazy("notices"),
    "examples": gettext_lazy("worked examples"),
}  # fmt: skip


class SearchForm(forms.Form):
    """Which part of the record: whose acts, of which kind, from which days."""

    who = forms.ChoiceField(label=gettext_lazy("Who"), required=False)
    what = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    first = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, actor_names: ActorNames, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(actor, actor_names[actor]) for actor in actor_names if actor.startswith("staff:")]
        machines = [(actor, actor_names[actor]) for actor in actor_names if actor.startswith("key:")]
        others = [("member:", _("Members themselves")), ("system:", _("The system"))]
        groups = [(_("Team"), people), (_("API keys"), machines), (_("Others"), others)]
        who: Any = self.fields["who"]
        who.choices = [("", _("everybody")), *((name, rows) for name, rows in groups if rows)]
        what: Any = self.fields["what"]
        what.choices = [("", _("everything")), *((key, name) for key, (name, _actions) in GROUPS.items())]


@require_GET
@seat_required(Permission.VIEW_AUDIT)
def record(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List who changed what, newest first; about one thing with `?subject=`."""
    merchant, actor_names = merchant_of(request), ActorNames(merchant_of(request))
    form = SearchForm(actor_names, request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    narrowed = _narrowed(request, asked)
    rows = audit.newest(
        merchant=merchant, limit=screens.PAGE + 1, before_id=screens.read_cursor(request, int), **narrowed
    )
    shown, following = screens.cut(rows, lambda row: row.id)
    page = {
        "form": form,
        "is_narrowed": any(asked.values()),
        "rows": _told(merchant, shown, actor_names, screens.decimals_of(request)),
        "cursor": following,
        "subject": narrowed["subject"],
    }
    return screens.show(request, "console/settings/record.html", page)


def pages_of(request: HttpRequest, *, limit: int) -> Iterator[list[dict[str, Any]]]:
    """Walk the record as the page narrows it, each row as the page tells it; a page at a time."""
    merchant, decimals = merchant_of(request), screens.decimals_of(request)
    actor_names = ActorNames(merchant)
    form = SearchForm(actor_names, request.GET)
    narrowed = _narrowed(request, form.cleaned_data if form.is_valid() else {})

    def read(last: int | None) -> list[Record]:
        return audit.newest(merchant=merchant, limit=limit, before_id=last, **narrowed)

    for rows in tables.pages(read, lambda row: row.id):
        yield _told(merchant, rows, actor_names, decimals)


def _narrowed(request: HttpRequest, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "subject": request.GET.get("subject", "")[:60],
        "actor": asked.get("who") or "",
        "actions": GROUPS[asked["what"]][1] if asked.get("what") else (),
        **_days(merchant_of(request), asked.get("first"), asked.get("last")),
    }


def _days(merchant: Merchant, first: date | None, last: date | None) -> dict[str, Any]:
    return {
        "since": periods.start_of_day(first, merchant.tzinfo) if first else None,
        "until": periods.start_of_day(last + timedelta(days=1), merchant.tzinfo) if last else None,
    }


def _told(merchant: Merchant, rows: Sequence[Record], actor_names: ActorNames, decimals: int) -> list[dict[str, Any]]:
    subjects = {row.subject for row in rows} | {str(row.details.get("to", "")) for row in rows}
    names = directory.names(merchant=merchant, public_ids=[each for each in subjects if each.startswith("mem_")])
    names |= {actor.partition(":")[2]: actor_names[actor] for actor in actor_names}
    documents = {row.id: _document(row) for row in rows}
    why = corrections.reasons(merchant=merchant, public_ids=[each for each in documents.values() if each])
    units = _Units(merchant, decimals, names)
    return [
        {
            "row": row,
            "who": actor_names[row.actor],
            "what": ACTIONS.get(row.action, row.action),
            "is_member": row.subject.startswith("mem_"),
            "is_bulk": row.subject.startswith("blk_"),
            "subject": _subject(row, names),
            "details": units.told({**row.details, "reason": why.get(documents[row.id]) or row.details.get("reason")}),
        }
        for row in rows
    ]


def _document(row: Record) -> str:
    """Return the document which this record is of: it keeps the reason, the record is kept for ever and does not."""
    return next(
        (
            row.details[key]
            for key in ("adjustment", "refund", "reversal", "transfer", "request")
            if row.details.get(key)
        ),
        "",
    )


def _subject(row: Record, names: Mapping[str, str]) -> str:
    if row.action == "programme.published":
        return _("version %(number)s") % {"number": row.subject}
    if row.action == "programme.draft_saved":
        return _("draft %(number)s") % {"number": row.subject}
    if row.subject.startswith("blk_"):
        return _("all of a list")
    return names.get(row.subject) or row.subject


@dataclass(frozen=True, slots=True)
class _Units:
    """Says particulars in the merchant's money and points."""

    merchant: Merchant
    decimals: int
    names: Mapping[str, str]

    def told(self, details: Mapping[str, Any]) -> list[str]:
        return [
            _("%(name)s: %(value)s") % {"name": name, "value": self._value(key, details[key])}
            for key, name in _DETAILS.items()
            if details.get(key) not in (None, "", []) and not (key == "debt_made" and not details[key])
        ]

    def _value(self, key: str, value: Any) -> str:
        is_pair = isinstance(value, list) and len(value) == 2
        if is_pair and (key not in _LISTS or all(isinstance(each, list) for each in value)):
            before, after = (self._value(key, each) for each in value)
            return _("%(before)s → %(after)s") % {"before": before, "after": after}
        if isinstance(value, list):
            words = _PARTS if key == "parts" else _WORDS
            return formats.listed([str(words.get(each, each)) for each in map(str, value)])
        if key in ("role", "was") and value in Role.values:
            return str(Role(value).label)
        if key in ("effective_from", "ends_at", "since"):
            return formats.moment(datetime.fromisoformat(value))
        if key == "to":
            return self.names.get(value, value)
        if key == "asked_by":
            return self.names.get(value.partition(":")[2], value)
        if key in _MONEY:
            return formats.money(value, self.merchant.currency, self.merchant.display_digits)
        if key in _POINTS:
            return formats.points(value, self.decimals)
        return formats.number(value) if isinstance(value, int) else str(value)[:120]
