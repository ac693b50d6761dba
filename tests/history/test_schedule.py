"""Calendar windows in a ticker's own event time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from history.schedule import bars_to_cutoff, period_start, sessions_behind
from records import day_numbers
from settings import CalendarPeriod


@pytest.mark.parametrize(
    ("date", "period", "start"),
    [
        (dt.date(2024, 12, 31), CalendarPeriod.DAY, dt.date(2024, 12, 31)),
        (dt.date(2024, 12, 31), CalendarPeriod.WEEK, dt.date(2024, 12, 30)),
        (dt.date(2025, 1, 1), CalendarPeriod.WEEK, dt.date(2024, 12, 30)),  # ISO week 1 of 2025 begins in 2024
        (dt.date(2025, 1, 5), CalendarPeriod.WEEK, dt.date(2024, 12, 30)),
        (dt.date(2025, 1, 6), CalendarPeriod.WEEK, dt.date(2025, 1, 6)),
        (dt.date(2024, 2, 29), CalendarPeriod.MONTH, dt.date(2024, 2, 1)),
    ],
)
def test_periods_begin_where_the_calendar_says(date: dt.date, period: CalendarPeriod, start: dt.date) -> None:
    assert period_start(date, period) == start


def test_the_cutoff_is_the_last_bar_before_the_last_bars_period() -> None:
    # A week without trading between them, and one with a holiday.
    day = day_numbers(dt.date(2025, 1, d) for d in (2, 3, 6, 8, 10, 20, 21))
    assert [bars_to_cutoff(day[:n], CalendarPeriod.WEEK) for n in range(8)] == [0, 0, 0, 2, 2, 2, 5, 5]
    assert [bars_to_cutoff(day[:n], CalendarPeriod.DAY) for n in range(8)] == [0, 0, 1, 2, 3, 4, 5, 6]
    assert bars_to_cutoff(day, CalendarPeriod.MONTH) == 0


def test_sessions_behind() -> None:
    sessions = np.array([10, 11, 14, 15], np.int32)
    assert [sessions_behind(day, sessions) for day in (9, 10, 12, 15)] == [4, 3, 2, 0]
