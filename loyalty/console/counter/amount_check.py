"""Is the amount meant?  A slip of the finger is asked about before it is recorded and makes somebody Gold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.utils.translation import gettext as _

from loyalty.console import screens
from loyalty.console.access import actor_of
from loyalty.console.programme.trying import usual_amounts
from loyalty.tenant import merchant_of
from merchants import permissions
from merchants.permissions import Permission
from rewards.purchases import finding

#: So many usual sales are asked about; so many are more than a cashier may record.
ASKED_FROM: Final = 20
CASHIER_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class AmountQuestion:
    """What to ask about an amount, and whether whoever typed it may say yes."""

    question: str
    may_confirm: bool


def doubt_of(request: HttpRequest, amount_minor: int) -> AmountQuestion | None:
    """Return what is odd about the amount of a sale, None for one like others here."""
    usual = finding.usual_minor(merchant=merchant_of(request))
    if usual is None:
        return _doubt_of_the_first(request, amount_minor)
    if amount_minor < ASKED_FROM * usual:
        return None
    times = amount_minor // usual
    if times >= CASHIER_MOST and not permissions.may(actor_of(request).role, Permission.RECORD_LARGE_SALES):
        said = _("That is %(times)s times your usual sale. A manager has to record it.") % {"times": f"{times:,}"}
        return AmountQuestion(said, may_confirm=False)
    return AmountQuestion(
        _("That is %(times)s times your usual sale. Record it?") % {"times": f"{times:,}"}, may_confirm=True
    )


def _doubt_of_the_first(request: HttpRequest, amount_minor: int) -> AmountQuestion | None:
    """Before there are usual sales: ask about what is far beyond the size that the programme's rules think in."""
    version = screens.version_of(request)
    if version is None or amount_minor < ASKED_FROM * usual_amounts(version.terms)[-1]:
        return None
    return AmountQuestion(_("That is a lot for one of the first sales. Record it?"), may_confirm=True)
