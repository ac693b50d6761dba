"""Dates as texts: which order of day, month and year, or which count of time, decided once from all values.

`01/02/2024` may be in January or in February: `producers.forms.date_order` decides. A count of time (epoch) has its unit by its
size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.counts import (
    COUNT,
    FEW_OTHERS,
    NO_TIME,
    NOT_A_DAY,
    ONE_OR_TWO,
    PER_DAY,
    Instants,
    check_digits,
    counted,
    unit_of,
)
from producers.forms.date_forms import DateForm
from producers.forms.date_order import Part, date_of_match, of_one_kind, order_of, year_zero
from producers.forms.date_texts import normal, of_digits
from producers.forms.day_counts import ZEROS
from producers.forms.months import is_month, months_of
from records import day_number

#: Fewer than eight digits in front of a point are no date by their form, nor are eight that begin with no year.
SMALL_NUMBER: Final = re.compile(r"(?:[0-9]{1,7}|(?!19|20)[0-9]{8})(?:\.[0-9]*)?")
#: A spreadsheet's counts of days, 1954 to 2118.
_EXCEL_DAYS: Final = (20_000.0, 80_000.0)
#: Characters of the shortest date, `1/2/24`.
_SHORTEST: Final = 6
_TIME: Final = (
    r"(?:[\sT,]*(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
    r"\s*(?P<zone>Z|(?:UTC|GMT)?[+-]\d{2}:?\d{2}|(?:UTC|GMT)?[+-]\d{2}|UTC|GMT)?(?:\s*\[[\w/]+\]|\s+[A-Z]{2,4})?"
    r"|[T ]?(?P<packed>\d{6})(?P<packed_zone>Z)?)?"
)
_WEEKDAY: Final = r"(?:[^\W\d_]{2,}\.?,?\s+)?"
_YEAR_FIRST: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{4}}|1\d{{2}}(?=[-/.年]))\s*[-/.年년]\s*(?P<b>\d{{1,2}})\s*[-/.月월]\s*(?P<c>\d{{1,2}})[日일.]?{_TIME}",
    re.IGNORECASE,
)
_PACKED: Final = re.compile(rf"(?P<a>(?:19|20)\d{{2}})(?P<b>\d{{2}})(?P<c>\d{{2}})(?:\.0)?{_TIME}", re.IGNORECASE)
_YEAR_LAST: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{1,2}})\s*(?P<sign>[-/.])\s*(?P<b>\d{{1,2}})\s*[-/.]\s*(?P<c>\d{{4}}|\d{{1,2}})\.?{_TIME}",
    re.IGNORECASE,
)
_DAY_MONTH: Final = re.compile(
    rf"{_WEEKDAY}(?P<a>\d{{1,2}})(?:st|nd|rd|th|\.|º)?[\s\-/]*(?:de\s+)?(?P<word>[^\W\d_]+)\.?,?[\s\-/]*(?:de\s+)?'?(?P<c>\d{{4}}|\d{{2}})\.?{_TIME}",
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
    return SMALL_NUMBER.fullmatch(text) is None and _can_be_a_date(text)


@lru_cache(maxsize=1 << 14)
def _can_be_a_date(text: str) -> bool:
    text = normal(text)
    if len(text) < _SHORTEST or _parts(text) is not None:
        return len(text) >= _SHORTEST
    if not COUNT.fullmatch(text):
        return False
    form = unit_of(abs(float(text)))
    return form in PER_DAY and 1_800 < float(text) / PER_DAY[form] < 47_500


def read_dates(texts: Sequence[str], *, declared: str | None, where: str, language: str | None = None) -> Instants:
    """All values by one form; `language` is that of their months' names. SourceError if two readings remain."""
    texts = of_digits([normal(text) for text in texts])
    parts = _without_remarks([_parts(text) for text in texts])
    _check_months(texts, parts, where)
    counts = [float(text) if part is None and COUNT.fullmatch(text) else None for text, part in zip(texts, parts, strict=True)]
    counted_texts = sum(c is not None for c in counts)
    if declared in (*PER_DAY, *ZEROS) or sum(p is not None for p in parts) < counted_texts:
        plain_counts = [float(text) if COUNT.fullmatch(text) else None for text in texts]
        check_digits(texts, where)
        return counted(plain_counts, DateForm(declared) if declared else None, where)
    if counted_texts > ONE_OR_TWO:
        _check_counts(texts, counts, parts, where)
    return _written(parts, DateForm(declared) if declared else None, language, where)


def _without_remarks(parts: list[Part | None]) -> list[Part | None]:
    """The dates without those of remarks, as `Stand 01.02.2024`, where most have no word in front."""
    is_worded = [part is not None and part[1] != "word" and part[0][0][0].isalpha() for part in parts]
    if 2 * sum(is_worded) >= len(parts):
        return parts
    return [None if worded else part for part, worded in zip(parts, is_worded, strict=True)]


def _check_counts(texts: Sequence[str], counts: Sequence[float | None], parts: Sequence[Part | None], where: str) -> None:
    """SourceError if many dates are counts of days beside written dates: a spreadsheet took some for its own."""
    found = [
        text for text, count in zip(texts, counts, strict=True) if count is not None and _EXCEL_DAYS[0] < count < _EXCEL_DAYS[1]
    ]
    if len(found) > max(ONE_OR_TWO, FEW_OTHERS * len(texts)):
        written = next(part for part in parts if part is not None)[0][0]
        raise SourceError(
            f"{where}: {written!r} is a date and {found[0]!r} a spreadsheet's count of days: it took some dates for its own, "
            f"perhaps with day and month exchanged; export all dates alike, as 2024-01-31"
        )


def _check_months(texts: Sequence[str], parts: Sequence[Part | None], where: str) -> None:
    """SourceError if many dates have a month's name that is not known: the others may be of another language as well."""
    by_word = (_DAY_MONTH, _MONTH_DAY, _YEAR_WORD)
    unknown = [t for t, part in zip(texts, parts, strict=True) if part is None and any(p.fullmatch(t) for p in by_word)]
    if len(unknown) > max(ONE_OR_TWO, FEW_OTHERS * len(texts)):
        raise SourceError(f"{where}: {unknown[0]!r} has a month's name that is not known; write dates as 2024-01-31")


@lru_cache(maxsize=1 << 14)
def _parts(text: str) -> Part | None:
    """The match and which form it is: ymd, last (year last, undecided), dotted (day first), word."""
    for pattern, kind in ((_YEAR_FIRST, "ymd"), (_PACKED, "ymd"), (_YEAR_LAST, "last")):
        if (match := pattern.fullmatch(text)) is not None:
            return match, "dotted" if kind == "last" and match["sign"] == "." else kind
    for pattern in (_DAY_MONTH, _MONTH_DAY, _YEAR_WORD):
        if (match := pattern.fullmatch(text)) is not None and is_month(match["word"]):
            return match, "word"
    return None


def _written(parts: Sequence[Part | None], declared: DateForm | None, language: str | None, where: str) -> Instants:
    parts = of_one_kind(parts, where)
    order = declared or order_of(parts, where)
    zero = year_zero([match for match, _ in filter(None, parts)], where)
    # Beside other dates that end with the year, dates with points have the day first.
    is_mixed = declared is None and len({kind for _, kind in filter(None, parts)} & {"last", "dotted"}) == 2
    words = {match["word"] for match, kind in filter(None, parts) if kind == "word"}
    months = months_of(words, language=language, where=where) if words else {}
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
            kind_read = "last" if kind == "dotted" and not is_mixed else kind
            day[row] = day_number(date_of_match(match, kind_read, order, months, zero=zero))
        except ValueError:
            continue
        kinds["month by name" if kind == "word" else "year.month.day" if kind == "ymd" else str(order)] = None
        second[row] = _second(match)
        zone = match["zone"] or match["packed_zone"]
        if zone is not None:
            zoned[row], offset[row] = True, _minutes(zone)
    return Instants(day, second, zoned, offset, " and ".join(kinds) or "no known form")


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
    offset = zone.upper().removeprefix("UTC").removeprefix("GMT")
    digits = offset[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if offset[0] == "-" else minutes
