"""Which messages are still ours to act upon, and when what we wrote has arrived."""

from __future__ import annotations

from typing import Any

import faust
from faust.types import TP, EventT

from streams.kafka.fence import Fence


class Ownership:
    """Asked before every write and every acknowledgement."""

    def __init__(self, app: faust.App, fence: Fence) -> None:
        self._app = app
        self._fence = fence

    def is_ours(self, event: EventT[Any]) -> bool:
        """Whether the event's partition is assigned to this worker since before the event was fetched.

        Ends the process when it was frozen: what it believes to own may belong to others.
        """
        self._fence.check()
        message = event.message
        return (
            not self._app.rebalancing
            and message.generation_id == self._app.consumer_generation_id
            and TP(message.topic, message.partition) in self._app.consumer.assignment()
        )

    async def delivered(self) -> None:
        """Wait until all that was sent and written to changelogs is acknowledged by the brokers.

        Faust's own commit flushes too, but gives up on its buffer after 0.1 s without progress, and commits all the same.
        """
        producer = self._app.producer
        while producer.buffer.size:
            await producer.buffer.flush()
        await producer.flush()
