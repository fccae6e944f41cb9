"""What members and guests answered when asked how likely they are to recommend the shop, for somebody to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django import forms
from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST

from analytics import metrics
from engagement import survey_answers, surveys
from engagement.survey_answers import NEWS_DAYS, ListedAnswer, Narrowed
from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import documents
from rewards.purchases import finding

#: What an answer came by, as the portal, the receipt's link and tills of some kinds call it; others print their own.
CHANNELS: Final[dict[str, Any]] = {
    "portal": gettext_lazy("in the portal"), "link": gettext_lazy("by the link"),
    "receipt": gettext_lazy("on the receipt"), "mail": gettext_lazy("by e-mail"),
}  # fmt: skip
_CLASSES: Final[dict[str, Any]] = {
    "promoter": gettext_lazy("Promoters (9–10)"), "passive": gettext_lazy("Passives (7–8)"),
    "detractor": gettext_lazy("Detractors (0–6)"),
}  # fmt: skip

#: Ways back that may be chosen; the dashboard's own periods are among them.
DAYS: Final = (NEWS_DAYS, 90, 365)
_FIRST_GROUP: Final = metrics.BY_KEY["nps"].groups[0].key


class NarrowForm(forms.Form):
    """Which answers; the class stands above, with how many there are of each."""

    kind = forms.ChoiceField(required=False, choices=[("", ""), *_CLASSES.items()], widget=forms.HiddenInput)
    whose = forms.ChoiceField(
        label=gettext_lazy("From whom"), required=False,
        choices=[("", gettext_lazy("everybody")), ("member", gettext_lazy("members")),
                 ("guest", gettext_lazy("guests"))],
    )  # fmt: skip
    care = forms.ChoiceField(
        label=gettext_lazy("Follow-up"), required=False,
        choices=[("", gettext_lazy("all")), ("waiting", gettext_lazy("still open")),
                 ("noted", gettext_lazy("noted"))],
    )  # fmt: skip
    days = forms.ChoiceField(label=gettext_lazy("When"), required=False)
    words = forms.ChoiceField(
        label=gettext_lazy("Comment"), required=False,
        choices=[("", gettext_lazy("all")), ("yes", pgettext_lazy("comment", "written"))],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days: Any = self.fields["days"]
        days.choices = [
            ("", _("at any time")),
            *((str(n), _("in the last %(count)d days") % {"count": n}) for n in DAYS),
        ]


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def answers(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List answers, newest first, narrowed down by class, by whom, by follow-up, and to those with words."""
    merchant, asked = merchant_of(request), narrowed(request)
    after = screens.read_cursor(request, tuple[date, int])
    rows = survey_answers.newest(merchant=merchant, narrowed=asked, limit=screens.PAGE + 1, after=after)
    shown, following = screens.cut(rows, lambda answer: answer.place)
    counts = survey_answers.counts(merchant=merchant, narrowed=asked)
    kept = _kept(request)
    page = {
        "form": NarrowForm(request.GET),
        "classes": [
            {"label": name, "count": count, "is_current": asked.nps_class == kind,
             "href": "?" + addresses.query(**{**kept, "kind": kind})}
            for kind, name, count in (
                ("", _("All"), counts.total), *((kind, name, getattr(counts, kind)) for kind, name in _CLASSES.items()),
            )
        ],
        "rows": _rows(merchant, shown),
        "cursor": following,
        "is_narrowed": asked != Narrowed(),
        "export": f"{screens.url(request, 'dashboard_export')}?{addresses.query(table='answers', **kept)}",
        "kept": addresses.query(**kept),
        "behind": f"{screens.url(request, 'dashboard_members')}?{addresses.query(metric='nps', group=_FIRST_GROUP)}",
    }  # fmt: skip
    return screens.show(request, "console/dashboard/answers.html", page)


@require_POST
@seat_required(Permission.EDIT_MEMBERS)
def take_care(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Note that somebody took care of an answer, a guest's or a member's; the list stays as it was narrowed down."""
    try:
        surveys.follow_up(
            merchant=merchant_of(request), answer_id=request.POST.get("answer", "")[:40], now=now_of(request),
            actor=actor_of(request),
        )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("Noted."))
    return redirect(f"{screens.url(request, 'dashboard_answers')}?{addresses.query(**_kept(request))}")


def narrowed(request: HttpRequest) -> Narrowed:
    """Read which answers an address means; what is no choice of ours narrows nothing."""
    asked = _asked(request)
    return Narrowed(
        nps_class=asked["kind"], whose=asked["whose"], care=asked["care"], has_comment=asked["words"] == "yes",
        since=survey_answers.last_days(merchant=merchant_of(request), days=int(asked["days"]), now=now_of(request))
        if asked["days"] else None,
    )  # fmt: skip


def _asked(request: HttpRequest) -> dict[str, Any]:
    form = NarrowForm(request.GET)
    form.is_valid()
    # What is no choice of ours is not among them.
    return {name: form.cleaned_data.get(name, "") for name in form.fields}


def _kept(request: HttpRequest) -> dict[str, Any]:
    """What an address says that is a choice of ours, to be said again in another."""
    return {name: value for name, value in _asked(request).items() if value}


def _rows(merchant: Merchant, shown: Sequence[ListedAnswer]) -> list[dict[str, Any]]:
    """The answers, what each is about and who took care; a few statements, however many there are."""
    bought = finding.among(merchant=merchant, public_ids=[answer.purchase for answer in shown if answer.purchase])
    actor_names = ActorNames(merchant)
    namespaces = actor_names.namespaces
    rows = []
    for answer in shown:
        purchase = bought.get(answer.purchase)
        rows.append({
            "answer": answer,
            "channel": CHANNELS.get(answer.channel, answer.channel),
            "care_by": actor_names[answer.followed_up_by],
            "purchase": purchase,
            "number": documents.number_given(purchase.external_id, namespaces) if purchase else "",
        })  # fmt: skip
    return rows
