"""What a signed-in browser alone may not do: a fresh code to a contact the member has had for a while comes first."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages as notes
from django.http import Http404, HttpRequest, HttpResponse

from loyalty.portal import screens, steps
from loyalty.portal.forms import CodeForm
from loyalty.portal.session import member_of, now_of
from loyalty.tenant import merchant_of
from members import contact_changes
from members.codes import Proof, Purpose
from merchants import messages
from merchants.errors import LoyaltyError


@dataclass(frozen=True, slots=True)
class Page:
    """What the page says, and where it leads: `here` takes its forms."""

    title: str
    why: str
    action: str
    here: str
    back: str
    is_danger: bool = False


def ask(request: HttpRequest, step: str, purpose: Purpose, page: Page) -> Proof | HttpResponse:
    """Send a code where the member wants it (`to`), take it (`code`), and return the proof; until then, the page."""
    facts = steps.kept(request, step)
    trusted = contact_changes.trusted(merchant=merchant_of(request), member=member_of(request), now=now_of(request))
    ways = [contact for contact in trusted if messages.can_reach(contact)]
    form, status = CodeForm(), 200
    if request.method == "POST" and (to := request.POST.get("to", "")):
        way = next((each for each in ways if each.kind == to), None)
        if way is None:
            raise Http404
        answer = steps.send(request, way, purpose, before=facts.get("sent"))
        if isinstance(answer, LoyaltyError):
            notes.error(request, answer.detail)
            status = answer.http
        else:
            facts = {**facts, "sent": answer}
            steps.keep(request, step, **{name: value for name, value in facts.items() if name not in {"whose", "at"}})
    awaited = steps.sent(facts.get("sent"))
    if request.method == "POST" and "code" in request.POST and awaited is not None:
        form, status = CodeForm(request.POST), 422
        if (proof := steps.check(request, form, awaited)) is not None:
            return proof
    shown = {"form": form, "page": page, "ways": ways, "contact": awaited.contact if awaited else None}
    return screens.show(request, "portal/step_up.html", shown, status=status)
