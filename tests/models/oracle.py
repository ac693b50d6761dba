"""Windows for the model tests, computed the slow and obvious way: every feature from its definition, bar by bar."""

from __future__ import annotations

import numpy as np

from models.contract import Window

VARIANCE_SPANS = (5, 21, 63, 252)
FEATURES = (
    "log_return",
    "overnight_return",
    "overnight_rms_63",
    *(f"realised_variance_{n}" for n in VARIANCE_SPANS),
    *(f"range_variance_{n}" for n in VARIANCE_SPANS),
    *(f"log_range_variance_{n}" for n in (21, 63, 252)),
    "ewma_variance_94",
    "ewma_variance_97",
    *(f"momentum_{n}" for n in (21, 63, 252)),
    "rsi_14",
    "macd_12_26",
    "macd_signal_9",
    "macd_histogram_9",
    "volume_zscore_63",
    "drawdown_252",
)


def rolling(values: np.ndarray, span: int, function=np.mean) -> np.ndarray:
    result = np.full(len(values), np.nan)
    for i in range(span - 1, len(values)):
        result[i] = function(values[i - span + 1 : i + 1])
    return result


def ewma(values: np.ndarray, alpha: float) -> np.ndarray:
    """Starts at the first finite value."""
    result = np.full(len(values), np.nan)
    level = np.nan
    for i, value in enumerate(values):
        if np.isfinite(value):
            level = value if np.isnan(level) else level + alpha * (value - level)
            result[i] = level
    return result


def window_of_columns(ticker, day, open_, high, low, close, volume) -> Window:
    n = len(day)
    previous = np.concatenate([[np.nan], close[:-1]])
    log_return = np.log(close / previous)
    overnight = np.log(open_ / previous)
    range_variance = np.log(high / low) ** 2 / (4 * np.log(2)) + overnight**2
    columns = {"log_return": log_return, "overnight_return": overnight}
    columns["overnight_rms_63"] = np.sqrt(rolling(overnight**2, 63))
    for span in VARIANCE_SPANS:
        columns[f"realised_variance_{span}"] = rolling(log_return**2, span)
        columns[f"range_variance_{span}"] = rolling(range_variance, span)
    for span in (21, 63, 252):
        columns[f"log_range_variance_{span}"] = rolling(np.log(np.maximum(range_variance, 1e-10)), span)
        columns[f"momentum_{span}"] = np.concatenate([np.full(span, np.nan), np.log(close[span:] / close[:-span])])[:n]
    columns["ewma_variance_94"] = ewma(log_return**2, 0.06)
    columns["ewma_variance_97"] = ewma(log_return**2, 0.03)
    change = np.diff(close, prepend=np.nan)
    gain, loss = ewma(np.maximum(change, 0), 1 / 14), ewma(np.maximum(-change, 0), 1 / 14)
    with np.errstate(invalid="ignore"):
        columns["rsi_14"] = np.where(gain + loss > 0, 100 * gain / (gain + loss), np.where(np.isnan(gain), np.nan, 50.0))
    macd = ewma(close, 2 / 13) - ewma(close, 2 / 27)
    signal = ewma(macd, 0.2)
    columns |= {"macd_12_26": macd / close, "macd_signal_9": signal / close, "macd_histogram_9": (macd - signal) / close}
    logs = np.log1p(volume)
    deviation = rolling(logs, 63, np.std)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns["volume_zscore_63"] = np.where(
            deviation > 0, (logs - rolling(logs, 63)) / deviation, np.where(np.isnan(deviation), np.nan, 0.0)
        )
    columns["drawdown_252"] = close / rolling(close, 252, np.max) - 1
    features = np.column_stack([columns[name] for name in FEATURES])
    return Window(ticker, day.astype(np.int32), close, log_return, range_variance, features, FEATURES)


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
