"""A vendor that restates a history without saying so: its bars disagree with what is stored by one factor.

Splits that come as such (`Bars.split`) need none of this. But vendors also tell of a split days late, or never, and restate
spin-offs: then a delivery overlaps what is stored, and all its prices are the stored ones times a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records import Bars, Days, Floats

Flags = NDArray[np.bool_]

_PRICES: Final = ("open", "high", "low", "close")
#: Smaller factors cannot be told from a correction: a day's move is as large.
SMALLEST_FACTOR: Final = 1.04
#: So many bars of one delivery must agree where volumes do not confirm the factor.
BARS_WITHOUT_VOLUME: Final = 3
#: Prices are rounded to the cent before and after.
CENT_ROUNDING: Final = 0.0101
RELATIVE_ROUNDING: Final = 1e-3
_VOLUME_ROUNDING: Final = 0.01
#: A factor so near to a simple ratio is that ratio.
_SNAP: Final = 3e-3
_LARGEST_DENOMINATOR: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Restatement:
    """`rows` of the stored bars, as a mask, still stand on the old basis: their prices × `price`, their volume × `volume`."""

    price: float
    volume: float
    rows: Flags


def find_restatement(held: Bars, held_fetched: Days, current: Flags, bars: Bars, fetched: int) -> Restatement | None:
    """What arriving bars, fetched on day `fetched`, say about the stored ones that were fetched before.

    `held` is adjusted for all splits that are known with these bars; its rows in the mask `current` have been adjusted by them
    just now. A bar shows a restatement when all four prices are the stored ones times a factor of at least SMALLEST_FACTOR (or
    its inverse) and the volume is divided by it; where volumes stay as they were, BARS_WITHOUT_VOLUME bars of one delivery have
    to agree. It is a correction of those bars alone when that brings them nearer to the stored bars around them. All that was
    fetched no later than the newest bar that shows it stands on the old basis, as the new one was not known then.
    """
    row = np.minimum(np.searchsorted(held.day, bars.day), max(len(held) - 1, 0))
    if not len(held):
        return None
    both = (held.day[row] == bars.day) & (held_fetched[row] < fetched) & ~current[row]
    old, new = held[row[both]], bars[both]
    if not len(old):
        return None
    logs = np.stack([np.log(getattr(new, name) / getattr(old, name)) for name in _PRICES])
    factor = _factor(logs, old, new)
    if factor is None:
        return None
    price, agrees, volume_follows = factor
    shown = agrees & volume_follows
    volume = 1.0 / price
    if not shown.any():
        shown, volume = agrees & (new.volume == old.volume), 1.0
        if np.count_nonzero(shown) < BARS_WITHOUT_VOLUME:
            return None
    newest = int(held_fetched[row[both]][shown].max())
    rows = (held_fetched <= newest) & ~current
    showing = row[both][shown]
    if not _moves_away(held, rows, showing, new.close[shown]):
        return None
    return Restatement(price, volume, rows)


def is_rounding(held: Bars, bars: Bars) -> Flags:
    """Of bars of the same dates, which differ by no more than a restatement's rounding does."""
    slack = RELATIVE_ROUNDING + CENT_ROUNDING / np.minimum(held.low, bars.low)
    near: Flags = np.abs(bars.volume - held.volume) <= 1.0 + _VOLUME_ROUNDING * held.volume
    for name in _PRICES:
        near &= np.abs(np.log(getattr(bars, name) / getattr(held, name))) <= slack
    near &= bars.split == held.split
    return near


def _factor(logs: Floats, old: Bars, new: Bars) -> tuple[float, Flags, Flags] | None:
    """The factor that most of the bars show that changed much, which bars agree with it, and of which the volume does."""
    of_bar = np.median(logs, axis=0)
    large = np.abs(of_bar) >= np.log(SMALLEST_FACTOR)
    if not large.any():
        return None
    middle = float(np.median(of_bar[large]))
    smallest = np.minimum(old.low, new.low)
    slack = RELATIVE_ROUNDING + CENT_ROUNDING / smallest
    agrees: Flags = large & np.all(np.abs(logs - middle) <= slack, axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # no volume, or next to none
        volume = np.log(new.volume / old.volume)
        follows: Flags = np.abs(volume + middle) <= _VOLUME_ROUNDING + 1.0 / np.minimum(old.volume, new.volume)
    if not agrees.any():
        return None
    return _snapped(float(np.exp(np.median(logs[:, agrees])))), agrees, follows


def _snapped(factor: float) -> float:
    size = max(factor, 1.0 / factor)
    simple = float(Fraction(size).limit_denominator(_LARGEST_DENOMINATOR))
    if abs(size / simple - 1.0) > _SNAP:
        return factor
    return simple if factor > 1.0 else 1.0 / simple


def _moves_away(held: Bars, rows: Flags, showing: NDArray[np.intp], closes: Floats) -> bool:
    """Whether the new values lie farther from the stored bars beside them than the old ones, so that those are to follow."""
    beside = rows.copy()
    beside[showing] = False
    others = np.flatnonzero(beside)
    if not len(others):
        return False
    neighbour = others[max(int(np.searchsorted(others, showing[0])) - 1, 0)]
    stays = abs(float(np.log(held.close[showing[0]] / held.close[neighbour])))
    moved = abs(float(np.log(closes[0] / held.close[neighbour])))
    return moved > stays
