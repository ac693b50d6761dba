"""Whether this worker is a settled member of its group, and which partitions are its own.

Faust tells generations apart by the group's number and calls a rebalance ended by a flag that its threads set in turns. A
static member that joins again may keep its number, and the flag may be cleared by the end of a rebalance that another one has
overtaken. So every change counts up an *epoch* here; an epoch is settled when all its tables are proven and its streams are
where they should be. What was fetched in an earlier epoch is nobody's any more.

A member also needs a *lease*: the last heartbeat that the group answered. Who gets no answer may have lost its partitions
already, and nobody can tell it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Final

from faust.types import TP

#: The session is over for the others only after its whole length; the rest is for what is under way.
_LEASE_SHARE: Final = 0.7


class Membership:
    """Written by the consumer's thread and by the event loop; every write is a single assignment."""

    def __init__(self, session_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_seconds = session_seconds * _LEASE_SHARE
        self._clock = clock
        self._renewed = clock()
        self._settled = -1
        self.epoch = 0
        self.assigned: frozenset[TP] = frozenset()

    def unsettle(self) -> None:
        """Partitions are dealt anew, or tables have to be read again: what is under way counts no more."""
        self.epoch += 1

    def settle(self, epoch: int, assigned: Collection[TP]) -> None:
        """Everything is ready to go on in this epoch, unless another one has begun meanwhile."""
        self.assigned = frozenset(assigned)
        self._settled = epoch

    def now(self) -> float:
        """The time of the clock that leases go by."""
        return self._clock()

    def renew(self, asked_at: float) -> None:
        """The group answered a heartbeat that was sent at that time of the clock."""
        self._renewed = max(self._renewed, asked_at)

    @property
    def is_settled(self) -> bool:
        """Whether the newest epoch is settled."""
        return self._settled == self.epoch

    @property
    def has_lease(self) -> bool:
        """Whether the group has answered lately."""
        return self._clock() - self._renewed < self._lease_seconds

    @property
    def lease_age_seconds(self) -> float:
        """Since the last heartbeat that the group answered."""
        return self._clock() - self._renewed

    def owns(self, partition: TP, epoch: Any) -> bool:
        """Whether a message of this partition, fetched in this epoch, is ours to act upon; true until the next await."""
        return self.is_settled and epoch == self.epoch and partition in self.assigned and self.has_lease

    def watch_heartbeats(self, coordinator: Any) -> None:
        """Renew the lease with every heartbeat of aiokafka's coordinator that is answered."""
        heartbeat = coordinator._do_heartbeat  # noqa: SLF001 - aiokafka has no hook for it

        async def beat() -> bool:
            asked_at = self._clock()
            answered: bool = await heartbeat()
            if answered:
                self.renew(asked_at)
            return answered

        coordinator._do_heartbeat = beat  # noqa: SLF001
