"""The sessions of a ticker's exchange, by the library exchange_calendars and Yahoo's suffixes."""

from __future__ import annotations

import datetime as dt
import warnings
from functools import lru_cache
from typing import Any, Final

import numpy as np

from records import Days, date_of, day_number

#: Yahoo's suffix → the exchange's calendar. No suffix: all exchanges of the United States keep the same sessions.
_CALENDARS: Final = {
    "": "XNYS",
    "AS": "XAMS",
    "AX": "XASX",
    "BA": "XBUE",
    "BD": "XBUD",
    "BK": "XBKK",
    "BO": "XBOM",
    "BR": "XBRU",
    "CO": "XCSE",
    "DE": "XETR",
    "F": "XFRA",
    "HE": "XHEL",
    "HK": "XHKG",
    "IR": "XDUB",
    "IS": "XIST",
    "JK": "XIDX",
    "JO": "XJSE",
    "KL": "XKLS",
    "KQ": "XKRX",
    "KS": "XKRX",
    "L": "XLON",
    "LS": "XLIS",
    "MC": "XMAD",
    "MI": "XMIL",
    "MX": "XMEX",
    "NS": "XBOM",
    "NZ": "XNZE",
    "OL": "XOSL",
    "PA": "XPAR",
    "PR": "XPRA",
    "SA": "BVMF",
    "SI": "XSES",
    "SN": "XSGO",
    "SR": "XSAU",
    "SS": "XSHG",
    "ST": "XSTO",
    "SW": "XSWX",
    "SZ": "XSHG",
    "T": "XTKS",
    "TA": "XTAE",
    "TO": "XTSE",
    "TW": "XTAI",
    "TWO": "XTAI",
    "V": "XTSE",
    "VI": "XWBO",
    "WA": "XWAR",
}
#: Closing auctions and the delay of the provider's feed: a session's bar is final this long after its close.
SETTLING: Final = dt.timedelta(minutes=30)


def calendar_name(ticker: str) -> str | None:
    """The calendar of a ticker's exchange; None where the suffix is unknown, and for indices, whose exchange it does not say.

    >>> [calendar_name(t) for t in ("AAPL", "BRK-B", "005930.KS", "EURUSD=X", "BTC-USD", "^FTSE")]
    ['XNYS', 'XNYS', 'XKRX', '24/5', '24/7', None]
    """
    if ticker.startswith("^"):
        return None
    if "=" in ticker:
        return "24/5" if ticker.endswith("=X") else None
    if ticker.endswith(("-USD", "-EUR", "-GBP")):
        return "24/7"
    return _CALENDARS.get(ticker.partition(".")[2])


def sessions(ticker: str, first: dt.date, last: dt.date) -> Days | None:
    """Day numbers of the exchange's sessions from `first` to `last`, both included; None where its calendar is unknown.

    Calendars reach back some twenty years; sessions before are left out.
    """
    name = calendar_name(ticker)
    if name is None:
        return None
    days = _session_days(name)
    return days[np.searchsorted(days, day_number(first)) : np.searchsorted(days, day_number(last), side="right")]


def missing_sessions(ticker: str, day: Days) -> Days:
    """Sessions between the first and the last of a ticker's bars (day numbers, rising) that have no bar: halts and lost days.

    Empty where the calendar is unknown.
    """
    if not len(day):
        return day
    expected = sessions(ticker, date_of(day[0]), date_of(day[-1]))
    return day[:0] if expected is None else np.setdiff1d(expected, day, assume_unique=True)


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
    if name is None or day_number(date) not in _session_days(name):
        return None
    close: dt.datetime = _calendar(name).session_close(date.isoformat()).to_pydatetime()
    return close


@lru_cache
def _session_days(name: str) -> Days:
    days: Days = _calendar(name).sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
    return days


@lru_cache
def _calendar(name: str) -> Any:
    import exchange_calendars  # noqa: PLC0415 - half a second and pandas, which few commands need

    with warnings.catch_warnings():  # the library is not up to what pandas 3.1 deprecates; its sessions are right
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(name)
