"""Whether bars under one name can be one series of daily bars in one unit, by their dates and their levels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from records.bars import Days, Floats, date_of
from records.spacing import not_daily
from records.units import OWN_MOVE, TEN, stretches_of

_FEWEST_BARS: Final = 24
_OFTEN: Final = 0.1
_FAR: Final = 0.2
#: Ratios of closes between which a move is surely not far, whatever the last digit of its logarithm.
_USUAL_FALL: Final = 0.82
_USUAL_RISE: Final = 1.22
#: Blocks of two series under each other, by date: so many jumps in turn up and down, each so large and so many bars apart.
_FEWEST_JUMPS: Final = 3
_JUMP: Final = float(np.log(1.5))
_USUAL_MOVES: Final = 10.0
_SHORTEST_BLOCK: Final = 5
#: What a price may have moved between two jumps: so many usual moves × √bars.
_WANDER: Final = 2.0


def series_doubt(day: Days, close: Floats) -> str | None:
    """Why these bars (by date) are no series of daily bars in one unit, and what to do; None if they may be."""
    reason = not_daily(day)
    if reason is None and len(close) > 1:
        ratio = close[1:] / close[:-1]
        if np.minimum.reduce(ratio) > _USUAL_FALL and np.maximum.reduce(ratio) < _USUAL_RISE:
            return None  # no move that either of the following looks for: the usual case, decided at once
    level = np.log(close)
    moves = np.zeros(len(close))
    np.subtract(level[1:], level[:-1], moves[1:])
    if reason is None and _alternates(level, moves):
        reason = "the level jumps to and fro: several series under one name; give each its own ticker"
    return reason or _unit_doubt(day, close, moves)


def _unit_doubt(day: Days, close: Floats, moves: Floats) -> str | None:
    """Closes off by a power of ten, or a level in another unit before them: a source mends both, a foreign message may not."""
    for stretch in stretches_of(close, moves, np.ones(len(close))):
        row = stretch.first
        times = f"{stretch.factor:g} times the close of {date_of(day[stretch.beside])}"
        if stretch.lasting:
            return f"from {date_of(day[row])} on closes are {times}: publish the earlier bars again, in the unit of today"
        return f"the close of {date_of(day[row])}, {close[row]:g}, is {times}: publish that bar again, corrected"
    return None


def alternates(close: Floats) -> bool:
    """Whether the level jumps to and fro again and again, as two series under one name do: shape (n,), by date.

    Either in blocks: three jumps or more in turn up and down, five bars or more apart, each beyond half the price and mostly
    taken back by the next. Each is at least twice what the price may have moved between them: a volatile price has jumps of
    its own. Moves by a power of ten are another unit's.

    Or from bar to bar: moves beyond 20 % and beyond ten usual moves in at least a tenth of the bars, each mostly taken back
    soon. The usual move is then the median of the moves between each bar and the nearest of the five before it: within one
    series that is an ordinary day's.
    """
    level = np.log(close)
    return _alternates(level, np.concatenate([[0.0], np.diff(level)]))


def _alternates(level: Floats, moves: Floats) -> bool:
    """As `alternates`, from the logs of closes and their moves; the first is 0."""
    far_moves = np.count_nonzero(np.abs(moves) > _FAR)
    if len(level) < _FEWEST_BARS or far_moves < _FEWEST_JUMPS:
        return False
    if far_moves <= _OFTEN * (len(level) - 1):
        return _in_blocks(moves)
    gaps = np.stack([np.abs(level[5:] - level[5 - back : len(level) - back]) for back in range(1, 6)])
    usual = float(np.median(gaps.min(axis=0)))
    far: NDArray[np.bool_] = gaps[0] > max(_FAR, 10.0 * usual)
    taken_back = far & (gaps.min(axis=0) < 0.25 * gaps[0])
    return bool(taken_back.mean() > _OFTEN)


def _in_blocks(moves: Floats) -> bool:
    """Whether the level goes to and fro between two, for some bars each."""
    size = np.abs(moves)
    usual = float(np.median(size[1:]))
    at = np.flatnonzero(size > max(_JUMP, _USUAL_MOVES * usual))
    if len(at) < _FEWEST_JUMPS or usual == 0.0 or int(np.diff(at).min()) < _SHORTEST_BLOCK:
        return False
    jumps = moves[at]
    is_unit = np.abs(jumps / TEN - np.round(jumps / TEN)) * TEN <= OWN_MOVE
    smaller = np.minimum(np.abs(jumps[1:]), np.abs(jumps[:-1]))
    wander = _WANDER * usual * np.sqrt(np.diff(at))
    to_and_fro = np.maximum(np.abs(jumps[1:] + jumps[:-1]), wander) < 0.5 * smaller
    return bool(to_and_fro.all()) and not is_unit.all()
