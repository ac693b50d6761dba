"""Which messages are still ours to act upon, when what we wrote has arrived, and when this worker has to give up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import faust
from faust.types import EventT

from streams.kafka.consuming.deliveries import Deliveries
from streams.kafka.consuming.fence import Fence
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.sender import Sender
from streams.kafka.tables.partition_logs import Logs

logger = logging.getLogger(__name__)

_SETTLING_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.001


class Ownership:
    """Asked before every write and before anything counts as dealt with."""

    def __init__(
        self, app: faust.App, fence: Fence, membership: Membership, deliveries: Deliveries, sender: Sender, logs: Logs
    ) -> None:
        self._app = app
        self._fence = fence
        self._membership = membership
        self._deliveries = deliveries
        self._sender = sender
        self._logs = logs
        self._resigned = False
        self.failed = asyncio.Event()
        self.failure: Exception | None = None

    def is_ours(self, event: EventT[Any]) -> bool:
        """Whether `ours` holds this event."""
        return bool(self.ours([event]))

    def ours(self, events: Iterable[EventT[Any]]) -> list[EventT[Any]]:
        """Those whose partitions are assigned to this worker since before they were fetched; true until the next await.

        Ends the process when it was frozen: what it believes to own may belong to others.
        """
        self._fence.check()
        if self._resigned:
            return []
        return [event for event in events if self._membership.owns(event.message.tp, event.message.generation_id)]

    def resign(self) -> None:
        """From now on nothing is ours: nothing new is written or dealt with before the worker ends."""
        self._resigned = True

    def is_behind(self, event: EventT[Any]) -> bool:
        """Whether the event's partition is known to have later ones. Of partitions that are not ours nothing is known."""
        if not self.is_ours(event):
            return False
        end: int | None = self._app.consumer.highwater(event.message.tp)
        return end is not None and event.message.offset + 1 < end

    async def settled(self) -> None:
        """Wait while partitions are dealt anew or restored, and while the group does not answer."""
        while not (self._membership.is_settled and self._membership.has_lease):
            await asyncio.sleep(_SETTLING_SECONDS)

    @property
    def sent(self) -> int:
        """How many messages this worker has sent: what `delivered` is given to wait for those."""
        return self._sender.sent

    async def delivered(self, count: int | None = None) -> None:
        """Wait until the first `count` messages, by default all, are acknowledged, and those to changelogs are in the copies.

        Ends early when partitions are dealt anew, and never in an epoch in which another worker has claimed a changelog: what
        was acknowledged there may be void. Raises BrokerError where the broker will never take a message.
        """
        epoch = self._membership.epoch
        await self._sender.delivered(count)
        for log in list(self._logs):
            # Settled once since the acknowledgements is enough: records go into the copy in the log's order.
            while not (log.is_settled and log.is_ours) and self._membership.epoch == epoch:
                await asyncio.sleep(_LOOK_SECONDS)

    def fail(self, error: Exception) -> None:
        """End the worker: it cannot write what it must. Nothing more counts as dealt with, so its messages are read again."""
        if self.failure is None:
            logger.critical("giving up error=%s reason=%s", type(error).__name__, error)
            self.failure = error
            self.failed.set()
        self._resigned = True

    async def give_up(self, error: Exception) -> NoReturn:
        """As `fail`, and never return: an agent that ended by an exception would be started again by Faust."""
        self.fail(error)
        while True:
            await asyncio.sleep(3600)
