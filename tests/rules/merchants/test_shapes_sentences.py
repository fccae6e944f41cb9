"""What is said of a value that cannot be read: a sentence a till's developer understands at once.

Each sentence answers a message of msgspec by its form: should a version of it word one otherwise, the test of that message
fails here, and no caller is told merely that something cannot be read.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from members.inputs import Birthday, ExternalId, Language
from merchants import shapes
from rewards.purchases import PurchaseInput

SENTENCES: list[tuple[Any, Any, str, str]] = [
    (int, Decimal("5000.00"), "wrong_type", "Write 5000: a whole number has no point."),
    (int, Decimal("50.5"), "wrong_type", "Expected a whole number, got a number."),
    (int, "50", "wrong_type", "Expected a whole number, got a text."),
    (str, 5, "wrong_type", "Expected a text, got a whole number."),
    (bool, None, "wrong_type", "Expected true or false, got nothing (null)."),
    (Annotated[str, Meta(min_length=2)], "a", "wrong_length", "It needs 2 characters or more."),
    (Annotated[str, Meta(max_length=2)], "abc", "wrong_length", "It may have 2 characters at most."),
    (Annotated[list[int], Meta(min_length=1)], [], "wrong_length", "It needs 1 entries or more."),
    (Annotated[list[int], Meta(max_length=1)], [1, 2], "wrong_length", "It may have 1 entries at most."),
    (Annotated[int, Meta(ge=1)], 0, "out_of_range", "It must be 1 or more."),
    (Annotated[int, Meta(le=1)], 2, "out_of_range", "It must be 1 or less."),
    (Annotated[int, Meta(gt=1)], 1, "out_of_range", "It must be 2 or more."),
    (Annotated[int, Meta(lt=1)], 1, "out_of_range", "It must be 0 or less."),
    (Literal["a", "b"], "c", "unknown_choice", "“c” is not one of the choices."),
    (
        Annotated[datetime, Meta(tz=True)],
        "2026-03-04T10:00:00",
        "bad_form",
        "The time needs its offset, such as Z or +09:00.",
    ),
    (datetime, "yesterday", "bad_form", "This is not an instant or day (ISO 8601)."),
    (date, "2026-13-01", "bad_form", "This is not an instant or day (ISO 8601)."),
    (ExternalId, "two words", "bad_form", "Only letters, digits and signs of ASCII, without spaces."),
    (Birthday, "29 Feb", "bad_form", "A birthday is month and day, such as 02-29."),
    (Language, "de", "bad_form", "A language is en, ko or zh-hant."),
    (Annotated[str, Meta(pattern="^x$")], "y", "bad_form", "It does not have the right form."),
]


@pytest.mark.parametrize(("kind", "value", "code", "sentence"), SENTENCES)
def test_each_message_has_its_sentence(kind, value, code, sentence):
    with pytest.raises(shapes.Misshapen) as refusal:
        shapes.read({"it": value}, msgspec.defstruct("Shape", [("it", kind)]))

    (fault,) = refusal.value.faults
    assert (fault.pointer, fault.code, fault.detail) == ("/it", code, sentence)


def test_a_currency_in_small_letters_is_told_how_one_looks():
    sold = {
        "external_id": "s-1",
        "occurred_at": "2026-03-04T10:00:00Z",
        "currency": "krw",
        "total_minor": Decimal("5000.0"),
    }

    with pytest.raises(shapes.Misshapen) as refusal:
        shapes.read(sold, PurchaseInput)

    assert {(fault.pointer, fault.detail) for fault in refusal.value.faults} == {
        ("/currency", "A currency has three capitals, such as KRW."),
        ("/total_minor", "Write 5000: a whole number has no point."),
    }
