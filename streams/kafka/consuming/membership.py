"""Whether this worker is an active member of its group, and which partitions it owns.

Faust identifies generations by the group's number, and a flag that several threads set says whether a rebalance has ended. A
static member that joins again may keep its number, and the end of an overtaken rebalance may clear the flag. So every change of
the assignment begins a new *epoch* here. An epoch is active when all its tables are proven and its streams are at their
offsets. Messages that were fetched in an earlier epoch are void.

A member also needs a *lease*: the group answered a heartbeat lately. Without an answer the worker may have lost its partitions
and cannot know it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Final

from faust.types import TP

#: The group waits for the whole session before it moves partitions; the rest is left for work in progress.
_LEASE_SHARE: Final = 0.7


class Membership:
    """Written by the consumer's thread and by the event loop: every write is a single assignment."""

    def __init__(self, session_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_seconds = session_seconds * _LEASE_SHARE
        self._clock = clock
        self._renewed = clock()
        self._active = -1
        self.epoch = 0
        self.assigned: frozenset[TP] = frozenset()

    def begin_epoch(self) -> None:
        """A rebalance, or tables that have to be read again: work in progress is no longer valid."""
        self.epoch += 1

    def activate(self, epoch: int, assigned: Collection[TP]) -> None:
        """Everything is ready in this epoch. Without effect on `is_active` if another epoch has begun."""
        self.assigned = frozenset(assigned)
        self._active = epoch

    def now(self) -> float:
        """The time of the clock that leases are measured with."""
        return self._clock()

    def renew(self, asked_at: float) -> None:
        """The group answered a heartbeat that was sent at that time of the clock."""
        self._renewed = max(self._renewed, asked_at)

    @property
    def is_active(self) -> bool:
        """Whether the newest epoch is active."""
        return self._active == self.epoch

    @property
    def has_lease(self) -> bool:
        """Whether the group answered a heartbeat lately."""
        return self._clock() - self._renewed < self._lease_seconds

    @property
    def lease_age_seconds(self) -> float:
        """Seconds since the last heartbeat that the group answered."""
        return self._clock() - self._renewed

    def owns(self, partition: TP, epoch: Any) -> bool:
        """Whether this worker may process a message of this partition, fetched in this epoch. Valid until the next await."""
        return self.is_active and epoch == self.epoch and partition in self.assigned and self.has_lease

    def watch_heartbeats(self, coordinator: Any) -> None:
        """Renew the lease with every answered heartbeat of aiokafka's coordinator."""
        heartbeat = coordinator._do_heartbeat  # noqa: SLF001 - aiokafka has no hook for it

        async def beat() -> bool:
            asked_at = self._clock()
            answered: bool = await heartbeat()
            if answered:
                self.renew(asked_at)
            return answered

        coordinator._do_heartbeat = beat  # noqa: SLF001
