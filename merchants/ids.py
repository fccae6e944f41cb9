"""Names for things: public ids (`mem_…`) for machines and short codes for people.

Public ids carry 80 random bits in lower-case Crockford base32, so they can be neither guessed nor counted; the internal
key never leaves the installation. Codes for people use 31 signs without look-alikes (no 0, O, 1, I, L).
"""

import re
import secrets
from collections.abc import Mapping
from functools import cache

from django.apps import apps
from django.db.models import Model

from merchants import scanned

SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
#: What every code for inviting friends begins with.
REFERRAL = "JOIN"
_VALUE = {sign: value for value, sign in enumerate(SIGNS)}
_BODY = "[0-9abcdefghjkmnpqrstvwxyz]{16}"
#: Crockford's sign for each byte, by its last five bits: all 32 are equally likely.
_CROCKFORD = b"0123456789abcdefghjkmnpqrstvwxyz" * 8


@cache
def prefixes() -> Mapping[str, type[Model]]:
    """Return the models by the prefix of their public ids: each model names its own as `id_prefix`.

    :raises ValueError: two models name the same.
    """
    found: dict[str, type[Model]] = {}
    for model in apps.get_models():
        prefix = getattr(model, "id_prefix", None)
        if prefix is not None and found.setdefault(prefix, model) is not model:
            raise ValueError(f"{model.__name__} and {found[prefix].__name__} have the same id_prefix {prefix!r}")
    return found


def mint(prefix: str) -> str:
    """Make a new public id, `mem_` and 16 signs (80 random bits).

    :raises ValueError: no model names this prefix.
    """
    if prefix not in prefixes():
        raise ValueError(f"no model has the id_prefix {prefix!r}")
    return f"{prefix}_{secrets.token_bytes(16).translate(_CROCKFORD).decode()}"


def is_id(text: str, prefix: str) -> bool:
    """State whether a text has the form of a public id of this kind (it may still name nothing)."""
    return re.fullmatch(f"{prefix}_{_BODY}", text) is not None


def mint_member_code() -> str:
    """Make a member's short code such as M4K7-92QX: seven random signs and one check sign."""
    body = "".join(secrets.choice(SIGNS) for _ in range(7))
    return grouped(body + check_sign(body))


def mint_referral_code() -> str:
    """Make a code for inviting friends such as JOIN7K4M92A: six random signs and one check sign behind `JOIN`.

    I and O are no signs of ours, and no other code has eleven: nothing that names a member or a reward can look like it.
    """
    body = "".join(secrets.choice(SIGNS) for _ in range(6))
    return f"{REFERRAL}{body}{check_sign(body)}"


def read_referral_code(text: str) -> str | None:
    """Read a typed code for inviting friends, with or without its `JOIN`, 1 for I and 0 for O; None for another text."""
    found = re.fullmatch(rf"(?:J[O0][I1L]N)?([{SIGNS}]{{7}})", normalise(text))
    if found is None or check_sign(found[1][:-1]) != found[1][-1]:
        return None
    return f"{REFERRAL}{found[1]}"


def mint_code(length: int = 12) -> str:
    """Make a secret code for a voucher or redemption: at least 12 signs of 31 (59 bits), by fours."""
    if length < 12:
        raise ValueError("a code that is worth money needs at least 12 signs")
    return grouped("".join(secrets.choice(SIGNS) for _ in range(length)))


def check_sign(body: str) -> str:
    """Compute the sign that shows any one mistyped sign and any two neighbours swapped (mod 31)."""
    return SIGNS[-sum((place + 2) * _VALUE[sign] for place, sign in enumerate(reversed(body))) % 31]


def is_member_code(code: str) -> bool:
    """State whether a typed code can be a member's short code, its check sign included."""
    plain = normalise(code)
    return len(plain) == 8 and all(sign in _VALUE for sign in plain) and check_sign(plain[:-1]) == plain[-1]


def normalise(code: str) -> str:
    """Reduce a typed or scanned code to its signs: upper case, no spaces, dashes, or marks of a scanner or keyboard."""
    return re.sub(r"[\-._]", "", scanned.plain(code)).upper()


def grouped(code: str) -> str:
    """Print a code in groups of four, as people read it."""
    plain = normalise(code)
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))
