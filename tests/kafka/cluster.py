"""A cluster for one test: workers as users start them, a publisher, readers, and the embedded engine for comparison."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from broker.local.base import die_with_us
from broker.ports import free_port
from broker.topics import ensure_topics
from history.ticker_state import TickerState, same_state
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from producers.publish import PublishReport, publish
from records import BarBatch, Forecast, RejectedBar
from settings import Settings, load_settings
from state.export import rows_to_json
from state.folder import StateFolder
from state.readers import ForecastReader, HistoryReader
from streams.embedded.engine import EmbeddedEngine
from streams.training.pool import TrainingPool
from streams.training.ticker_pool import preload_for
from tests import proc
from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS, until

#: Small settings, so that a test takes seconds; the embedded engine uses the same. The session is long, so that no worker is
#: taken for dead on a busy machine.
QUICK = {
    "MODELS": "har",
    "LOOKBACK": "252",
    "MINIMUM_BARS": "252",
    "HISTORY_BARS": "504",
    "KAFKA_PARTITIONS": "4",
    "JOBS": "1",
    "WORKER_SESSION_SECONDS": "60",
}
TODAY = dt.date(2026, 1, 2)
#: The rows and the histories that a test waits for.
Expected = tuple[list[Forecast], dict[str, TickerState]]


class Worker:
    """One worker process: `python -m streams worker`, or another program with its options."""

    def __init__(self, name: str, environment: dict[str, str], log: Path, program: Sequence[str]) -> None:
        self.name = name
        self.log = log
        self.port = free_port()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*die_with_us(), sys.executable, "-m", *program, "--id", name],
                cwd=ROOT,
                env=environment | {"WORKER_PORT": str(self.port)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9 of this process only; its children have to notice it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def said(self, text: str) -> int:
        return self.log.read_text(errors="replace").count(text)

    def page(self) -> dict[str, Any]:
        """The health page; empty while the worker does not listen or is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, http.client.HTTPException):
            return {}

    def training_processes(self) -> list[int]:
        """The pool's processes: forks of the forkserver, which is a child of the worker and has the same command line."""
        servers = {pid for pid in proc.children(self.process.pid) if proc.is_forked_for_training(pid)}
        return [pid for server in servers for pid in proc.children(server) if proc.is_forked_for_training(pid)]

    def await_training_processes(self) -> list[int]:
        """Wait for training processes."""
        found: list[int] = []
        until(lambda: found.extend(self.training_processes()) or found)
        return found


class Cluster:
    """The processes of a test; all have the same `settings`."""

    def __init__(self, *, bootstrap: str, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.values = QUICK | {"KAFKA_BOOTSTRAP": bootstrap, "KAFKA_PREFIX": prefix}
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.kill()

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def settings(self, **more: Any) -> Settings:
        return load_settings(**{name.lower(): value for name, value in self.values.items()}, state_dir=self.state, **more)

    def start(self, name: str = "w1", *, program: Sequence[str] = ("streams", "worker"), **environment: str) -> Worker:
        values = os.environ | self.values | {"STATE_DIR": str(self.state), "PYTHONPATH": str(ROOT)} | environment
        worker = Worker(name, values, self.folder / f"{name}.log", program)
        self.workers.append(worker)
        return worker

    def publish(self, items: Iterable[BarBatch | RejectedBar], *, resend: bool = True) -> PublishReport:
        ensure_topics(self.settings())
        return publish(self.settings(), items, resend=resend)

    @contextmanager
    def readers(self) -> Iterator[tuple[ForecastReader, HistoryReader]]:
        with ForecastReader(self.state) as forecasts, HistoryReader(self.state) as histories:
            yield forecasts, histories

    def await_rows(self, expected: Sequence[Forecast]) -> None:
        """Wait until the forecast table is `expected` to the byte; a failure shows the differences."""
        with ForecastReader(self.state) as reader:
            wanted = rows_to_json(expected)
            try:
                until(lambda: rows_to_json(rows_of(reader)) == wanted)
            except AssertionError:
                found = {row.ticker: row for row in rows_of(reader)}
                for row in expected:
                    assert found.get(row.ticker) == row, self.logs()
                raise

    def await_expected(self, expected: Expected) -> None:
        """Wait for the rows, then compare the histories."""
        self.await_rows(expected[0])
        self.assert_states(expected[1])

    def await_bars(self, count: int) -> None:
        """Wait until the histories hold at least `count` bars together."""
        with HistoryReader(self.state) as reader:
            until(lambda: sum(len(state.bars) for state in _states(reader).values()) >= count, self.logs)

    def assert_states(self, expected: dict[str, TickerState]) -> None:
        """Bars, features and due trainings are as expected to the byte, and no bar was counted twice."""
        with HistoryReader(self.state) as reader:
            found = _states(reader)
        assert found.keys() == expected.keys()
        for ticker, state in expected.items():
            assert same_state(found[ticker], state), ticker
            assert found[ticker].counters.accepted == state.counters.accepted, ticker

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.folder.glob("*.log"))

    def embedded(
        self,
        items: Iterable[BarBatch | RejectedBar],
        train: Callable[[TrainingJob], TrainedTicker] = train_ticker,
        today: dt.date = TODAY,
    ) -> Expected:
        """The forecasts and states of the embedded engine for the same bars and settings."""
        settings = self.settings()
        folder = self.folder / "embedded"
        with ExitStack() as stack:
            writer = stack.enter_context(StateFolder(folder).open_writer())
            pool = stack.enter_context(
                TrainingPool(train, jobs=2, deadline_seconds=120.0, preload=preload_for(settings.models))
            )
            engine = EmbeddedEngine(writer, settings, state_dir=folder, today=today, pool=pool, progress=_silent)
            engine.run(items)
        with ForecastReader(folder) as forecasts, HistoryReader(folder) as histories:
            return forecasts.all(), _states(histories)


def by_date(batches: Iterable[BarBatch]) -> list[BarBatch]:
    """The batches in the order of a backfill by date: the first batch of every ticker, then the second of every ticker, …"""
    return sorted(batches, key=lambda batch: (batch.date[0], batch.ticker))


@contextmanager
def _silent(total: int | None, description: str) -> Iterator[Callable[[int], None]]:
    yield lambda count: None


def rows_of(reader: ForecastReader) -> list[Forecast]:
    """The reader's rows; none while there is no readable state."""
    from errors import StateCorruptError, StateMissingError

    try:
        return reader.all()
    except (StateMissingError, StateCorruptError):
        return []


def _states(reader: HistoryReader) -> dict[str, TickerState]:
    from errors import StateMissingError

    try:
        return {ticker: state for ticker in reader.tickers() if (state := reader.state(ticker)) is not None}
    except StateMissingError:
        return {}
