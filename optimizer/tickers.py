"""From what people put into ticker files to symbols as Yahoo and the tables write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from errors import RequestError
from records import canonical_ticker, is_ticker
from records.tickers import NOT_TICKERS
from text import shortened

#: Headers of the column that holds the symbols.
_HEADERS: Final = frozenset({"SYMBOL", "SYMBOLS", "TICKER", "TICKERS"})
#: What separates columns; the first that a line contains counts, since `AAPL;0,5` has commas inside its numbers.
_DELIMITERS: Final = "\t;|,"
_BOM_AND_BLANKS: Final = "\ufeff\u200b\xa0 \t\r\n\"'"
_BOM: Final = "\ufeff\u200b"
#: A symbol as lists show it, in capitals: short, unlike names of companies and sectors.
_SYMBOL: Final = re.compile(r"\^?[A-Z][A-Z0-9]{0,5}([.\-=][A-Z0-9]{1,4})?|[0-9]{4,6}\.[A-Z]{1,3}")
#: An index column, a weight, an amount: never a symbol beside other columns.
_NUMBER: Final = re.compile(r"[-+]?[0-9.,'’\s]*%?")
#: Weights and amounts in lines that are lists of symbols, as the warning calls them.
_NUMBERS: Final = "numbers beside symbols in the list"
#: Of a refused line so much is repeated.
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class CleanTickers:
    """`tickers`: canonical symbols, each once, in the order given. `refused`: what is not a symbol, with the reason.

    `warnings`: what else was left out of the list, such as its further columns.
    """

    tickers: tuple[str, ...]
    refused: dict[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    tickers: dict[str, None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unused_columns: dict[str, None] = field(default_factory=dict)

    def take(self, cell: str) -> None:
        symbol = canonical_ticker(cell)
        if not symbol or symbol in NOT_TICKERS:
            return
        if is_ticker(symbol):
            self.tickers[symbol] = None
        else:
            self.refused[cell[:_SHOWN]] = "not a ticker symbol"


def clean_tickers(raw: Iterable[object]) -> CleanTickers:
    """Symbols from the raw lines of a file, as people write them.

    A line may be a symbol, a list of symbols, or a row of a table: quoted cells, commas, semicolons, tabs, index columns,
    weights, names and headers are understood, as are case, BOM, blanks and repeats. With a header (Symbol, Ticker) its column
    holds the symbols, else the column that looks most like symbols.

    Raises RequestError for a single text, whose letters would all be lines.
    """
    if isinstance(raw, str):
        raise RequestError(f"tickers: a list of ticker symbols is needed, not {raw[:60]!r}")
    found = _Found()
    rows: list[list[str]] = []
    for entry in raw:
        if not isinstance(entry, str):
            found.refused[str(entry)[:_SHOWN]] = f"not a text but {type(entry).__name__}"
            continue
        rows += [cells for line in entry.splitlines() if any(cells := _cells(line))]
    header = next((number for number, row in enumerate(rows) if any(cell.upper() in _HEADERS for cell in row)), None)
    if header is not None and len(rows[header]) > 1:
        column = next(n for n, cell in enumerate(rows[header]) if cell.upper() in _HEADERS)
        for row in rows[:header]:
            found.refused[", ".join(cell for cell in row if cell)[:_SHOWN]] = "above the header of the list"
        _take_column(rows[header + 1 :], column, found, rows[header])
    else:
        _take_rows([row for number, row in enumerate(rows) if number != header], found)
    return CleanTickers(tuple(found.tickers), found.refused, _unused_columns(found))


def sanitize_tickers(tickers: Iterable[object]) -> list[str]:
    r"""Canonical symbols of a list of raw symbols, each once, in order; what cannot be a ticker is left out.

    >>> sanitize_tickers(["\ufeffSymbol", "aapl,0.5", "BRK.B", "brk-b", "005930.KS", "", "A B"])
    ['AAPL', 'BRK-B', '005930.KS']
    >>> sanitize_tickers(["AAPL,MSFT,JNJ"]), sanitize_tickers(['1,"XOM","Exxon Mobil, Inc."'])
    (['AAPL', 'MSFT', 'JNJ'], ['XOM'])
    """
    return list(clean_tickers(tickers).tickers)


def require_mostly_tickers(chosen: CleanTickers) -> None:
    """Raise RequestError if more of a list was refused than taken."""
    if len(chosen.refused) > len(chosen.tickers) > 0:
        first = ", ".join(repr(text) for text in list(chosen.refused)[:5])
        more = f" and {len(chosen.refused) - 5} others" if len(chosen.refused) > 5 else ""
        raise RequestError(f"Most of this list are not ticker symbols: {first}{more}. Put one symbol on each line, as in AAPL.")


def _cells(line: str) -> list[str]:
    """The cells of a line, without blanks and quotes around them."""
    text = line.strip(_BOM).strip()
    delimiter = next((sign for sign in _DELIMITERS if sign in _outside_quotes(text)), None)
    if delimiter is None:
        return [text.strip(_BOM_AND_BLANKS)]
    try:
        cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        cells = text.split(delimiter)
    return [cell.strip(_BOM_AND_BLANKS) for cell in cells]


def _outside_quotes(text: str) -> str:
    return "".join(text.split('"')[::2])


def _take_rows(rows: Sequence[list[str]], found: _Found) -> None:
    """Rows without a header: a table if several of several cells are alike in length and hold more than symbols, else lists."""
    wide = [row for row in rows if len(row) > 1]
    symbols = [cell for row in wide for cell in row if _looks_like_symbol(cell)]
    all_symbols = len(symbols) == sum(bool(cell) for row in wide for cell in row) and len(set(symbols)) == len(symbols)
    if len(wide) > 1 and not all_symbols and len({len(row) for row in wide}) == 1:
        _take_column(rows, _symbol_column(wide), found)
        return
    for row in rows:
        if len(row) > 1 and sum(map(_looks_like_symbol, row)) < 2:
            _take_column([row], _symbol_column([row]), found)
            continue
        for cell in row:
            if len(row) == 1 or not _NUMBER.fullmatch(cell):
                found.take(cell)
            else:
                found.unused_columns |= {_NUMBERS: None} if cell else {}


def _take_column(rows: Iterable[list[str]], column: int, found: _Found, names: Sequence[str] = ()) -> None:
    """Take the symbols of a column; `names` are the headers of all columns, if there are any."""
    for row in rows:
        cell = row[column if column < len(row) else 0]
        if len(row) > 1 and cell and _NUMBER.fullmatch(cell):
            found.refused[", ".join(row)[:_SHOWN]] = "a number where a ticker symbol should stand"
        elif not cell and any(row):
            found.refused[", ".join(filter(None, row))[:_SHOWN]] = "no ticker symbol in this line"
        else:
            found.take(cell)
        for number, other in enumerate(row):
            if other and number != column:
                named = number < len(names) and names[number]
                found.unused_columns[repr(names[number][:_SHOWN]) if named else f"number {number + 1}"] = None


def _unused_columns(found: _Found) -> tuple[str, ...]:
    names = [name for name in found.unused_columns if name != _NUMBERS]
    warnings = [f"columns of the list that were not used: {shortened(names)}"] if names else []
    if len(names) < len(found.unused_columns):
        warnings.append(f"{_NUMBERS} were not used")
    return tuple(warnings)


def _symbol_column(rows: Sequence[list[str]]) -> int:
    """The column with the most cells that look like symbols, then with the most different symbols; of equals the first."""

    def score(column: int) -> tuple[int, int, int]:
        cells = [row[column] for row in rows if not _NUMBER.fullmatch(row[column])]
        symbols = [cell for cell in cells if _looks_like_symbol(cell)]
        return len(symbols), len(set(symbols)), sum(is_ticker(canonical_ticker(cell)) for cell in cells)

    return max(range(len(rows[0])), key=lambda column: (*score(column), -column))


def _looks_like_symbol(cell: str) -> bool:
    """Whether this is written as symbols are: short, and all capitals or all small letters."""
    return (
        cell in (cell.upper(), cell.lower()) and _SYMBOL.fullmatch(cell.upper()) is not None and cell.upper() not in NOT_TICKERS
    )
