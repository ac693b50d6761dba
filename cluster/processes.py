"""Processes in one terminal: each line with its process's name, all ended together."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final, Self

from broker.base import die_with_us

#: A worker hands its partitions over and flushes; then it is ended.
_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Running:
    name: str
    process: subprocess.Popen[str]
    printer: threading.Thread
    lasting: bool


class Processes:
    """A context manager: what was started is ended in reverse order when the block ends."""

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

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], *, lasting: bool = True) -> None:
        """Start `python -m command…`; `lasting` ones are not expected to end by themselves."""
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            [*die_with_us(), sys.executable, "-m", *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C is for us; they are then ended one after the other.
            start_new_session=True,
        )
        assert process.stdout is not None
        printer = threading.Thread(target=_print_lines, args=(name, process.stdout), daemon=True)
        printer.start()
        self._running.append(_Running(name, process, printer, lasting))

    def failed(self) -> str | None:
        """Name and exit code of a process that has ended and should not have, if there is one."""
        for running in self._running:
            code = running.process.poll()
            if code is not None and (running.lasting or code != 0):
                return f"{running.name} ended with exit code {code}"
        return None


def _print_lines(name: str, stream: IO[str]) -> None:
    for line in stream:
        print(f"{name:>9} | {line}", end="", flush=True)
