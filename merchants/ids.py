"""Names for things: public ids (`mem_…`) for machines and short codes for people.

Public ids carry 80 random bits in lower-case Crockford base32, so they can be neither guessed nor counted; the internal
key never leaves the house. Codes for people use 31 signs without look-alikes (no 0, O, 1, I, L).
"""

import re
import secrets
import unicodedata

PREFIXES: dict[str, str] = {
    "adj": "adjustment",
    "cap": "capture",
    "clm": "claim of a purchase",
    "crd": "card",
    "dev": "counter device",
    "dlv": "webhook delivery",
    "evt": "event",
    "key": "API key",
    "loc": "location",
    "mem": "member",
    "mer": "merchant",
    "msg": "outgoing message",
    "mis": "question about missing points",
    "mrg": "merge of two members",
    "pur": "purchase",
    "quo": "quote",
    "rdm": "redemption",
    "ref": "refund",
    "rel": "release",
    "rev": "reversal",
    "rfl": "referral",
    "rwd": "reward",
    "seat": "seat",
    "srv": "survey response",
    "trf": "transfer",
    "trm": "terms version",
    "ucl": "undoing of a claim",
    "usr": "user",
    "vch": "voucher",
    "whk": "webhook endpoint",
}

SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_VALUE = {sign: value for value, sign in enumerate(SIGNS)}
_BODY = "[0-9abcdefghjkmnpqrstvwxyz]{16}"
#: Crockford's sign for each byte, by its last five bits: all 32 are equally likely.
_CROCKFORD = b"0123456789abcdefghjkmnpqrstvwxyz" * 8


def mint(prefix: str) -> str:
    """This function will make a new public id, `mem_` and 16 signs (80 random bits); the prefix must be in PREFIXES."""
    if prefix not in PREFIXES:
        raise ValueError(f"no such kind of id: {prefix!r}")
    return f"{prefix}_{secrets.token_bytes(16).translate(_CROCKFORD).decode()}"


def is_id(text: str, prefix: str) -> bool:
    """This function will say whether a text has the form of a public id of this kind (it may still name nothing)."""
    return re.fullmatch(f"{prefix}_{_BODY}", text) is not None


def mint_member_code() -> str:
    """This function will make a member's short code such as M4K7-92QX: seven random signs and one check sign."""
    body = "".join(secrets.choice(SIGNS) for _ in range(7))
    return grouped(body + check_sign(body))


def mint_code(length: int = 12) -> str:
    """This function will make a secret code for a voucher or redemption: at least 12 signs of 31 (59 bits), by fours."""
    if length < 12:
        raise ValueError("a code that is worth money needs at least 12 signs")
    return grouped("".join(secrets.choice(SIGNS) for _ in range(length)))


def check_sign(body: str) -> str:
    """This function will compute the sign that shows any one mistyped sign and any two neighbours swapped (mod 31)."""
    return SIGNS[-sum((place + 2) * _VALUE[sign] for place, sign in enumerate(reversed(body))) % 31]


def is_member_code(code: str) -> bool:
    """This function will say whether a typed code can be a member's short code, its check sign included."""
    plain = normalise(code)
    return len(plain) == 8 and all(sign in _VALUE for sign in plain) and check_sign(plain[:-1]) == plain[-1]


def normalise(code: str) -> str:
    """This function will reduce a typed or scanned code to its signs: upper case, no spaces, dashes or full-width forms."""
    return re.sub(r"[\s\-\u2010-\u2015._]", "", unicodedata.normalize("NFKC", code)).upper()


def grouped(code: str) -> str:
    """This function will print a code in groups of four, as people read it."""
    plain = normalise(code)
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))
