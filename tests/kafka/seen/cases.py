"""The faults that nobody could see: how each is caused in a cluster, and who sees it by what."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from broker.local.base import LocalBroker
from tests.kafka.cluster import Cluster, Worker
from tests.kafka.worker.test_readiness import OLD_BARS, american
from tests.made.bars import made_bars

#: Workers besides the watching worker, and the broker.
Cast = tuple[Cluster, Worker, LocalBroker]


@dataclass(frozen=True)
class Case:
    """A fault; `reason` is its code on the pages of the first worker, `alert` the rule that it has to meet.

    `worsen` is called again and again until the fault is seen, with the number of the call; it makes a fault last.
    """

    name: str
    reason: str
    alert: str
    begin: Callable[[Cast], None]
    worsen: Callable[[Cast, int], None] = lambda cast, turn: None
    program: tuple[str, ...] = ("streams", "worker")
    environment: dict[str, str] = field(default_factory=lambda: dict(OLD_BARS))


def _freeze(cast: Cast) -> None:
    cluster, _, _ = cast
    cluster.workers[1].signal(signal.SIGSTOP)
    cluster.publish(made_bars(6, 275, size=1))


def _publish(cast: Cast) -> None:
    cast[0].publish(made_bars(12, 270))


def _old_bars(cast: Cast) -> None:
    cast[0].publish(american(made_bars(6, 270)))


def _kill_training(cast: Cast, turn: int) -> None:
    cluster, worker, _ = cast
    for pid in worker.training_processes():
        os.kill(pid, signal.SIGKILL)
    # Each new week calls for trainings.
    known, count = 270 + 5 * turn, 275 + 5 * turn
    cluster.publish([batch for n, batch in enumerate(made_bars(6, count, size=1)) if n % count >= known])


def _kill_broker(cast: Cast) -> None:
    cast[2].kill()


CASES: Final = (
    Case("a worker is frozen", "foreign_standstill", "TidecastPartitionStandsStill", _freeze),
    Case("the broker is away", "broker_away", "TidecastBrokerAway", _kill_broker),
    Case("bars of years ago, none newer", "bars_late", "TidecastBarsLate", _old_bars, environment={}),
    Case(
        "training processes are killed",
        "pool_dies",
        "TidecastTrainingProcessesDie",
        _publish,
        _kill_training,
        environment=OLD_BARS | {"SWEEP_SECONDS": "2"},
    ),
    Case(
        "trainings fail",
        "trainings_fail",
        "TidecastTrainingsFail",
        _publish,
        program=("tests.kafka.programs.failing_worker",),
    ),
    Case(
        "a partition has no worker",
        "foreign_standstill",
        "TidecastPartitionStandsStill",
        _publish,
        program=("tests.kafka.programs.omitting_worker", "worker"),
    ),
)


@contextmanager
def mended(cast: Cast) -> Iterator[None]:
    """Bring back what a fault took away, at the end."""
    try:
        yield
    finally:
        for worker in cast[0].workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
        cast[2].start()
