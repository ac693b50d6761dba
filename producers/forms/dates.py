"""Dates as texts: which order of day, month and year, or which count of time, decided once from all values.

`01/02/2024` may be in January or in February. A value above 12 decides; with dots the day stands first everywhere. If no value
decides, the column is refused with both readings. A count of time (epoch) has its unit by its size.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.counts import (
    COUNT,
    NO_TIME,
    NOT_A_DAY,
    PER_DAY,
    DateForm,
    Instants,
    check_digits,
    counted,
    unit_of,
)
from producers.forms.months import month_of
from records import day_number

_EIGHT_DIGITS: Final = re.compile(r"\d{8}")
#: A larger share of dates that are written otherwise is no mistake in a few rows.
_FEW_OTHERS: Final = 0.02
_ONE_OR_TWO: Final = 2
_MONTHS: Final = 12
#: In another order than their own, dates go back at each end of a month.
_IN_ORDER: Final = 0.98
#: Characters of the shortest date, `1/2/24`.
_SHORTEST: Final = 6
#: Taiwan's exchange counts years from 1912: 113/01/31 is in 2024.
_TAIWAN_ZERO: Final = 1911

#: A match and the kind of its date: ymd, last, dotted or word; None for another text.
_Part = tuple[re.Match[str], str] | None
_TIME: Final = (
    r"(?:[\sT,]*(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?(?:\s*\[[\w/]+\]|\s+[A-Z]{2,4})?|[T ]?(?P<packed>\d{6}))?"
)
_WEEKDAY: Final = r"(?:[^\W\d_]{2,}\.?,?\s+)?"
#: A weekday behind the date, and the Russian word for year.
_BEHIND: Final = re.compile(r"\s*\([^()\d]{1,10}\)$|,\s*(?:星期|周)?[一二三四五六日天]$|\s*г\.?$")
_OTHER_SIGNS: Final = re.compile(r"\d{4}[ _]\d{1,2}[ _]\d{1,2}|\d{1,2}[ _]\d{1,2}[ _]\d{4}")
#: JSON of Microsoft's services.
_OF_SERVICES: Final = re.compile(r"/Date\((\d+)\)/")
_YEAR_FIRST: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{4}}|1\d{{2}}(?=[/年]))\s*[-/.年년]\s*(?P<b>\d{{1,2}})\s*[-/.月월]\s*(?P<c>\d{{1,2}})[日일.]?{_TIME}",
    re.IGNORECASE,
)
_PACKED: Final = re.compile(rf"(?P<a>(?:19|20)\d{{2}})(?P<b>\d{{2}})(?P<c>\d{{2}})(?:\.0)?{_TIME}", re.IGNORECASE)
_YEAR_LAST: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{1,2}})\s*(?P<sign>[-/.])\s*(?P<b>\d{{1,2}})\s*[-/.]\s*(?P<c>\d{{4}}|\d{{2}}){_TIME}", re.IGNORECASE
)
_DAY_MONTH: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{1,2}})(?:st|nd|rd|th|\.|º)?[\s\-/]*(?:de\s+)?(?P<word>[^\W\d_]+)\.?,?[\s\-/]*(?:de\s+)?'?(?P<c>\d{{4}}|\d{{2}}){_TIME}",
    re.IGNORECASE,
)
_MONTH_DAY: Final = re.compile(
    rf"(?:[^\W\d_]{{2,}}\.?,?\s+)??(?P<word>[^\W\d_]+)\.?[\s\-]*(?P<a>\d{{1,2}})(?:st|nd|rd|th)?,?[\s\-]+(?P<c>\d{{4}}){_TIME}",
    re.IGNORECASE,
)
_YEAR_WORD: Final = re.compile(rf"(?P<c>\d{{4}})[\s\-/]*(?P<word>[^\W\d_]+)\.?[\s\-/]*(?P<a>\d{{1,2}}){_TIME}", re.IGNORECASE)


def looks_like_a_date(text: str) -> bool:
    """Whether a text can be a date by its form alone; a count only if it lies between 1975 and 2100.

    >>> [looks_like_a_date(t) for t in ("2024-01-02", "20240102", "1704153600", "2 Jan 2024", "600519", "close", "1.5")]
    [True, True, True, True, False, False, False]
    """
    text = _normal(text)
    if len(text) < _SHORTEST or _parts(text) is not None:
        return len(text) >= _SHORTEST
    if not COUNT.fullmatch(text):
        return False
    form = unit_of(abs(float(text)))
    return form in PER_DAY and 1_800 < float(text) / PER_DAY[form] < 47_500


def read_dates(texts: Sequence[str], *, declared: str | None, where: str) -> Instants:
    """All values by one form. SourceError if two readings remain."""
    normal = _day_first_digits([_normal(text) for text in texts])
    parts = [_parts(text) for text in normal]
    _check_months(normal, parts, where)
    counts = [float(text) if part is None and COUNT.fullmatch(text) else None for text, part in zip(normal, parts, strict=True)]
    if declared in (*PER_DAY, DateForm.EXCEL) or sum(p is not None for p in parts) < sum(c is not None for c in counts):
        plain_counts = [float(text) if COUNT.fullmatch(text) else None for text in normal]
        check_digits(normal, where)
        return counted(plain_counts, DateForm(declared) if declared else None, where)
    return _written(parts, DateForm(declared) if declared else None, where)


def _day_first_digits(texts: list[str]) -> list[str]:
    """`30012024` as `30-01-2024` where not all texts of eight digits have the year first."""
    if not all(map(_EIGHT_DIGITS.fullmatch, texts)) or all(1 <= int(t[4:6]) <= 12 and t[:2] in ("19", "20") for t in texts):
        return texts
    return [f"{text[:2]}-{text[2:4]}-{text[4:]}" for text in texts]


def _check_months(texts: Sequence[str], parts: Sequence[_Part], where: str) -> None:
    """SourceError if many dates have a month's name that is not known: the others may be of another language as well."""
    by_word = (_DAY_MONTH, _MONTH_DAY, _YEAR_WORD)
    unknown = [t for t, part in zip(texts, parts, strict=True) if part is None and any(p.fullmatch(t) for p in by_word)]
    if len(unknown) > max(_ONE_OR_TWO, _FEW_OTHERS * len(texts)):
        raise SourceError(f"{where}: {unknown[0]!r} has a month's name that is not known; write dates as 2024-01-31")


@lru_cache(maxsize=1 << 14)  # the files of a folder have the same dates
def _normal(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).replace("\u200f", "").strip().strip("\"'=#").split())
    if (match := _OF_SERVICES.fullmatch(text)) is not None:
        return match[1]
    text = _BEHIND.sub("", text)
    return re.sub("[ _]", "-", text) if _OTHER_SIGNS.fullmatch(text) else text


@lru_cache(maxsize=1 << 14)
def _parts(text: str) -> _Part:
    """The match and which form it is: ymd, last (year last, undecided), dotted (day first), word."""
    for pattern, kind in ((_YEAR_FIRST, "ymd"), (_PACKED, "ymd"), (_YEAR_LAST, "last")):
        if (match := pattern.fullmatch(text)) is not None:
            return match, "dotted" if kind == "last" and match["sign"] == "." else kind
    for pattern in (_DAY_MONTH, _MONTH_DAY, _YEAR_WORD):
        if (match := pattern.fullmatch(text)) is not None and month_of(match["word"]):
            return match, "word"
    return None


def _written(parts: Sequence[_Part], declared: DateForm | None, where: str) -> Instants:
    parts = _of_one_kind(parts, where)
    order = declared or _order(parts, where)
    n = len(parts)
    day = np.full(n, NOT_A_DAY, dtype=np.int32)
    second = np.full(n, NO_TIME, dtype=np.int32)
    zoned, offset = np.zeros(n, np.bool_), np.zeros(n, np.int32)
    kinds: dict[str, None] = {}
    for row, part in enumerate(parts):
        if part is None:
            continue
        match, kind = part
        try:
            # Dates with points have the day first, unless the order is declared.
            day[row] = day_number(_date(match, "last" if declared and kind == "dotted" else kind, order))
        except ValueError:
            continue
        kinds["month by name" if kind == "word" else "year.month.day" if kind == "ymd" else str(order)] = None
        second[row] = _second(match)
        zone = match["zone"]
        if zone is not None:
            zoned[row], offset[row] = True, _minutes(zone)
    return Instants(day, second, zoned, offset, " and ".join(kinds) or "no known form")


def _of_one_kind(parts: Sequence[_Part], where: str) -> list[tuple[re.Match[str], str] | None]:
    """The parts that can be read together: beside dates that end with the year, no others.

    A few others are not read. SourceError for many: a spreadsheet writes `2024-02-01` for the dates that it took for its own,
    with day and month exchanged, and leaves `01/13/2024`.
    """
    kinds = Counter("last" if part[1] in ("last", "dotted") else "other" for part in parts if part is not None)
    if len(kinds) < 2:
        return list(parts)
    most, fewer = kinds.most_common(2)
    if fewer[1] > max(_ONE_OR_TWO, _FEW_OTHERS * most[1]):
        examples = {part[1] in ("last", "dotted"): part[0][0] for part in parts if part is not None}
        raise SourceError(
            f"{where}: {examples[True]!r} and {examples[False]!r} are written in two ways, and day and month may be exchanged "
            f"in one of them, perhaps by a spreadsheet; export all dates alike, as 2024-01-31"
        )
    return [part if part is not None and (part[1] in ("last", "dotted")) == (most[0] == "last") else None for part in parts]


def _order(parts: Sequence[_Part], where: str) -> DateForm:
    """Day or month first, of the dates that end with the year."""
    undecided = [match for match, kind in filter(None, parts) if kind == "last"]
    dotted = [match for match, kind in filter(None, parts) if kind == "dotted"]
    if not undecided:
        middle_is_day = [match for match in dotted if int(match["b"]) > _MONTHS >= int(match["a"])]
        if len(middle_is_day) > max(_ONE_OR_TWO, _FEW_OTHERS * len(dotted)):
            raise SourceError(
                f"{where}: {middle_is_day[0][0]!r} has no month in its middle; "
                f"if the month is first: --read-as dates={DateForm.MDY}"
            )
        return DateForm.DMY
    if len(undecided[0]["c"]) == 2:
        return _order_of_short_years(undecided, where)
    day_first = next((m for m in undecided if int(m["a"]) > 12), None)
    month_first = next((m for m in undecided if int(m["b"]) > 12), None)
    if day_first is not None and month_first is not None:
        raise SourceError(
            f"{where}: {day_first[0]!r} has the day first and {month_first[0]!r} the month; make them alike, as 2024-01-31"
        )
    if day_first is None and month_first is None and not dotted:
        raise _two_readings(undecided[0], (DateForm.DMY, DateForm.MDY), where)
    return DateForm.MDY if month_first is not None else DateForm.DMY


def _order_of_short_years(matches: Sequence[re.Match[str]], where: str) -> DateForm:
    """Of dates with years of two digits: the order in which all are dates, or, if several are, the only one by date."""
    read: dict[DateForm, np.ndarray] = {}
    for order in (DateForm.DMY, DateForm.MDY, DateForm.YMD):
        days = [day for match in matches if (day := _day_in_order(match, order)) is not None]
        if len(days) >= (1 - _FEW_OTHERS) * len(matches):
            read[order] = np.array(days)
    if not read:
        raise SourceError(f"{where}: {matches[0][0]!r} and the others fit no order of day and month; write dates as 2024-01-31")
    sorted_ones = [order for order, days in read.items() if _are_sorted(days)] if len(read) > 1 else list(read)
    if len(sorted_ones) == 1:
        return sorted_ones[0]
    first, second = [*sorted_ones, *(order for order in read if order not in sorted_ones)][:2]
    raise _two_readings(matches[0], (first, second), where)


def _day_in_order(match: re.Match[str], order: DateForm) -> int | None:
    try:
        return day_number(_date(match, "last", order))
    except ValueError:
        return None


def _are_sorted(days: np.ndarray) -> bool:
    steps = np.sign(np.diff(days))
    return len(steps) > 0 and max(int((steps > 0).sum()), int((steps < 0).sum())) >= _IN_ORDER * len(steps)


def _two_readings(match: re.Match[str], orders: tuple[DateForm, DateForm], where: str) -> SourceError:
    first, second = orders
    return SourceError(
        f"{where}: {match[0]!r} may be {_date(match, 'last', first)} or {_date(match, 'last', second)}; "
        f"say which: --read-as dates={first} or --read-as dates={second}"
    )


def _date(match: re.Match[str], kind: str, order: DateForm) -> dt.date:
    if kind == "ymd":
        year = int(match["a"])
        return dt.date(year + _TAIWAN_ZERO * (year < 1000), int(match["b"]), int(match["c"]))
    if order is DateForm.YMD and kind == "last" and len(match["c"]) == 2:
        return dt.date(2000 + int(match["a"]), int(match["b"]), int(match["c"]))
    year = int(match["c"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    if kind == "word":
        return dt.date(year, month_of(match["word"]) or 0, int(match["a"]))
    first, second = int(match["a"]), int(match["b"])
    return dt.date(year, second, first) if order is not DateForm.MDY or kind == "dotted" else dt.date(year, first, second)


def _second(match: re.Match[str]) -> int:
    if match["packed"] is not None:
        hour, minute, second = (int(match["packed"][at : at + 2]) for at in (0, 2, 4))
    elif match["hour"] is not None:
        hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
        if match["half"] is not None:
            hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    else:
        return NO_TIME
    return (hour * 3600 + minute * 60 + second) % 86_400


def _minutes(zone: str) -> int:
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if zone[0] == "-" else minutes
