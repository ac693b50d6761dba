"""Processes of a round. A supervisor restarts each after any exit code, as a service manager does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from broker.local.base import die_with_us
from tests.conftest import ROOT
from tests.kafka.cluster import Worker

#: Seconds before a restart, as `RestartSec` of a service.
RESTART_SECONDS: Final = 1.0
#: A worker that ends by itself this often in a row, without being ready in between, is in a loop.
LOOP_OF_EXITS: Final = 4
#: A service manager waits 90 s after SIGTERM.
STOP_SECONDS: Final = 60.0
CLOCKS: Final = Path(__file__).with_name("clock")


@dataclass(slots=True)
class Slot:
    """A worker's name, the process that runs under it, and whether one should."""

    name: str
    #: Its name here: two slots may have the same WORKER_ID.
    key: str
    environment: dict[str, str]
    folder: Path
    log: Path
    clock: Path
    worker: Worker | None = None
    #: Grows with every start, to distinguish the page of a process from that of the former process.
    generation: int = 0
    wanted: bool = True
    #: No start before this moment, nor while its folder is changed or another process has its name.
    not_before: float = 0.0
    is_held: bool = False
    #: Ended or frozen by a fault.
    expected: bool = False
    frozen: bool = False
    #: It has left for good.
    gone: bool = False
    exits: list[int] = field(default_factory=list)
    failures: int = 0

    @property
    def runs(self) -> bool:
        return self.worker is not None and self.worker.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.worker is not None
        return self.worker.process.pid

    def start(self) -> None:
        """Start the process; it appends to the same log."""
        self.expected = self.frozen = False
        self.generation += 1
        self.worker = Worker(self.name, self.environment, self.log, ("streams", "worker"))

    def end(self, number: signal.Signals) -> None:
        """Send SIGKILL or SIGTERM; the supervisor notices the end. A frozen process is continued first."""
        if self.worker is not None and self.runs:
            self.expected = True
            self.worker.signal(number)
            self.worker.signal(signal.SIGCONT)
            self.frozen = False

    def await_end(self) -> bool:
        """Wait for its end. If it takes too long, kill it and return False."""
        if self.worker is None:
            return True
        try:
            self.worker.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            return False
        return True

    def set_clock(self, seconds: float) -> None:
        """Set the error of its clock from now on, with an atomic write of the file."""
        part = self.clock.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self.clock)


class Supervisor:
    """All slots by name; `tick` starts processes that should run and do not."""

    def __init__(self, folder: Path, environment: dict[str, str], say: Callable[[str], None]) -> None:
        self._folder = folder
        self._environment = environment
        self._say = say
        self.state = folder / "state"
        self.slots: dict[str, Slot] = {}
        self.findings: list[str] = []

    def add(self, name: str, state: Path | None = None, *, key: str | None = None, **environment: str) -> Slot:
        """A new slot, started at once. `key` names it if its name is taken; `environment` adds settings."""
        key = key or name
        clock = self._folder / f"{key}.clock"
        mine = {
            "STATE_DIR": str(state or self.state),
            "STORM_CLOCK": str(clock),
            "PYTHONPATH": f"{CLOCKS}{os.pathsep}{ROOT}",
        }
        folder = (state or self.state) / "workers" / name
        slot = self.slots[key] = Slot(
            name, key, self._environment | mine | environment, folder, self._folder / f"{key}.log", clock
        )
        slot.start()
        return slot

    def wanted(self) -> list[Slot]:
        """The slots that should run, by name."""
        return [slot for _, slot in sorted(self.slots.items()) if slot.wanted]

    def idle(self) -> list[Slot]:
        """The slots that are away for a while."""
        return [slot for _, slot in sorted(self.slots.items()) if not slot.wanted and not slot.gone and slot.key == slot.name]

    def victim(self, draw: float) -> Slot | None:
        """A running slot that should run, at this fraction (0 to 1) of the list; None if there is none."""
        running = [slot for slot in self.wanted() if slot.runs and not slot.frozen]
        return running[int(draw * len(running))] if running else None

    def tick(self) -> None:
        """Note processes that have ended, and restart the processes that should run."""
        now = time.monotonic()
        for slot in self.slots.values():
            if slot.worker is not None and not slot.runs:
                code = slot.worker.process.returncode
                slot.exits.append(code)
                if not slot.expected:
                    self._ended_by_itself(slot, code)
                slot.worker = None
                slot.not_before = max(slot.not_before, now + RESTART_SECONDS)
            if slot.worker is None and slot.wanted and not slot.is_held and now >= slot.not_before:
                slot.start()

    def _ended_by_itself(self, slot: Slot, code: int) -> None:
        self._say(f"{slot.key} ended by itself with exit code {code}")
        slot.failures += 1
        if slot.failures == LOOP_OF_EXITS:
            self.findings.append(f"{slot.key} ended {LOOP_OF_EXITS} times in a row without being ready, exit code {code}")

    def stop_all(self) -> None:
        """SIGTERM to all, and wait. `tick` starts the processes that should run."""
        running = [slot for slot in self.slots.values() if slot.runs]
        for slot in running:
            slot.end(signal.SIGTERM)
        for slot in running:
            if not slot.await_end():
                self.findings.append(f"{slot.key} did not end within {STOP_SECONDS:g} s of SIGTERM")

    def kill_all(self) -> None:
        """Kill everything."""
        for slot in self.slots.values():
            slot.wanted = False
            if slot.worker is not None and slot.runs:
                slot.worker.signal(signal.SIGCONT)
                slot.worker.kill()


def strays(prefix: str, known: Iterable[int]) -> list[int]:
    """Processes with this KAFKA_PREFIX that are not known: children that a worker has left behind."""
    mark = f"KAFKA_PREFIX={prefix}\0".encode()
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if mark in path.read_bytes():
                found.append(int(path.parent.name))
    return sorted(set(found) - set(known))


class Helper:
    """Another program of the round that is restarted when it ends: a sender, a reader, the replica."""

    def __init__(
        self, name: str, command: Iterable[str], environment: dict[str, str], folder: Path, *, not_before: float = 0.0
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [*die_with_us(), sys.executable, "-m", *command]
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._not_before = not_before
        self.wanted = True

    def tick(self) -> None:
        """Start or restart it. A program that ends with 0 has finished."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.wanted = self.wanted and self.process.returncode != 0
            self.process, self._not_before = None, now + RESTART_SECONDS
        if self.process is None and self.wanted and now >= self._not_before:
            with self.log.open("ab") as output:
                self.process = subprocess.Popen(
                    self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=output, start_new_session=True
                )

    @property
    def runs(self) -> bool:
        """Whether a process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> bool:
        """kill -9. Returns whether it ran."""
        if self.process is None or not self.runs:
            return False
        self.process.kill()
        self.process.wait()
        return True

    def stop(self) -> None:
        """End it for good."""
        self.wanted = False
        self.kill()
