"""What a document may say but probably should not: warnings for the merchant before publishing, never refusals."""

from dataclasses import dataclass
from datetime import date

from rewards.terms.document import Terms


@dataclass(frozen=True, slots=True)
class Advice:
    """One warning: where (JSON pointer), which (code), and a sentence."""

    pointer: str
    code: str
    detail: str


def warnings(terms: Terms, *, today: date | None = None) -> tuple[Advice, ...]:
    """Ask every part what is allowed but likely a mistake; with `today`, also what is over already."""
    whole = terms.whole(today)
    return tuple(
        Advice(pointer + found.pointer, found.code, found.detail)
        for pointer, part in whole.parts
        for found in part.advise(whole)
    )
