"""The ticker that title lines above a table give, as `Security,AAPL US Equity`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from producers.forms.vocabulary import plain
from records import canonical_ticker, is_ticker

#: Title of the key under which a JSON answer holds its rows: a ticker, if the file's name is none.
KEY: Final = "Key"
_TITLED: Final = frozenset(
    ("security", "symbol", "ticker", "instrument", "ric", "code", "stock", "股票代码", "代码", "证券代码")
)


def ticker_of_titles(titles: Sequence[Sequence[str]]) -> str | None:
    """The ticker that a title line gives; None without one."""
    return _titled(titles, _TITLED)


def ticker_of_key(titles: Sequence[Sequence[str]]) -> str | None:
    """The key of a JSON answer's rows if it can be a ticker."""
    return _titled(titles, frozenset({plain(KEY)}))


def _titled(titles: Sequence[Sequence[str]], words: frozenset[str]) -> str | None:
    for cells in titles:
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) == 1 and re.search(r"[:：]", filled[0]):
            filled = re.split(r"[:：]", filled[0], maxsplit=1)
        if len(filled) == 2 and plain(filled[0]) in words and is_ticker(ticker := canonical_ticker(filled[1])):
            return ticker
    return None
