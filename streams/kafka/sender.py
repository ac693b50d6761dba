"""Everything that a worker sends goes through here, so that it can be said when all of it has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import faust
from faust.types.tuples import FutureMessage

from broker.topics import topic_name
from errors import BrokerError
from settings import Settings

_LOOK_SECONDS: Final = 0.001


class Sender:
    """Sending raises nothing: `delivered` does."""

    def __init__(self) -> None:
        self._under_way = 0
        self._failure: BaseException | None = None

    def send(
        self, topic: Any, partition: int, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> FutureMessage:
        """Send a message to a partition; the future has its place in the log."""
        sent: FutureMessage = topic.send_soon(key=key, value=value, partition=partition, headers=headers)
        self._under_way += 1
        sent.add_done_callback(self._arrived)
        return sent

    @property
    def is_idle(self) -> bool:
        """Whether everything has arrived."""
        return self._under_way == 0

    async def delivered(self) -> None:
        """Wait until all that was sent is acknowledged by the brokers. Raises BrokerError where something never will be."""
        while self._under_way and self._failure is None:
            await asyncio.sleep(_LOOK_SECONDS)
        if self._failure is not None:
            raise BrokerError(
                f"Kafka did not take a message: {self._failure!r}; nothing is lost, start again"
            ) from self._failure

    def _arrived(self, sent: asyncio.Future[Any]) -> None:
        self._under_way -= 1
        if sent.cancelled():
            return
        error = sent.exception()
        if error is not None and self._failure is None:
            self._failure = error


def raw_topic(app: faust.App, settings: Settings, short: str) -> Any:
    """A topic of plain bytes; it exists already."""
    return app.topic(
        topic_name(settings, short),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=settings.kafka_partitions,
        allow_empty=True,
    )
