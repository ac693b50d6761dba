"""Prices that stand in another unit than those before: pence for pounds, a lost decimal point, thousands.

No share moves by a power of ten in a day, from a hundred on; nor tenfold and back. A stretch of such bars that ends where it
began was wrong; one that lasts says that those before it stand in another unit, and what is left of the move is the day's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records.bars import PER_SHARE_COLUMNS, Bars, Floats

#: A level that lasts for more bars is the new level: vendors correct an error within days.
LASTING_BARS: Final = 10
_TEN: Final = float(np.log(10.0))
#: What a move by a power of ten is with the day's own in it: 80 to 125 for a hundred.
_OWN_MOVE: Final = float(np.log(1.25))
#: A tenfold move may be a split of 1:10: it is an error only if it is closer to ten, and goes back.
_OWN_MOVE_OF_TEN: Final = float(np.log(1.12))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bars from row `first` on, before row `stop`, `factor` (a power of ten) times the close of row `beside`.

    `lasting` ones are the new level: row `first` begins it, up to row `stop` it has been seen to last.
    """

    first: int
    stop: int
    beside: int
    lasting: bool
    factor: float


def total_returns(bars: Bars) -> Floats:
    """Log returns with dividends, shape (n,); the first is 0."""
    returns = np.zeros(len(bars))
    returns[1:] = np.log((bars.close[1:] + bars.dividend[1:]) / bars.close[:-1])
    return returns


def unit_stretches(bars: Bars, returns: Floats) -> list[Stretch]:
    """Where prices stand in another unit, by date; `returns` are the bars' `total_returns`.

    A stretch ends with the first bar that lies nearer to the last close before it; one of more than LASTING_BARS is lasting. A
    beginning of no more bars is a stretch as well where what follows does not go back to it: it may be what is wrong. A move
    that the bar's own split explains begins none; where a dividend alone is a hundredfold, the stretch is its bar.
    """
    found: list[Stretch] = []
    stop = 1
    powers = _powers(returns, bars.split)
    for row in np.flatnonzero(powers).tolist():
        if row < stop:
            continue
        power = int(powers[row])
        # Halfway between the two levels, as ratios are measured: what lies nearer to the old one has gone back to it.
        halfway = 0.5 * abs(power) * _TEN
        distance = np.abs(np.log(bars.close[row : row + LASTING_BARS + 1] / bars.close[row - 1]))
        back = np.flatnonzero(distance <= halfway)
        if abs(power) == 1 and (not len(back) or not back[0]):
            continue
        length = int(back[0]) if len(back) else len(distance)
        lasting = length > LASTING_BARS
        one = Stretch(row, row + max(1, length), beside=row - 1, lasting=lasting, factor=10.0**power)
        if len(back) or row - _passed_over(found) > LASTING_BARS:
            found.append(one)
        else:
            beginning = Stretch(0, row, beside=row, lasting=False, factor=10.0**-power)
            found = [beginning] if lasting else [beginning, one]
        stop = row + (1 if lasting else length + 1)  # the way back of one that ends is no stretch of its own
    return found


def _powers(returns: Floats, split: Floats) -> NDArray[np.int64]:
    """The power of ten by which each bar moved, 0 for an ordinary move and for one that its split explains."""
    powers = np.rint(returns / _TEN).astype(np.int64)
    size = np.abs(powers)
    own = np.abs(returns - powers * _TEN)
    near = own <= np.where(size == 1, _OWN_MOVE_OF_TEN, _OWN_MOVE)
    explained = np.abs(returns + np.log(split)) <= 0.5 * size * _TEN
    return np.where((size > 0) & near & ~explained, powers, 0)


def in_one_unit(bars: Bars, stretches: list[Stretch]) -> Bars:
    """The bars without stretches that end, and with the prices before one that lasts in its unit; volumes stay as they are."""
    if not stretches:
        return bars
    kept: NDArray[np.bool_] = np.ones(len(bars), dtype=np.bool_)
    factor = np.ones(len(bars))
    for one in stretches:
        if one.lasting:
            factor[: one.first] *= one.factor
        else:
            kept[one.first : one.stop] = False
    return replace(bars, **{name: getattr(bars, name) * factor for name in PER_SHARE_COLUMNS})[kept]


def _passed_over(stretches: list[Stretch]) -> int:
    return sum(one.stop - one.first for one in stretches if not one.lasting)
