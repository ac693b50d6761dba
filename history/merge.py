"""A ticker's history, changed by newly arrived bars: appended, merged, brought onto one basis, trimmed. All pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from history.adjustment import Basis, Withdrawn
from history.editions import Arrivals, Flags, as_one, basis_with, same_edition, same_values, sort_arrivals, with_arrivals
from history.features import RETURN_MEANS, advance_state, initial_state, rebased
from history.replay import first_replayable
from history.restatement import is_rounding
from history.ticker_state import BLOCK_BARS, Counters, TickerState
from records import VALUE_COLUMNS, Bars, Floats


@dataclass(frozen=True, slots=True)
class Taken:
    """A history with arriving bars in it.

    `changed_from` is the absolute index of the first bar that has to be stored again, `values_from` of the first one whose
    values on today's basis are others than before; None where there is none. Masks over the bars: `corrected` brought others
    on that basis as well, `fixed` were refused, since they would change bars that only serve as context for others.
    `restated_by` is as in `Absorbed`. `upheld` are splits that are applied although these bars withdrew them.
    """

    state: TickerState
    arrivals: Arrivals
    corrected: Flags
    fixed: Flags
    changed_from: int | None
    values_from: int | None
    restated_by: float
    upheld: tuple[Withdrawn, ...] = ()


def empty_state(ticker: str) -> TickerState:
    """A ticker before its first bar."""
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


def take(state: TickerState, bars: Bars, fetched: float, *, gives_splits: bool, keep: int) -> Taken:
    """The history after bars arrived that were fetched at one moment. Raises MessageError if their splits cannot be.

    `gives_splits` says whether their source knows of splits: then a split of 1 says that there was none, else it says nothing.
    The oldest whole blocks beyond `keep` bars are dropped: which ones depends on nothing but the total number of bars.

    Its bars and features equal, to the bit, what a fresh backfill of the resulting history gives. There is one limit: when
    a history whose beginning is no longer kept comes onto another basis, its exponentially weighted means of prices begin
    anew with the kept bars; what that loses has decayed below 1e-9 where forecasts look.
    """
    arrivals = sort_arrivals(state, bars, fetched, gives_splits=gives_splits)
    if arrivals.tail.all() and not state.restatements and not state.withdrawn and (bars.split == 1.0).all():
        return _appended(state, bars, fetched, arrivals, gives_splits=gives_splits, keep=keep)
    if not (arrivals.taken | arrivals.older | arrivals.context | arrivals.splits.newer | arrivals.splits.changed).any():
        return Taken(state, arrivals, arrivals.corrected, arrivals.context, None, None, 1.0)
    editions = with_arrivals(state, bars, fetched, arrivals, gives_splits=gives_splits)
    # What is dropped must have no say any more: the next delivery will not find it.
    kept = slice(_dropped(state.first_index, len(editions.delivered), keep), None)
    since = editions.delivered.day[kept][0]
    editions = replace(editions, withdrawn=tuple(split for split in editions.withdrawn if split.day >= since))
    basis, restated_by = basis_with(state, bars, fetched, arrivals, editions, kept)
    now = basis.adjusted(editions.delivered, editions.fetched)
    if state.bars is state.delivered and now is editions.delivered:
        row = editions.first_value
    else:
        row = _first_difference(state.bars, now, int(arrivals.row[arrivals.late].min(initial=len(state.bars))))
    features, row = _features(state, now, row)
    after = TickerState(
        ticker=state.ticker,
        first_index=state.first_index,
        delivered=editions.delivered,
        fetched=editions.fetched,
        split_fetched=editions.split_fetched,
        withdrawn=editions.withdrawn,
        restatements=basis.restatements,
        bars=now,
        feature_state=features.rolling,
        snapshots=features.snapshots,
        due=state.due,
        counters=state.counters,
    )
    first = min(editions.first, row)
    moved = (editions.withdrawn, basis.restatements) != (state.withdrawn, state.restatements)
    return Taken(
        state=_trimmed(after, keep),
        arrivals=arrivals,
        corrected=_corrected(state, bars, fetched, arrivals, basis),
        fixed=_fixed(after, bars, fetched, arrivals, basis),
        changed_from=state.first_index + first if moved or first < len(now) else None,
        values_from=state.first_index + row if row < len(now) else None,
        restated_by=restated_by,
        upheld=tuple(split for split in basis.upheld if split.day in bars.day[arrivals.resplit]),
    )


def _dropped(first_index: int, count: int, keep: int) -> int:
    """How many of `count` bars from an absolute index on are no longer kept."""
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
        split_fetched=fetched if state.split_fetched is state.fetched else as_one(state.split_fetched[drop:].copy(), fetched),
        bars=delivered if state.bars is state.delivered else _copied_from(state.bars, drop),
        snapshots=state.snapshots[drop // BLOCK_BARS :].copy(),
    )


def _copied_from(bars: Bars, row: int) -> Bars:
    """What is left as columns of its own: views would keep the rest in memory."""
    return Bars(bars.day[row:].copy(), *(getattr(bars, name)[row:].copy() for name in VALUE_COLUMNS))


def _appended(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, gives_splits: bool, keep: int) -> Taken:
    row = len(state.bars)
    delivered = Bars.concatenate([state.delivered, bars]) if row else bars
    now = delivered if state.bars is state.delivered else Bars.concatenate([state.bars, bars])
    features, _ = _features(state, now, row)
    fetched_at = np.concatenate([state.fetched, np.full(len(bars), fetched)])
    if gives_splits and state.split_fetched is state.fetched:
        split_fetched = fetched_at
    else:
        moment = fetched if gives_splits else -math.inf
        split_fetched = as_one(np.concatenate([state.split_fetched, np.full(len(bars), moment)]), fetched_at)
    after = replace(
        state,
        delivered=delivered,
        fetched=fetched_at,
        split_fetched=split_fetched,
        bars=now,
        feature_state=features.rolling,
        snapshots=features.snapshots,
    )
    first = state.first_index + row
    return Taken(_trimmed(after, keep), arrivals, arrivals.corrected, arrivals.context, first, first, 1.0)


def _first_difference(before: Bars, now: Bars, stop: int) -> int:
    """The first row in which bars differ; those before row `stop` are of the same dates."""
    # A change of basis begins as far back as there are bars, nearly always.
    if stop and before.close[0] != now.close[0]:
        return 0
    same = same_values(before[:stop], now[:stop])
    return stop if same.all() else int(np.argmin(same))


def _corrected(before: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, basis: Basis) -> Flags:
    """An edition from after a split says the same as one from before it in other numbers; another split is another bar."""
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


def _fixed(after: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, basis: Basis) -> Flags:
    """The beginning cannot be corrected, and need not be for what a restatement's rounding makes of it."""
    if not arrivals.context.any():
        return arrivals.context
    at = np.flatnonzero(arrivals.context)
    rows = arrivals.row[at]
    arriving = basis.adjusted(bars[at], np.full(len(at), fetched))
    fixed = arrivals.context.copy()
    same = (after.bars.day[rows] == arriving.day) & ~arrivals.splits.changed[at]
    fixed[at] = ~(same & is_rounding(after.bars[rows], arriving))
    return fixed


class _Features(NamedTuple):
    """The two parts of a TickerState that hold the rolling features."""

    rolling: Floats
    snapshots: Floats


def _features(before: TickerState, now: Bars, row: int) -> tuple[_Features, int]:
    """Those of bars that differ from the ones `before` from `row` on, and the row from which they differ themselves."""
    if row == len(now):
        return _Features(before.feature_state, before.snapshots), row
    if row == len(before.bars):
        known, begin = _Features(before.feature_state, before.snapshots), row
    elif row >= first_replayable(before):
        block = row // BLOCK_BARS
        known, begin = _Features(before.snapshots[block], before.snapshots[:block]), block * BLOCK_BARS
    else:
        row, begin = 0, first_replayable(before)
        known = _restarted(before, now[:begin])
    rolling, newer = advance_state(known.rolling, now, begin)
    return _Features(rolling, np.concatenate([known.snapshots, newer])), row


def _restarted(state: TickerState, context: Bars) -> _Features:
    """The rolling state after the context rows, restated ones, when nothing before them is kept; and the snapshots on the way.

    All windows lie within the context. Of what decays, the means of squared returns are far the slowest, and no split
    changes them: they go on. Those of prices begin anew; what they lose decays by 2/27 a bar.
    """
    after, snapshots = advance_state(initial_state(), context, 0)
    after = rebased(after, state.first_index)
    after[RETURN_MEANS] = state.snapshots[len(snapshots), RETURN_MEANS]
    return _Features(after, rebased(snapshots, state.first_index))
