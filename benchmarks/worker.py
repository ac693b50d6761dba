"""A worker process to measure, and its state as seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from errors import BrokerError
from settings import Settings

_PATIENCE_SECONDS: Final = 180.0
_LOOK_SECONDS: Final = 0.05


@contextmanager
def running_worker(
    settings: Settings, *, program: Sequence[str] = ("streams", "worker"), **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m streams worker`, or another program, under these settings, ended in order with the block.

    What is measured is the stream, and a training of 500 tickers with every model takes minutes: HAR alone is trained.
    """
    values = os.environ | {
        "KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "KAFKA_PREFIX": settings.kafka_prefix,
        "STATE_DIR": str(settings.state_dir),
        "WORKER_PORT": str(settings.worker_port),
        "LOG_LEVEL": "ERROR",
        "MODELS": "har",
    }
    command = [sys.executable, "-m", *program, "--id", "bench"]
    process = subprocess.Popen(command, env=values | environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=_PATIENCE_SECONDS)


def health_page(settings: Settings) -> dict[str, Any]:
    """The worker's health page, as soon as it is served."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.worker_port}/healthz", timeout=10) as answer:
                return dict(json.load(answer))
        except OSError:
            # Not listening yet, or 503 while tables are restored.
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)


def await_count(settings: Settings, counter: str, total: int, *, seconds: float = 600.0) -> float:
    """Wait until a counter of the health page is there; its rate per second since the worker was first seen to be ready."""
    deadline = time.monotonic() + seconds
    before = int(health_page(settings)[counter])
    began = time.perf_counter()
    while time.monotonic() < deadline:
        if int(health_page(settings)[counter]) >= total:
            return (total - before) / (time.perf_counter() - began)
        time.sleep(_LOOK_SECONDS)
    raise BrokerError(f"the worker had not {total:,} {counter} within {seconds:g} s")


def await_committed(settings: Settings) -> None:
    """Wait until all offsets are committed: counters run ahead of the end of a turn."""
    while any(health_page(settings)["waiting_messages"]["bars"].values()):
        time.sleep(_LOOK_SECONDS)


def await_trained(settings: Settings) -> None:
    """Wait until no training is running or requested."""
    while (page := health_page(settings))["trainings_under_way"] or any(page["waiting_messages"]["training-requests"].values()):
        time.sleep(1)


def memory_megabytes(process: subprocess.Popen[bytes]) -> float:
    """The resident set of the process alone, without those of its pool."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """What the process alone has computed so far, in all of its threads."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
