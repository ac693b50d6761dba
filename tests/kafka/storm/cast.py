"""The processes of a round, for its faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from broker.local.base import LocalBroker
from tests.kafka.storm.kafka_side import KafkaSide
from tests.kafka.storm.processes import Helper, Supervisor
from tests.kafka.storm.timer import Timer
from tests.kafka.storm.watch import Takeovers, Watch

Thing = TypeVar("Thing")


@dataclass(slots=True)
class Cast:
    """The processes of a round. `findings` grows during the storm."""

    supervisor: Supervisor
    watch: Watch
    takeovers: Takeovers
    kafka: KafkaSide
    broker: LocalBroker
    #: A thread that lives as long as the broker: the system ends the broker with the thread that started it.
    broker_thread: Executor
    #: By name: the senders `project`, `independent`, `command`; `replica`; the readers `reader` and, in some rounds, `serve`;
    #: `expected`, the embedded engine over the same messages.
    helpers: dict[str, Helper]
    prefix: str
    environment: dict[str, str]
    folder: Path
    session_seconds: float
    most_workers: int
    say: Callable[[str], None]
    timer: Timer = field(default_factory=Timer)
    findings: list[str] = field(default_factory=list)

    def killed(self, names: Sequence[str], draw: float) -> str | None:
        """kill -9 of one of these helpers, which is started again. Returns its name, None if none of them runs."""
        running = [self.helpers[name] for name in names if name in self.helpers and self.helpers[name].runs]
        if not running:
            return None
        chosen = pick(running, draw)
        chosen.kill()
        return f"{chosen.name} killed"


def pick(values: Sequence[Thing], draw: float) -> Thing:
    """The item at this fraction (0 to 1) of the list."""
    return values[int(draw * len(values))]
