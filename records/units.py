"""Prices that stand in another unit than those before: pence for pounds, a lost decimal point.

No share moves a hundredfold in a day. A stretch of such bars that ends where it began was wrong; one that lasts says that those
before it stand in another unit, and what is left of the move is the day's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records.bars import Bars, Floats

#: A level that has held for more bars than these is the new one: vendors mend an error within days.
LASTING_BARS: Final = 10
_UNIT: Final = 100.0
#: What a hundredfold move is with the day's own in it.
_SMALLEST_MOVE: Final = float(np.log(80))
_LARGEST_MOVE: Final = float(np.log(125))
#: Halfway between the two levels, as ratios are measured: what lies nearer to the old one has gone back to it.
_HALFWAY: Final = 0.5 * float(np.log(_UNIT))
_PRICES: Final = ("open", "high", "low", "close", "dividend")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bars from row `first` on, before row `stop`, a hundred times (or a hundredth of) the close of row `beside`.

    `lasting` ones are the new level: row `first` begins it, up to row `stop` it has been seen to last.
    """

    first: int
    stop: int
    beside: int
    lasting: bool


def total_returns(bars: Bars) -> Floats:
    """Log returns with dividends, shape (n,); 0 of the first bar."""
    returns = np.zeros(len(bars))
    returns[1:] = np.log((bars.close[1:] + bars.dividend[1:]) / bars.close[:-1])
    return returns


def hundredfold_stretches(bars: Bars, returns: Floats) -> list[Stretch]:
    """Where prices stand in another unit, by date; `returns` are the bars' `total_returns`.

    A stretch ends with the first bar that lies nearer to the last close before it; one of more than LASTING_BARS is lasting. A
    beginning of no more bars is a stretch as well where what follows does not go back to it: it may be what is wrong. A move
    that the bar's own split explains begins none; where a dividend alone is a hundredfold, the stretch is its bar.
    """
    found: list[Stretch] = []
    stop = 1
    size = np.abs(returns)
    hundredfold = (size >= _SMALLEST_MOVE) & (size <= _LARGEST_MOVE) & (np.abs(returns + np.log(bars.split)) > _HALFWAY)
    for row in np.flatnonzero(hundredfold).tolist():
        if row < stop:
            continue
        distance = np.abs(np.log(bars.close[row : row + LASTING_BARS + 1] / bars.close[row - 1]))
        back = np.flatnonzero(distance <= _HALFWAY)
        length = int(back[0]) if len(back) else len(distance)
        lasting = length > LASTING_BARS
        one = Stretch(row, row + max(1, length), beside=row - 1, lasting=lasting)
        if len(back) or row - _passed_over(found) > LASTING_BARS:
            found.append(one)
        else:
            beginning = Stretch(0, row, beside=row, lasting=False)
            found = [beginning] if lasting else [beginning, one]
        stop = row + (1 if lasting else length + 1)  # the way back of one that ends is no stretch of its own
    return found


def in_one_unit(bars: Bars, stretches: list[Stretch]) -> Bars:
    """The bars without stretches that end, and with the prices before one that lasts in its unit; volumes stay as they are."""
    if not stretches:
        return bars
    kept: NDArray[np.bool_] = np.ones(len(bars), dtype=np.bool_)
    factor = np.ones(len(bars))
    for one in stretches:
        if one.lasting:
            factor[: one.first] *= _UNIT if bars.close[one.first] > bars.close[one.beside] else 1 / _UNIT
        else:
            kept[one.first : one.stop] = False
    return replace(bars, **{name: getattr(bars, name) * factor for name in _PRICES})[kept]


def _passed_over(stretches: list[Stretch]) -> int:
    return sum(one.stop - one.first for one in stretches if not one.lasting)
