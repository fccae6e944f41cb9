"""The words the terms document is written in: codes, translatable texts, exact ratios, days.

Points are integers of the programme's smallest unit everywhere in the document (with decimals 2, `120` is 1.20), as
money is integers of minor units. Only rates are ratios: an integer, a decimal string "1.2" or a fraction "1/3".
"""

import re
from datetime import date
from fractions import Fraction
from typing import Annotated, Final, Literal

from msgspec import Meta

from merchants import periods

MOST_POINTS = 10**12
MOST_MINOR = 10**12
MOST_MILLI = 10**9

Code = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,39}\Z",
        description="A short name for machines; it never changes.",
        examples=["base"],
    ),
]
Label = Annotated[str, Meta(min_length=1, max_length=100)]
Words = Annotated[str, Meta(min_length=1, max_length=2000)]
Text = (
    Words
    | Annotated[
        dict[Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")], Words],
        Meta(
            min_length=1,
            max_length=20,
            description="The text in several languages, by language tag.",
            examples=[{"en": "Weekend double", "ko": "주말 두 배"}],
        ),
    ]
)
Ratio = (
    Annotated[int, Meta(ge=0, le=10**9)]
    | Annotated[
        str,
        Meta(
            pattern=r"^([0-9]{1,9}(\.[0-9]{1,6})?|[0-9]{1,9}/[1-9][0-9]{0,8})\Z",
            description='An exact number: an integer, "1.2" or "1/3".',
            examples=["1.2"],
        ),
    ]
)
PointsAmount = Annotated[
    int,
    Meta(
        ge=1, le=MOST_POINTS, description="Points in the smallest unit of the programme: with decimals 2, 120 is 1.20."
    ),
]
MinorAmount = Annotated[int, Meta(ge=1, le=MOST_MINOR, description="Money in minor units of the programme's currency.")]
Milli = Annotated[int, Meta(ge=1, le=MOST_MILLI, description="A quantity in thousandths: 1000 is one piece.")]
Days = Annotated[int, Meta(ge=0, le=3660)]
YearlyDay = Annotated[str, Meta(pattern=r"^[0-9]{2}-[0-9]{2}\Z", examples=["12-31"])]
SkuList = Annotated[tuple[Label, ...], Meta(max_length=1000)]
CodeList = Annotated[tuple[Code, ...], Meta(max_length=100)]
NameList = Annotated[tuple[Label, ...], Meta(max_length=1000)]
CalendarUnit = Literal["days", "months", "years"]
#: What a line of a receipt is. Only goods count unless the terms say otherwise.
GOODS: Final = "goods"
LineKind = Literal["goods", "tip", "gift_card", "deposit", "delivery", "fee"]
KindList = Annotated[tuple[LineKind, ...], Meta(min_length=1, max_length=6)]


def text(value: str | dict[str, str], language: str) -> str:
    """Choose the words of a translatable text: the language, its stem, English, or the first."""
    if isinstance(value, str):
        return value
    wanted = language.replace("_", "-").lower()
    by_tag = {tag.lower(): words for tag, words in value.items()}
    for tag in (wanted, "zh-hant" if wanted in ("zh-tw", "zh-hk", "zh-mo") else "", wanted.split("-")[0], "en"):
        if tag in by_tag:
            return by_tag[tag]
    stem = wanted.split("-")[0] + "-"
    return next((words for tag, words in by_tag.items() if tag.startswith(stem)), next(iter(value.values())))


def ratio(value: int | str) -> Fraction:
    """Read a Ratio of the document as an exact fraction."""
    return Fraction(value)


def yearly(value: str) -> tuple[int, int] | None:
    """Read `MM-DD` as (month, day); None where no year has such a day."""
    match = re.fullmatch(r"([0-9]{2})-([0-9]{2})", value)
    try:
        return (date(2024, int(match[1]), int(match[2])).month, int(match[2])) if match else None
    except ValueError:
        return None


def in_year(value: str, year: int) -> date:
    """Place a YearlyDay in a year (29 February becomes 28 February in a common year)."""
    return periods.day_in_year(year, int(value[:2]), int(value[3:]))
