"""Faults around the workers: the broker, the group's offsets, producers, readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from tests.conftest import ROOT
from tests.kafka.storm.cast import Cast

_REBUILD_SECONDS: Final = 120.0


class OtherFaults:
    """Each method injects a fault with its draws. It returns what it did, None if it found no target."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._starting: Future[None] | None = None
        self.broker_is_up = True

    def kill_broker(self, draws: Sequence[float], low: float = 1.0, high: float = 12.0) -> str | None:
        """kill -9 of the broker, and a later start."""
        if not self.broker_is_up:
            return None
        seconds = low + draws[0] * (high - low)
        self.broker_is_up = False
        self._cast.broker_thread.submit(self._cast.broker.kill).result()

        def start() -> None:
            self._starting = self._cast.broker_thread.submit(self._cast.broker.start)

        self._cast.timer.after(seconds, start)
        return f"away for {seconds:.1f} s"

    def kill_broker_for_long(self, draws: Sequence[float]) -> str | None:
        """The broker is away for up to 70 s."""
        return self.kill_broker(draws, 12.0, 70.0)

    def has_come_back(self) -> bool:
        """Whether the broker answers again; True once after each outage."""
        if self._starting is None or not self._starting.done():
            return False
        self._starting.result()
        self._starting, self.broker_is_up = None, True
        self._cast.say("the broker answers again")
        self._cast.takeovers.broker_is_back()
        return True

    def offsets(self, draws: Sequence[float]) -> str | None:
        """Set the group's offsets back while all workers are stopped."""
        self._cast.supervisor.stop_all()
        return self._cast.kafka.forget_offsets(draws[0], self._cast.session_seconds + 20)

    def rebuild(self, _draws: Sequence[float]) -> str | None:
        """Run `streams rebuild` while all workers are stopped."""
        self._cast.supervisor.stop_all()
        command = [sys.executable, "-m", "streams", "rebuild", "--state", str(self._cast.supervisor.state)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._cast.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_REBUILD_SECONDS,
        )
        if done.returncode != 0:
            self._cast.findings.append(f"rebuild ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return "done" if done.returncode == 0 else "failed"

    def producer(self, draws: Sequence[float]) -> str | None:
        """kill -9 of a sender during its work."""
        return self._cast.killed(("project", "independent", "command"), draws[0])

    def replica(self, draws: Sequence[float]) -> str | None:
        """kill -9 of the replica."""
        return self._cast.killed(("replica",), draws[0])

    def reader(self, draws: Sequence[float]) -> str | None:
        """kill -9 of a reader."""
        return self._cast.killed(("reader", "serve"), draws[0])
