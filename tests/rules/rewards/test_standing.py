"""Where a member stands: reaching a tier, holding it, losing it, and getting it back when the books change."""

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import terms
from rewards.tiers import rating
from rewards.tiers.rating import Held

JOINED = date(2024, 5, 17)
LEVELS = [
    {"code": "green", "name": "Green", "threshold": 0},
    {"code": "gold", "name": "Gold", "threshold": 500},
    {"code": "reserve", "name": "Reserve", "threshold": 2500},
]
ROLLING = {"kind": "rolling", "months": 12}
CALENDAR = {"kind": "calendar_year"}
ANNIVERSARY = {"kind": "anniversary"}
Daily = list[tuple[date, int]]


def tier_terms(window: dict[str, Any], **changes: Any) -> terms.Tiers:
    fields = {"basis": "qualifying_points", "levels": LEVELS, "window": window, **changes}
    return msgspec.convert(fields, terms.Tiers)


def day(text: str) -> date:
    return date.fromisoformat(text)


def sums(**amounts: int) -> Daily:
    """Sums by day, written `d20240601=500`."""
    return [(date.fromisoformat(name[1:]), amount) for name, amount in amounts.items()]


def held(tiers: terms.Tiers, daily: Daily, on: str, before: Held | None = None) -> tuple[str, date, date | None]:
    found = rating.review(tiers, daily, held=before, day=day(on), joined_on=JOINED)
    return found.level, found.since, found.until


class TestRating:
    @pytest.mark.parametrize(
        ("value", "level"),
        [
            (-5, "green"),
            (0, "green"),
            (499, "green"),
            (500, "gold"),
            (2499, "gold"),
            (2500, "reserve"),
            (10**9, "reserve"),
        ],
    )
    def test_equality_at_the_threshold_is_enough(self, value: int, level: str) -> None:
        assert rating.rate(tier_terms(ROLLING), value).code == level

    def test_the_fast_path_of_a_purchase_knows_only_up(self) -> None:
        tiers = tier_terms(ROLLING)
        assert rating.reached(tiers, value=499, held="green") is None
        raised = rating.reached(tiers, value=2500, held="green")
        assert raised is not None
        assert raised.code == "reserve"
        assert rating.reached(tiers, value=0, held="gold") is None

    def test_a_tier_the_terms_no_longer_know_counts_as_the_first(self) -> None:
        raised = rating.reached(tier_terms(ROLLING), value=600, held="silver")
        assert raised is not None
        assert raised.code == "gold"


class TestWindows:
    @pytest.mark.parametrize(
        ("window", "on", "first", "end"),
        [
            (ROLLING, "2026-03-04", "2025-03-05", "2026-03-05"),
            ({"kind": "rolling", "months": 1}, "2026-03-30", "2026-02-28", "2026-03-31"),
            (CALENDAR, "2026-12-31", "2026-01-01", "2027-01-01"),
            (ANNIVERSARY, "2026-05-16", "2025-05-17", "2026-05-17"),
            (ANNIVERSARY, "2026-05-17", "2026-05-17", "2027-05-17"),
        ],
    )
    def test_which_days_count(self, window: dict[str, Any], on: str, first: str, end: str) -> None:
        found = rating.window_days(tier_terms(window), day(on), joined_on=JOINED)
        assert found == (day(first), day(end))


class TestE1GoldByTheHundredthOrder:
    """100 orders of 5 Stars within 12 months: Gold after order 100, for 12 months, then to be earned again."""

    tiers = tier_terms(ROLLING)
    daily = [(date(2026, 1, 1) + timedelta(days=3 * n), 5) for n in range(100)]  # the last on 25 October 2026

    def test_gold_is_reached_on_the_day_of_the_hundredth(self) -> None:
        assert held(self.tiers, self.daily[:99], "2026-10-24") == ("green", JOINED, None)
        assert held(self.tiers, self.daily, "2026-10-25") == ("gold", day("2026-10-25"), day("2027-10-25"))

    def test_it_is_held_although_old_orders_leave_the_window(self) -> None:
        assert held(self.tiers, self.daily, "2027-10-24")[0] == "gold"

    def test_it_is_lost_a_year_later_when_nothing_was_bought(self) -> None:
        assert held(self.tiers, self.daily, "2027-10-25") == ("green", day("2027-10-25"), None)

    def test_it_is_kept_by_another_500(self) -> None:
        again = [*self.daily, (date(2027, 6, 1), 495)]
        assert held(self.tiers, again, "2027-10-25") == ("gold", day("2027-10-25"), day("2028-10-25"))


class TestACalendarYear:
    tiers = tier_terms(CALENDAR)

    def test_a_tier_is_held_to_the_end_of_the_next_year(self) -> None:
        daily = sums(d20240601=500)
        assert held(self.tiers, daily, "2024-06-01") == ("gold", day("2024-06-01"), day("2025-01-01"))
        assert held(self.tiers, daily, "2025-01-01") == ("gold", day("2025-01-01"), day("2026-01-01"))
        assert held(self.tiers, daily, "2025-12-31")[0] == "gold"
        assert held(self.tiers, daily, "2026-01-01") == ("green", day("2026-01-01"), None)

    def test_two_years_do_not_add_up(self) -> None:
        assert held(self.tiers, sums(d20241231=499, d20250101=499), "2025-01-02")[0] == "green"

    @pytest.mark.parametrize(
        ("downgrade", "level"), [("none", "reserve"), ("one_level", "gold"), ("by_value", "green")]
    )
    def test_what_happens_when_too_little_was_earned(self, downgrade: str, level: str) -> None:
        tiers = tier_terms(CALENDAR, downgrade=downgrade)
        daily = sums(d20240601=2500, d20250601=10)
        assert held(tiers, daily, "2026-01-01")[0] == level

    def test_one_level_goes_down_no_further_than_the_value(self) -> None:
        tiers = tier_terms(CALENDAR, downgrade="one_level")
        daily = sums(d20240601=2500)
        on = [held(tiers, daily, f"{year}-01-01")[0] for year in (2025, 2026, 2027, 2028)]
        assert on == ["reserve", "gold", "green", "green"]


class TestAnAnniversary:
    def test_years_begin_on_the_day_of_joining(self) -> None:
        tiers = tier_terms(ANNIVERSARY)
        daily = sums(d20250516=300, d20250517=300)
        assert held(tiers, daily, "2025-05-20")[0] == "green"
        daily = sums(d20250517=300, d20260516=300)
        assert held(tiers, daily, "2026-05-16") == ("gold", day("2026-05-16"), day("2026-05-17"))
        assert held(tiers, daily, "2027-05-16")[0] == "gold"
        assert held(tiers, daily, "2027-05-17")[0] == "green"


class TestGrace:
    tiers = tier_terms(CALENDAR, grace_days=31)
    daily = sums(d20240601=500, d20250601=400)

    def test_the_tier_stays_until_the_grace_is_over(self) -> None:
        assert held(self.tiers, self.daily, "2026-01-01")[0] == "gold"
        assert held(self.tiers, self.daily, "2026-01-31")[0] == "gold"
        assert held(self.tiers, self.daily, "2026-02-01")[0] == "green"

    def test_what_is_earned_in_it_still_counts_for_the_year_before(self) -> None:
        saved = [*self.daily, (day("2026-01-31"), 100)]
        assert held(self.tiers, saved, "2026-02-01") == ("gold", day("2026-01-01"), day("2027-01-01"))
        late = [*self.daily, (day("2026-02-01"), 100)]
        assert held(self.tiers, late, "2026-02-01")[0] == "green"

    def test_the_member_is_told(self) -> None:
        now = rating.review(self.tiers, self.daily, held=None, day=day("2026-01-10"), joined_on=JOINED)
        told = rating.standing(self.tiers, self.daily, held=now, day=day("2026-01-10"), joined_on=JOINED)
        assert (told.level, told.drops_to, told.drops_on, told.keep_missing) == (
            "gold",
            "green",
            day("2026-02-01"),
            100,
        )


class TestWhenTheBooksChange:
    @pytest.mark.parametrize("window", [ROLLING, CALENDAR, ANNIVERSARY])
    def test_a_refund_takes_back_the_tier_it_had_paid_for(self, window: dict[str, Any]) -> None:
        tiers = tier_terms(window)
        gold = rating.review(
            tiers, sums(d20260301=300, d20260401=200), held=None, day=day("2026-04-01"), joined_on=JOINED
        )
        assert gold.level == "gold"
        refunded = sums(d20260301=300, d20260401=150)
        assert held(tiers, refunded, "2026-04-10", gold) == ("green", JOINED, None)
        assert held(tiers, sums(d20260301=300, d20260401=200), "2026-04-10", gold)[:2] == ("gold", day("2026-04-01"))

    @pytest.mark.parametrize("window", [ROLLING, CALENDAR])
    def test_a_refund_falls_back_through_every_step_taken(self, window: dict[str, Any]) -> None:
        tiers = tier_terms(window)
        daily = sums(d20260301=500, d20260401=2000)
        reserve = rating.review(tiers, daily, held=None, day=day("2026-04-01"), joined_on=JOINED)
        assert reserve.level == "reserve"
        assert held(tiers, sums(d20260301=500, d20260401=1999), "2026-04-02", reserve)[:2] == (
            "gold",
            day("2026-03-01"),
        )
        assert held(tiers, sums(d20260301=0, d20260401=0), "2026-04-02", reserve)[:2] == ("green", JOINED)

    def test_a_refund_after_the_review_judges_the_year_again(self) -> None:
        tiers = tier_terms(CALENDAR)
        kept = rating.review(tiers, sums(d20250601=500), held=None, day=day("2026-01-05"), joined_on=JOINED)
        assert kept.level == "gold"
        assert held(tiers, sums(d20250601=400), "2026-01-06", kept)[0] == "green"

    def test_a_late_sale_after_the_review_gives_the_tier_back(self) -> None:
        tiers = tier_terms(CALENDAR)
        daily = sums(d20240601=500, d20250601=450)
        lost = rating.review(tiers, daily, held=None, day=day("2026-01-02"), joined_on=JOINED)
        assert lost.level == "green"
        late = sums(d20240601=500, d20250601=450, d20251230=50)
        assert held(tiers, late, "2026-01-03", lost) == ("gold", day("2026-01-01"), day("2027-01-01"))

    def test_a_late_sale_can_raise_at_the_review(self) -> None:
        tiers = tier_terms(CALENDAR)
        kept = rating.review(tiers, sums(d20250601=500), held=None, day=day("2026-01-02"), joined_on=JOINED)
        assert held(tiers, sums(d20250601=500, d20251231=2000), "2026-01-03", kept)[0] == "reserve"

    def test_a_job_that_slept_for_years_wakes_to_the_same(self) -> None:
        tiers = tier_terms(ROLLING, downgrade="one_level")
        daily = sums(d20240601=2500, d20250301=20, d20261001=500)
        asleep = rating.review(tiers, daily, held=None, day=day("2027-01-01"), joined_on=JOINED)
        awake: Held | None = None
        for n in range((day("2027-01-01") - JOINED).days + 1):
            today = JOINED + timedelta(days=n)
            awake = rating.review(tiers, daily_until(daily, today), held=awake, day=today, joined_on=JOINED)
        assert awake == asleep


def daily_until(daily: Daily, today: date) -> Daily:
    return [(each, amount) for each, amount in daily if each <= today]


class TestWhatAMemberIsTold:
    def told(self, tiers: terms.Tiers, daily: Daily, on: str) -> rating.TierOutlook:
        now = rating.review(tiers, daily, held=None, day=day(on), joined_on=JOINED)
        return rating.standing(tiers, daily, held=now, day=day(on), joined_on=JOINED)

    def test_what_is_missing_to_the_next_tier(self) -> None:
        told = self.told(tier_terms(ROLLING), sums(d20260101=120), "2026-03-04")
        assert (told.level, told.value, told.next_level, told.missing) == ("green", 120, "gold", 380)
        assert (told.held_until, told.drops_to, told.keep_missing) == (None, None, None)

    def test_that_the_tier_will_be_lost_and_how_much_keeps_it(self) -> None:
        told = self.told(tier_terms(ROLLING), sums(d20250101=490, d20250601=10, d20260101=100), "2026-03-04")
        assert (told.level, told.since) == ("gold", day("2025-06-01"))
        assert (told.drops_to, told.drops_on, told.keep_missing) == ("green", day("2026-06-01"), 390)

    def test_that_enough_was_earned_for_next_year_too(self) -> None:
        told = self.told(tier_terms(CALENDAR), sums(d20250601=500), "2025-07-01")
        assert (told.drops_to, told.held_until) == (None, day("2027-01-01"))
        assert (told.window_first, told.window_end) == (day("2025-01-01"), day("2026-01-01"))

    def test_that_nobody_is_above_the_top(self) -> None:
        told = self.told(tier_terms(CALENDAR, downgrade="none"), sums(d20250601=9999), "2025-07-01")
        assert (told.level, told.next_level, told.missing, told.held_until) == ("reserve", None, None, None)


DAYS = st.dates(date(2024, 5, 17), date(2027, 12, 31))
WINDOWS = st.sampled_from([ROLLING, {"kind": "rolling", "months": 3}, CALENDAR, ANNIVERSARY])
BOOKS = st.dictionaries(DAYS, st.integers(0, 1500), max_size=12).map(lambda found: sorted(found.items()))


class TestLaws:
    @given(
        WINDOWS,
        st.sampled_from(["none", "one_level", "by_value"]),
        st.sampled_from([0, 30]),
        BOOKS,
        st.lists(DAYS, min_size=1, max_size=5).map(sorted),
    )
    def test_however_often_it_is_asked_the_answer_is_the_same(
        self, window: dict[str, Any], downgrade: str, grace: int, daily: Daily, days: list[date]
    ) -> None:
        tiers = tier_terms(window, downgrade=downgrade, grace_days=grace)
        once = rating.review(tiers, daily_until(daily, days[-1]), held=None, day=days[-1], joined_on=JOINED)
        step: Held | None = None
        for today in days:
            books = daily_until(daily, today)
            step = rating.review(tiers, books, held=step, day=today, joined_on=JOINED)
            assert rating.review(tiers, books, held=step, day=today, joined_on=JOINED) == step
        assert step is not None
        assert (step.level, step.until) == (once.level, once.until)
        kept = json.loads(msgspec.json.encode(step))
        assert msgspec.convert(kept, Held) == step

    @given(WINDOWS, BOOKS, DAYS)
    def test_the_projection_comes_true_when_nothing_more_is_earned(
        self, window: dict[str, Any], daily: Daily, today: date
    ) -> None:
        tiers = tier_terms(window, downgrade="one_level")
        books = daily_until(daily, today)
        now = rating.review(tiers, books, held=None, day=today, joined_on=JOINED)
        told = rating.standing(tiers, books, held=now, day=today, joined_on=JOINED)
        if told.drops_on is None:
            return
        assert today < told.drops_on
        assert held(tiers, books, (told.drops_on - timedelta(days=1)).isoformat(), now)[0] == told.level
        assert held(tiers, books, told.drops_on.isoformat(), now)[0] == told.drops_to
        assert told.keep_missing is not None
        enough = [*books, (told.drops_on - timedelta(days=1), told.keep_missing)]
        assert held(tiers, enough, told.drops_on.isoformat(), now)[0] == told.level

    @given(WINDOWS, BOOKS, DAYS)
    def test_nobody_stands_below_what_the_value_now_says(
        self, window: dict[str, Any], daily: Daily, today: date
    ) -> None:
        tiers = tier_terms(window)
        books = daily_until(daily, today)
        now = rating.review(tiers, books, held=None, day=today, joined_on=JOINED)
        told = rating.standing(tiers, books, held=now, day=today, joined_on=JOINED)
        assert rating.reached(tiers, value=told.value, held=told.level) is None
