"""One field takes what people type, and keeps one form of it."""

from __future__ import annotations

import pytest

from merchants import contacts
from merchants.contacts import Contact, UnreadableContact


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("010-1234-5678", "KR", "+821012345678"),
        ("+82 10 1234 5678", "US", "+821012345678"),
        ("０１０－１２３４－５６７８", "KR", "+821012345678"),
        ("0912 345 678", "TW", "+886912345678"),
        ("(202) 456-1111", "US", "+12024561111"),
        (" Mina@Example.ORG ", "KR", "mina@example.org"),
        ("mina＠example.org", "KR", "mina@example.org"),
    ],
)
def test_what_is_typed_in_many_ways_is_kept_in_one(typed, country, kept):
    assert contacts.read(typed, country=country).value == kept


@pytest.mark.parametrize(
    "typed", ["", "mina", "mina@", "@example.org", "a b@example.org", "12", "010-1234", "+82 10 1234 5678 ext. 9",
              "mina@example.org\nbcc: all@example.org", "a@example.org,b@example.org", f"{'a' * 300}@example.org"],
)  # fmt: skip
def test_what_cannot_be_reached_is_refused(typed):
    with pytest.raises(UnreadableContact):
        contacts.read(typed, country="KR")


def test_a_mask_is_known_to_its_owner_and_of_no_use_to_others():
    assert Contact("email", "mina@example.org").masked == "m…@example.org"
    assert Contact("phone", "+821012345678").masked == "+82…78"
