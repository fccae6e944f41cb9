"""Numbers, money and time as each reader writes them, in the merchant's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from loyalty.ui import formats

NOON = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)  # 14:02 in Seoul


@pytest.fixture(autouse=True)
def seoul():
    with timezone.override("Asia/Seoul"):
        yield


def drawn(source, language="en", **context):
    with translation.override(language):
        return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("language", "plain", "share", "amount"),
    [
        ("en", "1,234,567", "38.6%", "₩12,400"),
        ("ko", "1,234,567", "38.6%", "₩12,400"),
        ("zh-hant", "1,234,567", "38.6%", "￦12,400"),
    ],
)
def test_each_language_groups_thousands(language, plain, share, amount):
    with translation.override(language):
        assert formats.number(1234567) == plain
        assert formats.percent(Decimal("0.386")) == share
        assert formats.money(12400, "KRW") == amount


def test_money_has_the_digits_of_its_currency_or_those_the_merchant_likes():
    with translation.override("en"):
        assert formats.money(4115, "USD") == "$41.15"
        assert formats.money(-4115, "USD") == "−$41.15"
        assert formats.money(1234567, "BHD") == "BHD1,234.567"
    with translation.override("zh-hant"):
        assert formats.money(12400, "TWD") == "$124"
        assert formats.money(12450, "TWD") == "$124.50"
        assert formats.money(12400, "TWD", 0) == "$124"


def test_points_have_the_decimals_of_the_programme():
    with translation.override("en"):
        assert formats.points(12345) == "12,345"
        assert formats.points(12345, 1) == "1,234.5"
        assert formats.points_in_words(1) == "1 point"
        assert formats.points_in_words(1240) == "1,240 points"
        assert formats.points_in_words(15, 1) == "1.5 points"
        assert formats.points_in_words(10, 1) == "1.0 point"


def test_a_sign_is_shown_with_a_real_minus_and_zero_has_none():
    with translation.override("en"):
        assert [formats.signed(value) for value in (42, -42, 0, 1234)] == ["+42", "−42", "0", "+1,234"]
        assert formats.signed(Decimal("0.04"), 1) == "0.0"


def test_half_is_rounded_as_the_digits_say_and_not_as_a_float_happens_to_lie():
    with translation.override("en"):
        assert formats.number(0.1 + 0.2, 2) == "0.30"
        assert formats.number(Decimal("1.005"), 2) == "1.00"  # half to even
        assert formats.number(Decimal("1.015"), 2) == "1.02"


def test_days_and_times_are_the_merchants():
    late = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)  # already the 22nd in Seoul
    with translation.override("en"):
        assert formats.day(late) == "Nov 22, 2026"
        assert formats.clock(NOON) == "2:02\u202fPM"
        assert formats.moment(NOON) == "Nov 21, 2026, 2:02\u202fPM"
        assert formats.moment(NOON, "short") == "Nov 21, 2:02\u202fPM"
        assert formats.month(late) == "November 2026"
        assert formats.day_and_month(late) == "Nov 22"
    with translation.override("ko"):
        assert formats.day(late) == "2026. 11. 22."
        assert formats.moment(NOON) == "2026. 11. 21. 오후 2:02"
        assert formats.moment(NOON, "short") == "11월 21일 오후 2:02"
        assert formats.day_and_month(late) == "11월 22일"
    with translation.override("zh-hant"):
        assert formats.day(late) == "2026年11月22日"
        assert formats.moment(NOON) == "2026年11月21日 下午2:02"
        assert formats.moment(NOON, "short") == "11月21日 下午2:02"


def test_a_plain_date_is_not_moved_by_a_zone():
    with translation.override("en"):
        assert formats.day(date(2026, 3, 1)) == "Mar 1, 2026"


def test_distance_is_told_in_one_unit():
    with translation.override("en"):
        told = [formats.ago(NOON + delta, NOON) for delta in (
            timedelta(seconds=-5), timedelta(minutes=-12), timedelta(hours=-3), timedelta(days=-50), timedelta(days=9),
        )]  # fmt: skip
    assert told == ["just now", "12 minutes ago", "3 hours ago", "2 months ago", "in 9 days"]
    with translation.override("ko"):
        assert formats.ago(NOON - timedelta(minutes=12), NOON) == "12분 전"


def test_a_year_and_a_half_is_told_in_months_and_not_rounded_to_two_years():
    with translation.override("en"):
        assert formats.ago(NOON - timedelta(days=570), NOON) == "19 months ago"
        assert formats.ago(NOON - timedelta(days=760), NOON) == "2 years ago"


def test_days_left_are_counted_by_the_merchants_calendar():
    today = date(2026, 11, 21)
    tonight = datetime(2026, 11, 21, 14, 59, tzinfo=UTC)  # 23:59 in Seoul
    with translation.override("en"):
        assert formats.days_left(tonight, today) == "today"
        assert formats.days_left(tonight + timedelta(minutes=1), today) == "tomorrow"
        assert formats.days_left(date(2026, 11, 30), today) == "in 9 days"
        assert formats.days_left(date(2026, 11, 1), today) == "Nov 1, 2026"


def test_an_unknown_length_of_date_is_said_at_once():
    with pytest.raises(ValueError, match="short, medium, long or full"):
        formats.day(NOON, "tiny")


def test_filters_print_a_dash_for_what_is_not_there():
    source = "{{ a|number }} {{ a|percent }} {{ a|money:'KRW' }} {{ a|day }} {{ a|points_in_words }} {{ a|signed }}"
    assert drawn(source, a=None) == "– – – – – –"


def test_filters_put_instants_into_time_elements():
    assert drawn("{{ at|moment }}", at=NOON) == (
        '<time datetime="2026-11-21T05:02:00Z">Nov 21, 2026, 2:02\u202fPM</time>'
    )
    assert drawn("{{ on|day }}", on=date(2026, 3, 1)) == '<time datetime="2026-03-01">Mar 1, 2026</time>'


def test_ago_uses_the_pages_now():
    assert ">12 minutes ago<" in drawn("{% ago at %}", at=NOON - timedelta(minutes=12), now=NOON)
    assert ">in 9 days<" in drawn("{% days_left at %}", at=NOON + timedelta(days=9), now=NOON)


def test_money_asks_the_merchant_for_its_digits():
    class Taipei:
        currency = "TWD"
        display_digits = 0

    assert drawn("{{ 12400|money:shop }}", "zh-hant", shop=Taipei()) == "$124"


@pytest.mark.parametrize(
    ("language", "minor", "currency", "short"),
    [
        ("en", 38_912_400, "KRW", "₩38.9M"),
        ("ko", 38_912_400, "KRW", "₩3,891만"),
        ("zh-hant", 38_912_400, "KRW", "￦3,891萬"),
        ("en", 999_999, "KRW", "₩999,999"),
        ("en", 123_456_789, "USD", "$1.2M"),
        ("en", -2_000_000, "KRW", "−₩2M"),
    ],
)
def test_long_amounts_are_short_in_a_headline(language, minor, currency, short):
    with translation.override(language):
        assert formats.money_short(minor, currency) == short


def test_months_are_short_on_an_axis():
    with translation.override("ko"):
        assert (formats.short_month(date(2026, 11, 1)), formats.short_month_and_year(date(2026, 11, 1))) == (
            "11월", "2026년 11월",
        )  # fmt: skip
