"""How dates are written or counted, under the names of `--read-as dates=`."""

from __future__ import annotations

from enum import StrEnum


class DateForm(StrEnum):
    """The order of a written date, or the unit of a count."""

    YMD = "year.month.day"
    DMY = "day.month.year"
    MDY = "month.day.year"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    EXCEL = "excel"
    EXCEL_1904 = "excel1904"
    SAS = "sas"
    DAYS = "days"
    MATLAB = "matlab"
    ORDINAL = "ordinal"
