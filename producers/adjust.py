"""Prices made comparable over time from a vendor's adjusted close."""

from __future__ import annotations

from typing import Final

import numpy as np

from records import PRICE_COLUMNS, Floats
from records.ratios import simple_ratio

#: A jump of the adjustment factor by this much or more may be a split; dividends, even extraordinary dividends, are smaller.
SMALLEST_SPLIT: Final = 1.4
#: Vendors round to the cent, and a dividend may fall on the day of a split.
SPLIT_TOLERANCE: Final = 0.01


def adjust_by_close(columns: dict[str, Floats]) -> dict[str, Floats]:
    """Prices × adjusted close / close, and volume ÷ the splits that this factor shows.

    The method is that of the Center for Research in Security Prices: a factor of the close applies to the whole bar. The factor
    mixes splits and dividends; a jump of at least SMALLEST_SPLIT within SPLIT_TOLERANCE of a simple ratio (2:1, 3:2, 1:10, …)
    is taken for a split, and only those change the volume. `dividend` is left out: it is in the prices now. Columns
    are of one ticker, dates rising; NaN stays NaN.
    """
    factor = columns["adjusted_close"] / columns["close"]
    prices = {name: columns[name] * factor for name in PRICE_COLUMNS}
    return prices | {"close": columns["adjusted_close"], "volume": columns["volume"] * _later_splits(factor)}


def _later_splits(factor: Floats) -> Floats:
    """For each bar the product of the splits after it, shape (n,)."""
    known = np.flatnonzero(np.isfinite(factor) & (factor > 0))
    product = np.ones(len(factor))
    jumps = factor[known[1:]] / factor[known[:-1]]
    for at in np.flatnonzero((jumps >= SMALLEST_SPLIT) | (jumps <= 1 / SMALLEST_SPLIT)):
        product[: known[at + 1]] *= _split(float(jumps[at]))
    return product


def _split(jump: float) -> float:
    """The simple ratio that a jump of the factor is, or 1."""
    ratio = simple_ratio(jump, largest_denominator=4, tolerance=SPLIT_TOLERANCE)
    return 1.0 if ratio is None else float(ratio)
