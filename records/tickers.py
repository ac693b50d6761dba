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


#: A class share as its exchange spells it, `BRK.B`. Few letters only: Yahoo knows exchanges by one letter as well, `VOD.L`.
_CLASS_SHARE: Final = re.compile(r"([A-Z]{1,5})\.([A-D])")


def canonical_ticker(text: str) -> str:
    """`text` as Yahoo spells it: no blanks around it, upper case, class shares with a dash.

    Whether the result can be a ticker is for `is_ticker` to say.

    >>> [canonical_ticker(t) for t in (" brk.b ", "005930.ks", "VOD.L", "aapl")]
    ['BRK-B', '005930.KS', 'VOD.L', 'AAPL']
    """
    symbol = text.strip().upper()
    share = _CLASS_SHARE.fullmatch(symbol)
    return f"{share[1]}-{share[2]}" if share else symbol


def is_ticker(text: object) -> bool:
    """Whether `text` is a ticker in its canonical (upper-case) form.

    >>> [is_ticker(t) for t in ("AAPL", "BRK-B", "005930.KS", "aapl", "", "A B", "NAN", None)]
    [True, True, True, False, False, False, False, False]
    """
    return isinstance(text, str) and _TICKER.fullmatch(text) is not None and text not in NOT_TICKERS
