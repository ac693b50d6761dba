"""The ticker that title lines above a table give, as `Security,AAPL US Equity`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from producers.forms.vocabulary import plain
from records import canonical_ticker, is_ticker

#: Title of the key under which a JSON answer holds its rows: a ticker, if the file's name is none.
KEY: Final = "Key"
#: Title of JSON's tables that are parts of one, behind their number.
PARTS: Final = "tables put together by their dates"
_TITLED: Final = frozenset(
    ("security", "symbol", "ticker", "instrument", "ric", "code", "stock", "股票代码", "代码", "证券代码")
)


#: A company with its exchange and symbol in brackets, `Apple Inc. (NASDAQ:AAPL)`.
_LISTED: Final = re.compile(r"\(([A-Z]{2,9}:[A-Z0-9.\-]{1,12})\)")
_EQUITY: Final = re.compile(r"\S+ [A-Z]{2} Equity")


def ticker_of_titles(titles: Sequence[Sequence[str]]) -> str | None:
    """The ticker that a title line gives; None without one."""
    return _titled(titles, _TITLED)


def ticker_of_key(titles: Sequence[Sequence[str]]) -> str | None:
    """The key of a JSON answer's rows if it can be a ticker."""
    return _titled(titles, frozenset({plain(KEY)}))


def is_title(line: str) -> bool:
    """Whether a line is a ticker, or gives one.

    >>> [is_title(line) for line in ("MSFT", "Symbol: MSFT", "KO US Equity,,,", "Closed.", "no trading")]
    [True, True, True, False, False]
    """
    cells = [cell.strip() for cell in re.split(r"[,;\t|]", line) if cell.strip()]
    is_alone = len(cells) == 1 and cells[0] == cells[0].upper() and is_ticker(canonical_ticker(cells[0]))
    return is_alone or ticker_of_titles([cells]) is not None or (len(cells) == 1 and bool(_EQUITY.fullmatch(cells[0])))


def _titled(titles: Sequence[Sequence[str]], words: frozenset[str]) -> str | None:
    for cells in titles:
        filled = [cell.strip() for cell in cells if cell.strip()]
        listed = _LISTED.search(filled[0]) if filled and words is _TITLED else None
        if listed is not None and is_ticker(ticker := canonical_ticker(listed[1])):
            return ticker
        if len(filled) == 1 and re.search(r"[:：]", filled[0]):
            filled = re.split(r"[:：]", filled[0], maxsplit=1)
        if len(filled) == 2 and plain(filled[0]) in words and is_ticker(ticker := canonical_ticker(filled[1])):
            return ticker
    return None
