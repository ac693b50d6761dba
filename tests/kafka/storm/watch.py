"""Measures recovery: from a fault until the worker's page is ready with partitions, or until a partition's next forecast."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from tests.kafka.storm.processes import Slot

_PAGE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.1
#: Rows that were on their way at a worker's death arrive within this time; they are no sign of a takeover.
_UNDER_WAY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Recovery:
    """A fault whose end is awaited; `undisturbed` as long as no other fault comes in between."""

    kind: str
    slot: Slot
    generation: int
    began: float
    undisturbed: bool = True


class Watch:
    """Polls the pages of all workers in a thread, and measures times."""

    def __init__(self, slots: Callable[[], list[Slot]]) -> None:
        self._slots = slots
        self._mutex = threading.Lock()
        self._pending: list[Recovery] = []
        self.pages: dict[str, dict[str, Any]] = {}
        #: Seconds by kind of fault; times that another fault disturbed are separate.
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.disturbed: dict[str, int] = defaultdict(int)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm-watch")
        self._thread.start()

    def expect(self, kind: str, slot: Slot, *, again: bool) -> None:
        """Measure the time from now until this worker is ready; `again`: as another process."""
        with self._mutex:
            self._pending.append(Recovery(kind, slot, slot.generation + again, time.monotonic()))

    def under_way(self) -> list[Recovery]:
        """The faults whose end is awaited."""
        with self._mutex:
            return list(self._pending)

    def disturb(self, recoveries: list[Recovery]) -> None:
        """Another fault has come: the awaited times of these faults are disturbed."""
        for recovery in recoveries:
            recovery.undisturbed = False

    def page(self, slot: Slot) -> dict[str, Any]:
        """The last page; empty if it does not answer or is not ready."""
        return self.pages.get(slot.key, {}) if slot.runs else {}

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for slot in self._slots():
                worker, generation = slot.worker, slot.generation
                if worker is None or slot.frozen or not slot.runs:
                    self.pages[slot.key] = {}
                    continue
                page = self.pages[slot.key] = _page(worker.port)
                if page.get("ready") and page.get("partitions") and slot.generation == generation:
                    slot.failures = 0
                    self._recovered(slot)

    def _recovered(self, slot: Slot) -> None:
        now = time.monotonic()
        with self._mutex:
            for one in [one for one in self._pending if one.slot is slot and slot.generation >= one.generation]:
                self._pending.remove(one)
                if one.undisturbed:
                    self.seconds[one.kind].append(now - one.began)
                else:
                    self.disturbed[one.kind] += 1


def _page(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=_PAGE_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return {}


@dataclass(slots=True)
class Orphans:
    """Partitions whose next row is awaited since `began`; earlier rows than `counts_from` do not count."""

    kind: str
    partitions: set[int]
    began: float
    counts_from: float


class Takeovers:
    """Reads the topic `forecasts`: how long partitions wait for their next row after the loss of their worker or the broker."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._options = {"bootstrap_servers": bootstrap, "group_id": None, "auto_offset_reset": "latest"}
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._orphans: list[Orphans] = []
        self._mutex = threading.Lock()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm-takeovers")
        self._thread.start()

    def orphaned(self, partitions: list[int]) -> None:
        """The worker of these partitions has left for good."""
        self._expect("takeover", partitions, _UNDER_WAY_SECONDS)

    def broker_is_back(self) -> None:
        """Every partition was without a broker."""
        self._expect("broker", range(len(self._partitions)), 0.0)

    def under_way(self) -> list[Orphans]:
        """The faults whose end is awaited."""
        with self._mutex:
            return list(self._orphans)

    def disturb(self, orphans: list[Orphans]) -> None:
        """Another fault has come: the awaited times of these partitions are disturbed."""
        with self._mutex:
            self._orphans = [one for one in self._orphans if one not in orphans]

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _expect(self, kind: str, partitions: Iterable[int], under_way_seconds: float) -> None:
        now = time.monotonic()
        with self._mutex:
            self._orphans.append(Orphans(kind, set(partitions), now, now + under_way_seconds))

    def _run(self) -> None:
        consumer = KafkaConsumer(**self._options)
        try:
            consumer.assign(self._partitions)
            while not self._stop.is_set():
                try:
                    found = consumer.poll(timeout_ms=100)
                except (KafkaError, OSError):
                    self._stop.wait(0.5)
                    continue
                if found:
                    self._seen({partition.partition for partition in found})
        finally:
            consumer.close()

    def _seen(self, partitions: set[int]) -> None:
        now = time.monotonic()
        with self._mutex:
            for one in list(self._orphans):
                if now > one.counts_from and one.partitions & partitions:
                    self._orphans.remove(one)
                    self.seconds[one.kind].append(now - one.began)
