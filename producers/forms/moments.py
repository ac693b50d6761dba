"""A column of dates, and perhaps one of times, as day numbers and times of day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.forms.arrow import as_numpy
from producers.forms.clock import Clock, clock_of
from producers.forms.columns import encoded, iso_days
from producers.forms.counts import NOT_A_DAY
from producers.forms.date_forms import DateForm
from producers.forms.dates import read_dates
from producers.forms.declared import Declared
from records import Days


def days_of_dates(
    dates: pa.ChunkedArray, times: pa.ChunkedArray | None, declared: Declared, where: str
) -> tuple[Days, Clock | None, str | None]:
    """Day numbers as written, the clock's times if there are any, and the form of the dates."""
    if pa.types.is_timestamp(dates.type):
        zone = dates.type.tz
        local = pc.local_timestamp(dates) if zone is not None else dates
        floor = pc.floor_temporal(local, unit="day")
        day = as_numpy(floor.cast(pa.date32()).cast(pa.int32()), NOT_A_DAY)
        # By NumPy: a number of Python's among the arguments makes pyarrow import pandas, a fifth of a second.
        second = as_numpy(pc.subtract(local, floor).cast(pa.duration("ns"), safe=False).cast(pa.int64()), 0) // 1_000_000_000
        utc = np.full(len(day), zone in ("UTC", "+00:00", "Etc/UTC", "GMT"))
        return day, clock_of(second.astype(np.int32), utc, np.zeros(len(day), np.int32)), None
    if pa.types.is_date(dates.type):
        return as_numpy(dates.cast(pa.date32()).cast(pa.int32()), NOT_A_DAY), None, None
    found = iso_days(dates) if times is None and declared.dates in (None, DateForm.YMD) else None
    if found is not None:
        return found, None, DateForm.YMD
    texts, index = encoded(dates)  # few dates in many rows
    read = read_dates([text or "" for text in texts], declared=declared.dates, where=where, language=declared.months)
    second, zoned, offset = read.second[index], read.zoned[index], read.offset[index]
    if times is not None:
        words, at = encoded(times)
        second = np.array([_second(word or "") for word in words], dtype=np.int32)[at]
    return read.day[index], clock_of(second, zoned & (offset == 0), offset), read.form


def _second(text: str) -> int:
    """Seconds since midnight of `09:30`, `09:30:00` or `093000`; 0 for anything else."""
    digits = "".join(letter for letter in text if letter.isdigit())[:6].ljust(6, "0") if ":" in text else text.strip().zfill(6)
    if not (digits.isdigit() and len(digits) == 6):
        return 0
    return int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
