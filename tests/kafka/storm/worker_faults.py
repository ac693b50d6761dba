"""Faults of workers: they end, freeze, come and go, lose their training processes, or have a wrong clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from tests import proc
from tests.kafka.storm.cast import Cast, pick
from tests.kafka.storm.processes import Slot

_DAY_SECONDS: Final = 86_400.0
_CLOCKS: Final = (-_DAY_SECONDS, _DAY_SECONDS, -1000 * _DAY_SECONDS, 1000 * _DAY_SECONDS)


class WorkerFaults:
    """Each method injects a fault with its draws. It returns what it did, None if it found no target."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._supervisor = cast.supervisor
        self._watch = cast.watch
        self._new = 0

    def kill(self, draws: Sequence[float], number: signal.Signals = signal.SIGKILL) -> str | None:
        """kill -9, and the restart."""
        slot = self._supervisor.victim(draws[0])
        if slot is None:
            return None
        self._watch.expect("kill" if number == signal.SIGKILL else "term", slot, again=True)
        slot.end(number)
        return slot.key

    def term(self, draws: Sequence[float]) -> str | None:
        """SIGTERM, and the restart."""
        return self.kill(draws, signal.SIGTERM)

    def freeze(self, draws: Sequence[float], low: float = 1.0, high: float = 8.0, kind: str = "freeze") -> str | None:
        """SIGSTOP, and a later SIGCONT."""
        slot = self._supervisor.victim(draws[0])
        if slot is None or slot.worker is None:
            return None
        worker, generation, seconds = slot.worker, slot.generation, low + draws[1] * (high - low)
        slot.frozen = True
        worker.signal(signal.SIGSTOP)

        def wake() -> None:
            if slot.generation == generation and slot.frozen and slot.runs:
                # A worker that was frozen for too long exits by itself, as it should.
                slot.frozen, slot.expected = False, kind == "long-freeze"
                self._watch.expect(kind, slot, again=False)
                worker.signal(signal.SIGCONT)

        self._cast.timer.after(seconds, wake)
        return f"{slot.key} for {seconds:.1f} s"

    def long_freeze(self, draws: Sequence[float]) -> str | None:
        """Freeze a worker for about its session, or twice its session."""
        session = self._cast.session_seconds
        return self.freeze(draws, 0.9 * session, 2.0 * session, "long-freeze")

    def rolling(self, draws: Sequence[float]) -> str | None:
        """SIGTERM to all workers, one after another."""
        slots = [slot for slot in self._supervisor.wanted() if slot.runs]
        gap = 1.5 + 4 * draws[0]
        for number, slot in enumerate(slots):
            self._cast.timer.after(number * gap, partial(slot.end, signal.SIGTERM))
        return f"{len(slots)} workers, {gap:.1f} s apart"

    def burst(self, draws: Sequence[float]) -> str | None:
        """A storm of rebalances: stops and starts a second or two apart."""
        for number, draw in enumerate(draws[2:]):
            self._cast.timer.after(number * (0.5 + 2 * draws[0]), partial(self._upset, draw))
        return f"{len(draws) - 2} ends and starts"

    def _upset(self, draw: float) -> None:
        slot = self._supervisor.victim(draw * 97 % 1)
        if draw < 0.3:
            self.scale_up([draw * 89 % 1] * 8)
        elif slot is not None:
            slot.end(signal.SIGKILL if draw < 0.7 else signal.SIGTERM)

    def scale_up(self, draws: Sequence[float]) -> str | None:
        """Add a worker: new, or with the old folder of a worker that was away. If there are enough, stop a worker."""
        if len(self._supervisor.wanted()) >= self._cast.most_workers:
            return self._depart(draws, gone=False)
        idle = self._supervisor.idle()
        if idle and draws[1] < 0.7:
            slot = pick(idle, draws[2])
            slot.wanted = True
            return f"{slot.key} again"
        return f"{self._new_worker().key} is new"

    def scale_down(self, draws: Sequence[float]) -> str | None:
        """Stop a worker for a while; if it is the last, add one."""
        if len(self._supervisor.wanted()) < 2 and self._cast.most_workers > 1:
            return self.scale_up(draws)
        return self._depart(draws, gone=False)

    def leave(self, draws: Sequence[float]) -> str | None:
        """A worker leaves for good and its folder stays; if it is the last, another replaces it."""
        if len(self._supervisor.wanted()) < 2:
            self._new_worker()
        return self._depart(draws, gone=True)

    def _depart(self, draws: Sequence[float], *, gone: bool) -> str | None:
        slot = self._supervisor.victim(draws[0])
        if slot is None or slot.is_held or self._supervisor.wanted() == [slot]:
            return None
        partitions = self._watch.page(slot).get("partitions", [])
        number = signal.SIGKILL if draws[3] < 0.5 else signal.SIGTERM
        slot.wanted, slot.gone = False, gone
        slot.end(number)
        if partitions:
            self._cast.takeovers.orphaned(partitions)
        return f"{slot.key} leaves by {number.name}"

    def _new_worker(self) -> Slot:
        self._new += 1
        return self._supervisor.add(f"n{self._new}")

    def pool(self, draws: Sequence[float]) -> str | None:
        """kill -9 of training processes."""
        slot = self._supervisor.victim(draws[0])
        if slot is None or slot.worker is None:
            return None
        return _killed(slot, slot.worker.training_processes())

    def forkserver(self, draws: Sequence[float]) -> str | None:
        """kill -9 of the forkserver."""
        slot = self._supervisor.victim(draws[0])
        if slot is None:
            return None
        return _killed(slot, [pid for pid in proc.children(slot.pid) if proc.is_forked_for_training(pid)])

    def clock(self, draws: Sequence[float]) -> str | None:
        """Restart a worker with a wrong clock; the clock is corrected while the worker runs or with another restart."""
        slot = self._supervisor.victim(draws[0])
        if slot is None:
            return None
        offset = pick(_CLOCKS, draws[1])
        self._watch.expect("clock", slot, again=True)
        slot.end(signal.SIGTERM if draws[2] < 0.5 else signal.SIGKILL)
        slot.set_clock(offset)

        def put_right() -> None:
            slot.set_clock(0.0)
            if draws[3] < 0.5:
                slot.end(signal.SIGTERM)

        self._cast.timer.after(8 + 12 * draws[4], put_right)
        return f"{slot.key} started {offset / _DAY_SECONDS:+.0f} days off"

    def clock_jump(self, draws: Sequence[float]) -> str | None:
        """A running worker's clock jumps, and jumps back."""
        slot = self._supervisor.victim(draws[0])
        if slot is None:
            return None
        offset = pick(_CLOCKS, draws[1])
        slot.set_clock(offset)
        self._cast.timer.after(3 + 12 * draws[2], partial(slot.set_clock, 0.0))
        return f"{slot.key} jumps by {offset / _DAY_SECONDS:+.0f} days while it runs"


def _killed(slot: Slot, pids: Sequence[int]) -> str | None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return f"{slot.key}, {len(pids)} processes" if pids else None
