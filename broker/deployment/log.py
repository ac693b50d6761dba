"""The topic `deployment` as a log. Only partition 0 is used; a record has a few hundred bytes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition

from broker.async_client import async_broker_errors, async_client_options, started_consumer
from broker.deployment.record import KEY, Deployment, Protocol, decode_deployment, encode_deployment
from broker.topics import DEPLOYMENT, topic_name
from errors import BrokerAwayError, MessageError
from settings import Settings

logger = logging.getLogger(__name__)

#: How long the broker holds a fetch without records. Other requests of the same client wait meanwhile, so a client that follows
#: the log cannot be used for reading it.
_FETCH_MS: Final = 5_000
_QUIET_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A record; `value` is None if the key was deleted."""

    offset: int
    key: bytes
    value: bytes | None


class DeploymentLog:
    """A reader of the log. An async context manager. All methods raise BrokerError, or BrokerAwayError if Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._partition = TopicPartition(topic_name(settings, DEPLOYMENT), 0)

    async def __aenter__(self) -> Self:
        self._consumer = await started_consumer(
            self._settings, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=_FETCH_MS
        )
        self._consumer.assign([self._partition])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self, since: int = 0) -> list[Entry]:
        """All records from an offset to the present end."""
        with async_broker_errors(self._settings):
            end = (await self._consumer.end_offsets([self._partition]))[self._partition]
            self._consumer.seek(self._partition, since)
            entries: list[Entry] = []
            while await self._consumer.position(self._partition) < end:
                found = await self._fetch()
                if not found:
                    raise BrokerAwayError(
                        f"{self._settings.kafka_bootstrap}: nothing came from {self._partition.topic} for {_QUIET_MS // 1000} s"
                    )
                entries += found
        return entries

    async def follow(self, since: int) -> AsyncIterator[Entry]:
        """Every record from an offset on, for ever. Waits for a broker that goes away."""
        self._consumer.seek(self._partition, since)
        while True:
            with async_broker_errors(self._settings):
                found = await self._fetch()
            for entry in found:
                yield entry

    async def settle(self, protocol: Protocol) -> tuple[Deployment, list[Entry]]:
        """Run a protocol. Returns its deployment, and the records of the last read."""
        entries: list[Entry] = []
        try:
            step = next(protocol)
            while True:
                if step is None:
                    entries = await self.read()
                    step = protocol.send(deployments(entries))
                else:
                    await append_record(self._settings, KEY, encode_deployment(step))
                    step = next(protocol)
        except StopIteration as done:
            settled: Deployment = done.value
        return settled, entries

    async def _fetch(self) -> list[Entry]:
        found = await self._consumer.getmany(self._partition, timeout_ms=_QUIET_MS)
        return [Entry(record.offset, record.key or b"", record.value) for record in found.get(self._partition, ())]


async def append_record(settings: Settings, key: bytes, value: bytes | None) -> int:
    """Write a record to all in-sync replicas. Returns its offset."""
    with async_broker_errors(settings):
        async with AIOKafkaProducer(**async_client_options(settings), acks="all") as producer:
            place = await producer.send_and_wait(topic_name(settings, DEPLOYMENT), key=key, value=value, partition=0)
    offset: int = place.offset
    return offset


def deployments(entries: Sequence[Entry]) -> list[Deployment | None]:
    """The deployments among the records, in order. Raises SchemaError for a newer version."""
    return [read_deployment(entry) for entry in entries if entry.key == KEY]


def read_deployment(entry: Entry) -> Deployment | None:
    """The deployment in a record; None, with a warning, if it cannot be decoded. Raises SchemaError for a newer version."""
    try:
        return decode_deployment(entry.value or b"")
    except MessageError as error:
        logger.warning("record left out topic=deployment partition=0 offset=%d reason=%s", entry.offset, error)
        return None
