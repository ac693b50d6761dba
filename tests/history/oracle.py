"""The features once more, in whole-series pandas and NumPy, written from their definitions and sharing no code with them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from records import Bars


def oracle(bars: Bars) -> pd.DataFrame:
    """All features of all bars, one column each."""
    close, opening, dividend = (pd.Series(getattr(bars, name)) for name in ("close", "open", "dividend"))
    before = close.shift()
    log_return = np.log((close + dividend) / before)
    overnight = np.log((opening + dividend) / before)
    daily = np.log(bars.high / bars.low) ** 2 / (4 * np.log(2)) + overnight**2
    volume = pd.Series(np.log(1 + bars.volume))
    found = {
        "log_return": log_return,
        "overnight_return": overnight,
        "overnight_rms_63": np.sqrt(windows(overnight**2, 63).mean(axis=1)),
        **{f"realised_variance_{w}": windows(log_return**2, w).mean(axis=1) for w in (5, 21, 63, 252)},
        **{f"range_variance_{w}": windows(daily, w).mean(axis=1) for w in (5, 21, 63, 252)},
        **{f"log_range_variance_{w}": windows(np.log(daily.clip(lower=1e-8)), w).mean(axis=1) for w in (21, 63, 252)},
        "ewma_variance_94": (log_return**2).ewm(alpha=0.06, min_periods=33).mean(),
        "ewma_variance_97": (log_return**2).ewm(alpha=0.03, min_periods=66).mean(),
        **{f"momentum_{w}": windows(log_return, w).sum(axis=1) for w in (21, 63, 252)},
        "rsi_14": wilder(close.diff().to_numpy(), 14),
    }
    line = close.ewm(span=12).mean() - close.ewm(span=26).mean()
    signal = line.ewm(span=9).mean()
    found["macd_12_26"] = (line / close).where(np.arange(len(close)) >= 25)
    found["macd_signal_9"] = (signal / close).where(np.arange(len(close)) >= 33)
    found["macd_histogram_9"] = ((line - signal) / close).where(np.arange(len(close)) >= 33)
    levels = windows(volume, 63)
    deviation = levels.std(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (volume.to_numpy() - levels.mean(axis=1)) / deviation
    found["volume_zscore_63"] = np.where(deviation < 1e-9, 0.0, score)
    found["drawdown_252"] = close / windows(close, 252).max(axis=1) - 1
    return pd.DataFrame(found)


def windows(values: pd.Series, width: int) -> np.ndarray:
    """Row i holds the `width` values that end with the i-th; NaN where they begin before the first."""
    padded = np.concatenate([np.full(width - 1, np.nan), values.to_numpy()])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


def wilder(change: np.ndarray, width: int) -> np.ndarray:
    """RSI as in "New Concepts in Technical Trading Systems" (1978): a plain first mean, then smoothed."""
    result = np.full(len(change), np.nan)
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    if len(change) <= width:
        return result
    up, down = gain[1 : width + 1].mean(), loss[1 : width + 1].mean()
    for i in range(width, len(change)):
        if i > width:
            up, down = (up * (width - 1) + gain[i]) / width, (down * (width - 1) + loss[i]) / width
        result[i] = 100 * up / (up + down) if up + down > 0 else 50.0
    return result
