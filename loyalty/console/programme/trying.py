"""The simulator: a basket tried on a document, with the why in words, and what the programme in force would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.programme.forms.trial import TrialForm
from loyalty.console.programme.shapes import EditedDraft, edited_draft
from merchants import periods
from merchants.permissions import Permission
from rewards import programmes, terms
from rewards.earning import Basket, Evaluation, Facts, stamps
from rewards.programmes import InvalidProgramme, Tried
from rewards.terms import Terms


@dataclass(frozen=True, slots=True)
class TrialStamps:
    """What a basket puts on one stamp card; `before` is what the programme in force puts there, None without that card."""

    name: str
    stamps: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; `before` is what the programme in force gives, None when there is none."""

    points: int
    before: int | None
    steps: tuple[tuple[str, str, int], ...]  # (code, words, points)
    faults: tuple[str, ...] = ()
    stamps: tuple[TrialStamps, ...] = ()


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def trial(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Answer the simulator's card alone, for htmx; without script the page itself is asked."""
    edited = edited_draft(request)
    page = {**simulator(request, edited), "edited": edited, "decimals": edited.decimals}
    return render(request, "console/programme/_trial.html", page)


def simulator(
    request: HttpRequest, edited: EditedDraft, document: Mapping[str, Any] | None = None, *, category: str = ""
) -> dict[str, Any]:
    """Return the simulator's form, filled in or with a likely basket (of a category), and its outcome on a document.

    Without a document it is tried on the draft.
    """
    data = request.POST if request.method == "POST" else request.GET
    is_asked = any(name.startswith("try-") for name in data)
    form = TrialForm(edited, data if is_asked else _likely(request, edited, category))
    tried = run(request, edited, form, document) if form.is_valid() else None
    return {"trial_form": form, "trial": tried}


def run(request: HttpRequest, edited: EditedDraft, form: TrialForm, document: Mapping[str, Any] | None) -> Trial:
    read, merchant = form.cleaned_data, edited.merchant
    at: datetime = read["at"] or now_of(request)
    lines = form.lines()
    basket = Basket(
        occurred_at=at, currency=merchant.currency, total_minor=sum(line.amount_minor for line in lines), lines=lines,
        location=read.get("place") or next(iter(edited.places), None),
    )  # fmt: skip
    day = periods.local_day(at, merchant.tzinfo)
    tiers = [code for code, _name in edited.tiers]
    tier = read.get("tier") or (tiers[0] if tiers else None)
    facts = Facts(
        tier=tier, ordinal=read["ordinal"] or 2, birthday=(day.month, day.day) if read["is_birthday"] else None
    )
    try:
        tried = programmes.simulate(
            merchant=merchant, document=edited.document if document is None else document, basket=basket, facts=facts,
            language=edited.language,
        )  # fmt: skip
    except InvalidProgramme as refusal:
        return Trial(0, None, (), tuple(fault.detail for fault in refusal.faults))
    before = _in_force(request, basket, facts, edited)
    return Trial(
        tried.evaluation.points, before.points if before is not None else None, _steps(tried),
        stamps=tuple(_stamps(terms.parse(document or edited.document), tried.evaluation, before, edited)),
    )  # fmt: skip


def _stamps(
    promised: Terms, found: Evaluation, before: Evaluation | None, edited: EditedDraft
) -> Iterator[TrialStamps]:
    """Give the cards that the basket fills by the draft, or fills otherwise today."""
    then = stamps.by_card(before.outcomes) if before is not None else None
    now = stamps.by_card(found.outcomes)
    for card in promised.stamps:
        change = TrialStamps(
            edited.said(card.name),
            now[card.code].stamps if card.code in now else 0,
            None if then is None else then[card.code].stamps if card.code in then else 0,
        )
        if change.stamps or change.before:
            yield change


def _steps(tried: Tried) -> tuple[tuple[str, str, int], ...]:
    pairs = zip(tried.evaluation.trace, tried.words, strict=True)
    return tuple((step.code, words, step.points) for step, words in pairs)


def _in_force(request: HttpRequest, basket: Basket, facts: Facts, edited: EditedDraft) -> Evaluation | None:
    version = screens.version_of(request)
    if version is None:
        return None
    known = {level.code for level in version.terms.tiers.levels} if version.terms.tiers else set()
    if facts.tier is not None and facts.tier not in known:
        return None
    tried = programmes.simulate(
        merchant=edited.merchant,
        document=terms.document(version.terms),
        basket=basket,
        facts=facts,
        language=edited.language,
    )
    return tried.evaluation


def usual_amounts(promised: Terms) -> tuple[int, int, int]:
    """Return three round totals of the size this programme thinks in: a small, a usual and a large sale."""
    rates = [rule.compile() for rule in promised.earning.rules]
    steps = [rate.per for rate in rates if rate.by_money]
    step = min(steps, default=100)
    return step * 20, step * 100, step * 500


def _likely(request: HttpRequest, edited: EditedDraft, category: str) -> dict[str, str]:
    amount = TrialForm(edited).fields["amount"].prepare_value(usual_amounts(edited.terms)[1])
    local = timezone.localtime(now_of(request))
    return {
        "try-amount": str(amount),
        "try-at": f"{local:%Y-%m-%dT%H:%M}",
        "try-ordinal": "2",
        "try-category": category,
    }
