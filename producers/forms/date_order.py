"""The order of day, month and year in written dates, decided once from all values of a column.

A value above 12 is no month. With points the day stands first, or a year of two digits, as in Korea and Japan. Where several
orders make dates of all values, the dates themselves decide: by their order, then by weekdays. Else the column is refused with
two readings.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.counts import FEW_OTHERS, ONE_OR_TWO
from producers.forms.date_forms import DateForm
from producers.forms.date_texts import TAIWAN_ZERO
from records import Days, date_of, day_number

#: A match and the kind of its date: ymd, last (year last, or of two digits), dotted (the same with points), word.
Part = tuple[re.Match[str], str]
_LAST: Final = ("last", "dotted")
_MONTHS: Final = 12
#: In another order than their own, dates go back at each end of a month.
_IN_ORDER: Final = 0.98
#: Of six days in a row one is at a weekend: dates a month or a year apart, read in another order, do not look like sessions.
_FEWEST_DATES: Final = 6
#: Bars of each session are so many days apart, or fewer.
_DAILY: Final = 3.0
_SATURDAY: Final = 5
#: Where one order has days of one week after another, an order whose dates are years apart is no file of bars.
_A_WEEK: Final = 7
_YEARLY: Final = 300
_FEWEST_YEARS: Final = 3
_END_OF_MONTH: Final = 28
#: Thailand's Buddhist years, 2567 for 2024, and the years of Iran and of the Islamic calendar, 1403 and 1446.
_BUDDHIST: Final = (range(2443, 2644), 543)
_OF_ANOTHER: Final = range(1300, 1500)
#: Years of two digits from here on are of the last century.
_LAST_CENTURY: Final = 70


def of_one_kind(parts: Sequence[Part | None], where: str) -> list[Part | None]:
    """The parts that can be read together: beside dates that end with the year, no others.

    A few others are not read. SourceError for many: a spreadsheet writes `2024-02-01` for the dates that it took for its own,
    with day and month exchanged, and leaves `01/13/2024`.
    """
    kinds = Counter("last" if part[1] in _LAST else "other" for part in parts if part is not None)
    if len(kinds) < 2:
        return list(parts)
    most, fewer = kinds.most_common(2)
    if fewer[1] > max(ONE_OR_TWO, FEW_OTHERS * most[1]):
        examples = {part[1] in _LAST: part[0][0] for part in parts if part is not None}
        raise SourceError(
            f"{where}: {examples[True]!r} and {examples[False]!r} are written in two ways, and day and month may be exchanged "
            f"in one of them, perhaps by a spreadsheet; export all dates alike, as 2024-01-31"
        )
    return [part if part is not None and (part[1] in _LAST) == (most[0] == "last") else None for part in parts]


def order_of(parts: Sequence[Part | None], where: str) -> DateForm:
    """The order in the dates that end with the year or have a year of two digits. SourceError with two readings."""
    undecided = [match for match, kind in filter(None, parts) if kind == "last"]
    dotted = [match for match, kind in filter(None, parts) if kind == "dotted"]
    if not undecided:
        return _order_with_points(dotted, where)
    if len(undecided[0]["c"]) <= 2:
        return _order_of_short_years(undecided, (DateForm.DMY, DateForm.MDY, DateForm.YMD), where)
    day_first = next((m for m in undecided if int(m["a"]) > _MONTHS), None)
    month_first = next((m for m in undecided if int(m["b"]) > _MONTHS), None)
    if day_first is not None and month_first is not None:
        raise SourceError(
            f"{where}: {day_first[0]!r} has the day first and {month_first[0]!r} the month; make them alike, as 2024-01-31"
        )
    if day_first is None and month_first is None and not dotted:
        raise _two_readings(undecided[0], (DateForm.DMY, DateForm.MDY), where)
    return DateForm.MDY if month_first is not None else DateForm.DMY


def _order_with_points(dotted: Sequence[re.Match[str]], where: str) -> DateForm:
    """Never the month first: where it shows, it must be declared."""
    middle_is_day = [match for match in dotted if int(match["b"]) > _MONTHS >= int(match["a"])]
    if len(middle_is_day) > max(ONE_OR_TWO, FEW_OTHERS * len(dotted)):
        raise SourceError(
            f"{where}: {middle_is_day[0][0]!r} has no month in its middle; "
            f"if the month is first: --read-as dates={DateForm.MDY}"
        )
    if not dotted or any(len(match["c"]) > 2 for match in dotted):
        return DateForm.DMY
    return _order_of_short_years(dotted, (DateForm.DMY, DateForm.YMD), where)


def _order_of_short_years(matches: Sequence[re.Match[str]], orders: Sequence[DateForm], where: str) -> DateForm:
    """Of dates with years of two digits: the order that makes dates of all; if several do, what the dates say."""
    read: dict[DateForm, Days] = {}
    for order in orders:
        days = [day for match in matches if (day := _day_in_order(match, order)) is not None]
        if len(days) >= (1 - FEW_OTHERS) * len(matches):
            read[order] = np.array(days, dtype=np.int32)
    if not read:
        raise SourceError(f"{where}: {matches[0][0]!r} and the others fit no order of day and month; write dates as 2024-01-31")
    left = list(read)
    if len(left) > 1:
        left = [order for order in left if _are_sorted(read[order])] or left
    if any(_longest_gap(read[order]) <= _A_WEEK for order in left):
        left = [order for order in left if not _are_years_apart(read[order])] or left
    if len(left) > 1:
        left = [o for o in left if _are_sessions(read[o]) and all(p == o or _has_weekends(read[p]) for p in left)] or left
    if len(left) == 1:
        return left[0]
    first, second = left[:2]
    raise _two_readings(matches[0], (first, second), where)


def _day_in_order(match: re.Match[str], order: DateForm) -> int | None:
    try:
        return day_number(date_of_match(match, "last", order, {}))
    except ValueError:
        return None


def _are_sorted(days: Days) -> bool:
    steps = np.sign(np.diff(days))
    return len(steps) > 0 and max(int((steps > 0).sum()), int((steps < 0).sum())) >= _IN_ORDER * len(steps)


def _longest_gap(days: Days) -> float:
    return float(np.diff(np.unique(days)).max(initial=0)) or math.inf


def _are_years_apart(days: Days) -> bool:
    """Whether these are days of different years, and no ends of months, which yearly bars may have."""
    distinct = np.unique(days)
    if len(distinct) < _FEWEST_YEARS or int(np.diff(distinct).min()) < _YEARLY:
        return False
    return any(date_of(day).day < _END_OF_MONTH for day in distinct)


def _are_sessions(days: Days) -> bool:
    """Whether these are days of one session each, none of them at a weekend."""
    distinct = np.unique(days)
    if len(distinct) < _FEWEST_DATES or float(np.median(np.diff(distinct))) > _DAILY:
        return False
    return not _has_weekends(distinct)


def _has_weekends(days: Days) -> bool:
    return bool(((days.astype(np.int64) + 3) % 7 >= _SATURDAY).any())


def _two_readings(match: re.Match[str], orders: tuple[DateForm, DateForm], where: str) -> SourceError:
    first, second = orders
    return SourceError(
        f"{where}: {match[0]!r} may be {_shown(match, first)} or {_shown(match, second)}; "
        f"say which: --read-as dates={first} or --read-as dates={second}"
    )


def _shown(match: re.Match[str], order: DateForm) -> str:
    day = _day_in_order(match, order)
    return f"of the order {order}" if day is None else str(date_of_match(match, "last", order, {}))


def year_zero(matches: Sequence[re.Match[str]], where: str) -> int:
    """What the years of most dates have above ours: 543 of Buddhist years, else 0.

    SourceError for years of a calendar with other months, and for dates with the day between year and month.
    """
    first = [match for match in matches if match["a"] is not None and len(match["a"]) == 4]
    years = Counter(int(match["a"] if match in first else match["c"] or 0) for match in matches)
    other = sum(count for year, count in years.items() if year in _OF_ANOTHER)
    if 2 * other > len(matches):
        raise SourceError(
            f"{where}: {matches[0][0]!r} has a year of another calendar, as Iran's or the Islamic; write dates as 2024-01-31"
        )
    middle_is_day = [match for match in first if int(match["b"]) > _MONTHS >= int(match["c"])]
    if len(middle_is_day) > max(ONE_OR_TWO, FEW_OTHERS * len(matches)) or (middle_is_day and _are_exchanged(first)):
        raise SourceError(f"{where}: {middle_is_day[0][0]!r} has no month in its middle; write dates as 2024-01-31")
    buddhist = sum(count for year, count in years.items() if year in _BUDDHIST[0])
    return _BUDDHIST[1] if 2 * buddhist > len(matches) else 0


def _are_exchanged(matches: Sequence[re.Match[str]]) -> bool:
    """Whether all are dates, in order, if the day stands between year and month."""
    parts = [(int(match["a"]), int(match["c"]), int(match["b"])) for match in matches]
    return all(month <= _MONTHS for _, month, _ in parts) and parts in (sorted(parts), sorted(parts, reverse=True))


def date_of_match(match: re.Match[str], kind: str, order: DateForm, months: Mapping[str, int], *, zero: int = 0) -> dt.date:
    """The date under this order; `months` are the file's names of months, `zero` is taken from years of four digits.

    ValueError if it is none.
    """
    if kind == "ymd":
        year = int(match["a"])
        return dt.date(year + TAIWAN_ZERO if year < 1000 else year - zero, int(match["b"]), int(match["c"]))
    if order is DateForm.YMD and kind == "last" and len(match["c"]) <= 2:
        return dt.date(_year(match["a"], zero), int(match["b"]), int(match["c"]))
    if kind == "word":
        return dt.date(_year(match["c"], zero), months[match["word"]], int(match["a"]))
    first, second = int(match["a"]), int(match["b"])
    day, month = (second, first) if order is DateForm.MDY and kind == "last" else (first, second)
    return dt.date(_year(match["c"], zero), month, day)


def _year(text: str, zero: int) -> int:
    if len(text) < 2:
        raise ValueError(f"{text} is no year")
    year = int(text)
    return year - zero if len(text) > 2 else year + (2000 if year < _LAST_CENTURY else 1900)
