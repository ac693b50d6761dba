"""Measures every process of a round at even distances: memory, descriptors, threads, disk, log."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests import proc
from tests.kafka.soak.verdict import Reading, Sample
from tests.kafka.storm.cast import Cast
from tests.kafka.storm.processes import Helper

_PAUSE_SECONDS: Final = 2.0
#: The programs of a round that belong to the project. The others are part of the test.
_HELPERS: Final = ("replica", "serve", "project")
_MEGABYTE: Final = 1e6
#: Of `st_blocks`, whatever the file system.
_BLOCK_BYTES: Final = 512


class Sampler:
    """`samples` grows within `beside`, which also runs the HTTP client."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._stop = threading.Event()
        self._began = time.monotonic()
        #: Answers of the HTTP service, and the first failures.
        self.answers = 0
        self.failures: list[str] = []

    @contextmanager
    def beside(self, cast: Cast) -> Iterator[None]:
        """Measure from now on, until the end of the block."""
        client = Helper(
            "client",
            ["tests.kafka.soak.client", str(cast.helpers["serve"].log), str(cast.folder)],
            cast.environment,
            cast.folder,
        )
        cast.helpers["client"] = client
        self._began = time.monotonic()
        with ThreadPoolExecutor(max_workers=1) as executor:
            measuring = executor.submit(self._run, cast)
            try:
                yield
            finally:
                self._stop.set()
                client.stop()
            measuring.result()
        noted = cast.folder / "client.json"
        if noted.exists():
            found = json.loads(noted.read_text())
            self.answers, self.failures = found["answers"], found["failures"]

    def _run(self, cast: Cast) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            at = time.monotonic() - self._began
            for name, pids, folder, log in _processes(cast):
                reading = reading_of(pids, folder, log)
                if reading is not None:
                    self.samples.append(Sample(at, name, pids[0], reading))


def _processes(cast: Cast) -> Iterator[tuple[str, list[int], Path | None, Path | None]]:
    """Name, processes, folder and log of each part. The processes after the first are measured with it."""
    for slot in list(cast.supervisor.slots.values()):
        worker = slot.worker
        if worker is None or worker.process.poll() is not None:
            continue
        pid = worker.process.pid
        yield slot.key, [pid], slot.folder, slot.log
        # The forkserver and its forks share the pages of what it has loaded: the sum is an upper bound.
        children = list(proc.descendants(pid))
        if children:
            yield f"{slot.key}: pool", children, None, None
    for name in _HELPERS:
        helper = cast.helpers[name]
        process = helper.process
        if process is not None and process.poll() is None:
            yield name, [process.pid], cast.folder / name, helper.log
    for pid in proc.children("self"):
        command = proc.command_line(pid)
        if "kafka.Kafka" in command:
            folder = Path(command[-1]).parent
            yield "broker", [pid], folder / "data", folder / "server.log"


def reading_of(pids: Iterable[int], folder: Path | None, log: Path | None) -> Reading | None:
    """The sums over the processes; None if the first process has ended."""
    memory = descriptors = threads = 0
    page = os.sysconf("SC_PAGE_SIZE")
    for number, pid in enumerate(pids):
        here = Path(f"/proc/{pid}")
        try:
            memory += int((here / "statm").read_text().split()[1]) * page
            descriptors += sum(1 for _ in (here / "fd").iterdir())
            threads += sum(1 for _ in (here / "task").iterdir())
        except (OSError, IndexError):
            if number == 0:
                return None
    return Reading(memory / _MEGABYTE, descriptors, threads, _size(folder) / _MEGABYTE, _size(log) / 1e3)


def _size(path: Path | None) -> int:
    """Bytes that a file, or all files of a folder, take on the disk; files come and go. Kafka's indexes are mostly holes."""
    if path is None:
        return 0
    total = 0
    files = [path] if path.is_file() else (Path(here) / name for here, _, names in os.walk(path) for name in names)
    for file in files:
        with suppress(OSError):
            total += file.stat().st_blocks * _BLOCK_BYTES
    return total
