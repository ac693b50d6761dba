"""Processes in one terminal: each line has the name of its process, and all end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Final, Self

from broker.local.base import die_with_us

#: A worker flushes and leaves its group within this time; then it is killed.
_STOP_SECONDS: Final = 30.0


class Ending(Enum):
    """The consequence of a process that ends by itself."""

    FINE = "none after exit code 0"
    FAILURE = "all other processes are ended"
    RESTARTED = "it is started again if it was killed or exits with EX_TEMPFAIL, as by a service manager"


@dataclass(frozen=True, slots=True)
class _Running:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ending: Ending
    process: subprocess.Popen[str]
    printer: threading.Thread


class Processes:
    """A context manager: the processes are ended in reverse order at the end of the block."""

    def __init__(self) -> None:
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for running in reversed(self._running):
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for running in reversed(self._running):
            try:
                running.process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            running.printer.join()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], ending: Ending = Ending.FAILURE) -> None:
        """Start `python -m command…`."""
        self._running.append(_started(name, command, environment, ending))

    def watch(self) -> str | None:
        """Restart processes that should be. Returns name and exit code of a process that should not have ended, else None."""
        for at, running in enumerate(self._running):
            code = running.process.poll()
            if code is None or (code == 0 and running.ending is Ending.FINE):
                continue
            said = f"{running.name} ended with exit code {code}"
            if running.ending is not Ending.RESTARTED or (code >= 0 and code != os.EX_TEMPFAIL):
                return said
            print(f"{said}, and is started again", file=sys.stderr, flush=True)
            self._running[at] = _started(running.name, running.command, running.environment, running.ending)
        return None


def _started(name: str, command: Sequence[str], environment: Mapping[str, str], ending: Ending) -> _Running:
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        [*die_with_us(), sys.executable, "-m", *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Ctrl-C reaches this process only, which then ends the others one after the other.
        start_new_session=True,
    )
    assert process.stdout is not None
    printer = threading.Thread(target=_print_lines, args=(name, process.stdout), daemon=True)
    printer.start()
    return _Running(name, command, environment, ending, process, printer)


def _print_lines(name: str, stream: IO[str]) -> None:
    with stream:
        for line in stream:
            print(f"{name:>9} | {line}", end="", flush=True)
