"""Who changed what: the audit record in people's words, to be searched by hand, by kind and by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.hands import Hands
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.models import Member
from merchants import audit, periods
from merchants.audit import Record
from merchants.models.merchants import Merchant
from merchants.models.people import Role
from merchants.permissions import Permission

#: What each kind of record is called; anything else prints its own name.
ACTIONS: dict[str, Any] = {
    "programme.published": gettext_lazy("published the programme"),
    "points.adjusted": gettext_lazy("adjusted points"),
    "purchase.claimed": gettext_lazy("added a receipt to a member"),
    "purchase.unclaimed": gettext_lazy("took a receipt off a member again"),
    "member.enrolled": gettext_lazy("enrolled a member"),
    "member.updated": gettext_lazy("changed a member"),
    "member.revealed": gettext_lazy("looked at a member's contacts"),
    "member.blocked": gettext_lazy("blocked a member"),
    "member.unblocked": gettext_lazy("opened a member again"),
    "member.contact_restored": gettext_lazy("took a change of contact back"),
    "missing_points.accepted": gettext_lazy("gave missing points"),
    "missing_points.declined": gettext_lazy("declined missing points"),
    "missing_points.told_apart": gettext_lazy("told two receipts with one number apart"),
    "member.merged": gettext_lazy("merged two members"),
    "member.unmerged": gettext_lazy("undid a merge"),
    "card.issued": gettext_lazy("gave a card"),
    "card.blocked": gettext_lazy("blocked a card"),
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
    "location.opened": gettext_lazy("opened a location"),
    "merchant.opened": gettext_lazy("opened the shop"),
    "location.changed": gettext_lazy("changed a location"),
    "location.closed": gettext_lazy("closed a location"),
    "location.reopened": gettext_lazy("opened a location again"),
    "account.frozen": gettext_lazy("froze an account that does not add up"),
    "member.erased": gettext_lazy("erased a member"),
    "webhook.replayed_since": gettext_lazy("sent earlier events again"),
    "seat.given": gettext_lazy("gave a seat"),
    "seat.role_changed": gettext_lazy("changed somebody's role"),
    "seat.revoked": gettext_lazy("took a seat away"),
    "seat.pin_set": gettext_lazy("set a PIN"),
    "logo.changed": gettext_lazy("changed the logo"),
    "logo.removed": gettext_lazy("removed the logo"),
    "data.exported": gettext_lazy("took data out as CSV"),
}
#: What belongs together when somebody searches.
GROUPS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "programme": (gettext_lazy("Programme"), ("programme.",)),
    "members": (gettext_lazy("Members and points"), ("member.", "card.", "points.", "purchase.", "account.")),
    "links": (gettext_lazy("API keys and webhooks"), ("key.", "webhook.")),
    "team": (gettext_lazy("Team"), ("seat.",)),
    "settings": (gettext_lazy("Settings"), ("settings.", "location.", "logo.")),
    "exports": (gettext_lazy("Exports"), ("data.",)),
}
#: What the particulars are called; ids and marks of machines are left out.
_DETAILS: Final[dict[str, Any]] = {
    "name": gettext_lazy("name"), "zone": gettext_lazy("time zone"), "language": gettext_lazy("language"),
    "brand_colour": gettext_lazy("brand colour"), "points": gettext_lazy("points"), "reason": gettext_lazy("reason"),
    "role": gettext_lazy("role"), "was": gettext_lazy("before"), "scopes": gettext_lazy("rights"),
    "prefix": gettext_lazy("key"), "table": gettext_lazy("table"), "effective_from": gettext_lazy("takes effect"),
    "rolled_back_to": gettext_lazy("back to version"), "ends_at": gettext_lazy("ends"), "code": gettext_lazy("code"),
    "adjustment_points_max": gettext_lazy("points a manager may adjust"),
    "occurred_at_days_back_max": gettext_lazy("days a sale may come late"),
    "occurred_at_minutes_ahead_max": gettext_lazy("minutes a sale may be ahead"),
    "daily_accruals_alert": gettext_lazy("purchases a day before a flag"), "url": gettext_lazy("address"),
    "claim_days_max": gettext_lazy("days a receipt can be claimed"),
    "expiry_notice_days": gettext_lazy("days ahead that ending points are announced"),
    "churn_alert_percent": gettext_lazy("percent of churn before a warning"),
    "outbox_days_kept": gettext_lazy("days events are kept"), "events": gettext_lazy("events"),
    "changed": gettext_lazy("changed"), "checks": gettext_lazy("what did not add up"), "since": gettext_lazy("since"),
}  # fmt: skip
_WORDS: Final[dict[str, Any]] = {
    "name": gettext_lazy("name"), "email": gettext_lazy("e-mail"), "phone": gettext_lazy("phone"),
    "birthday": gettext_lazy("birthday"), "language": gettext_lazy("language"), "attributes": gettext_lazy("attributes"),
    "external_id": gettext_lazy("external id"),
}  # fmt: skip
_LISTS: Final = ("scopes", "changed", "events", "checks")


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

    def __init__(self, hands: Hands, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(actor, hands[actor]) for actor in hands if actor.startswith("staff:")]
        machines = [(actor, hands[actor]) for actor in hands if actor.startswith("key:")]
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
    merchant, subject = merchant_of(request), request.GET.get("subject", "")[:60]
    hands = Hands(merchant)
    form = SearchForm(hands, request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    rows = audit.newest(
        merchant=merchant, limit=screens.PAGE + 1, before_id=screens.read_cursor(request, int), subject=subject,
        actor=asked.get("who") or "", actions=GROUPS[asked["what"]][1] if asked.get("what") else (),
        **_days(merchant, asked.get("first"), asked.get("last")),
    )  # fmt: skip
    shown, following = screens.cut(rows, lambda row: row.id)
    page = {
        "form": form,
        "is_narrowed": any(asked.values()),
        "rows": _told(merchant, shown, hands),
        "cursor": following,
        "subject": subject,
    }
    return screens.show(request, "console/settings/record.html", page)


def _days(merchant: Merchant, first: date | None, last: date | None) -> dict[str, Any]:
    return {
        "since": periods.start_of_day(first, merchant.tzinfo) if first else None,
        "until": periods.start_of_day(last + timedelta(days=1), merchant.tzinfo) if last else None,
    }


def _told(merchant: Merchant, rows: Sequence[Record], hands: Hands) -> list[dict[str, Any]]:
    subjects = {row.subject for row in rows}
    members = Member.objects.filter(
        merchant=merchant, public_id__in=[each for each in subjects if each.startswith("mem_")]
    )
    names = {member.public_id: str(member) for member in members}
    names |= {actor.partition(":")[2]: hands[actor] for actor in hands}
    return [
        {
            "row": row,
            "who": hands[row.actor],
            "what": ACTIONS.get(row.action, row.action),
            "is_member": row.subject.startswith("mem_"),
            "subject": _subject(row, names),
            "details": [
                _("%(name)s: %(value)s") % {"name": name, "value": _value(key, row.details[key])}
                for key, name in _DETAILS.items()
                if row.details.get(key) not in (None, "", [])
            ],
        }
        for row in rows
    ]


def _subject(row: Record, names: Mapping[str, str]) -> str:
    if row.action == "programme.published":
        return _("version %(number)s") % {"number": row.subject}
    return names.get(row.subject) or row.subject


def _value(key: str, value: Any) -> str:
    if isinstance(value, list) and len(value) == 2 and key not in _LISTS:
        return _("%(before)s → %(after)s") % {"before": _value(key, value[0]), "after": _value(key, value[1])}
    if isinstance(value, list):
        return formats.listed([str(_WORDS.get(each, each)) for each in map(str, value)])
    if key in ("role", "was") and value in Role.values:
        return str(Role(value).label)
    if key in ("effective_from", "ends_at", "since"):
        return formats.moment(datetime.fromisoformat(value))
    return formats.number(value) if isinstance(value, int) else str(value)[:120]
