"""A watch over what was fetched but never arrived.

When partitions are dealt anew, Faust 0.15 was seen to lose the rest of a fetched batch between its consumer and its agents: of
messages 8 to 139 of a partition the agent got 8 and 116 to 139. Nothing is committed past such a gap, so a restart would bring
them; but a worker that runs would wait for ever. Here it notices that there are messages it has not dealt with although nobody
is busy, and fetches again from the first of them. What comes twice changes nothing.

Not every offset has a message: a transaction ends in a mark, and what retention has deleted is gone. What does not come even
when it is asked for again is passed over, or everything behind it would be fetched again for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import faust
from faust.types import TP, EventT

from streams.kafka.consumer import committed_before

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5
#: Between the fetch of a message and its arrival there are milliseconds.
_STALL_SECONDS: Final = 2.0
#: While the agent is busy with other partitions, messages may just wait for its next turn.
_BUSY_STALL_SECONDS: Final = 10.0
#: So often a message is asked for before it is taken to be none.
_FETCHES: Final = 2


@dataclass(slots=True)
class _Progress:
    """`next` is the first offset that is not dealt with, fetched again `fetches` times; `ahead` holds later ones that are."""

    next: int
    since: float
    ahead: set[int] = field(default_factory=set)
    fetches: int = 0

    def mark(self, offset: int) -> None:
        if offset >= self.next:
            self.ahead.add(offset)
        if self.next in self.ahead:
            self._go_on(self.next)
        self.since = time.monotonic()

    def pass_over(self, end: int) -> None:
        """There is no message at `next`, nor after it until one that is dealt with, or the partition's end."""
        self._go_on(min(self.ahead, default=end))

    def _go_on(self, offset: int) -> None:
        while offset in self.ahead:
            self.ahead.remove(offset)
            offset += 1
        self.next, self.fetches = offset, 0


class Deliveries:
    """Told of every message that is begun and dealt with; `run` looks for those that are missing."""

    def __init__(self, app: faust.App, topics: Collection[str]) -> None:
        self._app = app
        self._topics = topics
        self._progress: dict[TP, _Progress] = {}
        self._generation: int | None = None
        self._begun: set[TP] = set()
        self.repeated = 0

    def begin(self, taken: Iterable[EventT[Any]]) -> None:
        """An agent has taken these messages up."""
        self._begun.update(event.message.tp for event in taken)

    def end(self, taken: Iterable[EventT[Any]], *, done: Iterable[EventT[Any]]) -> None:
        """An agent has put these messages down; those that are `done` it has acknowledged."""
        self._begun.difference_update(event.message.tp for event in taken)
        current = self._current()
        for event in done:
            progress = current.get(event.message.tp)
            if progress is not None:
                progress.mark(event.message.offset)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._app.rebalancing or self._app.in_recovery:
                continue
            missing = self._missing(self._current())
            if missing:
                places = ", ".join(f"{tp.topic}-{tp.partition} from {offset}" for tp, offset in missing.items())
                logger.warning("fetched again what never arrived: %s", places)
                self.repeated += len(missing)
                await self._app.consumer.seek_wait(missing)

    def _current(self) -> Mapping[TP, _Progress]:
        generation = self._app.consumer_generation_id
        if generation != self._generation:
            self._generation = generation
            self._begun.clear()
            self._progress = {}
        for tp, offset in committed_before(self._app).items():
            if tp.topic in self._topics and tp not in self._progress:
                self._progress[tp] = _Progress(offset, time.monotonic())
        return self._progress

    def _missing(self, current: Mapping[TP, _Progress]) -> dict[TP, int]:
        now = time.monotonic()
        found: dict[TP, int] = {}
        for tp in self._app.consumer.assignment():
            progress = current.get(tp)
            end = self._app.consumer.highwater(tp) if progress is not None else None
            if progress is None or end is None or progress.next >= end or tp in self._begun:
                continue
            busy = any(begun.topic == tp.topic for begun in self._begun)
            if now - progress.since > (_BUSY_STALL_SECONDS if busy else _STALL_SECONDS):
                progress.since = now
                if progress.fetches < _FETCHES:
                    progress.fetches += 1
                    found[tp] = progress.next
                else:
                    logger.warning("no message there, passed over: %s-%d from %d", tp.topic, tp.partition, progress.next)
                    progress.pass_over(end)
        return found
