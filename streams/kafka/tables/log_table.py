"""Faust's table with a store of this project: partitions of changelogs with claims, each open while it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faust
from faust.stores.base import Store
from faust.types import TP

from streams.kafka.tables.partition_log import PartitionLog


class LogStore(Store[bytes, bytes]):
    """The partitions that this worker owns, for whoever looks a key up through Faust. Written by `LogTable.put` alone."""

    def __post_init__(self) -> None:
        self.logs: dict[int, PartitionLog] = {}

    def __getitem__(self, key: bytes) -> bytes:
        for log in self.logs.values():
            value = log.get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("written by LogTable.put alone: it names the partition")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("written by LogTable.put alone: it names the partition")

    def __iter__(self) -> Iterator[bytes]:
        for log in self.logs.values():
            yield from log.all_keys()

    def __len__(self) -> int:
        return sum(log.copy.keys for log in self.logs.values())

    def apply_changelog_batch(self, *_: Any, **__: Any) -> None:
        """Nothing: Faust reads no changelogs here."""

    def reset_state(self) -> None:
        """Nothing: copies are dropped one by one."""

    async def backup_partition(self, *_: Any, **__: Any) -> None:
        """Nothing: the changelog is the backup."""

    def restore_backup(self, *_: Any, **__: Any) -> None:
        """Nothing: the changelog is the backup."""


class LogTable(faust.Table[bytes, bytes]):
    """A table of plain bytes; whoever reads or writes names the partition."""

    data: LogStore

    def _new_store(self) -> Any:
        return LogStore("log://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes)

    def get_in(self, partition: int, key: bytes) -> bytes | None:
        """The newest value of a key, None where there is none or the partition is not ours. Raises StateCorruptError."""
        log = self.data.logs.get(partition)
        return None if log is None else log.get(key)

    def put_in(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value, None deletes. Raises StateCorruptError, KeyError where the partition is not open."""
        self.data.logs[partition].put(key, value)

    def changelog_partition(self, partition: int) -> TP:
        """Where the changelog of a partition lies."""
        return TP(self.changelog_topic.get_topic_name(), partition)
