"""Whether the newest bars are as new as the exchange's calendar allows: never late on weekends, holidays and quiet nights."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

#: A calendar with fewer tickers than this says nothing by itself: they may all be delisted.
LEAST_TICKERS: Final = 3
#: Bars that are read from a backlog are old at first. A message that waits for as long may hold the newer bars.
LATE_SECONDS: Final = 20.0


class Session(NamedTuple):
    """A trading day of an exchange and the moment at which it closes (with a time zone)."""

    date: dt.date
    close: dt.datetime


class Punctuality(NamedTuple):
    """The newest bar of a calendar's tickers, and how many later sessions have bars that are overdue."""

    calendar: str
    newest: dt.date
    late_sessions: int
    due: dt.date | None


def punctuality(
    calendar: str, newest: dt.date, sessions: Sequence[Session], now: dt.datetime, grace: dt.timedelta
) -> Punctuality:
    """Which sessions (rising) after the newest bar are overdue: those whose close is longer ago than the grace."""
    late = [session.date for session in sessions if session.date > newest and session.close + grace < now]
    return Punctuality(calendar, newest, len(late), late[-1] if late else None)


class Lateness:
    """Which calendars' bars are late in fact: overdue for LATE_SECONDS, while no message waits for as long.

    So all messages that were there LATE_SECONDS ago are processed, and the bars are overdue nevertheless. `note` is called
    every few seconds with the seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._waiting_seconds = 0.0

    def note(self, found: Iterable[Punctuality], now: float, waiting_seconds: float) -> None:
        """What is overdue now, and for how long the oldest message has waited."""
        self._since = {each.calendar: self._since.get(each.calendar, now) for each in found if each.late_sessions}
        self._waiting_seconds = waiting_seconds

    def confirmed(self, found: Iterable[Punctuality], now: float) -> list[Punctuality]:
        """The same, without late sessions where it is too early to call them late."""
        return [each if self._is_late(each.calendar, now) else each._replace(late_sessions=0, due=None) for each in found]

    def _is_late(self, calendar: str, now: float) -> bool:
        since = self._since.get(calendar)
        return since is not None and now - since >= LATE_SECONDS and self._waiting_seconds < LATE_SECONDS


def newest_bars(bars: Iterable[tuple[str | None, dt.date]]) -> dict[str, dt.date]:
    """`newest_by_calendar` of tickers, each with its calendar and its newest bar."""
    tickers: Counter[str] = Counter()
    newest: dict[str, dt.date] = {}
    for calendar, bar in bars:
        if calendar is not None:
            tickers[calendar] += 1
            newest[calendar] = max(bar, newest.get(calendar, bar))
    return newest_by_calendar([(name, tickers[name], date) for name, date in newest.items()])


def newest_by_calendar(last_bars: Sequence[tuple[str | None, int, dt.date]]) -> dict[str, dt.date]:
    """The newest bar of each calendar that has enough tickers to say something.

    From (calendar, tickers, newest bar) of each. Where no calendar has so many, that with the most tickers counts.
    """
    known = [(calendar, count, newest) for calendar, count, newest in last_bars if calendar is not None and count > 0]
    if not known:
        return {}
    least = min(LEAST_TICKERS, max(count for _, count, _ in known))
    return {calendar: newest for calendar, count, newest in known if count >= least}


def sessions(count: int) -> str:
    """A number of sessions in words.

    >>> sessions(1), sessions(3)
    ('1 session', '3 sessions')
    """
    return f"{count} session" if count == 1 else f"{count} sessions"
