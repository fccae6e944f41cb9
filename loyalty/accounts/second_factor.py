"""Whether this session has shown a second factor: an authenticator app, a passkey or a recovery code."""

from __future__ import annotations

import time

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from merchants import sealing, users
from merchants.users import User

#: A tablet left open over night asks again in the morning.
HOURS_VALID = 12
#: For what an authenticator's own secret is sealed; allauth does not say whose it is.
AUTHENTICATOR = "authenticator"


def is_shown(request: HttpRequest, user: User) -> bool:
    """Return whether the person in this session showed a second factor within the last 12 hours."""
    shown_at = [record["at"] for record in get_authentication_records(request, user) if record["method"] == "mfa"]
    return bool(shown_at) and time.time() - max(shown_at) < HOURS_VALID * 3600


def is_set_up(user: User) -> bool:
    """Return whether the person has a second factor of their own; recovery codes alone are none."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def forget(user: User) -> int:
    """Take away every second factor of a person who lost them, end their sessions, and return how many there were."""
    held = Authenticator.objects.filter(user_id=user.pk)
    count: int = held.exclude(type=Authenticator.Type.RECOVERY_CODES).count()
    held.delete()
    users.end_sessions(user)
    return count


def ask(request: HttpRequest, user: User) -> HttpResponse | None:
    """Return None if this session may pass, else the way to the page that shows or sets up a second factor."""
    if is_shown(request, user):
        return None
    if not is_set_up(user):
        if not settings.CONSOLE_SECOND_FACTOR_REQUIRED:
            return None
        name = "second_factor_setup"
    else:
        only_passkeys = not is_mfa_enabled(user, [Authenticator.Type.TOTP])
        name = "mfa_reauthenticate_webauthn" if only_passkeys else "mfa_reauthenticate"
    here = request.get_full_path() if request.method == "GET" else reverse(settings.LOGIN_REDIRECT_URL)
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: here})}")


def reseal() -> int:
    """Seal anew what an older SECRET_KEY sealed in people's authenticators; return how many.

    :raises CannotUnseal: one of them opens with no key at all.
    """
    resealed = 0
    for row in Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk"):
        held = {name: row.data[name] for name in ("secret", "seed") if name in row.data}
        if all(sealing.is_current(sealed, subject=AUTHENTICATOR) for sealed in held.values()):
            continue
        for name, sealed in held.items():
            row.data[name] = sealing.seal(sealing.unseal(sealed, subject=AUTHENTICATOR), subject=AUTHENTICATOR)
        row.save(update_fields=["data"])
        resealed += 1
    return resealed
