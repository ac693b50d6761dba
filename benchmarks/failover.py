"""The cost of a worker's death at the default settings: from kill -9 to the first forecast from a bar sent after it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import data_name, histories
from broker.local.base import die_with_us
from broker.local.start import local_broker
from broker.ports import free_port
from broker.topics import BARS, ensure_topics, partition_of, topic_name
from errors import BrokerError, StateMissingError
from producers.delivery import Delivery, Message
from producers.publish import publish
from records import BarBatch, Bars, batch_of, encode_batch
from settings import Settings, load_settings
from state.readers import ForecastReader

_TRIALS: Final = 5
_KINDS: Final = 4
_PATIENCE_SECONDS: Final = 120.0


def run() -> Iterator[dict[str, Any]]:
    """The only worker killed and started again, with its tables, without them, with damaged tables; then one of two killed.

    `worker_cpu_seconds` is what the worker that shows the first forecast has used since the kill: on a machine that does other
    things besides, seconds tell less. `restoring_seconds` is what reading, claiming and proving the tables took of it.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bootstrap, _ = stack.enter_context(local_broker(load_settings()))
        settings = load_settings(kafka_bootstrap=bootstrap, state_dir=folder, kafka_prefix="failover-")
        ensure_topics(settings)
        live = _Live(settings)
        live.begin()
        workers = _Workers(stack, settings)
        workers.start("one")
        again = "kill -9 of the only worker, started again at once"
        for name, harm in (
            (again, _nothing),
            (f"{again} without its folder", shutil.rmtree),
            (f"{again} with damaged tables", _flip),
        ):
            yield _trials(name, "<= 5 s", workers, partial(_restart, workers, live, harm))
        workers.start("two")
        yield _trials("kill -9 of one of two workers", "<= 11 s", workers, partial(_takeover, workers, live))


def _trials(name: str, aim: str, workers: _Workers, trial: Callable[[], _Taken]) -> dict[str, Any]:
    taken: list[_Taken] = []
    for _ in range(_TRIALS):
        workers.await_calm()
        taken.append(trial())
    return {
        "benchmark": name,
        "data": data_name(),
        "first_forecast_seconds": [round(trial.first, 1) for trial in taken],
        "last_forecast_seconds": [round(trial.last, 1) for trial in taken],
        "restoring_seconds": [round(trial.restoring, 1) for trial in taken],
        "worker_cpu_seconds": [round(trial.cpu, 1) for trial in taken],
        "aim": f"first forecast {aim} after the kill",
    }


def _nothing(folder: Path) -> None:
    """Leave the tables unchanged."""


def _flip(folder: Path) -> None:
    """Change a byte in the middle of every file with data, in the tables of one partition."""
    for file in [file for kind in ("sst", "log") for file in folder.glob(f"tables/*-0.db/*.{kind}")]:
        content = bytearray(file.read_bytes())
        if content:
            content[len(content) // 2] ^= 0xFF
            file.write_bytes(content)


def _restart(workers: _Workers, live: _Live, harm: Callable[[Path], None]) -> _Taken:
    killed = workers.kill("one")
    harm(live.settings.state_dir / "workers" / "one")
    workers.start("one")
    return workers.with_restoring("one", live.seconds_to_forecasts(live.tickers, killed, lambda: workers.cpu_seconds("one")))


def _takeover(workers: _Workers, live: _Live) -> _Taken:
    theirs = workers.partitions("two")
    tickers = [ticker for ticker in live.tickers if partition_of(ticker.encode(), live.settings.kafka_partitions) in theirs]
    killed = workers.kill("two")
    before = workers.cpu_seconds("one")
    taken = live.seconds_to_forecasts(tickers, killed, lambda: workers.cpu_seconds("one") - before)
    taken = workers.with_restoring("one", taken)
    workers.start("two")
    return taken


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds from a kill to the first and to the last forecast, and the CPU seconds of the worker until the first.

    `restoring` are the seconds of its restoration.
    """

    first: float
    last: float
    cpu: float
    restoring: float = 0.0


@dataclass(slots=True)
class _Share:
    """A ticker's bars; those before `sent` are published."""

    bars: Bars
    sent: int


class _Live:
    """Bars: all but the last days are published at once, the last days one by one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        whole = histories(minimum=600)
        self._shares = {ticker: _Share(bars, len(bars) - _KINDS * _TRIALS) for ticker, bars in whole.items()}

    @property
    def tickers(self) -> list[str]:
        return list(self._shares)

    def begin(self) -> None:
        parts = (
            _batch(ticker, share.bars[start : min(start + 250, share.sent)])
            for ticker, share in self._shares.items()
            for start in range(0, share.sent, 250)
        )
        publish(self.settings, parts, resend=True)

    def seconds_to_forecasts(self, tickers: Sequence[str], since: float, cpu_seconds: Callable[[], float]) -> _Taken:
        """Send each ticker's next bar and wait for the forecasts that rest on them; counted from `since`."""
        waiting: dict[str, str] = {}
        with Delivery(self.settings) as delivery:
            for ticker in tickers:
                share = self._shares[ticker]
                batch = _batch(ticker, share.bars[share.sent : share.sent + 1])
                share.sent += 1
                waiting[ticker] = batch.date[0]
                delivery.send(Message(topic_name(self.settings, BARS), ticker.encode(), encode_batch(batch)))
        first: tuple[float, float] | None = None
        with ForecastReader(self.settings.state_dir, refresh_seconds=0.02) as reader:
            while waiting:
                try:
                    rows = reader.get_many(waiting)
                except StateMissingError:
                    rows = {}  # its folder was removed
                done = [ticker for ticker, row in rows.items() if row.as_of.isoformat() == waiting[ticker]]
                taken = time.monotonic() - since
                if done and first is None:
                    first = (taken, cpu_seconds())
                for ticker in done:
                    del waiting[ticker]
                if taken > _PATIENCE_SECONDS:
                    raise BrokerError(f"no forecast of the bars of {', '.join(waiting)} within {_PATIENCE_SECONDS:g} s")
                time.sleep(0.02)
        assert first is not None
        return _Taken(first[0], taken, first[1])


class _Workers:
    """Worker processes at the default settings except `MODELS`: 498 trainings of all models would take minutes."""

    def __init__(self, stack: ExitStack, settings: Settings) -> None:
        self._settings = settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}
        stack.callback(self._end)

    def start(self, name: str) -> None:
        self._ports[name] = free_port()
        environment = os.environ | {
            "KAFKA_BOOTSTRAP": self._settings.kafka_bootstrap,
            "KAFKA_PREFIX": self._settings.kafka_prefix,
            "STATE_DIR": str(self._settings.state_dir),
            "WORKER_PORT": str(self._ports[name]),
            "LOG_LEVEL": "ERROR",
            "MODELS": "har",
        }
        command = [*die_with_us(), sys.executable, "-m", "streams", "worker", "--id", name]
        self._processes[name] = subprocess.Popen(command, env=environment)

    def kill(self, name: str) -> float:
        """Kill the worker. Returns the moment in monotonic seconds."""
        self._processes[name].kill()
        killed = time.monotonic()
        self._processes.pop(name).wait()
        return killed

    def cpu_seconds(self, name: str) -> float:
        """CPU time of the process itself, without its training processes."""
        fields = Path(f"/proc/{self._processes[name].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def partitions(self, name: str) -> list[int]:
        return list(self._page(name)["partitions"])

    def with_restoring(self, name: str, taken: _Taken) -> _Taken:
        """The trial, with the worker's own report on its restoration."""
        return replace(taken, restoring=float(self._page(name)["restoring_seconds"]))

    def await_calm(self) -> None:
        """Wait until every worker has partitions and no work is in progress."""
        deadline = time.monotonic() + 600
        while not all(self._is_calm(name) for name in self._processes):
            if time.monotonic() > deadline:
                raise BrokerError("the workers did not come to rest within ten minutes")
            time.sleep(0.2)

    def _is_calm(self, name: str) -> bool:
        page = self._page(name)
        waiting = sum(sum(of_topic.values()) for of_topic in page.get("waiting_messages", {}).values())
        return bool(page.get("ready")) and bool(page["partitions"]) and not waiting and not page["trainings_under_way"]

    def _page(self, name: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports[name]}/healthz", timeout=10) as answer:
                return dict(json.load(answer))
        except OSError:
            # Not listening yet, or 503 while partitions are assigned or tables restored.
            return {}

    def _end(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            process.wait(timeout=60)


def _batch(ticker: str, bars: Bars) -> BarBatch:
    return batch_of(ticker, bars, source="bench", as_of=bars.last_date)
