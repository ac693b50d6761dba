"""The sender of all messages of a worker. It knows when they have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import faust
from faust.types.tuples import FutureMessage

from broker.topics import topic_name
from errors import BrokerError
from settings import Settings

_LOOK_SECONDS: Final = 0.001


class Sender:
    """`send` does not raise; `delivered` raises what went wrong."""

    def __init__(self) -> None:
        self._sent = 0
        # The numbers of the messages without an acknowledgement, in the order of sending.
        self._under_way: dict[int, None] = {}
        self._failure: BaseException | None = None

    def send(
        self, topic: Any, partition: int, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> FutureMessage:
        """Send a message to a partition. The future's result has the offset."""
        sent: FutureMessage = topic.send_soon(key=key, value=value, partition=partition, headers=headers)
        self._under_way[self._sent] = None
        sent.add_done_callback(partial(self._arrived, self._sent))
        self._sent += 1
        return sent

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._sent

    async def delivered(self, count: int | None = None) -> None:
        """Wait until the first `count` messages are acknowledged, by default all that were sent before the call.

        Raises BrokerError if Kafka refused a message.
        """
        end = self._sent if count is None else count
        while self._failure is None and next(iter(self._under_way), end) < end:
            await asyncio.sleep(_LOOK_SECONDS)
        if self._failure is not None:
            raise BrokerError(
                f"Kafka did not take a message: {self._failure!r}; nothing is lost, start again"
            ) from self._failure

    def _arrived(self, number: int, sent: asyncio.Future[Any]) -> None:
        del self._under_way[number]
        if sent.cancelled():
            return
        error = sent.exception()
        if error is not None and self._failure is None:
            self._failure = error


def raw_topic(app: faust.App, settings: Settings, short: str) -> Any:
    """A topic of plain bytes, which exists already."""
    return app.topic(
        topic_name(settings, short),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=settings.kafka_partitions,
        allow_empty=True,
    )
