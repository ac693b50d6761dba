"""Which messages are still ours to act upon, when what we wrote has arrived, and when this worker has to give up."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, NoReturn

import faust
from faust.types import TP, EventT

from streams.kafka.fence import Fence

logger = logging.getLogger(__name__)

_SETTLING_SECONDS: Final = 0.02


class Ownership:
    """Asked before every write and every acknowledgement."""

    def __init__(self, app: faust.App, fence: Fence) -> None:
        self._app = app
        self._fence = fence
        self.failed = asyncio.Event()
        self.failure: Exception | None = None

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

    def end_of(self, event: EventT[Any]) -> int | None:
        """Offset behind the last message that the event's partition is known to have."""
        end: int | None = self._app.consumer.highwater(TP(event.message.topic, event.message.partition))
        return end

    async def settled(self) -> None:
        """Wait while partitions are dealt anew. Only then does a message's generation tell whether it is still ours.

        The first messages after it arrive before Faust calls it ended: whoever dropped them would never see them again.
        """
        while self._app.rebalancing:
            await asyncio.sleep(_SETTLING_SECONDS)

    async def delivered(self) -> None:
        """Wait until all that was sent and written to changelogs is acknowledged by the brokers.

        Faust's own commit flushes too, but gives up on its buffer after 0.1 s without progress, and commits all the same.
        """
        producer = self._app.producer
        while producer.buffer.size:
            await producer.buffer.flush()
        await producer.flush()

    async def give_up(self, error: Exception) -> NoReturn:
        """End the worker: it cannot write what it must. Nothing more is acknowledged, so its messages are read again.

        An agent that ended by an exception would be started again by Faust, with its message lost.
        """
        logger.critical("giving up reason=%s: %s", type(error).__name__, error)
        if self.failure is None:
            self.failure = error
            self.failed.set()
        while True:
            await asyncio.sleep(3600)
