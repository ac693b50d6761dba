"""Reads partitions of changelogs from one offset to another, complete and in order, beside the group's consumer.

Faust restores tables through the queues of the streams, and accepts any higher offset as the next: a batch that a rebalance
drops leaves a hole. Here a consumer without a group reads exactly the offsets that were asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiokafka
import faust
from aiokafka import TopicPartition
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth, server_list
from faust.types import TP

from broker.claims import decode_claim
from state.partition_copy import Record

_POLL_MS: Final = 500
_FETCH_BYTES: Final = 4 * 1024 * 1024
#: A fetch at the end of the log, sent ahead, delays the next fetch by this.
_IDLE_FETCH_MS: Final = 20
#: Taken at once from the consumer's memory, and applied in one write.
_RECORDS: Final = 500

Take = Callable[[TP, list[Record], int], None]


class ChangelogReader:
    """An open reader of changelogs."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def ends(self, partitions: Iterable[TP]) -> dict[TP, int]:
        """The offset after the last record of each partition. Waits for a broker that is away."""
        ends = await self._consumer.end_offsets([_plain(tp) for tp in partitions])
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def read(self, wanted: Mapping[TP, tuple[int, int]], take: Take) -> None:
        """Read each partition from its first offset up to, but not including, its last; `take` gets the records in order.

        `take(partition, records, up_to)`: the next call for the partition continues at `up_to`. Raises what `take` raises.
        """
        left = {tp: end for tp, (begin, end) in wanted.items() if begin < end}
        if not left:
            return
        self._consumer.assign([_plain(tp) for tp in left])
        at = {tp: wanted[tp][0] for tp in left}
        for tp, begin in at.items():
            self._consumer.seek(_plain(tp), begin)
        while left:
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)
            for tp in list(left):
                records = found.get(_plain(tp), [])
                position = await self._consumer.position(_plain(tp))
                if position <= at[tp]:
                    continue
                end = left[tp]
                chosen = [
                    Record(record.offset, record.key or b"", record.value, decode_claim(record.headers))
                    for record in records
                    if at[tp] <= record.offset < end
                ]
                at[tp] = min(position, end)
                take(tp, chosen, at[tp])
                if position >= end:
                    del left[tp]
                    self._consumer.pause(_plain(tp))


@asynccontextmanager
async def changelog_reader(app: faust.App) -> AsyncIterator[ChangelogReader]:
    """A reader within the block, with the application's brokers and credentials."""
    conf: Any = app.conf
    transport: Any = app.transport
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=server_list(transport.url, transport.default_port),
        client_id=f"{conf.id}-changelogs",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_IDLE_FETCH_MS,
        request_timeout_ms=int(conf.broker_request_timeout * 1000),
        **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
    )
    try:
        await consumer.start()
        yield ChangelogReader(consumer)
    finally:
        await consumer.stop()


def _plain(partition: TP) -> TopicPartition:
    return TopicPartition(partition.topic, partition.partition)
