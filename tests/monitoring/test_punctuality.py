"""Which sessions are overdue, and when that is an alarm. Ten years without a false alarm are in `test_quiet.py`."""

from __future__ import annotations

import datetime as dt

from marketdata.calendars import session_closes
from monitoring.punctuality import LATE_SECONDS, Lateness, Punctuality, Session, newest_by_calendar, punctuality

GRACE = dt.timedelta(hours=12)
LAST = dt.date(2024, 12, 31)


def test_a_dead_stream_counts_its_sessions() -> None:
    sessions = [Session(*each) for each in session_closes("XNYS", dt.date(2013, 3, 1), LAST)]
    late = punctuality("XNYS", dt.date(2013, 3, 1), sessions, dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC), GRACE)
    assert late.late_sessions == len(sessions) - 1


def test_a_calendar_of_few_tickers_says_nothing_beside_others() -> None:
    old, new = dt.date(2020, 1, 2), dt.date(2024, 1, 2)
    assert newest_by_calendar([("XNYS", 400, new), ("XLON", 2, old), (None, 3, old)]) == {"XNYS": new}
    assert newest_by_calendar([("XLON", 1, old)]) == {"XLON": old}
    assert newest_by_calendar([(None, 1, old)]) == {}


OVERDUE = Punctuality("XNYS", dt.date(2026, 11, 20), 3, dt.date(2026, 11, 25))
ON_TIME = Punctuality("XLON", dt.date(2026, 11, 26), 0, None)


def late(lateness: Lateness, now: float, *, waiting: float = 0.0) -> list[int]:
    lateness.note([OVERDUE, ON_TIME], now, waiting)
    return [each.late_sessions for each in lateness.confirmed([OVERDUE, ON_TIME], now)]


def test_bars_are_late_once_all_messages_of_the_last_seconds_are_processed() -> None:
    lateness = Lateness()
    assert late(lateness, 100.0) == [0, 0]
    assert late(lateness, 100.0 + LATE_SECONDS - 0.1) == [0, 0]
    assert late(lateness, 100.0 + LATE_SECONDS) == [3, 0]


def test_a_backlog_of_old_bars_is_read_without_an_alarm() -> None:
    lateness = Lateness()
    for at in range(0, 3600, 5):
        assert late(lateness, float(at), waiting=float(at)) == [0, 0]
    assert late(lateness, 3605.0) == [3, 0]


def test_bars_that_came_after_all_begin_the_wait_anew() -> None:
    lateness = Lateness()
    late(lateness, 0.0)
    lateness.note([ON_TIME], 10.0, 0.0)
    assert late(lateness, LATE_SECONDS) == [0, 0]
