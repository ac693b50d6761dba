"""A new bar of a trained ticker: CPU of its row, with all candidates and with log-HAR alone."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.bars import data_name, histories
from history.forecasting import refresh, training_job
from history.pipeline import absorb
from history.ticker_state import TickerState
from models.serving import load_trained
from models.training import train_ticker
from records import Bars, batch_of
from settings import Settings, load_settings

TICKERS: Final = 4
REPEATS: Final = 50


def run() -> Iterator[dict[str, Any]]:
    """One row."""
    variants = {"all": load_settings(), "har": load_settings(models="har")}
    spent: dict[str, list[float]] = {name: [] for name in variants}
    for ticker, bars in histories(TICKERS, minimum=1008).items():
        for name, settings in variants.items():
            before, now = (_state(ticker, part, settings) for part in (bars[:-1], bars))
            spent[name].append(_milliseconds(before, now, settings))
    median = {name: statistics.median(values) for name, values in spent.items()}
    yield {
        "benchmark": "row of a new bar, trained ticker",
        "data": data_name(),
        "cpu_ms": round(median["all"], 3),
        "cpu_ms_har_alone": round(median["har"], 3),
        "ratio_to_har_alone": round(median["all"] / median["har"], 2),
        "aim": "<= 0.5 ms",
    }


def _state(ticker: str, bars: Bars, settings: Settings) -> TickerState:
    fetched = dt.date(2100, 1, 1)
    batch = batch_of(ticker, bars, source="benchmark", as_of=fetched)
    state, _ = absorb(None, batch, today=fetched, settings=settings)
    assert state is not None
    return state


def _milliseconds(before: TickerState, now: TickerState, settings: Settings) -> float:
    """Of the row of the last bar, when the row of the bar before is known."""
    assert before.due is not None
    loaded = load_trained(train_ticker(training_job(before, before.due, settings)))
    previous = refresh(before, loaded, settings)
    spent = []
    for _ in range(REPEATS):
        started = time.process_time()
        refresh(now, loaded, settings, previous=lambda: previous)
        spent.append(time.process_time() - started)
    return 1000.0 * statistics.median(spent)
