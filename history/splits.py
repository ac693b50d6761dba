"""Which split a bar has when its editions contradict each other, or when some of them do not speak of splits.

A split is an event, not a price: the edition that counts for the prices may come from a source that knows no splits, and then
it says nothing about them. So the split of a bar is that of the last edition that gives splits at all, whichever edition has
the prices. When that edition says 1, the last split that was given before is withdrawn. It is kept beside, because vendors
lose splits that happened: whether it is applied, the prices tell (`history.adjustment`).

Both are the greatest of a set in a fixed order, so any order of arrival and any repetition ends in the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from history.adjustment import Withdrawn
from history.ticker_state import TickerState
from records import Bars

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: When an edition that gives splits was fetched, and the split that it gives: 1 where there was none.
_Word = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SplitChanges:
    """What arriving bars say of splits, as masks over them.

    The split of `newer` ones counts from now on. `changed` ones change the bar's split or what was withdrawn. `withdrawn` are
    all withdrawn splits of the state by day, after these bars.
    """

    newer: Flags
    changed: Flags
    withdrawn: tuple[Withdrawn, ...]


def split_changes(state: TickerState, bars: Bars, fetched: float, row: Rows, present: Flags, fixed: Flags) -> SplitChanges:
    """Compare the splits of arriving bars, fetched at one moment by a source that gives splits, with what the state has.

    `row` is where each arriving bar lies among the kept ones, `present` whether one of its date is there, `fixed` whether it
    can no longer be changed: of these it is only said whether they would.
    """
    held, moment = state.delivered.split[row], state.split_fetched[row]
    newer = present & (moment < fetched)
    changed = np.zeros(len(bars), dtype=np.bool_)
    withdrawn = {one.day: one for one in state.withdrawn}
    known = np.fromiter(withdrawn, np.int32, len(withdrawn))
    # Nearly all bars have no split in any edition: nothing but the moment changes.
    for at in np.flatnonzero(present & ((bars.split != 1.0) | (held != 1.0) | np.isin(bars.day, known))).tolist():
        day = int(bars.day[at])
        before = (float(moment[at]), float(held[at]))
        other = withdrawn.get(day)
        after, beside = _merged(day, before, other, (fetched, float(bars.split[at])))
        newer[at] = after != before
        changed[at] = after[1] != before[1] or beside != other
        if fixed[at]:
            continue
        if beside is None:
            withdrawn.pop(day, None)
        else:
            withdrawn[day] = beside
    return SplitChanges(newer & ~fixed, changed, tuple(withdrawn[day] for day in sorted(withdrawn)))


def no_split_changes(state: TickerState, bars: Bars) -> SplitChanges:
    """What bars of a source that gives no splits say of them."""
    none = np.zeros(len(bars), dtype=np.bool_)
    return SplitChanges(none, none, state.withdrawn)


def _merged(day: int, held: _Word, withdrawn: Withdrawn | None, arriving: _Word) -> tuple[_Word, Withdrawn | None]:
    words = [held, arriving]
    last = max(words, key=_rank)
    if last[1] != 1.0:
        return last, None
    if withdrawn is not None:
        words.append((withdrawn.fetched, withdrawn.ratio))
    splits = [word for word in words if word[1] != 1.0]
    if not splits:
        return last, None
    moment, ratio = max(splits, key=_rank)
    return last, Withdrawn(day, ratio, moment)


def _rank(word: _Word) -> tuple[float, float, float]:
    """Of two of the same moment the one farther from 1 counts: it knows of an event that the other does not know of."""
    moment, split = word
    return moment, abs(math.log(split)), split
