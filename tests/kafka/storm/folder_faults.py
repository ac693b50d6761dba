"""Faults of a worker's folder, files, settings and name."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.kafka.storm.cast import Cast
from tests.kafka.storm.damage import damage
from tests.kafka.storm.processes import STOP_SECONDS, Slot


class FolderFaults:
    """Each method injects a fault with its draws. It returns what it did, None if it found no target."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._supervisor = cast.supervisor
        self._watch = cast.watch
        self._twins = 0
        self._copies = 0

    def wipe(self, draws: Sequence[float]) -> str | None:
        """Remove a worker's folder while the worker is down."""
        return self._while_down(draws, "wipe", lambda slot: _removed(slot.folder))

    def damage(self, draws: Sequence[float]) -> str | None:
        """Damage a file of a worker's tables while the worker is down."""
        return self._while_down(draws, "damage", lambda slot: damage(slot.folder, draws[2:]))

    def live_damage(self, draws: Sequence[float]) -> str | None:
        """Damage a file of a worker's tables while the worker runs."""
        slot = self._supervisor.victim(draws[0])
        if slot is None or not any(slot.folder.rglob("*.db")):
            return None
        return f"{slot.key}: {damage(slot.folder, draws[2:])} while it runs"

    def backup(self, draws: Sequence[float]) -> str | None:
        """Copy a worker's folder, and put the copy back later in its place, or beside it as a departed worker's folder."""
        self._copies += 1
        number = self._copies
        copy = self._cast.folder / f"backup-{number}"

        def save(slot: Slot) -> str:
            shutil.copytree(slot.folder, copy)
            self._cast.timer.after(6 + 20 * draws[2], partial(restore, slot))
            return "copied"

        def restore(slot: Slot) -> None:
            if draws[3] < 0.4:
                shutil.copytree(copy, slot.folder.with_name(f"{slot.name}-old{number}"))
                self._cast.say(f"backup: the old folder of {slot.key} beside it")
            elif not slot.is_held:
                slot.is_held = True
                slot.end(signal.SIGTERM if draws[4] < 0.5 else signal.SIGKILL)
                self._once_ended(slot, partial(put_back, slot))

        def put_back(slot: Slot) -> None:
            _removed(slot.folder)
            shutil.copytree(copy, slot.folder)
            slot.is_held = False
            self._watch.expect("backup", slot, again=True)
            self._cast.say(f"backup: the old folder of {slot.key} in its place")

        return self._while_down(draws, "backup", save, measured=False)

    def mixed(self, draws: Sequence[float]) -> str | None:
        """Start a worker with other forecast settings; it must be refused."""
        self._twins += 1
        key = f"mixed{self._twins}"
        slot = self._supervisor.add(key, self._cast.folder / key, HORIZON="5")
        slot.wanted, slot.gone, slot.expected = False, True, True

        def part() -> None:
            if partitions := self._watch.page(slot).get("partitions"):
                self._cast.findings.append(f"a worker with another HORIZON works on partitions {partitions}")
            slot.end(signal.SIGTERM)
            self._once_ended(slot, lambda: None)

        self._cast.timer.after(8 + 8 * draws[0], part)
        return f"{key} with another HORIZON"

    def duplicate(self, draws: Sequence[float]) -> str | None:
        """Start another process with the same WORKER_ID and its own state folder for some seconds, as on another host."""
        slot = self._supervisor.victim(draws[0])
        if slot is None or slot.is_held:
            return None
        self._twins += 1
        key, seconds = f"{slot.name}-twin{self._twins}", 3 + 9 * draws[1]
        twin = self._supervisor.add(slot.name, self._cast.folder / key, key=key)
        twin.wanted, twin.gone, twin.expected = False, True, True
        # Neither process is restarted until the operator has ended the other.
        slot.is_held = slot.expected = True

        def part() -> None:
            twin.end(signal.SIGTERM)
            self._once_ended(twin, go_on)

        def go_on() -> None:
            slot.is_held = slot.expected = False
            self._watch.expect("duplicate", slot, again=not slot.runs)
            self._cast.say(f"{key} is gone again, {slot.key} {'runs' if slot.runs else 'had left'}")

        self._cast.timer.after(seconds, part)
        return f"{key} for {seconds:.1f} s"

    def _while_down(
        self, draws: Sequence[float], kind: str, action: Callable[[Slot], str], *, measured: bool = True
    ) -> str | None:
        slot = self._supervisor.victim(draws[0])
        if slot is None or slot.is_held or not any(slot.folder.rglob("*.db")):
            return None
        number = signal.SIGKILL if draws[1] < 0.5 else signal.SIGTERM
        if measured:
            self._watch.expect(kind, slot, again=True)
        slot.is_held = True
        slot.end(number)

        def act() -> None:
            self._cast.say(f"{kind}: {slot.key}: {action(slot)}")
            slot.is_held = False

        self._once_ended(slot, act)
        return f"{slot.key} ended by {number.name}"

    def _once_ended(self, slot: Slot, action: Callable[[], None]) -> None:
        """Do it as soon as the process has ended, without waiting here."""
        deadline = time.monotonic() + STOP_SECONDS

        def look() -> None:
            if slot.runs and time.monotonic() < deadline:
                self._cast.timer.after(0.1, look)
                return
            if slot.runs:
                self._cast.findings.append(f"{slot.key} did not end within {STOP_SECONDS:g} s of SIGTERM")
                slot.end(signal.SIGKILL)
                slot.await_end()
            action()

        look()


def _removed(folder: Path) -> str:
    # Readers write a table's settings when they open it, perhaps between two steps here.
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    return "its folder removed"
