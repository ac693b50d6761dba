"""Whether the columns of prices are what their names say: open and close lie between the low and the high."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from records import Floats
from records.validation import ROUNDING_ABSOLUTE, ROUNDING_RELATIVE

_FEWEST_BARS: Final = 10
#: A vendor's mistakes are fewer; such bars are refused one by one.
_MOST_OUTSIDE: Final = 0.2


def range_fault(values: Mapping[str, Floats]) -> str | None:
    """Why the columns cannot be open, high, low and close; None if they may be."""
    opened, high, low, close = (values[name] for name in ("open", "high", "low", "close"))
    if (low <= np.minimum(opened, close)).all() and (high >= np.maximum(opened, close)).all():
        return None  # the usual case, decided at once
    signed = (close < 0) & ((opened < 0) | (high < 0) | (low < 0))
    if int(signed.sum()) > max(_FEWEST_BARS, _MOST_OUTSIDE * len(close)):
        return (
            f"in {int(signed.sum()):,} of {len(close):,} bars prices are negative: a sign may say how a price moved; write none"
        )
    known = (low > 0) & (high > 0) & (opened > 0) & (close > 0)
    bars = int(known.sum())
    if bars < _FEWEST_BARS:
        return None
    by = np.maximum(ROUNDING_ABSOLUTE, ROUNDING_RELATIVE * high)
    outside = {
        "high lies below the low": known & (high < low),
        "open lies outside low and high": known & (low <= high) & ((opened > high + by) | (opened < low - by)),
        "close lies outside low and high": known & (low <= high) & ((close > high + by) | (close < low - by)),
    }
    what, rows = max(outside.items(), key=lambda item: int(item[1].sum()))
    count = int(rows.sum())
    if count <= _MOST_OUTSIDE * bars:
        return None
    return f"in {count:,} of {bars:,} bars the {what}: the columns are not what their names say"
