"""Finds prices in a wrong or different unit: pence for pounds, a lost decimal point, thousands.

No share moves in a day by a hundredfold or a higher power of ten, nor tenfold and back. A stretch of such bars whose price goes
back is an error. A stretch that lasts is a change of unit: the bars before it are in another unit, and the rest of the move is
the day's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records.bars import PER_SHARE_COLUMNS, Bars, Floats

#: A level that lasts for more bars is the new level: vendors correct an error within days.
LASTING_BARS: Final = 10
TEN: Final = float(np.log(10.0))
#: How far a day's own move may take a move from the power of ten: 80 to 125 for a hundred.
OWN_MOVE: Final = float(np.log(1.25))
#: A smaller move is nearer to none than to tenfold: nearly all tickers have no other.
_CAN_BE_A_POWER: Final = 0.49 * TEN
#: A tenfold move may be a split of 1:10: it is an error only if it is closer to ten, and goes back.
_OWN_MOVE_OF_TEN: Final = float(np.log(1.12))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bars from row `first` to before row `stop`, at `factor` (a power of ten) times the close of row `beside`.

    A `lasting` stretch is a new level that begins with row `first`; it was observed up to row `stop`.
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
    """The stretches in another unit, by date; `returns` are the bars' `total_returns`.

    A stretch ends before the first bar that is nearer to the last close before the stretch. A stretch of more than LASTING_BARS
    bars is lasting. A beginning of at most LASTING_BARS bars is a stretch as well if the price does not go back to it, since it
    may be the error. A move that the bar's own split explains begins no stretch. If only the dividend is a hundredfold, the
    stretch is its bar.
    """
    return stretches_of(bars.close, returns, bars.split)


def stretches_of(close: Floats, returns: Floats, split: Floats) -> list[Stretch]:
    """As `unit_stretches`, of columns (n,)."""
    if not np.count_nonzero(np.abs(returns) > 0.5 * TEN):
        return []  # no move is nearer to a power of ten than to none: the usual case, decided at once
    found: list[Stretch] = []
    stop = 1
    powers = _powers(returns, split)
    for row in np.flatnonzero(powers).tolist():
        if row < stop:
            continue
        power = int(powers[row])
        # Halfway between the two levels, in logs: a price nearer to the old level has gone back to it.
        halfway = 0.5 * abs(power) * TEN
        distance = np.abs(np.log(close[row : row + LASTING_BARS + 1] / close[row - 1]))
        back = np.flatnonzero(distance <= halfway)
        if abs(power) == 1 and (not len(back) or not back[0]):
            continue
        length = int(back[0]) if len(back) else len(distance)
        lasting = length > LASTING_BARS
        stretch = Stretch(row, row + max(1, length), beside=row - 1, lasting=lasting, factor=10.0**power)
        if len(back) or row - _passed_over(found) > LASTING_BARS:
            found.append(stretch)
        else:
            beginning = Stretch(0, row, beside=row, lasting=False, factor=10.0**-power)
            found = [beginning] if lasting else [beginning, stretch]
        stop = row + (1 if lasting else length + 1)  # the return of a stretch that ends begins no stretch
    return found


def _powers(returns: Floats, split: Floats) -> NDArray[np.int64]:
    """The power of ten by which each bar moved; 0 for an ordinary move, or a move that the bar's split explains."""
    if not (np.abs(returns) > _CAN_BE_A_POWER).any():
        return np.zeros(len(returns), np.int64)
    powers = np.rint(returns / TEN).astype(np.int64)
    size = np.abs(powers)
    own = np.abs(returns - powers * TEN)
    near = own <= np.where(size == 1, _OWN_MOVE_OF_TEN, OWN_MOVE)
    explained = np.abs(returns + np.log(split)) <= 0.5 * size * TEN
    return np.where((size > 0) & near & ~explained, powers, 0)


def in_one_unit(bars: Bars, stretches: list[Stretch]) -> Bars:
    """The bars in the last unit: without stretches that end, prices before a lasting stretch converted, volumes unchanged."""
    if not stretches:
        return bars
    kept: NDArray[np.bool_] = np.ones(len(bars), dtype=np.bool_)
    factor = np.ones(len(bars))
    for stretch in stretches:
        if stretch.lasting:
            factor[: stretch.first] *= stretch.factor
        else:
            kept[stretch.first : stretch.stop] = False
    return replace(bars, **{name: getattr(bars, name) * factor for name in PER_SHARE_COLUMNS})[kept]


def _passed_over(stretches: list[Stretch]) -> int:
    return sum(stretch.stop - stretch.first for stretch in stretches if not stretch.lasting)
