"""A vendor that restates a history without saying so: its editions of the same bars differ by one factor.

Splits that come as such (`Bars.split`) need none of this. But vendors also tell of a split days late, or never, and restate
spin-offs: then a delivery overlaps what is stored, and all its prices are the stored ones times a factor.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from history.adjustment import SAME_RATIO, Restatement
from records import Bars, Floats

Flags = NDArray[np.bool_]

_PRICES: Final = ("open", "high", "low", "close")
#: Smaller ratios cannot be told from a correction: a day's move is as large.
SMALLEST_RATIO: Final = 1.04
#: So many bars of one delivery must agree where volumes do not confirm the ratio.
BARS_WITHOUT_VOLUME: Final = 3
#: Prices are rounded to the cent before and after.
CENT_ROUNDING: Final = 0.0101
RELATIVE_ROUNDING: Final = 1e-3
_VOLUME_ROUNDING: Final = 0.01
#: A ratio so near to a simple one is that.
_LARGEST_DENOMINATOR: Final = 20


def find_restatement(old: Bars, old_fetched: Floats, new: Bars, new_fetched: Floats) -> tuple[Restatement, int] | None:
    """What two editions of the same dates show, each on the basis that is known; `old` was fetched before all of `new`.

    With it comes the day of the last bar that shows it in the newest old edition.

    A bar shows a restatement when all four prices of the old edition are those of the new one times a ratio of at least
    SMALLEST_RATIO (or its inverse) and the volume is divided by it; where volumes stay as they were, BARS_WITHOUT_VOLUME bars
    have to agree.
    """
    if not len(old) or np.abs(np.log(old.close / new.close)).max() < 0.9 * np.log(SMALLEST_RATIO):
        return None
    logs = np.log(np.stack([getattr(old, name) / getattr(new, name) for name in _PRICES]))
    of_bar = _median(logs)
    large = np.abs(of_bar) >= np.log(SMALLEST_RATIO)
    if not large.any():
        return None
    middle = float(_median(of_bar[large]))
    agrees: Flags = large & np.all(np.abs(logs - middle) <= _price_slack(old, new), axis=0)
    if not agrees.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # no volume, or next to none
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
        ratio=snapped(float(np.exp(_median(logs[:, agrees].ravel())))),
        with_volume=with_volume,
    )
    return restatement, int(old.day[shown & (old_fetched == until)][-1])


def is_rounding(held: Bars, bars: Bars) -> Flags:
    """Of bars of the same dates, which differ by no more than a restatement's rounding does; splits apart."""
    slack = _price_slack(held, bars)
    near: Flags = np.abs(bars.volume - held.volume) <= 1.0 + _VOLUME_ROUNDING * held.volume
    for name in _PRICES:
        near &= np.abs(np.log(getattr(bars, name) / getattr(held, name))) <= slack
    return near


def _price_slack(one: Bars, other: Bars) -> Floats:
    return RELATIVE_ROUNDING + CENT_ROUNDING / np.minimum(one.low, other.low)


def _median(values: Floats) -> Floats:
    """Along the first axis, a tenth of the time that `np.median` takes for a few values."""
    ordered = np.sort(values, axis=0)
    middle: Floats = 0.5 * (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2])
    return middle


def snapped(ratio: float) -> float:
    """The simple ratio that lies nearest, if it is the same but for rounding; else the ratio itself."""
    size = max(ratio, 1.0 / ratio)
    simple = float(Fraction(size).limit_denominator(_LARGEST_DENOMINATOR))
    if abs(size / simple - 1.0) > SAME_RATIO:
        return ratio
    return simple if ratio > 1.0 else 1.0 / simple
