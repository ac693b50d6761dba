"""What a worker's metrics cost it: the CPU of the same bars with and without scrapes, fifteen times as many as usual."""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from benchmarks.bars import data_name, histories
from benchmarks.ingest import ingest, warm_up
from monitoring.exposition import metrics_text
from monitoring.figures import CalendarFigures, PartitionFigures, TableFigures, WorkerFigures
from monitoring.worker_metrics import worker_registry
from streams.kafka.worker.health import table_bytes
from tests.made.figures import figures

#: Prometheus scrapes every 15 s.
_SCRAPE_SECONDS: Final = 1.0
_TICKERS: Final = 250
_PAIRS: Final = 4


def run() -> Iterator[dict[str, Any]]:
    """A row: the ratio of bars per CPU-second with scrapes to that without, and the CPU of one scrape."""
    warm_up()
    tickers = frozenset(list(histories())[:_TICKERS])
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        registry = worker_registry(lambda: _figures(Path(folder)))
        metrics_text(registry)
        started = time.process_time()
        for _ in range(100):
            metrics_text(registry)
        scrape_ms = (time.process_time() - started) * 10.0
        for number in range(_PAIRS):
            spent: dict[bool, float] = {}
            # The second of two runs has an advantage or a handicap of its own: each has its turn.
            for scraped in (number % 2 == 0, number % 2 == 1):
                with _scraped(registry) if scraped else nullcontext():
                    spent[scraped] = _cpu_seconds(Path(folder) / f"{number}-{scraped}", tickers)
            ratios.append(spent[False] / spent[True])
    yield {
        "benchmark": "metrics' own cost",
        "data": data_name(),
        "scrapes_a_minute": round(60.0 / _SCRAPE_SECONDS),
        "throughput_with_to_without": round(statistics.median(ratios), 3),
        "aim": ">= 0.97",
        "cpu_ms_a_scrape": round(scrape_ms, 2),
    }


def _cpu_seconds(folder: Path, tickers: frozenset[str]) -> float:
    started = time.process_time()
    ingest(folder, tickers=tickers)
    return time.process_time() - started


@contextmanager
def _scraped(registry: CollectorRegistry) -> Iterator[None]:
    stop = threading.Event()

    def scrape() -> None:
        metrics_text(registry)
        while not stop.wait(_SCRAPE_SECONDS):
            metrics_text(registry)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _figures(folder: Path) -> WorkerFigures:
    """As many numbers as a worker of eight partitions has."""
    return figures(
        "w1",
        partitions=tuple(PartitionFigures(number, number % 2 == 0, 5, 1.0, 0.0, 2.0) for number in range(8)),
        rejected={"price": 1, "date": 1, "future": 1},
        calendars=tuple(CalendarFigures(name, 100, dt.date(2026, 11, 25), 0) for name in ("XNYS", "XLON", "XTKS")),
        table=TableFigures(500, 490, 10, {"too_few_bars": 3, "not_trained_yet": 2}, 0, 0.5, 2, dt.date(2026, 11, 20)),
        table_bytes=table_bytes(folder),
        training_seconds={"har": 1.0, "arima": 20.0, "xgboost": 3.0, "lstm": 3.0},
        market_model_fit=dt.date(2017, 12, 25),
    )
