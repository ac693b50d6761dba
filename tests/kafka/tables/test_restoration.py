"""Copies that are lost or damaged at the wrong moment do not end the worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from broker.claims import Claim
from errors import StateCorruptError
from state.partition_copy import Record
from streams.kafka.tables import restoration as restoring
from streams.kafka.tables.partition_log import PartitionLog
from streams.kafka.tables.partition_logs import PartitionLogs
from streams.kafka.tables.restoration import Restoration
from tests.kafka.consuming.queued import Simple, active
from tests.kafka.tables.changelog import PLACE, Topic, held


class ListedLogs(list[PartitionLog]):
    """Open logs. The restoration sets `changed`."""

    changed: Any = None


def test_a_partition_that_is_lost_while_foreign_records_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        membership, failures = active(), list[Exception]()
        log = await held(Topic(), tmp_path)
        place = log.copy.next_offset
        parts: Any = Simple(), ListedLogs([log]), membership, Simple(), Simple()
        restoration = Restoration(*parts, bars="bars", topics=["bars"], failed=failures.append, restored=print)

        class Reader:
            async def ends(self, _: object) -> dict[TP, int]:
                return {PLACE: place + 1}

            async def read(self, _: object, take: Callable[[TP, list[Record], int], None]) -> None:
                await asyncio.sleep(0)
                membership.begin_epoch()
                log.close()
                take(PLACE, [Record(place, b"A", b"a zombie's", Claim(0, 0, 1, 5))], place + 1)

        @contextlib.asynccontextmanager
        async def reader(_: object) -> AsyncIterator[Reader]:
            yield Reader()

        monkeypatch.setattr(restoring, "changelog_reader", reader)
        with contextlib.suppress(RuntimeError):
            await restoration._read_foreign([log])
        assert failures == []

    asyncio.run(scene())


def test_keys_that_cannot_be_read_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        log = await held(Topic(), tmp_path)

        def fails() -> Iterator[tuple[bytes, bytes]]:
            raise StateCorruptError("block checksum mismatch")
            yield b"", b""

        monkeypatch.setattr(log.copy, "items", fails)
        with pytest.raises(StateCorruptError):
            log.all_keys()
        assert log.failure is not None

    asyncio.run(scene())


def test_logs_may_change_while_they_are_listed() -> None:
    logs = PartitionLogs.__new__(PartitionLogs)
    table = Simple(data=Simple(logs={0: "a", 1: "b"}))
    logs._tables = [table]
    walk = iter(logs)
    found: list[object] = [next(walk)]
    table.data.logs[2] = "c"
    assert [*found, *walk][:2] == ["a", "b"]
