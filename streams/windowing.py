"""Windows for the models: a ticker's bars with their features, computed again from the kept history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.contract import Window
from records import Bars, Floats
from state.ticker_state import BLOCK_BARS, TickerState
from streams.features import CONTEXT_BARS, FEATURE_NAMES, advance_rows, daily_rows, initial_state


def window_of(state: TickerState, count: int, *, stop: int | None = None, feature_bars: int | None = None) -> Window:
    """The `count` bars before row `stop` of the kept bars (default: the last `count`), with their features.

    Feature rows are not stored: they are replayed, to the bit, from the snapshot before the block in which the window
    begins. Fewer rows are given only where the ticker is younger, or where the bars before are no longer kept. With
    `feature_bars` only the last so many rows have features, the others NaN: most of the work is saved.
    """
    stop = len(state.bars) if stop is None else stop
    span = replay_span(state, count, stop)
    if span.first >= stop:
        return window_of_bars(state.ticker, Bars.empty())
    bars = state.bars[span.context : stop]
    late = span if feature_bars is None else replay_span(state, min(feature_bars, count), stop)
    rows = advance_rows(state.snapshots[late.block], bars, late.begin - span.context)
    featured = rows.features[late.first - late.begin :]
    if late.first == span.first:
        kept = rows.range_variance[span.first - span.begin :]
        return _window(state.ticker, bars[span.first - span.context :], _log_returns(featured), kept, featured)
    features = np.full((stop - span.first, len(FEATURE_NAMES)), np.nan)
    features[late.first - span.first :] = featured
    return _window(state.ticker, bars[span.first - span.context :], *daily_rows(bars, span.first - span.context), features)


def window_of_bars(ticker: str, bars: Bars) -> Window:
    """A whole history as one window, its features computed from the first bar on."""
    rows = advance_rows(initial_state(), bars, 0)
    return _window(ticker, bars, _log_returns(rows.features), rows.range_variance, rows.features)


@dataclass(frozen=True, slots=True)
class ReplaySpan:
    """Rows of the kept bars that a window rests on.

    Its own begin at `first`, the replay at `begin`, the first of `block`, and what the replay looks back to at `context`.
    """

    context: int
    begin: int
    first: int
    block: int


def replay_span(state: TickerState, count: int, stop: int) -> ReplaySpan:
    """Where the `count` bars before row `stop` are replayed from."""
    first = max(stop - count, first_replayable(state))
    block = first // BLOCK_BARS
    begin = block * BLOCK_BARS
    return ReplaySpan(max(0, begin - CONTEXT_BARS), begin, first, block)


def first_replayable(state: TickerState) -> int:
    """First row of the kept bars whose features can be computed again: those before it only serve as context."""
    return 0 if state.first_index == 0 else -(-CONTEXT_BARS // BLOCK_BARS) * BLOCK_BARS


def _log_returns(features: Floats) -> Floats:
    return np.ascontiguousarray(features[:, FEATURE_NAMES.index("log_return")])


def _window(ticker: str, bars: Bars, log_return: Floats, range_variance: Floats, features: Floats) -> Window:
    return Window(
        ticker=ticker,
        day=bars.day,
        close=bars.close,
        log_return=log_return,
        range_variance=range_variance,
        features=features,
        feature_names=FEATURE_NAMES,
    )
