"""Where to begin fetching when only what is new or changed is wanted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from marketdata.calendars import sessions
from records import date_of


def starts_since_last(tickers: Iterable[str], last: Mapping[str, dt.date], overlap_sessions: int) -> dict[str, dt.date]:
    """For each ticker of which something is there, the day `overlap_sessions` sessions before its last bar.

    The overlap is fetched again: what the vendor corrected or restated since shows there. A ticker that is not there yet has
    no entry and is fetched whole.
    """
    return {ticker: _sessions_before(ticker, last[ticker], overlap_sessions) for ticker in tickers if ticker in last}


def _sessions_before(ticker: str, last: dt.date, count: int) -> dt.date:
    earliest = last - dt.timedelta(days=2 * count + 10)  # no exchange trades less than every other day for long
    known = sessions(ticker, earliest, last)
    return earliest if known is None or len(known) <= count else date_of(known[-count - 1])
