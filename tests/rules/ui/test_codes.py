"""What the till's scanner reads: Code 128 as the standard has it, and QR codes that are never Micro QR."""

from __future__ import annotations

import re

import pytest
import segno
from barcode.charsets import code128
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ui import codes


def bars_of(svg: str) -> list[tuple[int, int]]:
    """Where the dark bars lie, as (start, width): what a laser sees."""
    return [(int(start), int(width)) for start, width in re.findall(r"M(\d+) 0h(\d+)v48h", svg)]


def symbols_of(svg: str) -> list[int]:
    """The symbol values from start to check, read off the bars."""
    bars = bars_of(svg)
    first, last = bars[0][0], sum(bars[-1])
    dark = {at for start, width in bars for at in range(start, start + width)}
    modules = "".join("1" if at in dark else "0" for at in range(first, last))
    assert modules.endswith("1100011101011"), "stop"
    return [code128.CODES.index(modules[at : at + 11]) for at in range(0, len(modules) - 13, 11)]


def read(svg: str) -> str:
    """A scanner of our own, written from the standard and not from the writer."""
    *values, check = symbols_of(svg)
    assert (values[0] + sum(place * value for place, value in enumerate(values[1:], 1))) % 103 == check
    in_c, text = values[0] == 105, ""
    for value in values[1:]:
        if value == 99 and not in_c:  # in set C, 99 is the pair of digits
            in_c = True
        elif value == 100 and in_c:
            in_c = False
        else:
            text += f"{value:02d}" if in_c else chr(value + 32)
    return text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # Published examples: Wikipedia's own name, PJJ123C (check symbol 55 in set B), and a run of digits.
        ("Wikipedia", [104, 55, 73, 75, 73, 80, 69, 68, 73, 65, 88]),
        ("PJJ123C", [104, 48, 42, 42, 17, 18, 19, 35, 55]),
        ("12345678", [105, 12, 34, 56, 78, 47]),
        ("A12345678", [104, 33, 99, 12, 34, 56, 78, 19]),
        # A pair of nines at the beginning is a pair, and no change to the set it is in.
        ("99", [105, 99, 101]),
        ("9901", [105, 99, 1, 0]),
    ],
)
def test_known_codes_have_their_known_symbols(text, values):
    assert symbols_of(codes.barcode(text, label="x")) == values


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_a_scanner_reads_what_was_written(text):
    assert read(codes.barcode(text, label="x")) == text


@given(
    st.from_regex(r"[A-Z]{0,3}[0-9]{1,13}[A-Z]{0,2}", fullmatch=True) | st.from_regex("99[0-9]{0,8}", fullmatch=True)
)
def test_digits_are_packed_two_by_two_and_still_read(text):
    assert read(codes.barcode(text, label="x")) == text


def test_the_bar_code_has_its_quiet_zone():
    svg = codes.barcode("M4K792QX", label="x")
    bars = bars_of(svg)
    total = int(re.search(r'viewBox="0 0 (\d+) 48"', svg).group(1))

    assert bars[0][0] == 10
    assert total - sum(bars[-1]) == 10


@pytest.mark.parametrize("text", ["", "한글", "tab\there", "ümlaut"])
def test_what_has_no_bars_is_refused(text):
    with pytest.raises(codes.NotEncodable):
        codes.barcode(text, label="x")


def modules_of(svg: str) -> list[list[int]]:
    side = int(re.search(r'viewBox="0 0 (\d+)', svg).group(1))
    grid = [[0] * side for _ in range(side)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg):
        for at in range(int(x), int(x) + int(length)):
            grid[int(y)][at] = 1
    return grid


@pytest.mark.parametrize("text", ["M4K7-92QX", "1", "https://example.org/m/dawn/join?ref=ABC123", "한글 코드"])
def test_the_qr_code_is_segnos_with_a_quiet_zone_of_four(text):
    grid = modules_of(codes.qr(text, label="x"))
    expected = [list(row) for row in segno.make_qr(text, error="m").matrix]

    assert [row[4:-4] for row in grid[4:-4]] == expected
    assert all(not any(row) for row in grid[:4] + grid[-4:])


def test_a_short_code_is_no_micro_qr():
    assert segno.make("M4K7").is_micro  # the trap
    grid = [row[4:-4] for row in modules_of(codes.qr("M4K7", label="x"))[4:-4]]

    assert len(grid) == 21  # version 1 is the smallest full QR code; Micro QR is at most 17
    finder = [1, 1, 1, 1, 1, 1, 1]
    assert grid[0][:7] == grid[0][-7:] == grid[-1][:7] == finder


def test_codes_say_what_they_are_and_carry_nothing_the_policy_forbids():
    for svg in (codes.qr("M4K7", label='Your "code"'), codes.barcode("M4K7", label='Your "code"')):
        assert 'role="img" aria-label="Your &quot;code&quot;"' in svg
        assert "style" not in svg
