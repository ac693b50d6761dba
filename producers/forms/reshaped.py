"""Tables of another shape as rows of bars: dates in three columns, long tables (a row for each value), Datastream's codes.

They are tried only where no row has a date and prices under a header that is known.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from producers.forms.containers import ARROW, ARROW_STREAM, PARQUET
from producers.forms.datastream import of_codes
from producers.forms.declared import Declared
from producers.forms.encoding import decoded
from producers.forms.footers import another_table
from producers.forms.long_table import has_values, of_values
from producers.forms.sheet import HEAD_LINES, SIGNS
from producers.forms.text_table import TextTable
from producers.forms.three_columns import has_three_columns, of_three_columns
from producers.forms.titles import is_title
from producers.forms.value_table import read_values

Row = Sequence[Any]
#: Rows and their file's name → the rows of bars and what was done to get them; None for another shape.
Shape = Callable[[Sequence[Row], str], tuple[list[Row], str] | None]
#: Of a row of bars or values; titles have fewer.
_FEWEST_CELLS: Final = 3
_SHAPES: Final[tuple[Shape, ...]] = (of_three_columns, of_values, of_codes)


@dataclass(frozen=True, slots=True)
class Reshaped:
    """The table of bars, and what was done to its rows."""

    table: TextTable
    said: str


def reshaped(content: bytes | Sequence[Row], declared: Declared, *, where: str) -> Reshaped | None:
    """The bars of a text or of rows in another shape; None if they are in none. SourceError if they have two readings."""
    for sign, rows in _rows(content, declared, where):
        said: list[str] = []
        bars = rows
        for shape in _SHAPES:
            found = shape(bars, where)
            if found is not None:
                bars, words = found
                said.append(words)
        if said:
            _check_one_table(rows, where)
            table = read_values(bars, declared, where=where)
            return Reshaped(replace(table, sheet=replace(table.sheet, sign=sign)), ", ".join(said))
    return None


def _check_one_table(rows: Sequence[Row], where: str) -> None:
    """SourceError if a row among the others begins another table: it is a ticker, or gives one."""
    filled = [[str(cell).strip() for cell in row if cell is not None and str(cell).strip()] for row in rows]
    wide = [at for at, cells in enumerate(filled) if len(cells) >= _FEWEST_CELLS]
    for cells in filled[wide[1] : wide[-1]] if len(wide) > 1 else ():
        if 0 < len(cells) < _FEWEST_CELLS and is_title(",".join(cells)):
            raise another_table(",".join(cells), where)


def _rows(content: bytes | Sequence[Row], declared: Declared, where: str) -> Iterator[tuple[str, Sequence[Row]]]:
    """The rows under each sign between columns that stands in a text's first lines."""
    if not isinstance(content, bytes):
        yield ",", content
    elif content.startswith((PARQUET, ARROW, ARROW_STREAM)):
        yield ",", _rows_of_arrow(content)
    else:
        yield from _rows_of_text(content, declared, where)


def _rows_of_text(content: bytes, declared: Declared, where: str) -> Iterator[tuple[str, Sequence[Row]]]:
    text, _ = decoded(content, declared=declared.encoding, where=where)
    lines = [line for line in text.lstrip("\ufeff").split("\n") if line.strip()]
    for sign, name in SIGNS.items():
        if sign != " " and declared.delimiter in (None, name) and any(sign in line for line in lines[:HEAD_LINES]):
            try:
                rows = list(csv.reader(lines, delimiter=sign))
            except csv.Error:  # a quotation mark that nothing closes: the first reader has said what the text lacks
                continue
            yield sign, rows


def _rows_of_arrow(content: bytes) -> list[Row]:
    """Names and rows if the names may be those of another shape, since many rows take seconds. Empty for a broken file."""
    try:
        if content.startswith(PARQUET):
            table = pa.parquet.read_table(pa.BufferReader(content))
        else:
            opened = pa.ipc.open_file if content.startswith(ARROW) else pa.ipc.open_stream
            with opened(pa.BufferReader(content)) as file:
                table = file.read_all()
    except (OSError, pa.ArrowException):  # the reader of such files has said so
        return []
    names = table.column_names
    if not (has_three_columns(names) or has_values(names)):
        return [names]
    # As texts: pyarrow's own moments would import pandas.
    columns = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in table.columns]
    return [names, *zip(*(column.to_pylist() for column in columns), strict=True)]
