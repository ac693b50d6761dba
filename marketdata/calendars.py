"""The sessions of a ticker's exchange, by the library exchange_calendars and Yahoo's suffixes."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final

import numpy as np

from marketdata.session_days import SessionDays
from records import Days, date_of, day_number, exchange_of

#: The library cannot build Tel Aviv's sessions before 2026 and lacks later holidays: no calendar is better than a wrong one.
_WRONG: Final = frozenset({"XTAE"})
#: Closing auctions and the delay of the provider's feed: a session's bar is final this long after its close.
SETTLING: Final = dt.timedelta(minutes=30)


def calendar_name(ticker: str) -> str | None:
    """The calendar of a ticker's exchange; None for an unknown suffix, an index, and a bare code, which name no exchange.

    None for Tel Aviv as well, whose calendar is wrong.

    >>> [calendar_name(t) for t in ("AAPL", "BRK-B", "005930.KS", "EURUSD=X", "BTC-USD", "^FTSE", "600519")]
    ['XNYS', 'XNYS', 'XKRX', '24/5', '24/7', None, None]
    """
    exchange = exchange_of(ticker)
    return None if exchange is None or exchange.calendar in _WRONG else exchange.calendar


def sessions(ticker: str, first: dt.date, last: dt.date) -> Days | None:
    """Day numbers of the exchange's sessions from `first` to `last`, both included; None where its calendar is unknown.

    None as well while a calendar is not read yet (`unread_calendars`). Calendars reach back some twenty years; earlier
    sessions are left out.
    """
    name = calendar_name(ticker)
    if name is None:
        return None
    days = _session_days.of(name)
    return None if days is None else _between(days, first, last)


def _between(days: Days, first: dt.date, last: dt.date) -> Days:
    return days[np.searchsorted(days, day_number(first)) : np.searchsorted(days, day_number(last), side="right")]


def session_closes(name: str, first: dt.date, last: dt.date) -> list[tuple[dt.date, dt.datetime]]:
    """The sessions of a calendar (`calendar_name`) from `first` to `last`, both included, each with the moment of its close."""
    chosen = _between(library_days(name), first, last)
    closes = _calendar(name).closes.loc[first.isoformat() : last.isoformat()]
    return list(zip(map(date_of, chosen), (close.to_pydatetime() for close in closes), strict=True))


def sessions_since(ticker: str, earlier: dt.date, later: dt.date, *, enough: int = 0) -> int:
    """Sessions of the ticker's exchange after `earlier` up to and including `later`; weekdays where the calendar is unknown.

    A count of weekdays that is not above `enough` is returned as it is: the calendar, which takes a second to load, could
    only lower it.
    """
    name = calendar_name(ticker)
    if name == "24/7":
        return max(0, (later - earlier).days)
    weekdays = _weekdays(earlier, later)
    if name is None or weekdays <= enough:
        return weekdays
    known = _session_days.of(name)
    first, last = day_number(earlier), day_number(later)
    if known is None or not len(known) or first < known[0] or first > known[-1]:
        return weekdays
    after = _weekdays(date_of(known[-1]), later) if last > known[-1] else 0  # not all calendars reach beyond this year
    return after + int(np.searchsorted(known, last, side="right") - np.searchsorted(known, first, side="right"))


def _weekdays(earlier: dt.date, later: dt.date) -> int:
    # As NumPy's days: a date of Python's has no day after 9999-12-31, which callers send for "until ever".
    return int(np.busday_count(np.datetime64(earlier, "D") + 1, np.datetime64(later, "D") + 1))


def missing_sessions(ticker: str, day: Days) -> Days:
    """Sessions between the first and the last of a ticker's bars (day numbers, rising) that have no bar: halts and lost days.

    Empty where the calendar is unknown.
    """
    if not len(day):
        return day
    expected = sessions(ticker, date_of(day[0]), date_of(day[-1]))
    return day[:0] if expected is None else np.setdiff1d(expected, day, assume_unique=True)


def surplus_bars(ticker: str, day: Days) -> Days:
    """A ticker's bars (day numbers, rising) on days without a session of its exchange; empty if the calendar is unknown."""
    if not len(day) or (expected := sessions(ticker, date_of(day[0]), date_of(day[-1]))) is None or not len(expected):
        return day[:0]
    known = _session_days.of(calendar_name(ticker) or "")
    end = day[-1] if known is None else known[-1]  # the library says nothing of the days after a calendar's end
    return np.setdiff1d(day[(day >= expected[0]) & (day <= end)], expected, assume_unique=True)


def is_finished(ticker: str, date: dt.date, now: dt.datetime) -> bool:
    """Whether the session of a date is over, so that its bar will not change by trading any more; `now` with a time zone.

    Where the calendar knows no such session, a date is over when it has ended everywhere on Earth.
    """
    today = now.astimezone(dt.UTC).date()
    if date < today - dt.timedelta(days=1):
        return True
    close = _close(calendar_name(ticker), date)
    if close is None:
        return now >= dt.datetime.combine(date, dt.time(12), dt.UTC) + dt.timedelta(days=1)
    return now >= close + SETTLING


def _close(name: str | None, date: dt.date) -> dt.datetime | None:
    days = None if name is None else _session_days.of(name)
    if days is None or day_number(date) not in days:
        return None
    close: dt.datetime = _calendar(name).session_close(date.isoformat()).to_pydatetime()
    return close


def library_days(name: str) -> Days:
    """The day numbers of a calendar's sessions, by the library in this process."""
    days: Days = _calendar(name).sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
    return days


def library_apart() -> AbstractContextManager[None]:
    """Within the block another process reads sessions, so that this process does not keep the library."""
    return _session_days.apart()


def unread_calendars() -> list[str]:
    """Calendars that a process of its own has not read in time: until it has, weekdays are counted in their place."""
    return _session_days.unread


def expect_calendars(names: Iterable[str | None]) -> None:
    """Read these calendars (`calendar_name`) together with the first that is needed, where another process reads them."""
    _session_days.expect(name for name in names if name is not None)


_session_days: Final = SessionDays(library_days)


@lru_cache
def _calendar(name: str) -> Any:
    import exchange_calendars  # noqa: PLC0415 - half a second and pandas, which few commands need

    with warnings.catch_warnings():  # the library is not up to what pandas 3.1 deprecates; its sessions are right
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(name)
