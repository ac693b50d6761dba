"""Windows for the models: bars with their features, computed from the kept history."""

from __future__ import annotations

import numpy as np

from history.features import FEATURE_NAMES, advance_rows, check_rolling_state, daily_rows, initial_state
from history.replay import replay_span
from history.schedule import bars_up_to
from history.ticker_state import DueTraining, TickerState
from models.contract import Window
from records import Bars, Floats
from settings import Settings


def window_of(state: TickerState, count: int, *, stop: int | None = None, feature_bars: int | None = None) -> Window:
    """The `count` bars before row `stop` of the kept bars (default: the last `count`), with their features.

    Feature rows are not stored. They are replayed, to the bit, from the snapshot before the block in which the window begins.
    The window has fewer rows if the ticker is younger, or if the bars before are no longer kept. With `feature_bars` only that
    many of the last rows have features, and the others NaN, which saves most of the work.

    Raises StateCorruptError if the stored rolling state does not fit this code.
    """
    stop = len(state.bars) if stop is None else stop
    check_rolling_state(state.ticker, state.feature_state, state.snapshots)
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
    log_return, range_variance = daily_rows(bars[: late.first - span.context], span.first - span.context)
    log_return = np.concatenate([log_return, _log_returns(featured)])
    range_variance = np.concatenate([range_variance, rows.range_variance[late.first - late.begin :]])
    return _window(state.ticker, bars[span.first - span.context :], log_return, range_variance, features)


def window_of_bars(ticker: str, bars: Bars) -> Window:
    """A whole history as one window; its features begin with the first bar."""
    rows = advance_rows(initial_state(), bars, 0)
    return _window(ticker, bars, _log_returns(rows.features), rows.range_variance, rows.features)


def training_window(state: TickerState, due: DueTraining, settings: Settings) -> Window:
    """The window of a due training: the last `lookback` bars up to its cut-off."""
    return window_of(state, settings.lookback, stop=bars_up_to(state, due.cutoff))


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
