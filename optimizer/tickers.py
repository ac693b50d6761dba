"""From what people put into ticker files to symbols as Yahoo and the tables write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from errors import RequestError
from records import canonical_ticker, is_ticker
from records.tickers import NOT_TICKERS

#: What separates a symbol from the other columns of its line, as in `AAPL,0.5`.
_COLUMN: Final = re.compile(r"[,;\t|]")
_BOM_AND_BLANKS: Final = "\ufeff\u200b\xa0 \t\r\n\"'"


@dataclass(frozen=True, slots=True)
class CleanTickers:
    """`tickers`: canonical symbols, each once, in the order given. `refused`: what could not be one, with the reason."""

    tickers: tuple[str, ...]
    refused: dict[str, str]


def clean_tickers(raw: Iterable[object]) -> CleanTickers:
    """Symbols from the raw lines of a file: header, further columns, case, BOM, blanks and repeats are dealt with.

    Raises RequestError for a single text, whose letters would all be lines.
    """
    if isinstance(raw, str):
        raise RequestError(f"tickers: a list of ticker symbols is needed, not {raw[:60]!r}")
    tickers: dict[str, None] = {}
    refused: dict[str, str] = {}
    for line in raw:
        if not isinstance(line, str):
            refused[str(line)[:40]] = f"not a text but {type(line).__name__}"
            continue
        first = _COLUMN.split(line.strip(_BOM_AND_BLANKS), maxsplit=1)[0]
        symbol = canonical_ticker(first)
        if not symbol or symbol in NOT_TICKERS:
            continue
        if is_ticker(symbol):
            tickers[symbol] = None
        else:
            refused[symbol[:40]] = "not a ticker symbol"
    return CleanTickers(tuple(tickers), refused)


def sanitize_tickers(tickers: Iterable[object]) -> list[str]:
    r"""Canonical symbols of a list of raw ones, each once, in order; what cannot be a ticker is left out.

    >>> sanitize_tickers(["\ufeffSymbol", "aapl,0.5", "BRK.B", "brk-b", "005930.KS", "", "A B"])
    ['AAPL', 'BRK-B', '005930.KS']
    """
    return list(clean_tickers(tickers).tickers)
