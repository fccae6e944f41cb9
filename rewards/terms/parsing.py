"""Reading a terms document: every structural and semantic error at once, each at its JSON pointer (RFC 6901)."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from merchants import shapes
from merchants.shapes import ShapeFault, pointer_to
from rewards.terms.checks import contradictions
from rewards.terms.document import Terms


class InvalidTerms(ValueError):
    """The document is not a programme; `errors` names every fault."""

    def __init__(self, errors: tuple[ShapeFault, ...]) -> None:
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in errors[:5]))
        self.errors = errors


def parse(document: object) -> Terms:
    """Read a document (JSON already decoded) as Terms; raises InvalidTerms with every fault."""
    try:
        terms = shapes.read(document, Terms)
    except shapes.Misshapen as refusal:
        raise InvalidTerms(refusal.faults) from None
    faults = (*_unprintable(document, ""), *(ShapeFault(*found) for found in contradictions(terms)))
    if faults:
        raise InvalidTerms(faults)
    return terms


def document(terms: Terms) -> dict[str, Any]:
    """Write terms as a JSON-ready document with every default spelled out, fit to be kept for ever."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(terms))
    return written


def _unprintable(value: object, pointer: str) -> Iterator[ShapeFault]:
    """NUL and lone surrogates are legal in JSON and refused by PostgreSQL."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            yield ShapeFault(pointer, "bad_form", _("The text holds a sign that cannot be stored."))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _unprintable(each, pointer + pointer_to(name))
    elif isinstance(value, (list, tuple)):
        for place, each in enumerate(value):
            yield from _unprintable(each, pointer + pointer_to(place))
