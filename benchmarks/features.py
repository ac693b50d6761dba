"""Rolling features, bar by bar, compared with computing them again with pandas."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.bars import histories
from history.features import CONTEXT_BARS, advance_rows, advance_state, initial_state
from records import MARKET_COLUMNS, Bars

REPEATS = 200


def run() -> Iterator[dict[str, Any]]:
    """CPU microseconds per bar: one bar onto a running state, a whole history, and pandas over the last 253 bars."""
    bars = next(iter(histories(1, minimum=1000).values()))
    one = _cpu_microseconds(_append_one(bars), REPEATS * 10)
    batch = _cpu_microseconds(lambda: advance_rows(initial_state(), bars, 0), REPEATS) / len(bars)
    context = _frame(bars[-(CONTEXT_BARS + 1) :])
    pandas = _cpu_microseconds(lambda: recompute(context), REPEATS)
    yield {
        "benchmark": "rolling features, one bar",
        "cpu_us_per_bar": round(one, 2),
        "cpu_us_per_bar_in_bulk": round(batch, 3),
        "pandas_recompute_cpu_us": round(pandas, 1),
        "ratio": round(pandas / one, 1),
        "aim": ">= 300",
    }


def recompute(frame: pd.DataFrame) -> pd.Series:
    """The same features of the last bar, written with pandas."""
    log_return = _log(frame["close"] / frame["close"].shift())
    overnight = _log(frame["open"] / frame["close"].shift())
    variance = _log(frame["high"] / frame["low"]) ** 2 / (4 * np.log(2)) + overnight**2
    columns = {"log_return": log_return, "overnight_return": overnight}
    columns["overnight_rms_63"] = (overnight**2).rolling(63).mean() ** 0.5
    for width in (5, 21, 63, 252):
        columns[f"realised_variance_{width}"] = (log_return**2).rolling(width).mean()
        columns[f"range_variance_{width}"] = variance.rolling(width).mean()
    for width in (21, 63, 252):
        columns[f"log_range_variance_{width}"] = _log(variance.clip(lower=1e-8)).rolling(width).mean()
        columns[f"momentum_{width}"] = log_return.rolling(width).sum()
    for decay in (94, 97):
        columns[f"ewma_variance_{decay}"] = (log_return**2).ewm(alpha=1 - decay / 100).mean()
    change = frame["close"].diff()
    gain = change.clip(lower=0).ewm(alpha=1 / 14).mean()
    loss = (-change).clip(lower=0).ewm(alpha=1 / 14).mean()
    columns["rsi_14"] = 100 * gain / (gain + loss)
    macd = frame["close"].ewm(span=12).mean() - frame["close"].ewm(span=26).mean()
    signal = macd.ewm(span=9).mean()
    columns["macd_12_26"] = macd / frame["close"]
    columns["macd_signal_9"] = signal / frame["close"]
    columns["macd_histogram_9"] = (macd - signal) / frame["close"]
    volume = _log(1 + frame["volume"])
    columns["volume_zscore_63"] = (volume - volume.rolling(63).mean()) / volume.rolling(63).std(ddof=0)
    columns["drawdown_252"] = frame["close"] / frame["close"].rolling(252).max() - 1
    return pd.DataFrame(columns).iloc[-1]


def _log(values: pd.Series[float]) -> pd.Series[float]:
    return pd.Series(np.log(values.to_numpy()))


def _append_one(bars: Bars) -> Callable[[], object]:
    state = initial_state()
    advance_rows(state, bars, 0)  # compiled, or loaded from the cache, before anything is timed
    before, last = len(bars) - 1, bars[-(CONTEXT_BARS + 1) :]
    running, _ = advance_state(state, bars[:before], 0)
    return lambda: advance_rows(running, last, CONTEXT_BARS)


def _frame(bars: Bars) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(bars, name) for name in MARKET_COLUMNS})


def _cpu_microseconds(work: Callable[[], object], repeats: int) -> float:
    work()
    started = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - started) / repeats * 1e6
