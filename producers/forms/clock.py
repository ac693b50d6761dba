"""On which day of its exchange a bar is: from the written date, the time of day and the zone.

A daily bar is stamped with its session's date, or with a moment of it. A moment in UTC may lie on the day before: Seoul's
midnight is 15:00 UTC. Such dates are a day early, which would be looking ahead. They show by Sundays in place of Fridays.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import SourceError
from producers.forms.counts import NOT_A_DAY
from records import Days, exchange_of

_FEWEST_BARS: Final = 10
#: A few sessions at weekends are real; more are none.
_FEW_OFF: Final = 0.02
#: If dates are shifted, a weekday has fewer bars than this share of the usual.
_LACKING: Final = 0.75
_DAY: Final = 86_400
#: Coins' days begin at 15:00 UTC in Seoul, at 16:00 UTC in Singapore: most of such a bar is of the next day.
_EASTERN_MIDNIGHTS: Final = (15 * 3600, 16 * 3600)
#: From this hour on, most of a bar that begins there is of the next day; in the last minute bars end.
_EVENING: Final = 17
_LAST_MINUTE: Final = 86_340
_OF_EAST: Final = "bars begin at a midnight of East Asia (15:00 or 16:00 UTC): each is of the next day, in which it ends"
_OF_UTC: Final = "times with an offset are midnights in UTC, on the evening before: each bar is of its day in UTC"
_NAMES: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_MONDAY_TO_FRIDAY: Final = frozenset(range(5))
_SUNDAY_TO_THURSDAY: Final = frozenset({6, 0, 1, 2, 3})
#: Doha, Kuwait, Cairo, Bahrain, Muscat and Dubai: no calendar of these is known here, their weekdays are. Dubai changed them.
_OF_SUFFIX: Final = dict.fromkeys((".QA", ".KW", ".CA", ".BH", ".OM"), _SUNDAY_TO_THURSDAY) | {
    ".AE": frozenset({6, 0, 1, 2, 3, 4})
}
#: Calendar → weekdays with sessions, if not Monday to Friday. Tel Aviv has changed from Sunday-Thursday to Monday-Friday.
_WEEKDAYS: Final = {
    "XSAU": _SUNDAY_TO_THURSDAY, "XTAE": frozenset({6, 0, 1, 2, 3, 4}),
    "24/7": frozenset(range(7)),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Of each row, shape (n,): `second` of the day (negative: no time), `utc` if the time is UTC, `offset` minutes east."""

    second: NDArray[np.int32]
    utc: NDArray[np.bool_]
    offset: NDArray[np.int32]

    def part(self, rows: NDArray[np.intp]) -> Clock:
        """The chosen rows."""
        return Clock(self.second[rows], self.utc[rows], self.offset[rows])


def clock_of(second: NDArray[np.int32], utc: NDArray[np.bool_], offset: NDArray[np.int32]) -> Clock | None:
    """The times; None if there is none but midnight."""
    return Clock(second, utc, offset) if len(second) and int(second.max()) > 0 else None


def days_of_sessions(ticker: str, day: Days, clock: Clock | None, *, declared: str | None = None) -> tuple[Days, str | None]:
    """The days of the exchange's sessions, and what was changed (None: nothing). SourceError if they cannot be known.

    `declared`: `written` takes the dates as they stand, `next` the day after, `previous` the day before.
    """
    if declared is not None:
        if declared == "written":
            return day, None
        by = 1 if declared == "next" else -1
        return _shifted(day, np.ones(len(day), np.bool_), by), f"dates moved to the {declared} day, as declared"
    counts = _by_weekday(day)
    if _is_every_day(counts):
        return _of_every_day(ticker, day, clock)
    exchange = exchange_of(ticker)
    _, dot, suffix = ticker.rpartition(".")
    usual = _OF_SUFFIX.get(dot + suffix, _MONDAY_TO_FRIDAY)
    weekdays = usual if exchange is None else _WEEKDAYS.get(exchange.calendar, usual)
    zone = None if exchange is None or exchange.zone == "UTC" else exchange.zone
    if clock is not None and zone is not None and clock.utc.mean() > 0.5:
        local = _local(day, clock.second, zone)
        if (local != day).any() and not _fault(_by_weekday(local), weekdays):
            return (
                local,
                f"times in UTC taken on the clock of {zone}: {int((local != day).sum()):,} dates are another day there",
            )
    fault = _fault(counts, weekdays)
    if fault is None:
        return day, None
    if clock is not None:
        readings = {} if zone is None else {zone: _local(*_in_utc(day, clock), zone)}
        readings["a zone east of Greenwich"] = _shifted(day, clock.second >= _DAY // 2)
        for where, local in readings.items():
            if _fault(_by_weekday(local), weekdays) is None:
                written = "with the time of another zone" if clock.offset.any() else "in UTC"
                said = f"dates a day early ({fault}), since they are midnights of {where} written {written}: taken on its clock"
                return local, said
    raise SourceError(
        f"{ticker}: {fault}: the dates are a day off (midnight of another zone written in UTC?), or the exchange keeps other "
        f"weekdays; say which: --read-as days={'previous' if _is_late(counts) else 'next'} or --read-as days=written"
    )


def _of_every_day(ticker: str, day: Days, clock: Clock | None) -> tuple[Days, str | None]:
    """A coin's days are those of UTC, whatever its name looks like; the next if its bars begin at a midnight of East Asia.

    SourceError if all times are one hour of the evening, in winter and summer: bars may begin or end there.
    """
    if clock is None:
        return day, None
    in_utc = clock.second - 60 * clock.offset
    if bool((in_utc % _DAY == 0).all()) and bool((in_utc == _DAY).any()):
        return _shifted(day, in_utc == _DAY), _OF_UTC
    if int(clock.second.min()) >= _LAST_MINUTE:
        return day, None
    if clock.utc.all() and any(bool((clock.second == second).all()) for second in _EASTERN_MIDNIGHTS):
        return _shifted(day, np.ones(len(day), np.bool_)), _OF_EAST
    hours = sorted({second // 3600 for second in clock.second.tolist()})
    if hours[0] < _EVENING or hours[-1] - hours[0] > 1:
        return day, None
    shown = " and ".join(f"{hour:02d}:00" for hour in hours)
    raise SourceError(
        f"{ticker}: all bars have times at {shown}, and each day has a bar: each may begin there, and be of the next day, or "
        f"end there; say which: --read-as days=next or --read-as days=written"
    )


def _by_weekday(day: Days) -> NDArray[np.intp]:
    """Bars on each weekday, Monday first."""
    known = day if len(day) and int(day.min()) != NOT_A_DAY else day[day != NOT_A_DAY]
    return np.bincount((known.astype(np.int64) + 3) % 7, minlength=7)


def _is_every_day(counts: NDArray[np.intp]) -> bool:
    bars = int(counts.sum())
    return bars >= _FEWEST_BARS and int(counts.min()) > 0.08 * bars


def _fault(counts: NDArray[np.intp], weekdays: frozenset[int]) -> str | None:
    """What the weekdays of bars say against their dates; None if they are sessions' days, or too few to say."""
    bars = int(counts.sum())
    off = [at for at in range(7) if at not in weekdays]
    if bars < _FEWEST_BARS or not off or int(counts[off].sum()) <= _FEW_OFF * bars:
        return None
    within = sorted(weekdays)
    least = min(within, key=lambda at: int(counts[at]))
    if counts[least] >= _LACKING * float(np.median(counts[within])):
        return None
    most_off = max(off, key=lambda at: int(counts[at]))
    return f"{int(counts[most_off]):,} bars on {_NAMES[most_off]}, {int(counts[least]):,} on {_NAMES[least]}"


def _is_late(counts: NDArray[np.intp]) -> bool:
    """Whether there are Saturdays in place of Mondays, and not Sundays in place of Fridays."""
    return bool(counts[5] > counts[6] and counts[0] < counts[4])


def _shifted(day: Days, where: NDArray[np.bool_], by: int = 1) -> Days:
    moved: Days = np.where(where & (day != NOT_A_DAY), day + by, day).astype(np.int32)
    return moved


def _in_utc(day: Days, clock: Clock) -> tuple[Days, NDArray[np.int32]]:
    """Days and seconds in UTC, of times with an offset; times without one stay as they are."""
    moved, second = np.divmod(clock.second - 60 * clock.offset, _DAY)
    return np.where(day == NOT_A_DAY, day, day + moved).astype(np.int32), second.astype(np.int32)


def _local(day: Days, second: NDArray[np.int32], zone: str) -> Days:
    """The dates on the clocks of a zone, of days and seconds in UTC."""
    clock = zoneinfo.ZoneInfo(zone)
    known = np.flatnonzero((day != NOT_A_DAY) & (np.abs(day) < 100_000))
    moments = day[known].astype(np.int64) * _DAY + np.maximum(second[known], 0)
    distinct, code = np.unique(moments, return_inverse=True)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    dates = np.array([(epoch + dt.timedelta(seconds=int(m))).astimezone(clock).date() for m in distinct], dtype="datetime64[D]")
    local = day.copy()
    local[known] = dates.astype(np.int32)[code]
    return local
