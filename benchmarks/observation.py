"""What a worker's watch over itself costs: its throughput with and without metrics, and with and without inspected copies."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.bars import batched, simulated
from benchmarks.worker import cpu_seconds, health_page, running_worker
from broker.local.start import local_broker
from broker.ports import free_port
from broker.topics import ensure_topics
from errors import BrokerError
from producers.publish import publish
from records import BarBatch, Bars, batch_of
from settings import Settings, load_settings

_TICKERS: Final = 200
#: Days of single bars in each turn of each worker, after a history. All together are too few bars for a training.
_DAYS: Final = 50
_HISTORY: Final = 400
_TURNS: Final = 5
#: Prometheus asks every 15 s; a worker that is asked fifteen times as often shows more than its cost.
_SCRAPE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 300.0


def run() -> Iterator[dict[str, Any]]:
    """Three workers of one broker process the same messages at the same time; their CPU times a message are compared.

    On a machine that does other things besides, seconds would say nothing. Throughput is messages per CPU second. All are
    measured over the same span, so that what a worker does at rest counts equally for each.
    """
    histories = dict(itertools.islice(simulated(_HISTORY + _TURNS * _DAYS), _TICKERS))
    with ExitStack() as stack:
        bootstrap, _ = stack.enter_context(local_broker(load_settings()))
        workers = {
            without: stack.enter_context(_Worker(stack, bootstrap, without)) for without in ("", "metrics", "inspection")
        }
        costs: dict[str, list[float]] = {without: [] for without in workers}
        for turn in range(_TURNS + 1):
            batches = list(_messages(histories, turn))
            before = {without: worker.cpu_seconds() for without, worker in workers.items()}
            # Every worker is first, in the middle and last equally often.
            for without in list(workers)[turn % 3 :] + list(workers)[: turn % 3]:
                workers[without].send(batches)
            for worker in workers.values():
                worker.await_sent()
            for without, worker in workers.items():
                if turn > 0:
                    costs[without].append((worker.cpu_seconds() - before[without]) / len(batches) * 1e6)
    for without in ("metrics", "inspection"):
        ratios = [bare / whole for whole, bare in zip(costs[""], costs[without], strict=True)]
        yield {
            "benchmark": f"a worker's throughput with {without} / without",
            "tickers": _TICKERS,
            "messages": _TICKERS * _DAYS * _TURNS,
            "cpu_us_per_message": round(statistics.median(costs[""]), 1),
            "cpu_us_per_message_without": round(statistics.median(costs[without]), 1),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "aim": ">= 0.97",
        }


def _messages(histories: Mapping[str, Bars], turn: int) -> Iterator[BarBatch]:
    """First the history, then single bars, day after day."""
    if turn == 0:
        for ticker, bars in histories.items():
            yield from batched(ticker, bars[:_HISTORY])
        return
    for day in range(_HISTORY + (turn - 1) * _DAYS, _HISTORY + turn * _DAYS):
        for ticker, bars in histories.items():
            yield batch_of(ticker, bars[day : day + 1], source="bench", as_of=bars[: day + 1].last_date)


class _Worker:
    """A worker without one of its parts; with all parts it is scraped."""

    def __init__(self, stack: ExitStack, bootstrap: str, without: str) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._settings = load_settings(
            kafka_bootstrap=bootstrap, state_dir=folder, worker_port=free_port(), kafka_prefix=f"without-{without}-"
        )
        self._without = without
        self._sent = 0
        self._end = threading.Event()

    def __enter__(self) -> Self:
        ensure_topics(self._settings)
        # No ticker has bars enough for a training.
        environment = {"WITHOUT": self._without, "MINIMUM_BARS": "700", "BARS_DUE_HOURS": "0"}
        self._running = running_worker(self._settings, program=("benchmarks.bare_worker",), **environment)
        self._process: subprocess.Popen[bytes] = self._running.__enter__()
        health_page(self._settings)
        self._scraper = threading.Thread(target=_scrape, args=(self._settings, self._end))
        if not self._without:
            self._scraper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if not self._without:
            self._scraper.join()
        self._running.__exit__(None, None, None)

    def cpu_seconds(self) -> float:
        """The CPU time of the worker alone, without its training processes."""
        return cpu_seconds(self._process)

    def send(self, batches: Sequence[BarBatch]) -> None:
        """Publish the messages."""
        publish(self._settings, batches, resend=True)
        self._sent += len(batches)

    def await_sent(self) -> None:
        """Wait until all messages are processed."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while int(health_page(self._settings)["messages"]) < self._sent:
            if time.monotonic() > deadline:
                raise BrokerError(f"the worker had not {self._sent:,} messages within {_PATIENCE_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)


def _scrape(settings: Settings, end: threading.Event) -> None:
    while not end.wait(_SCRAPE_SECONDS):
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.worker_port}/metrics", timeout=10) as answer:
            answer.read()
