"""Windows for the model tests, made as the stream makes them: simulated bars, features by the production code."""

from __future__ import annotations

import numpy as np

from history.windows import window_of_bars
from models.contract import Window
from records import Bars


def window_of_columns(ticker, day, open_, high, low, close, volume) -> Window:
    """A whole history as one window."""
    prices = {"open": open_, "high": high, "low": low, "close": close}
    columns = {name: np.array(values, np.float64) for name, values in (prices | {"volume": volume}).items()}
    bars = Bars.of(np.array(day, np.int32), **columns)
    return window_of_bars(ticker, bars)


def simulated_columns(bars: int, seed: int = 0, level: float = 0.01):
    """Bars with clustered volatility and fat tails: a log-AR(1) variance, Student innovations, ranges wider than the move."""
    rng = np.random.default_rng(seed)
    log_variance = np.empty(bars)
    state = 0.0
    for i in range(bars):
        state = 0.97 * state + 0.2 * rng.standard_normal()
        log_variance[i] = 2 * np.log(level) + state
    sigma = np.exp(log_variance / 2)
    overnight = 0.3 * sigma * rng.standard_normal(bars)
    move = sigma * rng.standard_t(6, bars) * np.sqrt(4 / 6) + 0.0004
    close = 50 * np.exp(np.cumsum(overnight + move))
    open_ = close / np.exp(move)
    wick = sigma * np.abs(rng.standard_normal((2, bars))) * 0.6
    high, low = np.maximum(open_, close) * np.exp(wick[0]), np.minimum(open_, close) * np.exp(-wick[1])
    volume = np.round(np.exp(13 + 0.5 * state + 0.4 * rng.standard_normal(bars) + 0.3 * np.abs(move) / sigma))
    first = 14_000
    day = first + np.arange(bars) + 2 * (np.arange(bars) // 5)
    return day, open_, high, low, close, volume


def simulated_window(bars: int = 756, seed: int = 0, *, ticker: str = "SIM", warm: int = 260, level: float = 0.01) -> Window:
    """The last `bars` bars of a simulated history that began `warm` bars earlier (0: a young one, with its first bar)."""
    return window_of_columns(ticker, *simulated_columns(bars + warm, seed, level)).last(bars)
