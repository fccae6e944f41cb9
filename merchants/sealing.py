"""Secrets we must be able to read again, kept so that a copy of the database alone does not tell them.

AES-256-GCM under a key derived from `SECRET_KEY`.  `SECRET_KEY_FALLBACKS` still open what was sealed before the key was
changed; `manage.py reseal` seals all of it anew.  What only has to be recognised (keys, PINs, codes) is hashed instead.
"""

from __future__ import annotations

import base64
import binascii
import functools
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION: Final = "v1."
_NONCE_BYTES: Final = 12


class CannotUnseal(Exception):
    """None of the keys opens it: `SECRET_KEY` was changed and the old one is not in `SECRET_KEY_FALLBACKS`."""


def seal(text: str, *, subject: str) -> str:
    """Encrypt a secret; only the same `subject` (whose secret it is) opens it again.

    So nobody who can write to the table can put one owner's secret into another's row.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), subject.encode())
    return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, *, subject: str) -> str:
    """Decrypt what `seal` made, with the present key or one of the fallbacks.

    :raises CannotUnseal: it was sealed with another key, for another subject, or not by us.
    """
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        text = _opened(sealed, subject, key)
        if text is not None:
            return text
    raise CannotUnseal(f"What was sealed for {subject} does not open with SECRET_KEY or SECRET_KEY_FALLBACKS.")


def is_current(sealed: str, *, subject: str) -> bool:
    """State whether the present key alone opens it."""
    return _opened(sealed, subject, settings.SECRET_KEY) is not None


def _opened(sealed: str, subject: str, key: str) -> str | None:
    if not sealed.startswith(_VERSION):
        return None
    try:
        found = base64.urlsafe_b64decode(sealed.removeprefix(_VERSION))
        return _cipher(key).decrypt(found[:_NONCE_BYTES], found[_NONCE_BYTES:], subject.encode()).decode()
    except (InvalidTag, binascii.Error, ValueError):
        return None


@functools.lru_cache(maxsize=8)
def _cipher(key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"loyalty sealing v1").derive(key.encode())
    return AESGCM(derived)
