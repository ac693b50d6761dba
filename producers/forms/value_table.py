"""Rows of values, from JSON and workbooks, as a table: the form is recognised as that of a text, and numbers stay numbers.

A JSON number has a decimal point and no sign between thousands: `1.234` is never 1234. Only numbers that are written as texts
are read as texts.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from producers.forms.declared import Declared
from producers.forms.footers import Remark, kind_of_line
from producers.forms.layout import Layout
from producers.forms.numbers import cleaned, may_be_thousands
from producers.forms.sheet import HEAD_LINES, find_sheet
from producers.forms.text_table import TextTable, layout_of, totals_above

Row = Sequence[Any]
#: Blank rows are left out so far.
_HEAD_ROWS: Final = 400
#: Fields whose column holds texts, whatever the values are.
_TEXTS: Final = ("date", "time", "ticker", "currency")


def read_values(rows: Sequence[Row], declared: Declared, *, where: str) -> TextTable:
    """The table in these rows. SourceError says what is not known of the form, and how to declare it."""
    rows = [*(row for row in rows[:_HEAD_ROWS] if any(map(_text, row))), *rows[_HEAD_ROWS:]]
    sheet = find_sheet([_line(row) for row in rows[:HEAD_LINES]], declared="comma", where=where)
    layout = layout_of(sheet, declared, where=where)
    below = rows[sheet.first :]
    is_whole = set(map(len, below)) == {sheet.width}
    bars = below if is_whole else [row for row in below if len(row) == sheet.width]
    texts = {at for ours, at in layout.columns.items() if ours in _TEXTS}
    columns = {str(at): _column(values, is_text=at in texts) for at, values in enumerate(zip(*bars, strict=True))}
    malformed: list[str] = []
    remarks = totals_above(sheet)
    for row in () if is_whole else below:
        if len(row) != sheet.width:
            _sort_out(row, layout, malformed, remarks)
    return TextTable(pa.table(columns), layout, sheet, "UTF-8", malformed, remarks)


def _sort_out(row: Row, layout: Layout, malformed: list[str], remarks: list[Remark]) -> None:
    kind = kind_of_line([_text(value) for value in row], layout.columns["date"])
    if kind is None:
        malformed.append(_line(row))
    else:
        remarks.append(Remark(kind, _line(row)))


def _column(values: Sequence[Any], *, is_text: bool) -> pa.Array:
    """Numbers as float64, null for a placeholder in place of one; else texts."""
    kinds = set(map(type, values))
    if not is_text and kinds <= {int, float, str, type(None)} and kinds & {int, float}:
        numbers = [_number(value) for value in values] if str in kinds else values
        if str not in kinds or str not in set(map(type, numbers)):
            try:
                return pa.array(numbers, pa.float64())
            except pa.ArrowInvalid:  # an integer with more digits than a float has
                pass
    return pa.array(values if kinds == {str} else map(_text, values), pa.string(), size=len(values))


def _number(value: Any) -> Any:
    """The value, None for a placeholder."""
    return None if isinstance(value, str) and not cleaned(value) else value


def _line(row: Row) -> str:
    """A row as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([" ".join(_text(value).split("\n")) for value in row])
    return text.getvalue()


def _text(value: Any) -> str:
    """A value as it stands in a text. Numbers show that their point is decimal: `1.2340`."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return f"{value!r}0" if may_be_thousands(repr(value)) else repr(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
