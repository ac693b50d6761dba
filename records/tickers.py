"""What can be a ticker: exchange symbols as Yahoo writes them (`AAPL`, `BRK-B`, `005930.KS`, `^GSPC`, `EURUSD=X`)."""

from __future__ import annotations

import re
from typing import Final

#: Upper-case letters and digits, with `.` before an exchange suffix, `-` before a share class, `^` for an index and `=`
#: for a currency pair. At most 20 characters: the longest real symbols (options apart) have 15.
TICKER_PATTERN: Final = r"^[\^]?[A-Z0-9][A-Z0-9.\-=]{0,19}$"
_TICKER: Final = re.compile(TICKER_PATTERN)

#: Words that stand where a ticker would: headers of ticker files and what tables print for a missing value.
NOT_TICKERS: Final = frozenset({"SYMBOL", "SYMBOLS", "TICKER", "TICKERS", "NAME", "NAN", "NONE", "NULL", "N/A"})


def is_ticker(text: object) -> bool:
    """Whether `text` is a ticker in its canonical (upper-case) form.

    >>> [is_ticker(t) for t in ("AAPL", "BRK-B", "005930.KS", "aapl", "", "A B", "NAN", None)]
    [True, True, True, False, False, False, False, False]
    """
    return isinstance(text, str) and _TICKER.fullmatch(text) is not None and text not in NOT_TICKERS
