"""Detects a restatement: a vendor changed the unit of older prices without reporting a split.

Reported splits (`Bars.split`) do not need this. But vendors report some splits days late or never, and restate prices after
spin-offs. Then the arriving bars overlap the stored bars, and all prices differ by the same factor.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from history.adjustment import SAME_RATIO, Restatement
from records import PRICE_COLUMNS, Bars, Floats
from records.median import median
from records.ratios import simple_ratio

Flags = NDArray[np.bool_]

#: Smaller ratios look like corrections: a day's move is as large.
SMALLEST_RATIO: Final = 1.04
#: How many bars of one batch must agree if volumes do not confirm the ratio.
BARS_WITHOUT_VOLUME: Final = 3
#: Vendors round prices to the cent before and after a restatement.
CENT_ROUNDING: Final = 0.0101
RELATIVE_ROUNDING: Final = 1e-3
_VOLUME_ROUNDING: Final = 0.01
#: Ratios are taken for simple ratios with denominators up to this.
_LARGEST_DENOMINATOR: Final = 20


def find_restatement(old: Bars, old_fetched: Floats, new: Bars, new_fetched: Floats) -> tuple[Restatement, int] | None:
    """The restatement between two editions of the same dates, and the day of the last bar that shows it; None without any.

    Both editions are on the known basis, and `old` was fetched before all of `new`. The day is that of a bar of the newest old
    edition.

    A bar shows a restatement if two things hold. All four old prices are the new prices times one ratio, of at least
    SMALLEST_RATIO (or its inverse). The old volume is the new volume divided by that ratio. If volumes did not change,
    BARS_WITHOUT_VOLUME bars must agree.
    """
    if not len(old) or np.abs(np.log(old.close / new.close)).max() < 0.9 * np.log(SMALLEST_RATIO):
        return None
    logs = np.log(np.stack([getattr(old, name) / getattr(new, name) for name in PRICE_COLUMNS]))
    of_bar = median(logs)
    large = np.abs(of_bar) >= np.log(SMALLEST_RATIO)
    if not large.any():
        return None
    middle = float(median(of_bar[large]))
    agrees: Flags = large & np.all(np.abs(logs - middle) <= _price_slack(old, new), axis=0)
    if not agrees.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # zero or tiny volumes
        volume = np.log(new.volume / old.volume)
        shown: Flags = agrees & (np.abs(volume - middle) <= _VOLUME_ROUNDING + 1.0 / np.minimum(old.volume, new.volume))
    with_volume = bool(shown.any())
    if not with_volume:
        shown = agrees & (new.volume == old.volume)
        if np.count_nonzero(shown) < BARS_WITHOUT_VOLUME:
            return None
    until = float(old_fetched[shown].max())
    restatement = Restatement(
        until=until,
        since=float(new_fetched[shown].min()),
        ratio=snapped(float(np.exp(median(logs[:, agrees].ravel())))),
        with_volume=with_volume,
    )
    return restatement, int(old.day[shown & (old_fetched == until)][-1])


def is_rounding(held: Bars, bars: Bars) -> Flags:
    """Which bars of the same dates differ by no more than the rounding of a restatement; splits are not compared."""
    slack = _price_slack(held, bars)
    near: Flags = np.abs(bars.volume - held.volume) <= 1.0 + _VOLUME_ROUNDING * held.volume
    for name in PRICE_COLUMNS:
        near &= np.abs(np.log(getattr(bars, name) / getattr(held, name))) <= slack
    return near


def _price_slack(old: Bars, new: Bars) -> Floats:
    return RELATIVE_ROUNDING + CENT_ROUNDING / np.minimum(old.low, new.low)


def snapped(ratio: float) -> float:
    """The nearest simple ratio, if only rounding separates the two; else the ratio itself."""
    size = max(ratio, 1.0 / ratio)
    simple = simple_ratio(size, largest_denominator=_LARGEST_DENOMINATOR, tolerance=SAME_RATIO)
    if simple is None:
        return ratio
    return float(simple) if ratio > 1.0 else 1.0 / float(simple)
