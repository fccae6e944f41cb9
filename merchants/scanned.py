"""What scanners and keyboards make of a printed code, brought back to the signs that are printed.

Scanners add a prefix, a suffix or the name of the barcode's kind; keyboards may be in another input mode, so that a scan
of `HAN-10023` arrives as `ㅗ무-10023` (Korean, two-set) or as Bopomofo (Taiwan, the standard layout), or in full width.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: The key of each letter of the two-set keyboard, by its conjoining form: initials, vowels, finals.
_INITIALS = ("r", "R", "s", "e", "E", "f", "a", "q", "Q", "t", "T", "d", "w", "W", "c", "z", "x", "v", "g")
_VOWELS = (
    "k",
    "o",
    "i",
    "O",
    "j",
    "p",
    "u",
    "P",
    "h",
    "hk",
    "ho",
    "hl",
    "y",
    "n",
    "nj",
    "np",
    "nl",
    "b",
    "m",
    "ml",
    "l",
)
_FINALS = ("r", "R", "rt", "s", "sw", "sg", "e", "f", "fr", "fa", "fq", "ft", "fx", "fv", "fg", "a", "q", "qt", "t", "T",
           "d", "w", "c", "z", "x", "v", "g")  # fmt: skip
_HANGUL: Final = {
    **dict(enumerate(_INITIALS, 0x1100)),
    **dict(enumerate(_VOWELS, 0x1161)),
    **dict(enumerate(_FINALS, 0x11A8)),
    0x115F: "",
    0x1160: "",
}
_BOPOMOFO: Final = str.maketrans(
    "ㄅㄉˇˋㄓˊ˙ㄚㄞㄢㄦㄆㄊㄍㄐㄔㄗㄧㄛㄟㄣㄇㄋㄎㄑㄕㄘㄨㄜㄠㄤㄈㄌㄏㄒㄖㄙㄩㄝㄡㄥ",
    "1234567890-qwertyuiopasdfghjkl;zxcvbnm,./",
)
_SIGNS: Final = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\u2500"), "-"),
    **dict.fromkeys(map(ord, "\u3002\u00b7\u2022\u30fb"), "."),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u2032\u02bc`\u00b4"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u2033"), '"'),
}
#: The barcode's kind by AIM, as `]C1` of GS1-128 or `]Q3` of a QR code.
_KIND = re.compile(r"\][A-Za-z][0-9A-Za-z]")
#: What stands around a code: quotes of a spreadsheet, start and stop of Code 39, sentinels of a magnetic stripe.
_AROUND = "'\"*;%?"
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def plain(text: str) -> str:
    """Return a scanned or typed code as it is printed, without spaces; other signs stay, for the reader to refuse."""
    if text.isascii() and text.isalnum():
        return text
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_SIGNS).translate(_BOPOMOFO)).translate(_HANGUL)
        text = "".join(str(unicodedata.decimal(sign, sign)) for sign in text.translate(_SIGNS))
    text = "".join(sign for sign in text if unicodedata.category(sign) not in _UNSEEN)
    return _KIND.sub("", text.strip(_AROUND), count=1) if text.lstrip(_AROUND).startswith("]") else text.strip(_AROUND)


def is_in_another_mode(text: str) -> bool:
    """State whether letters came from a keyboard in another input mode, which says nothing of upper and lower case."""
    return any("\u1100" <= sign <= "\u11ff" or "\u3100" <= sign <= "\u312f" or "\u3131" <= sign <= "\u318e"
               or "\uac00" <= sign <= "\ud7a3" or "\uffa0" <= sign <= "\uffdc" for sign in text)  # fmt: skip
