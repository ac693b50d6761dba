"""Forecasts as of earlier dates: CPU time and memory of the process that makes them."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import batched, data_name, histories
from history.forecasting import refresh, training_job
from history.pipeline import absorb
from models.results import encode_trained
from models.training import train_ticker
from optimizer.earlier import EarlierForecasts
from records import Bars, date_of
from settings import Settings, load_settings
from state.folder import StateFolder

TICKERS: Final = 50
MEGABYTE: Final = 1 << 20


def run() -> Iterator[dict[str, Any]]:
    """A row for each question: the first, another date, a date before the newest training, and the same again."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        settings = load_settings(state_dir=Path(name) / "state")
        bars = histories(TICKERS, minimum=1000)
        _write(settings, bars)
        days = next(iter(bars.values())).day
        source = EarlierForecasts(settings)
        try:
            for question, row in (("first", -2), ("another date", -3), ("before the models", -9), ("repeated", -9)):
                yield _measured(source, list(bars), question, date_of(int(days[row])))
        finally:
            source.close()
    logging.disable(logging.NOTSET)


def _write(settings: Settings, bars: dict[str, Bars]) -> None:
    with StateFolder(settings.state_dir).open_writer() as writer:
        for ticker, held in bars.items():
            state = None
            for batch in batched(ticker, held):
                state, _ = absorb(state, batch, today=held.last_date, settings=settings)
            assert state is not None
            assert state.due is not None
            trained = train_ticker(training_job(state, state.due, settings))
            writer.history.save(state, changed_from=0)
            writer.models.put(ticker, encode_trained(trained))
            writer.forecasts.put(refresh(state, trained, settings))


def _measured(source: EarlierForecasts, tickers: list[str], question: str, date: dt.date) -> dict[str, Any]:
    before, begun = _child_seconds(source), time.perf_counter()
    assert len(source.rows(date, tickers).rows) == len(tickers)
    seconds, child = time.perf_counter() - begun, _child_seconds(source) - before
    return {
        "benchmark": f"earlier: {question}",
        "data": data_name(),
        "tickers": len(tickers),
        "seconds": round(seconds, 3),
        "process_cpu_seconds": round(child, 2),
        "process_cpu_ms_per_ticker": round(1000 * child / len(tickers), 1),
        "process_rss_mb": round(_megabytes(source.pid)),
        "aim": "500 tickers in some seconds, once a date",
    }


def _child_seconds(source: EarlierForecasts) -> float:
    if source.pid is None:
        return 0.0
    fields = Path(f"/proc/{source.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, itertools.islice(fields, 11, 13))) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int | None) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
