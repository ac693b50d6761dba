"""A CSV or Parquet file as columns of bars, whatever its types: days as numbers, prices as floats, NaN where there is none."""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from errors import SourceError
from producers.columns import find_columns
from records import Days, Floats, day_number

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet", ".pq")
#: Stands in a day column where the text was no date.
NOT_A_DAY: Final = np.iinfo(np.int32).min
_VALUES: Final = ("open", "high", "low", "close", "volume", "adjusted_close", "dividend")
#: `$1,234.50` and `1,234,567`, as some exchanges' downloads have them. A lone comma may be a decimal one: not taken.
_WITH_THOUSANDS: Final = re.compile(r"\$?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")


@dataclass(frozen=True, slots=True, eq=False)
class BarTable:
    """Bars of one or many tickers, as they stand in a file, columns of one length n.

    `ticker` holds row → index into `names`; None when the file has no such column. `values` has float64 columns under
    our names. `malformed` are the lines of a CSV that have too many or too few fields. `written` is when the file was last
    written, UTC.
    """

    day: Days
    day_source: pa.ChunkedArray
    names: list[str]
    ticker: NDArray[np.int32] | None
    values: dict[str, Floats]
    malformed: list[str]
    written: dt.datetime

    def __len__(self) -> int:
        return len(self.day)

    def day_text(self, row: int) -> str:
        """What stood in the date column."""
        return str(self.day_source[row].as_py())

    def ticker_text(self, row: int) -> str:
        """What stood in the ticker column."""
        return "" if self.ticker is None else self.names[self.ticker[row]]


def read_table(path: Path) -> BarTable:
    """The bars in a file. SourceError when it is none of SUFFIXES, cannot be read, is empty or lacks a column."""
    malformed: list[str] = []
    if not path.name.endswith(SUFFIXES):
        raise SourceError(f"{path}: its ending is none of {', '.join(SUFFIXES)}, so its format is unknown")
    try:
        # Before the bars: if they change meanwhile, the next reading knows of it.
        written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        table = _read_csv(path, malformed) if path.name.endswith((".csv", ".csv.gz")) else _read_parquet(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(f"{path}: cannot be read as {_kind(path)}: {reason:.300}") from error
    if len(table) == 0:
        raise SourceError(f"{path}: has no bars; a header and at least one row are needed")
    day_source = table["date"]
    names, tickers = _tickers(table["ticker"]) if "ticker" in table.column_names else ([], None)
    values = {name: _floats(table[name]) for name in _VALUES if name in table.column_names}
    return BarTable(_days(day_source), day_source, names, tickers, values, malformed, written)


def _kind(path: Path) -> str:
    return "CSV" if path.name.endswith((".csv", ".csv.gz")) else "Parquet"


def _read_csv(path: Path, malformed: list[str]) -> pa.Table:
    def skip(row: pa.csv.InvalidRow) -> str:
        malformed.append(row.text)
        return "skip"

    found = _header(path)
    chosen = find_columns(found, where=str(path))
    # All as text first: one "n/a" in a million numbers must cost its own bar and not the file, and a ticker may be called NA.
    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False),
        parse_options=pa.csv.ParseOptions(invalid_row_handler=skip),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(found, pa.string()), include_columns=list(chosen.values()), strings_can_be_null=False
        ),
    )
    return table.rename_columns(list(chosen))


def _header(path: Path) -> list[str]:
    with pa.input_stream(str(path), compression="detect") as stream:
        first, newline, rest = stream.read(1 << 16).partition(b"\n")
    if not (newline and rest.strip()):
        raise SourceError(f"{path}: has no bars; a header and at least one row are needed")
    line = first.decode("utf-8-sig").rstrip("\r")
    found = next(csv.reader([line]))
    if len(found) == 1 and (other := next((mark for mark in ";\t|" if mark in line), None)):
        raise SourceError(f"{path}: its columns are separated by {other!r}; save it with commas, and decimal points")
    return found


def _read_parquet(path: Path) -> pa.Table:
    with pa.parquet.ParquetFile(path) as file:
        chosen = find_columns(file.schema_arrow.names, where=str(path))
        return file.read(columns=list(chosen.values())).select(list(chosen.values())).rename_columns(list(chosen))


def _tickers(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct names and, for each row, the index of its own; a missing one is the empty name."""
    names, index = _encoded(column)
    return [name or "" for name in names], index


def _days(column: pa.ChunkedArray) -> Days:
    """Day numbers: of timestamps with a time zone the date that the clocks there showed."""
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            column = pc.local_timestamp(column)
        column = pc.floor_temporal(column, unit="day").cast(pa.date32())
    if pa.types.is_date(column.type):
        return _numpy(column.cast(pa.date32()).cast(pa.int32()), NOT_A_DAY)
    texts, index = _encoded(column)  # few dates in many rows
    days: Days = np.array([NOT_A_DAY if text is None else _day_of(text) for text in texts], dtype=np.int32)
    return days[index]


def _encoded(column: pa.ChunkedArray) -> tuple[list[str | None], NDArray[np.int32]]:
    encoded = pc.dictionary_encode(column.cast(pa.string()), null_encoding="encode").unify_dictionaries().combine_chunks()
    return encoded.dictionary.to_pylist(), _numpy(encoded.indices, 0)


def _numpy(column: pa.ChunkedArray | pa.Array, missing: float) -> NDArray[Any]:
    """The column's values, `missing` where there is none.

    Made by hand because pyarrow's own `fill_null` and `to_numpy` import pandas, which costs a second and 50 MB.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = np.from_dlpack(pa.Array.from_buffers(array.type, len(array), [None, array.buffers()[1]], 0, array.offset))
    if not array.null_count:
        return values
    return np.where(np.from_dlpack(array.is_null().cast(pa.int8())) == 1, np.asarray(missing, values.dtype), values)


def _day_of(text: str) -> int:
    """Day number of `2024-01-31`, of `20240131`, or of a time that begins with one of them; NOT_A_DAY for anything else.

    With a zone behind it, a written time is the zone's own: its first ten characters are the date there.
    """
    match = re.match(r"\s*(\d{4})-(\d\d)-(\d\d)(?=$|[ T])", text) or re.fullmatch(r"\s*(\d{4})(\d\d)(\d\d)(?:\.0)?\s*", text)
    if match is None:
        return NOT_A_DAY
    try:
        return day_number(dt.date(*(int(part) for part in match.groups())))
    except ValueError:
        return NOT_A_DAY


def _floats(column: pa.ChunkedArray) -> Floats:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            return np.array([_number(text) for text in column.to_pylist()], dtype=np.float64)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    return _numpy(column, np.nan)


def _number(text: str | None) -> float:
    text = (text or "").strip()
    try:
        return float(text)
    except ValueError:
        return float(text.replace(",", "").lstrip("$")) if _WITH_THOUSANDS.fullmatch(text) else float("nan")
