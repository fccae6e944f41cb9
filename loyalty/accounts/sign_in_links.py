"""A link that signs one person in once: made at the command line, for the day on which no mail leaves."""

from __future__ import annotations

import hashlib
import secrets

from django.core import signing
from django.core.cache import cache

from merchants import users
from merchants.users import User

MINUTES_VALID = 10
_SALT = "loyalty.sign-in-link"


def make(user: User) -> str:
    """Return the token of a new link for this person; a link made earlier stays good until its own end."""
    nonce = secrets.token_urlsafe(16)
    cache.set(_key(nonce), user.pk, MINUTES_VALID * 60)
    return signing.dumps([user.pk, nonce, _mark(user)], salt=_SALT)


def owner_of(token: str) -> User | None:
    """Return whose link it is while it is good: not used, not too old, and no session of theirs ended since."""
    return _read(token)[0]


def use(token: str) -> User | None:
    """Take the link's one use and return whose it was; of two who open it at once, one gets in."""
    user, nonce = _read(token)
    if user is None or not cache.delete(_key(nonce)):
        return None
    return user


def _read(token: str) -> tuple[User | None, str]:
    try:
        user_id, nonce, mark = signing.loads(token, salt=_SALT, max_age=MINUTES_VALID * 60)
    except (signing.BadSignature, ValueError, TypeError):
        return None, ""
    user = users.get(user_id)
    if user is None or not user.is_active or mark != _mark(user) or cache.get(_key(nonce)) != user.pk:
        return None, ""
    return user, nonce


def _mark(user: User) -> str:
    # Ending all sessions changes it, so that it ends open links too.
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]


def _key(nonce: str) -> str:
    return f"sign-in-link:{nonce}"
