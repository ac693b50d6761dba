"""Dates in three columns, a year, a month and a day in any order: as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from errors import SourceError
from producers.forms.counts import FEW_OTHERS, ONE_OR_TWO
from producers.forms.months import is_month
from producers.forms.sheet import HEAD_LINES
from producers.forms.vocabulary import field_of, plain

Row = Sequence[Any]
_YEARS: Final = """
    year yyyy yr y tradeyear dateyear Jahr Année Año Anno Ano Rok Год Рік 年 年份 연도 년 Yıl År Jaar Vuosi Év Έτος
    שנה السنة ปี Năm Tahun Anul Aasta Godina"""
_MONTHS: Final = """
    month mm mo m trademonth datemonth Monat Mois Mes Mês Mese Miesiąc Месяц Місяць 月 月份 월 Ay Måned Månad
    Maand Kuukausi Hónap Μήνας חודש الشهر เดือน Tháng Bulan Luna Měsíc Kuu Mjesec"""
_DAYS: Final = """
    day dd dy d tradeday dateday dayofmonth mday Tag Jour Día Dia Giorno Dzień День Число 日 일 Gün Dag Päivä
    Nap Ημέρα יום اليوم วันที่ Ngày Hari Ziua Zi Den Päev Dan"""
_WORDS: Final = tuple(frozenset(map(plain, words.split())) for words in (_YEARS, _MONTHS, _DAYS))
_WHOLE: Final = re.compile(r"(\d{1,4})(?:\.0+)?")
_FEWEST_NAMES: Final = 5
_LAST_CENTURY: Final = 70


def of_three_columns(rows: Sequence[Row], where: str) -> tuple[list[Row], str] | None:
    """The rows with their dates in one column, the first; None without three such columns below a header.

    SourceError if the three make no dates: they may be under each other's names.
    """
    found = [(at, columns) for at, row in enumerate(rows[:HEAD_LINES]) if (columns := _columns(row)) is not None]
    if not found:
        return None
    at, columns = found[0]
    header = list(rows[at])
    others = [i for i in range(len(header)) if i not in columns]
    bars: list[Row] = []
    faults: list[str] = []
    for row in rows[at + 1 :]:
        if len(row) <= max(columns):
            bars.append(row)
            continue
        parts = [_text(row[i]) for i in columns]
        date = _date(*parts)
        if date is None and any(parts):
            faults.append(", ".join(parts))
        bars.append([date or " ".join(filter(None, parts)), *(row[i] for i in others if i < len(row))])
    named = [str(header[i]).strip() for i in columns]
    if len(faults) > max(ONE_OR_TWO, FEW_OTHERS * len(bars)):
        raise SourceError(
            f"{where}: columns {', '.join(map(repr, named))} make no date in {len(faults):,} rows, as {faults[0]!r}; are they "
            f"under each other's names? Write dates in one column, as 2024-01-31"
        )
    return [*rows[:at], ["date", *(header[i] for i in others)], *bars], f"dates from columns {', '.join(map(repr, named))}"


def has_three_columns(names: Sequence[str]) -> bool:
    """Whether these are names of columns with a year, a month and a day."""
    return _columns(names) is not None


def _columns(row: Row) -> tuple[int, ...] | None:
    """The columns of year, month and day; None if they are not there once each, or a column holds whole dates."""
    names = [plain(str(cell)) for cell in row]
    if len(names) < _FEWEST_NAMES:
        return None
    found = [[at for at, name in enumerate(names) if name in words] for words in _WORDS]
    if any(len(each) != 1 for each in found):
        return None
    columns = tuple(each[0] for each in found)
    has_dates = any(field_of(str(cell)) == "date" for at, cell in enumerate(row) if at not in columns)
    return None if has_dates else columns


def _date(year: str, month: str, day: str) -> str | None:
    """One date's text; None if the three make none by their size."""
    of_year, of_day, of_month = _WHOLE.fullmatch(year), _WHOLE.fullmatch(day), _WHOLE.fullmatch(month)
    if of_year is None or of_day is None or not 1 <= int(of_day[1]) <= 31:
        return None
    years = of_year[1]
    if len(years) <= 2:
        years = str(int(years) + (2000 if int(years) < _LAST_CENTURY else 1900))
    if of_month is None:
        return f"{int(of_day[1])} {month.strip('. ')} {years}" if is_month(month) else None
    return f"{years}-{int(of_month[1]):02d}-{int(of_day[1]):02d}" if 1 <= int(of_month[1]) <= 12 else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
