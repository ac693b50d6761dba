"""Dates in which day and month are exchanged: a spreadsheet of another country takes 03/02 for its own, and leaves 02/13.

Dates up to the twelfth are then other days of the same year. They go back and forth in the file, or, sorted, lie at weekends.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.forms.counts import NOT_A_DAY
from records import Days, date_of

_MONTHS: Final = 12
_FEWEST_BARS: Final = 10
#: In a file by date so many of the steps from row to row go the other way; more with dates that are exchanged.
_FEW_BACK: Final = 0.02
_MANY_BACK: Final = 0.05
#: So many bars at weekends, this share of those up to the twelfth of a month, and none of so many behind it.
_FEWEST_AT_WEEKENDS: Final = 4
_FEWEST_LATER: Final = 15
_SHARE_AT_WEEKENDS: Final = 0.1
_SATURDAY: Final = 5


def exchange_fault(day: Days) -> str | None:
    """Why day and month are exchanged in some of one ticker's dates; None if they are not.

    `day` has shape (n,), in the order of the file.
    """
    return _fault_of(day.astype(np.int32, copy=False).tobytes())


def weekend_rows(day: Days) -> NDArray[np.intp]:
    """The rows, shape (k,), that lie at weekends."""
    return _rows_of(day.astype(np.int32, copy=False).tobytes())


@lru_cache(maxsize=64)  # most tickers of a file have the same dates
def _rows_of(dates: bytes) -> NDArray[np.intp]:
    found: NDArray[np.intp] = np.flatnonzero((np.frombuffer(dates, np.int32).astype(np.int64) + 3) % 7 >= _SATURDAY)
    found.setflags(write=False)
    return found


@lru_cache(maxsize=64)
def _fault_of(dates: bytes) -> str | None:
    day = np.frombuffer(dates, np.int32)
    day = day if not len(day) or int(day.min()) != NOT_A_DAY else day[day != NOT_A_DAY]
    is_at_weekend = (day.astype(np.int64) + 3) % 7 >= _SATURDAY
    at_weekends = int(np.count_nonzero(is_at_weekend))
    is_back = _steps_back(day) > _MANY_BACK * len(day)
    if len(day) < _FEWEST_BARS or not (is_back or at_weekends >= _FEWEST_AT_WEEKENDS):
        return None
    of_month = day - day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int32) + 1
    first = of_month <= _MONTHS
    why = None
    if is_back and _steps_back(_exchanged(day)) <= _FEW_BACK * len(day):
        why = "the rows are by date only if they are exchanged back"
    elif (
        at_weekends >= max(_FEWEST_AT_WEEKENDS, _SHARE_AT_WEEKENDS * int(first.sum()))
        and int((~first).sum()) >= _FEWEST_LATER
        and not (is_at_weekend & ~first).any()
    ):
        why = f"{at_weekends:,} of them lie at weekends, and none of the later dates"
    if why is None:
        return None
    example = date_of(int(day[np.argmax(first & is_at_weekend)] if at_weekends else day[np.argmax(first)])).isoformat()
    return f"day and month are exchanged in dates up to the twelfth of a month, as {example}, perhaps by a spreadsheet: {why}"


def _steps_back(day: Days) -> int:
    """Steps from row to row against the direction of most."""
    return min(int(np.count_nonzero(day[1:] < day[:-1])), int(np.count_nonzero(day[1:] > day[:-1])))


def _exchanged(day: Days) -> NDArray[np.int32]:
    """The dates with day and month exchanged where both can be months."""
    dates = [date_of(int(one)) for one in day]
    turned = [one.replace(month=one.day, day=one.month) if one.day <= _MONTHS else one for one in dates]
    return np.array(turned, dtype="datetime64[D]").astype(np.int32)
