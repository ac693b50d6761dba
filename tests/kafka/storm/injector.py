"""Injects a plan's faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from tests.kafka.storm.cast import Cast
from tests.kafka.storm.folder_faults import FolderFaults
from tests.kafka.storm.other_faults import OtherFaults
from tests.kafka.storm.plan import Fault
from tests.kafka.storm.worker_faults import WorkerFaults

#: Faults that do not affect workers.
_ASIDE: Final = ("producer", "replica", "reader")
_NEED_THE_BROKER: Final = ("offsets", "rebuild")
#: Faults that may find no target: workers may be down, or without training processes.
_TRIES: Final = 40
_TRY_SECONDS: Final = 0.25
#: Injects a fault with its draws; returns what was done, None if there was no target.
Action = Callable[[Sequence[float]], str | None]


class Injector:
    """`inject` begins a fault, `tick` continues lasting faults, `calm` ends all faults."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        workers, folders = WorkerFaults(cast), FolderFaults(cast)
        self._others = OtherFaults(cast)
        self._actions: dict[str, Action] = {
            "kill": workers.kill,
            "term": workers.term,
            "freeze": workers.freeze,
            "long-freeze": workers.long_freeze,
            "rolling": workers.rolling,
            "burst": workers.burst,
            "scale-up": workers.scale_up,
            "scale-down": workers.scale_down,
            "leave": workers.leave,
            "pool": workers.pool,
            "forkserver": workers.forkserver,
            "clock": workers.clock,
            "clock-jump": workers.clock_jump,
            "wipe": folders.wipe,
            "damage": folders.damage,
            "live-damage": folders.live_damage,
            "backup": folders.backup,
            "duplicate": folders.duplicate,
            "mixed": folders.mixed,
            "broker": self._others.kill_broker,
            "long-broker": self._others.kill_broker_for_long,
            "offsets": self._others.offsets,
            "rebuild": self._others.rebuild,
            "producer": self._others.producer,
            "replica": self._others.replica,
            "reader": self._others.reader,
        }
        self._postponed: list[Fault] = []
        self.counts: Counter[str] = Counter()

    def inject(self, fault: Fault, tries: int = _TRIES) -> None:
        """Begin a fault. A fault that needs the broker waits for it; a fault without a target is tried again."""
        if fault.kind in _NEED_THE_BROKER and not self._others.broker_is_up:
            self._postponed.append(fault)
            return
        watch, takeovers = self._cast.watch, self._cast.takeovers
        under_way = watch.under_way(), takeovers.under_way()
        done = self._actions[fault.kind](fault.draws)
        if done is None:
            if tries:
                self._cast.timer.after(_TRY_SECONDS, lambda: self.inject(fault, tries - 1))
            else:
                self._cast.say(f"{fault.kind}: nothing to do it to")
            return
        self._cast.say(f"{fault.kind}: {done}")
        self.counts[fault.kind] += 1
        if fault.kind not in _ASIDE:
            watch.disturb(under_way[0])
            takeovers.disturb(under_way[1])

    def tick(self) -> None:
        """Continue the lasting faults."""
        self._cast.timer.tick()
        if self._others.has_come_back():
            waiting, self._postponed = self._postponed, []
            for fault in waiting:
                self.inject(fault)

    @property
    def is_calm(self) -> bool:
        """Whether every fault has ended."""
        return not len(self._cast.timer) and self._others.broker_is_up and not self._postponed

    def calm(self) -> None:
        """End lasting faults now; faults that wait for a process go on waiting."""
        self._cast.timer.hurry()
