"""The compiled recurrences behind `history.features`: one bar at a time, O(1) each.

The rolling state of a ticker is a flat vector of STATE_SIZE floats. A value that leaves a window is computed again from the
kept bars, so the state holds no ring buffers. Sums slide in double-double arithmetic (TwoSum: Knuth, The Art of Computer
Programming, vol. 2, 4.2.2, theorem B; TwoProduct: Dekker 1971). The error of each step is 2⁻¹⁰⁶ of the largest value in the
window. So sums do not drift and need no resynchronisation, not even after a crash of 80 % leaves the window.

One function with one signature handles a single bar and a whole history, with scalar logarithms and without fast-math. So the
bits do not depend on the batching of the bars. Constants live in this file, because Numba's cache watches this file only.
Divisors are prices and sums of weights, and never 0: with NumPy's error model they are not checked, a fifth of the time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import float64, int64, njit, types, void

#: How many bars before the first new bar the kernel may read: the return that leaves a window of 252 needs the close before it.
CONTEXT_BARS: Final = 253
#: The log variance of a day without range and gap would be −∞. One basis point a day is less than any quoted price moves.
VARIANCE_FLOOR: Final = 1e-8
#: A standard deviation of log volume below this is rounding, and a z-score of it would be noise.
VOLUME_DEVIATION_FLOOR: Final = 1e-9

_PARKINSON: Final = 1.0 / (4.0 * math.log(2.0))
_SPLITTER: Final = 134217729.0  # 2²⁷ + 1, Dekker's constant for doubles

# Offsets into the state. A sliding sum takes two places: the rounded sum and its rounding error.
_COUNT: Final = 0
_SQUARES: Final = 1  # of log returns, 5, 21, 63, 252.
_RANGES: Final = 9  # of range variances, 5, 21, 63, 252.
_LOG_RANGES: Final = 17  # of log range variances, 21, 63, 252.
_RETURNS: Final = 23  # of log returns, 21, 63, 252.
_OVERNIGHT: Final = 29  # of squared overnight returns, 63.
_VOLUME: Final = 31  # of log volumes, 63.
_VOLUME_SQUARES: Final = 33
# Exponentially weighted means: weighted sum and sum of weights.
_EWMA_94: Final = 35
_EWMA_97: Final = 37
_EMA_12: Final = 39
_EMA_26: Final = 41
_SIGNAL: Final = 43
_GAIN: Final = 45
_LOSS: Final = 46
_PEAK: Final = 47  # highest close of the last 252, and its absolute index
_PEAK_INDEX: Final = 48
STATE_SIZE: Final = 49
#: Places of the state that count bars from the ticker's first bar.
ABSOLUTE_INDEXES: Final = [_COUNT, _PEAK_INDEX]
#: Places that hold weighted means of squared returns, which have no scale of prices in them.
RETURN_MEANS: Final = slice(_EWMA_94, _EMA_12)


@njit(cache=True, error_model="numpy")
def _add(state, at, value):  # type: ignore[no-untyped-def]  # compiled: Numba infers the types
    total = state[at] + value
    virtual = total - state[at]
    error = (state[at] - (total - virtual)) + (value - virtual)
    error += state[at + 1]
    state[at] = total + error
    state[at + 1] = error - (state[at] - total)


@njit(cache=True, error_model="numpy")
def _product(a, b):  # type: ignore[no-untyped-def]
    scaled = _SPLITTER * a
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = _SPLITTER * b
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    rounded = a * b
    return rounded, ((a_high * b_high - rounded) + a_high * b_low + a_low * b_high) + a_low * b_low


@njit(cache=True, error_model="numpy")
def _weigh(state, at, decay, value):  # type: ignore[no-untyped-def]
    state[at] = decay * state[at] + value
    state[at + 1] = decay * state[at + 1] + 1.0
    return state[at] / state[at + 1]


@njit(cache=True, error_model="numpy")
def _log_return(close, dividend, i):  # type: ignore[no-untyped-def]
    return math.log((close[i] + dividend[i]) / close[i - 1])


@njit(cache=True, error_model="numpy")
def _overnight(opening, close, dividend, i):  # type: ignore[no-untyped-def]
    # The fall by the dividend on its ex-date is not risk: the dividend is added back, as in the total return.
    return math.log((opening[i] + dividend[i]) / close[i - 1])


@njit(cache=True, error_model="numpy")
def _range_variance(opening, high, low, close, dividend, i):  # type: ignore[no-untyped-def]
    spread = math.log(high[i] / low[i])
    jump = _overnight(opening, close, dividend, i)
    return _PARKINSON * spread * spread + jump * jump


@njit(cache=True, error_model="numpy")
def _log_variance(opening, high, low, close, dividend, i):  # type: ignore[no-untyped-def]
    return math.log(max(_range_variance(opening, high, low, close, dividend, i), VARIANCE_FLOOR))


@njit(cache=True, error_model="numpy")
def _slide_volume(state, level, sign):  # type: ignore[no-untyped-def]
    square, error = _product(level, level)
    _add(state, _VOLUME, sign * level)
    _add(state, _VOLUME_SQUARES, sign * square)
    _add(state, _VOLUME_SQUARES, sign * error)


@njit(cache=True, error_model="numpy")
def _volume_zscore(state, level):  # type: ignore[no-untyped-def]
    # 63² variance = 63 Σx² − (Σx)², both in double-double: equal volumes must give exactly zero.
    scaled, scaled_error = _product(state[_VOLUME_SQUARES], 63.0)
    scaled_error += 63.0 * state[_VOLUME_SQUARES + 1]
    squared, squared_error = _product(state[_VOLUME], state[_VOLUME])
    squared_error += 2.0 * state[_VOLUME] * state[_VOLUME + 1]
    spread = (scaled - squared) + (scaled_error - squared_error)
    deviation = math.sqrt(max(spread, 0.0)) / 63.0
    if deviation < VOLUME_DEVIATION_FLOOR:
        return 0.0
    return (level - state[_VOLUME] / 63.0) / deviation


@njit(cache=True, error_model="numpy")
def _slide_peak(state, close, i, count):  # type: ignore[no-untyped-def]
    # The state keeps the highest close and its index. Only when that close leaves the window are all 252 compared again.
    if count == 0 or close[i] >= state[_PEAK]:
        state[_PEAK] = close[i]
        state[_PEAK_INDEX] = count
    elif count - state[_PEAK_INDEX] >= 252:
        best = i - 251
        for j in range(i - 250, i + 1):
            if close[j] >= close[best]:
                best = j
        state[_PEAK] = close[best]
        state[_PEAK_INDEX] = count - (i - best)


@njit(cache=True, error_model="numpy")
def _slide_rsi(state, change, count):  # type: ignore[no-untyped-def]
    # Wilder 1978: the mean of the first 14 changes, then a smoothing by 1/14.
    gain = max(change, 0.0)
    loss = max(-change, 0.0)
    if count <= 14:
        state[_GAIN] += gain / 14.0
        state[_LOSS] += loss / 14.0
    else:
        state[_GAIN] = (13.0 * state[_GAIN] + gain) / 14.0
        state[_LOSS] = (13.0 * state[_LOSS] + loss) / 14.0
    total = state[_GAIN] + state[_LOSS]
    return 100.0 * state[_GAIN] / total if total > 0.0 else 50.0


_column = types.Array(float64, 1, "C", readonly=True)


@njit(void(_column, _column, _column, _column, _column, int64, float64[::1], float64[::1]), cache=True, error_model="numpy")
def daily_values(opening, high, low, close, dividend, start, log_return, range_variance):  # type: ignore[no-untyped-def]
    """The log return and the range variance of the bars from row `start` of the columns, NaN without a bar before; no state."""
    for i in range(start, close.shape[0]):
        log_return[i - start] = _log_return(close, dividend, i) if i > 0 else np.nan
        range_variance[i - start] = _range_variance(opening, high, low, close, dividend, i) if i > 0 else np.nan


@njit(
    void(float64[::1], *(_column,) * 6, int64, int64, _column, int64, float64[:, ::1], float64[:, ::1], float64[::1]),
    cache=True,
    error_model="numpy",
)
def advance(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915, PLR0917 - compiled, and one pass over the bars
    state, opening, high, low, close, volume, dividend, start, whole, resumed, block, snapshots, features, daily
):
    """Update `state` in place with the bars from row `start` of the columns on.

    The rows before `start` are the previous bars: at least CONTEXT_BARS, or all that the ticker ever had. The state before each
    bar whose absolute index is a multiple of `block` is copied into the next row of `snapshots`. `features` has one row per
    bar from `start` on, its columns in the order of `history.features.FEATURES`. `daily` (the range variance) has as many rows.
    Both have none if only the state is wanted. Before row `whole` only `history.features.MARK_FEATURES` are computed; `resumed`
    is the state before that row, not read if `whole` is `start`.
    """
    wanted = features.shape[0] > 0
    snapshot = 0
    # Logarithms are most of the work. They are kept here for values that enter and leave a window within these bars.
    rows = close.shape[0] - start
    levels, returns, overnights = np.empty(rows), np.empty(rows), np.empty(rows)
    variances, log_variances = np.empty(rows), np.empty(rows)
    for i in range(start, close.shape[0]):
        if i == whole and whole > start:
            state[:] = resumed
        count = int(state[_COUNT])
        if count % block == 0:
            snapshots[snapshot, :] = state
            snapshot += 1
        state[_COUNT] = count + 1.0

        level = math.log1p(volume[i])
        levels[i - start] = level
        _slide_volume(state, level, 1.0)
        if count >= 63:
            j = i - 63 - start
            _slide_volume(state, levels[j] if j >= 0 else math.log1p(volume[i - 63]), -1.0)
        log_return = overnight = variance = log_variance = np.nan
        if count >= 1:
            log_return = _log_return(close, dividend, i)
            overnight = _overnight(opening, close, dividend, i)
            variance = _range_variance(opening, high, low, close, dividend, i)
            log_variance = math.log(max(variance, VARIANCE_FLOOR))
            returns[i - start], overnights[i - start] = log_return, overnight
            variances[i - start], log_variances[i - start] = variance, log_variance
        if i < whole:
            if count >= 1:
                _add(state, _OVERNIGHT, overnight * overnight)
                _add(state, _LOG_RANGES + 2, log_variance)
            if count > 63:
                j = i - 63 - start
                leaving = overnights[j] if j >= 0 else _overnight(opening, close, dividend, i - 63)
                _add(state, _OVERNIGHT, -leaving * leaving)
                leaving = log_variances[j] if j >= 0 else _log_variance(opening, high, low, close, dividend, i - 63)
                _add(state, _LOG_RANGES + 2, -leaving)
            row = features[i - start]
            row[:] = np.nan
            row[0], row[1], daily[i - start] = log_return, overnight, variance
            if count >= 63:
                row[2] = math.sqrt(max(state[_OVERNIGHT], 0.0) / 63.0)
                row[12] = state[_LOG_RANGES + 2] / 63.0
            if count >= 62:
                row[23] = _volume_zscore(state, level)
            continue

        _slide_peak(state, close, i, count)
        fast = _weigh(state, _EMA_12, 1.0 - 2.0 / 13.0, close[i])
        slow = _weigh(state, _EMA_26, 1.0 - 2.0 / 27.0, close[i])
        signal = _weigh(state, _SIGNAL, 1.0 - 2.0 / 10.0, fast - slow)

        fast_variance = slow_variance = rsi = np.nan
        if count >= 1:
            fast_variance = _weigh(state, _EWMA_94, 0.94, log_return * log_return)
            slow_variance = _weigh(state, _EWMA_97, 0.97, log_return * log_return)
            rsi = _slide_rsi(state, close[i] - close[i - 1], count)
            _add(state, _OVERNIGHT, overnight * overnight)
            if count > 63:
                j = i - 63 - start
                leaving = overnights[j] if j >= 0 else _overnight(opening, close, dividend, i - 63)
                _add(state, _OVERNIGHT, -leaving * leaving)
            for k, width in enumerate((5, 21, 63, 252)):
                _add(state, _SQUARES + 2 * k, log_return * log_return)
                _add(state, _RANGES + 2 * k, variance)
                if k > 0:
                    _add(state, _RETURNS + 2 * (k - 1), log_return)
                    _add(state, _LOG_RANGES + 2 * (k - 1), log_variance)
                if count > width:
                    j = i - width - start
                    leaving = returns[j] if j >= 0 else _log_return(close, dividend, i - width)
                    _add(state, _SQUARES + 2 * k, -leaving * leaving)
                    if k > 0:
                        _add(state, _RETURNS + 2 * (k - 1), -leaving)
                    leaving = variances[j] if j >= 0 else _range_variance(opening, high, low, close, dividend, i - width)
                    _add(state, _RANGES + 2 * k, -leaving)
                    if k > 0:
                        leaving = log_variances[j] if j >= 0 else math.log(max(leaving, VARIANCE_FLOOR))
                        _add(state, _LOG_RANGES + 2 * (k - 1), -leaving)
        if not wanted:
            continue

        row = features[i - start]
        row[:] = np.nan
        daily[i - start] = variance
        row[0] = log_return
        row[1] = overnight
        if count >= 63:
            row[2] = math.sqrt(max(state[_OVERNIGHT], 0.0) / 63.0)
        for k, width in enumerate((5, 21, 63, 252)):
            if count >= width:
                row[3 + k] = max(state[_SQUARES + 2 * k], 0.0) / width
                row[7 + k] = max(state[_RANGES + 2 * k], 0.0) / width
                if k > 0:
                    row[10 + k] = state[_LOG_RANGES + 2 * (k - 1)] / width
                    row[15 + k] = state[_RETURNS + 2 * (k - 1)]
        if count >= 33:
            row[14] = fast_variance
        if count >= 66:
            row[15] = slow_variance
        if count >= 14:
            row[19] = rsi
        if count >= 25:
            row[20] = (fast - slow) / close[i]
        if count >= 33:
            row[21] = signal / close[i]
            row[22] = (fast - slow - signal) / close[i]
        if count >= 62:
            row[23] = _volume_zscore(state, level)
        if count >= 251:
            row[24] = close[i] / state[_PEAK] - 1.0
