"""The merchant's calendar: days that begin late, days that do not exist, months that end early, birthdays on 29 February."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchants import periods

SEOUL = ZoneInfo("Asia/Seoul")
ZONES = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestADayBeginsAtItsFirstInstant:
    @pytest.mark.parametrize(
        ("zone", "day", "begins"),
        [
            ("Asia/Seoul", date(2026, 3, 4), "2026-03-03T15:00"),
            ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00"),
            ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00"),  # 00:00 does not exist: 01:00 is first
            ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00"),
            ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00"),
            ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00"),  # 00:00 comes twice: the first one counts
            ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30"),  # the jump began before midnight
            ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),
        ],
    )
    def test_also_where_midnight_does_not_exist_or_comes_twice(self, zone: str, day: date, begins: str) -> None:
        assert periods.start_of_day(day, ZoneInfo(zone)) == utc(begins)

    def test_apia_had_no_30_december_2011(self) -> None:
        skipped = periods.period("day", date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
        assert skipped.start == skipped.end == utc("2011-12-30T10:00")
        assert periods.local_day(utc("2011-12-30T09:59:59"), ZoneInfo("Pacific/Apia")) == date(2011, 12, 29)
        assert periods.local_day(utc("2011-12-30T10:00:00"), ZoneInfo("Pacific/Apia")) == date(2011, 12, 31)

    def test_an_hour_that_goes_back_to_yesterday_stays_in_the_day_that_had_begun(self) -> None:
        st_johns = ZoneInfo("America/St_Johns")  # at 00:01 on 2 November 2008 the clock showed 23:01 again
        back = periods.start_of_day(date(2008, 11, 2), st_johns) + timedelta(minutes=30)
        assert back.astimezone(st_johns).strftime("%d %H:%M") == "01 23:30"
        assert periods.local_day(back, st_johns) == date(2008, 11, 2)

    @pytest.mark.parametrize("years", [range(2006, 2016), range(2016, 2026), range(2026, 2037)])
    def test_in_every_zone_the_days_of_twenty_years_touch_and_never_overlap(self, years: range) -> None:
        """Round every change of the clock in every zone: each day ends where the next begins, and holds its instants."""
        for name in ZONES:
            zone = ZoneInfo(name)
            for day in _days_near_changes(zone, years):
                start, end = periods.start_of_day(day, zone), periods.start_of_day(day + timedelta(days=1), zone)
                assert start <= end, (name, day)
                assert end - start <= timedelta(hours=28), (name, day)
                if start < end:
                    assert periods.local_day(start, zone) == day, (name, day)
                    assert periods.local_day(end - timedelta(seconds=1), zone) == day, (name, day)
                    assert periods.local_day(start - timedelta(seconds=1), zone) < day, (name, day)

    @given(st.sampled_from(ZONES), st.datetimes(datetime(1975, 1, 1), datetime(2060, 1, 1)))  # noqa: DTZ001
    def test_every_instant_lies_in_the_day_that_is_named_for_it(self, name: str, naive: datetime) -> None:
        zone, at = ZoneInfo(name), naive.replace(tzinfo=UTC)
        day = periods.local_day(at, zone)
        assert periods.start_of_day(day, zone) <= at < periods.start_of_day(day + timedelta(days=1), zone)


def _days_near_changes(zone: ZoneInfo, years: range) -> list[date]:
    found: list[date] = []
    at = datetime(years.start, 1, 1, tzinfo=UTC)
    offset = at.astimezone(zone).utcoffset()
    while at.year < years.stop:
        at += timedelta(days=4)
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            found += [(at - timedelta(days=back)).date() for back in range(-1, 7)]
            offset = now
    return found


class TestCalendarPeriods:
    @pytest.mark.parametrize(
        ("kind", "label", "first", "end"),
        [
            ("day", "2026-03-04", date(2026, 3, 4), date(2026, 3, 5)),
            ("week", "2026-W10", date(2026, 3, 2), date(2026, 3, 9)),
            ("month", "2026-03", date(2026, 3, 1), date(2026, 4, 1)),
            ("quarter", "2026-Q1", date(2026, 1, 1), date(2026, 4, 1)),
            ("half", "2026-H1", date(2026, 1, 1), date(2026, 7, 1)),
            ("year", "2026", date(2026, 1, 1), date(2027, 1, 1)),
        ],
    )
    def test_each_kind_has_a_name_and_half_open_days(
        self, kind: periods.Kind, label: str, first: date, end: date
    ) -> None:
        found = periods.period(kind, date(2026, 3, 4), SEOUL)
        assert (found.label, found.first_day, found.end_day) == (label, first, end)
        assert found.start == periods.start_of_day(first, SEOUL)
        assert found.start in found
        assert found.end not in found
        assert found.last_day == end - timedelta(days=1)

    def test_the_iso_week_of_new_year_belongs_to_the_old_year(self) -> None:
        assert periods.label_of("week", date(2027, 1, 1)) == "2026-W53"
        assert periods.label_of("half", date(2026, 7, 1)) == "2026-H2"

    def test_a_sale_just_before_midnight_in_seoul_is_of_that_day(self) -> None:
        assert periods.period_at("day", utc("2026-03-04T14:59:59"), SEOUL).label == "2026-03-04"
        assert periods.period_at("day", utc("2026-03-04T15:00:00"), SEOUL).label == "2026-03-05"

    @given(st.sampled_from(periods.KINDS), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
    def test_periods_follow_each_other_without_gap(self, kind: periods.Kind, day: date) -> None:
        found = periods.period(kind, day, SEOUL)
        following = periods.period(kind, found.end_day, SEOUL)
        assert found.first_day <= day < found.end_day
        assert (following.first_day, following.start) == (found.end_day, found.end)
        assert following.label != found.label

    def test_walking_a_span_lists_its_periods(self) -> None:
        months = periods.calendar_periods("month", date(2026, 1, 15), date(2026, 4, 1), SEOUL)
        assert [month.label for month in months] == ["2026-01", "2026-02", "2026-03"]

    def test_a_span_of_days_names_itself(self) -> None:
        assert periods.between(date(2026, 1, 1), date(2026, 2, 1), SEOUL).label == "2026-01-01/2026-02-01"


class TestMovingDays:
    @pytest.mark.parametrize(
        ("day", "months", "there"),
        [
            (date(2026, 1, 31), 1, date(2026, 2, 28)),
            (date(2024, 1, 31), 1, date(2024, 2, 29)),
            (date(2026, 1, 15), 6, date(2026, 7, 15)),
            (date(2026, 1, 15), -1, date(2025, 12, 15)),
            (date(2026, 12, 31), 2, date(2027, 2, 28)),
            (date(2026, 3, 31), -13, date(2025, 2, 28)),
        ],
    )
    def test_months_are_clamped_to_the_last_day(self, day: date, months: int, there: date) -> None:
        assert periods.add_months(day, months) == there

    def test_units(self) -> None:
        assert periods.shift(date(2024, 2, 29), 1, "years") == date(2025, 2, 28)
        assert periods.shift(date(2024, 2, 29), 1, "days") == date(2024, 3, 1)
        assert periods.shift(date(2024, 2, 29), 1, "months") == date(2024, 3, 29)

    @given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
    def test_every_day_lies_in_one_year_of_membership(self, joined: date, day: date) -> None:
        first, end = periods.anniversary_window(joined, day)
        assert first <= day < end
        assert 365 <= (end - first).days <= 366
        assert periods.anniversary_window(joined, end)[0] == end

    def test_who_joined_on_29_february_counts_from_28_february_in_common_years(self) -> None:
        window = periods.anniversary_window(date(2024, 2, 29), date(2026, 2, 28))
        assert window == (date(2026, 2, 28), date(2027, 2, 28))


class TestBirthdays:
    @pytest.mark.parametrize("year", range(2024, 2033))
    def test_29_february_is_kept_once_a_year(self, year: int) -> None:
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(365 + (year % 4 == 0))]
        kept = [day for day in days if periods.is_birthday((2, 29), day)]
        assert kept == [date(year, 2, 29 if year % 4 == 0 else 28)]

    def test_a_birthday_week_is_the_iso_week_also_across_new_year(self) -> None:
        assert periods.is_birthday((1, 1), date(2026, 12, 28), within="week")  # 1 January 2027 is a Friday
        assert periods.is_birthday((12, 31), date(2027, 1, 2), within="week")
        assert not periods.is_birthday((1, 1), date(2026, 12, 27), within="week")

    def test_a_birthday_month_is_the_whole_month(self) -> None:
        assert periods.is_birthday((2, 29), date(2026, 2, 1), within="month")
        assert not periods.is_birthday((2, 29), date(2026, 3, 1), within="month")
