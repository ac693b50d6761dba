"""Faust's table over this project's store: partitions of changelogs with claims, open while the worker owns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faust
from faust.stores.base import Store
from faust.types import TP

from streams.kafka.tables.partition_log import PartitionLog


class LogStore(Store[bytes, bytes]):
    """The partitions that this worker owns, as Faust's store interface. Only `LogTable.put_in` writes."""

    def __post_init__(self) -> None:
        self.logs: dict[int, PartitionLog] = {}

    def __getitem__(self, key: bytes) -> bytes:
        for log in self.logs.values():
            value = log.get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("use LogTable.put_in, which takes the partition")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("use LogTable.put_in, which takes the partition")

    def __iter__(self) -> Iterator[bytes]:
        for log in self.logs.values():
            yield from log.all_keys()

    def __len__(self) -> int:
        return sum(log.copy.keys for log in self.logs.values())

    def apply_changelog_batch(self, *_: Any, **__: Any) -> None:
        """Do nothing: Faust reads no changelogs here."""

    def reset_state(self) -> None:
        """Do nothing: the restoration drops single copies."""

    async def backup_partition(self, *_: Any, **__: Any) -> None:
        """Do nothing: the changelog is the backup."""

    def restore_backup(self, *_: Any, **__: Any) -> None:
        """Do nothing: the changelog is the backup."""


class LogTable(faust.Table[bytes, bytes]):
    """A table of plain bytes. Callers give the partition of each read and write."""

    data: LogStore

    def _new_store(self) -> Any:
        return LogStore("log://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes)

    def get_in(self, partition: int, key: bytes) -> bytes | None:
        """The newest value of a key; None if there is none or the partition is not open. Raises StateCorruptError."""
        log = self.data.logs.get(partition)
        return None if log is None else log.get(key)

    def put_in(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value; None deletes. Raises StateCorruptError, or KeyError if the partition is not open."""
        self.data.logs[partition].put(key, value)

    def changelog_partition(self, partition: int) -> TP:
        """The topic and partition of a partition's changelog."""
        return TP(self.changelog_topic.get_topic_name(), partition)
