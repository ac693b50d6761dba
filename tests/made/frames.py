"""Frames of the shapes that `yfinance.download` returns, made here with prices of our own."""

from __future__ import annotations

import numpy as np
import pandas as pd

FIELDS = ("Open", "High", "Low", "Close", "Volume")


def one(days: pd.DatetimeIndex, seed: int, *, adjusted: bool = True, actions: bool = False) -> pd.DataFrame:
    """One ticker's columns: single-precision prices, whole volumes."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(days)))), 2)
    frame = pd.DataFrame(
        {
            "Open": close + 0.25,
            "High": close + 0.5,
            "Low": close - 0.5,
            "Close": close,
            "Volume": rng.integers(1, 10**6, len(days)),
        },
        index=days,
    )
    frame[["Open", "High", "Low", "Close"]] = frame[["Open", "High", "Low", "Close"]].astype(np.float32).astype(np.float64)
    if not adjusted:
        frame.insert(4, "Adj Close", frame["Close"] * 0.99)
    if actions:
        frame["Dividends"] = 0.0
        frame["Stock Splits"] = 0.0
    return frame


def empty(days: pd.DatetimeIndex, *, adjusted: bool) -> pd.DataFrame:
    """What stands for a ticker that failed: six columns of nothing."""
    del adjusted  # a failed ticker has them all, whatever was asked for
    return pd.DataFrame(np.nan, index=days, columns=["Open", "High", "Low", "Close", "Adj Close", "Volume"])


def many(parts: dict[str, pd.DataFrame], *, group_by: str = "column") -> pd.DataFrame:
    """The parts as one frame with two levels of columns, over all of their days."""
    frame = pd.concat(parts.values(), axis=1, keys=parts.keys(), names=["Ticker", "Price"], sort=True)
    frame.index.name = "Date"
    if group_by == "column":
        frame = frame.swaplevel(0, 1, axis=1).sort_index(level=0, axis=1)
    return frame


def weekdays(start: str, count: int) -> pd.DatetimeIndex:
    return pd.bdate_range(start, periods=count, unit="s")
