"""Tables of JSON under keys that are no symbols, as `2023` or `page1`: parts of one table, by their dates, or refused."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from errors import SourceError
from producers.forms.counts import NOT_A_DAY
from producers.forms.dates import looks_like_a_date, read_dates
from producers.forms.months import is_month
from producers.forms.vocabulary import NAMELESS, field_of, plain
from records import Days, date_of

Row = Sequence[Any]
_PART: Final = re.compile(
    r"(?:pages?|part|teil|seite|chunk|batch|block|bucket|file|sheet|section|data|table|result|response|request|month|year|week|"
    r"quarter)[\s_\-]?\d{1,4}|q[1-4]|(?:19|20)\d{2}[\s_\-]?(?:q[1-4]|h[12]|(?:0[1-9]|1[0-2])(?:-[0-3]\d)?)",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
#: A level that changes by more between two parts is another series'.
_LARGEST_STEP: Final = 2.0


def is_part(key: str, names: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether a single table's key is plainly no symbol: a part's name, or the year of all its dates."""
    return _PART.fullmatch(key) is not None or (_YEAR.fullmatch(key) is not None and _is_of_year(key, _days(names, rows)))


def are_parts(tables: Mapping[str, tuple[Sequence[str], Sequence[Row]]], where: str) -> bool:
    """Whether tables, names and rows by key, are parts of one table, one after the other; False for a table a symbol.

    SourceError if their keys are no symbols and their dates or prices leave a doubt.
    """
    keys = list(tables)
    named = [key for key in keys if _PART.fullmatch(key)]
    are_years = all(map(_YEAR.fullmatch, keys))
    are_counted = all(key.isdigit() for key in keys) and [int(key) for key in keys] in (
        list(range(len(keys))),
        list(range(1, len(keys) + 1)),
    )
    if not named and not are_years and not are_counted and not all(map(is_month, keys)):
        return False
    days = [_days(names, rows) for names, rows in tables.values()]
    if are_years:
        of_years = [_is_of_year(key, of_table) for key, of_table in zip(keys, days, strict=True)]
        if not any(of_years):
            return False  # codes of Taipei or Tokyo
        fault = None if all(of_years) else f"the dates under {keys[of_years.index(False)]!r} are of other years"
    else:
        fault = _fault(days)
    fault = fault or (f"{keys[0]!r} may be a symbol" if named and len(named) < len(keys) else None) or _jump(tables, days)
    if fault is None:
        return True
    if not named and not are_years and not are_counted:
        return False  # MAR and NOV are symbols as well
    shown = ", ".join(map(repr, keys[:3])) + (", …" if len(keys) > 3 else "")
    raise SourceError(
        f"{where}: is JSON with tables under {shown}: parts of one table, or a table for each symbol, and {fault}; "
        f"add a field symbol to each, or save each as a file"
    )


def _fault(days: Sequence[Days | None]) -> str | None:
    """Why the tables are not one behind the other, or one before the other."""
    known = [of_table for of_table in days if of_table is not None and len(of_table)]
    if len(known) < len(days):
        return "not all of their dates are known"
    rises = all(one.max() < other.min() for one, other in itertools.pairwise(known))
    falls = all(one.min() > other.max() for one, other in itertools.pairwise(known))
    return None if rises or falls else "their dates overlap, or are in no order"


def _jump(tables: Mapping[str, tuple[Sequence[str], Sequence[Row]]], days: Sequence[Days | None]) -> str | None:
    """Where the level changes between two parts as between two series."""
    ends: list[tuple[int, int, float, float]] = []
    for (names, rows), of_table in zip(tables.values(), days, strict=True):
        at = next((at for at, name in enumerate(names) if field_of(name) == "close"), None)
        if at is None or of_table is None:
            continue
        first, last = int(of_table.argmin()), int(of_table.argmax())
        ends.append((int(of_table[first]), int(of_table[last]), _price(rows[first][at]), _price(rows[last][at])))
    ends.sort()
    for (_, _, _, before), (day, _, after, _) in itertools.pairwise(ends):
        if before > 0 and after > 0 and not 1 / _LARGEST_STEP < after / before < _LARGEST_STEP:
            return f"the level jumps from {before:g} to {after:g} on {date_of(day)}"
    return None


def _price(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _is_of_year(key: str, days: Days | None) -> bool:
    if days is None or not len(days):
        return False
    return {date_of(days.min()).year, date_of(days.max()).year} == {int(key)}


def _days(names: Sequence[str], rows: Sequence[Row]) -> Days | None:
    """The dates of the rows; None if they are not all known."""
    named = [at for at, name in enumerate(names) if field_of(name) == "date"] or [
        at for at, name in enumerate(names) if plain(name) in NAMELESS
    ]
    at = next(iter(named), None)
    if not names and rows:
        at = next((at for at, value in enumerate(rows[0]) if looks_like_a_date(str(value))), None)
    if at is None or any(len(row) <= at for row in rows):
        return None
    try:
        day = read_dates([str(row[at]) for row in rows], declared=None, where="").day
    except SourceError:
        return None
    return None if (day == NOT_A_DAY).any() else day
