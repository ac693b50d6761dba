"""One date's text in the plainest of its spellings: without weekdays and marks, eras and weeks as a year, month and day."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

#: A weekday behind the date, a zone's name in brackets, and the Russian word for year.
_BEHIND: Final = re.compile(
    r"\s*\([^()\d]{1,40}\)$|,\s*(?:星期|周)?[一二三四五六日天]$|\s*г\.?$|(?<=\d{4}),?\s[^\W\d_]{1,10}\.?$", re.IGNORECASE
)
_OTHER_SIGNS: Final = re.compile(r"\d{4}[ _]\d{1,2}[ _]\d{1,2}|\d{1,2}[ _]\d{1,2}[ _]\d{4}")
#: JSON of Microsoft's services.
_OF_SERVICES: Final = re.compile(r"/Date\((\d+)\)/")
#: C's `asctime`: the year behind the time.
_OF_C: Final = re.compile(r"(?:[^\W\d_]{2,}\.? )?([^\W\d_]{3,}\.?) (\d{1,2}) (\d{1,2}:\d{2}:\d{2})(?: [A-Z]{3,4})? (\d{4})")
_WEEK: Final = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
_DAY_OF_YEAR: Final = re.compile(r"((?:19|20)\d{2})[-/](\d{3})")
_MONTH_ALONE: Final = re.compile(r"((?:19|20)\d{2})-(\d{2})")
#: Japan's eras → the year before their first.
_ERAS: Final = {"R": 2018, "令和": 2018, "H": 1988, "平成": 1988}
_OF_ERA: Final = re.compile(r"(R|H|令和|平成)\s*(\d{1,2}|元)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})日?", re.IGNORECASE)
_DIGITS: Final = re.compile(r"\d{6,8}")
_SHORT: Final = re.compile(r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01]){2}\d{2}")
_YEAR_BEHIND: Final = re.compile(r"\d{3,4}(?:19|20)\d{2}")
_OF_TAIWAN: Final = re.compile(r"[01]\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_YEAR_AND_DAY: Final = re.compile(r"(?:19|20)\d{2}[0-3]\d{2}")
#: Taiwan's exchange counts years from 1912: 113/01/31 is in 2024.
TAIWAN_ZERO: Final = 1911


@lru_cache(maxsize=1 << 14)  # the files of a folder have the same dates
def normal(text: str) -> str:
    """The text without what says nothing of the date.

    >>> [normal(text) for text in ("令和6年1月4日", "2024-W01-4", "2024-004", "Thu Jan  4 00:00:00 2024", "04.01.2024 Thu")]
    ['2024-1-4', '2024-01-04', '2024-01-04', '4 Jan 2024 00:00:00', '04.01.2024']
    """
    text = " ".join(unicodedata.normalize("NFKC", text).replace("\u200f", "").strip().strip("\"'=#").split())
    if (match := _OF_SERVICES.fullmatch(text)) is not None:
        return match[1]
    text = _BEHIND.sub("", text).removeprefix("民國").removeprefix("民国")
    if _OTHER_SIGNS.fullmatch(text):
        return re.sub("[ _]", "-", text)
    return _of_other_calendar(text) or text


def _of_other_calendar(text: str) -> str | None:
    if (match := _OF_C.fullmatch(text)) is not None:
        return f"{match[2]} {match[1]} {match[4]} {match[3]}"
    if (match := _OF_ERA.fullmatch(text)) is not None:
        year = 1 if match[2] == "元" else int(match[2])
        return f"{_ERAS[match[1].upper()] + year}-{match[3]}-{match[4]}"
    try:
        if (match := _WEEK.fullmatch(text)) is not None:  # a week alone is its Monday: the distance of the bars shows it
            return str(dt.date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1)))
        if (match := _DAY_OF_YEAR.fullmatch(text)) is not None:
            return str(dt.datetime.strptime(f"{match[1]}{match[2]}", "%Y%j").date())  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
    month = _MONTH_ALONE.fullmatch(text)
    return f"{text}-01" if month is not None and 1 <= int(month[2]) <= 12 else None


def may_be_digits(text: str) -> bool:
    """Whether six to eight digits may be a date, in a column of dates.

    >>> [may_be_digits(text) for text in ("240131", "1130131", "2024031", "31012024", "1012024", "739159", "99999999")]
    [True, True, True, True, True, False, False]
    """
    if _DIGITS.fullmatch(text) is None:
        return False
    return any(pattern.fullmatch(text) is not None for pattern in (_SHORT, _YEAR_BEHIND, _OF_TAIWAN, _YEAR_AND_DAY))


def of_digits(texts: list[str]) -> list[str]:
    """Dates of digits alone with signs between their parts, if all texts are of one such form; else the texts.

    Six digits have a year of two; seven are of Taiwan, or the day of the year behind it, or lack the zero of their first day.
    Of eight digits all but `20240131` are changed.
    """
    if not texts or not all(map(_DIGITS.fullmatch, texts)):
        return texts
    lengths = set(map(len, texts))
    if lengths == {6} and 2 * sum(_SHORT.fullmatch(text) is not None for text in texts) > len(texts):  # no count of days
        return [f"{text[:2]}-{text[2:4]}-{text[4:]}" for text in texts]
    if lengths == {7} and all(map(_OF_TAIWAN.fullmatch, texts)):
        return [f"{int(text[:3]) + TAIWAN_ZERO}-{text[3:5]}-{text[5:]}" for text in texts]
    if lengths == {7} and all(map(_YEAR_AND_DAY.fullmatch, texts)):
        return [normal(f"{text[:4]}-{text[4:]}") for text in texts]
    if lengths <= {7, 8} and all(map(_YEAR_BEHIND.fullmatch, texts)) and not _have_the_year_first(texts):
        texts = [text.zfill(8) for text in texts]
        return [f"{text[:2]}-{text[2:4]}-{text[4:]}" for text in texts]
    return texts


def _have_the_year_first(texts: Sequence[str]) -> bool:
    return all(len(text) == 8 and text[:2] in ("19", "20") and 1 <= int(text[4:6]) <= 12 for text in texts)
