"""Merges newly arrived bars into a ticker's history: append, correct, bring onto today's basis, trim. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from history.adjustment import Basis, WithdrawnSplit
from history.editions import (
    Arrivals,
    Flags,
    basis_with,
    same_edition,
    same_values,
    shared_if_equal,
    sort_arrivals,
    with_arrivals,
)
from history.features import RETURN_MEANS, advance_state, initial_state, rebased
from history.replay import first_replayable
from history.restatement import is_rounding
from history.ticker_state import BLOCK_BARS, Counters, TickerState
from records import VALUE_COLUMNS, Bars, Floats


@dataclass(frozen=True, slots=True)
class Merged:
    """A history after a batch of bars.

    `changed_from` is the absolute index of the first bar to store again, `values_from` that of the first bar whose adjusted
    values changed; None without such a bar. Masks over the arriving bars: `corrected` changed adjusted values as well;
    `uncorrectable` were refused, since they would change bars that only serve as context. `restated_by` is as in `Absorbed`.
    `confirmed_splits` are splits that apply although these bars withdrew them.
    """

    state: TickerState
    arrivals: Arrivals
    corrected: Flags
    uncorrectable: Flags
    changed_from: int | None
    values_from: int | None
    restated_by: float
    confirmed_splits: tuple[WithdrawnSplit, ...] = ()


def empty_state(ticker: str) -> TickerState:
    """The state of a ticker before its first bar."""
    nothing = Bars.empty()
    return TickerState(
        ticker=ticker,
        first_index=0,
        delivered=nothing,
        fetched=np.empty(0),
        split_fetched=np.empty(0),
        withdrawn=(),
        restatements=(),
        bars=nothing,
        feature_state=initial_state(),
        snapshots=np.empty((0, len(initial_state()))),
        due=None,
        counters=Counters(),
    )


def merge(state: TickerState, bars: Bars, fetched: float, *, gives_splits: bool, keep: int) -> Merged:
    """The history after bars arrived that were all fetched at the moment `fetched`.

    `gives_splits` says whether their source reports splits: then a split of 1 means no split, otherwise it means nothing. The
    oldest whole blocks beyond `keep` bars are dropped; which blocks depends on the total number of bars alone.

    The bars and features equal, to the bit, a fresh backfill of the resulting history, with one exception. If the beginning of
    the history is no longer kept and its basis changes, exponentially weighted means of prices restart with the kept bars. The
    lost part has decayed below 1e-9 where forecasts look.

    Raises MessageError if the splits of the bars bring adjusted prices out of the possible range.
    """
    arrivals = sort_arrivals(state, bars, fetched, gives_splits=gives_splits)
    if arrivals.tail.all() and not state.restatements and not state.withdrawn and (bars.split == 1.0).all():
        return _appended(state, bars, fetched, arrivals, gives_splits=gives_splits, keep=keep)
    if not (arrivals.taken | arrivals.older | arrivals.context | arrivals.splits.newer | arrivals.splits.changed).any():
        return Merged(state, arrivals, arrivals.corrected, arrivals.context, None, None, 1.0)
    editions = with_arrivals(state, bars, fetched, arrivals, gives_splits=gives_splits)
    # Use only the bars that are kept: the next batch cannot see the dropped bars.
    kept = slice(_dropped(state.first_index, len(editions.delivered), keep), None)
    since = editions.delivered.day[kept][0]
    editions = replace(editions, withdrawn=tuple(split for split in editions.withdrawn if split.day >= since))
    basis, restated_by = basis_with(state, bars, fetched, arrivals, editions, kept)
    now = basis.adjusted(editions.delivered, editions.fetched)
    if state.bars is state.delivered and now is editions.delivered:
        row = editions.first_value
    else:
        row = _first_difference(state.bars, now, int(arrivals.row[arrivals.late].min(initial=len(state.bars))))
    states, row = rolling_states(state, now, row)
    after = TickerState(
        ticker=state.ticker,
        first_index=state.first_index,
        delivered=editions.delivered,
        fetched=editions.fetched,
        split_fetched=editions.split_fetched,
        withdrawn=editions.withdrawn,
        restatements=basis.restatements,
        bars=now,
        feature_state=states.last,
        snapshots=states.snapshots,
        due=state.due,
        counters=state.counters,
    )
    first = min(editions.first, row)
    moved = (editions.withdrawn, basis.restatements) != (state.withdrawn, state.restatements)
    return Merged(
        state=_trimmed(after, keep),
        arrivals=arrivals,
        corrected=_corrected(state, bars, fetched, arrivals, basis),
        uncorrectable=_uncorrectable(after, bars, fetched, arrivals, basis),
        changed_from=state.first_index + first if moved or first < len(now) else None,
        values_from=state.first_index + row if row < len(now) else None,
        restated_by=restated_by,
        confirmed_splits=tuple(split for split in basis.confirmed if split.day in bars.day[arrivals.resplit]),
    )


def _dropped(first_index: int, count: int, keep: int) -> int:
    """How many of `count` bars, the first of which has this absolute index, are dropped."""
    return max(0, (first_index + count - keep) // BLOCK_BARS * BLOCK_BARS - first_index)


def _trimmed(state: TickerState, keep: int) -> TickerState:
    drop = _dropped(state.first_index, len(state.bars), keep)
    if not drop:
        return state
    delivered, fetched = _copied_from(state.delivered, drop), state.fetched[drop:].copy()
    return replace(
        state,
        first_index=state.first_index + drop,
        delivered=delivered,
        fetched=fetched,
        split_fetched=fetched
        if state.split_fetched is state.fetched
        else shared_if_equal(state.split_fetched[drop:].copy(), fetched),
        bars=delivered if state.bars is state.delivered else _copied_from(state.bars, drop),
        snapshots=state.snapshots[drop // BLOCK_BARS :].copy(),
    )


def _copied_from(bars: Bars, row: int) -> Bars:
    """A copy of the bars from `row` on: a view would keep the dropped bars in memory."""
    return Bars(bars.day[row:].copy(), *(getattr(bars, name)[row:].copy() for name in VALUE_COLUMNS))


def _appended(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, gives_splits: bool, keep: int) -> Merged:
    row = len(state.bars)
    delivered = Bars.concatenate([state.delivered, bars]) if row else bars
    now = delivered if state.bars is state.delivered else Bars.concatenate([state.bars, bars])
    states, _ = rolling_states(state, now, row)
    fetched_at = np.concatenate([state.fetched, np.full(len(bars), fetched)])
    if gives_splits and state.split_fetched is state.fetched:
        split_fetched = fetched_at
    else:
        moment = fetched if gives_splits else -math.inf
        split_fetched = shared_if_equal(np.concatenate([state.split_fetched, np.full(len(bars), moment)]), fetched_at)
    after = replace(
        state,
        delivered=delivered,
        fetched=fetched_at,
        split_fetched=split_fetched,
        bars=now,
        feature_state=states.last,
        snapshots=states.snapshots,
    )
    first = state.first_index + row
    return Merged(_trimmed(after, keep), arrivals, arrivals.corrected, arrivals.context, first, first, 1.0)


def _first_difference(before: Bars, now: Bars, stop: int) -> int:
    """The first row in which the bars differ; the rows before `stop` have the same dates."""
    # A change of basis nearly always begins with the first bar.
    if stop and before.close[0] != now.close[0]:
        return 0
    same = same_values(before[:stop], now[:stop])
    return stop if same.all() else int(np.argmin(same))


def _corrected(before: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, basis: Basis) -> Flags:
    """Bars with other adjusted values or another split: editions from before and after a split differ in raw numbers alone."""
    resplit = arrivals.splits.newer & arrivals.splits.changed
    if not basis.steps or not arrivals.corrected.any():
        return arrivals.corrected | resplit
    at = np.flatnonzero(arrivals.corrected)
    rows = arrivals.row[at]
    held = basis.adjusted(before.delivered[rows], before.fetched[rows])
    arriving = basis.adjusted(bars[at], np.full(len(at), fetched))
    corrected = arrivals.corrected.copy()
    corrected[at] = ~same_edition(held, arriving)
    return corrected | resplit


def _uncorrectable(after: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, basis: Basis) -> Flags:
    """Bars that would change a context bar by more than the rounding of a restatement: context bars cannot be corrected."""
    if not arrivals.context.any():
        return arrivals.context
    at = np.flatnonzero(arrivals.context)
    rows = arrivals.row[at]
    arriving = basis.adjusted(bars[at], np.full(len(at), fetched))
    uncorrectable = arrivals.context.copy()
    same = (after.bars.day[rows] == arriving.day) & ~arrivals.splits.changed[at]
    uncorrectable[at] = ~(same & is_rounding(after.bars[rows], arriving))
    return uncorrectable


class RollingStates(NamedTuple):
    """The rolling state after the last bar, and the snapshots before the blocks, as in TickerState."""

    last: Floats
    snapshots: Floats


def rolling_states(before: TickerState, now: Bars, row: int) -> tuple[RollingStates, int]:
    """The rolling states of bars that differ from those `before` from `row` on, and the row from which the states differ."""
    if row == len(now):
        return RollingStates(before.feature_state, before.snapshots), row
    if row == len(before.bars):
        known, begin = RollingStates(before.feature_state, before.snapshots), row
    elif row >= first_replayable(before):
        block = row // BLOCK_BARS
        known, begin = RollingStates(before.snapshots[block], before.snapshots[:block]), block * BLOCK_BARS
    else:
        row, begin = 0, first_replayable(before)
        known = _restarted(before, now[:begin])
    last, newer = advance_state(known.last, now, begin)
    return RollingStates(last, np.concatenate([known.snapshots, newer])), row


def _restarted(state: TickerState, context: Bars) -> RollingStates:
    """The rolling states through restated context rows, if no bar before them is kept.

    All windows lie within the context. Of the decaying means those of squared returns are by far the slowest, and no split
    changes them, so they continue. Those of prices restart, and what they lose decays by 2/27 a bar.
    """
    after, snapshots = advance_state(initial_state(), context, 0)
    after = rebased(after, state.first_index)
    after[RETURN_MEANS] = state.snapshots[len(snapshots), RETURN_MEANS]
    return RollingStates(after, rebased(snapshots, state.first_index))
