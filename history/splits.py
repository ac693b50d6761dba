"""Decides which split a bar has if its editions contradict each other, or if some of them do not report splits.

A split is an event and not a price. The edition that counts for the prices may come from a source without splits, which then
says nothing about them. So the split of a bar is the split of the last edition that reports splits at all, whichever edition
has the prices. If that edition reports a split of 1, the last split reported before is withdrawn. The withdrawn split is kept,
because vendors lose splits that happened: the prices decide whether it applies (`history.adjustment`).

Both values are the maximum of a set in a uncorrectable order, so the order and the repetition of arrivals do not matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from history.adjustment import WithdrawnSplit
from history.ticker_state import TickerState
from records import Bars

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: When an edition that reports splits was fetched, and its split: 1 for no split.
_SplitReport = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SplitChanges:
    """What the arriving bars report of splits, as masks over them.

    `newer`: its split counts from now on. `changed`: it changes the bar's split, or whether a split is withdrawn. `withdrawn`:
    all withdrawn splits of the state after these bars, by day.
    """

    newer: Flags
    changed: Flags
    withdrawn: tuple[WithdrawnSplit, ...]


def split_changes(
    state: TickerState, bars: Bars, fetched: float, row: Rows, present: Flags, uncorrectable: Flags
) -> SplitChanges:
    """Compare the splits of arriving bars with the state; a source that reports splits fetched them at the moment `fetched`.

    `row` is the place of each arriving bar among the kept bars, `present` says whether a bar of its date is kept,
    `uncorrectable` whether that bar can no longer change. For uncorrectable bars `changed` says whether they would change.
    """
    held, moment = state.delivered.split[row], state.split_fetched[row]
    newer = present & (moment < fetched)
    changed = np.zeros(len(bars), dtype=np.bool_)
    withdrawn = {split.day: split for split in state.withdrawn}
    known = np.fromiter(withdrawn, np.int32, len(withdrawn))
    # Nearly all bars have no split in any edition. Then only the moment changes.
    for at in np.flatnonzero(present & ((bars.split != 1.0) | (held != 1.0) | np.isin(bars.day, known))).tolist():
        day = int(bars.day[at])
        before = (float(moment[at]), float(held[at]))
        other = withdrawn.get(day)
        after, beside = _merged(day, before, other, (fetched, float(bars.split[at])))
        newer[at] = after != before
        changed[at] = after[1] != before[1] or beside != other
        if uncorrectable[at]:
            continue
        if beside is None:
            withdrawn.pop(day, None)
        else:
            withdrawn[day] = beside
    return SplitChanges(newer & ~uncorrectable, changed, tuple(withdrawn[day] for day in sorted(withdrawn)))


def no_split_changes(state: TickerState, bars: Bars) -> SplitChanges:
    """No changes: the arriving bars come from a source that does not report splits."""
    none = np.zeros(len(bars), dtype=np.bool_)
    return SplitChanges(none, none, state.withdrawn)


def _merged(
    day: int, held: _SplitReport, withdrawn: WithdrawnSplit | None, arriving: _SplitReport
) -> tuple[_SplitReport, WithdrawnSplit | None]:
    reports = [held, arriving]
    last = max(reports, key=_rank)
    if last[1] != 1.0:
        return last, None
    if withdrawn is not None:
        reports.append((withdrawn.fetched, withdrawn.ratio))
    splits = [report for report in reports if report[1] != 1.0]
    if not splits:
        return last, None
    moment, ratio = max(splits, key=_rank)
    return last, WithdrawnSplit(day, ratio, moment)


def _rank(report: _SplitReport) -> tuple[float, float, float]:
    """Orders reports by moment; of two reports of one moment the split farther from 1 counts, since it knows of an event."""
    moment, split = report
    return moment, abs(math.log(split)), split
