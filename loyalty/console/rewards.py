"""The catalogue of the draft, with what is taken of each reward, and the claims of all members."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.programme import editing
from loyalty.console.programme.forms.rewards import REWARD_KINDS, RewardForm
from loyalty.console.programme.shapes import Document, EditedDraft, edited_draft
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import photos
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards.programmes import DraftMoved, InvalidProgramme
from rewards.redemptions import listing
from rewards.terms import TermsWording

#: What a redemption's state is called, and in which tone it is shown.
STATES: dict[str, tuple[Any, str]] = {
    "held": (gettext_lazy("on hold"), "warning"),
    "captured": (gettext_lazy("redeemed"), "positive"),
    "released": (gettext_lazy("released"), ""),
    "expired": (gettext_lazy("timed out"), ""),
    "reversed": (gettext_lazy("undone"), "negative"),
    "refused": (gettext_lazy("refused"), "negative"),
}


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def catalogue(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the rewards of the draft, and whether members see them already."""
    edited = edited_draft(request)
    speaker = TermsWording(edited.terms, edited.language, for_staff=True, places=edited.places)
    taken = listing.claimed(merchant=edited.merchant, rewards=[reward.code for reward in edited.terms.rewards])
    endless = [reward.code for reward in edited.terms.rewards if reward.stock is None]
    counted = listing.counted(merchant=edited.merchant, rewards=endless)
    version = screens.version_of(request)
    live = {reward.code: reward for reward in version.terms.rewards} if version else {}
    rows = []
    for reward in edited.terms.rewards:
        shown = live.get(reward.code)
        rows.append({
            "code": reward.code,
            "name": edited.said(reward.name),
            "what": formats.side_by_side(reward.describe(speaker).lines),
            "price": reward.price_points,
            "kind": type(reward).kind,
            "figure": reward.on_ticket(speaker),
            "stock": reward.stock,
            "claimed": counted[reward.code][0] if reward.stock is None else taken.get(reward.code, 0),
            "may_be_more": reward.stock is None and counted[reward.code][1],
            "left": None if reward.stock is None else max(0, reward.stock - taken.get(reward.code, 0)),
            "state": "live" if shown == reward else "changed" if shown is not None else "draft",
        })  # fmt: skip
    gone = [edited.said(reward.name) for code, reward in live.items() if code not in {row["code"] for row in rows}]
    page = {
        "edited": edited, "rows": rows, "gone": gone, "kinds": REWARD_KINDS.items(), "paying": formats.sentences(pay.describe(speaker).all) if (pay := edited.terms.pay_with_points) else _("points cannot pay"),
        "may_edit": screens.may_do(request, Permission.EDIT_PROGRAMME),
        "tabs": _tabs(request, "rewards"),
    }  # fmt: skip
    return screens.show(request, "console/rewards/catalogue.html", page)


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def reward(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the reward `?code=` of the draft, or add one of `?kind=`."""
    edited = edited_draft(request)
    code = request.GET.get("code", "")
    known = _reward(edited.document, code)
    if code and known is None:
        notes.error(request, _("This reward is not in the draft any more."))
        return screens.to(request, "rewards")
    kind = known["kind"] if known else request.GET.get("kind", "product")
    kind = kind if kind in REWARD_KINDS else "product"
    form = RewardForm(edited, known, request.POST if request.method == "POST" else None, kind=kind)
    page: dict[str, Any] = {
        "edited": edited, "form": form, "known": known, "kind_name": REWARD_KINDS[kind],
        "seen": request.POST.get("seen") or editing.seen(known),
        "claimed": listing.claimed(merchant=edited.merchant, rewards=[code]).get(code, 0) if known else 0,
        "figure": "" if known is None else _figure(edited, code),
        "has_photo": photos.shown(edited.merchant, photos.of_reward(code)) is not None,
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        written = form.written()

        def change(document: Document) -> None:
            rewards = document["rewards"]
            places = [place for place, each in enumerate(rewards) if each["code"] == written["code"]]
            if places:
                rewards[places[0]] = written
            else:
                rewards.append(written)

        try:
            editing.save(request, part=lambda document: _reward(document, written["code"]), change=change)
        except InvalidProgramme as refusal:
            codes = [each["code"] for each in edited.document["rewards"]]
            place = codes.index(written["code"]) if written["code"] in codes else len(codes)
            form.take_faults(refusal.faults, f"/rewards/{place}")
        except DraftMoved as refusal:
            page["moved"] = refusal.detail
            page["seen"] = editing.seen(_reward(edited_draft(request).document, written["code"]))
        else:
            return screens.to(request, "rewards", said=_("Saved in the draft."))
    return screens.show(request, "console/rewards/reward.html", page, status=422 if form.is_bound else 200)


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def remove(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a reward out of the draft."""
    code = request.POST.get("code", "")

    def change(document: Document) -> None:
        document["rewards"] = [each for each in document["rewards"] if each["code"] != code]

    edited = edited_draft(request)
    known = _reward(edited.document, code)
    if known is None:
        notes.error(request, _("This reward is not in the draft any more."))
        return screens.to(request, "rewards")
    try:
        editing.save(request, part=lambda document: _reward(document, code), change=change, shown=editing.seen(known))
    except InvalidProgramme as refusal:
        # A stamp card brings it: taken away, the card would bring nothing.
        notes.error(request, " ".join(fault.detail for fault in refusal.faults))
        return screens.to(request, "rewards")
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "rewards")
    return screens.to(request, "rewards", said=_("The reward is out of the draft. Members see it until you publish."))


@require_GET
@seat_required(Permission.SEE_MEMBERS)
def taken(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """List what members took, newest first; of one reward with `?reward=`."""
    merchant, edited = merchant_of(request), edited_draft(request)
    wanted = request.GET.get("reward", "")[:60]
    rows = listing.listed(
        merchant=merchant, now=now_of(request), reward=wanted, limit=screens.PAGE + 1,
        before=screens.read_cursor(request, tuple[datetime, int]),
    )  # fmt: skip
    shown, following = screens.cut(rows, lambda row: (row.occurred_at, row.id))
    names = {each.code: edited.said(each.name) for each in edited.terms.rewards} | screens.reward_names(request)
    page = {
        "rows": [
            {"claim": row, "name": names.get(row.reward, row.reward) or _("Paid with points"),
             "state": STATES[row.state][0], "tone": STATES[row.state][1]}
            for row in shown
        ],
        "cursor": following, "wanted": names.get(wanted, wanted), "tabs": _tabs(request, "reward_claims"),
    }  # fmt: skip
    return screens.show(request, "console/rewards/claims.html", page)


def _tabs(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    items = [("rewards", _("Catalogue"))]
    if screens.may_do(request, Permission.SEE_MEMBERS):
        items.append(("reward_claims", _("Claims")))
    return [
        {"label": label, "href": screens.url(request, name), "is_current": name == current} for name, label in items
    ]


def _figure(edited: EditedDraft, code: str) -> str:
    """Return what stands on the ticket that is drawn while a reward has no photo."""
    speaker = TermsWording(edited.terms, edited.language)
    return next((each.on_ticket(speaker) for each in edited.terms.rewards if each.code == code), "")


def _reward(document: Document, code: str) -> Document | None:
    return next((each for each in document["rewards"] if each["code"] == code), None) if code else None
