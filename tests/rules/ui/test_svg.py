"""Charts drawn on the server: right places, gaps where nothing is known, round numbers on the axis."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ui import charts, svg


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 943], (0, 250, 500, 750, 1000)),
        ([3, 7], (0, 2, 4, 6, 8)),
        ([0.1, 0.3], (0, 0.1, 0.2, 0.3)),
        ([-12, 33], (-20, 0, 20, 40)),
        ([], (0, 0.25, 0.5, 0.75, 1)),
        ([None, 0], (0, 0.25, 0.5, 0.75, 1)),
        ([1_000_000], (0, 250_000, 500_000, 750_000, 1_000_000)),
    ],
)
def test_an_axis_has_round_ticks_around_its_values(values, ticks):
    assert svg.nice_scale(values).ticks == pytest.approx(ticks)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30))
def test_an_axis_holds_every_value_with_few_ticks(values):
    scale = svg.nice_scale(values)
    assert scale.low <= min(*values, 0)
    assert scale.high >= max(*values, 0)
    assert 2 <= len(scale.ticks) <= 7


def test_a_sparkline_goes_from_its_lowest_to_its_highest():
    assert 'd="M0 36L50 20L100 4"' in svg.sparkline([1, 2, 3])


def test_a_gap_breaks_the_line_and_a_lone_value_is_a_dot():
    lines = re.findall(r'class="spark__line" d="([^"]+)"', svg.sparkline([1, 2, None, 3, None, 5, 6]))
    assert len(lines) == 3
    assert lines[1].endswith("h0.01")


def test_one_value_makes_no_line():
    assert svg.sparkline([4]) == ""
    assert svg.sparkline([None, 4]) == ""


def test_a_flat_line_lies_at_the_bottom_and_does_not_divide_by_zero():
    assert 'd="M0 36L100 36"' in svg.sparkline([5, 5])


def test_months_are_bars_of_the_biggest_and_a_nought_is_a_short_line():
    drawn = svg.month_bars([0, 1, 4], label="0, 1, 4")
    assert re.findall(r'class="([^"]+)" x="(\d+)" y="(\d+)" width="4" height="(\d+)"', drawn) == [
        ("months__bar months__bar--none", "0", "15", "1"), ("months__bar", "5", "12", "4"), ("months__bar", "10", "0", "16"),
    ]  # fmt: skip
    assert 'viewBox="0 0 14 16"' in drawn
    assert 'aria-label="0, 1, 4"' in drawn
    assert 'height="1"' in svg.month_bars([0, 0], label="none")


@pytest.mark.parametrize(("share", "drawn"), [(0.62, "62.0 100"), (1.7, "100.0 100"), (1, "100.0 100")])
def test_a_ring_is_filled_by_its_share_and_never_more(share, drawn):
    assert f'stroke-dasharray="{drawn}"' in svg.ring(share)


def test_an_empty_ring_has_no_dot():
    assert "ring__arc" not in svg.ring(0)


@pytest.mark.parametrize(("share", "step"), [(None, 0), (0, 0), (0.01, 1), (0.5, 3), (0.51, 4), (1, 6), (1.4, 6)])
def test_heat_has_six_steps_and_nothing_for_nothing(share, step):
    assert svg.heat_step(share) == step


def test_a_drawing_with_a_label_is_an_image_and_one_without_is_decoration():
    assert 'role="img" aria-label="a &amp; b"' in svg.sparkline([1, 2], label="a & b")
    assert 'aria-hidden="true"' in svg.sparkline([1, 2])
    for drawing in (svg.sparkline([1, 2]), svg.ring(0.5), svg.bar(0.5), svg.bar(0.5, upright=True)):
        assert "style" not in drawing


def test_the_parts_of_a_bar_stand_on_each_other_and_the_mark_lies_across():
    drawing = svg.stack([0.6, 0.25], mark=0.5)
    assert re.findall(r'part--(\d)" x="12" y="([\d.]+)" width="76" height="([\d.]+)"', drawing) == [
        ("1", "40.0", "60.0"), ("2", "15.0", "25.0"),
    ]  # fmt: skip
    assert 'y1="50.0" y2="50.0"' in drawing
    assert "stack__mark" not in svg.stack([0.6])
    # Nothing is not drawn, nor what is less than nothing.
    assert "<rect" not in svg.stack([0, -0.2])


def test_small_bars_are_as_high_as_their_share_of_the_highest():
    drawing = svg.histogram([0, 50, 100])
    assert re.findall(r'x="(\d+)" y="([\d.]+)" width="7" height="([\d.]+)"', drawing) == [
        ("0", "96.0", "4.0"), ("10", "50.0", "50.0"), ("20", "0.0", "100.0"),
    ]  # fmt: skip
    assert drawing.count("histogram__bar--none") == 1
    assert svg.histogram([]).startswith("<svg")


def test_bars_share_one_scale_with_round_ticks_from_the_highest_down():
    bars = [
        {"label": "a", "axis": "a", "parts": [200, 100], "mark": 550, "href": "#", "is_current": True},
        {"label": "b", "axis": "b", "parts": [300, -50], "mark": None, "href": "#", "is_current": False},
    ]
    drawn = charts.stacks(bars, lambda value: f"{value:g}")
    assert drawn["ticks"] == ["600", "400", "200", "0"]
    assert 'height="33.33"' in drawn["bars"][0]["drawing"]
    assert (drawn["bars"][1]["texts"], drawn["bars"][1]["mark_text"]) == (["300", "-50"], "–")


def test_rows_of_few_are_hatched_and_of_a_handful_hidden():
    rows = charts.heat_rows(
        [{"label": str(size), "size": size, "shares": [0.5]} for size in (4, 19, 20)], smallest=5, judged_from=20
    )
    assert [(row["is_hidden"], row["is_doubted"]) for row in rows] == [(True, True), (False, True), (False, False)]
