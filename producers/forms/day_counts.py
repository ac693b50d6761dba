"""Dates as counts of days: from which day they count is found from the weekdays and the first of January, else refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.date_forms import DateForm
from records import Days, Floats, date_of, day_number

#: Kind of count → the day number of its day 0.
ZEROS: Final[Mapping[DateForm, int]] = {
    DateForm.EXCEL: day_number(dt.date(1899, 12, 30)),
    DateForm.EXCEL_1904: day_number(dt.date(1904, 1, 1)),
    DateForm.SAS: day_number(dt.date(1960, 1, 1)),
    DateForm.DAYS: 0,
    DateForm.MATLAB: -719_529,
    DateForm.ORDINAL: -719_163,
}
NAMES: Final[Mapping[DateForm, str]] = {
    DateForm.EXCEL: "days since 1899-12-30 (Excel)",
    DateForm.EXCEL_1904: "days since 1904-01-01 (Excel on old Macs)",
    DateForm.SAS: "days since 1960-01-01 (SAS, Stata)",
    DateForm.DAYS: "days since 1970-01-01",
    DateForm.MATLAB: "days of Matlab's datenum",
    DateForm.ORDINAL: "days since the year 1 (Python's toordinal)",
}
#: Excel's counts from 1982 to 2105: no other count has dates of bars there but Excel's of 1904.
_EXCEL: Final = (30_000, 75_000)
#: Of smaller counts some number rows.
SMALLEST, _LARGEST = 3_650, 800_000
#: Between these days bars are likely to be.
EARLIEST, LATEST = day_number(dt.date(1950, 1, 1)), day_number(dt.date(2100, 1, 1))
#: Days from the median of the counts, in which the bars of a file are.
_FARTHEST: Final = 40_000
_FEWEST_DATES: Final = 20
_SATURDAY: Final = 5


def epoch_of(counts: Floats, where: str) -> DateForm | None:
    """What these counts, at least one, count from; None if they are no counts of days that bars may have.

    SourceError with the readings that remain. One is taken if by it alone the days are Monday to Friday, and no bar is on New
    Year or Christmas. Weeks from Sunday to Thursday, read from another day 0, are Monday to Friday as well; their exchanges are
    open on these days, or on those beside them.
    """
    size = float(np.median(counts))
    if not SMALLEST <= size < _LARGEST:
        return None
    near = counts[(counts >= SMALLEST) & (np.abs(counts - size) < _FARTHEST)]
    days = np.unique(np.floor(near)).astype(np.int32)
    if _EXCEL[0] <= size < _EXCEL[1]:
        excel, mac = (days + ZEROS[each] for each in (DateForm.EXCEL, DateForm.EXCEL_1904))
        if _are_weekdays(excel) or not _are_sessions(mac):
            return DateForm.EXCEL
        readings = [DateForm.EXCEL_1904, DateForm.EXCEL]
    else:
        readings = [form for form in ZEROS if form is not DateForm.EXCEL_1904 and _are_possible(days + ZEROS[form])]
        fitting = [form for form in readings if _are_weekdays(days + ZEROS[form])]
        if len(fitting) == 1 and _are_sessions(days + ZEROS[fitting[0]]):
            return fitting[0]
    if not readings:
        return None
    first = near[0]
    shown = " or ".join(f"{date_of(int(first) + ZEROS[form])}, in {NAMES[form]}," for form in readings)
    said = " or ".join(f"--read-as dates={form}" for form in readings)
    raise SourceError(f"{where}: {first:g} may be {shown} and the weekdays do not leave one reading; say which: {said}")


def _are_possible(days: Days) -> bool:
    return bool(EARLIEST <= float(np.median(days)) < LATEST)


def _are_weekdays(days: Days) -> bool:
    return not bool(((days + 3) % 7 >= _SATURDAY).any())


def _are_sessions(days: Days) -> bool:
    """Whether these are days of sessions, all weekdays among them, over a New Year and a Christmas without a bar."""
    if len(days) < _FEWEST_DATES or not _are_weekdays(days) or len(np.unique(days % 7)) < _SATURDAY:
        return False
    return all(_are_absent(days, month, day) for month, day in ((1, 1), (12, 25)))


def _are_absent(days: Days, month: int, day: int) -> bool:
    """Whether no bar is on this day of any year, though it is a weekday of some."""
    years = range(date_of(int(days[0])).year, date_of(int(days[-1])).year + 1)
    dates = np.array([day_number(dt.date(year, month, day)) for year in years], np.int32)
    within = dates[(dates > days[0]) & (dates < days[-1]) & ((dates + 3) % 7 < _SATURDAY)]
    return len(within) > 0 and not bool(np.isin(within, days).any())
