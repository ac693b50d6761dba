"""Sessions of exchanges, gaps in a ticker's bars, and which session is over."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from marketdata.calendars import is_finished, missing_sessions, sessions
from records import date_of, day_numbers

UTC = dt.UTC


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("ticker", "date", "now", "finished"),
    [
        ("AAPL", "2024-03-08", "2024-03-08 20:59", False),  # 16:00 in New York is 21:00 before the clocks change
        ("AAPL", "2024-03-08", "2024-03-08 21:29", False),
        ("AAPL", "2024-03-08", "2024-03-08 21:30", True),
        ("AAPL", "2024-03-11", "2024-03-11 20:30", True),  # and 20:00 after
        ("AAPL", "2023-11-24", "2023-11-24 18:30", True),  # a half day
        ("AAPL", "2024-03-06", "2024-03-08 00:00", True),
        ("005930.KS", "2024-03-08", "2024-03-08 07:01", True),  # 15:30 in Seoul
        ("005930.KS", "2024-03-08", "2024-03-08 05:00", False),
        ("BTC-USD", "2024-03-09", "2024-03-09 23:00", False),  # never closes: over with the day
        ("BTC-USD", "2024-03-09", "2024-03-10 00:30", True),
        ("^FTSE", "2024-03-08", "2024-03-09 11:00", False),  # exchange unknown: over when the date has ended everywhere
        ("^FTSE", "2024-03-08", "2024-03-09 12:00", True),
    ],
)
def test_a_session_is_over_half_an_hour_after_its_close(ticker: str, date: str, now: str, finished: bool) -> None:
    assert is_finished(ticker, dt.date.fromisoformat(date), at(now)) is finished


def test_gaps_are_sessions_without_a_bar_and_not_holidays() -> None:
    # 2024-03-29 is Good Friday in New York, and no holiday in Seoul.
    week = [dt.date(2024, 3, 25), dt.date(2024, 3, 26), dt.date(2024, 3, 28), dt.date(2024, 4, 1)]
    assert [date_of(d) for d in missing_sessions("AAPL", day_numbers(week))] == [dt.date(2024, 3, 27)]
    assert [date_of(d) for d in missing_sessions("005930.KS", day_numbers(week))] == [
        dt.date(2024, 3, 27),
        dt.date(2024, 3, 29),
    ]
    assert len(missing_sessions("^FTSE", day_numbers(week))) == 0
    assert len(missing_sessions("AAPL", np.empty(0, np.int32))) == 0


def test_sessions_include_both_ends() -> None:
    found = sessions("MSFT", dt.date(2024, 3, 28), dt.date(2024, 4, 1))
    assert found is not None
    assert [date_of(d) for d in found] == [dt.date(2024, 3, 28), dt.date(2024, 4, 1)]
    assert sessions("X.UNKNOWN", dt.date(2024, 3, 28), dt.date(2024, 4, 1)) is None
