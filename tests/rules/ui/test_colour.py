"""Contrast as WCAG counts it, and a brand of any colour turned into something everybody can read."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ui import colour, theme

TOKENS = (Path(__file__).resolve().parents[3] / "static/css/tokens.css").read_text()
any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert colour.contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert colour.contrast(other, one) == colour.contrast(one, other)


@given(any_colour)
def test_a_colour_comes_back_from_oklch(text):
    there_and_back = colour.to_hex(colour.to_oklch(text))
    channels = [(int(text[i : i + 2], 16), int(there_and_back[i : i + 2], 16)) for i in (1, 3, 5)]
    assert all(abs(before - after) <= 1 for before, after in channels)


def test_a_short_colour_is_spelled_out_and_anything_else_refused():
    assert colour.parse("#0AF") == "#00aaff"
    for wrong in ("", "red", "#12", "#12345", "#12345g", "url(x)", "#fff;}body{"):
        with pytest.raises(colour.NotAColour):
            colour.parse(wrong)


@given(any_colour, st.booleans())
def test_whatever_the_brand_its_texts_can_be_read(brand, dark):
    surfaces = theme.DARK if dark else theme.LIGHT
    made = theme.palette(brand, dark=dark)

    for filled in ("brand", "brand-deep", "brand-hover"):
        assert colour.contrast(made[filled], made["on-brand"]) >= 4.5
    for ground in (surfaces.paper, surfaces.surface, surfaces.sunken, made["brand-soft"]):
        assert colour.contrast(made["brand-text"], ground) >= 4.5
        assert colour.contrast(made["brand-graphic"], ground) >= 3
    assert colour.contrast(made["brand-edge"], surfaces.surface) >= 3


def test_a_black_brand_is_light_on_dark_surfaces():
    assert theme.palette("#111111", dark=True)["on-brand"] == theme.INK


def test_the_stylesheet_is_only_custom_properties_of_that_colour():
    sheet = theme.stylesheet("#7A1F3D")

    assert "--brand: #7a1f3d;" in sheet
    assert sheet.startswith("@layer theme {")
    assert set(re.findall(r"--[\w-]+: (.+?);", sheet)) <= set(re.findall(r"#[0-9a-f]{6}", sheet))
    with pytest.raises(colour.NotAColour):
        theme.stylesheet("#fff;} body{display:none")


def _block(selector: str, start: int = 0) -> dict[str, str]:
    begin = TOKENS.index(selector, start)
    return dict(re.findall(r"--([\w-]+): ([^;]+);", TOKENS[begin : TOKENS.index("}", begin)]))


SERIES = [f"series-{number}" for number in range(1, 6)]
LIGHT_BLOCK = _block(':root, [data-theme="light"] {')
DARK_BLOCK = _block('[data-theme="dark"] {')


def test_the_tokens_carry_the_default_brand_and_the_surfaces_the_arithmetic_knows():
    for block, dark in ((LIGHT_BLOCK, False), (DARK_BLOCK, True)):
        surfaces = theme.DARK if dark else theme.LIGHT
        assert {name: block[name] for name in ("paper", "surface", "sunken", "ink")} == {
            "paper": surfaces.paper,
            "surface": surfaces.surface,
            "sunken": surfaces.sunken,
            "ink": surfaces.ink,
        }
        expected = theme.palette(theme.DEFAULT_BRAND, dark=dark)
        assert {name: block[name] for name in expected} == expected


def test_dark_by_the_device_and_dark_by_choice_are_the_same():
    assert _block(':root:not([data-theme="light"]) {') == DARK_BLOCK
    assert LIGHT_BLOCK.keys() == DARK_BLOCK.keys()


@pytest.mark.parametrize("block", [LIGHT_BLOCK, DARK_BLOCK], ids=["light", "dark"])
def test_every_text_token_reads_on_every_ground(block):
    for text in ("ink", "ink-2", "ink-3", "positive", "warning", "negative", "info"):
        surfaces = ["paper", "surface", "sunken", "raised"]
        surfaces += [f"{text}-soft"] if f"{text}-soft" in block else ["brand-soft"]
        for ground in surfaces:
            assert colour.contrast(block[text], block[ground]) >= 4.5, (text, ground)
    for tone in ("positive", "warning", "negative", "info"):
        assert colour.contrast(block["ink"], block[f"{tone}-soft"]) >= 7, tone
    for graphic in ("line-strong", *SERIES):
        assert colour.contrast(block[graphic], block["surface"]) >= 3, graphic
    for step in range(1, 7):
        text = block["on-heat"] if step < 5 else block[f"on-heat-{step}"]
        assert colour.contrast(block[f"heat-{step}"], text) >= 4.5, step
    assert colour.contrast("#ffffff", block["negative-solid"]) >= 4.5


#: What eyes without one kind of cone see, on linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = {
    "full sight": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def _seen(hex_colour: str, eye: str) -> str:
    def to_linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    def to_channel(light: float) -> float:
        light = min(1.0, max(0.0, light))
        return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055

    light = [to_linear(int(hex_colour[at : at + 2], 16) / 255) for at in (1, 3, 5)]
    mixed = [sum(weight * each for weight, each in zip(row, light, strict=True)) for row in EYES[eye]]
    return "#" + "".join(f"{round(to_channel(each) * 255):02x}" for each in mixed)


def _apart(one: str, other: str) -> float:
    """The distance in OKLab, times 100."""
    points = []
    for each in (one, other):
        shape = colour.to_oklch(each)
        turn = math.radians(shape.hue)
        points.append((shape.lightness, shape.chroma * math.cos(turn), shape.chroma * math.sin(turn)))
    return 100 * math.dist(*points)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("block", [LIGHT_BLOCK, DARK_BLOCK], ids=["light", "dark"])
def test_any_two_lines_of_a_chart_are_told_apart(block, eye):
    for one, other in itertools.combinations(SERIES, 2):
        assert _apart(_seen(block[one], eye), _seen(block[other], eye)) >= 10, (one, other)
