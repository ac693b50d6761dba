"""Which messages this worker may still process, when its writes have arrived, and when it has to give up."""

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
from streams.kafka.tables.partition_logs import PartitionLogs

logger = logging.getLogger(__name__)

_SETTLING_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.001


class Ownership:
    """Must be asked before every write, and before a message counts as processed."""

    def __init__(
        self, app: faust.App, fence: Fence, membership: Membership, deliveries: Deliveries, sender: Sender, logs: PartitionLogs
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
        """Whether this worker may process the event; see `ours`."""
        return bool(self.ours([event]))

    def ours(self, events: Iterable[EventT[Any]]) -> list[EventT[Any]]:
        """The events whose partitions this worker has owned since before it fetched them. Valid until the next await.

        Ends the process if it was frozen: other workers may own its partitions.
        """
        self._fence.check()
        if self._resigned:
            return []
        return [event for event in events if self._membership.owns(event.message.tp, event.message.generation_id)]

    def resign(self) -> None:
        """From now on no event is ours: nothing more is written or settled before the worker ends."""
        self._resigned = True

    def is_behind(self, event: EventT[Any]) -> bool:
        """Whether the event's partition is known to have later events. False if this worker does not own the partition."""
        if not self.is_ours(event):
            return False
        end: int | None = self._app.consumer.highwater(event.message.tp)
        return end is not None and event.message.offset + 1 < end

    async def until_active(self) -> None:
        """Wait until the epoch is active and the worker has its lease."""
        while not (self._membership.is_active and self._membership.has_lease):
            await asyncio.sleep(_SETTLING_SECONDS)

    @property
    def sent(self) -> int:
        """How many messages this worker has sent, for a later `delivered`."""
        return self._sender.sent

    async def delivered(self, count: int | None = None) -> None:
        """Wait until the first `count` messages, by default all, are acknowledged, and changelog records are in the copies.

        Returns early if another epoch begins. Does not return in an epoch in which another worker has claimed a changelog: the
        acknowledged records may be void. Raises BrokerError if Kafka refused a message.
        """
        epoch = self._membership.epoch
        await self._sender.delivered(count)
        for log in list(self._logs):
            # One moment without pending records is enough: they enter the copy in the log's order.
            while not (log.is_flushed and log.is_ours) and self._membership.epoch == epoch:
                await asyncio.sleep(_LOOK_SECONDS)

    def fail(self, error: Exception) -> None:
        """End the worker, because it cannot write. No further message is settled, so the open messages are read again."""
        if self.failure is None:
            logger.critical("giving up error=%s reason=%s", type(error).__name__, error)
            self.failure = error
            self.failed.set()
        self._resigned = True

    async def give_up(self, error: Exception) -> NoReturn:
        """As `fail`, and never return: Faust would restart an agent that ends by an exception."""
        self.fail(error)
        while True:
            await asyncio.sleep(3600)
