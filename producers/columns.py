"""Which column of a table means what, under the names that people's files really have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from errors import SourceError

#: Our name → what files call it, letters and digits only, the surest first. The last names of `date` are what pandas writes
#: for an index without a name; they count only where nothing better is there.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "date": ("date", "datetime", "timestamp", "time", "day", "tradingday", "tradedate", "", "unnamed0", "index", "indexlevel0"),
    "ticker": ("ticker", "symbol", "name"),
    "open": ("open", "openprice"),
    "high": ("high", "highprice"),
    "low": ("low", "lowprice"),
    "close": ("close", "closeprice", "closelast"),
    "volume": ("volume", "vol"),
    "adjusted_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    "dividend": ("dividend", "dividends", "dividendamount"),
}
REQUIRED: Final = ("date", "open", "high", "low", "close", "volume")


def find_columns(found: Sequence[str], *, where: str) -> dict[str, str]:
    """Our name → the table's name, for all columns that are there.

    `ticker`, `adjusted_close` and `dividend` may be absent; SourceError says which of the others are.
    """
    words = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in found]
    word_of = {
        ours: word
        for ours, names in _NAMES.items()
        for word in [next((n for n in names if n in words), None)]
        if word is not None
    }
    chosen = {ours: found[words.index(word)] for ours, word in word_of.items()}
    missing = [name for name in REQUIRED if name not in chosen]
    if missing:
        raise SourceError(
            f"{where}: no column for {', '.join(missing)}; needed are {', '.join(REQUIRED)} (and ticker, unless the file is "
            f"named after one), found are {', '.join(map(repr, found)) or 'none'}"
        )
    repeated = [found[at] for at, word in enumerate(words) if word in word_of.values() and words.count(word) > 1]
    if repeated:
        raise SourceError(f"{where}: {', '.join(map(repr, repeated))} mean the same; keep one column of each")
    return chosen
