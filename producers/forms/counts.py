"""Dates as counts of time: seconds to nanoseconds since 1970, or a spreadsheet's days. The unit is found from the size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import SourceError
from producers.forms.date_forms import DateForm
from producers.forms.day_counts import EARLIEST, LATEST, NAMES, SMALLEST, ZEROS, epoch_of
from records import Days, Floats

#: Stands in a day column in place of a text that is no date.
NOT_A_DAY: Final = np.iinfo(np.int32).min
#: A larger share of dates that are written otherwise is no mistake in a few rows.
FEW_OTHERS: Final = 0.02
ONE_OR_TWO: Final = 2
#: Of a text without a time of day.
NO_TIME: Final = -1


#: Units a day.
PER_DAY: Final = {
    DateForm.SECONDS: 86_400, DateForm.MILLISECONDS: 86_400_000,
    DateForm.MICROSECONDS: 86_400_000_000, DateForm.NANOSECONDS: 86_400_000_000_000,
}  # fmt: skip
#: Fewer seconds, of 1970 to 1974, are days or digits of another count.
_SMALLEST_SECONDS: Final = 1.6e8
#: Of January 2038, in which 32 bits end.
_LARGEST_SECONDS: Final = 2.0**31
COUNT: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e\+?\d+)?", re.IGNORECASE)
_ROUNDED: Final = re.compile(r"-?\d(?:\.(?P<part>\d+))?e\+?(?P<power>\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Instants:
    """Dates as read: `day` (n,) as written, NOT_A_DAY for no date; `second` of the day (n,), NO_TIME without one.

    `offset`: minutes east of UTC, shape (n,), `zoned` (n,) whether one is written. `form` names the reading.
    """

    day: Days
    second: NDArray[np.int32]
    zoned: NDArray[np.bool_]
    offset: NDArray[np.int32]
    form: str


def unit_of(size: float) -> DateForm:
    """The unit of a count of this size."""
    if size < 1e5:
        return DateForm.EXCEL
    return next(form for form, below in zip(PER_DAY, (1e11, 1e14, 1e17, np.inf), strict=True) if size < below)


def check_digits(texts: Sequence[str], where: str) -> None:
    """SourceError if a spreadsheet has rounded counts: `1.72472E+12` is some minutes before or after its midnight."""
    for text in texts:
        match = _ROUNDED.fullmatch(text)
        if match is not None:
            step = 10.0 ** (int(match["power"]) - len(match["part"] or ""))
            if step > PER_DAY.get(unit_of(abs(float(text))), 1) / 86_400:
                raise SourceError(
                    f"{where}: {text!r} has lost its last digits, perhaps in a spreadsheet: its day cannot be known; export it "
                    f"again with all digits or as a date, as 2024-01-31"
                )


def counted(counts: Sequence[float | None], declared: DateForm | None, where: str) -> Instants:
    """The moments of counts, None for what is none. SourceError if they may count anything."""
    known = np.array([np.nan if count is None else count for count in counts])
    finite = known[np.isfinite(known)]
    form = declared or (epoch_of(finite, where) if len(finite) else None)
    form = form or (unit_of(float(np.median(np.abs(finite)))) if len(finite) else DateForm.SECONDS)
    if declared is None and form is DateForm.SECONDS and len(finite) and float(np.median(np.abs(finite))) < _SMALLEST_SECONDS:
        raise _unknown(float(finite[0]), where)
    n = len(known)
    good = np.isfinite(known)
    day = np.full(n, NOT_A_DAY, dtype=np.int32)
    second = np.full(n, NO_TIME, dtype=np.int32)
    if form in ZEROS:
        days = known + ZEROS[form]
        good &= np.abs(days) < 100_000
        if declared is None:
            likely = (days >= EARLIEST) & (days < LATEST) & (known >= SMALLEST)
            if len(finite) - int(likely.sum()) > max(ONE_OR_TWO, FEW_OTHERS * len(finite)) or not likely.any():
                raise _unknown(float(known[good & ~likely][0]), where)
            good &= likely
        day[good] = np.floor(days[good]).astype(np.int32)
        named, zoned = NAMES[form], np.zeros(n, np.bool_)
        if (known[good] % 1.0 != 0.0).any():
            second[good] = np.round((known[good] % 1.0) * 86_400).astype(np.int32) % 86_400
    else:
        units = np.full(n, PER_DAY[form], np.float64) if declared is not None else _units(known, form)
        days = known / units
        good &= np.abs(days) < 100_000  # 1696 to 2243: beyond, the border says what is wrong
        whole = np.floor(days[good] + 1e-9)
        day[good] = whole.astype(np.int32)
        second[good] = np.clip(np.round((days[good] - whole) * 86_400), 0, 86_399).astype(np.int32)
        units_found = [each for each in PER_DAY if (units[good] == PER_DAY[each]).any()]
        named, zoned = f"{' and '.join(units_found) or form} since 1970 (UTC)", good.copy()
    return Instants(day, second, zoned, np.zeros(n, np.int32), named)


def _units(known: Floats, form: DateForm) -> Floats:
    """Units a day of each count, shape (n,); most are in `form`.

    Binance went over to microseconds in 2025, others from seconds to milliseconds. Milliseconds of January 1970 are seconds of
    later years as well: they are seconds if many of them make one day.
    """
    units = np.full(len(known), PER_DAY[form], np.float64)
    for scale, each in enumerate(PER_DAY):
        if PER_DAY[each] > PER_DAY[form]:
            is_other = np.nan_to_num(np.abs(known)) >= 1e8 * 1000.0**scale
        else:
            is_other = (known >= _SMALLEST_SECONDS * 1000.0**scale) & (known < _LARGEST_SECONDS * 1000.0**scale)
            distinct = np.unique(known[is_other])
            days = len(np.unique(np.floor(distinct / PER_DAY[form])))
            if PER_DAY[each] == PER_DAY[form] or ONE_OR_TWO * days > max(ONE_OR_TWO, len(distinct)):
                continue
        units[is_other] = PER_DAY[each]
    return units


def _unknown(count: float, where: str) -> SourceError:
    return SourceError(
        f"{where}: {count:.15g} is not a date that is known, nor seconds since 1970 or days since 1900; write dates as "
        f"2024-01-31, or say what it counts: --read-as dates=excel or --read-as dates=seconds"
    )
