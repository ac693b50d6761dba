"""Ingesting the whole set without training: bars per CPU-second, peak memory, bytes of state."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bars import batches, data_name, histories
from benchmarks.isolated import Measured, in_fresh_process
from history.features import advance_state, initial_state
from settings import load_settings
from state.folder import StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.embedded.summary import Summary
from streams.training.ticker_pool import TickerPool


def run() -> Iterator[dict[str, Any]]:
    """A row: reading, validation, features and state of every bar, compared with computing the features alone."""
    with tempfile.TemporaryDirectory() as folder:
        warm_up()
        measured: Measured[Summary] = in_fresh_process(ingest, Path(folder))
        size = sum(file.stat().st_size for file in (Path(folder) / "history.db").glob("*.sst"))
    features = in_fresh_process(features_alone)
    summary = measured.result
    yield {
        "benchmark": "ingest without training",
        "data": data_name(),
        "tickers": summary.tickers,
        "bars": summary.bars_new,
        "bars_per_cpu_second": round(summary.bars_new / measured.cpu_seconds),
        "peak_mb": round(measured.peak_megabytes),
        "aim": ">= 100000 bars per CPU-second, <= 500 MB",
        "ratio_to_features_alone": round(measured.cpu_seconds / features.result, 1),
        "state_bytes_per_ticker": round(size / summary.tickers),
    }


def warm_up() -> None:
    """Compile the features before any timing."""
    bars = next(iter(histories(1).values()))
    advance_state(initial_state(), bars, 0)


def ingest(folder: Path, pool: TickerPool | None = None, tickers: frozenset[str] | None = None) -> Summary:
    """Run the embedded engine over the set (or these tickers of it); `pool` None trains nothing."""
    logging.disable(logging.WARNING)  # tickers without a model are what was asked for
    settings = load_settings(state_dir=folder)
    with StateFolder(folder).open_writer() as writer:
        engine = EmbeddedEngine(writer, settings, state_dir=folder, today=dt.date.max, pool=pool, progress=_silent)
        return engine.run(item for item in batches() if tickers is None or item.ticker in tickers)


def features_alone() -> float:
    """CPU-seconds for the rolling features of all bars of the set."""
    chosen = list(histories().values())
    started = time.process_time()
    for bars in chosen:
        advance_state(initial_state(), bars, 0)
    return time.process_time() - started


@contextlib.contextmanager
def _silent(_total: int | None, _description: str) -> Iterator[Callable[[int], None]]:
    yield lambda _count: None
