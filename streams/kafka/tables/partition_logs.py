"""All open partitions of a worker's tables, in the worker's folder. A damaged copy is dropped and replaced by an empty one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from state.copy_repair import opened_copy
from state.database_files import discard
from state.shared_memory import SharedMemory
from streams.kafka.sending.sender import Sender
from streams.kafka.tables.log_table import LogTable
from streams.kafka.tables.partition_log import PartitionLog

logger = logging.getLogger(__name__)


class PartitionLogs:
    """`topic_ids` distinguish a changelog from an earlier topic of the same name; `writer` is unique to this process."""

    def __init__(
        self,
        tables: Sequence[LogTable],
        folder: Path,
        sender: Sender,
        *,
        memory: SharedMemory,
        topic_ids: Mapping[str, str],
        writer: str,
        incarnation: int,
    ) -> None:
        self._tables = tables
        self._folder = folder
        self._sender = sender
        self._memory = memory
        self._topic_ids = topic_ids
        self._writer = writer
        self._incarnation = incarnation
        self.changed = _nobody

    def __iter__(self) -> Iterator[PartitionLog]:
        for table in self._tables:
            yield from list(table.data.logs.values())  # a thread may open a partition meanwhile

    def open(self, partitions: Collection[int]) -> None:
        """Open the copies of these partitions and close all others. Raises StateWriteError or StateLockedError."""
        for table in self._tables:
            for number in [number for number in table.data.logs if number not in partitions]:
                table.data.logs.pop(number).close()
            for number in sorted(set(partitions) - table.data.logs.keys()):
                table.data.logs[number] = self._open(table, number)

    def replace(self, log: PartitionLog, reason: str) -> PartitionLog:
        """Drop a copy. The empty copy that replaces it has to be read from its changelog."""
        logger.warning(
            "copy dropped, read again from its changelog topic=%s partition=%d reason=%s",
            log.partition.topic,
            log.partition.partition,
            reason,
        )
        log.close()
        discard(log.copy.path)
        table = next(table for table in self._tables if table.data.logs.get(log.partition.partition) is log)
        table.data.logs[log.partition.partition] = made = self._open(table, log.partition.partition)
        return made

    def close(self) -> None:
        """Close all copies."""
        for table in self._tables:
            while table.data.logs:
                table.data.logs.popitem()[1].close()

    def _open(self, table: LogTable, number: int) -> PartitionLog:
        partition = table.changelog_partition(number)
        path = self._folder / f"{table.name}-{number}.db"
        return PartitionLog(
            partition,
            opened_copy(path, self._topic_ids.get(partition.topic, ""), self._memory.options()),
            partial(self._sender.send, table.changelog_topic, number),
            writer=self._writer,
            incarnation=self._incarnation,
            changed=self._on_changed,
        )

    def _on_changed(self) -> None:
        self.changed()


def _nobody() -> None:
    return None
