"""The source `file`: a CSV or Parquet file, of many tickers or of the one that it is named after, or a folder of such files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import SourceError
from producers.raw import RawBars
from producers.tables import NOT_A_DAY, SUFFIXES, BarTable, read_table
from records import RejectedBar, canonical_ticker, is_ticker

Rows = NDArray[np.intp]


def read_file(path: Path, tickers: frozenset[str] | None) -> tuple[int, Iterator[RawBars | RejectedBar]]:
    """What a file has of each of `tickers` (None: of all), by name, and before it the number of rows that this is.

    Raises SourceError for a file that is none, or that lacks one of `tickers`.
    """
    table = read_table(path)
    names = _names(table, path)
    missing = (tickers or frozenset()) - {name for name in names if name is not None}
    if missing:
        raise SourceError(f"{path}: has no bars of {_listing(missing)}; it has {_listing(filter(None, names))}")
    rows_of = {
        name: rows for name, rows in _rows_by_name(table, names).items() if name is None or tickers is None or name in tickers
    }
    return sum(map(len, rows_of.values())), _by_ticker(table, rows_of)


def read_folder(folder: Path, tickers: frozenset[str] | None) -> Iterator[RawBars | RejectedBar]:
    """What the files of a folder have, one file a ticker, by name.

    A file that cannot be used is reported as one rejected bar without a date. Raises SourceError at once where the folder holds
    no file of bars, two of one ticker, or none of one of `tickers`.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(SUFFIXES):
            other = files.setdefault(_stem(path), path)
            if other != path:
                raise SourceError(f"{other} and {path} are both of {_stem(path)}; keep one of them")
    if not files:
        raise SourceError(f"{folder}: has no file ending in {', '.join(SUFFIXES)}")
    missing = (tickers or frozenset()) - files.keys()
    if missing:
        raise SourceError(f"{folder}: has no file named after {_listing(missing)}; it has files of {_listing(files)}")
    return _by_file({name: files[name] for name in sorted(files) if tickers is None or name in tickers})


def _by_file(files: dict[str, Path]) -> Iterator[RawBars | RejectedBar]:
    for name, path in files.items():
        try:
            _, found = read_file(path, None)
        except SourceError as error:
            yield RejectedBar(name, "", str(error))
            continue
        for item in found:
            if item.ticker == name or isinstance(item, RejectedBar):
                yield item
            else:
                yield RejectedBar(item.ticker, "", f"{path}: {len(item.day)} bars of another ticker than the file's name says")


def _stem(path: Path) -> str:
    suffix = next(suffix for suffix in reversed(SUFFIXES) if path.name.endswith(suffix))
    return canonical_ticker(path.name.removesuffix(suffix))


def _names(table: BarTable, path: Path) -> list[str | None]:
    """The canonical ticker of each of the table's names, None for what cannot be one; the file's own where it has no column."""
    if table.ticker is not None:
        return [name if is_ticker(name) else None for name in map(canonical_ticker, table.names)]
    name = _stem(path)
    if not is_ticker(name):
        raise SourceError(
            f"{path}: has no column ticker, symbol or name, and its own name is not a ticker; rename it, as AAPL.csv"
        )
    return [name]


def _by_ticker(table: BarTable, rows_of: dict[str | None, Rows]) -> Iterator[RawBars | RejectedBar]:
    for line in table.malformed:
        yield RejectedBar("", line[:40], "a line with another number of fields than the header has")
    for row in rows_of.get(None, np.empty(0, np.intp)).tolist():
        yield RejectedBar(table.ticker_text(row)[:40], table.day_text(row)[:40], "not a ticker")
    for name in sorted(name for name in rows_of if name is not None):
        rows = rows_of[name]
        day = table.day[rows]
        undated = {int(row): table.day_text(int(rows[row])) for row in np.flatnonzero(day == NOT_A_DAY)}
        yield RawBars(name, day, {key: column[rows] for key, column in table.values.items()}, undated, table.written)


def _rows_by_name(table: BarTable, names: list[str | None]) -> dict[str | None, Rows]:
    """The rows of each ticker, in their order; a slice where they stand together."""
    if table.ticker is None:
        return {names[0]: np.arange(len(table))}
    distinct = list(dict.fromkeys(names))  # "aapl" and "AAPL" are one
    code = np.array([distinct.index(name) for name in names])[table.ticker]
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(distinct)))
    return dict(zip(distinct, np.split(order, starts[1:]), strict=True))


def _listing(names: Iterable[str]) -> str:
    shown = sorted(set(names))
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")
