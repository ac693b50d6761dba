"""Carrying out the faults of a plan on the processes of a round."""

from __future__ import annotations

import heapq
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from broker.base import LocalBroker
from tests import proc
from tests.conftest import ROOT
from tests.kafka.storm.damage import damage
from tests.kafka.storm.kafka_side import KafkaSide
from tests.kafka.storm.plan import Fault
from tests.kafka.storm.processes import Helper, Slot, Supervisor
from tests.kafka.storm.watch import Takeovers, Watch

Thing = TypeVar("Thing")
NEVER: Final = float("inf")
DAY_SECONDS: Final = 86_400.0
_CLOCKS: Final = (-DAY_SECONDS, DAY_SECONDS, -1000 * DAY_SECONDS, 1000 * DAY_SECONDS)
#: Faults that no worker notices.
_ASIDE: Final = ("producer", "replica", "reader")
_REBUILD_SECONDS: Final = 120.0


@dataclass(slots=True)
class Cast:
    """Whom a storm has to do with."""

    supervisor: Supervisor
    watch: Watch
    takeovers: Takeovers
    kafka: KafkaSide
    broker: LocalBroker
    #: One thread for as long as the broker lives: the system ends the broker with the thread that started it.
    broker_thread: Executor
    senders: list[Helper]
    replica: Helper
    readers: list[Helper]
    environment: dict[str, str]
    folder: Path
    session_seconds: float


class Injector:
    """`inject` begins a fault, `tick` goes on with those that last; `calm` brings all of them to their end."""

    def __init__(self, cast: Cast, say: Callable[[str], None], *, most_workers: int) -> None:
        self._cast = cast
        self._supervisor = cast.supervisor
        self._watch = cast.watch
        self._say = say
        self._most_workers = most_workers
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._starting: Future[None] | None = None
        self._names = 0
        self._postponed: list[Fault] = []
        self.broker_is_up = True
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []

    def inject(self, fault: Fault) -> None:
        """Begin a fault. One that needs the broker waits for it."""
        action = getattr(self, "_" + fault.kind.replace("-", "_"))
        if fault.kind in {"offsets", "rebuild"} and not self.broker_is_up:
            self._postponed.append(fault)
            return
        under_way = self._watch.under_way(), self._cast.takeovers.under_way()
        done = action(fault.draws)
        if done is not None:
            self.counts[fault.kind] += 1
            if fault.kind not in _ASIDE:
                self._watch.disturb(under_way[0])
                self._cast.takeovers.disturb(under_way[1])
        self._say(f"{fault.kind}: {done or 'nothing to do it to'}")

    def tick(self) -> None:
        """What is due of the faults that last."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()
        if self._starting is not None and self._starting.done():
            self._starting.result()
            self._starting, self.broker_is_up = None, True
            self._say("the broker answers again")
            for slot in self._supervisor.wanted():
                self._watch.expect("broker", slot, again=False)
            waiting, self._postponed = self._postponed, []
            for fault in waiting:
                self.inject(fault)

    @property
    def is_calm(self) -> bool:
        """Whether every fault has come to its end."""
        return not self._later and self._starting is None and self.broker_is_up and not self._postponed

    def calm(self) -> None:
        """What was to end later ends now."""
        while self._later:
            heapq.heappop(self._later)[2]()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, action))

    def _victim(self, draw: float) -> Slot | None:
        running = [slot for slot in self._supervisor.wanted() if slot.runs and not slot.frozen]
        return _pick(running, draw) if running else None

    # -- Ends and starts of workers ----------------------------------------------------------------------------------

    def _kill(self, draws: Sequence[float], number: signal.Signals = signal.SIGKILL) -> str | None:
        slot = self._victim(draws[0])
        if slot is None:
            return None
        self._watch.expect("kill" if number == signal.SIGKILL else "term", slot, again=True)
        slot.end(number)
        return slot.key

    def _term(self, draws: Sequence[float]) -> str | None:
        return self._kill(draws, signal.SIGTERM)

    def _freeze(self, draws: Sequence[float], low: float = 1.0, high: float = 8.0, kind: str = "freeze") -> str | None:
        slot = self._victim(draws[0])
        if slot is None:
            return None
        worker, generation, seconds = slot.worker, slot.generation, low + draws[1] * (high - low)
        assert worker is not None
        slot.frozen = True
        worker.signal(signal.SIGSTOP)

        def wake() -> None:
            if slot.generation == generation and slot.frozen and slot.runs:
                # One that was frozen for too long leaves by itself, as it should.
                slot.frozen, slot.expected = False, kind == "long-freeze"
                self._watch.expect(kind, slot, again=False)
                worker.signal(signal.SIGCONT)

        self._after(seconds, wake)
        return f"{slot.key} for {seconds:.1f} s"

    def _long_freeze(self, draws: Sequence[float]) -> str | None:
        session = self._cast.session_seconds
        return self._freeze(draws, 0.9 * session, 2.0 * session, "long-freeze")

    def _rolling(self, draws: Sequence[float]) -> str | None:
        slots = [slot for slot in self._supervisor.wanted() if slot.runs]
        gap = 1.5 + 4 * draws[0]
        for number, slot in enumerate(slots):
            self._after(number * gap, lambda slot=slot: slot.end(signal.SIGTERM))  # type: ignore[misc]
        return f"{len(slots)} workers, {gap:.1f} s apart"

    def _burst(self, draws: Sequence[float]) -> str | None:
        """A storm of rebalances: ends and starts a second or two apart."""
        for number, draw in enumerate(draws[2:]):
            end = self._kill if draw < 0.4 else self._term if draw < 0.7 else self._swap
            self._after(number * (0.5 + 2 * draws[0]), lambda end=end, draw=draw: end([draw * 97 % 1] * 8))  # type: ignore[misc]
        return f"{len(draws) - 2} ends and starts"

    def _swap(self, draws: Sequence[float]) -> str | None:
        return self._scale_up(draws) if draws[0] < 0.5 else self._scale_down(draws)

    def _scale_up(self, draws: Sequence[float]) -> str | None:
        if len(self._supervisor.wanted()) >= self._most_workers:
            return self._depart(draws, gone=False)
        idle = [slot for slot in self._supervisor.slots.values() if not slot.wanted and not slot.gone and slot.key == slot.name]
        if idle and draws[1] < 0.7:
            slot = _pick(idle, draws[2])
            slot.wanted = True
            return f"{slot.key} again"
        return self._new_worker().key

    def _scale_down(self, draws: Sequence[float]) -> str | None:
        if len(self._supervisor.wanted()) < 2 < self._most_workers + 1:
            return self._scale_up(draws)
        return self._depart(draws, gone=False)

    def _leave(self, draws: Sequence[float]) -> str | None:
        """One leaves for good, its folder stays; the last one is replaced by another."""
        if len(self._supervisor.wanted()) < 2:
            self._new_worker()
        return self._depart(draws, gone=True)

    def _depart(self, draws: Sequence[float], *, gone: bool) -> str | None:
        slot = self._victim(draws[0])
        if slot is None or not [other for other in self._supervisor.wanted() if other is not slot]:
            return None
        partitions = self._watch.page(slot).get("partitions", [])
        slot.wanted, slot.gone = False, gone
        slot.end(signal.SIGKILL if draws[3] < 0.5 else signal.SIGTERM)
        if partitions:
            self._cast.takeovers.orphaned(partitions)
        return f"{slot.key} by {'SIGKILL' if draws[3] < 0.5 else 'SIGTERM'}"

    def _new_worker(self) -> Slot:
        self._names += 1
        return self._supervisor.add(f"n{self._names}")

    # -- What workers rest on ----------------------------------------------------------------------------------------

    def _pool(self, draws: Sequence[float]) -> str | None:
        slot = self._victim(draws[0])
        worker = None if slot is None else slot.worker
        if slot is None or worker is None:
            return None
        children = worker.training_processes()
        return f"{slot.key}, {_kill_processes(children)} training processes" if children else None

    def _forkserver(self, draws: Sequence[float]) -> str | None:
        slot = self._victim(draws[0])
        if slot is None:
            return None
        servers = [pid for pid in proc.children(slot.pid) if proc.is_forked_for_training(pid)]
        return f"{slot.key}, {_kill_processes(servers)} of it" if servers else None

    def _wipe(self, draws: Sequence[float]) -> str | None:
        return self._while_down(draws, "wipe", lambda slot: _removed(slot.folder))

    def _damage(self, draws: Sequence[float]) -> str | None:
        return self._while_down(draws, "damage", lambda slot: damage(slot.folder, draws[2:]))

    def _while_down(self, draws: Sequence[float], kind: str, action: Callable[[Slot], str]) -> str | None:
        slot = self._victim(draws[0])
        if slot is None or not any(slot.folder.rglob("*.db")):
            return None
        self._watch.expect(kind, slot, again=True)
        slot.end(signal.SIGKILL if draws[1] < 0.5 else signal.SIGTERM)
        if not slot.await_end():
            self.findings.append(f"{slot.key} did not end by SIGTERM")
        return f"{slot.key}: {action(slot)}"

    def _live_damage(self, draws: Sequence[float]) -> str | None:
        slot = self._victim(draws[0])
        if slot is None or not any(slot.folder.rglob("*.db")):
            return None
        return f"{slot.key}: {damage(slot.folder, draws[2:])} while it runs"

    def _duplicate(self, draws: Sequence[float]) -> str | None:
        """Another process of the same WORKER_ID, as on another host: with a state folder of its own."""
        slot = self._victim(draws[0])
        if slot is None or slot.not_before == NEVER:
            return None
        self._names += 1
        key, seconds = f"{slot.name}-twin{self._names}", 3 + 9 * draws[1]
        twin = self._supervisor.add(slot.name, self._cast.folder / key, key=key)
        twin.wanted, twin.gone, twin.expected = False, True, True
        # Whichever of the two leaves, nobody brings it back until the operator has seen to the other one.
        slot.not_before, slot.expected = NEVER, True

        def part() -> None:
            twin.end(signal.SIGTERM)
            if not twin.await_end():
                self.findings.append(f"{key} did not end by SIGTERM")
            slot.not_before = 0.0
            self._watch.expect("duplicate", slot, again=not slot.runs)
            self._say(f"{key} is gone again, {slot.key} {'runs' if slot.runs else 'had left'}")
            slot.expected = False

        self._after(seconds, part)
        return f"{key} for {seconds:.1f} s"

    def _clock(self, draws: Sequence[float]) -> str | None:
        """Started again with a wrong clock, which is put right while it runs or with another start."""
        slot = self._victim(draws[0])
        if slot is None:
            return None
        offset = _pick(_CLOCKS, draws[1])
        self._watch.expect("clock", slot, again=True)
        slot.end(signal.SIGTERM if draws[2] < 0.5 else signal.SIGKILL)
        slot.set_clock(offset)

        def put_right() -> None:
            slot.set_clock(0.0)
            if draws[3] < 0.5:
                slot.end(signal.SIGTERM)

        self._after(8 + 12 * draws[4], put_right)
        return f"{slot.key} started {offset / DAY_SECONDS:+.0f} days off"

    def _clock_jump(self, draws: Sequence[float]) -> str | None:
        slot = self._victim(draws[0])
        if slot is None:
            return None
        offset = _pick(_CLOCKS, draws[1])
        slot.set_clock(offset)
        self._after(3 + 12 * draws[2], lambda: slot.set_clock(0.0))
        return f"{slot.key} jumps by {offset / DAY_SECONDS:+.0f} days while it runs"

    # -- Everything else ---------------------------------------------------------------------------------------------

    def _broker(self, draws: Sequence[float], low: float = 1.0, high: float = 12.0) -> str | None:
        if not self.broker_is_up:
            return None
        seconds = low + draws[0] * (high - low)
        self.broker_is_up = False
        self._cast.broker_thread.submit(self._cast.broker.kill).result()

        def start() -> None:
            self._starting = self._cast.broker_thread.submit(self._cast.broker.start)

        self._after(seconds, start)
        return f"away for {seconds:.1f} s"

    def _long_broker(self, draws: Sequence[float]) -> str | None:
        return self._broker(draws, 12.0, 70.0)

    def _offsets(self, draws: Sequence[float]) -> str | None:
        self._supervisor.stop_all()
        return self._cast.kafka.forget_offsets(draws[0], self._cast.session_seconds + 20)

    def _rebuild(self, _draws: Sequence[float]) -> str | None:
        self._supervisor.stop_all()
        command = [sys.executable, "-m", "streams", "rebuild", "--state", str(self._supervisor.state)]
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
            self.findings.append(f"rebuild ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return "done" if done.returncode == 0 else "failed"

    def _producer(self, draws: Sequence[float]) -> str | None:
        running = [sender for sender in self._cast.senders if sender.wanted]
        return f"{sender.name} killed" if running and (sender := _pick(running, draws[0])).kill() else None

    def _replica(self, _draws: Sequence[float]) -> str | None:
        return "killed" if self._cast.replica.kill() else None

    def _reader(self, draws: Sequence[float]) -> str | None:
        reader = _pick(self._cast.readers, draws[0])
        return f"{reader.name} killed" if reader.kill() else None


def _pick(values: Sequence[Thing], draw: float) -> Thing:
    return values[int(draw * len(values))]


def _kill_processes(pids: Sequence[int]) -> int:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def _removed(folder: Path) -> str:
    # Readers write the settings of a table anew as they open it, perhaps between two steps of this.
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    return "its folder removed"
