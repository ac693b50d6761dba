"""Windows for the models: a ticker's bars with their features, computed again from the kept history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.contract import Window
from records import Bars
from state.ticker_state import BLOCK_BARS, TickerState
from streams.features import CONTEXT_BARS, FEATURE_NAMES, advance_rows, initial_state


def window_of(state: TickerState, count: int, *, stop: int | None = None) -> Window:
    """The `count` bars before row `stop` of the kept bars (default: the last `count`), with their features.

    Feature rows are not stored: they are replayed, to the bit, from the snapshot before the block in which the window
    begins. Fewer rows are given only where the ticker is younger, or where the bars before are no longer kept.
    """
    stop = len(state.bars) if stop is None else stop
    span = replay_span(state, count, stop)
    if span.first >= stop:
        return window_of_bars(state.ticker, Bars.empty())
    bars = state.bars[span.context : stop]
    rows = advance_rows(state.snapshots[span.block], bars, span.begin - span.context)
    kept = slice(span.first - span.begin, None)
    return _window(state.ticker, bars[span.first - span.context :], rows.features[kept], rows.range_variance[kept])


def window_of_bars(ticker: str, bars: Bars) -> Window:
    """A whole history as one window, its features computed from the first bar on."""
    rows = advance_rows(initial_state(), bars, 0)
    return _window(ticker, bars, rows.features, rows.range_variance)


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


def _window(ticker: str, bars: Bars, features: np.ndarray, range_variance: np.ndarray) -> Window:
    return Window(
        ticker=ticker,
        day=bars.day,
        close=bars.close,
        log_return=np.ascontiguousarray(features[:, FEATURE_NAMES.index("log_return")]),
        range_variance=range_variance,
        features=features,
        feature_names=FEATURE_NAMES,
    )
