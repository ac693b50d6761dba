"""Which messages are still ours to act upon, when what we wrote has arrived, and when this worker has to give up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import faust
from faust.types import EventT

from streams.kafka.fence import Fence

logger = logging.getLogger(__name__)

_SETTLING_SECONDS: Final = 0.02
_SENDING_SECONDS: Final = 0.001


class Ownership:
    """Asked before every write and every acknowledgement."""

    def __init__(self, app: faust.App, fence: Fence) -> None:
        self._app = app
        self._fence = fence
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
        if self._app.rebalancing or self._resigned:
            return []
        generation, assigned = self._app.consumer_generation_id, self._app.consumer.assignment()
        return [event for event in events if event.message.generation_id == generation and event.message.tp in assigned]

    def resign(self) -> None:
        """From now on nothing is ours: nothing new is written or acknowledged before the worker ends."""
        self._resigned = True

    def is_behind(self, event: EventT[Any]) -> bool:
        """Whether the event's partition is known to have later ones. Of partitions that are not ours nothing is known."""
        if not self.is_ours(event):
            return False
        end: int | None = self._app.consumer.highwater(event.message.tp)
        return end is not None and event.message.offset + 1 < end

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
        # Faust's own wait costs a task and a timer for every message.
        while producer.buffer.size:
            await asyncio.sleep(_SENDING_SECONDS)
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
