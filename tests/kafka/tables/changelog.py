"""A changelog's partition without a broker: records in order, acknowledged by the test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from broker.claims import decode_claim
from state.partition_copy import PartitionCopy, Record
from state.shared_memory import SharedMemory
from streams.kafka.tables.partition_log import PartitionLog

PLACE = TP("changelog", 0)
MEMORY = SharedMemory(cache_bytes=1 << 20)


class Topic:
    """The records, and the acknowledgements that have not come."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.waiting: list[tuple[int, asyncio.Future[Any]]] = []

    def send(self, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> Any:
        self.records.append(Record(len(self.records), key, value, decode_claim(headers.items())))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting.append((len(self.records) - 1, future))
        return future

    async def acknowledge(self, count: int | None = None) -> None:
        """Acknowledge the first `count` waiting records, by default all."""
        end = len(self.waiting) if count is None else count
        now, self.waiting = self.waiting[:end], self.waiting[end:]
        for offset, future in now:
            future.set_result(SimpleNamespace(offset=offset))
        for _ in range(20):  # what waits goes on, also on a busy machine
            await asyncio.sleep(0)

    def compacted(self) -> list[Record]:
        """The last record of each key."""
        last = {record.key: record.offset for record in self.records}
        return [record for record in self.records if last[record.key] == record.offset and record.value is not None]


def opened(topic: Topic, folder: Path, writer: str) -> PartitionLog:
    """A log over the copy of this writer."""
    copy = PartitionCopy(folder / f"{writer}.db", "id", MEMORY.options())
    return PartitionLog(PLACE, copy, topic.send, writer=writer, incarnation=0, changed=lambda: None)


async def claimed(log: PartitionLog, topic: Topic) -> None:
    """As a restoration does: read to the end, claim, read up to the claim, begin."""
    log.apply(topic.records[log.copy.next_offset :], len(topic.records))
    claiming = asyncio.create_task(log.send_claim())
    await asyncio.sleep(0)
    await topic.acknowledge()
    end = await claiming
    log.apply(topic.records[log.copy.next_offset :], end)
    log.begin()
    await topic.acknowledge()


def fresh_reader(topic: Topic, folder: Path) -> PartitionCopy:
    """A copy made from the compacted log."""
    copy = PartitionCopy(folder / "fresh.db", "id", MEMORY.options())
    copy.apply(topic.compacted(), up_to=len(topic.records))
    return copy


async def held(topic: Topic, folder: Path, writer: str = "me") -> PartitionLog:
    log = opened(topic, folder, writer)
    await claimed(log, topic)
    return log
