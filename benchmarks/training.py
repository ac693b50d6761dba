"""Retraining: CPU-seconds per ticker with each model's share, beside one AutoARIMA fit; two processes against one."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.bars import data_name, histories
from benchmarks.ingest import ingest
from benchmarks.isolated import in_fresh_process
from evaluation import benchmarks
from evaluation.benchmarks import auto_arima_fits
from history.windows import window_of_bars
from models.contract import Window
from models.results import TrainingJob
from models.training import train_ticker
from settings import load_settings
from streams.training.ticker_pool import new_ticker_pool

TIMED_TICKERS: Final = 10
POOLED_TICKERS: Final = 100


def run() -> Iterator[dict[str, Any]]:
    """Three rows: the cost of a retraining, the same beside one AutoARIMA fit, and the efficiency of a second process."""
    seconds = in_fresh_process(cpu_seconds_per_ticker).result
    total = seconds["all"]
    yield {
        "benchmark": "retrain one ticker, all models validated and selected",
        "data": data_name(),
        "cpu_seconds": round(total, 3),
        "aim": "<= 0.4 CPU-seconds",
        "share": {name: round(value / total, 2) for name, value in seconds.items() if name != "all"},
    }
    yield beside_autoarima(total)
    one, two = (pooled_seconds(jobs) for jobs in (1, 2))
    yield {
        "benchmark": f"{POOLED_TICKERS} tickers, --jobs 2 against --jobs 1",
        "data": data_name(),
        "seconds_1": round(one, 1),
        "seconds_2": round(two, 1),
        "ratio": round(one / two, 2),
        "efficiency": round(one / two / 2, 2),
        "aim": "efficiency >= 0.9",
    }


def timed_windows() -> list[Window]:
    """One look-back of some tickers."""
    lookback = load_settings().lookback
    return [window_of_bars(ticker, bars).last(lookback) for ticker, bars in histories(TIMED_TICKERS, minimum=1008).items()]


def beside_autoarima(retraining_seconds: float) -> dict[str, Any]:
    """A whole retraining over one fit of AutoARIMA to the log returns, and to the log closes, of the same bars."""
    row: dict[str, Any] = {
        "benchmark": "retrain one ticker / one AutoARIMA fit (statsforecast)",
        "data": data_name(),
        "aim": "ratio <= 2",
    }
    if not benchmarks.STATSFORECAST_PYTHON.exists():
        return row | {"skipped": "make .venv-statsforecast installs what it is measured against"}
    windows = timed_windows()
    for name, series in (
        ("log_returns", [window.log_return.tolist() for window in windows]),
        ("log_closes", [np.log(window.close).tolist() for window in windows]),
    ):
        seconds = statistics.median(fit["seconds"] for fit in auto_arima_fits(series, load_settings().horizon))
        row |= {f"cpu_seconds_{name}": round(seconds, 3), f"ratio_{name}": round(retraining_seconds / seconds, 2)}
    return row


def cpu_seconds_per_ticker() -> dict[str, float]:
    """Median CPU-seconds of `train_ticker` over some tickers: with all models, and with each alone."""
    settings = load_settings()
    windows = timed_windows()
    names = tuple(settings.models)
    variants = {"all": names, **{str(name): (name,) for name in names}}
    seconds: dict[str, list[float]] = {label: [] for label in variants}
    for turn, window in enumerate([windows[0], *windows]):
        for label, models in variants.items():
            job = TrainingJob(
                window, b"", settings.horizon, settings.seed, models, settings.minimum_bars, settings.forecast_hash
            )
            started = time.process_time()
            train_ticker(job)
            if turn:  # the first turn loads the libraries
                seconds[label].append(time.process_time() - started)
    return {label: statistics.median(values) for label, values in seconds.items()}


def pooled_seconds(jobs: int) -> float:
    """Wall seconds to ingest and train some tickers in a new state folder, from warm processes on."""
    tickers = frozenset(histories(POOLED_TICKERS + 1, minimum=1008))
    first, *others = sorted(tickers)
    settings = load_settings(jobs=jobs)
    with (
        tempfile.TemporaryDirectory() as folder,
        new_ticker_pool(settings, train_ticker) as pool,
    ):
        ingest(Path(folder) / "warm", pool, frozenset([first]))
        started = time.perf_counter()
        ingest(Path(folder) / "timed", pool, frozenset(others))
        return time.perf_counter() - started
