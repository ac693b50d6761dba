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
    plain: dict[str, str] = {}
    for name in found:
        plain.setdefault(re.sub(r"[^a-z0-9]", "", name.lower()), name)
    chosen = {
        ours: plain[theirs]
        for ours, names in _NAMES.items()
        for theirs in [next((n for n in names if n in plain), None)]
        if theirs is not None
    }
    missing = [name for name in REQUIRED if name not in chosen]
    if missing:
        raise SourceError(
            f"{where}: no column for {', '.join(missing)}; needed are {', '.join(REQUIRED)} (and ticker, unless the file is "
            f"named after one), found are {', '.join(map(repr, found)) or 'none'}"
        )
    return chosen
