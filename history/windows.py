"""Windows for the models: bars with their features, computed from the kept history."""

from __future__ import annotations

from typing import Final

import numpy as np

from history.features import FEATURE_NAMES, FeatureRows, advance_rows, check_rolling_state, daily_rows, initial_state
from history.replay import replay_span
from history.schedule import bars_up_to
from history.ticker_state import DueTraining, TickerState
from models.contract import Window
from records import Bars, Days, Floats
from settings import Settings

_LOG_RETURN: Final = FEATURE_NAMES.index("log_return")


def window_of(
    state: TickerState, count: int, *, stop: int | None = None, feature_bars: int | None = None, mark_bars: int = 0
) -> Window:
    """The `count` bars before row `stop` of the kept bars (default: the last `count`), with their features.

    Feature rows are not stored. They are replayed, to the bit, from the snapshot before the block in which the window begins.
    The window has fewer rows if the ticker is younger, or if the bars before are no longer kept. With `feature_bars` only the
    block (`BLOCK_BARS`) with the first of so many last rows and those after it have all features. The last `mark_bars` rows, if
    these are more, have MARK_FEATURES, and all others NaN. That saves most of the work.

    Raises StateCorruptError if the stored rolling state does not fit this code.
    """
    stop = len(state.bars) if stop is None else stop
    check_rolling_state(state.ticker, state.feature_state, state.snapshots)
    span = replay_span(state, count, stop)
    if span.first >= stop:
        return window_of_bars(state.ticker, Bars.empty())
    bars = state.bars[span.context : stop]
    whole = late = span
    if feature_bars is not None:
        whole = replay_span(state, min(feature_bars, count), stop)
        late = replay_span(state, min(max(feature_bars, mark_bars), count), stop)
    # Row numbers of the kept bars: the arrays start with `begin`, the replay with `late.begin`, the window with `span.first`.
    begin = min(span.first, late.begin)
    features, range_variance = np.empty((stop - begin, len(FEATURE_NAMES))), np.empty(stop - begin)
    log_return = np.empty(stop - begin)
    replayed = slice(late.begin - begin, None)
    advance_rows(
        state.snapshots[late.block],
        bars,
        late.begin - span.context,
        rows=FeatureRows(features[replayed], range_variance[replayed]),
        whole=whole.begin - span.context,
        resumed=state.snapshots[whole.block],
    )
    log_return[replayed] = features[replayed, _LOG_RETURN]
    if begin < late.begin:
        before = slice(late.begin - begin)
        log_return[before], range_variance[before] = daily_rows(bars, begin - span.context, late.begin - span.context)
    features[: late.first - begin] = np.nan
    wanted = slice(span.first - begin, None)
    known = slice(span.first, stop)
    return _window(
        state.ticker,
        state.bars.day[known],
        state.bars.close[known],
        log_return[wanted],
        range_variance[wanted],
        features[wanted],
    )


def window_of_bars(ticker: str, bars: Bars) -> Window:
    """A whole history as one window; its features begin with the first bar."""
    rows = advance_rows(initial_state(), bars, 0)
    log_return = np.ascontiguousarray(rows.features[:, _LOG_RETURN])
    return _window(ticker, bars.day, bars.close, log_return, rows.range_variance, rows.features)


def training_window(state: TickerState, due: DueTraining, settings: Settings) -> Window:
    """The window of a due training: the last `lookback` bars up to its cut-off."""
    return window_of(state, settings.lookback, stop=bars_up_to(state, due.cutoff))


def _window(ticker: str, day: Days, close: Floats, log_return: Floats, range_variance: Floats, features: Floats) -> Window:
    return Window(
        ticker=ticker,
        day=day,
        close=close,
        log_return=log_return,
        range_variance=range_variance,
        features=features,
        feature_names=FEATURE_NAMES,
    )
