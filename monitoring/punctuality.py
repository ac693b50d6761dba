"""Whether the newest bars are as new as the exchange's calendar allows: never late on weekends, holidays and quiet nights."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

#: A calendar with fewer tickers than this says nothing by itself: they may all be delisted.
LEAST_TICKERS: Final = 3
#: Bars that are read from a backlog are old at first. A message that waits for as long may hold the newer bars.
LATE_SECONDS: Final = 20.0
#: Beyond a calendar's end more weekdays in a row without a bar are overdue: Taipei, Jakarta and Riyadh have rested for seven.
MOST_CLOSED_WEEKDAYS: Final = 8
#: Of few tickers that end so many days before the others, the series are over: no exchange rests for so long.
ENDED_DAYS: Final = 30
#: A ticker so many sessions behind the newest of all is over as well: it stays in the table, and is no news any more.
ENDED_SESSIONS: Final = 63
#: How long before a calendar's last known session its end is reported.
ENDING_DAYS: Final = 14
#: How far ahead sessions are read. More than ENDING_DAYS and the longest rest, or every calendar would end soon on some day.
AHEAD_DAYS: Final = 30
#: How far back sessions are read. Beyond that a stream is dead, whatever the exact number of sessions.
BACK_DAYS: Final = 400
#: A date is over everywhere on Earth so long after its midnight in UTC.
_OVER_EVERYWHERE: Final = dt.timedelta(hours=36)


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
    """Which sessions (rising) after the newest bar are overdue: those whose close is longer ago than the grace.

    A calendar may end before `now`. Of the weekdays after its end nobody knows which are sessions; more of them in a row than
    any exchange rests are overdue.
    """
    late = [session.date for session in sessions if session.date > newest and session.close + grace < now]
    unknown = _weekdays_over(max(newest, sessions[-1].date) if sessions else newest, now - grace)
    if unknown > MOST_CLOSED_WEEKDAYS:
        return Punctuality(calendar, newest, len(late) + unknown, (now - grace - _OVER_EVERYWHERE).date())
    return Punctuality(calendar, newest, len(late), late[-1] if late else None)


def _weekdays_over(after: dt.date, moment: dt.datetime) -> int:
    """Weekdays after a date that are over everywhere on Earth."""
    last = (moment.astimezone(dt.UTC) - _OVER_EVERYWHERE).date()
    return max(0, weekdays_between(after, last))


def weekdays_between(earlier: dt.date, later: dt.date) -> int:
    """Weekdays after `earlier` up to and including `later`.

    >>> weekdays_between(dt.date(2024, 1, 5), dt.date(2024, 1, 8))  # Friday to Monday
    1
    """
    # As NumPy's days: a date of Python's has no day after 9999-12-31, which callers send for "until ever".
    return int(np.busday_count(np.datetime64(earlier, "D") + 1, np.datetime64(later, "D") + 1))


def is_ending(known_until: dt.date, today: dt.date) -> bool:
    """Whether a calendar has no sessions from some day soon on, as the library that is installed knows it."""
    return known_until < today + dt.timedelta(days=ENDING_DAYS)


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

    From (calendar, tickers, newest bar) of each. Where no calendar has so many, that with the most tickers counts. Few tickers
    whose bars end ENDED_DAYS before those of others are delisted and say nothing; the last that are left always count.
    """
    latest = max((newest for calendar, count, newest in last_bars if calendar is not None and count > 0), default=None)
    known = [
        (calendar, count, newest)
        for calendar, count, newest in last_bars
        if calendar is not None and count > 0 and latest is not None
        if count >= LEAST_TICKERS or (latest - newest).days <= ENDED_DAYS
    ]
    if not known:
        return {}
    least = min(LEAST_TICKERS, max(count for _, count, _ in known))
    return {calendar: newest for calendar, count, newest in known if count >= least}


def overdue(found: Punctuality) -> str:
    """How late an exchange's bars are, in words.

    >>> overdue(Punctuality("XNYS", dt.date(2026, 11, 20), 3, dt.date(2026, 11, 25)))
    'XNYS: newest 2026-11-20, 3 sessions overdue up to 2026-11-25'
    >>> overdue(Punctuality("XNYS", dt.date(2013, 3, 1), 275, dt.date(2026, 11, 25)))
    'XNYS: newest 2013-03-01, more than 275 sessions overdue up to 2026-11-25'
    """
    is_all = found.due is None or (found.due - found.newest).days < BACK_DAYS - ENDING_DAYS
    count = f"{'' if is_all else 'more than '}{sessions(found.late_sessions)}"
    return f"{found.calendar}: newest {found.newest}, {count} overdue up to {found.due}"


def sessions(count: int) -> str:
    """A number of sessions in words.

    >>> sessions(1), sessions(3)
    ('1 session', '3 sessions')
    """
    return f"{count} session" if count == 1 else f"{count} sessions"
