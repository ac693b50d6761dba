"""Which sessions are overdue, and when that is an alarm. Ten years without a false alarm are in `test_quiet.py`."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from itertools import pairwise

import pytest

from marketdata.calendars import calendar_name, session_closes
from monitoring.punctuality import (
    AHEAD_DAYS,
    ENDED_DAYS,
    LATE_SECONDS,
    MOST_CLOSED_WEEKDAYS,
    Lateness,
    Punctuality,
    Session,
    is_ending,
    newest_bars,
    newest_by_calendar,
    punctuality,
)

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


@pytest.mark.parametrize("count", [1, 2])
def test_few_tickers_that_ended_long_before_the_others_are_delisted(count: int) -> None:
    """A worker with a handful of tickers had been red for ever after one of them was delisted."""
    today = dt.date(2026, 11, 27)
    for days in (0, 7, ENDED_DAYS):
        gone = today - dt.timedelta(days=days)
        assert newest_by_calendar([("XNYS", count, today), ("XLON", count, gone)])["XLON"] == gone
    gone = today - dt.timedelta(days=ENDED_DAYS + 1)
    assert newest_by_calendar([("XNYS", 1, today), ("XLON", count, gone)]) == {"XNYS": today}
    assert newest_by_calendar([("XLON", count, gone)]) == {"XLON": gone}, "the last that are left always count"
    assert newest_by_calendar([("XNYS", 400, today), ("XLON", 3, gone)]) == {"XNYS": today, "XLON": gone}, "a feed that fails"


SINGLE = "AAPL", "HSBA.L", "7203.T", "2222.SR", "005930.KS", "BTC-USD"


@pytest.mark.slow
@pytest.mark.parametrize("ended", SINGLE)
def test_ten_years_with_one_ticker_of_each_exchange_of_which_one_is_delisted(ended: str) -> None:
    """The delisted ticker is reported for ENDED_DAYS and then never again; when no bars come at all, all exchanges are late."""
    day = dt.timedelta(days=1)
    names = {ticker: calendar_name(ticker) or "" for ticker in SINGLE}
    of = {name: [Session(*each) for each in session_closes(name, dt.date(2016, 11, 1), LAST)] for name in names.values()}
    ends = dt.date(2017, 3, 1)
    last = {ticker: dt.date(2016, 11, 1) for ticker in SINGLE}
    now = dt.datetime(2017, 1, 2, 23, 59, tzinfo=dt.UTC)
    places = dict.fromkeys(SINGLE, 0)
    while now.date() < LAST:
        for ticker in SINGLE:
            sessions = of[names[ticker]]
            while places[ticker] < len(sessions) and sessions[places[ticker]].close + GRACE <= now:
                if ticker != ended or sessions[places[ticker]].date < ends:
                    last[ticker] = sessions[places[ticker]].date
                places[ticker] += 1
        newest = newest_bars((names[ticker], date) for ticker, date in last.items())
        late = {
            name for name, bar in newest.items()
            if punctuality(name, bar, of[name][places_of(places, names, name) - 3 :][:60], now, GRACE).late_sessions
        }  # fmt: skip
        allowed = {names[ended]} if ends <= now.date() <= ends + (ENDED_DAYS + 5) * day else set()
        assert late <= allowed, now
        now += day
    stopped = newest_bars((names[ticker], date) for ticker, date in last.items() if ticker != ended)
    silent = dt.datetime.combine(LAST + 40 * day, dt.time(12), dt.UTC)
    assert all(punctuality(name, bar, (), silent, GRACE).late_sessions for name, bar in stopped.items())


def places_of(places: dict[str, int], names: dict[str, str], name: str) -> int:
    return max(3, min(place for ticker, place in places.items() if names[ticker] == name))


@pytest.mark.parametrize("calendar", ["XSHG", "XSES", "XBOM", "XTAI", "XKRX", "XTKS", "XIDX", "XIST", "XNYS"])
def test_beyond_the_end_of_a_calendar_bars_are_late_after_the_longest_rest_and_not_before(calendar: str) -> None:
    """The library knows some exchanges until the end of the year: their bars had never been late afterwards."""
    sessions = [Session(*each) for each in session_closes(calendar, dt.date(2010, 1, 1), LAST)]
    known = [session for session in sessions if session.date.year == 2010]
    for before, after in pairwise(sessions):
        if before.date.year > 2010:
            arrival = after.close + GRACE
            assert not punctuality(calendar, before.date, known, arrival, GRACE).late_sessions, (before, after)
            assert not punctuality(calendar, before.date, (), arrival, GRACE).late_sessions
    last = known[-1].date
    silent = dt.datetime.combine(last + dt.timedelta(days=16), dt.time(12), dt.UTC)
    found = punctuality(calendar, last, known, silent, GRACE)
    assert found.late_sessions > MOST_CLOSED_WEEKDAYS
    assert found.due is not None
    assert last < found.due < silent.date()
    assert punctuality(calendar, known[-4].date, known, silent, GRACE).late_sessions == found.late_sessions + 3
    assert punctuality(calendar, last, (), silent + dt.timedelta(days=700), GRACE).late_sessions > 500


def test_no_calendar_has_ended_while_its_sessions_are_known_ahead() -> None:
    """Ten years of days: of what is known AHEAD_DAYS ahead, the last session is never near."""
    for calendar in ("XSHG", "XTAI", "XTKS", "XIDX", "XNYS"):
        dates = [date for date, _ in session_closes(calendar, dt.date(2016, 1, 1), LAST)]
        day = dt.date(2016, 2, 1)
        while day + dt.timedelta(days=AHEAD_DAYS) < LAST:
            ahead = bisect_right(dates, day + dt.timedelta(days=AHEAD_DAYS))
            assert not is_ending(dates[ahead - 1], day)
            day += dt.timedelta(days=1)
    assert is_ending(dt.date(2026, 12, 31), dt.date(2026, 12, 20))


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
