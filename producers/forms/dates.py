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
from producers.forms.vocabulary import plain
from records import day_number

#: Characters of the shortest date, `1/2/24`.
_SHORTEST: Final = 6
#: Taiwan's exchange counts years from 1912: 113/01/31 is in 2024.
_TAIWAN_ZERO: Final = 1911
#: Languages' months, January first. Words are compared by their beginning; the longest that fits counts.
MONTHS: Final = tuple(
    """
    jan january janvier januar enero ene gennaio gen januari janeiro sty stycznia янв января oca ocak leden ledna tammi jän
    feb february fevrier fev fevr februar febrero febbraio februari fevereiro lut lutego фев февраля şub şubat únor února helmi
    mar march mars marz märz mrz marzo maart mrt março marca мар марта mart březen maalis mär
    apr april avril avr abril abr aprile kwi kwietnia апр апреля nis nisan duben dubna huhti
    may mai mayo maggio mag mei maio maj maja май мая mayıs květen května touko
    jun june juin juni junio giugno giu junho cze czerwca июн июня haz haziran červen června kesä
    jul july juillet juil juli julio luglio lug julho lip lipca июл июля tem temmuz červenec července heinä
    aug august aout agosto ago augustus augusti sie sierpnia авг августа ağu ağustos srpen srpna elo
    sep sept september septembre septiembre settembre set setembro wrz września сен сентября eyl eylül září syys
    oct october octobre oktober okt octubre ottobre ott outubro out paź października окт октября eki ekim říjen října loka
    nov november novembre noviembre novembro lis listopada ноя ноября kas kasım marras listopad listopadu
    dec december decembre dezember dez diciembre dic dicembre dezembro gru grudnia дек декабря ara aralık prosinec prosince
    joulu
    """.strip().splitlines()
)
_MONTH_OF: Final = {plain(word): month for month, words in reversed([*enumerate(MONTHS, 1)]) for word in words.split()}

_TIME: Final = (
    r"(?:[\sT,]*(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?(?:\s*\[[\w/]+\]|\s+[A-Z]{2,4})?|[T ]?(?P<packed>\d{6}))?"
)
_WEEKDAY: Final = r"(?:[^\W\d_]{2,}\.?,?\s+)?"
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
    normal = [_normal(text) for text in texts]
    parts = [_parts(text) for text in normal]
    counts = [float(text) if part is None and COUNT.fullmatch(text) else None for text, part in zip(normal, parts, strict=True)]
    if declared in (*PER_DAY, DateForm.EXCEL) or sum(p is not None for p in parts) < sum(c is not None for c in counts):
        plain_counts = [float(text) if COUNT.fullmatch(text) else None for text in normal]
        check_digits(normal, where)
        return counted(plain_counts, DateForm(declared) if declared else None, where)
    return _written(parts, DateForm(declared) if declared else None, where)


@lru_cache(maxsize=1 << 14)  # the files of a folder have the same dates
def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("\u200f", "").strip().strip("\"'").split())


@lru_cache(maxsize=1 << 14)
def _parts(text: str) -> tuple[re.Match[str], str] | None:
    """The match and which form it is: ymd, last (year last, undecided), dotted (day first), word."""
    for pattern, kind in ((_YEAR_FIRST, "ymd"), (_PACKED, "ymd"), (_YEAR_LAST, "last")):
        if (match := pattern.fullmatch(text)) is not None:
            return match, "dotted" if kind == "last" and match["sign"] == "." else kind
    for pattern in (_DAY_MONTH, _MONTH_DAY, _YEAR_WORD):
        if (match := pattern.fullmatch(text)) is not None and _month(match["word"]):
            return match, "word"
    return None


def _month(word: str) -> int | None:
    word = plain(word)
    for length in range(len(word), 2, -1):
        if (month := _MONTH_OF.get(word[:length])) is not None:
            return month
    return None


def _written(parts: Sequence[tuple[re.Match[str], str] | None], declared: DateForm | None, where: str) -> Instants:
    parts = _of_one_kind(parts)
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
            day[row] = day_number(_date(match, kind, order))
        except ValueError:
            continue
        kinds["month by name" if kind == "word" else "year.month.day" if kind == "ymd" else str(order)] = None
        second[row] = _second(match)
        zone = match["zone"]
        if zone is not None:
            zoned[row], offset[row] = True, _minutes(zone)
    return Instants(day, second, zoned, offset, " and ".join(kinds) or "no known form")


def _of_one_kind(parts: Sequence[tuple[re.Match[str], str] | None]) -> list[tuple[re.Match[str], str] | None]:
    """The parts of the most frequent kind; a date of another kind among them is not read."""
    kinds = Counter("last" if part[1] == "dotted" else part[1] for part in parts if part is not None)
    most = kinds.most_common(1)[0][0] if kinds else ""
    return [part if part is not None and part[1] in (most, "dotted" if most == "last" else most) else None for part in parts]


def _order(parts: Sequence[tuple[re.Match[str], str] | None], where: str) -> DateForm:
    """Day or month first, of the dates that end with the year."""
    undecided = [match for match, kind in filter(None, parts) if kind == "last"]
    dotted = any(kind == "dotted" for _, kind in filter(None, parts))
    if not undecided:
        return DateForm.DMY
    if len(undecided[0]["c"]) == 2 and len({m["c"] for m in undecided}) > max(12, len({m["a"] for m in undecided})):
        return DateForm.YMD  # 24/01/31: more different days than years
    day_first = next((m for m in undecided if int(m["a"]) > 12), None)
    month_first = next((m for m in undecided if int(m["b"]) > 12), None)
    if day_first is not None and month_first is not None:
        raise SourceError(
            f"{where}: {day_first[0]!r} has the day first and {month_first[0]!r} the month; make them alike, as 2024-01-31"
        )
    if day_first is None and month_first is None and not dotted:
        text = undecided[0][0]
        raise SourceError(
            f"{where}: {text!r} may be {_date(undecided[0], 'last', DateForm.DMY)} or "
            f"{_date(undecided[0], 'last', DateForm.MDY)}; "
            f"say which: --read-as dates=day.month.year or --read-as dates=month.day.year"
        )
    return DateForm.MDY if month_first is not None else DateForm.DMY


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
        return dt.date(year, _month(match["word"]) or 0, int(match["a"]))
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
