"""Money: exact minor units, printed for each language, read from a cashier's fingers, split to the last unit."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from merchants import money


class TestCurrencies:
    @pytest.mark.parametrize(
        ("code", "digits"),
        [("KRW", 0), ("JPY", 0), ("VND", 0), ("USD", 2), ("TWD", 2), ("EUR", 2), ("BHD", 3), ("KWD", 3)],
    )
    def test_the_minor_digits_are_those_of_cldr(self, code: str, digits: int) -> None:
        assert money.exponent(code) == digits

    @pytest.mark.parametrize("code", sorted(money.currencies()))
    def test_every_currency_prints_and_is_read_back(self, code: str) -> None:
        assert money.exponent(code) == get_currency_precision(code)
        for minor in (0, 1, 1_234_567):
            printed = money.format_minor(minor, code, "en")
            assert money.parse_typed(printed, code, "en") == minor

    @pytest.mark.parametrize("code", ["XYZQ", "usd", "", "ZZZ", "AAA"])
    def test_an_unknown_code_is_refused(self, code: str) -> None:
        with pytest.raises(money.InvalidMoney) as refused:
            money.exponent(code)
        assert refused.value.code == "unknown_currency"


class TestPrinting:
    @pytest.mark.parametrize(
        ("minor", "currency", "language", "printed"),
        [
            (12400, "KRW", "ko", "₩12,400"),
            (12400, "USD", "en", "$124.00"),
            (12400, "TWD", "zh-hant", "$124"),
            (12450, "TWD", "zh-hant", "$124.50"),
            (12400, "EUR", "en", "€124.00"),
            (-500, "USD", "en", "-$5.00"),
            (1234567, "USD", "ko", "US$12,345.67"),
        ],
    )
    def test_money_reads_as_the_language_writes_it(
        self, minor: int, currency: str, language: str, printed: str
    ) -> None:
        assert money.format_minor(minor, currency, language) == printed

    def test_three_digits_of_the_dinar(self) -> None:
        assert "1,234.567" in money.format_minor(1234567, "BHD", "en")

    def test_a_merchant_may_show_fewer_digits(self) -> None:
        assert money.format_minor(12400, "TWD", "zh-hant", digits=0) == "$124"

    def test_numbers_are_grouped_in_every_language(self) -> None:
        assert money.format_number(2000, "zh-hant") == "2,000"
        assert money.format_number(706, "en", decimals=2) == "7.06"
        assert money.format_number(-5, "en", decimals=2) == "-0.05"

    def test_an_unknown_language_reads_as_english(self) -> None:
        assert money.format_minor(100, "USD", "xx-unknown") == "$1.00"


class TestWhatACashierTypes:
    @pytest.mark.parametrize(
        ("typed", "currency", "language", "minor"),
        [
            ("12400", "KRW", "ko", 12400),
            ("12,400", "KRW", "ko", 12400),
            ("₩12,400", "KRW", "ko", 12400),
            ("12,400원", "KRW", "ko", 12400),
            (" 12 400 ", "KRW", "ko", 12400),
            ("12.5", "USD", "en", 1250),
            ("12.50", "USD", "en", 1250),
            ("12.5000", "USD", "en", 1250),
            ("0.500", "USD", "en", 50),
            ("12.00", "KRW", "en", 12),
            ("1250.000", "USD", "en", 125000),
            (".5", "USD", "en", 50),
            ("5.", "USD", "en", 500),
            ("$1,234", "USD", "en", 123400),
            ("１２．５０", "USD", "en", 1250),
            ("12,40", "EUR", "de", 1240),
            ("12.40", "EUR", "de", 1240),
            ("1.234,50", "EUR", "de", 123450),
            ("1.234", "EUR", "de", 123400),
            ("12,5", "USD", "en", 1250),
            ("1.234", "BHD", "en", 1234),
        ],
    )
    def test_is_read(self, typed: str, currency: str, language: str, minor: int) -> None:
        assert money.parse_typed(typed, currency, language) == minor

    @pytest.mark.parametrize(
        ("typed", "currency", "code"),
        [
            ("", "USD", "empty"),
            ("$", "USD", "empty"),
            ("-5", "USD", "digits"),
            ("1e3", "USD", "digits"),
            ("NaN", "USD", "digits"),
            ("1_000", "USD", "digits"),
            ("1,23,4", "USD", "digits"),
            ("12,34,567", "USD", "digits"),
            ("1.2.3", "USD", "digits"),
            (".", "USD", "digits"),
            ("12.345", "USD", "decimals"),
            ("12.000", "KRW", "two_meanings"),
            ("１２．０００", "KRW", "two_meanings"),
            ("₩1.000", "KRW", "two_meanings"),
            ("1.250", "USD", "two_meanings"),
            ("150.000", "TWD", "two_meanings"),
            ("1,250", "BHD", "two_meanings"),
            ("12.5", "KRW", "decimals"),
            ("9" * 20, "USD", "too_large"),
            ("٣٤abc", "USD", "digits"),
        ],
    )
    def test_is_refused_when_it_is_not_an_amount(self, typed: str, currency: str, code: str) -> None:
        with pytest.raises(money.InvalidMoney) as refused:
            money.parse_typed(typed, currency, "en")
        assert refused.value.code == code


class TestSplitting:
    def test_the_largest_remainder_gets_the_last_unit(self) -> None:
        assert money.split(100, [1, 1, 1]) == [34, 33, 33]
        assert money.split(10, [5, 3, 1]) == [6, 3, 1]
        assert money.split(-100, [1, 1, 1]) == [-34, -33, -33]
        assert money.split(5, [0, 0]) == [3, 2]
        assert money.split(7, [Fraction(1, 3), Fraction(2, 3)]) == [2, 5]

    def test_nothing_to_share_between_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="nothing to share"):
            money.split(5, [])

    @given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
    def test_shares_add_up_and_stay_within_one_of_exact(self, amount: int, weights: list[int]) -> None:
        shares = money.split(amount, weights)
        assert sum(shares) == amount
        if sum(weights):
            for share, weight in zip(shares, weights, strict=True):
                assert abs(share - Fraction(amount * weight, sum(weights))) < 1


class TestShrinking:
    def test_amounts_shrink_pro_rata_to_the_last_unit(self) -> None:
        assert money.scale_down([100, 100, 100], 200) == [67, 67, 66]
        assert money.scale_down([5, 0, 3], 8) == [5, 0, 3]
        assert money.scale_down([5, 3], 0) == [0, 0]
        assert money.scale_down([], 0) == []

    def test_they_do_not_grow(self) -> None:
        with pytest.raises(ValueError, match="cannot shrink 8 to 9"):
            money.scale_down([5, 3], 9)

    @given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
    def test_none_ever_grows_as_the_total_shrinks(self, amounts: list[int]) -> None:
        before = amounts
        for total in range(sum(amounts) - 1, -1, -1):
            now = money.scale_down(amounts, total)
            assert sum(now) == total
            assert all(0 <= less <= more for less, more in zip(now, before, strict=True))
            before = now

    @given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50), st.integers(0, 100))
    def test_large_amounts_are_exact_and_quick(self, amounts: list[int], percent: int) -> None:
        total = sum(amounts) * percent // 100
        assert sum(money.scale_down(amounts, total)) == total


class TestRounding:
    @pytest.mark.parametrize(
        ("over", "floor", "half_up", "half_even", "ceil"),
        [
            (25, 2, 3, 2, 3),
            (35, 3, 4, 4, 4),
            (24, 2, 2, 2, 3),
            (-25, -3, -3, -2, -2),
            (30, 3, 3, 3, 3),
            (0, 0, 0, 0, 0),
        ],
    )
    def test_the_four_modes(self, over: int, floor: int, half_up: int, half_even: int, ceil: int) -> None:
        found = [money.round_ratio(over, 10, mode) for mode in ("floor", "half_up", "half_even", "ceil")]  # type: ignore[arg-type]
        assert found == [floor, half_up, half_even, ceil]
        assert money.round_ratio(-over, -10, "half_up") == half_up

    @given(st.integers(-(10**9), 10**9), st.sampled_from([1, 2, 4, 5, 8, 10, 1000]))
    def test_agrees_with_decimal(self, over: int, under: int) -> None:
        exact = Decimal(over) / Decimal(under)
        assert money.round_ratio(over, under, "floor") == int(exact.to_integral_value(ROUND_FLOOR))
        assert money.round_ratio(over, under, "ceil") == int(exact.to_integral_value(ROUND_CEILING))
        assert money.round_ratio(over, under, "half_up") == int(exact.to_integral_value(ROUND_HALF_UP))
        assert money.round_ratio(over, under, "half_even") == int(exact.to_integral_value(ROUND_HALF_EVEN))


@pytest.mark.parametrize("language", ["en", "ko", "zh-hant"])
@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("NT$150", "TWD", 15_000), ("NT$ 150", "TWD", 15_000), ("$150", "TWD", 15_000), ("150元", "TWD", 15_000),
        ("NTD 150", "TWD", 15_000), ("ＮＴ＄１５０", "TWD", 15_000), ("₩12,400", "KRW", 12_400), ("￦ 12,400", "KRW", 12_400),
        ("12,400원", "KRW", 12_400), ("$12.40", "USD", 1_240), ("US$ 12.40", "USD", 1_240), ("¥1,240", "JPY", 1_240),
    ],
)  # fmt: skip
def test_the_signs_of_a_currency_are_read_in_every_language(typed, currency, minor, language):  # Shopify/money#361
    assert money.parse_typed(typed, currency, language) == minor


@pytest.mark.parametrize(("typed", "currency"), [("US$150", "TWD"), ("$150", "KRW"), ("₩150", "TWD")])
def test_another_currencys_sign_is_no_amount(typed, currency):
    with pytest.raises(money.InvalidMoney):
        money.parse_typed(typed, currency, "zh-hant")


@pytest.mark.parametrize(
    ("currency", "digits", "unit"),
    [("TWD", 0, 100), ("KRW", 0, 10), ("USD", 2, 5), ("CHF", 2, 5), ("SEK", 2, 100), ("BHD", 3, 1), ("HUF", 0, 500)],
)
def test_cash_has_its_own_digits_and_unit(currency, digits, unit):
    assert (money.cash_digits(currency), money.cash_unit(currency)) == (digits, unit)
